"""Work that requests leave behind: collected in memory, written by one thread, never in a phone's way."""

import logging
import threading
from collections import deque
from collections.abc import Callable, Sequence
from itertools import islice
from typing import Generic, TypeVar

from sqlalchemy.exc import SQLAlchemyError

log = logging.getLogger(__name__)

Item = TypeVar("Item")


class Batches(Generic[Item]):
    """Hands items to `write` in batches of at most `size`, every `pause_seconds`, or at once after `hurry`.

    Where the database is busy or full the items are kept, at most `limit` of them; newer ones are dropped and counted.
    `close` writes what is left.
    """

    def __init__(
        self,
        name: str,
        write: Callable[[Sequence[Item]], None],
        *,
        pause_seconds: float,
        size: int = 2_000,
        limit: int = 20_000,
    ) -> None:
        self._name, self._write = name, write
        self._pause_seconds, self._size, self._limit = pause_seconds, size, limit
        self._waiting: deque[Item] = deque()
        self._wake = threading.Event()
        self._written = threading.Condition()
        self._rounds = 0
        self._dropped = 0
        self._failing = False
        self._closing = False
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self._thread.start()

    def add(self, item: Item) -> None:
        """Keep `item` for the next batch; costs about a microsecond."""
        if len(self._waiting) < self._limit:
            self._waiting.append(item)
        else:
            self._dropped += 1

    def hurry(self) -> None:
        """Write now rather than at the next turn."""
        self._wake.set()

    def settle(self, timeout_seconds: float) -> None:
        """Wait until all that has been added is written, or the time is over."""
        with self._written:
            turn = self._rounds + 2  # the round that runs now may have begun before the item came
            self._wake.set()
            self._written.wait_for(lambda: self._rounds >= turn or not self._waiting, timeout_seconds)

    def close(self) -> None:
        """Write what is left and end the thread, within a few seconds."""
        self._closing = True
        self._wake.set()
        self._thread.join(timeout=4)

    def _run(self) -> None:
        while not self._closing:
            self._wake.wait(self._pause_seconds)
            self._wake.clear()
            self._turn()
        self._turn()

    def _turn(self) -> None:
        """Write everything that waits; what cannot be written waits for the next turn."""
        while self._waiting:
            batch = list(islice(self._waiting.copy(), self._size))
            if not self._try(batch):
                break
            for _ in batch:
                self._waiting.popleft()
        with self._written:
            self._rounds += 1
            self._written.notify_all()

    def _try(self, batch: Sequence[Item]) -> bool:
        try:
            self._write(batch)
        except SQLAlchemyError as e:
            if not self._failing:
                log.warning("%s cannot be written, keeping up to %d: %s", self._name, self._limit, e)
            self._failing = True
            return False
        if self._dropped:
            log.warning("%s came faster than they could be written: %d were dropped", self._name, self._dropped)
        self._failing, self._dropped = False, 0
        return True
