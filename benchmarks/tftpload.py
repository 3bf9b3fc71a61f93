"""A load generator for TFTP: so many downloads at once, each from a socket and a loopback address of its own."""

import selectors
import socket
import struct
import time
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import cycle

_HEAD = struct.Struct("!HH")
_AGAIN_SECONDS = 1.0
_TRIES = 5


@dataclass
class Load:
    """What was seen: whole files, bytes, datagrams that came twice or had to be sent again; how many of the files were
    whole when the last download began, and how long that took."""

    files: int = 0
    bytes: int = 0
    repeated: int = 0
    in_time: int = 0
    seconds: float = 0.0


def downloads(port: int, names: Sequence[str], at_once: int, seconds: float, **options: int) -> Load:
    """Fetch `names` in turn from 127.0.0.1:`port`, `at_once` at a time, for `seconds` (at least one each).

    Where nothing comes for a second the last datagram of each is sent again, as phones do. Raises TimeoutError where
    that helps nothing five times, ConnectionError for a refused one.
    """
    load = Load()
    began, still = time.perf_counter(), 0
    with selectors.DefaultSelector() as selector:
        queue = cycle(names)
        running = {_Download(selector, port, next(queue), options, number, load) for number in range(at_once)}
        while running:
            ready = selector.select(_AGAIN_SECONDS)
            still = 0 if ready else still + 1
            if still > _TRIES:
                raise TimeoutError(f"{len(running)} downloads stand still after {load.files} files")
            for download in () if ready else running:
                download.send_again()
            elapsed = time.perf_counter() - began
            for key, _ in ready:
                download = key.data
                if download.receive():
                    running.remove(download)
                    if elapsed < seconds:
                        running.add(_Download(selector, port, next(queue), options, download.number, load))
            if elapsed < seconds or not load.in_time:
                load.in_time, load.seconds = load.files, time.perf_counter() - began
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
        selector.register(self._socket, selectors.EVENT_READ, self)
        fields = [name, "octet", *(str(part) for pair in options.items() for part in pair)]
        request = b"\0\1" + b"".join(field.encode() + b"\0" for field in fields)
        self._sent, self._server = request, ("127.0.0.1", port)
        self._socket.sendto(request, self._server)

    def send_again(self) -> None:
        """What was sent last, which was lost on the way there, or its answer on the way back."""
        self._load.repeated += 1
        self._socket.sendto(self._sent, self._server)

    def receive(self) -> bool:
        """Take one datagram; True once the file is whole."""
        datagram, self._server = self._socket.recvfrom(65_536)
        opcode, block = _HEAD.unpack_from(datagram)
        if opcode == 6:
            fields = datagram[2:].decode().split("\0")
            agreed = dict(zip(fields[::2], fields[1::2], strict=False))
            self._block_bytes = int(agreed.get("blksize", "512"))
            self._window = int(agreed.get("windowsize", "1"))
            self._send(_HEAD.pack(4, 0))
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
            self._send(_HEAD.pack(4, block))
        if last:
            self._load.files += 1
            self._selector.unregister(self._socket)
            self._socket.close()
        return last

    def _send(self, datagram: bytes) -> None:
        self._sent = datagram
        self._socket.sendto(datagram, self._server)
