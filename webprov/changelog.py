"""Reading the trail of who did what: filtered, page by page, or as rows of a CSV file (security UI-11)."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from sqlalchemy import ColumnElement, String, cast, func, or_, select
from sqlalchemy.orm import InstrumentedAttribute, Session

from webprov.store.models import ChangeRecord, Tenant

CSV_COLUMNS = ("at", "user", "address", "action", "thing", "name", "tenant", "field", "old", "new")


@dataclass(frozen=True)
class ChangeQuery:
    """Which records: `where` keeps to what the person sees, empty texts mean any; `text` is looked for everywhere."""

    where: ColumnElement[bool]
    user: str = ""
    thing: str = ""
    text: str = ""


def count_changes(session: Session, query: ChangeQuery) -> int:
    """How many records fit."""
    return session.scalar(select(func.count()).select_from(ChangeRecord).where(*_conditions(query))) or 0


def list_changes(session: Session, query: ChangeQuery, *, offset: int = 0, limit: int = 50) -> Sequence[ChangeRecord]:
    """The records that fit, the latest first."""
    found = select(ChangeRecord).where(*_conditions(query)).order_by(ChangeRecord.id.desc())
    return session.scalars(found.offset(offset).limit(limit)).all()


def known_values(session: Session, column: InstrumentedAttribute[str], where: ColumnElement[bool]) -> list[str]:
    """What stands in `column` (user_name, thing) of the records that the person sees, for a filter."""
    return sorted(session.scalars(select(column).where(where).distinct()), key=str.casefold)


def tenant_names(session: Session) -> dict[int, str]:
    """The tenants by id; those that were deleted are missing."""
    return {row[0]: row[1] for row in session.execute(select(Tenant.id, Tenant.name))}


def csv_rows(session: Session, query: ChangeQuery) -> Iterator[list[str]]:
    """One row per changed field under CSV_COLUMNS, the oldest first; a record without fields is one row."""
    tenants = tenant_names(session)
    found = select(ChangeRecord).where(*_conditions(query)).order_by(ChangeRecord.id)
    for record in session.scalars(found.execution_options(yield_per=500)):
        at = record.at.isoformat(timespec="seconds")
        tenant = tenants.get(record.tenant_id or 0, "")
        start = [at, record.user_name, record.address, record.action, record.thing, record.name, tenant]
        for field, old, new in _differences(record) or [("", "", "")]:
            yield [*start, field, old, new]


def _differences(record: ChangeRecord) -> list[tuple[str, str, str]]:
    """Field, old, new; of a secret only the word that it changed."""
    found = []
    for field, change in record.fields.items():
        old, new = change if isinstance(change, list) and len(change) == 2 else ("", change)
        found.append((field, _text(old), _text(new)))
    return found


def _text(value: object) -> str:
    return "" if value is None else str(value)


def _conditions(query: ChangeQuery) -> list[ColumnElement[bool]]:
    conditions = [query.where]
    if query.user:
        conditions.append(ChangeRecord.user_name == query.user)
    if query.thing:
        conditions.append(ChangeRecord.thing == query.thing)
    if query.text:
        conditions.append(_contains(query.text))
    return conditions


def _contains(text: str) -> ColumnElement[bool]:
    """In who, where, what or any value; the fields are stored as JSON, which writes some characters as escapes."""
    plain = (ChangeRecord.user_name, ChangeRecord.address, ChangeRecord.action, ChangeRecord.thing, ChangeRecord.name)
    in_json = json.dumps(text)[1:-1]
    return or_(
        *(column.icontains(text, autoescape=True) for column in plain),
        cast(ChangeRecord.fields, String).icontains(in_json, autoescape=True),
    )
