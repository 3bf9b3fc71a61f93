"""Devices as a CSV file that `deviceimport` reads back (contract "CSV").

Importing an export into an empty instance and exporting again gives the same bytes, secrets included where asked for.
Devices come by tenant and MAC, and there are only as many line, key and variable columns as some device fills.
"""

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, func, select
from sqlalchemy.orm import Session

from webprov.csvtable import write_csv
from webprov.deviceinput import KEY_FIELDS, LINE_FIELDS
from webprov.rights import Actor, Right
from webprov.store.devicedata import BATCH, CustomValues, DeviceData, read_devices
from webprov.store.models import CustomVariable, Device, Key, Line, Tenant

BASE_COLUMNS = ("tenant", "mac", "model", "label", "timezone", "language", "override", "enabled")
SECRET_COLUMNS = ("admin_password", "prov_user", "prov_password")


def export_devices(session: Session, by: Actor, *, with_secrets: bool = False, guard: bool = True) -> Iterator[str]:
    """The CSV lines of every device that exists for `by`, read in batches.

    Without secrets their columns are absent or empty, so an import keeps what is stored. `guard` is for downloads by a
    browser (UI-14). Raises NotAllowed for secrets asked for by somebody who may not see them.
    """
    if with_secrets:
        by.check(Right.REVEAL_SECRETS)
    where = () if by.tenant_id is None else (Device.tenant_id == by.tenant_id,)
    columns = _columns(session, where, with_secrets=with_secrets)
    return write_csv(columns, _rows(session, columns, where, with_secrets=with_secrets), guard=guard)


def device_cells(device: DeviceData, *, with_secrets: bool) -> dict[str, str]:
    """What the file holds for `device`, by column; columns that are empty for it may be left out."""
    cells = {
        "tenant": device.tenant.name,
        "mac": device.mac,
        "model": device.model,
        "label": device.label,
        "timezone": device.timezone,
        "language": device.language,
        "override": device.override,
        "enabled": "on" if device.enabled else "off",
        **_variable_cells("var_", device.variables, with_secrets=with_secrets),
    }
    if with_secrets:
        cells |= {name: getattr(device, name) for name in SECRET_COLUMNS}
    for line in device.lines:
        prefix = f"line{line.number}_"
        cells |= {prefix + name: getattr(line, name) for name in LINE_FIELDS}
        if not with_secrets:
            cells[f"{prefix}password"] = ""
        cells |= _variable_cells(f"{prefix}var_", line.variables, with_secrets=with_secrets)
    for key in device.keys:
        cells |= {f"{key_name(key.module, key.number)}_{name}": str(getattr(key, name)) for name in KEY_FIELDS}
    return cells


def key_name(module: int, number: int) -> str:
    """How a key is called in columns: `key3`, on the second expansion module `m2key3`."""
    return f"m{module}key{number}" if module else f"key{number}"


def _variable_cells(prefix: str, variables: CustomValues, *, with_secrets: bool) -> dict[str, str]:
    return {prefix + name: found.value for name, found in variables.items() if with_secrets or not found.secret}


@dataclass(frozen=True)
class _Extent:
    """How far the devices go: their highest line, the highest key of each module, variables by line (0 = device)."""

    lines: int
    keys: dict[int, int]
    variables: dict[int, list[str]]


def _columns(session: Session, where: tuple[ColumnElement[bool], ...], *, with_secrets: bool) -> list[str]:
    extent = _extent(session, where, with_secrets=with_secrets)
    columns = [*BASE_COLUMNS, *(SECRET_COLUMNS if with_secrets else ())]
    for number in range(1, extent.lines + 1):
        columns += [f"line{number}_{name}" for name in LINE_FIELDS]
        columns += [f"line{number}_var_{name}" for name in extent.variables[number]]
    for module, last in sorted(extent.keys.items()):
        columns += [f"{key_name(module, n)}_{name}" for n in range(1, last + 1) for name in KEY_FIELDS]
    return columns + [f"var_{name}" for name in extent.variables[0]]


def _extent(session: Session, where: tuple[ColumnElement[bool], ...], *, with_secrets: bool) -> _Extent:
    lines = session.scalar(select(func.max(Line.number)).join(Device).where(*where)) or 0
    keys = session.execute(select(Key.module, func.max(Key.number)).join(Device).where(*where).group_by(Key.module))
    query = select(CustomVariable.line, CustomVariable.name).distinct().order_by(CustomVariable.name)
    query = query.join(Device, Device.id == CustomVariable.device_id).where(*where)
    if not with_secrets:
        query = query.where(CustomVariable.secret.is_(False))
    variables: dict[int, list[str]] = defaultdict(list)
    for line, name in session.execute(query):
        variables[line].append(name)
    return _Extent(lines, {row[0]: row[1] for row in keys}, variables)


def _rows(
    session: Session, columns: list[str], where: tuple[ColumnElement[bool], ...], *, with_secrets: bool
) -> Iterator[list[str]]:
    ids = list(session.scalars(select(Device.id).join(Tenant).where(*where).order_by(Tenant.name, Device.mac)))
    for start in range(0, len(ids), BATCH):
        chosen = ids[start : start + BATCH]
        found: dict[int, Any] = {device.id: device for device in read_devices(session, Device.id.in_(chosen))}
        for device in (found[number] for number in chosen if number in found):
            cells = device_cells(device, with_secrets=with_secrets)
            yield [cells.get(name, "") for name in columns]
