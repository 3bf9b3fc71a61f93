"""Fetches counted as they are written, so that pages need not read half a million records (spec 8, performance P8)."""

from collections import Counter
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import bindparam, insert, update
from sqlalchemy.orm import Session

from webprov.serving.askers import Reason
from webprov.serving.fetch import Fetch
from webprov.store.fetchrecords import FetchDay, FetchHour

STRANGERS = 0
"""The tenant of those who are no devices."""
REFUSALS = frozenset({
    Reason.NETWORK,
    Reason.TENANT_NETWORK,
    Reason.WRONG_CREDENTIALS,
    Reason.NO_CERTIFICATE,
    Reason.FOREIGN_CERTIFICATE,
    Reason.LOCKED_OUT,
    Reason.NOT_OWN,
    Reason.OWN_NEEDED,
    Reason.WINDOW_CLOSED,
    Reason.OTHER_PHONE,
})  # fmt: skip
"""What counts as refused: a first request without credentials, or for a file that is optional, is everyday life."""

_COLUMNS: dict[str, str] = {
    Reason.DELIVERED: "sent",
    Reason.UNCHANGED: "unchanged",
    **dict.fromkeys(REFUSALS, "refused"),
}


def count_fetches(session: Session, batch: Iterable[tuple[int, Fetch]]) -> None:
    """Count requests, each with the id of its device's tenant; inside the transaction of their records."""
    alike = Counter((one.at // 3600, one.protocol, tenant, one.reason) for tenant, one in batch)
    days: Counter[tuple[str, str]] = Counter()
    hours: Counter[tuple[str, int, str]] = Counter()
    for (number, protocol, tenant, reason), count in alike.items():
        hour = hour_name(datetime.fromtimestamp(number * 3600, UTC))
        days[hour[:10], str(protocol)] += count
        hours[hour, tenant, _COLUMNS.get(reason, "")] += count
    _count_days(session, days)
    _count_hours(session, hours)


def hour_name(at: datetime) -> str:
    """How the hour of `at` (UTC) is called in FetchHour; its first ten characters are the day."""
    return f"{at:%Y-%m-%d %H}"


_table: Any = FetchHour.__table__
_counts: dict[str, Any] = {name: bindparam(name) for name in ("sent", "unchanged", "refused")}
_ADD = (
    update(_table)
    .where(_table.c.hour == bindparam("of_hour"), _table.c.tenant_id == bindparam("of_tenant"))
    .values({name: _table.c[name] + more for name, more in _counts.items()})
)
_INSERT = insert(_table).values(hour=bindparam("of_hour"), tenant_id=bindparam("of_tenant"), **_counts)


def _count_hours(session: Session, counts: Mapping[tuple[str, int, str], int]) -> None:
    rows: dict[tuple[str, int], dict[str, Any]] = {}
    for (hour, tenant, column), count in counts.items():
        if column:
            nothing = {"of_hour": hour, "of_tenant": tenant, "sent": 0, "unchanged": 0, "refused": 0}
            rows.setdefault((hour, tenant), nothing)[column] = count
    for row in rows.values():
        if not session.connection().execute(_ADD, row).rowcount:
            session.connection().execute(_INSERT, row)


def _count_days(session: Session, counts: Mapping[tuple[str, str], int]) -> None:
    for (day, protocol), count in counts.items():
        row = session.get(FetchDay, (day, protocol))
        if row is None:
            session.add(FetchDay(day=day, protocol=protocol, count=count))
        else:
            row.count = FetchDay.count + count
