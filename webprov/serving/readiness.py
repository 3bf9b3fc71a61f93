"""Which connections have something to do, by epoll.

waitress by itself asks each connection before each wait what it waits for, and has every answer wake its loop: with
many kept connections that is more work than serving. Here a connection is armed for one event at a time, and whoever
changes what it waits for arms it again, from any thread, while the loop goes on waiting.
"""

import select
from contextlib import suppress

_ONCE = select.EPOLLONESHOT
_READS = select.EPOLLIN | _ONCE
_WRITES = select.EPOLLOUT | _ONCE


class Readiness:
    """The connections of one server, by file number. After an event a connection is silent until armed again."""

    def __init__(self) -> None:
        self._epoll = select.epoll()

    def add(self, number: int) -> None:
        """Begin with a connection, armed for its first bytes."""
        self._epoll.register(number, _READS)

    def watch(self, number: int) -> None:
        """Begin with something to read that stays armed."""
        self._epoll.register(number, select.EPOLLIN)

    def arm(self, number: int, *, reads: bool, writes: bool) -> None:
        """Tell once of `number` when it can be read, or written; not at all where neither is wanted."""
        if reads or writes:
            self._epoll.modify(number, (_READS if reads else 0) | (_WRITES if writes else 0))

    def remove(self, number: int) -> None:
        """End with it; to be called before it is closed, for another process may have it open as well."""
        with suppress(OSError):
            self._epoll.unregister(number)

    def wait(self, seconds: float) -> list[tuple[int, int]]:
        """Numbers with their events (as of select.poll), as soon as there are any, at most after `seconds`."""
        return self._epoll.poll(seconds)
