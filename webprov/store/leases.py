"""One runner of each kind of work among all processes and machines (security BG-01, BG-05).

A lease is a row that names its owner. The owner makes its beat grow; whoever wants the lease watches that beat by a
monotonic clock, so a clock set wrong neither frees nor keeps it. Every result is stored together with `fence`: a
runner that was replaced while it hung finds out before it stores anything.
"""

import secrets
import time
from collections.abc import Callable

from sqlalchemy import update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session, sessionmaker

from webprov.errors import WebprovError
from webprov.store.database import writing
from webprov.store.jobrecords import LeaseRecord
from webprov.store.models import utc_now

STALLED_SECONDS = 30
"""A holder whose beat stands still for so long is taken for dead."""
_BEAT_SECONDS = 5


class LeaseLost(WebprovError):
    """Another process does this now."""


class Lease:
    """The right to do `name`, for one thread. `owner` names this try at it."""

    def __init__(
        self,
        sessions: sessionmaker[Session],
        name: str,
        *,
        machine: str = "",
        is_alone: Callable[[], bool] = lambda: False,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """`is_alone` says whether every other owner on `machine` is known to be dead: then none is waited for."""
        self.name = name
        self.owner = secrets.token_hex(8)
        self._sessions = sessions
        self._machine = machine
        self._is_alone = is_alone
        self._clock = clock
        self._held_at: float | None = None
        self._seen: tuple[str, int] | None = None
        self._seen_at = 0.0

    def hold(self) -> bool:
        """Take it or keep it; whether it is ours. To be called all the time; writes every few seconds only."""
        now = self._clock()
        if self._held_at is not None and now - self._held_at < _BEAT_SECONDS:
            return True
        self._held_at = None
        try:
            with self._sessions() as session, writing(session):
                held = self._beat(session) or self._take(session)
        except IntegrityError:  # two made the row at once
            held = False
        self._held_at = now if held else None
        return held

    @property
    def is_held(self) -> bool:
        """Whether it was ours when last looked at; asks nobody, any thread may call this."""
        return self._held_at is not None

    def fence(self, session: Session) -> None:
        """Beat inside the transaction under way; raises LeaseLost where the lease is no longer ours."""
        if not self._beat(session):
            self._held_at = None
            raise LeaseLost(f"Another process has taken over {self.name}.")
        self._held_at = self._clock()

    def keep(self) -> None:
        """Beat for the thread that holds it and is at work; any thread may call this."""
        with self._sessions() as session, writing(session):
            self._beat(session)

    def release(self) -> None:
        """Let the next one have it at once."""
        self._held_at = None
        with self._sessions() as session, writing(session):
            mine = LeaseRecord.name == self.name, LeaseRecord.owner == self.owner
            session.execute(update(LeaseRecord).where(*mine).values(owner=""))

    def _beat(self, session: Session) -> bool:
        values = {"beat": LeaseRecord.beat + 1, "seen_at": utc_now()}
        return self._change(session, LeaseRecord.owner == self.owner, values)

    def _take(self, session: Session) -> bool:
        row = session.get(LeaseRecord, self.name)
        if row is None:
            session.add(LeaseRecord(name=self.name, owner=self.owner, machine=self._machine))
            return True
        if not self._is_free(row):
            return False
        unchanged = (LeaseRecord.owner == row.owner) & (LeaseRecord.beat == row.beat)
        values = {"owner": self.owner, "machine": self._machine, "beat": row.beat + 1, "seen_at": utc_now()}
        return self._change(session, unchanged, values)

    def _is_free(self, row: LeaseRecord) -> bool:
        if not row.owner or (row.machine == self._machine and self._is_alone()):
            return True
        if (row.owner, row.beat) != self._seen:
            self._seen, self._seen_at = (row.owner, row.beat), self._clock()
        return self._clock() - self._seen_at >= STALLED_SECONDS

    def _change(self, session: Session, condition: object, values: dict[str, object]) -> bool:
        statement = update(LeaseRecord).where(LeaseRecord.name == self.name, condition).values(values)  # type: ignore[arg-type]
        return session.connection().execute(statement).rowcount == 1
