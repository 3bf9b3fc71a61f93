"""Network work side by side, in groups that are each bounded in time (security TR-05)."""

import threading
import time
from collections import deque
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from queue import Empty, SimpleQueue
from typing import Generic, TypeVar

T = TypeVar("T")
_LOOK_SECONDS = 0.25
_GRACE_SECONDS = 1.0
_FEW_EACH = 4
_MANY_TIMES = 4
"""Fewer than so many tasks for each thread are few, so many times as many are enough for a while."""


class Late:
    """The outcome of a task whose group had used up its time."""


@dataclass
class _Group(Generic[T]):
    """Tasks that share one time limit; it begins with the first of them. `until` is of the monotonic clock."""

    outcomes: list[T | Late]
    left: int
    until: float | None = None


@dataclass
class _Work(Generic[T]):
    """What is to be done in one run, and how far it is. `source`: groups still to be made, None at their end."""

    source: Iterator[Sequence[Callable[[], T]]] | None
    groups: list[_Group[T]] = field(default_factory=list)
    waiting: SimpleQueue[tuple[int, int, Callable[[], T]] | None] = field(default_factory=SimpleQueue)
    threads: int = 0
    unfinished: int = 0
    finished: deque[int] = field(default_factory=deque)
    news: threading.Event = field(default_factory=threading.Event)
    error: BaseException | None = None


class Crew:
    """Threads for one run of tasks; `abort` is told the threads (identifiers) whose time is up."""

    def __init__(self, at_once: int, limit_seconds: float, abort: Callable[[Collection[int]], None]) -> None:
        self._at_once = at_once
        self._few = _FEW_EACH * at_once
        self._limit_seconds = limit_seconds
        self._abort = abort
        self._busy: dict[int, float] = {}
        self._lock = threading.Lock()

    def run(
        self,
        groups: Iterable[Sequence[Callable[[], T]]],
        hear: Callable[[Mapping[int, list[T | Late]]], None] = lambda _: None,
    ) -> list[list[T | Late]]:
        """The outcome of every task, in order. Tasks must not raise; one that cannot be aborted is left behind.

        More `groups` are asked for, in this thread, while tasks of earlier ones still wait. `hear` is told of each
        group that is done, by its position, while others go on; time limits wait for both.
        """
        work: _Work[T] = _Work(iter(groups))
        try:
            self._watch(work, hear)
        finally:
            with suppress(Empty):
                while True:
                    work.waiting.get_nowait()
            for _ in range(work.threads):
                work.waiting.put(None)
        return [group.outcomes.copy() for group in work.groups]

    def _fill(self, work: _Work[T]) -> None:
        """Where few tasks wait, have many."""
        if work.source is None or work.waiting.qsize() >= self._few:
            return
        while work.waiting.qsize() < _MANY_TIMES * self._few:
            tasks = next(work.source, None)
            if tasks is None:
                work.source = None
                return
            position = len(work.groups)
            work.groups.append(_group(len(tasks)))
            if not tasks:
                work.finished.append(position)
                continue
            with self._lock:
                work.unfinished += 1
            for place, task in enumerate(tasks):
                work.waiting.put((position, place, task))
                if work.threads < self._at_once:
                    work.threads += 1
                    threading.Thread(target=self._labour, args=[work], name="push", daemon=True).start()

    def _labour(self, work: _Work[T]) -> None:
        """One thread: tasks, until there are no more."""
        while (found := work.waiting.get()) is not None:
            position, place, task = found
            group = work.groups[position]
            try:
                group.outcomes[place] = self._one(group, task)
            except BaseException as e:
                work.error = e
                work.news.set()
                return
            with self._lock:
                group.left -= 1
                if not group.left:
                    work.finished.append(position)
                    work.unfinished -= 1
                is_short = work.source is not None and work.waiting.qsize() < self._few
                if not work.unfinished or is_short:
                    work.news.set()

    def _one(self, group: _Group[T], task: Callable[[], T]) -> T | Late:
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

    def _watch(self, work: _Work[T], hear: Callable[[Mapping[int, list[T | Late]]], None]) -> None:
        """Until all is done, or what is not cannot be ended."""
        told = 0
        while work.source is not None or told < len(work.groups):
            work.news.clear()
            self._fill(work)
            if len(work.finished) < len(work.groups) - told:
                work.news.wait(self._pause())
            if work.error:
                raise work.error
            done = [work.finished.popleft() for _ in range(len(work.finished))]
            told += len(done)
            hear({position: work.groups[position].outcomes for position in done})
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


def _group(size: int) -> _Group[T]:
    """A group of so many tasks, none of which has ended in time so far."""
    return _Group([Late() for _ in range(size)], size)
