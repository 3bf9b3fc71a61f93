"""Who guesses: counted per source over all processes and protocols, out for a while when it is too much (spec 8).

Counts lie in the database (GuessRecord), so they hold over processes and restarts, and memory stays small; each
process keeps only who is out now, and reads it again when the counter `lockouts` has grown (security PH-01 to PH-05).
"""

import os
import threading
import time
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from functools import cache
from pathlib import Path
from typing import NamedTuple

from sqlalchemy import delete, func, select
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from webprov.config import Config
from webprov.serving.batches import Batches
from webprov.store.database import bump, writing
from webprov.store.instance import Instance
from webprov.store.models import Device, GuessRecord, KnownSource, utc_now
from webprov.store.watch import CounterWatch

_PRUNE_SECONDS = 60
_SOURCES = 100_000
_SETTLE_SECONDS = 0.1
_LONGEST = 16  # repeated lockouts grow up to this many times the first


class Kind(StrEnum):
    """What is guessed. Forged TFTP requests count apart: they must not lock anybody out elsewhere (security TF-06).
    ACCOUNT counts the wrong passwords for one device's own user, over all sources (PH-04)."""

    CREDENTIALS = "credentials"
    ACCOUNT = "account"
    NAMES = "names"
    TFTP_NAMES = "tftp-names"


LIMITS = {Kind.CREDENTIALS: 20, Kind.ACCOUNT: 20, Kind.NAMES: 10, Kind.TFTP_NAMES: 10}
KNOWN_SOURCE_FACTOR = 10
_PASSWORDS = (Kind.CREDENTIALS, Kind.ACCOUNT)


class Guess(NamedTuple):
    """One wrong try: `what` is the MAC asked for, or something unique for credentials. Equal ones count once."""

    source: str
    kind: Kind
    what: str
    at: float


@dataclass(frozen=True, slots=True)
class Lockout:
    """A source that is out, for people."""

    source: str
    kind: Kind
    seconds_left: int


class Guesses:
    """The counting of one process: `note` what was wrong, ask whether a source `is_out`."""

    def __init__(self, instance: Instance, watch: CounterWatch) -> None:
        self._instance = instance
        self._watch = watch
        self._out: dict[tuple[str, str], int] = {}
        self._near: set[tuple[str, str]] = set()
        self._seen = -1
        self._lock = threading.Lock()
        self._next_prune = 0.0
        self._batches = Batches[Guess]("Guesses", self._write, pause_seconds=5)

    def is_out(self, source: str, kind: Kind) -> bool:
        """Whether `source` guessed too much of `kind` and its time is not over."""
        count = self._watch.counts().get("lockouts", 0)
        if count != self._seen:
            self._read(count)
        return bool(self._out) and self._out.get((source, kind), 0) > time.monotonic()

    def note(self, source: str, kind: Kind, what: str) -> None:
        """Count one wrong try. It is written at once; the caller waits for that (some ms) where it may be the last.

        Nobody waits for TFTP: its one loop serves all, and forged addresses would bring it to a stand.
        """
        self._batches.add(Guess(source, kind, what, time.monotonic()))
        if kind in _PASSWORDS or (kind is Kind.NAMES and (source, kind) in self._near):
            self._batches.settle(_SETTLE_SECONDS)
        else:
            self._batches.hurry()

    def close(self) -> None:
        """Write what is left."""
        self._batches.close()

    def _read(self, count: int) -> None:
        with self._lock, suppress(SQLAlchemyError), self._instance.sessions() as session:
            self._out = {(lockout.source, lockout.kind): until for lockout, until in _active(session)}
            self._seen = count

    def _write(self, batch: Sequence[Guess]) -> None:
        """Add a batch to the records of its sources in one transaction, and lock out who has reached the limit."""
        with self._instance.sessions() as session, writing(session):
            known_macs = _known_macs(session, batch)
            counted = [guess for guess in batch if guess.what not in known_macs]
            grouped: dict[tuple[str, Kind], list[Guess]] = {}
            for guess in counted:
                grouped.setdefault((guess.source, guess.kind), []).append(guess)
            newly_out = [self._count(session, *key, guesses) for key, guesses in grouped.items()]
            if any(newly_out):
                bump(session, "lockouts")
            self._prune(session)

    def _count(self, session: Session, source: str, kind: Kind, guesses: Iterable[Guess]) -> bool:
        """Count for one source; True when that put it out."""
        config, now = self._instance.config, time.monotonic()
        record = session.get(GuessRecord, (boot_id(), source, kind)) or GuessRecord(
            boot=boot_id(), source=source, kind=kind, tries={}, until=0, times=0
        )
        tries = {what: at for what, at in record.tries.items() if now - at < config.lockout_window_seconds}
        tries.update((guess.what, guess.at) for guess in guesses)
        limit = _limit(session, source, kind)
        out = len(tries) >= limit
        if out:
            record.until = int(now + lockout_seconds(config, kind, record.times)) + 1
            record.times += 1
            tries = {}
            self._out = {**self._out, (source, kind): record.until}
        self._remember_near(source, kind, near=len(tries) >= limit - 3)
        record.tries, record.seen_at = tries, utc_now()
        session.add(record)
        return out

    def _remember_near(self, source: str, kind: Kind, *, near: bool) -> None:
        if near:
            if len(self._near) >= _SOURCES:  # those that are near still come back with their next try
                self._near.clear()
            self._near.add((source, kind))
        else:
            self._near.discard((source, kind))

    def _prune(self, session: Session) -> None:
        """Forget, once a minute, what is a day old, and the oldest where there are too many sources."""
        if time.monotonic() < self._next_prune:
            return
        self._next_prune = time.monotonic() + _PRUNE_SECONDS
        yesterday = utc_now() - timedelta(days=1)
        session.execute(delete(GuessRecord).where(GuessRecord.seen_at < yesterday))
        session.execute(delete(KnownSource).where(KnownSource.seen_at < yesterday))
        kept = select(GuessRecord.seen_at).order_by(GuessRecord.seen_at.desc()).offset(_SOURCES).limit(1)
        session.execute(delete(GuessRecord).where(GuessRecord.seen_at <= kept.scalar_subquery()))


def lockouts(session: Session) -> list[Lockout]:
    """The sources that are out now, on this machine."""
    return [lockout for lockout, _ in _active(session)]


def release(session: Session, source: str) -> None:
    """Let `source` in again and forget what it tried; its own transaction."""
    with writing(session):
        session.execute(delete(GuessRecord).where(GuessRecord.source == source))
        bump(session, "lockouts")


def lockout_seconds(config: Config, kind: Kind, times: int) -> int:
    """How long a source is out that has been so `times` times lately: guessing names takes longer each time (PH-01)."""
    growth = 1 if kind in _PASSWORDS else min(2**times, _LONGEST)
    return config.lockout_time_seconds * growth


@cache
def boot_id() -> str:
    """Names the clock that `time.monotonic` reads: another boot or machine has another one."""
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    except OSError:
        return f"host {os.uname().nodename}"


def _active(session: Session) -> list[tuple[Lockout, int]]:
    now = time.monotonic()
    wanted = select(GuessRecord.source, GuessRecord.kind, GuessRecord.until).where(
        GuessRecord.boot == boot_id(), GuessRecord.until > int(now)
    )
    return [
        (Lockout(source, Kind(kind), int(until - now)), until)
        for source, kind, until in session.execute(wanted.limit(_SOURCES))
    ]


def _limit(session: Session, source: str, kind: Kind) -> int:
    yesterday = utc_now() - timedelta(days=1)
    known = select(func.count()).where(KnownSource.source == source, KnownSource.seen_at > yesterday)
    return LIMITS[kind] * (KNOWN_SOURCE_FACTOR if session.scalar(known) else 1)


def _known_macs(session: Session, batch: Iterable[Guess]) -> set[str]:
    """Which of the MACs guessed are of devices, so that their missing optional files do not count."""
    macs = {guess.what for guess in batch if guess.kind not in _PASSWORDS}
    return set(session.scalars(select(Device.mac).where(Device.mac.in_(macs)))) if macs else set()
