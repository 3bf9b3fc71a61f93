"""What our way of reading a request's head makes of it is what waitress makes of it, remembered or not."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from waitress.adjustments import Adjustments
from waitress.parser import HTTPRequestParser

from tests.properties import examples
from webprov.serving import requestheads
from webprov.serving.requestheads import HeadParser

ADJUSTMENTS = Adjustments()
METHODS = ["GET", "HEAD", "POST", "PUT", "get", "OPTIONS", ""]
PATHS = [
    "/provisioning/805ec0123456.cfg", "/", "/a/../b", "//host/x", "/x?y", "/x#y", "/%41.cfg", "/a b", "*", "x", "/\xff",
    "http://host/x", "/x;y", "/x:1", "/a\tb", "/a\rb", "/a\nb", "/A//b.CFG", "/x_y-z.0", "",
]  # fmt: skip
VERSIONS = [" HTTP/1.1", " HTTP/1.0", " HTTP/2.0", " HTTP/1.1 ", "  HTTP/1.1", " http/1.1", ""]
LINES = [
    "Host: pbx", "User-Agent: Yealink SIP-T54W 96.86.0.45 80:5e:c0:12:34:56", "Authorization: Basic YTpi",
    "Connection: close", "Connection: keep-alive", "Content-Length: 0", "Content-Length: 5", "Content-Length: -1",
    "Content-Length: 5\r\nContent-Length: 5", "Transfer-Encoding: chunked", "Transfer-Encoding: gzip",
    "Expect: 100-continue", "Host: two", "X_Under: score", "no colon", " folded", "\tfolded", "Bad name: x",
    "X: a\rb", "X: a\nb", "X:", ": x", "X: \xe9", "X: " + "y" * 1_200,
]  # fmt: skip


def read(kind: type[HTTPRequestParser], head: bytes) -> dict[str, Any]:
    """Everything that a parser knows after `head`; errors by their type and words."""
    parser = kind(ADJUSTMENTS)
    parser.received(head)
    known = {name: getattr(parser, name, None) for name in vars(HTTPRequestParser)} | vars(parser)
    known = {name: value for name, value in known.items() if not (callable(value) or name.startswith("__"))}
    return known | {"error": (type(parser.error), getattr(parser.error, "body", "")), "body_rcv": type(parser.body_rcv)}


def heads() -> st.SearchStrategy[bytes]:
    parts = st.tuples(st.sampled_from(METHODS), st.sampled_from(PATHS), st.sampled_from(VERSIONS))
    lines = st.lists(st.sampled_from(LINES), max_size=4)
    ends = st.sampled_from(["\r\n", "\r\n", "\r\n", "\n"])
    return st.builds(
        lambda first, lines, end: (f"{first[0]} {first[1]}{first[2]}{end}" + "".join(x + end for x in lines) + "\r\n"),
        parts, lines, ends,
    ).map(lambda text: text.encode("latin-1"))  # fmt: skip


@given(heads())
@examples(1_000, 100_000)
def test_a_head_means_what_waitress_takes_it_for(head):
    assert read(HeadParser, head) == read(HTTPRequestParser, head) == read(HeadParser, head)


@pytest.mark.parametrize("lines", LINES)
@pytest.mark.parametrize("path", PATHS)
def test_each_path_with_each_line(path, lines):
    head = f"GET {path} HTTP/1.1\r\n{lines}\r\n\r\n".encode("latin-1")
    assert read(HeadParser, head) == read(HTTPRequestParser, head)


def test_the_same_lines_are_read_once_and_shared_with_nobody():
    requestheads._headers.cache_clear()
    one, two = HeadParser(ADJUSTMENTS), HeadParser(ADJUSTMENTS)
    one.received(b"GET /a.cfg HTTP/1.1\r\nHost: pbx\r\n\r\n")
    one.headers["HOST"] = "changed"
    two.received(b"GET /b.cfg HTTP/1.1\r\nHost: pbx\r\n\r\n")
    assert (two.path, two.headers) == ("/b.cfg", {"HOST": "pbx"})
    assert requestheads._headers.cache_info()[:2] == (1, 1)
    HeadParser(ADJUSTMENTS).received(b"GET /b.cfg HTTP/1.1\r\nX: " + b"y" * 2_000 + b"\r\n\r\n")
    assert requestheads._headers.cache_info().currsize == 1
