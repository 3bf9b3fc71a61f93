import stat
import threading
from datetime import UTC, datetime, timedelta

import pytest

from tests.webprov.serving.authority import Authority
from webprov.errors import CertificateError
from webprov.serving.certificates import VALID_DAYS, KeyPair, keep_own, read_certificate


@pytest.fixture
def pair(tmp_path):
    return KeyPair(tmp_path / "tls" / "server.crt", tmp_path / "tls" / "server.key", own=True)


def test_an_own_certificate_names_the_server_and_its_key_is_private(pair):
    keep_own(pair, "pbx.acme.example")

    facts = read_certificate(pair.certificate)
    assert facts.subject == "CN=pbx.acme.example"
    assert {"pbx.acme.example", "localhost"} <= set(facts.names)
    assert VALID_DAYS - 2 <= facts.days_left(datetime.now(UTC)) < VALID_DAYS
    assert facts.self_signed
    assert len(facts.fingerprint) == 95
    assert stat.S_IMODE(pair.key.stat().st_mode) == 0o600


def test_an_own_certificate_stays_until_the_address_changes(pair):
    keep_own(pair, "192.0.2.5")
    first = pair.certificate.read_bytes()

    keep_own(pair, "192.0.2.5")
    kept = pair.certificate.read_bytes()
    keep_own(pair, "2001:db8::5")

    assert kept == first
    assert "2001:db8::5" in read_certificate(pair.certificate).names


def test_an_own_certificate_is_renewed_before_its_end(pair, monkeypatch):
    keep_own(pair, "pbx.acme.example")
    first = read_certificate(pair.certificate)
    later = datetime.now(UTC) + timedelta(days=VALID_DAYS - 20)

    class Later(datetime):
        @classmethod
        def now(cls, tz=None):
            return later

    monkeypatch.setattr("webprov.serving.certificates.datetime", Later)
    keep_own(pair, "pbx.acme.example")

    assert read_certificate(pair.certificate).expires_at > first.expires_at + timedelta(days=700)


def test_processes_that_start_together_end_up_with_one_pair(pair):
    threads = [threading.Thread(target=keep_own, args=(pair, "pbx.acme.example")) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    before = pair.certificate.read_bytes()
    keep_own(pair, "pbx.acme.example")
    assert pair.certificate.read_bytes() == before
    assert not list(pair.certificate.parent.glob(".new-*"))


def test_a_supplied_certificate_is_described(tmp_path):
    certificate, _ = Authority(tmp_path / "ca").issue(
        "pbx.acme.example", "pbx.acme.example", "prov.acme.example", days=6
    )

    facts = read_certificate(certificate)

    assert facts.names == ("pbx.acme.example", "prov.acme.example")
    assert facts.days_left(datetime.now(UTC)) == 5
    assert not facts.self_signed


@pytest.mark.parametrize(("content", "said"), [(None, "cannot be read"), ("no PEM", "is no certificate in PEM form")])
def test_a_file_that_is_no_certificate_is_said(tmp_path, content, said):
    path = tmp_path / "server.crt"
    if content:
        path.write_text(content)

    with pytest.raises(CertificateError, match=said):
        read_certificate(path)
