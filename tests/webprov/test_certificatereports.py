from dataclasses import replace
from datetime import UTC, datetime

import pytest

from tests.webprov.serving.authority import Authority
from webprov.certificatereports import certificate_reports
from webprov.serving.certificates import keep_own
from webprov.serving.tlscontexts import phone_pair
from webprov.store.settings import ProvisioningSettings

SETTINGS = ProvisioningSettings(server_address="pbx.acme.example", https_enabled=True)


def report(config, settings=SETTINGS):
    (found,) = certificate_reports(config, settings, datetime.now(UTC))
    return found


@pytest.fixture
def supplied(config, tmp_path):
    """Puts a certificate in place; a config that names it."""
    authority = Authority(tmp_path / "ca")

    def supply(*names, days=200):
        certificate, key = authority.issue("pbx", *names, days=days)
        key.chmod(0o600)
        return replace(config, tls_cert=certificate, tls_key=key)

    return supply


def test_no_protocol_with_tls_needs_no_certificate(config):
    assert certificate_reports(config, replace(SETTINGS, https_enabled=False), datetime.now(UTC)) == []


def test_an_own_certificate_is_described_without_trouble(config):
    before = report(config)
    keep_own(phone_pair(config), "pbx.acme.example")

    after = report(config)

    assert (before.facts, before.trouble) == (None, "")
    assert after.facts.subject == "CN=pbx.acme.example"
    assert (after.trouble, after.bites) == ("", False)


@pytest.mark.parametrize(
    ("days", "said", "bites"),
    [
        (200, "", False),
        (25, "It ends in 24 days. Put a new one", False),
        (2, "It ends tomorrow.", False),
        (1, "It ends today.", True),
        (-3, "It ended on 20", True),
    ],
)
def test_the_end_of_a_supplied_certificate_is_told_in_time(supplied, days, said, bites):
    found = report(supplied("pbx.acme.example", days=days))

    assert found.trouble.startswith(said)
    assert bool(found.trouble) == bool(said)
    assert found.bites is bites


@pytest.mark.parametrize(("name", "fits"), [("*.acme.example", True), ("other.example", False), ("*.example", False)])
def test_a_certificate_for_another_name_is_told(supplied, name, fits):
    found = report(supplied(name))

    assert ("does not name pbx.acme.example" in found.trouble) is not fits
    assert not found.bites


def test_files_that_do_not_belong_together_bite(supplied, tmp_path):
    _, key = Authority(tmp_path / "other").issue("x")

    found = report(replace(supplied("pbx.acme.example"), tls_key=key))

    assert found.bites
    assert "the key does not belong to the certificate" in found.trouble


def test_client_certificates_without_a_ca_bite(supplied):
    found = report(supplied("pbx.acme.example"), replace(SETTINGS, client_certificates="required"))

    assert found.bites
    assert "WEBPROV_CLIENT_CA" in found.trouble


def test_a_key_that_others_may_read_is_told(supplied):
    config = supplied("pbx.acme.example")
    config.tls_key.chmod(0o644)

    assert report(config).trouble == f"Everybody on this machine may read its key. Run: chmod o= {config.tls_key}"


def test_the_certificate_of_the_admin_ui_is_reported_too(supplied, config):
    certificate = supplied("admin.acme.example")
    config = replace(config, admin_tls_cert=certificate.tls_cert, admin_tls_key=certificate.tls_key)

    found = report(config, replace(SETTINGS, https_enabled=False))

    assert (found.name, found.trouble) == ("admin", "")
