"""How phones fetch by HTTP: a bare WSGI app (no framework, session or ORM in the way) for waitress (spec 8).

Under `/provisioning/` credentials come before any look-up. Elsewhere there is nothing, for anybody: 404 at once, with
or without credentials, so that this port says nothing about the admin UI (security PH-03, PH-17).
"""

import re
import time
from collections.abc import Callable, Iterable
from typing import Any, BinaryIO, NamedTuple
from urllib.parse import quote

from webprov.enums import Protocol
from webprov.mac import find_mac
from webprov.serving.askers import Asker, Reason, Verdict
from webprov.serving.clientcertificates import ClientCertificate, from_proxy, from_tls
from webprov.serving.credentials import challenges
from webprov.serving.fetchedfile import Condition, FetchedFile
from webprov.serving.fetching import Fetching
from webprov.serving.simulated import is_mark
from webprov.serving.sources import Source

Headers = list[tuple[str, str]]
StartResponse = Callable[[str, Headers], Any]

_ROOT = "/provisioning/"
_FETCHING = ("GET", "HEAD")
_SENDING = ("PUT", "POST")
_WITHOUT_LOGIN = (Reason.NO_CERTIFICATE, Reason.FOREIGN_CERTIFICATE)  # no credentials would help: nothing is here
_RANGE = re.compile(r"bytes=([0-9]{0,18})-([0-9]{0,18})", re.ASCII)


class Answer(NamedTuple):
    """What goes back: a whole `body`, or `length` bytes of `file` from where it stands."""

    status: str
    headers: Headers
    body: bytes = b""
    file: BinaryIO | None = None
    length: int = 0


class PhoneApp:
    """Answers GET and HEAD below `/provisioning/`, and what phones send; every refusal is constant, byte by byte."""

    def __init__(self, fetching: Fetching, protocol: Protocol = Protocol.HTTP) -> None:
        self._fetching = fetching
        self._gatekeeper = fetching.gatekeeper
        self._protocol = protocol

    def __call__(self, environ: dict[str, Any], start_response: StartResponse) -> Iterable[bytes]:
        method = environ["REQUEST_METHOD"]
        answer = self._answer(environ, method)
        file = answer.file
        answer.headers.append(("Content-Length", str(len(answer.body) if file is None else answer.length)))
        start_response(answer.status, answer.headers)
        if file is None:
            return [answer.body] if answer.body and method != "HEAD" else []
        if method == "HEAD":
            file.close()
            return []
        sent: Iterable[bytes] = environ["wsgi.file_wrapper"](file)  # as many bytes as Content-Length says, then closed
        return sent

    def _answer(self, environ: dict[str, Any], method: str) -> Answer:
        source = self._gatekeeper.source(
            self._protocol, environ["REMOTE_ADDR"], environ.get("HTTP_X_FORWARDED_FOR", "")
        )
        simulated = is_mark(environ.get("HTTP_X_WEBPROV_SIMULATION", ""))
        asker = Asker(self._protocol, source, _as_text(environ.get("HTTP_USER_AGENT", "")), simulated=simulated)
        name = _as_text(environ["PATH_INFO"])
        if not source.allowed:
            return self._refuse(name, asker, Reason.NETWORK)
        inside = name.startswith(_ROOT)
        if method not in _FETCHING and not (inside and method in _SENDING):
            self._fetching.refuse(name, asker, 405, Reason.METHOD)
            return _not_allowed()
        if not inside:
            self._note_outside(name, asker)
            return _not_found()
        now = time.time()
        verdict = self._check(environ, source, method, now)
        if verdict.reason in _WITHOUT_LOGIN:
            return self._refuse(name, asker, verdict.reason)
        if not verdict.passed:
            self._fetching.refuse(name, asker, 401, verdict.reason)
            return self._unauthorized(now, stale=verdict.reason is Reason.STALE_NONCE)
        asker = Asker(self._protocol, source, asker.user_agent, verdict.identity, simulated)
        if method in _FETCHING or (method == "POST" and self._fetching.is_directory_file(name)):
            return self._deliver(environ, name, asker, head=method == "HEAD")
        return self._receive(environ, name, asker)

    def _check(self, environ: dict[str, Any], source: Source, method: str, now: float) -> Verdict:
        header = environ.get("HTTP_AUTHORIZATION", "")
        target = environ["REQUEST_URI"]
        certificate = self._certificate(environ) if self._gatekeeper.asks_for_certificates else None
        return self._gatekeeper.check_http(source, header, method, target, now, certificate)

    def _certificate(self, environ: dict[str, Any]) -> ClientCertificate | None:
        """What this connection, or the trusted proxy in front of it, verified."""
        certificate = from_tls(environ)
        if "HTTP_X_FORWARDED_PROTO" in environ and self._gatekeeper.is_proxy(environ["REMOTE_ADDR"]):
            return from_proxy(environ) or certificate
        return certificate

    def _deliver(self, environ: dict[str, Any], name: str, asker: Asker, *, head: bool) -> Answer:
        condition = Condition(environ.get("HTTP_IF_NONE_MATCH", ""), environ.get("HTTP_IF_MODIFIED_SINCE", ""))
        fetched = self._fetching.fetch_file(name, asker, condition, head=head)
        if not fetched.found:
            return _not_found()
        headers = _file_headers(fetched)
        if fetched.reason is Reason.UNCHANGED:
            return Answer("304 Not Modified", headers)
        if fetched.file is None:
            return Answer("200 OK", headers, fetched.content)
        if self._fetching.accel_redirect and self._gatekeeper.is_proxy(environ["REMOTE_ADDR"]):
            return _handed_over(fetched, headers, self._fetching.accel_redirect)
        return _asset(fetched, fetched.file, headers, "" if head else environ.get("HTTP_RANGE", ""), environ)

    def _receive(self, environ: dict[str, Any], name: str, asker: Asker) -> Answer:
        """Keep what the phone sends, if its model says that it sends such a file."""
        reason = self._fetching.store_upload(name, asker, environ["wsgi.input"])
        if reason is Reason.STORED:
            return _plain("201 Created", b"Stored.\n")
        if reason in (Reason.TOO_LARGE, Reason.TOO_MANY):
            return _plain("413 Content Too Large", b"Too large.\n")
        if reason is Reason.NOT_KEPT:
            return _plain("507 Insufficient Storage", b"Not stored.\n")
        return _not_allowed()

    def _refuse(self, name: str, asker: Asker, reason: Reason) -> Answer:
        self._fetching.refuse(name, asker, 404, reason)
        return _not_found()

    def _unauthorized(self, now: float, *, stale: bool) -> Answer:
        return _plain("401 Unauthorized", b"Unauthorized.\n", *challenges(self._gatekeeper.nonces, now, stale=stale))

    def _note_outside(self, name: str, asker: Asker) -> None:
        """A phone that was pointed at a wrong path is worth knowing; a scanner's noise is not."""
        if find_mac(name[:250]) or find_mac(asker.user_agent[:250]):
            self._fetching.refuse(name, asker, 404, Reason.OUTSIDE)


def _handed_over(fetched: FetchedFile, headers: Headers, location: str) -> Answer:
    """An asset that the proxy in front sends from disk itself, ranges and conditions included."""
    fetched.close()
    headers.append(("X-Accel-Redirect", location + quote(fetched.path)))
    return Answer("200 OK", headers)


def _asset(fetched: FetchedFile, file: BinaryIO, headers: Headers, wanted: str, environ: dict[str, Any]) -> Answer:
    """An asset, or the one range of it that is asked for."""
    headers.append(("Accept-Ranges", "bytes"))
    if wanted and environ.get("HTTP_IF_RANGE", fetched.etag) not in (fetched.etag, fetched.last_modified):
        wanted = ""
    part = parse_range(wanted, fetched.size)
    if part is None:
        return Answer("200 OK", headers, b"", file, fetched.size)
    if not part:
        file.close()
        return _plain("416 Range Not Satisfiable", b"No such range.\n", ("Content-Range", f"bytes */{fetched.size}"))
    file.seek(part.start)
    headers.append(("Content-Range", f"bytes {part.start}-{part.stop - 1}/{fetched.size}"))
    return Answer("206 Partial Content", headers, b"", file, len(part))


def parse_range(text: str, size: int) -> range | None:
    """The bytes that a Range header asks for of `size` (RFC 9110 14): an empty range where there are none there.

    None: all of it, also for a header that is none and for several ranges at once, which may be ignored.
    """
    match = _RANGE.fullmatch(text)
    if match is None or not (match[1] or match[2]):
        return None
    if not match[1]:
        return range(max(0, size - int(match[2])), size)
    first = int(match[1])
    last = int(match[2]) if match[2] else size - 1
    if match[2] and last < first:
        return None
    return range(first, min(last + 1, size))


def _file_headers(fetched: FetchedFile) -> Headers:
    return [
        ("Content-Type", fetched.content_type),
        ("ETag", fetched.etag),
        ("Last-Modified", fetched.last_modified),
        ("Cache-Control", "no-cache" if fetched.is_asset else "no-store"),
    ]


def _not_found() -> Answer:
    return _plain("404 Not Found", b"Not found.\n")


def _not_allowed() -> Answer:
    return _plain("405 Method Not Allowed", b"Method not allowed.\n", ("Allow", "GET, HEAD"))


def _plain(status: str, body: bytes, *extra: tuple[str, str]) -> Answer:
    return Answer(status, [("Content-Type", "text/plain; charset=utf-8"), ("Cache-Control", "no-store"), *extra], body)


def _as_text(name: str) -> str:
    """WSGI's Latin-1 text as the UTF-8 it stands for; what is no UTF-8 can be no name of ours."""
    return name.encode("latin-1").decode("utf-8", "backslashreplace")
