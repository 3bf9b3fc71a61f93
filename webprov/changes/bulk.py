"""Many new devices at once, as Core rows: the ORM takes some ten times as long (performance P7a)."""

from collections.abc import Iterable, Sequence
from typing import Any

from sqlalchemy import insert, select
from sqlalchemy.orm import Session

from webprov.checks import looks_secret
from webprov.deviceinput import LINE_FIELDS, DeviceInput
from webprov.store.database import bump
from webprov.store.devicedata import BATCH
from webprov.store.models import CustomVariable, Device, Key, Line, utc_now
from webprov.store.secrets import random_password

_DEVICES: Any = Device.__table__
_LINES: Any = Line.__table__
_KEYS: Any = Key.__table__
_VARIABLES: Any = CustomVariable.__table__
_NO_LINE = dict.fromkeys(LINE_FIELDS, "")
_NO_KEY = {"value": "", "label": "", "line": 1}


def add_devices(session: Session, new: Sequence[tuple[DeviceInput, int]]) -> None:
    """Add devices whose MACs are not known yet, each with the id of its tenant, inside the transaction under way.

    Values, tenants and models have been checked. Secrets that are not given are random (spec 5). Raises IntegrityError
    where a MAC is there all the same.
    """
    connection = session.connection()
    for start in range(0, len(new), BATCH):
        batch = new[start : start + BATCH]
        connection.execute(insert(_DEVICES), [_device_row(given, tenant_id) for given, tenant_id in batch])
        chosen = _DEVICES.c.mac.in_([given.mac for given, _ in batch])
        ids = {row.mac: row.id for row in connection.execute(select(_DEVICES.c.mac, _DEVICES.c.id).where(chosen))}
        pairs = [(given, ids[given.mac]) for given, _ in batch]
        for table, rows in (
            (_LINES, _line_rows(pairs)),
            (_KEYS, _key_rows(pairs)),
            (_VARIABLES, _variable_rows(pairs)),
        ):
            if found := list(rows):
                connection.execute(insert(table), found)
    bump(session, "logins")


def _device_row(given: DeviceInput, tenant_id: int) -> dict[str, Any]:
    values = {name: value for name, value in given.values.items() if name != "tenant"}
    row = {"label": "", "timezone": "", "language": "", "override": "", "enabled": True, **values}
    now = utc_now()
    return {
        "prov_user": given.mac.lower(),
        **row,
        "admin_password": row.get("admin_password") or random_password(),
        "prov_password": row.get("prov_password") or random_password(),
        "mac": given.mac,
        "tenant_id": tenant_id,
        "version": 1,
        "created_at": now,
        "updated_at": now,
    }


def _line_rows(pairs: Iterable[tuple[DeviceInput, int]]) -> Iterable[dict[str, Any]]:
    for given, device_id in pairs:
        for number, typed in given.lines.items():
            if not typed.is_empty:
                yield {"device_id": device_id, "number": number, **_NO_LINE, **typed.fields}


def _key_rows(pairs: Iterable[tuple[DeviceInput, int]]) -> Iterable[dict[str, Any]]:
    for given, device_id in pairs:
        for (module, number), typed in given.keys.items():
            if typed.get("type"):
                yield {"device_id": device_id, "module": module, "number": number, **_NO_KEY, **typed}


def _variable_rows(pairs: Iterable[tuple[DeviceInput, int]]) -> Iterable[dict[str, Any]]:
    for given, device_id in pairs:
        scopes = [(0, given.variables), *((number, typed.variables) for number, typed in given.lines.items())]
        for line, values in scopes:
            for name, value in values.items():
                if value:
                    secret = looks_secret(name)
                    yield {"device_id": device_id, "line": line, "name": name, "value": value, "secret": secret}
