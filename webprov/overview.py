"""What the dashboard tells about fetches: 24 hours of requests (ui guide 6)."""

from collections import defaultdict
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, String, cast, func, select
from sqlalchemy.orm import Session

from webprov.serving.askers import Reason
from webprov.store.models import Device, FetchRecord

HOURS = 24
REFUSALS = (
    Reason.NETWORK,
    Reason.TENANT_NETWORK,
    Reason.WRONG_CREDENTIALS,
    Reason.NO_CERTIFICATE,
    Reason.FOREIGN_CERTIFICATE,
    Reason.LOCKED_OUT,
    Reason.NOT_OWN,
    Reason.OWN_NEEDED,
)
"""What counts as refused: a first request without credentials, or for a file that is optional, is everyday life."""


@dataclass(frozen=True, slots=True)
class Hour:
    """Requests of phones within one hour from `at`: files sent, files that had not changed, refusals."""

    at: datetime
    sent: int = 0
    unchanged: int = 0
    refused: int = 0

    @property
    def total(self) -> int:
        """All three together."""
        return self.sent + self.unchanged + self.refused


def fetches_by_hour(session: Session, now: datetime, *where: ColumnElement[bool]) -> list[Hour]:
    """The last HOURS hours up to the running one, oldest first; `where` is a condition on the devices that fetched,
    without one the requests of strangers count too."""
    last = now.replace(minute=0, second=0, microsecond=0)
    hours = [last - timedelta(hours=back) for back in reversed(range(HOURS))]
    hour = func.substr(cast(FetchRecord.at, String), 1, 13)  # 2026-03-29 07; twice as fast as taking times apart
    query = select(hour, FetchRecord.reason, func.count()).where(FetchRecord.at >= hours[0])
    if where:
        query = query.where(FetchRecord.device_id.in_(select(Device.id).where(*where)))
    counts: dict[str, dict[str, int]] = defaultdict(dict)
    for name, reason, count in session.execute(query.group_by(hour, FetchRecord.reason)):
        counts[name][reason] = count
    return [_hour(at, counts.get(f"{at:%Y-%m-%d %H}", {})) for at in hours]


def _hour(at: datetime, counts: dict[str, int]) -> Hour:
    refused = sum(counts.get(reason.value, 0) for reason in REFUSALS)
    return Hour(at, counts.get(Reason.DELIVERED.value, 0), counts.get(Reason.UNCHANGED.value, 0), refused)
