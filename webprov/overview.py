"""What the dashboard tells about fetches: 24 hours of requests (ui guide 6)."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from webprov.serving.fetchcounts import hour_name
from webprov.store.fetchrecords import FetchHour

HOURS = 24


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


def fetches_by_hour(session: Session, now: datetime, tenant_ids: Collection[int] | None = None) -> list[Hour]:
    """The last HOURS hours up to the running one, oldest first, of the devices of these tenants; None: of everybody,
    strangers too."""
    last = now.replace(minute=0, second=0, microsecond=0)
    hours = [last - timedelta(hours=back) for back in reversed(range(HOURS))]
    sums = (func.sum(column) for column in (FetchHour.sent, FetchHour.unchanged, FetchHour.refused))
    query = select(FetchHour.hour, *sums).where(FetchHour.hour >= hour_name(hours[0])).group_by(FetchHour.hour)
    if tenant_ids is not None:
        query = query.where(FetchHour.tenant_id.in_(tenant_ids))
    counts = {name: numbers for name, *numbers in session.execute(query)}
    return [Hour(at, *map(int, counts.get(hour_name(at), ()))) for at in hours]
