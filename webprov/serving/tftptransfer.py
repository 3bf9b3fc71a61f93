"""One file on its way to one client by TFTP: blocks, windows, what was lost (RFC 1350, 1123 4.2.3.1, 7440).

A socket of its own, connected to the client: nobody else's datagrams arrive, and who forges a request cannot forge
the acknowledgements, because the port is not known. So a request from a forged address costs five small packets, never
the file (security TF-05).
"""

import socket
from dataclasses import dataclass
from enum import Enum, auto
from typing import Protocol

from webprov.serving import tftppackets as packets
from webprov.serving.tftppackets import Agreed

_LARGEST_DATAGRAM = 1024


class Content(Protocol):
    """What is sent."""

    @property
    def size(self) -> int:
        """In bytes."""

    def read(self, offset: int, length: int) -> bytes:
        """At most `length` bytes from `offset`; raises OSError."""

    def close(self) -> None:
        """Let go of what it holds."""


class Outcome(Enum):
    """How a transfer stands."""

    RUNNING = auto()
    COMPLETE = auto()
    BROKEN_OFF = auto()


@dataclass(frozen=True)
class Patience:
    """How long to wait for an acknowledgement before sending again, in seconds; five tries in all (TF-04).

    The first wait follows the round-trip time between `shortest` and `first`; each further one is four times the one
    before, at most `longest`; after the last one, of `final`, the client counts as gone.
    """

    first: float = 1.0
    shortest: float = 0.25
    longest: float = 6.0
    final: float = 10.0
    tries: int = 5


class Transfer:
    """Sends `content` as agreed. `begin`, then `receive` when the socket is readable and `tick` now and then."""

    def __init__(
        self, connection: socket.socket, content: Content, agreed: Agreed, patience: Patience | None = None
    ) -> None:
        self.connection = connection
        self.outcome = Outcome.RUNNING
        self.retransmits = 0
        self._content = content
        self._agreed = agreed
        self._patience = patience or Patience()
        self._last = content.size // agreed.block_bytes + 1
        # blocks are counted without wrapping; the OACK, where there is one, is block 0
        self._acknowledged = -1 if agreed.confirmed else 0
        self._sent = self._acknowledged
        self._tries = 0
        self._wait = self._patience.first
        self._sent_at = self._due = 0.0
        self._round_trip = 0.0

    @property
    def started(self) -> bool:
        """Whether the client has answered at all, so its address is no forged one."""
        return self._acknowledged > (-1 if self._agreed.confirmed else 0)

    def begin(self, now: float) -> None:
        """Send the first packet. `now` is always monotonic seconds."""
        self._send(now)

    def receive(self, now: float) -> None:
        """Take one datagram of the client."""
        try:
            datagram = self.connection.recv(_LARGEST_DATAGRAM)
        except BlockingIOError:
            return
        except OSError:  # the client's port is closed: it has gone
            self.outcome = Outcome.BROKEN_OFF
            return
        number = packets.acknowledged(datagram)
        if number is not None:
            self._advance(number, now)
        elif packets.is_error(datagram):
            self.outcome = Outcome.BROKEN_OFF

    def tick(self, now: float) -> None:
        """Send again what is overdue, or give up."""
        if now < self._due:
            return
        if self._tries >= self._patience.tries:
            self.outcome = Outcome.BROKEN_OFF
            return
        self.retransmits += 1
        self._send(now)

    def close(self) -> None:
        """Give back the socket and the file."""
        self.connection.close()
        self._content.close()

    def _advance(self, number: int, now: float) -> None:
        """Go on after an ACK. One that says nothing new is never answered: two copies of one packet would otherwise
        double every packet to come (the Sorcerer's Apprentice, RFC 1123)."""
        step = (number - self._acknowledged) & 0xFFFF
        if not 0 < step <= self._sent - self._acknowledged:
            return
        if self._tries == 1:
            self._measure(now - self._sent_at)
        self._acknowledged += step
        self._tries = 0
        if self._acknowledged == self._last:
            self.outcome = Outcome.COMPLETE
        else:
            self._send(now)

    def _measure(self, seconds: float) -> None:
        """Follow the round-trip time (of packets sent once: Karn) with the first wait."""
        patience = self._patience
        self._round_trip = seconds if not self._round_trip else 0.8 * self._round_trip + 0.2 * seconds
        self._wait = min(max(4 * self._round_trip, patience.shortest), patience.first)

    def _send(self, now: float) -> None:
        """Send the window that begins after the last block acknowledged."""
        first = self._acknowledged + 1
        last = min(self._acknowledged + self._agreed.window, self._last) if first else 0
        self._tries += 1
        self._sent_at, self._due = now, now + self._pause()
        try:
            for block in range(first, last + 1):
                self.connection.send(self._packet(block))
        except BlockingIOError:
            pass  # no room now: as good as lost on the way
        except OSError:
            self.outcome = Outcome.BROKEN_OFF
        self._sent = max(self._sent, last)

    def _packet(self, block: int) -> bytes:
        if block == 0:
            return packets.option_ack(self._agreed)
        length = self._agreed.block_bytes
        return packets.data(block, self._content.read((block - 1) * length, length))

    def _pause(self) -> float:
        patience = self._patience
        if self._agreed.timeout_seconds:
            return float(self._agreed.timeout_seconds)
        if self._tries == patience.tries:
            return patience.final
        return min(self._wait * 4.0 ** (self._tries - 1), patience.longest)
