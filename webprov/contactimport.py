"""Contacts from and to CSV files: all or nothing, with every refusal by row and column (contract "CSV", RL-03).

A row stands for the contact with the same e-mail address, else for the one with the same first name, last name and
company, without regard to case. Rows that are alike stand for contacts that are alike, in the order they came.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, dataclass
from typing import Any

from sqlalchemy import bindparam, delete, insert, literal_column, select, update
from sqlalchemy.orm import Session

from webprov.audit import record_change
from webprov.changes.contacts import MAX_CONTACTS, editable_tenant
from webprov.changes.tenants import find_tenant
from webprov.contactinput import parse_contact, search_values
from webprov.csvtable import Problems, read_csv, write_csv
from webprov.errors import InvalidInput
from webprov.importwatch import READING, STORING, TELL_EVERY, UNWATCHED, ImportWatch
from webprov.rights import Actor, Right
from webprov.store.contactrecords import CONTACT_FIELDS, Contact, directory_version, touch_directory
from webprov.store.database import BulkStatement, reading, writing
from webprov.store.devicedata import batches

_TABLE: Any = Contact.__table__
_COLUMNS = {name: "group_name" if name == "group" else name for name in CONTACT_FIELDS}
_STORED = (*_COLUMNS.values(), "sort_key", "search_text")
_EMAIL = CONTACT_FIELDS.index("email")
_NAMES = tuple(CONTACT_FIELDS.index(name) for name in ("first_name", "last_name", "company"))
_Values = tuple[str, ...]
"""A contact's fields in the order of CONTACT_FIELDS."""


@dataclass(frozen=True, slots=True)
class ContactsImported:
    """What an import did, or would do."""

    added: int
    changed: int
    unchanged: int
    deleted: int


def import_contacts(
    session: Session,
    data: bytes | str,
    by: Actor,
    tenant: str,
    *,
    replace: bool = False,
    dry_run: bool = False,
    watch: ImportWatch = UNWATCHED,
) -> ContactsImported:
    """Add the contacts of a CSV file and change those that are there; with `replace` also delete all others.

    A column that the file lacks is left as it is, with `replace` it is emptied; an empty cell clears. Raises
    CsvRefused with every problem, and then nothing has changed; nor has it in a `dry_run`.
    """
    problems = Problems()
    given, rows = _read(data, problems, watch)
    problems.refuse()
    watch.tell(STORING, len(rows))
    with reading(session) if dry_run else writing(session):
        owner = editable_tenant(session, by, tenant)
        watch.begin(session, f"{owner.id} {directory_version(session, owner.id)}")
        stored = _stored(session, owner.id)
        plan = _Plan(stored, rows, frozenset(CONTACT_FIELDS) if replace else given, replace=replace)
        if len(stored) + len(plan.new) - len(plan.gone) > MAX_CONTACTS:
            problems.add(1, "", f"{tenant} would have more than {MAX_CONTACTS:,} contacts. Shorten the file.")
            problems.refuse()
        done = ContactsImported(len(plan.new), len(plan.changed), plan.unchanged, len(plan.gone))
        if not dry_run and (plan.new or plan.changed or plan.gone):
            _apply(session, owner.id, plan)
            touch_directory(session, owner.id, len(plan.new) + len(plan.changed) + len(plan.gone))
            fields = {"added": [0, done.added], "changed": [0, done.changed], "deleted": [0, done.deleted]}
            record_change(session, by, "import", "contacts", owner.name, tenant_id=owner.id, fields=fields)
        watch.end(session, asdict(done))
    return done


def check_contact_header(data: bytes | str) -> None:
    """Raise CsvRefused where the file is none, or its first row names other columns: what can be told at once."""
    next(read_csv(data, CONTACT_FIELDS.__contains__, (), Problems(), CONTACT_FIELDS), None)


def export_contacts(session: Session, by: Actor, tenant: str, *, guard: bool = False) -> Iterator[str]:
    """All contacts of a tenant as CSV, by name. `guard` for a browser's download (security UI-14)."""
    owner = find_tenant(session, tenant, by)
    by.check(Right.SEE_DEVICES, owner.id)
    columns = [_TABLE.c[name] for name in _COLUMNS.values()]
    query = select(*columns).where(_TABLE.c.tenant_id == owner.id).order_by(_TABLE.c.sort_key, _TABLE.c.id)
    return write_csv(CONTACT_FIELDS, session.execute(query).all(), guard=guard)


def _read(data: bytes | str, problems: Problems, watch: ImportWatch) -> tuple[frozenset[str], list[_Values]]:
    """The columns of the file, and each row checked on its own, as it stands for a new contact."""
    given: frozenset[str] = frozenset()
    rows: list[_Values] = []
    for number, cells in read_csv(data, CONTACT_FIELDS.__contains__, (), problems, CONTACT_FIELDS):
        given = given or frozenset(cells)
        try:
            rows.append(tuple(parse_contact(cells).values()))
        except InvalidInput as e:
            for column, sentence in e.errors.items():
                problems.add(number, column if column in cells else "", sentence)
        if number % TELL_EVERY == 0:
            watch.tell(READING, number)
    return given, rows


def _stored(session: Session, tenant_id: int) -> dict[int, _Values]:
    """The tenant's contacts by id, oldest first."""
    columns = [_TABLE.c[name] for name in _COLUMNS.values()]
    query = select(_TABLE.c.id, *columns).where(_TABLE.c.tenant_id == tenant_id).order_by(_TABLE.c.id)
    return {row[0]: tuple(row[1:]) for row in session.execute(query)}


class _Plan:
    """Which row stands for which contact, and what that changes."""

    def __init__(
        self, stored: dict[int, _Values], rows: Iterable[_Values], given: frozenset[str], *, replace: bool
    ) -> None:
        self.new: list[_Values] = []
        self.changed: dict[int, _Values] = {}
        self.unchanged = 0
        self._given = [name in given for name in CONTACT_FIELDS]
        self._taken: set[int] = set()
        self._by_email = _places(stored, _email)
        self._by_name = _places(stored, _name)
        for values in rows:
            self._place(stored, values)
        self.gone = [number for number in stored if number not in self._taken] if replace else []

    def _place(self, stored: dict[int, _Values], values: _Values) -> None:
        number = self._find(stored, values)
        if number is None:
            self.new.append(values)
            return
        self._taken.add(number)
        both = zip(self._given, values, stored[number], strict=True)
        merged = tuple(new if is_given else old for is_given, new, old in both)
        if merged == stored[number]:
            self.unchanged += 1
        else:
            self.changed[number] = merged

    def _find(self, stored: dict[int, _Values], values: _Values) -> int | None:
        """The contact that a row stands for; one with another e-mail address is another one of the same name."""
        email = values[_EMAIL]
        found = self._next(self._by_email.get(_email(values))) if email else None
        if found is not None:
            return found
        namesakes = self._by_name.get(_name(values))
        if email:
            return self._next([number for number in namesakes or () if not stored[number][_EMAIL]])
        return self._next(namesakes)

    def _next(self, numbers: list[int] | None) -> int | None:
        while numbers:
            number = numbers.pop()
            if number not in self._taken:
                return number
        return None


def _places(stored: dict[int, _Values], key: Callable[[_Values], Any]) -> dict[Any, list[int]]:
    """The contacts of each key, the oldest last."""
    found: dict[Any, list[int]] = {}
    for number in reversed(stored):
        found.setdefault(key(stored[number]), []).append(number)
    return found


def _email(values: _Values) -> str:
    return values[_EMAIL].casefold()


def _name(values: _Values) -> _Values:
    return tuple(values[place].casefold() for place in _NAMES)


def _apply(session: Session, tenant_id: int, plan: _Plan) -> None:
    connection = session.connection()
    for numbers in batches(plan.gone):
        connection.execute(delete(_TABLE).where(_TABLE.c.id.in_(numbers)))
    adding = BulkStatement(connection.dialect, insert(_TABLE), ("tenant_id", "version", *_STORED))
    for new in batches(plan.new):
        adding.execute(connection, [(tenant_id, 1, *_row(fields)) for fields in new])
    values: dict[str, Any] = {name: bindparam(f"v_{name}") for name in _STORED}
    values["version"] = _TABLE.c.version + literal_column("1")
    statement = update(_TABLE).where(_TABLE.c.id == bindparam("b_id")).values(values)
    changing = BulkStatement(connection.dialect, statement, ("b_id", *(f"v_{name}" for name in _STORED)))
    for pairs in batches(list(plan.changed.items())):
        changing.execute(connection, [(number, *_row(fields)) for number, fields in pairs])


def _row(values: _Values) -> _Values:
    return (*values, *search_values(dict(zip(CONTACT_FIELDS, values, strict=True))).values())
