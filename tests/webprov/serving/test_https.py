"""HTTPS with the clients that people have: curl, openssl s_client, Python's ssl."""

import shutil
import socket
import ssl
import subprocess
import threading
import time
from dataclasses import replace
from functools import partial

import pytest

from tests.service import eventually
from tests.webprov.serving.authority import Authority
from tests.webprov.serving.fleet import MAC
from webprov.enums import Protocol
from webprov.serving import https, httpserver
from webprov.serving.https import make_tls_server
from webprov.serving.tlscontexts import Contexts, TlsPolicy, phone_pair, stdlib_context

FILE = f"/provisioning/{MAC.lower()}.cfg"

pytestmark = pytest.mark.skipif(not shutil.which("curl"), reason="curl is not installed")


@pytest.fixture
def authority(tmp_path) -> Authority:
    return Authority(tmp_path / "ca")


@pytest.fixture
def config(config, authority, tmp_path):
    """A supplied certificate, whose files may change, and a CA of phones."""
    certificate, key = authority.issue("server", "localhost", "127.0.0.1")
    own = tmp_path / "supplied"
    own.mkdir()
    shutil.copy(certificate, own / "server.crt")
    shutil.copy(key, own / "server.key")
    return replace(config, tls_cert=own / "server.crt", tls_key=own / "server.key", client_ca=authority.ca)


@pytest.fixture
def phones(instance, fleet, start_phones, monkeypatch):
    monkeypatch.setattr("webprov.serving.tlscontexts._LOOK_SECONDS", 0)
    policy = TlsPolicy(phone_pair(instance.config), lambda: fleet.settings, instance.config.client_ca)
    contexts = Contexts(policy, stdlib_context)
    fleet.add_phone()
    return start_phones(partial(make_tls_server, context=contexts.current), Protocol.HTTPS)


@pytest.fixture
def curl(phones, authority):
    def run(*options: str, path: str = FILE) -> subprocess.CompletedProcess:
        settings = phones.fleet.settings
        login = f"{settings.http_user}:{settings.http_password}"
        command = ["curl", "-sS", "--max-time", "20", "--cacert", str(authority.ca), "-u", login, *options]
        return subprocess.run([*command, f"https://localhost:{phones.port}{path}"], capture_output=True, timeout=30)

    return run


def connect(phones) -> socket.socket:
    return socket.create_connection(("127.0.0.1", phones.port), timeout=20)


def subject_of(phones) -> str:
    """The certificate that a new connection sees."""
    pem = ssl.get_server_certificate(("127.0.0.1", phones.port))
    return subprocess.run(
        ["openssl", "x509", "-noout", "-subject"], input=pem, capture_output=True, text=True
    ).stdout.strip()


def s_client(phones, *options: str) -> str:
    command = ["openssl", "s_client", "-connect", f"127.0.0.1:{phones.port}", *options]
    done = subprocess.run(command, input="", capture_output=True, text=True, timeout=20)
    return done.stdout + done.stderr


def test_files_come_over_https_with_basic_and_digest(phones, curl):
    assert curl().stdout == b"#hello\n"
    assert curl("--digest").stdout == b"#hello\n"
    assert curl("-w", "%{http_code}", "-o", "/dev/null", path="/provisioning/none.cfg").stdout == b"404"
    assert {fetch.protocol for fetch in phones.settle()} == {"https"}


def test_a_large_file_comes_whole_over_kept_connections(phones, curl):
    content = bytes(range(256)) * 12_000
    phones.fleet.add_file("big.bin", content)

    twice = curl(f"https://localhost:{phones.port}/provisioning/big.bin", path="/provisioning/big.bin")

    assert twice.stdout == content * 2


def test_rl01_silent_and_half_handshaking_connections_hold_up_nobody(phones, curl):
    silent = [connect(phones) for _ in range(40)]
    halves = [connect(phones) for _ in range(40)]
    hello = ssl.MemoryBIO()
    client = ssl.create_default_context().wrap_bio(ssl.MemoryBIO(), hello, server_hostname="localhost")
    with pytest.raises(ssl.SSLWantReadError):
        client.do_handshake()
    first = hello.read()[:40]
    for half in halves:
        half.sendall(first)

    began = time.monotonic()
    answer = curl()

    assert answer.stdout == b"#hello\n"
    assert time.monotonic() - began < https.HANDSHAKE_SECONDS / 2
    for connection in silent + halves:
        connection.close()


def test_rl01_half_requests_over_tls_hold_up_nobody(phones, curl):
    context = ssl._create_unverified_context()
    held = [context.wrap_socket(connect(phones)) for _ in range(60)]
    for half in held:
        half.sendall(b"GET /x HTTP/1.1\r\n")

    assert curl().stdout == b"#hello\n"

    for half in held:
        half.close()


def test_rl01_a_handshake_that_takes_too_long_is_ended(phones, monkeypatch):
    monkeypatch.setattr(https, "HANDSHAKE_SECONDS", 0.2)
    with connect(phones) as silent:
        assert silent.recv(10) == b""


def test_rl01_a_request_that_takes_too_long_is_ended(phones, monkeypatch):
    monkeypatch.setattr(httpserver, "HEADER_SECONDS", 0.2)
    with ssl._create_unverified_context().wrap_socket(connect(phones)) as slow:
        slow.sendall(b"GET / HTTP/1.1\r\n")
        assert slow.recv(100) == b""


def test_rl01_one_address_holds_a_bounded_number_of_connections(phones, monkeypatch):
    monkeypatch.setattr(httpserver, "CONNECTIONS_PER_SOURCE", 3)
    held = [connect(phones) for _ in range(3)]
    eventually(lambda: len(phones.servers[0].active_channels) == 3)

    with connect(phones) as refused:
        assert refused.recv(10) == b""

    for connection in held:
        connection.close()


def test_plain_http_and_junk_on_the_port_are_dropped(phones, curl):
    for junk in (b"GET / HTTP/1.1\r\n\r\n", b"\x16\x03\x01\xff\xff" + b"\xff" * 300, b"\0" * 100):
        with connect(phones) as connection:
            connection.sendall(junk)
            try:
                while connection.recv(1000):
                    pass
            except ConnectionError:
                pass

    assert curl().stdout == b"#hello\n"


def test_ph10_tls_1_2_and_1_3_are_spoken_and_older_ones_only_when_asked_for(phones):
    refused = [s_client(phones, f"-{old}", "-cipher", "DEFAULT:@SECLEVEL=0") for old in ("tls1", "tls1_1")]
    phones.fleet.change(tls_legacy=True)

    assert all("Cipher is (NONE)" in output for output in refused)
    for version, name in (("tls1", "TLSv1"), ("tls1_1", "TLSv1.1"), ("tls1_2", "TLSv1.2"), ("tls1_3", "TLSv1.3")):
        output = s_client(phones, f"-{version}", "-cipher", "DEFAULT:@SECLEVEL=0")
        assert f"New, {name}" in output or f"Protocol  : {name}\n" in output, output
    assert "Cipher is (NONE)" in s_client(phones, "-cipher", "aNULL:@SECLEVEL=0", "-no_tls1_3")


def test_ph10_changed_files_are_used_and_cut_nobody_off(phones, authority, config, curl):
    content = bytes(range(256)) * 40_000
    phones.fleet.add_file("big.bin", content)
    running = ssl._create_unverified_context().wrap_socket(connect(phones))
    running.sendall(f"GET /provisioning/big.bin HTTP/1.0\r\nAuthorization: {phones.basic}\r\n\r\n".encode())
    received = running.recv(1000)
    before = subject_of(phones)

    certificate, key = authority.issue("renewed", "localhost")
    shutil.copy(key, config.tls_key)  # for a moment the two do not fit
    between = subject_of(phones)
    shutil.copy(certificate, config.tls_cert)

    assert eventually(lambda: subject_of(phones) != before, 10)
    while data := running.recv(65536):
        received += data
    running.close()
    assert received.partition(b"\r\n\r\n")[2] == content
    assert (before, between, subject_of(phones)) == (
        "subject=CN = server",
        "subject=CN = server",
        "subject=CN = renewed",
    )
    assert curl().stdout == b"#hello\n"


def test_ph12_client_certificates_are_checked_in_the_handshake(phones, authority, curl, tmp_path):
    phones.fleet.change(client_certificates="required")
    foreign = Authority(tmp_path / "foreign", "Other CA")
    right, foreign_one = authority.issue(MAC), foreign.issue(MAC + "F")
    expired = authority.issue("expired", days=-1)

    def fetch(pair) -> int:
        return curl("--cert", str(pair[0]), "--key", str(pair[1])).returncode

    assert eventually(lambda: curl().returncode != 0)
    assert fetch(foreign_one) != 0
    assert fetch(expired) != 0
    assert fetch(right) == 0


def test_ph12_a_certificate_opens_the_files_of_its_mac_alone(phones, authority, curl):
    other = "805EC0999999"
    phones.fleet.add_phone(other, b"#other\n")
    phones.fleet.change(client_certificates="required")
    pairs = {name: authority.issue(name) for name in (MAC, other, "generic")}

    def status(name: str) -> bytes:
        certificate, key = map(str, pairs[name])
        return curl("--cert", certificate, "--key", key, "-u", ":", "-o", "/dev/null", "-w", "%{http_code}").stdout

    assert eventually(lambda: curl().returncode != 0)
    assert status(MAC) == b"200"
    assert status(other) == b"404"
    assert status("generic") == b"404"


def test_ph12_optional_client_certificates_let_those_without_one_try(phones, authority, curl, tmp_path):
    phones.fleet.change(client_certificates="optional")
    foreign = Authority(tmp_path / "foreign", "Other CA").issue(MAC)

    assert curl().stdout == b"#hello\n"
    assert curl("--cert", str(foreign[0]), "--key", str(foreign[1])).returncode != 0


def test_the_subject_of_a_client_certificate_reaches_the_application(authority, config, fleet, start_phones, tmp_path):
    fleet.change(client_certificates="required")
    policy = TlsPolicy(phone_pair(config), lambda: fleet.settings, config.client_ca)
    seen = []

    def make(_app, listener, limits, unlimited):
        def app(environ, start_response):
            seen.append(environ)
            start_response("200 OK", [("Content-Length", "0")])
            return []

        return make_tls_server(app, listener, limits, unlimited, Contexts(policy, stdlib_context).current)

    port = start_phones(make).port
    certificate, key = authority.issue(MAC, "phone.acme.example")

    subprocess.run(
        ["curl", "-sk", "--cert", certificate, "--key", key, f"https://localhost:{port}/"], check=True, timeout=30
    )

    expected = {
        "wsgi.url_scheme": "https",
        "SSL_CLIENT_VERIFY": "SUCCESS",
        "SSL_CLIENT_S_DN": f"commonName={MAC}",
        "SSL_CLIENT_S_DN_CN": MAC,
        "SSL_CLIENT_SAN_DNS_0": "phone.acme.example",
    }
    assert {name: seen[0].get(name) for name in expected} == expected


def test_a_broken_certificate_leaves_the_one_before_in_use(config, phones, curl):
    config.tls_cert.write_text("broken")

    assert curl().stdout == b"#hello\n"


def test_a_retiring_server_ends_what_is_under_way_and_takes_nobody_new(phones):
    content = bytes(200) * 60_000
    phones.fleet.add_file("big.bin", content)
    (server,) = phones.servers
    server.retiring = retiring = threading.Event()
    with ssl._create_unverified_context().wrap_socket(connect(phones)) as running:
        running.sendall(f"GET /provisioning/big.bin HTTP/1.1\r\nAuthorization: {phones.basic}\r\n\r\n".encode())
        received = running.recv(1000)

        retiring.set()
        assert eventually(lambda: is_refused(phones))
        while len(received.partition(b"\r\n\r\n")[2]) < len(content) and (data := running.recv(65536)):
            received += data

    assert received.partition(b"\r\n\r\n")[2] == content
    assert eventually(lambda: not server.active_channels)


def is_refused(phones) -> bool:
    try:
        connect(phones).close()
    except ConnectionError:
        return True
    return False
