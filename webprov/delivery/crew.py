"""Network work side by side, in groups that are each bounded in time (security TR-05)."""

import threading
import time
from collections import deque
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Generic, TypeVar

T = TypeVar("T")
_LOOK_SECONDS = 0.25
_GRACE_SECONDS = 1.0


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
    """What is to be done in one run, and how far it is."""

    groups: list[_Group[T]]
    waiting: deque[tuple[int, int, Callable[[], T]]]
    unfinished: int
    finished: deque[int] = field(default_factory=deque)
    ended: threading.Event = field(default_factory=threading.Event)
    error: BaseException | None = None


class Crew:
    """Threads for one run of tasks; `abort` is told the threads (identifiers) whose time is up."""

    def __init__(self, at_once: int, limit_seconds: float, abort: Callable[[Collection[int]], None]) -> None:
        self._at_once = at_once
        self._limit_seconds = limit_seconds
        self._abort = abort
        self._busy: dict[int, float] = {}
        self._lock = threading.Lock()

    def run(
        self,
        groups: Sequence[Sequence[Callable[[], T]]],
        hear: Callable[[Mapping[int, list[T | Late]]], None] = lambda _: None,
    ) -> list[list[T | Late]]:
        """The outcome of every task, in order. Tasks must not raise; one that cannot be aborted is left behind.

        `hear` is told of each group that is done, by its position, while others go on; time limits wait for it.
        """
        waiting = deque((group, place, task) for group, tasks in enumerate(groups) for place, task in enumerate(tasks))
        work: _Work[T] = _Work([_group(len(tasks)) for tasks in groups], waiting, sum(map(bool, groups)))
        work.finished.extend(position for position, group in enumerate(work.groups) if not group.left)
        for _ in range(min(self._at_once, len(waiting))):
            threading.Thread(target=self._labour, args=[work], name="push", daemon=True).start()
        try:
            self._watch(work, hear)
        finally:
            work.waiting.clear()
        return [group.outcomes.copy() for group in work.groups]

    def _labour(self, work: _Work[T]) -> None:
        """One thread: tasks, until none waits."""
        while True:
            try:
                position, place, task = work.waiting.popleft()
            except IndexError:
                return
            group = work.groups[position]
            try:
                group.outcomes[place] = self._one(group, task)
            except BaseException as e:
                work.error = e
                work.ended.set()
                return
            with self._lock:
                group.left -= 1
                if not group.left:
                    work.finished.append(position)
                    work.unfinished -= 1
                    if not work.unfinished:
                        work.ended.set()

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
        left = len(work.groups)
        while left:
            if len(work.finished) < left:
                work.ended.wait(self._pause())
            if work.error:
                raise work.error
            done = [work.finished.popleft() for _ in range(len(work.finished))]
            left -= len(done)
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
