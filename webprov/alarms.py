"""What somebody should look at at once: many MACs guessed from many addresses (security PH-02)."""

import logging
from datetime import timedelta

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from webprov.store.fetchrecords import UnknownPhone
from webprov.store.instance import Instance
from webprov.store.leases import Lease
from webprov.store.models import utc_now
from webprov.worker import Duty

log = logging.getLogger(__name__)

MACS_AN_HOUR = 1_000
"""More unknown MACs than these within an hour are no roll-out: each source alone stays below its limit, all together
try a maker's whole range."""

_REST_SECONDS = 60.0


def guessed_macs(session: Session) -> int:
    """How many different MACs that are no devices were asked for within the last hour, over all sources."""
    since = utc_now() - timedelta(hours=1)
    return session.scalar(select(func.count()).select_from(UnknownPhone).where(UnknownPhone.last_seen_at >= since)) or 0


def alarms_duty(_instance: Instance) -> Duty:
    """Each minute: say once in the log when guessing begins, and when it is over."""
    was_over = False

    def turn(session: Session, _lease: Lease) -> float:
        nonlocal was_over
        count = guessed_macs(session)
        is_over = count > MACS_AN_HOUR
        if is_over and not was_over:
            log.warning("%d MACs that are no devices were asked for within an hour: somebody guesses addresses", count)
        elif was_over and not is_over:
            log.warning("Guessing of addresses is over: %d unknown MACs within the last hour", count)
        was_over = is_over
        return _REST_SECONDS

    return Duty("alarms", turn)
