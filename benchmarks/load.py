"""A load generator for HTTP: kept connections, one request at a time on each, as many as the server can take."""

import selectors
import socket
import time
from collections.abc import Sequence


def requests_per_second(port: int, requests: Sequence[bytes], seconds: float, connections: int = 64) -> float:
    """Send `requests` in turn over `connections` to 127.0.0.1:`port` for `seconds`; answers are read whole."""
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
                key.data.receive()
        elapsed = time.perf_counter() - began
    for client in clients:
        client.socket.close()
    return sum(client.answers for client in clients) / elapsed


class _Client:
    def __init__(self, port: int, requests: Sequence[bytes], start: int) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port))
        self.answers = 0
        self._requests, self._next = requests, start
        self._waiting_for = 0
        self._received = b""

    def send(self) -> None:
        """Send the next request."""
        self.socket.sendall(self._requests[self._next % len(self._requests)])
        self._next += 1

    def receive(self) -> None:
        """Take what has come; after a whole answer send the next request."""
        data = self.socket.recv(65536)
        if not data:
            raise ConnectionError("the server closed a kept connection")
        self._received += data
        head, end, body = self._received.partition(b"\r\n\r\n")
        if end and len(body) >= _length(head):
            self._received = b""
            self.answers += 1
            self.send()


def _length(head: bytes) -> int:
    _, _, rest = head.lower().partition(b"content-length: ")
    return int(rest.partition(b"\r\n")[0])
