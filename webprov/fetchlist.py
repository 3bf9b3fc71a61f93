"""The fetch log as people read it: filtered, page by page, whatever its length (performance P8).

Only time, device, address and the MACs of strangers have indexes. Other filters look through the newest WINDOW records
that these leave, and the page says so: what lies further back is found by choosing a time.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, and_, func, or_, select, union_all
from sqlalchemy.orm import Session

from webprov.store.fetchrecords import FetchDay
from webprov.store.models import Device, FetchRecord, Tenant

WINDOW = 30_000
MOST_COUNTED = 5_000
"""Matches are counted, and paged through, up to so many."""
_FEW_DEVICES = 300


@dataclass(frozen=True)
class FetchQuery:
    """Which requests. `devices` narrows to devices (a condition on Device), None = those of strangers too. Empty texts
    mean any; `reasons` are reason codes; `text` is part of a file name, address, MAC or user agent."""

    devices: ColumnElement[bool] | None = None
    device_id: int | None = None
    mac: str = ""
    address: str = ""
    since: datetime | None = None
    before: datetime | None = None
    protocol: str = ""
    reasons: Sequence[str] = ()
    text: str = ""


@dataclass(frozen=True, slots=True)
class FetchRow:
    """One request. `label`, `model`, `tenant` and `current` (its revision now) are those of the device, if it has one;
    `is_known` says so."""

    at: datetime
    protocol: str
    address: str
    user_agent: str
    path: str
    mac: str
    status: int
    reason: str
    size: int
    revision: int
    is_known: bool
    label: str
    model: str
    tenant: str
    current: int

    @property
    def is_outdated(self) -> bool:
        """Whether the device has got other files since; a shared file belongs to none."""
        return bool(self.revision and self.current and self.revision != self.current)


@dataclass(frozen=True)
class FetchPage:
    """One page; `matching` counts all pages up to MOST_COUNTED. `searched_back_to` is the time of the oldest record
    looked at, where there are older ones."""

    rows: tuple[FetchRow, ...]
    matching: int
    searched_back_to: datetime | None = None


def list_fetches(session: Session, query: FetchQuery, *, offset: int = 0, limit: int = 50) -> FetchPage:
    """The requests that fit, the latest first."""
    found = _indexed(session, query)
    others = _others(query)
    floor = _floor(session, found) if others else None
    where = [*found, *others, *([FetchRecord.at > floor] if floor else [])]
    replaced = _floor(session, _times(query)) if _is_of_no_device(session, query) else None
    ends = [end for end in (floor, replaced) if end]
    latest = FetchRecord.at.desc(), FetchRecord.id.desc()
    ids = session.scalars(select(FetchRecord.id).where(*where).order_by(*latest).limit(MOST_COUNTED)).all()
    return FetchPage(_rows(session, ids[offset : offset + limit]), len(ids), max(ends, default=None))


def protocol_use(session: Session, first_day: datetime) -> dict[str, int]:
    """How many requests came by each protocol since that day (UTC)."""
    query = select(FetchDay.protocol, func.sum(FetchDay.count)).where(FetchDay.day >= f"{first_day:%Y-%m-%d}")
    return {protocol: int(count) for protocol, count in session.execute(query.group_by(FetchDay.protocol))}


def _indexed(session: Session, query: FetchQuery) -> list[ColumnElement[bool]]:
    """The conditions that an index answers."""
    found: list[ColumnElement[bool]] = []
    if query.device_id is not None:
        found.append(FetchRecord.device_id == query.device_id)
    if query.mac:
        found.append(_of_mac(session, query))
    if query.address:
        found.append(FetchRecord.address == query.address)
    found += _times(query)
    few = _few_devices(session, query)
    return [*found, FetchRecord.device_id.in_(few)] if few is not None else found


def _of_mac(session: Session, query: FetchQuery) -> ColumnElement[bool]:
    """What the device of that MAC asked for, and what was asked for before it was one.

    Where none has it, the phone may have been replaced since: the records of its device are looked through as far back
    as WINDOW goes.
    """
    strangers = and_(FetchRecord.mac == query.mac, FetchRecord.device_id.is_(None))
    if not _is_of_no_device(session, query):
        of_it = select(Device.id).where(Device.mac == query.mac).scalar_subquery()
        return or_(FetchRecord.device_id == of_it, strangers)
    recent = select(FetchRecord.id, FetchRecord.mac).where(*_times(query)).order_by(FetchRecord.at.desc()).limit(WINDOW)
    latest = recent.subquery()
    replaced = select(latest.c.id).where(latest.c.mac == query.mac)
    return FetchRecord.id.in_(union_all(select(FetchRecord.id).where(strangers), replaced))


def _is_of_no_device(session: Session, query: FetchQuery) -> bool:
    """Whether it asks for a MAC that no device has."""
    return bool(query.mac) and session.scalar(select(Device.id).where(Device.mac == query.mac)) is None


def _times(query: FetchQuery) -> list[ColumnElement[bool]]:
    found = []
    if query.since:
        found.append(FetchRecord.at >= query.since)
    if query.before:
        found.append(FetchRecord.at < query.before)
    return found


def _few_devices(session: Session, query: FetchQuery) -> Sequence[int] | None:
    """The devices that the query narrows to, if they are so few that asking for each is quicker than looking."""
    if query.devices is None:
        return None
    ids = session.scalars(select(Device.id).where(query.devices).limit(_FEW_DEVICES + 1)).all()
    return ids if len(ids) <= _FEW_DEVICES else None


def _others(query: FetchQuery) -> list[ColumnElement[bool]]:
    found: list[ColumnElement[bool]] = []
    if query.devices is not None:
        found.append(FetchRecord.device_id.in_(select(Device.id).where(query.devices)))
    if query.protocol:
        found.append(FetchRecord.protocol == query.protocol)
    if query.reasons:
        found.append(FetchRecord.reason.in_(query.reasons))
    if query.text:
        digits = query.text.translate(_SEPARATORS).upper()
        columns = (FetchRecord.path, FetchRecord.address, FetchRecord.user_agent)
        found.append(
            or_(
                *(column.icontains(query.text, autoescape=True) for column in columns),
                *([FetchRecord.mac.contains(digits, autoescape=True)] if digits else []),
            )
        )
    return found


_SEPARATORS = str.maketrans("", "", ":-. ")


def _floor(session: Session, where: Sequence[ColumnElement[bool]]) -> datetime | None:
    """The time of the record at which the window ends; None where all fit in."""
    times = select(FetchRecord.at).where(*where).order_by(FetchRecord.at.desc())
    return session.scalar(times.offset(WINDOW).limit(1))


_COLUMNS: tuple[Any, ...] = tuple(
    getattr(FetchRecord, name)
    for name in ("id", "at", "protocol", "address", "user_agent", "path", "mac", "status", "reason", "size", "revision")
)


def _rows(session: Session, ids: Sequence[int]) -> tuple[FetchRow, ...]:
    columns = (*_COLUMNS, Device.id, Device.label, Device.model, Tenant.name, Device.revision)
    joined = select(*columns).outerjoin(Device, Device.id == FetchRecord.device_id).outerjoin(Tenant)
    found = {row[0]: row for row in session.execute(joined.where(FetchRecord.id.in_(ids)))}
    return tuple(_row(found[number]) for number in ids if number in found)


def _row(found: Any) -> FetchRow:
    *fetch, device_id, label, model, tenant, revision = found[1:]
    values = (*fetch, device_id is not None, label or "", model or "", tenant or "", revision or 0)
    return FetchRow(*values)
