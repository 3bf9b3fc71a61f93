import socket
import threading
import time

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
