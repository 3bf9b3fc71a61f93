"""Nudges: a word to the worker that there is something to do now, so that nobody waits for the next look.

What has to be done stands in the database; a nudge only names a duty, goes through huey's storage (SQLite in the
instance, or Redis) and may be lost at any time: the duty then looks by itself as it does anyway. Nothing that comes
out of the queue is run or unpickled, so whoever can write there can wake a duty and no more.
"""

import importlib
import logging
import threading
import time
from collections.abc import Callable
from contextlib import nullcontext
from functools import lru_cache
from typing import Any

from sqlalchemy.orm import Session

log = logging.getLogger(__name__)

QUEUE_URL = "queue_url"
"""Where a session's `info` says which queue belongs to its database."""

_QUEUE = "webprov"
_MOST_WAITING = 100
_AWAY_SECONDS = 10.0
_GLANCE_SECONDS = 0.1
_MOST_HOPS = 20


def nudge(session: Session, duty: str) -> None:
    """Wake `duty` in the worker that does it; to be called after the change was committed. Never raises."""
    if url := session.info.get(QUEUE_URL):
        queue_at(url).send(duty)


@lru_cache(maxsize=8)
def queue_at(url: str) -> "NudgeQueue":
    """The queue of that address, one for each process."""
    return NudgeQueue(url)


class NudgeQueue:
    """The queue behind `WEBPROV_QUEUE_URL`: `sqlite:///file` or `redis://…`. While it cannot be reached, that is
    logged once and nudges are dropped."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._is_file = url.startswith("sqlite:///")
        self._storage: Any = None
        self._lock = threading.Lock()
        self._away_until = 0.0
        self._is_away = False

    def send(self, duty: str, hops: int = 0) -> None:
        """Put a nudge into the queue, unless so many wait already that another would tell nothing new."""
        if time.monotonic() >= self._away_until:
            self._attempt(lambda storage: _put(storage, f"{duty} {hops}"))

    def listen(self, wake: Callable[[str], bool], stop: threading.Event) -> None:
        """Hand the name of each duty that is nudged to `wake` until `stop`.

        `wake` says whether this process does that duty; a nudge for another goes back, for the one that does.
        """
        while not stop.is_set():
            data = self._attempt(lambda storage: storage.dequeue())
            if data is None:
                stop.wait(_AWAY_SECONDS if self._is_away else _GLANCE_SECONDS)
                continue
            duty, _, hops = data.decode("utf-8", "replace").rpartition(" ")
            if not wake(duty) and hops.isdecimal() and int(hops) < _MOST_HOPS:
                self.send(duty, int(hops) + 1)
                stop.wait(_GLANCE_SECONDS)

    def _attempt(self, use: Callable[[Any], Any]) -> Any:
        try:
            with self._lock:
                self._storage = self._storage or _open(self._url)
            with self._lock if self._is_file else nullcontext():  # Redis bears several at once, and lets one wait
                found = use(self._storage)
                if self._is_file:
                    self._storage.close()  # it opens itself again; nothing is held between nudges
        except Exception as e:  # whatever the queue's driver raises: nudges are a convenience
            if not self._is_away:
                log.warning("The queue of nudges cannot be used (%s); work begins a little later.", type(e).__name__)
            self._is_away, self._away_until = True, time.monotonic() + _AWAY_SECONDS
            return None
        if self._is_away:
            log.info("The queue of nudges can be used again.")
        self._is_away, self._away_until = False, 0.0
        return found


def _put(storage: Any, text: str) -> None:
    if storage.queue_size() < _MOST_WAITING:
        storage.enqueue(text.encode())


def _open(url: str) -> Any:
    """huey's storage, imported when the first nudge is sent (P9)."""
    storages = importlib.import_module("huey.storage")
    if url.startswith("sqlite:///"):
        return storages.SqliteStorage(_QUEUE, filename=url.removeprefix("sqlite:///"), timeout=1, cache_mb=1)
    pool = importlib.import_module("redis").ConnectionPool
    return storages.RedisStorage(
        _QUEUE, connection_pool=pool.from_url(url, socket_connect_timeout=1, socket_timeout=5), read_timeout=1
    )
