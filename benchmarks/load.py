"""A load generator for HTTP: kept connections, one request at a time on each, as many as the server can take."""

import selectors
import socket
import time
from collections.abc import Sequence


def requests_per_second(
    port: int, requests: Sequence[bytes], seconds: float, connections: int = 64, *, kept: bool = True
) -> float:
    """Send `requests` in turn over `connections` to 127.0.0.1:`port` for `seconds`; answers are read whole.

    Not `kept`: each request has a connection of its own, still so many at once.
    """
    clients = [
        _Client(port, requests, start) for start in range(0, len(requests), max(1, len(requests) // connections))
    ]
    with selectors.DefaultSelector() as selector:
        for client in clients:
            selector.register(client.socket, selectors.EVENT_READ, client)
            client.send()
        began = time.perf_counter()
        while time.perf_counter() - began < seconds:
            for key, _ in selector.select(1):
                client = key.data
                if client.receive():
                    if not kept:
                        selector.unregister(client.socket)
                        client.connect()
                        selector.register(client.socket, selectors.EVENT_READ, client)
                    client.send()
        elapsed = time.perf_counter() - began
    for client in clients:
        client.socket.close()
    return sum(client.answers for client in clients) / elapsed


class _Client:
    def __init__(self, port: int, requests: Sequence[bytes], start: int) -> None:
        self._port, self._requests, self._next = port, requests, start
        self.answers = 0
        self._received = b""
        self.socket = self._connected()

    def connect(self) -> None:
        """Begin again with a new connection."""
        self.socket.close()
        self.socket = self._connected()

    def _connected(self) -> socket.socket:
        """From many addresses in turn, so that ports of connections just closed are not missed."""
        return socket.create_connection(("127.0.0.1", self._port), 10, (f"127.0.1.{1 + self._next % 200}", 0))

    def send(self) -> None:
        """Send the next request."""
        self.socket.sendall(self._requests[self._next % len(self._requests)])
        self._next += 1

    def receive(self) -> bool:
        """Take what has come; True when an answer is whole."""
        data = self.socket.recv(65536)
        if not data:
            raise ConnectionError("the server closed a connection without an answer")
        self._received += data
        head, end, body = self._received.partition(b"\r\n\r\n")
        if not end or len(body) < _length(head):
            return False
        self._received = b""
        self.answers += 1
        return True


def _length(head: bytes) -> int:
    _, _, rest = head.lower().partition(b"content-length: ")
    return int(rest.partition(b"\r\n")[0])


def wait_for(port: int) -> None:
    """Wait until somebody takes connections at `port`; raises TimeoutError."""
    end = time.monotonic() + 20
    while time.monotonic() < end:
        try:
            socket.create_connection(("127.0.0.1", port)).close()
        except OSError:
            time.sleep(0.05)
        else:
            return
    raise TimeoutError(f"nothing listens on {port}")
