"""How phones' connections are encrypted: certificate files and settings of this moment, as contexts of the two TLS
libraries that the listeners use (security PH-10, PH-12).

A connection keeps the context that it began with; so a new certificate cuts nobody off.
"""

import logging
import ssl
import threading
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any, Generic, TypeVar

from webprov.config import Config
from webprov.errors import CertificateError
from webprov.serving.certificates import KeyPair, keep_own
from webprov.store.settings import ProvisioningSettings

log = logging.getLogger(__name__)

_LOOK_SECONDS = 1.0
LEGACY_CIPHERS = "DEFAULT:@SECLEVEL=0"
_NO_RENEGOTIATION = ssl.OP_NO_RENEGOTIATION
Context = TypeVar("Context")


def phone_pair(config: Config) -> KeyPair:
    """The certificate that phones see: what people supplied, or webprov's own in `instance/tls/`."""
    if config.tls_cert:
        return KeyPair(config.tls_cert, config.tls_key or config.tls_cert)
    folder = config.instance / "tls"
    return KeyPair(folder / "server.crt", folder / "server.key", own=True)


def admin_pair(config: Config) -> KeyPair | None:
    """The certificate of the admin UI; None: it speaks plain HTTP."""
    if config.admin_tls_cert is None:
        return None
    return KeyPair(config.admin_tls_cert, config.admin_tls_key or config.admin_tls_cert)


class TlsPolicy:
    """What a context is made from: files and settings; `stamp` changes when it has to be made again."""

    def __init__(
        self,
        pair: KeyPair,
        settings: Callable[[], ProvisioningSettings] | None = None,
        client_ca: Path | None = None,
    ) -> None:
        """Without `settings` (the admin UI): no old TLS, no client certificates."""
        self.pair = pair
        self._settings = settings
        self._client_ca = client_ca

    @property
    def stamp(self) -> tuple[object, ...]:
        """Changes with the files, the settings that matter here, and, once an hour, so that ends are noticed."""
        files = [self.pair.certificate, self.pair.key, *([self._client_ca] if self._client_ca else [])]
        hour = int(time.time() // 3600) if self.pair.own else 0
        address = self._settings().server_address if self._settings else ""
        return (*map(_look, files), self.is_legacy, self.client_certificates, address, hour)

    @property
    def is_legacy(self) -> bool:
        """Whether TLS 1.0 and 1.1 are offered."""
        return bool(self._settings and self._settings().tls_legacy)

    @property
    def client_certificates(self) -> str:
        """off, optional or required."""
        return self._settings().client_certificates if self._settings else "off"

    @property
    def client_ca(self) -> Path | None:
        """The CA of client certificates, where they are asked for; raises CertificateError where it is missing."""
        if self.client_certificates == "off":
            return None
        if self._client_ca is None:
            raise CertificateError("Client certificates are asked for, but WEBPROV_CLIENT_CA names no CA.")
        return self._client_ca

    def prepare(self) -> None:
        """See that webprov's own certificate exists and fits; raises CertificateError."""
        if self.pair.own and self._settings:
            keep_own(self.pair, self._settings().server_address)


def phone_policy(config: Config, settings: Callable[[], ProvisioningSettings]) -> TlsPolicy:
    """What phones' TLS is made from, following the settings."""
    return TlsPolicy(phone_pair(config), settings, config.client_ca)


class Contexts(Generic[Context]):
    """The context for new connections; files that cannot be used leave the one before in place."""

    def __init__(self, policy: TlsPolicy, make: Callable[[TlsPolicy], Context]) -> None:
        self._policy = policy
        self._make = make
        self._stamp: tuple[object, ...] = ()
        self._context: Context | None = None
        self._due = 0.0
        self._trouble = ""
        self._lock = threading.Lock()
        self.current()

    def current(self) -> Context | None:
        """The context of now (files are looked at once a second), or None: there is no certificate that works."""
        with self._lock:
            if time.monotonic() >= self._due:
                self._due = time.monotonic() + _LOOK_SECONDS
                self._refresh()
        return self._context

    def _refresh(self) -> None:
        stamp = self._policy.stamp
        if stamp == self._stamp:
            return
        try:
            self._policy.prepare()
            self._context = self._make(self._policy)
        except CertificateError as e:
            self._say(str(e))
        else:
            self._stamp = self._policy.stamp
            self._trouble = ""

    def _say(self, trouble: str) -> None:
        if trouble != self._trouble:
            log.error("%s %s", trouble, "The one before stays in use." if self._context else "TLS cannot be served.")
        self._trouble = trouble


def stdlib_context(policy: TlsPolicy) -> ssl.SSLContext:
    """A server context of the standard library; raises CertificateError."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.options |= _NO_RENEGOTIATION
    if policy.is_legacy:
        context.set_ciphers(LEGACY_CIPHERS)
        with warnings.catch_warnings():  # Python warns of old TLS, as our settings page does
            warnings.simplefilter("ignore", DeprecationWarning)
            context.minimum_version = ssl.TLSVersion.TLSv1
    pair = policy.pair
    _usable(f"{pair.certificate} and {pair.key}", context.load_cert_chain, pair.certificate, pair.key, lambda: "")
    client_ca = policy.client_ca
    if client_ca:
        _usable(str(client_ca), context.load_verify_locations, client_ca)
        context.verify_mode = ssl.CERT_REQUIRED if policy.client_certificates == "required" else ssl.CERT_OPTIONAL
    return context


def _usable(what: str, load: Callable[..., Any], *arguments: Any) -> None:
    """Run a loader of certificate files, its errors said as people can use them."""
    try:
        load(*arguments)
    except ssl.SSLError as e:
        reason = "the key does not belong to the certificate" if e.reason == "KEY_VALUES_MISMATCH" else "no PEM files"
        raise CertificateError(f"{what} cannot be used: {reason}.") from e
    except OSError as e:
        raise CertificateError(f"{what} cannot be read: {e.strerror}.") from e


def _look(path: Path) -> tuple[object, ...]:
    try:
        status = path.stat()
    except OSError:
        return (None,)
    return status.st_mtime_ns, status.st_size, status.st_ino
