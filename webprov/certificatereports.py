"""What people should know about the certificates in use: whose, until when, and what would bite (contract, `check`)."""

import stat
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from webprov.config import Config
from webprov.enums import Protocol
from webprov.errors import CertificateError
from webprov.serving.certificates import CertificateFacts, KeyPair, read_certificate
from webprov.serving.tlscontexts import TlsPolicy, admin_pair, phone_policy, stdlib_context
from webprov.store.settings import ProvisioningSettings

WARN_DAYS = 30
URGENT_DAYS = 7
_LAST_DAYS = 1


@dataclass(frozen=True, slots=True)
class CertificateReport:
    """One certificate: `name` (phones, admin), where it lies, what it says, `trouble` (a sentence with the remedy) and
    whether that bites now. `facts` is None where it cannot be read, and for an own one that is yet to be made."""

    name: str
    pair: KeyPair
    facts: CertificateFacts | None = None
    trouble: str = ""
    bites: bool = False

    @property
    def title(self) -> str:
        """What it is for, as people say it."""
        return "Certificate of HTTPS and FTPS" if self.name == "phones" else "Certificate of the admin UI"


def certificate_reports(config: Config, settings: ProvisioningSettings, now: datetime) -> list[CertificateReport]:
    """Every certificate that is in use by these settings."""
    found = []
    if settings.serves_phones and any(settings.enabled(protocol) for protocol in (Protocol.HTTPS, Protocol.FTPS)):
        policy = phone_policy(config, lambda: settings)
        found.append(_report("phones", policy, settings.server_address, now))
    pair = admin_pair(config)
    if pair:
        found.append(_report("admin", TlsPolicy(pair), "", now))
    return found


def _report(name: str, policy: TlsPolicy, server_address: str, now: datetime) -> CertificateReport:
    pair = policy.pair
    if pair.own and not pair.certificate.is_file():
        return CertificateReport(name, pair)  # made when the listener starts
    try:
        facts = read_certificate(pair.certificate)
        stdlib_context(policy)
    except CertificateError as e:
        return CertificateReport(name, pair, trouble=str(e), bites=True)
    days = facts.days_left(now)
    trouble = next(_troubles(pair, facts, server_address, days), "")
    return CertificateReport(name, pair, facts, trouble, bites=days < _LAST_DAYS)


def _troubles(pair: KeyPair, facts: CertificateFacts, server_address: str, days: int) -> Iterator[str]:
    """What is wrong with it, worst first."""
    new = f"Put a new one at {pair.certificate}."
    remedy = "webprov renews it while it serves phones: start it." if pair.own else new
    if days < 0:
        yield f"It ended on {facts.expires_at:%Y-%m-%d}. {remedy}"
    elif days <= WARN_DAYS and not (pair.own and days > URGENT_DAYS):
        yield f"It ends {_in_days(days)}. {remedy}"
    if server_address and not any(_covers(name, server_address) for name in facts.names):
        yield f"It does not name {server_address}, the server address: phones that check names refuse it."
    if stat.S_IMODE(pair.key.stat().st_mode) & 0o004:
        yield f"Everybody on this machine may read its key. Run: chmod o= {pair.key}"


def _in_days(days: int) -> str:
    return "today" if days == 0 else "tomorrow" if days == 1 else f"in {days} days"


def _covers(name: str, host: str) -> bool:
    """Whether a name of a certificate, maybe `*.acme.example`, means `host`."""
    name, host = name.lower(), host.lower()
    return name == host or (name.startswith("*.") and host.partition(".")[2] == name[2:])
