"""waitress as webprov needs it: bounded in connections, time and bytes, so that slow clients starve nobody (RL-01).

waitress by itself lets a client take for ever over its headers as long as a byte comes now and then. Here a request has
15 s for its headers and its time for the body, counted from its first byte, and one address holds 512 connections.
Who reads takes at least 2 KiB a second over any half minute, and few at once may send more than a form's worth.
"""

import resource
import socket
import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from waitress import wasyncore
from waitress.adjustments import Adjustments
from waitress.buffers import ReadOnlyFileBasedBuffer
from waitress.channel import HTTPChannel
from waitress.server import TcpWSGIServer
from waitress.utilities import RequestEntityTooLarge

from webprov.serving.answertask import WholeAnswerTask
from webprov.serving.readiness import Readiness
from webprov.serving.requestheads import HeadParser
from webprov.serving.retirement import RETIRING
from webprov.serving.workers import Workers

HEADER_SECONDS = 15
IDLE_SECONDS = 15
CONNECTIONS_PER_SOURCE = 512
HEADER_BYTES = 16 * 1024
READ_SECONDS = 30
READ_BYTES = 60 * 1024
"""So much of an answer, or all that is left, has to be taken in so many seconds."""
LARGE_BYTES = 64 * 1024
_LARGE_AT_ONCE = 32
_LARGE_PER_SOURCE = 8
_SENDING = ("PUT", "POST")
_KEPT_AFTER_BYTES = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Limits:
    """What differs between the phones' listener and the admin UI's (security RL-02)."""

    threads: int
    connections: int
    body_bytes: int
    body_seconds: int
    large_bodies: int = 1_000  # how many bodies over LARGE_BYTES may be under way at once
    long_path: str = ""  # below this path bodies may be of `long_body_bytes` and take `long_body_seconds`
    long_body_bytes: int = 0
    long_body_seconds: int = 0


PHONE_LIMITS = Limits(
    threads=4,
    connections=4_000,
    body_bytes=1024 * 1024 + 1,  # waitress refuses from here on: 1 MiB is allowed (PH-15)
    body_seconds=60,
    large_bodies=_LARGE_AT_ONCE,
)
ADMIN_LIMITS = Limits(
    threads=8,
    connections=1_000,
    body_bytes=64 * 1024 * 1024,
    body_seconds=300,
    large_bodies=_LARGE_AT_ONCE,
    long_path="/firmware/",
    long_body_seconds=3_600,
)


def admin_limits(upload_limit_bytes: int) -> Limits:
    """The admin UI's limits where firmware files of so many bytes may be uploaded; the form around one is small."""
    return replace(ADMIN_LIMITS, long_body_bytes=upload_limit_bytes + 1024 * 1024)


class BoundedParser(HeadParser):
    """A request being received; only those that send something may be large."""

    command = ""  # until the first line has been read

    @property
    def expected_bytes(self) -> int:
        """How long its body says it will be; in chunks, how long it is so far."""
        length, received = self.content_length, self.body_bytes_received
        return int(length if length > received else received)

    def received(self, data: bytes) -> int:
        """Take bytes; how many belonged to this request."""
        consumed = int(super().received(data))
        if self.headers_finished and (expected := self.expected_bytes) and expected > self._most_bytes:
            self.error = RequestEntityTooLarge(f"This takes at most {self._most_bytes:,} bytes.")
            self.completed: bool = True
        return consumed

    @property
    def is_long(self) -> bool:
        """Whether it is of those that may take long."""
        limits: Limits = self.adj.webprov_limits
        return bool(limits.long_body_bytes) and self.path.startswith(limits.long_path)

    @property
    def _most_bytes(self) -> int:
        if self.command not in _SENDING:
            return LARGE_BYTES
        limits: Limits = self.adj.webprov_limits
        return limits.long_body_bytes if self.is_long else limits.body_bytes


class BoundedChannel(HTTPChannel):  # type: ignore[misc]
    """One connection that knows when its unfinished request began, how its answer is taken, and what it waits for."""

    parser_class = BoundedParser
    task_class = WholeAnswerTask
    began = 0.0
    _admitted: BoundedParser | None = None  # the request that may send a large body
    _window: tuple[float, int] | None = None  # since when, and how much of the answer was left then

    def __init__(self, server: "BoundedServer", sock: socket.socket, addr: Any, *args: Any, **kwargs: Any) -> None:
        self.source = addr[0]
        self._arming = threading.Lock()
        super().__init__(server, sock, addr, *args, **kwargs)

    def arm(self) -> None:
        """Wait for what is wanted now; to be called after each change of that, in any thread."""
        with self._arming:  # so that the latest state is what holds, and never for another connection's number
            if self._fileno is not None:
                self.server.readiness.arm(self._fileno, reads=self.readable(), writes=self.writable())

    def service(self) -> None:
        """Answer the request that waits longest."""
        super().service()
        self.arm()

    def received(self, data: bytes) -> Any:
        """Take bytes; the first of a request starts its time."""
        if self.request is None:
            self.began = time.monotonic()
        taken = super().received(data)
        if self.sends_large and self._admitted is not self.request:
            self._admitted = self.request
            self.will_close = not self.server.has_room(self)
        return taken

    def write_soon(self, data: Any) -> Any:
        """Send, after what waits. Nothing follows a large file on the same connection: who reads it slowly would hold
        a thread with the next request."""
        written = super().write_soon(data)
        if isinstance(data, ReadOnlyFileBasedBuffer) and written > _KEPT_AFTER_BYTES:
            with self.requests_lock:
                for request in self.requests[1:]:
                    request.close()
                del self.requests[1:]
                self.close_when_flushed = True
        if self.total_outbufs_len:
            self.arm()
        return written

    def add_channel(self, map: Any = None) -> None:
        """Enter the connection into the server's count per address, and wait for its first bytes."""
        super().add_channel(map)
        self.server.per_source[self.source] += 1
        self.server.readiness.add(self._fileno)

    def del_channel(self, map: Any = None) -> None:
        """Take it out again; a connection that broke off may be closed twice."""
        with self._arming:
            if self._fileno is None:
                return
            self.server.readiness.remove(self._fileno)
            super().del_channel(map)
        self.server.per_source[self.source] -= 1
        if not self.server.per_source[self.source]:
            del self.server.per_source[self.source]

    @property
    def is_busy(self) -> bool:
        """Whether a request is being received, worked on or answered."""
        return bool(self.requests or self.total_outbufs_len or self.request)

    @property
    def sends_large(self) -> bool:
        """Whether a large body is being received."""
        request = self.request
        return request is not None and request.headers_finished and request.expected_bytes > LARGE_BYTES

    def is_stalled(self, now: float) -> bool:
        """Whether the client takes its answer too slowly, or not at all (`now`: monotonic seconds)."""
        left = self.total_outbufs_len
        if not left or self._window is None or left > self._window[1]:
            self._window = (now, left) if left else None
            return False
        since, before = self._window
        if now - since < READ_SECONDS:
            return False
        self._window = (now, left)
        return bool(before - left < READ_BYTES)

    def is_late(self, now: float) -> bool:
        """Whether the request being received has used up its time (`now`: monotonic seconds)."""
        request = self.request
        if request is None or self.requests:
            return False
        if not request.headers_finished:
            return bool(now - self.began > HEADER_SECONDS)
        limits = self.server.limits
        return bool(now - self.began > (limits.long_body_seconds if request.is_long else limits.body_seconds))


class BoundedServer(TcpWSGIServer):  # type: ignore[misc]
    """Serves one socket; refuses more connections from an address than it may hold, and ends late requests."""

    channel_class: type[BoundedChannel] = BoundedChannel

    def __init__(self, *args: Any, limits: Limits, unlimited: Callable[[str], bool], **kwargs: Any) -> None:
        self.per_source: Counter[str] = Counter()
        self.limits = limits
        self.retiring = RETIRING
        self.readiness = Readiness()
        self._unlimited = unlimited
        self._listens = False
        super().__init__(*args, **kwargs)
        self.readiness.watch(self.trigger._fileno)

    def pull_trigger(self) -> None:
        """Nothing: connections say themselves what to wait for, so that no thread needs to wake the loop."""

    def accept(self) -> Any:
        """The next connection, or None where its address holds too many."""
        accepted = super().accept()
        if accepted is None:
            return None
        connection, address = accepted
        if self.per_source[address[0]] >= CONNECTIONS_PER_SOURCE and not self._unlimited(address[0]):
            connection.close()
            return None
        return accepted

    def has_room(self, channel: BoundedChannel) -> bool:
        """Whether `channel` may go on sending a large body, beside the others that do."""
        others = [each for each in self.active_channels.values() if each.sends_large]
        of_source = sum(each.source == channel.source for each in others)
        return len(others) <= self.limits.large_bodies and (
            of_source <= _LARGE_PER_SOURCE or self._unlimited(channel.source)
        )

    def maintenance(self, now: float) -> None:
        """Close what is idle (waitress), what is late, and whose client does not read."""
        super().maintenance(now)
        clock = time.monotonic()
        for channel in list(self.active_channels.values()):
            if channel.is_stalled(clock):
                channel.handle_close()  # at once: its socket would never be ready for a last word
            elif channel.is_late(clock) or (self.retiring.is_set() and not channel.is_busy):
                channel.will_close = True
            if channel.will_close:
                channel.arm()

    def del_channel(self, map: Any = None) -> None:
        """Take no more connections."""
        self._listen(False)
        super().del_channel(map)

    def run(self) -> None:
        """Serve until SystemExit, or when retiring until the last request is answered."""
        try:
            while self._map and not (self.retiring.is_set() and self._is_done()):
                self._turn()
        except (SystemExit, KeyboardInterrupt):
            pass
        self.task_dispatcher.shutdown()

    def _turn(self) -> None:
        """Wait for something to do, and do it."""
        if self._fileno is not None:
            self._listen(self.readable())
        for number, events in self.readiness.wait(self.adj.asyncore_loop_timeout):
            if number in self._map:
                wasyncore.readwrite(self._map[number], events)
            channel = self.active_channels.get(number)
            if channel is not None:
                channel.arm()

    def _listen(self, wanted: bool) -> None:
        if wanted is not self._listens:
            self._listens = wanted
            (self.readiness.watch if wanted else self.readiness.remove)(self._fileno)

    def _is_done(self) -> bool:
        """Take no more connections; whether none is left."""
        if self._fileno in self._map:
            wasyncore.dispatcher.close(self)  # its own close would take the threads' trigger along
        self.maintenance(time.time())
        return not self.active_channels


def make_server(
    application: Any,
    listener: socket.socket,
    limits: Limits,
    unlimited: Callable[[str], bool],
    kind: Callable[..., BoundedServer] = BoundedServer,
    **adjusted: Any,
) -> BoundedServer:
    """A server for an already bound socket; `run()` it, a SystemExit ends it.

    `unlimited` says for which addresses (trusted proxies) the limit per address does not hold; `kind` makes the server,
    `adjusted` are more of waitress's adjustments.
    """
    allow_open_files(limits.connections + 500)
    adjustments = Adjustments(
        sockets=[listener],
        ident="webprov",
        backlog=2_048,
        connection_limit=limits.connections,
        channel_timeout=IDLE_SECONDS,
        cleanup_interval=2,
        asyncore_use_poll=True,
        clear_untrusted_proxy_headers=False,  # serving.sources decides whom to believe
        max_request_header_size=HEADER_BYTES,
        max_request_body_size=max(limits.body_bytes, limits.long_body_bytes),
        **adjusted,
    )
    adjustments.webprov_limits = limits  # a parser knows its adjustments alone
    where = (listener.family, listener.type, listener.proto, listener.getsockname())
    return kind(
        application,
        {},
        _sock=listener,
        adj=adjustments,
        sockinfo=where,
        bind_socket=False,
        dispatcher=Workers(limits.threads),
        limits=limits,
        unlimited=unlimited,
    )


def allow_open_files(wanted: int) -> None:
    """As many open files as the system lets us have, up to what our connections need."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        limit = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
        resource.setrlimit(resource.RLIMIT_NOFILE, (limit, hard))
