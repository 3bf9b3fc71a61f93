"""What has changed in the database, asked so cheaply that every request may ask (performance, what costs)."""

import logging
import sqlite3
import threading
import time
from collections.abc import Callable, Mapping

from sqlalchemy import Engine, select
from sqlalchemy.exc import SQLAlchemyError

from webprov.store.models import Counter

log = logging.getLogger(__name__)

_SQLITE_SECONDS = 0.005
_SERVER_SECONDS = 0.25


class CounterWatch:
    """The counters of `store.models.Counter`, at most 5 ms old on SQLite and 0.25 s elsewhere.

    SQLite tells by one pragma on a kept connection (7 us) whether anybody has committed anything; only then the
    counters are read. When the database cannot be read, the last known counters stay.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._lock = threading.Lock()
        self._due = 0.0
        self._counts: Mapping[str, int] = {}
        self._readable = True
        self._sqlite: sqlite3.Connection | None = None
        self._data_version = -1
        self._pause_seconds = _SERVER_SECONDS
        if engine.dialect.name == "sqlite":
            self._sqlite = sqlite3.connect(engine.url.database or "", isolation_level=None, check_same_thread=False)
            self._pause_seconds = _SQLITE_SECONDS

    def counts(self) -> Mapping[str, int]:
        """Every counter by its name; one that has never grown is missing. Safe in any thread, never waits."""
        if time.monotonic() >= self._due and self._lock.acquire(blocking=False):
            try:
                self._check()
            finally:
                self._due = time.monotonic() + self._pause_seconds
                self._lock.release()
        return self._counts

    def close(self) -> None:
        """Give the connection back."""
        with self._lock:
            self._due = float("inf")
            if self._sqlite:
                self._sqlite.close()

    def _check(self) -> None:
        read: Callable[[], None] = self._read_sqlite if self._sqlite else self._read
        try:
            read()
            self._readable = True
        except (sqlite3.Error, SQLAlchemyError) as e:
            if self._readable:
                log.warning("The database cannot be read, going on with what is known: %s", e)
            self._readable = False

    def _read_sqlite(self) -> None:
        assert self._sqlite
        (version,) = self._sqlite.execute("PRAGMA data_version").fetchone()
        if version != self._data_version:
            self._counts = dict(self._sqlite.execute("SELECT name, value FROM counters"))
            self._data_version = version

    def _read(self) -> None:
        with self._engine.connect() as connection:
            rows = connection.execute(select(Counter.name, Counter.value))
            self._counts = {row.name: row.value for row in rows}
