"""Contacts from and to CSV files: all or nothing, with every refusal by row and column (contract "CSV", RL-03).

A row stands for the contact with the same e-mail address, else for the one with the same first name, last name and
company, without regard to case. Rows that are alike stand for contacts that are alike, in the order they came.
"""

from collections import defaultdict, deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import bindparam, delete, insert, select, update
from sqlalchemy.orm import Session

from webprov.audit import record_change
from webprov.changes.contacts import MAX_CONTACTS, editable_tenant
from webprov.changes.tenants import find_tenant
from webprov.contactinput import parse_contact, search_values
from webprov.csvtable import Problems, read_csv, write_csv
from webprov.errors import InvalidInput
from webprov.rights import Actor, Right
from webprov.store.contactrecords import CONTACT_FIELDS, Contact, touch_directory
from webprov.store.database import BulkStatement, writing
from webprov.store.devicedata import BATCH

_TABLE: Any = Contact.__table__
_COLUMNS = {name: "group_name" if name == "group" else name for name in CONTACT_FIELDS}
_STORED = (*_COLUMNS.values(), "sort_key", "search_text")


@dataclass(frozen=True, slots=True)
class ContactsImported:
    """What an import did, or would do."""

    added: int
    changed: int
    unchanged: int
    deleted: int


def import_contacts(
    session: Session, data: bytes | str, by: Actor, tenant: str, *, replace: bool = False, dry_run: bool = False
) -> ContactsImported:
    """Add the contacts of a CSV file and change those that are there; with `replace` also delete all others.

    A column that the file lacks is left as it is, with `replace` it is emptied; an empty cell clears. Raises
    CsvRefused with every problem, and then nothing has changed; nor has it in a `dry_run`.
    """
    problems = Problems()
    rows = list(read_csv(data, CONTACT_FIELDS.__contains__, (), problems, CONTACT_FIELDS))
    fresh = [_parsed(number, cells, problems) for number, cells in rows]  # what each row is on its own
    problems.refuse()
    with writing(session):
        owner = editable_tenant(session, by, tenant)
        stored = _stored(session, owner.id)
        plan = _Plan(stored, [cells for _, cells in rows], fresh, replace=replace)
        if len(stored) + len(plan.new) - len(plan.gone) > MAX_CONTACTS:
            problems.add(1, "", f"{tenant} would have more than {MAX_CONTACTS:,} contacts. Shorten the file.")
            problems.refuse()
        done = ContactsImported(len(plan.new), len(plan.changed), plan.unchanged, len(plan.gone))
        if not dry_run and (plan.new or plan.changed or plan.gone):
            _apply(session, owner.id, plan)
            touch_directory(session, owner.id, len(plan.new) + len(plan.changed) + len(plan.gone))
            fields = {"added": [0, done.added], "changed": [0, done.changed], "deleted": [0, done.deleted]}
            record_change(session, by, "import", "contacts", owner.name, tenant_id=owner.id, fields=fields)
    return done


def export_contacts(session: Session, by: Actor, tenant: str, *, guard: bool = False) -> Iterator[str]:
    """All contacts of a tenant as CSV, by name. `guard` for a browser's download (security UI-14)."""
    owner = find_tenant(session, tenant, by)
    by.check(Right.SEE_DEVICES, owner.id)
    columns = [_TABLE.c[name] for name in _COLUMNS.values()]
    query = select(*columns).where(_TABLE.c.tenant_id == owner.id).order_by(_TABLE.c.sort_key, _TABLE.c.id)
    return write_csv(CONTACT_FIELDS, session.execute(query).all(), guard=guard)


def _parsed(number: int, cells: Mapping[str, str], problems: Problems) -> dict[str, str]:
    try:
        return parse_contact(cells)
    except InvalidInput as e:
        for column, sentence in e.errors.items():
            problems.add(number, column if column in cells else "", sentence)
        return {}


def _stored(session: Session, tenant_id: int) -> dict[int, dict[str, str]]:
    """The tenant's contacts by id, oldest first."""
    columns = [_TABLE.c[name].label(field) for field, name in _COLUMNS.items()]
    query = select(_TABLE.c.id, *columns).where(_TABLE.c.tenant_id == tenant_id).order_by(_TABLE.c.id)
    return {row[0]: dict(zip(CONTACT_FIELDS, row[1:], strict=True)) for row in session.execute(query)}


class _Plan:
    """Which row stands for which contact, and what that changes."""

    def __init__(
        self,
        stored: Mapping[int, Mapping[str, str]],
        cells: Sequence[Mapping[str, str]],
        fresh: Sequence[dict[str, str]],
        *,
        replace: bool,
    ) -> None:
        self.new: list[dict[str, str]] = []
        self.changed: dict[int, dict[str, str]] = {}
        self.unchanged = 0
        self._taken: set[int] = set()
        self._by_email = _places(stored, _email)
        self._by_name = _places(stored, _name)
        for given, values in zip(cells, fresh, strict=True):
            self._place(stored, values if replace else {name: values[name] for name in given}, values)
        self.gone = [number for number in stored if number not in self._taken] if replace else []

    def _place(self, stored: Mapping[int, Mapping[str, str]], given: Mapping[str, str], values: dict[str, str]) -> None:
        number = self._find(stored, values)
        if number is None:
            self.new.append(values)
            return
        self._taken.add(number)
        merged = {**stored[number], **given}
        if merged == stored[number]:
            self.unchanged += 1
        else:
            self.changed[number] = merged

    def _find(self, stored: Mapping[int, Mapping[str, str]], values: Mapping[str, str]) -> int | None:
        """The contact that a row stands for; one with another e-mail address is another one of the same name."""
        email = values["email"]
        found = self._next(self._by_email[_email(values)]) if email else None
        if found is not None:
            return found
        namesakes = self._by_name[_name(values)]
        if email:
            return self._next(deque(number for number in namesakes if not stored[number]["email"]))
        return self._next(namesakes)

    def _next(self, numbers: deque[int]) -> int | None:
        while numbers:
            number = numbers.popleft()
            if number not in self._taken:
                return number
        return None


def _places(stored: Mapping[int, Mapping[str, str]], key: Any) -> defaultdict[Any, deque[int]]:
    found: defaultdict[Any, deque[int]] = defaultdict(deque)
    for number, values in stored.items():
        found[key(values)].append(number)
    return found


def _email(values: Mapping[str, str]) -> str:
    return values["email"].casefold()


def _name(values: Mapping[str, str]) -> tuple[str, ...]:
    return tuple(values[name].casefold() for name in ("first_name", "last_name", "company"))


def _apply(session: Session, tenant_id: int, plan: _Plan) -> None:
    connection = session.connection()
    for start in range(0, len(plan.gone), BATCH):
        connection.execute(delete(_TABLE).where(_TABLE.c.id.in_(plan.gone[start : start + BATCH])))
    adding = BulkStatement(connection.dialect, insert(_TABLE), ("tenant_id", "version", *_STORED))
    adding.execute(connection, [(tenant_id, 1, *_row(values)) for values in plan.new])
    values: dict[str, Any] = {name: bindparam(f"v_{name}") for name in _STORED}
    statement = update(_TABLE).where(_TABLE.c.id == bindparam("b_id")).values(**values, version=_TABLE.c.version + 1)
    rows = [
        {"b_id": number, **{f"v_{name}": value for name, value in zip(_STORED, _row(values), strict=True)}}
        for number, values in plan.changed.items()
    ]
    if rows:
        connection.execute(statement, rows)


def _row(values: Mapping[str, str]) -> Iterable[str]:
    return (*(values[name] for name in CONTACT_FIELDS), *search_values(values).values())
