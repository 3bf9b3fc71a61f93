import http.client
import socket
import threading
import time
from dataclasses import replace

import pytest

from tests.webprov.serving.conftest import stop
from tests.webprov.serving.fleet import MAC
from webprov.serving import httpserver

FILE = f"/provisioning/{MAC.lower()}.cfg"


def connect(phones):
    return socket.create_connection(("127.0.0.1", phones.port), timeout=10)


def is_refused(phones) -> bool:
    with connect(phones) as connection:
        try:
            connection.sendall(b"GET / HTTP/1.0\r\n\r\n")
            return connection.recv(100) == b""
        except ConnectionError:
            return True


def test_rl01_a_request_that_takes_too_long_is_ended_though_bytes_keep_coming(phones, monkeypatch):
    monkeypatch.setattr(httpserver, "HEADER_SECONDS", 0.3)
    with connect(phones) as slow:
        slow.sendall(b"GET / HTTP/1.1\r\n")
        ended = threading.Event()

        def dribble():
            while not ended.wait(0.1):
                try:
                    slow.sendall(b"X-A: b\r\n")
                except OSError:
                    return

        thread = threading.Thread(target=dribble)
        thread.start()
        try:
            assert slow.recv(100) == b""
        except ConnectionResetError:
            pass
        finally:
            ended.set()
            thread.join()


def test_rl01_half_requests_hold_up_nobody(phones):
    phones.fleet.add_phone()
    held = [connect(phones) for _ in range(150)]
    for half in held:
        half.sendall(b"GET /x HTTP/1.1\r\n")

    assert phones.ask(FILE).status == 200

    for half in held:
        half.close()


def test_rl01_one_address_holds_a_bounded_number_of_connections(phones, monkeypatch):
    monkeypatch.setattr(httpserver, "CONNECTIONS_PER_SOURCE", 5)
    phones.fleet.add_phone()
    held = [connect(phones) for _ in range(5)]
    time.sleep(0.1)

    assert is_refused(phones)
    assert phones.ask(FILE, source="127.0.0.2").status == 200

    for connection in held:
        connection.close()
    time.sleep(0.1)
    assert phones.ask(FILE).status == 200


@pytest.fixture
def sink():
    """A server that says yes to any body, with room for long ones below /firmware/; what it got, and its port."""
    got: list[int] = []

    def app(environ, start_response):
        got.append(len(environ["wsgi.input"].read()))
        start_response("200 OK", [("Content-Length", "0")])
        return []

    listener = socket.create_server(("127.0.0.1", 0))
    limits = replace(httpserver.admin_limits(3_000_000), body_bytes=100_000)
    server = httpserver.make_server(app, listener, limits, unlimited=lambda address: False)
    thread = threading.Thread(target=server.run)
    thread.start()
    yield got, listener.getsockname()[1]
    stop(server, thread)


@pytest.mark.parametrize(
    ("path", "size", "status"),
    [
        ("/firmware/upload", 2_000_000, 200),
        ("/firmware/upload", 9_000_000, 413),
        ("/firmwares", 200_000, 413),
        ("/", 90_000, 200),
    ],
)
def test_rl02_long_bodies_are_taken_below_their_path_alone(sink, path, size, status):
    got, port = sink
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    connection.putrequest("POST", path)
    connection.putheader("Content-Length", str(size))
    connection.endheaders()
    if status == 200:
        connection.send(b"x" * size)

    assert connection.getresponse().status == status
    assert got == ([size] if status == 200 else [])
    connection.close()
