"""A TFTP client that does what tests want, over real sockets; and a network between that loses datagrams."""

import random
import select
import socket
import struct
import threading
from dataclasses import dataclass, field

from webprov.serving.fetching import Fetching
from webprov.serving.tftp import TftpServer


def request(name: str | bytes, *options: object, mode: str = "octet", opcode: int = 1) -> bytes:
    raw = name if isinstance(name, bytes) else name.encode()
    fields = [raw, mode.encode(), *(str(option).encode() for option in options)]
    return struct.pack("!H", opcode) + b"".join(item + b"\0" for item in fields)


def ack(block: int) -> bytes:
    return struct.pack("!HH", 4, block & 0xFFFF)


@dataclass
class Reply:
    """One datagram of the server."""

    raw: bytes
    sender: tuple[str, int]

    @property
    def opcode(self) -> int:
        return int.from_bytes(self.raw[:2], "big")

    @property
    def number(self) -> int:
        """Block number or error code."""
        return int.from_bytes(self.raw[2:4], "big")

    @property
    def content(self) -> bytes:
        return self.raw[4:]

    @property
    def options(self) -> dict[str, str]:
        fields = self.raw[2:].decode().split("\0")
        return dict(zip(fields[::2], fields[1::2], strict=False))


class Client:
    """One UDP socket; `source` is the loopback address that it calls from."""

    def __init__(self, port: int, source: str = "127.0.0.1", timeout: float = 5) -> None:
        self.server = ("127.0.0.1", port)
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 21)
        self.socket.bind((source, 0))
        self.socket.settimeout(timeout)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.close()

    def send(self, datagram: bytes, to: tuple[str, int] | None = None) -> None:
        self.socket.sendto(datagram, to or self.server)

    def receive(self, seconds: float = 5) -> Reply | None:
        """The next datagram, or None after `seconds` of silence."""
        self.socket.settimeout(seconds)
        try:
            return Reply(*self.socket.recvfrom(70_000))
        except TimeoutError:
            return None

    def ask(self, datagram: bytes, seconds: float = 5) -> Reply | None:
        self.send(datagram)
        return self.receive(seconds)

    def drain(self, seconds: float) -> list[Reply]:
        """Everything that comes until nothing came for `seconds`."""
        found = []
        while reply := self.receive(seconds):
            found.append(reply)
        return found


def fetch(client: Client, name: str, *options: object, mode: str = "octet", patience: float = 0.2) -> bytes | Reply:
    """The file as a usual client gets it, or the ERROR. Windows as RFC 7440 says: an ACK at the end or at a gap."""
    first, reply = request(name, *options, mode=mode), None
    for _ in range(50):
        if reply := client.ask(first, patience * 5):
            break
    if reply.opcode == 5:
        return reply
    confirmed = reply.options if reply.opcode == 6 else {}
    size, window = int(confirmed.get("blksize", 512)), int(confirmed.get("windowsize", 1))
    parts, got, pending = [], 0, reply if reply.opcode == 3 else None
    if pending is None:
        client.send(ack(0), reply.sender)
    silence, complained = 0, -1
    while silence < 100:
        data = pending or client.receive(patience)
        pending = None
        if data is None:
            silence += 1
            client.send(ack(got), reply.sender)
            continue
        if data.opcode == 5:
            return data
        if data.opcode != 3:
            continue
        silence = 0
        if data.number == (got + 1) & 0xFFFF:
            got += 1
            parts.append(data.content)
            last = len(data.content) < size
            if last or got % window == 0:
                client.send(ack(got), reply.sender)
            if last:
                return b"".join(parts)
        elif window > 1 and got != complained:
            complained = got
            client.send(ack(got), reply.sender)
        elif window == 1:
            client.send(ack(data.number), reply.sender)
    raise AssertionError("the server went silent")


@dataclass
class LossyNetwork:
    """Passes datagrams between one client and the server on, in both directions, and loses `loss` of them."""

    server_port: int
    loss: float
    seed: int = 1
    lost: int = 0
    _stopping: threading.Event = field(default_factory=threading.Event)

    def __enter__(self):
        self._front = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._back = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        for end in (self._front, self._back):
            end.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 21)
            end.bind(("127.0.0.1", 0))
        self.port = self._front.getsockname()[1]
        self._thread = threading.Thread(target=self._pass_on)
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._stopping.set()
        self._thread.join(5)
        self._front.close()
        self._back.close()

    def _pass_on(self) -> None:
        chance = random.Random(self.seed)
        client, server = None, ("127.0.0.1", self.server_port)
        while not self._stopping.is_set():
            for end in select.select([self._front, self._back], [], [], 0.1)[0]:
                datagram, sender = end.recvfrom(70_000)
                if end is self._front:
                    client = sender
                elif sender[1] != self.server_port:
                    server = sender
                if chance.random() < self.loss:
                    self.lost += 1
                elif end is self._front:
                    self._back.sendto(datagram, server)
                else:
                    self._front.sendto(datagram, client)


@dataclass
class Tftp:
    """A running TFTP listener."""

    port: int
    server: TftpServer
    fetching: Fetching

    def client(self, source: str = "127.0.0.1") -> Client:
        return Client(self.port, source)
