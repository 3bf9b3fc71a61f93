"""Keeps a dead endpoint from slowing bulk work (security TR-05)."""

import threading
import time
from collections.abc import Callable

FAILURES = 5
PAUSE_SECONDS = 30.0


class Breaker:
    """After FAILURES failures in a row nothing is tried for PAUSE_SECONDS; then one more failure pauses again.

    Threads may share it. Pauses are counted by the monotonic clock.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._in_a_row = 0
        self._until = 0.0
        self._error: Exception | None = None

    @property
    def refusal(self) -> Exception | None:
        """What failed last, while nothing is to be tried; None when there is nothing against trying."""
        with self._lock:
            return self._error if self._clock() < self._until else None

    def note(self, error: Exception | None) -> None:
        """Hear what became of one attempt; None is success."""
        with self._lock:
            if error is None:
                self._in_a_row, self._until = 0, 0.0
                return
            self._in_a_row += 1
            if self._in_a_row >= FAILURES:
                self._error, self._until = error, self._clock() + PAUSE_SECONDS
