"""Many devices changed at once, as rows for the driver: what `apply_input` does with those that only get other values.

Whatever is rarer (lines, keys or variables that go, own credentials that rotate) is left to `apply_input`. Rows are
made before the transaction that stores them, so that it holds the database for as short as can be.
"""

from collections import defaultdict
from typing import Any

from sqlalchemy import Dialect, Update, and_, bindparam, insert, literal_column, update
from sqlalchemy.orm import Session

from webprov.audit import CHANGED
from webprov.deviceinput import LINE_FIELDS, SECRET_DEVICE_FIELDS, DeviceInput
from webprov.rights import Actor
from webprov.store.database import BulkStatement, bump, row_maker
from webprov.store.devicedata import DeviceData, TenantData, batches
from webprov.store.models import ChangeRecord, Device, Key, Line, utc_now

_DEVICES: Any = Device.__table__
_LINES: Any = Line.__table__
_KEYS: Any = Key.__table__
_CHANGES: Any = ChangeRecord.__table__
_RECORD = ("at", "user_name", "address", "action", "thing", "name", "tenant_id", "fields")
_ROTATING = frozenset({"prov_user", "prov_password"})
_NO_LINE = dict.fromkeys(LINE_FIELDS, "")
_NO_KEY = {"type": "", "value": "", "label": "", "line": 1}
_PLACES = {_DEVICES.name: ("id",), _LINES.name: ("device_id", "number"), _KEYS.name: ("device_id", "module", "number")}
_Row = tuple[Any, ...]


class BulkChanges:
    """Collects changes and stores them in a transaction; nothing they rest on may have changed by then."""

    def __init__(self, dialect: Dialect, by: Actor) -> None:
        self._dialect = dialect
        self._by = by
        self._updates: defaultdict[tuple[str, tuple[str, ...]], list[_Row]] = defaultdict(list)
        self._inserts: defaultdict[tuple[str, tuple[str, ...]], list[_Row]] = defaultdict(list)
        self._records: list[_Row] = []
        self._makers: dict[tuple[str, tuple[str, ...]], Any] = {}

    def add(self, given: DeviceInput, stored: DeviceData, tenant: TenantData) -> bool:
        """Take what `differing` left of an input for `stored`; `tenant` is where the device then belongs. False where
        that is more than other values."""
        if not _is_plain(given, stored):
            return False
        now = utc_now()
        fields: dict[str, Any] = {}
        values: dict[str, Any] = {"tenant_id": tenant.id} if tenant.id != stored.tenant.id else {}
        if values:
            fields["tenant"] = [stored.tenant.name, tenant.name]
        for name, value in given.values.items():
            if name != "tenant":
                values[name] = value
                is_secret = name in SECRET_DEVICE_FIELDS or name == "override"
                fields[name] = CHANGED if is_secret else [getattr(stored, name), value]
        self._put(self._updates, _DEVICES, (stored.id,), {**values, "updated_at": now})
        fields |= self._lines(given, stored) | self._keys(given, stored)
        record = (now, self._by.name, self._by.address, "change", "device", stored.mac, tenant.id, fields)
        self._records.append(self._made(_CHANGES, _RECORD, record))
        return True

    def store(self, session: Session) -> None:
        """Change them all, inside the transaction under way."""
        connection = session.connection()
        for (table, names), rows in self._updates.items():
            statement = BulkStatement(self._dialect, _update(table, names), (*_PLACES[table], *_parameters(names)))
            for chunk in batches(rows):
                statement.execute(connection, list(chunk))
        for (table, names), rows in [*self._inserts.items(), ((_CHANGES.name, _RECORD), self._records)]:
            columns = (*_PLACES.get(table, ()), *names)
            statement = BulkStatement(self._dialect, insert(_CHANGES.metadata.tables[table]), columns)
            for chunk in batches(rows):
                statement.execute(connection, list(chunk))
        if self._records:
            bump(session, "logins")

    def _lines(self, given: DeviceInput, stored: DeviceData) -> dict[str, Any]:
        lines = {line.number: line for line in stored.lines}
        fields: dict[str, Any] = {}
        for number, typed in given.lines.items():
            before = lines.get(number)
            old = {name: getattr(before, name) for name in LINE_FIELDS} if before else _NO_LINE
            new = {name: text for name, text in typed.fields.items() if text or name != "password"}
            changed = {name: text for name, text in new.items() if text != old[name]}
            if before is None:
                self._put(self._inserts, _LINES, (stored.id, number), {**_NO_LINE, **new})
            elif changed:
                self._put(self._updates, _LINES, (stored.id, number), changed)
            for name, text in changed.items():
                fields[f"line{number}_{name}"] = CHANGED if name == "password" else [old[name], text]
        return fields

    def _keys(self, given: DeviceInput, stored: DeviceData) -> dict[str, Any]:
        keys = {(key.module, key.number): key for key in stored.keys}
        fields: dict[str, Any] = {}
        for (module, number), typed in given.keys.items():
            before = keys.get((module, number))
            old: dict[str, Any] = {name: getattr(before, name) for name in _NO_KEY} if before else _NO_KEY
            changed = {name: value for name, value in typed.items() if value != old[name]}
            if before is None:
                self._put(self._inserts, _KEYS, (stored.id, module, number), {**_NO_KEY, **typed})
            elif changed:
                self._put(self._updates, _KEYS, (stored.id, module, number), changed)
            title = f"m{module}key{number}" if module else f"key{number}"
            fields |= {f"{title}_{name}": [old[name], value] for name, value in changed.items()}
        return fields

    def _put(self, where: defaultdict[Any, list[_Row]], table: Any, place: _Row, values: dict[str, Any]) -> None:
        names = tuple(sorted(values))
        row = self._made(table, names, [values[name] for name in names])
        where[table.name, names].append((*place, *row))

    def _made(self, table: Any, names: tuple[str, ...], values: Any) -> _Row:
        key = table.name, names
        if key not in self._makers:
            self._makers[key] = row_maker(self._dialect, table, names)
        made: _Row = self._makers[key](values)
        return made


def _is_plain(given: DeviceInput, stored: DeviceData) -> bool:
    """Whether nothing goes away and no variable or sign-in changes."""
    lines = {line.number: line for line in stored.lines}
    keys = {(key.module, key.number) for key in stored.keys}
    return (
        not given.variables
        and not _ROTATING & given.values.keys()
        and not any(typed.removes_line for typed in given.lines.values())
        and all(_same_variables(typed.variables, lines.get(number)) for number, typed in given.lines.items())
        and all(typed.get("type", place in keys) for place, typed in given.keys.items())
    )


def _same_variables(typed: Any, line: Any) -> bool:
    stored = line.variables if line else {}
    return all(
        (name in stored and stored[name].value == value) or (not value and name not in stored)
        for name, value in typed.items()
    )


def _update(table: str, names: tuple[str, ...]) -> Update:
    found = _CHANGES.metadata.tables[table]
    values: dict[str, Any] = {name: bindparam(f"v_{name}") for name in names}
    if table == _DEVICES.name:
        values["version"] = found.c.version + literal_column("1")
    return update(found).where(and_(*(found.c[name] == bindparam(name) for name in _PLACES[table]))).values(values)


def _parameters(names: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(f"v_{name}" for name in names)
