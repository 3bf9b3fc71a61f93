"""What proxies say about a request is believed from configured ones only (security PH-11).

Under waitress this needs `clear_untrusted_proxy_headers=False`: the decision is made here.
"""

from collections.abc import Iterable, Sequence
from ipaddress import IPv4Network, IPv6Network, ip_address
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

_FORWARDED = ("HTTP_X_FORWARDED_FOR", "HTTP_X_FORWARDED_PROTO")


class TrustedProxies:
    """A WSGI layer that takes address and scheme from X-Forwarded-For and -Proto when the peer is a trusted proxy."""

    def __init__(self, app: "WSGIApplication", networks: Sequence[IPv4Network | IPv6Network]) -> None:
        self._app = app
        self._networks = networks

    def __call__(self, environ: "WSGIEnvironment", start_response: "StartResponse") -> Iterable[bytes]:
        named, scheme = (environ.pop(name, "") for name in _FORWARDED)
        if self._trusts(environ.get("REMOTE_ADDR", "")):
            environ["REMOTE_ADDR"] = self._client(named, environ.get("REMOTE_ADDR", ""))
            if scheme.strip().lower() in ("http", "https"):
                environ["wsgi.url_scheme"] = scheme.strip().lower()
        return self._app(environ, start_response)

    def _client(self, named: str, peer: str) -> str:
        """The last address that no trusted proxy added itself."""
        for address in reversed([part.strip() for part in named.split(",") if part.strip()]):
            peer = address
            if not self._trusts(address):
                break
        return peer

    def _trusts(self, address: str) -> bool:
        try:
            return any(ip_address(address) in network for network in self._networks)
        except ValueError:
            return False
