"""Networks and certificates: who may have which file (security PH-03, PH-11, PH-12)."""

import pytest

from tests.webprov.serving.fleet import MAC, basic, wait_for
from tests.webprov.serving.test_http import curl
from webprov.enums import Protocol
from webprov.serving.askers import Asker, Proven, Reason
from webprov.serving.clientcertificates import ClientCertificate, from_proxy, from_tls

FILE = f"/provisioning/{MAC.lower()}.cfg"
OTHER = "805EC0000002"


@pytest.fixture
def two(phones):
    """A device of acme and one of other, with what they share."""
    for mac, tenant in ((MAC, "acme"), (OTHER, "other")):
        device_id = phones.fleet.add_device(mac, tenant=tenant, shared_names="y000000000096.cfg")
        phones.fleet.add_file(f"{mac.lower()}.cfg", tenant.encode(), device_id=device_id)
        phones.fleet.add_file(f"CONTACTS/{tenant}/yealink.xml", b"<x/>", owner=f"CONTACTS/{tenant}")
    phones.fleet.add_file("y000000000096.cfg", b"shared", owner="_yealink-t5")
    return phones


def test_ph11_files_of_a_tenant_stay_in_its_networks(two):
    two.fleet.change_tenant("acme", networks="127.0.0.2/32, 127.5.0.0/16")
    paths = [FILE, "/provisioning/CONTACTS/acme/yealink.xml"]

    at_home = [two.ask(path, source="127.5.6.7").status for path in paths]
    elsewhere = {two.ask(path, source="127.0.0.3").constant for path in paths}

    assert at_home == [200, 200]
    assert elsewhere == {two.ask("/provisioning/nothing").constant}
    assert two.ask(f"/provisioning/{OTHER}.cfg", source="127.0.0.3").status == 200
    assert "network not allowed by the tenant" in {fetch.reason for fetch in two.settle()}


def test_ph11_networks_are_judged_per_protocol(phones):
    phones.fleet.change(phone_networks="127.0.0.0/16", tftp_networks="127.0.1.0/24, 10.0.0.0/8")
    gatekeeper = phones.fetching.gatekeeper

    def allowed(protocol: Protocol) -> list[bool]:
        return [gatekeeper.source(protocol, address).allowed for address in ("127.0.0.1", "127.0.1.1", "10.0.0.1")]

    wait_for(lambda: allowed(Protocol.HTTP) == [True, True, False])
    assert allowed(Protocol.FTP) == [True, True, False]
    assert allowed(Protocol.TFTP) == [False, True, False]
    far = gatekeeper.source(Protocol.TFTP, "127.0.0.1")
    assert gatekeeper.check_tftp(far).reason is Reason.NETWORK
    assert gatekeeper.check_ftp(gatekeeper.source(Protocol.FTP, "10.0.0.1"), "a", "b").reason is Reason.NETWORK


def test_tftp_without_networks_is_for_nobody(phones):
    assert not phones.fetching.gatekeeper.source(Protocol.TFTP, "127.0.0.1").allowed


@pytest.mark.parametrize(
    "header", ["X-Forwarded-For", "Forwarded", "X-Real-IP", "X-Client-IP", "True-Client-IP", "Via", "X-Original-URL"]
)
def test_ph11_forged_headers_change_nothing(phones, header):
    phones.fleet.add_phone()
    phones.fleet.change(phone_networks="10.0.0.0/8")
    forged = {"Forwarded": "for=10.1.2.3"}.get(header, "10.1.2.3")

    answer = phones.ask(FILE, **{header: forged})

    assert answer.constant == phones.ask("/nothing").constant
    assert phones.settle()[0].address == "127.0.0.1"


def test_networks_that_are_exempt_are_never_locked_out(phones):
    phones.fleet.add_phone()
    phones.fleet.change(exempt_networks="127.0.9.0/24")
    wait_for(lambda: phones.fetching.gatekeeper.source(Protocol.HTTP, "127.0.9.1").exempt)

    for number in range(25):
        phones.ask(FILE, login=basic("phones", f"no-{number}"), source="127.0.9.1")
        phones.ask(f"/provisioning/805ec00010{number:02}.cfg", source="127.0.9.1")

    assert phones.ask(FILE, source="127.0.9.1").status == 200


def certificate(mac: str) -> ClientCertificate:
    return ClientCertificate((mac,))


def check(phones, given: ClientCertificate | None, header: str = ""):
    gatekeeper = phones.fetching.gatekeeper
    return gatekeeper.check_http(gatekeeper.source(Protocol.HTTPS, "127.0.0.1"), header, "GET", FILE, 0, given)


def test_ph12_a_certificate_opens_the_files_of_its_mac_alone(two):
    two.fleet.change(client_certificates="optional")
    wait_for(lambda: check(two, certificate("80:5E:C0:12:34:56")).passed)
    verdict = check(two, certificate("80:5E:C0:12:34:56"))
    asker = Asker(Protocol.HTTPS, two.fetching.gatekeeper.source(Protocol.HTTPS, "127.0.0.1"), "", verdict.identity)
    names = [FILE, f"{OTHER}.cfg", "y000000000096.cfg", "CONTACTS/acme/yealink.xml", "CONTACTS/other/yealink.xml"]

    found = [two.fetching.fetch_file(name, asker).found for name in names]

    assert verdict.identity.proven is Proven.DEVICE
    assert found == [True, False, True, True, False]


def test_ph12_required_means_a_certificate_of_a_known_device(two):
    two.fleet.change(client_certificates="required")
    right = two.basic
    wait_for(lambda: not check(two, ClientCertificate(), right).passed)

    assert check(two, ClientCertificate(), right).reason is Reason.NO_CERTIFICATE
    assert check(two, ClientCertificate(("Yealink Equipment",)), right).reason is Reason.FOREIGN_CERTIFICATE
    assert check(two, certificate("805EC0FFFFFF"), right).reason is Reason.FOREIGN_CERTIFICATE
    assert check(two, certificate(MAC), "Basic wrong").passed
    assert check(two, None, right).passed  # plain HTTP carries none


def test_ph12_optional_leaves_it_to_the_credentials_where_the_certificate_says_nothing(two):
    two.fleet.change(client_certificates="optional")

    assert check(two, ClientCertificate(("Yealink Equipment",)), two.basic).identity.proven is Proven.SHARED
    assert check(two, ClientCertificate(), "").reason is Reason.NO_CREDENTIALS


def test_certificates_count_for_nothing_while_the_setting_is_off(two):
    assert check(two, certificate(MAC)).reason is Reason.NO_CREDENTIALS


@pytest.mark.parametrize(
    ("subject", "macs"),
    [
        ("CN=805EC0123456,OU=Yealink,O=Yealink", [MAC]),
        ("O=Yealink,CN=80:5e:c0:12:34:56", [MAC]),
        ("/C=US/O=Polycom/CN=0004F2123456", ["0004F2123456"]),
        ("CN=CP-8851-SEP805EC0123456,O=Cisco", [MAC]),
        ("CN=Yealink Equipment,O=805EC0123456", []),
        ("O=CN=805EC0123456x", []),
        ("", []),
    ],
)
def test_the_subject_that_a_proxy_passes_on_is_read(subject, macs):
    environ = {
        "HTTP_X_FORWARDED_PROTO": "https",
        "HTTP_X_SSL_CLIENT_VERIFY": "SUCCESS",
        "HTTP_X_SSL_CLIENT_S_DN": subject,
    }

    assert from_proxy(environ).macs == macs
    assert from_proxy({**environ, "HTTP_X_SSL_CLIENT_VERIFY": "FAILED:expired"}).names == ()
    assert from_proxy({**environ, "HTTP_X_FORWARDED_PROTO": "http"}) is None


def test_what_the_tls_listener_verified_is_read():
    verified = {"wsgi.url_scheme": "https", "SSL_CLIENT_VERIFY": "SUCCESS", "SSL_CLIENT_S_DN_CN": "phone"}

    assert from_tls({**verified, "SSL_CLIENT_SAN_DNS_0": MAC}).macs == [MAC]
    assert from_tls({"wsgi.url_scheme": "https"}) == ClientCertificate()
    assert from_tls({"wsgi.url_scheme": "http", "SSL_CLIENT_VERIFY": "SUCCESS"}) is None


def test_ph12_headers_about_certificates_are_believed_from_trusted_proxies_only(two):
    two.fleet.change(client_certificates="optional")
    wait_for(lambda: check(two, certificate(MAC)).passed)
    forged = {"X-Forwarded-Proto": "https", "X-SSL-Client-Verify": "SUCCESS", "X-SSL-Client-S-DN": f"CN={MAC}"}

    assert two.ask(FILE, login=None, **forged).status == 401
    assert curl(two, FILE, *(f"-H{name}: {value}" for name, value in forged.items()), login="a:b")[0] == 401
