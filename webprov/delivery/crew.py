"""Network work side by side, in groups that are each bounded in time (security TR-05)."""

import threading
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from typing import TypeVar

T = TypeVar("T")
_LOOK_SECONDS = 0.1
_GRACE_SECONDS = 1.0


class Late:
    """The outcome of a task whose group had used up its time."""


@dataclass
class _Group:
    """Tasks that share one time limit; it begins with the first of them. `until` is of the monotonic clock."""

    until: float | None = None


class Crew:
    """Threads for one run of tasks; `abort` is told the threads (identifiers) whose time is up."""

    def __init__(self, at_once: int, limit_seconds: float, abort: Callable[[Collection[int]], None]) -> None:
        self._at_once = at_once
        self._limit_seconds = limit_seconds
        self._abort = abort
        self._busy: dict[int, float] = {}

    def run(
        self,
        groups: Sequence[Sequence[Callable[[], T]]],
        hear: Callable[[Mapping[int, list[T | Late]]], None] = lambda _: None,
    ) -> list[list[T | Late]]:
        """The outcome of every task, in order. Tasks must not raise; one that cannot be aborted is left behind.

        `hear` is told of each group that is done, by its position, while others go on; time limits wait for it.
        """
        total = sum(map(len, groups))
        executor = ThreadPoolExecutor(max(1, min(self._at_once, total)), thread_name_prefix="push")
        work: list[list[Future[T | Late]]] = []
        for tasks in groups:
            group = _Group()
            work.append([executor.submit(self._one, group, task) for task in tasks])
        try:
            self._watch(work, hear)
        finally:
            executor.shutdown(wait=False, cancel_futures=True)
        return [_outcomes(futures) for futures in work]

    def _one(self, group: _Group, task: Callable[[], T]) -> T | Late:
        now, thread = time.monotonic(), threading.get_ident()
        if group.until is None:
            group.until = now + self._limit_seconds
        if now >= group.until:
            return Late()
        self._busy[thread] = group.until
        try:
            outcome = task()
        finally:
            del self._busy[thread]
        return Late() if time.monotonic() >= group.until else outcome

    def _watch(
        self, work: Sequence[list[Future[T | Late]]], hear: Callable[[Mapping[int, list[T | Late]]], None]
    ) -> None:
        """Until all is done, or what is not cannot be ended."""
        left = dict(enumerate(work))
        while left:
            wait([future for futures in left.values() for future in futures], timeout=self._pause())
            done = {position: futures for position, futures in left.items() if all(map(Future.done, futures))}
            left = {position: futures for position, futures in left.items() if position not in done}
            hear({position: _outcomes(futures) for position, futures in done.items()})
            now = time.monotonic()
            overdue = [thread for thread, until in list(self._busy.items()) if now >= until]
            if overdue:
                self._abort(overdue)
            hanging = [until for until in list(self._busy.values()) if now >= until + _GRACE_SECONDS]
            if hanging and len(hanging) == len(self._busy):
                return

    def _pause(self) -> float:
        """Till the next time limit, but not for long: more tasks begin meanwhile."""
        nearest = min(list(self._busy.values()), default=0.0) - time.monotonic()
        return max(0.01, min(_LOOK_SECONDS, nearest)) if self._busy else _LOOK_SECONDS


def _outcomes(futures: Sequence[Future[T | Late]]) -> list[T | Late]:
    return [_outcome(future) for future in futures]


def _outcome(future: Future[T | Late]) -> T | Late:
    return future.result() if future.done() and not future.cancelled() else Late()
