import http.client
import re
import socket
import struct
import threading
import time
from contextlib import suppress
from dataclasses import replace

import pytest

from tests.webprov.serving.conftest import stop
from tests.webprov.serving.fleet import MAC, wait_for
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


def test_rl01_a_connection_that_breaks_off_counts_once(phones):
    (server,) = phones.servers
    for _ in range(3):
        with connect(phones) as connection:
            connection.sendall(b"GET ")
            wait_for(lambda: server.per_source)
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))  # a reset, no end
        wait_for(lambda: not server.active_channels)

    assert not server.per_source


def test_requests_that_come_all_at_once_are_answered_in_turn(phones):
    phones.fleet.add_phone()
    head = f"HTTP/1.1\r\nHost: x\r\nAuthorization: {phones.basic}\r\n"
    requests = f"GET {FILE} {head}\r\nGET /provisioning/none {head}\r\nHEAD {FILE} {head}Connection: close\r\n\r\n"
    with connect(phones) as connection:
        connection.sendall(requests.encode())
        answers = b"".join(iter(lambda: connection.recv(65536), b""))

    assert re.findall(rb"HTTP/1.1 (\d+)", answers) == [b"200", b"404", b"200"]


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


def test_r11_slow_readers_are_cut_and_hold_nobody_up(phones, monkeypatch):
    monkeypatch.setattr(httpserver, "READ_SECONDS", 0.5)
    phones.fleet.add_phone()
    phones.fleet.add_asset("FIRMWARE-x/big.rom", b"\0" * 20_000_000)
    path = "/provisioning/FIRMWARE-x/big.rom"
    wait_for(lambda: phones.ask(path, method="HEAD").status == 200)
    head = f"GET {path} HTTP/1.1\r\nHost: x\r\nAuthorization: {phones.basic}\r\n\r\n".encode()
    slow = [connect(phones) for _ in range(40)]
    for connection in slow:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        connection.sendall(head * 3)

    assert phones.ask(FILE).status == 200
    assert phones.ask(path).status == 200
    wait_for(lambda: not any(channel.total_outbufs_len for channel in channels(phones)), 40)

    for connection in slow:
        connection.close()


def channels(phones):
    return [channel for server in phones.servers for channel in list(server.active_channels.values())]


def test_r11_a_reader_that_keeps_up_is_never_cut(phones, monkeypatch):
    monkeypatch.setattr(httpserver, "READ_SECONDS", 0.2)
    phones.fleet.add_asset("FIRMWARE-x/big.rom", b"\0" * 8_000_000)
    path = "/provisioning/FIRMWARE-x/big.rom"
    wait_for(lambda: phones.ask(path, method="HEAD").status == 200)

    with connect(phones) as reader:
        reader.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65536)
        reader.sendall(f"GET {path} HTTP/1.0\r\nAuthorization: {phones.basic}\r\n\r\n".encode())
        received = 0
        while part := reader.recv(200_000):
            received += len(part)
            time.sleep(0.02)

    assert received > 8_000_000


def test_r11_slow_bodies_are_cut(phones, monkeypatch):
    limits = replace(httpserver.PHONE_LIMITS, body_seconds=0.3)
    for server in phones.servers:
        monkeypatch.setattr(server, "limits", limits)
    with connect(phones) as slow:
        slow.sendall(b"PUT /provisioning/x HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\nx")
        with suppress(ConnectionResetError):
            assert slow.recv(100) == b""
