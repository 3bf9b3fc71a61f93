"""How phones fetch by TFTP: read-only, for listed networks alone, in one loop that no datagram can stop (spec 8).

TFTP has no sign-in and its source addresses can be forged. So every answer to a request is small, a file goes only to
who acknowledges it, and guesses made by TFTP shut nobody out of other protocols (security TF-01 to TF-07).
"""

import logging
import selectors
import socket
import struct
import threading
import time
from collections import Counter
from collections.abc import Callable
from typing import Any, NamedTuple

from webprov.serving import tftppackets as packets
from webprov.serving.askers import Reason
from webprov.serving.httpserver import allow_open_files
from webprov.serving.retirement import RETIRING
from webprov.serving.tftpdesk import Desk
from webprov.serving.tftppackets import BadRequest, ErrorCode
from webprov.serving.tftptransfer import Outcome, Patience, Transfer

log = logging.getLogger(__name__)

TRANSFERS_PER_SOURCE = 64
TRANSFERS = 2_048
_REQUESTS_A_TURN = 64
_TICK_SECONDS = 0.05
_IDLE_SECONDS = 0.5
_DATAGRAM_BYTES = 2_048
_BUFFER_BYTES = 4 * 1024 * 1024
_IP_PKTINFO = getattr(socket, "IP_PKTINFO", 8)  # Python 3.11 has no name for Linux's number
_ANCILLARY_BYTES = socket.CMSG_SPACE(20)


class Client(NamedTuple):
    """Who asks (its socket address), and which address of ours it asked (so that the answer comes from there)."""

    address: Any
    asked: str


class Running(NamedTuple):
    """A transfer, and what it belongs to: its request as it came, the source it counts for."""

    transfer: Transfer
    request: bytes
    source: str
    finish: Callable[[bool], None]


class TftpServer:
    """Serves one bound UDP socket; `run` it, a SystemExit (or `stop`) ends it."""

    def __init__(self, listener: socket.socket, desk: Desk, patience: Patience | None = None) -> None:
        self._listener = listener
        self._desk = desk
        self._patience = patience or Patience()
        self._selector = selectors.DefaultSelector()
        self._running: dict[Any, Running] = {}
        self._per_source: Counter[str] = Counter()
        self._tick_at = 0.0
        self._stopping = threading.Event()
        self.retiring = RETIRING
        self._listening = True
        prepare(listener)
        self._selector.register(listener, selectors.EVENT_READ, None)
        allow_open_files(2 * TRANSFERS + 500)

    @property
    def transfers(self) -> int:
        """How many are under way."""
        return len(self._running)

    def run(self) -> None:
        """Answer until told to stop; then let go of everything but the listener."""
        try:
            while not self._stopping.is_set() and not self._has_retired():
                self._turn()
        finally:
            for address in list(self._running):
                self._end(address)
            self._selector.close()

    def stop(self) -> None:
        """Let `run` end."""
        self._stopping.set()

    def _has_retired(self) -> bool:
        """When told to retire: take no new requests, and be done once the last transfer is."""
        if self.retiring.is_set() and self._listening:
            self._listening = False
            self._selector.unregister(self._listener)
        return not self._listening and not self._running

    def _turn(self) -> None:
        ready = self._selector.select(_TICK_SECONDS if self._running else _IDLE_SECONDS)
        now = time.monotonic()
        for key, _ in ready:
            if key.data is None:
                self._take_requests(now)
            else:
                self._go_on(key.data, now)
        if now >= self._tick_at:
            self._tick_at = now + _TICK_SECONDS
            self._tick(now)

    def _take_requests(self, now: float) -> None:
        for _ in range(_REQUESTS_A_TURN):
            try:
                datagram, ancillary, _, address = self._listener.recvmsg(_DATAGRAM_BYTES, _ANCILLARY_BYTES)
            except OSError:  # nothing left; or an earlier answer came back as undeliverable
                return
            try:
                self._take(datagram, Client(address, _asked_address(ancillary)), now)
            except Exception:
                # whatever is wrong with one datagram must not end the service of all others (TF-03)
                log.exception("A TFTP request from %s could not be answered", address[0])

    def _take(self, datagram: bytes, client: Client, now: float) -> None:
        try:
            request = packets.parse_request(datagram)
        except BadRequest as e:
            self._send(client, packets.error(ErrorCode.ILLEGAL, str(e)))
            return
        if request is None or self._repeats(datagram, client):
            return
        source = self._desk.source(client.address[0])
        if self._per_source[source.key] >= TRANSFERS_PER_SOURCE or len(self._running) >= TRANSFERS:
            self._desk.refuse(request, source, Reason.BUSY)  # unanswered: the client asks again, an error would stop it
            return
        answer = self._desk.answer(request, source)
        if isinstance(answer, bytes):
            self._send(client, answer)
            return
        agreed = packets.agree(request.options, answer.content.size)
        transfer = Transfer(self._connect(client), answer.content, agreed, self._patience)
        self._begin(client.address, Running(transfer, datagram, source.key, answer.finish), now)

    def _repeats(self, datagram: bytes, client: Client) -> bool:
        """Whether this request is one whose answer is on its way; another one takes the place of what ran before."""
        running = self._running.get(client.address)
        if running is None:
            return False
        if running.request == datagram and not running.transfer.started:
            return True
        self._end(client.address)
        return False

    def _begin(self, address: Any, running: Running, now: float) -> None:
        self._running[address] = running
        self._per_source[running.source] += 1
        self._selector.register(running.transfer.connection, selectors.EVENT_READ, address)
        running.transfer.begin(now)

    def _go_on(self, address: Any, now: float) -> None:
        running = self._running.get(address)
        if running is None:
            return
        running.transfer.receive(now)
        if running.transfer.outcome is not Outcome.RUNNING:
            self._end(address)

    def _tick(self, now: float) -> None:
        for address, running in list(self._running.items()):
            running.transfer.tick(now)
            if running.transfer.outcome is not Outcome.RUNNING:
                self._end(address)

    def _end(self, address: Any) -> None:
        running = self._running[address]
        self._per_source[running.source] -= 1
        if not self._per_source[running.source]:
            del self._per_source[running.source]
        self._selector.unregister(running.transfer.connection)
        running.transfer.close()
        running.finish(running.transfer.outcome is Outcome.COMPLETE)
        del self._running[address]  # at last: who sees that it has ended finds its record

    def _send(self, client: Client, datagram: bytes) -> None:
        with self._connect(client) as connection:
            connection.send(datagram)

    def _connect(self, client: Client) -> socket.socket:
        """A socket with a port of its own towards `client`, from the address that it asked; raises OSError."""
        connection = socket.socket(self._listener.family, socket.SOCK_DGRAM)
        try:
            connection.setblocking(False)
            if client.asked:
                connection.bind((client.asked, 0, *client.address[2:]))
            connection.connect(client.address)
        except OSError:
            connection.close()
            raise
        return connection


def prepare(listener: socket.socket) -> None:
    """Make a bound socket ready for storms, and for telling which of our addresses was asked."""
    listener.setblocking(False)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _BUFFER_BYTES)
    if listener.family == socket.AF_INET6:
        listener.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_RECVPKTINFO, 1)
    else:
        listener.setsockopt(socket.IPPROTO_IP, _IP_PKTINFO, 1)


def _asked_address(ancillary: list[tuple[int, int, bytes]]) -> str:
    """The local address that a datagram was sent to; "" where the system does not say."""
    for level, kind, value in ancillary:
        if level == socket.IPPROTO_IP and kind == _IP_PKTINFO:
            return socket.inet_ntop(socket.AF_INET, struct.unpack_from("=I4s", value)[1])
        if level == socket.IPPROTO_IPV6 and kind == socket.IPV6_PKTINFO:
            return socket.inet_ntop(socket.AF_INET6, value[:16])
    return ""
