"""Many new devices at once, as rows for the driver: the ORM takes some twenty times as long (performance P7a).

Rows are made before the transaction that stores them, so that it holds the database for as short as can be.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Dialect, insert, select
from sqlalchemy.orm import Session

from webprov.checks import looks_secret
from webprov.deviceinput import LINE_FIELDS, DeviceInput
from webprov.store.database import BulkStatement, bump, row_maker
from webprov.store.devicedata import batches
from webprov.store.models import CustomVariable, Device, Key, Line, utc_now
from webprov.store.secrets import random_password

_DEVICES: Any = Device.__table__
_PARTS: tuple[Any, ...] = (Line.__table__, Key.__table__, CustomVariable.__table__)
_NO_LINE = dict.fromkeys(LINE_FIELDS, "")
_NO_KEY = {"value": "", "label": "", "line": 1}
_OF_DEVICE = ("mac", "tenant_id", "model", "label", "timezone", "language", "override", "enabled", "admin_password",
              "prov_user", "prov_password", "created_at", "updated_at")  # fmt: skip
_OF_PARTS = (
    ("number", *LINE_FIELDS),
    ("module", "number", "type", "value", "label", "line"),
    ("line", "name", "value", "secret"),
)
_OTHERS = {
    column.name: column.default.arg
    for column in _DEVICES.c
    if column.name not in _OF_DEVICE and column.default is not None and column.default.is_scalar
}


@dataclass(frozen=True, slots=True)
class NewDevice:
    """A device to be added: its row and those of its lines, keys and variables, secrets encrypted already."""

    mac: str
    row: tuple[Any, ...]
    parts: tuple[tuple[tuple[Any, ...], ...], ...]


class NewDevices:
    """Makes the rows of new devices; values, tenants and models have been checked."""

    def __init__(self, dialect: Dialect) -> None:
        self._device = row_maker(dialect, _DEVICES, _OF_DEVICE)
        self._parts = [row_maker(dialect, table, names) for table, names in zip(_PARTS, _OF_PARTS, strict=True)]

    def prepare(self, given: DeviceInput, tenant_id: int) -> NewDevice:
        """The rows for one device. Secrets that are not given are random (spec 5)."""
        values = _device_values(given, tenant_id)
        found = (_line_values(given), _key_values(given), _variable_values(given))
        parts = zip(self._parts, _OF_PARTS, found, strict=True)
        rows = tuple(tuple(make([one[name] for name in names]) for one in some) for make, names, some in parts)
        return NewDevice(given.mac, self._device([values[name] for name in _OF_DEVICE]), rows)


def add_devices(session: Session, new: Sequence[tuple[DeviceInput, int]]) -> None:
    """Add devices, each with the id of its tenant, as `add_prepared` does."""
    rows = NewDevices(session.connection().dialect)
    for chunk in batches(new):
        add_prepared(session, [rows.prepare(given, tenant_id) for given, tenant_id in chunk])


def add_prepared(session: Session, new: Sequence[NewDevice]) -> None:
    """Add devices whose MACs are not known yet, inside the transaction under way.

    Raises IntegrityError where a MAC is there all the same.
    """
    connection = session.connection()
    adding = BulkStatement(connection.dialect, insert(_DEVICES), (*_OF_DEVICE, *_OTHERS))
    statements = [
        BulkStatement(connection.dialect, insert(table), ("device_id", *names))
        for table, names in zip(_PARTS, _OF_PARTS, strict=True)
    ]
    for chunk in batches(new):
        adding.execute(connection, [(*device.row, *_OTHERS.values()) for device in chunk])
        chosen = _DEVICES.c.mac.in_([device.mac for device in chunk])
        ids = {row.mac: row.id for row in connection.execute(select(_DEVICES.c.mac, _DEVICES.c.id).where(chosen))}
        for place, statement in enumerate(statements):
            statement.execute(connection, [(ids[one.mac], *row) for one in chunk for row in one.parts[place]])
    bump(session, "logins")


def _device_values(given: DeviceInput, tenant_id: int) -> dict[str, Any]:
    now = utc_now()
    values = {"label": "", "timezone": "", "language": "", "override": "", "enabled": True}
    values |= {"prov_user": given.mac.lower(), **given.values}
    secrets = {name: values.get(name) or random_password() for name in ("admin_password", "prov_password")}
    return {**values, **secrets, "mac": given.mac, "tenant_id": tenant_id, "created_at": now, "updated_at": now}


def _line_values(given: DeviceInput) -> Iterator[dict[str, Any]]:
    for number, typed in given.lines.items():
        if not typed.is_empty:
            yield {"number": number, **_NO_LINE, **typed.fields}


def _key_values(given: DeviceInput) -> Iterator[dict[str, Any]]:
    for (module, number), typed in given.keys.items():
        if typed.get("type"):
            yield {"module": module, "number": number, **_NO_KEY, **typed}


def _variable_values(given: DeviceInput) -> Iterable[dict[str, Any]]:
    scopes = [(0, given.variables), *((number, typed.variables) for number, typed in given.lines.items())]
    for line, values in scopes:
        for name, value in values.items():
            if value:
                yield {"line": line, "name": name, "value": value, "secret": looks_secret(name)}
