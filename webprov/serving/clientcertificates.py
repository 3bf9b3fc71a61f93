"""What a client certificate says about who asks (security PH-12). Chain and dates are checked where TLS ends."""

import re
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from webprov.mac import find_mac

_COMMON_NAME = re.compile(r"(?:^|[,/+]\s*)CN\s*=\s*([^,/+]{1,250})", re.IGNORECASE)


class ClientCertificate(NamedTuple):
    """The common name and alternative names of a verified certificate; none at all: TLS, but no certificate."""

    names: tuple[str, ...] = ()

    @property
    def macs(self) -> list[str]:
        """The MACs in its names; a maker's generic certificate has none."""
        return [mac for name in self.names if (mac := find_mac(name))]


def from_tls(environ: Mapping[str, Any]) -> ClientCertificate | None:
    """What the TLS listener verified, by the names that web servers use in a WSGI environ; None without TLS."""
    if environ.get("wsgi.url_scheme") != "https":
        return None
    if environ.get("SSL_CLIENT_VERIFY") != "SUCCESS":
        return ClientCertificate()
    found = [str(environ.get("SSL_CLIENT_S_DN_CN", "")), *_numbered(environ, "SSL_CLIENT_SAN_DNS_")]
    return ClientCertificate(tuple(name for name in found if name))


def from_proxy(environ: Mapping[str, Any]) -> ClientCertificate | None:
    """What a trusted proxy says in its headers; None where it got the request without TLS.

    X-Forwarded-Proto: https; X-SSL-Client-Verify: SUCCESS; X-SSL-Client-S-DN: the subject (RFC 2253 or with slashes).
    """
    if environ.get("HTTP_X_FORWARDED_PROTO", "").lower() != "https":
        return None
    if environ.get("HTTP_X_SSL_CLIENT_VERIFY") != "SUCCESS":
        return ClientCertificate()
    return ClientCertificate(tuple(_COMMON_NAME.findall(environ.get("HTTP_X_SSL_CLIENT_S_DN", ""))))


def _numbered(environ: Mapping[str, Any], prefix: str) -> Iterable[str]:
    for number in range(20):
        if name := environ.get(f"{prefix}{number}"):
            yield str(name)
