"""A device as plain values: all that its files are rendered from, read in a few queries for one phone or thousands.

Rows of the ORM are for editing; rendering, previews and bulk runs take these, so that they are pure and quick
(performance P7a).
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

from sqlalchemy import ColumnElement, Table, select
from sqlalchemy.orm import Session

from webprov.store.models import CustomVariable, Device, Key, Line, Tenant, TenantOverride

BATCH = 500
_Item = TypeVar("_Item")


def batches(items: Sequence[_Item]) -> Iterator[Sequence[_Item]]:
    """`items` in pieces that one statement takes."""
    return (items[start : start + BATCH] for start in range(0, len(items), BATCH))


@dataclass(frozen=True, slots=True)
class CustomValue:
    """The value of a custom variable and whether it is a secret (security SE-04)."""

    value: str
    secret: bool = False


CustomValues = Mapping[str, CustomValue]


@dataclass(frozen=True, slots=True)
class LineData:
    """One SIP account; `number` counts from 1. Empty text means not set."""

    number: int
    userid: str = ""
    password: str = ""
    auth_id: str = ""
    display_name: str = ""
    extension: str = ""
    first_name: str = ""
    last_name: str = ""
    label: str = ""
    voicemail: str = ""
    variables: CustomValues = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class KeyData:
    """One programmable key; module 0 is the phone itself."""

    number: int
    type: str
    module: int = 0
    value: str = ""
    label: str = ""
    line: int = 1


@dataclass(frozen=True, slots=True)
class TenantData:
    """The tenant as its devices see it; `overrides` maps a model key to the tenant's text for it."""

    id: int
    name: str
    label: str = ""
    timezone: str = ""
    language: str = ""
    parkext: str = ""
    registrar: str = ""
    backup_registrar: str = ""
    sip_proxy: str = ""
    backup_sip_proxy: str = ""
    ntp_server: str = ""
    version: int = 1
    overrides: Mapping[str, str] = field(default_factory=dict)
    variables: CustomValues = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class DeviceData:
    """One phone with all that belongs to it. Lines are ordered by number, keys by module and number."""

    id: int
    mac: str
    tenant: TenantData
    model: str
    label: str = ""
    timezone: str = ""
    language: str = ""
    override: str = ""
    enabled: bool = True
    admin_password: str = ""
    prov_user: str = ""
    prov_password: str = ""
    version: int = 1
    lines: tuple[LineData, ...] = ()
    keys: tuple[KeyData, ...] = ()
    variables: CustomValues = field(default_factory=dict)


def read_device(session: Session, mac: str) -> DeviceData | None:
    """The device with this MAC (12 upper-case hex digits), or None."""
    found = read_devices(session, Device.mac == mac)
    return found[0] if found else None


def read_devices(session: Session, *where: ColumnElement[bool]) -> list[DeviceData]:
    """All devices that meet `where`, by id."""
    rows = _rows(session, Device, _DEVICE_COLUMNS, *where, order=(Device.id,))
    tenants = read_tenants(session)
    found: list[DeviceData] = []
    for start in range(0, len(rows), BATCH):
        found += _with_parts(session, rows[start : start + BATCH], tenants)
    return found


def read_tenants(session: Session) -> dict[int, TenantData]:
    """Every tenant by its id."""
    overrides: dict[int, dict[str, str]] = defaultdict(dict)
    for row in session.execute(select(TenantOverride.tenant_id, TenantOverride.model, TenantOverride.text)):
        overrides[row.tenant_id][row.model] = row.text
    variables: dict[int, dict[str, CustomValue]] = defaultdict(dict)
    for row in _variables(session, CustomVariable.tenant_id.is_not(None)):
        variables[row.tenant_id][row.name] = CustomValue(row.value, row.secret)
    return {
        row.id: _tenant(*row, overrides[row.id], variables[row.id]) for row in _rows(session, Tenant, _TENANT_COLUMNS)
    }


def read_global_variables(session: Session) -> dict[str, CustomValue]:
    """The custom variables of the whole system."""
    rows = _variables(session, CustomVariable.tenant_id.is_(None), CustomVariable.device_id.is_(None))
    return {row.name: CustomValue(row.value, row.secret) for row in rows}


_TENANT_COLUMNS = ("id", "name", "label", "timezone", "language", "parkext", "registrar", "backup_registrar",
                   "sip_proxy", "backup_sip_proxy", "ntp_server", "version")  # fmt: skip
_DEVICE_COLUMNS = ("id", "mac", "tenant_id", "model", "label", "timezone", "language", "override", "enabled",
                   "admin_password", "prov_user", "prov_password", "version")  # fmt: skip
_LINE_COLUMNS = ("number", "userid", "password", "auth_id", "display_name", "extension", "first_name", "last_name",
                 "label", "voicemail")  # fmt: skip
_KEY_COLUMNS = ("number", "type", "module", "value", "label", "line")


def _with_parts(session: Session, rows: Sequence[Any], tenants: Mapping[int, TenantData]) -> list[DeviceData]:
    ids = [row.id for row in rows]
    variables: dict[tuple[int, int], dict[str, CustomValue]] = defaultdict(dict)
    for row in _variables(session, _among(CustomVariable.device_id, ids)):
        variables[row.device_id, row.line][row.name] = CustomValue(row.value, row.secret)
    lines: dict[int, list[LineData]] = defaultdict(list)
    for row in _rows(session, Line, ("device_id", *_LINE_COLUMNS), _among(Line.device_id, ids), order=(Line.number,)):
        lines[row[0]].append(_line(*row[1:], variables.get((row[0], row.number), _NONE)))
    keys: dict[int, list[KeyData]] = defaultdict(list)
    for row in _rows(
        session, Key, ("device_id", *_KEY_COLUMNS), _among(Key.device_id, ids), order=(Key.module, Key.number)
    ):
        keys[row[0]].append(KeyData(*row[1:]))
    return [
        _device(
            *row[:2],
            tenants[row[2]],
            *row[3:],
            tuple(lines.get(row[0], ())),
            tuple(keys.get(row[0], ())),
            variables.get((row[0], 0), _NONE),
        )
        for row in rows
    ]


def _among(column: Any, ids: Sequence[int]) -> ColumnElement[bool]:
    """`column` is one of the ascending `ids`, or lies between them where few others do: that is quicker to ask."""
    dense = ids[-1] - ids[0] < 2 * len(ids)
    found: ColumnElement[bool] = column.between(ids[0], ids[-1]) if dense else column.in_(ids)
    return found


_NONE: CustomValues = {}
# the columns above stand in the order of the fields: rows become records by position, which is what makes it quick
_tenant: Callable[..., TenantData] = TenantData
_line: Callable[..., LineData] = LineData
_device: Callable[..., DeviceData] = DeviceData


def _rows(
    session: Session, table: Any, columns: Iterable[str], *where: ColumnElement[bool], order: Sequence[Any] = ()
) -> Sequence[Any]:
    """Rows of the Core table, not entities: the ORM's identity map costs several times as much in bulk."""
    core: Table = table.__table__
    session.flush()
    query = select(*(core.c[name] for name in columns)).where(*where).order_by(*order)
    return session.connection().execute(query).all()


def _variables(session: Session, *where: ColumnElement[bool]) -> Sequence[Any]:
    columns = ("name", "value", "secret", "tenant_id", "device_id", "line")
    return _rows(session, CustomVariable, columns, *where)
