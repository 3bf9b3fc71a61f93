"""Lists of devices: search, filters, counts and one page at a time, all in SQL (performance P8, ui guide 5)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from sqlalchemy import ColumnElement, and_, case, func, or_, select
from sqlalchemy.orm import Session

from webprov.enums import FileState
from webprov.fleet import file_state
from webprov.site import Site
from webprov.store.models import Device, Line, Tenant, utc_now

NOT_SEEN_DAYS = 14
"""A phone that fetched longer ago counts as not seen."""

_HEX = frozenset("0123456789ABCDEF")
_MAC_SEPARATORS = str.maketrans("", "", ":-. ")


class PhoneState(StrEnum):
    """Has the phone fetched? (ui guide 7)"""

    NEVER_FETCHED = "never fetched"
    NOT_SEEN = "not seen"


class Sort(StrEnum):
    """What a list can be sorted by."""

    LABEL = "label"
    MAC = "mac"
    MODEL = "model"
    LINE = "line"
    TENANT = "tenant"
    FILES = "files"
    FETCH = "fetch"


@dataclass(frozen=True)
class DeviceQuery:
    """What to list: `where` keeps it to the tenants that may be seen; `text` is part of a MAC in any spelling, a label,
    an extension, a SIP user, a name, a model or a user agent. `page` counts from 1."""

    where: ColumnElement[bool]
    text: str = ""
    model: str = ""
    state: FileState | PhoneState | None = None
    sort: Sort = Sort.LABEL
    descending: bool = False
    page: int = 1
    per_page: int = 50


@dataclass(frozen=True, slots=True)
class DeviceRow:
    """One device of a list, with its first line and how many more there are."""

    id: int
    mac: str
    label: str
    model: str
    tenant: str
    state: FileState
    phone: PhoneState | None
    last_fetch_at: datetime | None
    address: str = ""  # of the last fetch
    user_agent: str = ""
    revision: int = 0
    fetched_revision: int = 0
    restored_revision: int = 0  # the earlier one that it holds; 0: none
    extension: str = ""
    name: str = ""
    more_lines: int = 0

    @property
    def has_older_files(self) -> bool:
        """Whether the phone fetched, and its files have changed since."""
        return bool(self.fetched_revision) and self.fetched_revision != self.revision


@dataclass(frozen=True)
class DeviceCounts:
    """How many devices match, whatever their state, and how many of them are in each."""

    total: int = 0
    states: Mapping[FileState | PhoneState, int] = field(default_factory=dict)


@dataclass(frozen=True)
class DevicePage:
    """One page of a list; `matching` counts all pages, `page` is the one that is shown (the last if too far)."""

    rows: tuple[DeviceRow, ...]
    counts: DeviceCounts
    matching: int
    page: int


def list_devices(session: Session, site: Site, query: DeviceQuery) -> DevicePage:
    """The page of devices that `query` asks for; four queries, however many devices there are."""
    state = file_state(session, site)
    where = and_(query.where, *_conditions(query))
    counts = _counts(session, state, where)
    matching = counts.states.get(query.state, 0) if query.state else counts.total
    page = max(1, min(query.page, -(-matching // query.per_page)))
    chosen = select(Device.id).join(Tenant).where(where)
    if query.state:
        chosen = chosen.where(_is_in(state, query.state))
    chosen = chosen.order_by(*_order(query, state)).limit(query.per_page).offset((page - 1) * query.per_page)
    ids = session.scalars(chosen).all()
    return DevicePage(_rows(session, ids, state), counts, matching, page)


def count_devices(session: Session, site: Site, where: ColumnElement[bool]) -> DeviceCounts:
    """How many devices meet `where`, and how many of them are in each state."""
    return _counts(session, file_state(session, site), where)


def phone_state() -> ColumnElement[str | None]:
    """An SQL expression over Device that yields a PhoneState, or NULL where the phone fetched lately."""
    long_ago = utc_now() - timedelta(days=NOT_SEEN_DAYS)
    return case(
        (Device.last_fetch_at.is_(None), PhoneState.NEVER_FETCHED.value),
        (Device.last_fetch_at < long_ago, PhoneState.NOT_SEEN.value),
    )


def _conditions(query: DeviceQuery) -> list[ColumnElement[bool]]:
    found = [Device.model == query.model] if query.model else []
    text = query.text.strip()
    return [*found, _matches(text)] if text else list(found)


def _matches(text: str) -> ColumnElement[bool]:
    lines = select(Line.device_id).where(
        or_(*(column.icontains(text, autoescape=True) for column in (Line.extension, Line.userid, Line.display_name)))
    )
    digits = text.translate(_MAC_SEPARATORS).upper()
    is_hex = bool(digits) and _HEX.issuperset(digits)
    found = [
        *([Device.mac.contains(digits)] if is_hex else []),
        Device.label.icontains(text, autoescape=True),
        Device.model.icontains(text.replace(" ", "-"), autoescape=True),
        Device.user_agent.icontains(text, autoescape=True),
        Device.id.in_(lines),
    ]
    return or_(*found)


def _counts(session: Session, state: ColumnElement[str], where: ColumnElement[bool]) -> DeviceCounts:
    grouped = select(state.label("files"), phone_state().label("phone")).select_from(Device).join(Tenant).where(where)
    table = grouped.subquery()
    rows = session.execute(select(table.c.files, table.c.phone, func.count()).group_by(table.c.files, table.c.phone))
    total, states = 0, dict.fromkeys((*FileState, *PhoneState), 0)
    for files, phone, count in rows:
        total += count
        states[FileState(files)] += count
        if phone:
            states[PhoneState(phone)] += count
    return DeviceCounts(total, states)


def _is_in(state: ColumnElement[str], wanted: FileState | PhoneState) -> ColumnElement[bool]:
    return (state if isinstance(wanted, FileState) else phone_state()) == wanted.value


def _order(query: DeviceQuery, state: ColumnElement[str]) -> list[ColumnElement[Any]]:
    name = func.lower(func.coalesce(func.nullif(Device.label, ""), Device.mac))
    first = select(Line.extension).where(Line.device_id == Device.id).order_by(Line.number).limit(1).scalar_subquery()
    columns: dict[Sort, Any] = {
        Sort.LABEL: name,
        Sort.MAC: Device.mac,
        Sort.MODEL: Device.model,
        Sort.LINE: first,
        Sort.TENANT: Tenant.name,
        Sort.FILES: state,
        Sort.FETCH: Device.last_fetch_at,
    }
    by = columns[query.sort]
    ordered = by.desc() if query.descending else by.asc()
    empty_last = [by.is_(None)] if query.sort in (Sort.FETCH, Sort.LINE) else []
    return [*empty_last, *_by_number(name, query), ordered, Device.mac.asc()]


def _by_number(name: ColumnElement[str], query: DeviceQuery) -> list[ColumnElement[Any]]:
    """Labels that differ in a number at the end come in the order of that number: Desk 9 before Desk 10."""
    if query.sort is not Sort.LABEL:
        return []
    keys = [func.rtrim(name, "0123456789"), func.length(name)]
    return [key.desc() if query.descending else key.asc() for key in keys]


def _rows(session: Session, ids: Sequence[int], state: ColumnElement[str]) -> tuple[DeviceRow, ...]:
    """What the page shows of these devices, in their order; states are computed for a page, not for all."""
    columns = (
        Device.id,
        Device.mac,
        Device.label,
        Device.model,
        Tenant.name,
        state,
        phone_state(),
        Device.last_fetch_at,
        Device.last_fetch_address,
        Device.user_agent,
        Device.revision,
        Device.fetched_revision,
        Device.restored_revision,
    )
    found = {row.id: row for row in session.execute(select(*columns).join(Tenant).where(Device.id.in_(ids)))}
    lines: dict[int, list[Any]] = {}
    texts = (Line.device_id, Line.extension, Line.userid, Line.display_name)
    query = select(*texts).where(Line.device_id.in_(ids)).order_by(Line.device_id, Line.number)
    for line in session.execute(query):
        lines.setdefault(line.device_id, []).append(line)
    return tuple(_row(found[number], lines.get(number, [])) for number in ids if number in found)


def _row(found: Any, lines: Sequence[Any]) -> DeviceRow:
    number, mac, label, model, tenant, state, phone, fetched_at, address, agent, revision, fetched, restored = found
    first = lines[0] if lines else None
    return DeviceRow(
        number, mac, label, model, tenant, FileState(state), PhoneState(phone) if phone else None, fetched_at,
        address=address,
        user_agent=agent,
        revision=revision,
        fetched_revision=fetched,
        restored_revision=restored,
        extension=(first.extension or first.userid) if first else "",
        name=first.display_name if first else "",
        more_lines=max(0, len(lines) - 1),
    )  # fmt: skip
