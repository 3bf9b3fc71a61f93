"""waitress as webprov needs it: bounded in connections, time and bytes, so that slow clients starve nobody (RL-01).

waitress by itself lets a client take for ever over its headers as long as a byte comes now and then. Here a request has
15 s for its headers and its time for the body, counted from its first byte, and one address holds 512 connections.
"""

import logging
import resource
import socket
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from waitress import wasyncore
from waitress.adjustments import Adjustments
from waitress.channel import HTTPChannel
from waitress.server import TcpWSGIServer

from webprov.serving.retirement import RETIRING

HEADER_SECONDS = 15
IDLE_SECONDS = 15
CONNECTIONS_PER_SOURCE = 512
HEADER_BYTES = 16 * 1024


@dataclass(frozen=True, slots=True)
class Limits:
    """What differs between the phones' listener and the admin UI's (security RL-02)."""

    threads: int
    connections: int
    body_bytes: int
    body_seconds: int


PHONE_LIMITS = Limits(threads=4, connections=4_000, body_bytes=64 * 1024, body_seconds=60)
ADMIN_LIMITS = Limits(threads=8, connections=1_000, body_bytes=64 * 1024 * 1024, body_seconds=300)


class BoundedChannel(HTTPChannel):  # type: ignore[misc]
    """One connection that knows when its unfinished request began."""

    began = 0.0

    def __init__(self, server: "BoundedServer", sock: socket.socket, addr: Any, *args: Any, **kwargs: Any) -> None:
        self.source = addr[0]
        super().__init__(server, sock, addr, *args, **kwargs)

    def received(self, data: bytes) -> Any:
        """Take bytes; the first of a request starts its time."""
        if self.request is None:
            self.began = time.monotonic()
        return super().received(data)

    def add_channel(self, map: Any = None) -> None:
        """Enter the connection into the server's count per address."""
        super().add_channel(map)
        self.server.per_source[self.source] += 1

    def del_channel(self, map: Any = None) -> None:
        """Take it out again."""
        super().del_channel(map)
        self.server.per_source[self.source] -= 1
        if not self.server.per_source[self.source]:
            del self.server.per_source[self.source]

    @property
    def is_busy(self) -> bool:
        """Whether a request is being received, worked on or answered."""
        return bool(self.requests or self.total_outbufs_len or self.request)

    def is_late(self, now: float) -> bool:
        """Whether the request being received has used up its time (`now`: monotonic seconds)."""
        request = self.request
        if request is None or self.requests:
            return False
        return bool(
            now - self.began > (self.server.limits.body_seconds if request.headers_finished else HEADER_SECONDS)
        )


class BoundedServer(TcpWSGIServer):  # type: ignore[misc]
    """Serves one socket; refuses more connections from an address than it may hold, and ends late requests."""

    channel_class: type[BoundedChannel] = BoundedChannel

    def __init__(self, *args: Any, limits: Limits, unlimited: Callable[[str], bool], **kwargs: Any) -> None:
        self.per_source: Counter[str] = Counter()
        self.limits = limits
        self.retiring = RETIRING
        self._unlimited = unlimited
        super().__init__(*args, **kwargs)

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

    def maintenance(self, now: float) -> None:
        """Close what is idle (waitress), and what is late."""
        super().maintenance(now)
        clock = time.monotonic()
        for channel in self.active_channels.values():
            if channel.is_late(clock) or (self.retiring.is_set() and not channel.is_busy):
                channel.will_close = True

    def run(self) -> None:
        """Serve until SystemExit, or when retiring until the last request is answered."""
        try:
            while self._map and not (self.retiring.is_set() and self._is_done()):
                wasyncore.loop(self.adj.asyncore_loop_timeout, use_poll=True, map=self._map, count=1)
        except (SystemExit, KeyboardInterrupt):
            pass
        self.task_dispatcher.shutdown()

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
    logging.getLogger("waitress.queue").setLevel(logging.ERROR)  # a storm fills the queue: normal, and costly to log
    allow_open_files(limits.connections + 500)
    adjustments = Adjustments(
        sockets=[listener],
        threads=limits.threads,
        ident="webprov",
        backlog=2_048,
        connection_limit=limits.connections,
        channel_timeout=IDLE_SECONDS,
        cleanup_interval=2,
        asyncore_use_poll=True,
        clear_untrusted_proxy_headers=False,  # serving.sources decides whom to believe
        max_request_header_size=HEADER_BYTES,
        max_request_body_size=limits.body_bytes,
        **adjusted,
    )
    where = (listener.family, listener.type, listener.proto, listener.getsockname())
    return kind(
        application,
        {},
        _sock=listener,
        adj=adjustments,
        sockinfo=where,
        bind_socket=False,
        limits=limits,
        unlimited=unlimited,
    )


def allow_open_files(wanted: int) -> None:
    """As many open files as the system lets us have, up to what our connections need."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        limit = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
        resource.setrlimit(resource.RLIMIT_NOFILE, (limit, hard))
