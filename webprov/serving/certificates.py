"""Certificates of this server: what one says, and the self-signed one that stands in until people supply another.

The one made here names the server address and this host's names, lasts 825 days (the most that clients accept), is
renewed 30 days before its end and when the server address changes; its key is 0600 (contract, WEBPROV_TLS_*).
"""

import fcntl
import ipaddress
import os
import socket
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from webprov.errors import CertificateError

VALID_DAYS = 825
RENEW_DAYS = 30
_LONGEST_COMMON_NAME = 64


@dataclass(frozen=True, slots=True)
class KeyPair:
    """Where certificate (with its chain) and key lie; `own`: made and renewed by webprov."""

    certificate: Path
    key: Path
    own: bool = False


@dataclass(frozen=True, slots=True)
class CertificateFacts:
    """What people want to know about a certificate; times are aware UTC, `fingerprint`: SHA-256, hex with colons."""

    subject: str
    names: tuple[str, ...]
    issued_at: datetime
    expires_at: datetime
    fingerprint: str
    self_signed: bool

    @property
    def summary(self) -> str:
        """One line of all that matters."""
        dates = f"{self.issued_at:%Y-%m-%d} to {self.expires_at:%Y-%m-%d}"
        return f"{self.subject}, {dates}, SHA-256 {self.fingerprint}"

    def days_left(self, now: datetime) -> int:
        """Whole days until it ends; negative when it has ended."""
        return (self.expires_at - now) // timedelta(days=1)


def read_certificate(path: Path) -> CertificateFacts:
    """What the first certificate of a PEM file says; raises CertificateError."""
    try:
        certificate = x509.load_pem_x509_certificate(path.read_bytes())
    except OSError as e:
        raise CertificateError(f"The certificate {path} cannot be read: {e.strerror}.") from e
    except ValueError as e:
        raise CertificateError(f"{path} is no certificate in PEM form. Put one there, with its chain below it.") from e
    digest = certificate.fingerprint(hashes.SHA256()).hex(":").upper()
    return CertificateFacts(
        subject=certificate.subject.rfc4514_string(),
        names=_names_of(certificate),
        issued_at=certificate.not_valid_before_utc,
        expires_at=certificate.not_valid_after_utc,
        fingerprint=digest,
        self_signed=certificate.subject == certificate.issuer,
    )


def keep_own(pair: KeyPair, server_address: str) -> None:
    """Make webprov's own pair where it is missing, about to end, or does not name `server_address`.

    Several processes may do so at once: one makes it. Raises CertificateError where nothing can be written.
    """
    if _fits(pair, server_address):
        return
    try:
        with _alone(pair.certificate.parent):
            if not _fits(pair, server_address):
                _make(pair, server_address)
    except OSError as e:
        raise CertificateError(f"No certificate can be made in {pair.certificate.parent}: {e.strerror}.") from e


def _fits(pair: KeyPair, server_address: str) -> bool:
    if not pair.key.is_file():
        return False
    try:
        facts = read_certificate(pair.certificate)
    except CertificateError:
        return False
    return server_address in facts.names and facts.days_left(datetime.now(UTC)) >= RENEW_DAYS


def _make(pair: KeyPair, server_address: str) -> None:
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)  # what every phone that speaks TLS can check
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, server_address[:_LONGEST_COMMON_NAME])])
    now = datetime.now(UTC)
    builder = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))  # phones with a clock that is behind
        .not_valid_after(now + timedelta(days=VALID_DAYS - 1))
        .add_extension(x509.SubjectAlternativeName([_general(item) for item in _own_names(server_address)]), False)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), False)
    )
    certificate = builder.sign(key, hashes.SHA256())
    _replace(pair.key, key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()), 0o600)
    _replace(pair.certificate, certificate.public_bytes(Encoding.PEM), 0o644)


def _replace(path: Path, content: bytes, mode: int) -> None:
    """Put `content` there at once and whole."""
    descriptor, temporary = tempfile.mkstemp(dir=path.parent, prefix=".new-")
    with os.fdopen(descriptor, "wb") as file:
        os.fchmod(descriptor, mode)
        file.write(content)
        file.flush()
        os.fsync(descriptor)
    Path(temporary).replace(path)


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    folder.mkdir(mode=0o750, parents=True, exist_ok=True)
    with (folder / ".lock").open("a") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _own_names(server_address: str) -> list[str]:
    """Everything that phones may call this server."""
    names = [server_address, socket.getfqdn(), socket.gethostname(), "localhost"]
    return list(dict.fromkeys(name.lower() for name in names if name))


def _general(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)


def _names_of(certificate: x509.Certificate) -> tuple[str, ...]:
    try:
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return ()
    return tuple(str(item.value) for item in names if isinstance(item, x509.DNSName | x509.IPAddress))
