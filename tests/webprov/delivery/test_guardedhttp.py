"""Where requests may go, and to whom (security TR-06, TR-07)."""

import datetime
import ssl

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from urllib3.connection import HTTPConnection
from urllib3.exceptions import SSLError

from tests.storage import fault_server
from webprov.delivery import guardedhttp
from webprov.delivery.guardedhttp import AddressRefused, GuardedPool, checked_addresses
from webprov.delivery.s3errors import transport_error


@pytest.fixture
def certificate(tmp_path):
    """A self-signed certificate for the name localhost, with its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    now = datetime.datetime.now(datetime.UTC)
    built = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    encodings = (serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    path = tmp_path / "server.pem"
    path.write_bytes(key.private_bytes(*encodings) + built.public_bytes(serialization.Encoding.PEM))
    return path


@pytest.mark.parametrize(
    "host",
    ["169.254.169.254", "2852039166", "0xa9fea9fe", "::ffff:169.254.169.254", "64:ff9b::a9fe:a9fe", "2002:a9fe:a9fe::1",
     "fe80::1", "fd00:ec2::254", "100.100.100.200", "0.0.0.0", "::", "224.0.0.1", "240.0.0.1"],
)  # fmt: skip
@pytest.mark.parametrize("plain", [True, False])
def test_addresses_that_no_storage_has_are_refused(host, plain):
    with pytest.raises(AddressRefused, match="which no storage has"):
        checked_addresses(host, 443, plain=plain)


@pytest.mark.parametrize("host", ["127.0.0.1", "::1", "10.1.2.3", "192.168.1.1", "fd12::1", "::ffff:10.0.0.1"])
def test_private_addresses_may_be_reached_without_tls(host):
    assert checked_addresses(host, 80, plain=True)


def test_public_addresses_need_tls():
    with pytest.raises(AddressRefused, match="Use https://"):
        checked_addresses("203.0.114.7", 80, plain=True)

    assert checked_addresses("203.0.114.7", 443, plain=False)


def test_a_name_that_leads_to_the_metadata_service_is_refused_when_connecting(monkeypatch):
    answers = {"storage.example": [(2, 1, 6, "", ("169.254.169.254", 80))]}
    monkeypatch.setattr(guardedhttp.socket, "getaddrinfo", lambda host, *_, **__: answers[host])
    pool = GuardedPool()

    with pytest.raises(AddressRefused):
        pool.urlopen("GET", "http://storage.example/")


def test_the_checked_address_is_the_one_used(monkeypatch):
    with fault_server() as server:
        asked = []

        def once(host, port, **_):
            asked.append(host)
            return [(2, 1, 6, "", ("127.0.0.1", port if len(asked) == 1 else 1))]

        monkeypatch.setattr(guardedhttp.socket, "getaddrinfo", once)
        pool = GuardedPool()

        assert pool.urlopen("GET", f"http://storage.example:{server.server_port}/").status == 200

        pool.clear()
    assert asked == ["storage.example"]


def test_an_unknown_authority_is_refused_in_words(certificate):
    with fault_server(certificate) as server:
        pool = GuardedPool()

        with pytest.raises(SSLError) as caught:
            pool.urlopen("GET", f"https://localhost:{server.server_port}/")

        error = transport_error(caught.value, "https://localhost", "acme")
        assert server.seen == []
        pool.clear()
    assert error.field == "s3_endpoint"
    assert str(error).startswith("The certificate of https://localhost is not trusted (self-signed certificate)")


def test_an_authority_of_ones_own_is_trusted_by_its_file(certificate, monkeypatch):
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    guardedhttp._system_trust.cache_clear()
    with fault_server(certificate) as server:
        pool = GuardedPool()

        assert pool.urlopen("GET", f"https://localhost:{server.server_port}/").status == 200

        pool.clear()
    guardedhttp._system_trust.cache_clear()


def test_a_certificate_must_hold_the_name_that_was_asked(certificate):
    trust = ssl.create_default_context(cafile=certificate)
    with fault_server(certificate) as server:
        pool = GuardedPool(trust)

        with pytest.raises(SSLError):
            pool.urlopen("GET", f"https://127.0.0.1:{server.server_port}/")

        assert pool.urlopen("GET", f"https://localhost:{server.server_port}/").status == 200
        pool.clear()


@pytest.mark.parametrize(("size", "pieces"), [(0, 1), (5_000, 1), (100_000, 2)])
def test_headers_and_a_small_body_go_together(monkeypatch, size, pieces):
    sent = []
    send = HTTPConnection.send

    def noted(connection, data):
        sent.append(data)
        send(connection, data)

    monkeypatch.setattr(HTTPConnection, "send", noted)
    with fault_server() as server:
        answer = GuardedPool().urlopen("PUT", f"{server.endpoint}/x", body=b"x" * size or None)

    assert answer.status == 200
    assert len(sent) == pieces
    assert sent[0].startswith(b"PUT /x HTTP/1.1\r\n")
    assert b"".join(sent).endswith(b"\r\n\r\n" + b"x" * size)


def test_each_request_goes_to_the_server_of_its_own_url():
    with fault_server() as one, fault_server() as other:
        pool = GuardedPool()
        pool.urlopen("GET", f"{one.endpoint}/a/%20b?x=1&y=%2F")
        pool.urlopen("GET", f"{other.endpoint}/c")
        pool.clear()
        pool.urlopen("GET", one.endpoint)

    assert [path for _, path, *_ in one.seen] == ["/a/%20b?x=1&y=%2F", "/"]
    assert [path for _, path, *_ in other.seen] == ["/c"]
