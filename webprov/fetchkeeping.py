"""How long requests of phones are remembered: by age and by number, pruned by the worker, never while serving.

Age counts from the newest record, so that a clock set wrong for a while forgets nothing.
"""

from datetime import timedelta

from sqlalchemy import delete, func, select
from sqlalchemy.orm import Session

from webprov.config import Config
from webprov.serving.fetchcounts import hour_name
from webprov.store.database import writing
from webprov.store.fetchrecords import FetchDay, FetchHour, UnknownPhone
from webprov.store.instance import Instance
from webprov.store.leases import Lease
from webprov.store.models import Device, FetchRecord
from webprov.worker import Duty

_REST_SECONDS = 60.0
_AT_ONCE = 5_000
_DAYS_COUNTED = 400
_DAYS_OF_HOURS = 7


def fetches_duty(instance: Instance) -> Duty:
    """Forget old requests and phones that have become devices; every minute, a piece at a time."""

    def turn(session: Session, lease: Lease) -> float:
        with writing(session):
            lease.fence(session)
            forgotten = forget_fetches(session, instance.config)
            forget_adopted(session)
        return 0.2 if forgotten == _AT_ONCE else _REST_SECONDS

    return Duty("fetches", turn)


def forget_fetches(session: Session, config: Config) -> int:
    """Delete what is too old or too much, the oldest first, at most a few thousand; how many. In a transaction."""
    newest_id = session.scalar(select(func.max(FetchRecord.id))) or 0
    newest_at = session.scalar(select(func.max(FetchRecord.at)))
    if newest_at is None:
        return 0
    limit = newest_at - timedelta(days=config.fetches_kept_days)
    oldest = select(FetchRecord.id).order_by(FetchRecord.id).limit(_AT_ONCE).subquery()
    is_old = (FetchRecord.id <= newest_id - config.fetches_kept_records) | (FetchRecord.at < limit)
    doomed = delete(FetchRecord).where(FetchRecord.id.in_(select(oldest.c.id)), is_old)
    days = newest_at - timedelta(days=_DAYS_COUNTED)
    session.execute(delete(FetchDay).where(FetchDay.day < f"{days:%Y-%m-%d}"))
    hours = newest_at - timedelta(days=_DAYS_OF_HOURS)
    session.execute(delete(FetchHour).where(FetchHour.hour < hour_name(hours)))
    return int(session.connection().execute(doomed).rowcount)


def forget_adopted(session: Session) -> None:
    """A phone that is a device by now is unknown no more. In a transaction."""
    session.execute(delete(UnknownPhone).where(UnknownPhone.mac.in_(select(Device.mac))))
