"""How phones fetch by HTTP: a bare WSGI app (no framework, session or ORM in the way) for waitress (spec 8).

Under `/provisioning/` credentials come before any look-up. Elsewhere there is nothing, for anybody: 404 at once, with
or without credentials, so that this port says nothing about the admin UI (security PH-03, PH-17).
"""

import time
from collections.abc import Callable, Iterable
from typing import Any

from webprov.enums import Protocol
from webprov.mac import find_mac
from webprov.serving.askers import Asker, Reason
from webprov.serving.clientcertificates import ClientCertificate, from_proxy, from_tls
from webprov.serving.credentials import challenges
from webprov.serving.fetching import Condition, FetchedFile, Fetching

Headers = list[tuple[str, str]]
StartResponse = Callable[[str, Headers], Any]

_ROOT = "/provisioning/"


class PhoneApp:
    """Answers GET and HEAD below `/provisioning/`; bodies and headers of every refusal are constant."""

    def __init__(self, fetching: Fetching, protocol: Protocol = Protocol.HTTP) -> None:
        self._fetching = fetching
        self._gatekeeper = fetching.gatekeeper
        self._protocol = protocol

    def __call__(self, environ: dict[str, Any], start_response: StartResponse) -> Iterable[bytes]:
        method = environ["REQUEST_METHOD"]
        status, headers, body = self._answer(environ, method)
        headers.append(("Content-Length", str(len(body))))
        start_response(status, headers)
        return [] if method == "HEAD" or not body else [body]

    def _answer(self, environ: dict[str, Any], method: str) -> tuple[str, Headers, bytes]:
        source = self._gatekeeper.source(
            self._protocol, environ["REMOTE_ADDR"], environ.get("HTTP_X_FORWARDED_FOR", "")
        )
        asker = Asker(self._protocol, source, _as_text(environ.get("HTTP_USER_AGENT", "")))
        name = _as_text(environ["PATH_INFO"])
        if not source.allowed:
            self._fetching.refuse(name, asker, 404, Reason.NETWORK)
            return _not_found()
        if method not in ("GET", "HEAD"):
            self._fetching.refuse(name, asker, 405, Reason.METHOD)
            return _plain("405 Method Not Allowed", b"Method not allowed.\n", ("Allow", "GET, HEAD"))
        if not name.startswith(_ROOT):
            self._note_outside(name, asker)
            return _not_found()
        now = time.time()
        verdict = self._gatekeeper.check_http(
            source,
            environ.get("HTTP_AUTHORIZATION", ""),
            method,
            environ["REQUEST_URI"],
            now,
            self._certificate(environ),
        )
        if not verdict.passed:
            self._fetching.refuse(name, asker, 401, verdict.reason)
            return self._unauthorized(now, stale=verdict.reason is Reason.STALE_NONCE)
        return self._deliver(environ, name, asker._replace(identity=verdict.identity), head=method == "HEAD")

    def _certificate(self, environ: dict[str, Any]) -> ClientCertificate | None:
        """What this connection, or the trusted proxy in front of it, verified."""
        certificate = from_tls(environ)
        if "HTTP_X_FORWARDED_PROTO" in environ and self._gatekeeper.is_proxy(environ["REMOTE_ADDR"]):
            return from_proxy(environ) or certificate
        return certificate

    def _deliver(self, environ: dict[str, Any], name: str, asker: Asker, *, head: bool) -> tuple[str, Headers, bytes]:
        condition = Condition(environ.get("HTTP_IF_NONE_MATCH", ""), environ.get("HTTP_IF_MODIFIED_SINCE", ""))
        fetched = self._fetching.fetch_file(name, asker, condition, head=head)
        if not fetched.found:
            return _not_found()
        if fetched.reason is Reason.UNCHANGED:
            return "304 Not Modified", _file_headers(fetched), b""
        return "200 OK", _file_headers(fetched), fetched.content

    def _unauthorized(self, now: float, *, stale: bool) -> tuple[str, Headers, bytes]:
        return _plain("401 Unauthorized", b"Unauthorized.\n", *challenges(self._gatekeeper.nonces, now, stale=stale))

    def _note_outside(self, name: str, asker: Asker) -> None:
        """A phone that was pointed at a wrong path is worth knowing; a scanner's noise is not."""
        if find_mac(name[:250]) or find_mac(asker.user_agent[:250]):
            self._fetching.refuse(name, asker, 404, Reason.OUTSIDE)


def _file_headers(fetched: FetchedFile) -> Headers:
    return [
        ("Content-Type", fetched.content_type),
        ("ETag", fetched.etag),
        ("Last-Modified", fetched.last_modified),
        ("Cache-Control", "no-store"),
    ]


def _not_found() -> tuple[str, Headers, bytes]:
    return _plain("404 Not Found", b"Not found.\n")


def _plain(status: str, body: bytes, *extra: tuple[str, str]) -> tuple[str, Headers, bytes]:
    return status, [("Content-Type", "text/plain; charset=utf-8"), ("Cache-Control", "no-store"), *extra], body


def _as_text(name: str) -> str:
    """WSGI's Latin-1 text as the UTF-8 it stands for; what is no UTF-8 can be no name of ours."""
    return name.encode("latin-1").decode("utf-8", "backslashreplace")
