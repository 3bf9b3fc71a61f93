"""A load generator for TFTP: so many downloads at once, each from a socket and a loopback address of its own."""

import selectors
import socket
import struct
import time
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import cycle

_HEAD = struct.Struct("!HH")
_PATIENCE_SECONDS = 5.0


@dataclass
class Load:
    """What was seen: whole files, bytes, and datagrams that came twice."""

    files: int = 0
    bytes: int = 0
    repeated: int = 0
    seconds: float = 0.0


def downloads(port: int, names: Sequence[str], at_once: int, seconds: float, **options: int) -> Load:
    """Fetch `names` in turn from 127.0.0.1:`port`, `at_once` at a time, for `seconds` (at least one each).

    Raises TimeoutError where a download stands still for five seconds, ConnectionError for a refused one.
    """
    load = Load()
    began = time.perf_counter()
    with selectors.DefaultSelector() as selector:
        queue = cycle(names)
        running = {_Download(selector, port, next(queue), options, number, load) for number in range(at_once)}
        while running:
            ready = selector.select(_PATIENCE_SECONDS)
            if not ready:
                raise TimeoutError(f"{len(running)} downloads stand still after {load.files} files")
            over = time.perf_counter() - began >= seconds
            for key, _ in ready:
                download: _Download = key.data
                if download.receive():
                    running.remove(download)
                    if not over:
                        running.add(_Download(selector, port, next(queue), options, download.number, load))
    load.seconds = time.perf_counter() - began
    return load


class _Download:
    def __init__(
        self, selector: selectors.BaseSelector, port: int, name: str, options: dict[str, int], number: int, load: Load
    ) -> None:
        self.number = number
        self._selector, self._load = selector, load
        self._got = 0
        self._block_bytes, self._window = 512, 1
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
        self._socket.bind((f"127.0.{1 + number // 200}.{1 + number % 200}", 0))
        self._connected = False
        selector.register(self._socket, selectors.EVENT_READ, self)
        fields = [name, "octet", *(str(part) for pair in options.items() for part in pair)]
        request = b"\0\1" + b"".join(field.encode() + b"\0" for field in fields)
        self._socket.sendto(request, ("127.0.0.1", port))

    def receive(self) -> bool:
        """Take one datagram; True once the file is whole."""
        datagram, server = self._socket.recvfrom(65_536)
        if not self._connected:
            self._socket.connect(server)
            self._connected = True
        opcode, block = _HEAD.unpack_from(datagram)
        if opcode == 6:
            fields = datagram[2:].decode().split("\0")
            agreed = dict(zip(fields[::2], fields[1::2], strict=False))
            self._block_bytes = int(agreed.get("blksize", "512"))
            self._window = int(agreed.get("windowsize", "1"))
            self._socket.send(_HEAD.pack(4, 0))
            return False
        if opcode != 3:
            raise ConnectionError(f"refused: {datagram!r}")
        if block != (self._got + 1) & 0xFFFF:
            self._load.repeated += 1
            return False
        self._got += 1
        size = len(datagram) - 4
        self._load.bytes += size
        last = size < self._block_bytes
        if last or self._got % self._window == 0:
            self._socket.send(_HEAD.pack(4, block))
        if last:
            self._load.files += 1
            self._selector.unregister(self._socket)
            self._socket.close()
        return last
