"""What the worker tells about its duties: the last turn of each, and whether it went well (security BG-04)."""

import logging
import time
from datetime import timedelta

from sqlalchemy import select
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session, sessionmaker

from webprov.store.database import writing
from webprov.store.dutyrecords import DutyRecord
from webprov.store.models import utc_now

log = logging.getLogger(__name__)

_NOTE_SECONDS = 30.0
_LONG_SECONDS = 1.0
_SELDOM_SECONDS = 10.0


class DutyNotes:
    """Keeps the record of one duty up to date, without a write for each of many short turns."""

    def __init__(self, sessions: sessionmaker[Session], name: str) -> None:
        self._sessions = sessions
        self._name = name
        self._noted_at = float("-inf")
        self._error: str | None = None

    def went_well(self, seconds: float, rest_seconds: float) -> None:
        """A turn of `seconds` has ended; the next is due in `rest_seconds`."""
        due = self._error is None or self._error != "" or time.monotonic() - self._noted_at >= _NOTE_SECONDS
        if due or seconds >= _LONG_SECONDS or rest_seconds >= _SELDOM_SECONDS:
            self._note("", seconds, rest_seconds)

    def went_wrong(self, sentence: str, seconds: float, rest_seconds: float) -> None:
        """A turn has failed; `sentence` is for people who see the system."""
        self._note(sentence, seconds, rest_seconds)

    def _note(self, error: str, seconds: float, rest_seconds: float) -> None:
        now = utc_now()
        values = {"error": error, "seconds": seconds, "started_at": now - timedelta(seconds=seconds)}
        values |= {"next_at": now + timedelta(seconds=rest_seconds), "failed_at" if error else "succeeded_at": now}
        try:
            with self._sessions() as session, writing(session):
                record = session.get(DutyRecord, self._name) or DutyRecord(name=self._name)
                for name, value in values.items():
                    setattr(record, name, value)
                session.add(record)
        except DBAPIError as e:
            log.debug("%s could not be noted: %s", self._name, e)
        else:
            self._error, self._noted_at = error, time.monotonic()


def duty_states(session: Session) -> list[DutyRecord]:
    """All duties that have ever had a turn, by name."""
    return list(session.scalars(select(DutyRecord).order_by(DutyRecord.name)))
