"""Answers leave whole, and every kind of request gets a head that fits it."""

import socket
import threading
import time

import pytest

from tests.webprov.serving.conftest import stop
from webprov.serving.httpserver import PHONE_LIMITS, BoundedChannel, make_server

LONG = b"x" * 300_000
ENDLESS_BYTES = 40_000_000  # more than waitress keeps for a client that does not read


def app(environ, start_response):
    kind = environ["PATH_INFO"]
    if kind == "/endless":
        start_response("200 OK", [("Content-Length", str(ENDLESS_BYTES))])
        return (b"x" * 1_000_000 for _ in range(ENDLESS_BYTES // 1_000_000))
    body = LONG if kind == "/long" else b"hello"
    headers = [("Content-Type", "text/plain"), ("Set-Cookie", "a=1"), ("Set-Cookie", "b=2")]
    if kind == "/dated":
        headers.append(("Date", "Thu, 01 Jan 1970 00:00:00 GMT"))
    if kind == "/empty":
        start_response("204 No Content", headers)
        return []
    if kind != "/unmeasured":
        headers.append(("Content-Length", str(len(body))))
    start_response("200 OK", headers)
    if environ["REQUEST_METHOD"] == "HEAD":
        return []
    return [body[:2], body[2:]] if kind == "/parts" else [body]


@pytest.fixture
def served(monkeypatch):
    """Its port, and what is written at once each time."""
    pieces: list[bytes] = []
    write_soon = BoundedChannel.write_soon

    def noting(channel, data):
        pieces.append(data)
        return write_soon(channel, data)

    monkeypatch.setattr(BoundedChannel, "write_soon", noting)
    listener = socket.create_server(("127.0.0.1", 0))
    server = make_server(app, listener, PHONE_LIMITS, unlimited=lambda address: False)
    thread = threading.Thread(target=server.run)
    thread.start()
    yield listener.getsockname()[1], pieces
    stop(server, thread)


def ask(port, path, version="1.1", method="GET", more="", *, kept=True):
    """Head lines and body; where the connection is kept a second request ends it."""
    first = f"{method} {path} HTTP/{version}\r\nHost: x\r\n{more}\r\n"
    last = "GET /last HTTP/1.0\r\nHost: x\r\n\r\n" if kept else ""
    with socket.create_connection(("127.0.0.1", port), timeout=10) as connection:
        connection.sendall(first.encode() + last.encode())
        answer = b""
        while part := connection.recv(1 << 20):
            answer += part
    if kept:
        answer, _, _ = answer.rpartition(b"HTTP/1.0 200 OK")
    head, _, body = answer.partition(b"\r\n\r\n")
    return sorted(head.decode().split("\r\n")), body


def test_an_everyday_answer_leaves_in_one_piece(served):
    port, pieces = served

    lines, body = ask(port, "/")

    assert body == b"hello"
    assert pieces[0].startswith(b"HTTP/1.1 200 OK\r\n")
    assert pieces[0].endswith(b"\r\n\r\nhello")
    assert [line for line in lines if not line.startswith("Date: ")] == [
        "Content-Length: 5",
        "Content-Type: text/plain",
        "HTTP/1.1 200 OK",
        "Server: webprov",
        "Set-Cookie: a=1",
        "Set-Cookie: b=2",
    ]


def test_a_long_answer_is_not_copied_behind_its_head(served):
    port, pieces = served

    _, body = ask(port, "/long")

    assert body == LONG
    assert LONG in pieces


@pytest.mark.parametrize(
    ("request_", "line", "body"),
    [
        ({"path": "/parts"}, "Content-Length: 5", b"hello"),
        ({"path": "/unmeasured"}, "Content-Length: 5", b"hello"),
        ({"path": "/dated"}, "Date: Thu, 01 Jan 1970 00:00:00 GMT", b"hello"),
        ({"path": "/", "method": "HEAD"}, "Content-Length: 5", b""),
        ({"path": "/", "more": "Connection: close\r\n", "kept": False}, "Connection: close", b"hello"),
        ({"path": "/", "version": "1.0", "kept": False}, "Connection: close", b"hello"),
        ({"path": "/", "version": "1.0", "more": "Connection: keep-alive\r\n"}, "Connection: Keep-Alive", b"hello"),
        ({"path": "/empty", "kept": False}, "HTTP/1.1 204 No Content", b""),
    ],
)
def test_each_kind_of_answer_has_one_head_that_fits(served, request_, line, body):
    port, _ = served

    lines, sent = ask(port, **request_)

    assert sent == body
    assert line in lines
    for name in ("Date", "Server", "Content-Type"):
        assert sum(each.startswith(f"{name}: ") for each in lines) == 1


def test_an_answer_longer_than_what_is_kept_waits_for_its_reader(served):
    port, _ = served
    with socket.create_connection(("127.0.0.1", port), timeout=10) as connection:
        connection.sendall(b"GET /endless HTTP/1.0\r\nHost: x\r\n\r\n")
        time.sleep(0.5)  # all that fits is kept by now, and the thread waits
        received = 0
        while part := connection.recv(1 << 20):
            received += len(part)

    assert received > ENDLESS_BYTES
