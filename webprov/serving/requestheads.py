"""How a request's head is read. Phones say the same about themselves in each request and only ask for another file:
what waitress made of such lines is remembered, and everything out of the ordinary is waitress's as ever."""

import re
from functools import lru_cache

from waitress.adjustments import Adjustments
from waitress.parser import HTTPRequestParser, ParsingError, TransferEncodingNotImplemented

_EVERYDAY = re.compile(rb"(GET|HEAD) (/[A-Za-z0-9/._-]*) HTTP/1\.1")
_LONGEST_BYTES = 1024


class HeadParser(HTTPRequestParser):  # type: ignore[misc]
    """A request being received. One that gets a file of a plain name by HTTP/1.1 has a short way."""

    def parse_header(self, header_plus: bytes) -> None:
        """Read the request line and the lines behind it; raises what waitress raises for bad ones."""
        line, _, lines = header_plus.partition(b"\r\n")
        match = _EVERYDAY.fullmatch(line)
        headers = _headers(lines) if match and len(lines) <= _LONGEST_BYTES else None
        if match is None or headers is None:
            super().parse_header(header_plus)
            return
        self.first_line = line
        self.headers = headers.copy()
        self.command, self.version = match[1].decode(), "1.1"
        self.path = self.request_uri = match[2].decode()
        self.url_scheme: str = self.adj.url_scheme
        self.proxy_scheme = self.proxy_netloc = self.query = self.fragment = ""


@lru_cache(maxsize=1_000)
def _headers(lines: bytes) -> dict[str, str] | None:
    """The headers in `lines`, as waitress reads them; None where they are none, announce a body, or end the
    connection."""
    parser = HTTPRequestParser(_ADJUSTMENTS)
    try:
        parser.parse_header(b"GET / HTTP/1.1\r\n" + lines)
    except (ParsingError, TransferEncodingNotImplemented):
        return None
    ordinary = parser.body_rcv is None and not (parser.expect_continue or parser.connection_close)
    return parser.headers if ordinary else None


_ADJUSTMENTS = Adjustments()
