"""Devices from a CSV file: all or nothing, with every refusal by row and column (contract "CSV", security DB-02).

New devices go in as Core rows in bulk (performance P7a); known ones, where a cell differs from what is stored, by
`changes.devices`, so that each change is recorded field by field. The import itself is one more record with its
counts. Nothing is provisioned.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session, selectinload

from webprov.audit import record_change
from webprov.changes.bulk import add_devices
from webprov.changes.devices import apply_input, check_model, check_tenant
from webprov.checks import check_variable_name
from webprov.csvtable import Problems, read_csv
from webprov.deviceexport import BASE_COLUMNS, SECRET_COLUMNS, device_cells
from webprov.deviceinput import KEY_FIELDS, LINE_FIELDS, DeviceInput, known_column, parse_device
from webprov.enums import FileState
from webprov.errors import Conflict, InvalidInput, InvalidValue
from webprov.fleet import state_counts
from webprov.mac import format_mac
from webprov.provisioning import withdraw_files
from webprov.pushing import push_removals
from webprov.rights import Actor
from webprov.site import Site
from webprov.store.database import writing
from webprov.store.devicedata import BATCH, TenantData, read_devices, read_tenants
from webprov.store.models import Device

_USUAL = (
    *BASE_COLUMNS,
    *SECRET_COLUMNS,
    *(f"line1_{name}" for name in LINE_FIELDS),
    *(f"key1_{n}" for n in KEY_FIELDS),
)


@dataclass(frozen=True)
class ImportResult:
    """What an import did, or would do: devices `added`, `changed`, `unchanged`; `waiting` are all devices of the
    importer whose files are not those of the present data: what `provision --stale` takes up."""

    added: int
    changed: int
    unchanged: int
    waiting: int


def import_devices(
    session: Session, site: Site, data: bytes | str, by: Actor, *, dry_run: bool = False
) -> ImportResult:
    """Add the devices of a CSV file and change those whose MAC is known, in one transaction.

    Raises CsvRefused with every problem by row and column, and then nothing has changed; nor has it in a `dry_run`.
    """
    problems = Problems()
    rows = list(_parsed(data, problems))
    try:
        with writing(session):
            result = _import(session, site, rows, by, problems)
            if dry_run:
                raise _Undone(result)
            _withdraw_disabled(session, site, rows)
    except _Undone as undone:
        return undone.result
    except IntegrityError as e:  # another process was quicker; the constraint decides
        raise Conflict("Somebody else added one of these devices at the same moment. Import the file again.") from e
    push_removals(session, site)
    return result


def is_device_column(name: str) -> bool:
    """Whether the device CSV may have a column of this name (contract)."""
    if name.startswith("var_"):
        return _is_variable(name.removeprefix("var_"))
    _, found, variable = name.partition("_var_")
    return known_column(name) and not name.endswith("_was") and (not found or _is_variable(variable))


class _Undone(Exception):
    """Rolls a dry run back, and carries what it would have done."""

    def __init__(self, result: ImportResult) -> None:
        self.result = result


@dataclass(frozen=True, slots=True)
class _Row:
    """One row of the file: as it stands there, and checked."""

    number: int
    cells: Mapping[str, str]
    given: DeviceInput


def _parsed(data: bytes | str, problems: Problems) -> Iterator[_Row]:
    first: dict[str, int] = {}
    for number, cells in read_csv(data, is_device_column, ("mac",), problems, _USUAL):
        if not cells.get("enabled", "on").strip():
            cells["enabled"] = "on"  # cleared means the default, not off
        try:
            given = parse_device(cells)
        except InvalidInput as e:
            _note(problems, number, e)
            continue
        if given.mac in first:
            problems.add(number, "mac", f"{format_mac(given.mac)} stands in row {first[given.mac]} already.")
        first.setdefault(given.mac, number)
        yield _Row(number, cells, given)


def _is_variable(name: str) -> bool:
    try:
        return check_variable_name(name) == name
    except InvalidValue:
        return False


def _note(problems: Problems, row: int, refused: InvalidInput) -> None:
    for column, sentence in refused.errors.items():
        problems.add(row, column, sentence)


def _import(session: Session, site: Site, rows: Sequence[_Row], by: Actor, problems: Problems) -> ImportResult:
    known = _known_devices(session, [row.given.mac for row in rows])
    tenants = read_tenants(session)
    places = _places(site, rows, known, tenants, by, problems)
    problems.refuse()
    fresh = [(row.given, place) for row, place in zip(rows, places, strict=True) if row.given.mac not in known]
    changed = _change_known(session, site, [row for row in rows if row.given.mac in known], by)
    add_devices(session, fresh)
    if fresh or changed:
        fields = {"added": [0, len(fresh)], "changed": [0, changed]}
        record_change(session, by, "import", "devices", "CSV file", tenant_id=by.tenant_id, fields=fields)
        session.flush()
    return ImportResult(len(fresh), changed, len(known) - changed, _waiting(session, site, by))


def _known_devices(session: Session, macs: Sequence[str]) -> dict[str, Any]:
    """The rows (id, mac, tenant_id, model) of those that are there already, by MAC."""
    found: dict[str, Any] = {}
    for start in range(0, len(macs), BATCH):
        chosen = Device.mac.in_(macs[start : start + BATCH])
        rows = session.execute(select(Device.id, Device.mac, Device.tenant_id, Device.model).where(chosen))
        found |= {row.mac: row for row in rows}
    return found


def _places(
    site: Site,
    rows: Sequence[_Row],
    known: Mapping[str, Any],
    tenants: Mapping[int, TenantData],
    by: Actor,
    problems: Problems,
) -> list[int]:
    """The id of each row's tenant. Where tenant or model do not exist for `by`, the row goes to `problems`."""
    by_name = {tenant.name: tenant for tenant in tenants.values()}
    places: list[int] = []
    for row in rows:
        present = known.get(row.given.mac)
        name = str(row.given.values.get("tenant", ""))
        home = present.tenant_id if present else by.tenant_id
        tenant = by_name.get(name) if name else tenants.get(home or 0)
        try:
            if present and not by.sees(present.tenant_id):
                raise InvalidInput({"mac": f"{format_mac(row.given.mac)} is already in use."})
            check_tenant(name, tenant, present.tenant_id if present else None, by)
            check_model(site, row.given, present.model if present else "", tenant.name if tenant else "")
        except InvalidInput as e:
            _note(problems, row.number, e)
        places.append(tenant.id if tenant else 0)
    return places


def _change_known(session: Session, site: Site, rows: Sequence[_Row], by: Actor) -> int:
    """Change those whose cells differ from what is stored; how many really did."""
    changed = 0
    for start in range(0, len(rows), BATCH):
        batch = {row.given.mac: row for row in rows[start : start + BATCH]}
        stored = {device.mac: device for device in read_devices(session, Device.mac.in_(batch))}
        differing = [mac for mac, row in batch.items() if _differs(row, device_cells(stored[mac], with_secrets=True))]
        query = select(Device).where(Device.mac.in_(differing))
        query = query.options(*(selectinload(part) for part in (Device.tenant, Device.lines, Device.keys)))
        for device in session.scalars(query).all():
            changed += apply_input(session, site, device, batch[device.mac].given, by)
    return changed


def _differs(row: _Row, stored: Mapping[str, str]) -> bool:
    """Whether any cell is not literally what an export would write there; an empty password keeps what is stored."""
    cells = {**row.cells, "mac": row.given.mac}
    return any(text != stored.get(name, "") for name, text in cells.items() if text or not name.endswith("password"))


def _withdraw_disabled(session: Session, site: Site, rows: Sequence[_Row]) -> None:
    """Phones that the file switches off get nothing from now on (FS-06). Last: no roll-back brings files back."""
    macs = [row.given.mac for row in rows if row.given.values.get("enabled") is False]
    for start in range(0, len(macs), BATCH):
        chosen = Device.mac.in_(macs[start : start + BATCH])
        withdraw_files(session, site, list(session.scalars(select(Device.id).where(chosen))))


def _waiting(session: Session, site: Site, by: Actor) -> int:
    where = () if by.tenant_id is None else (Device.tenant_id == by.tenant_id,)
    counts = state_counts(session, site, *where)
    return counts[FileState.STALE] + counts[FileState.FAILED]
