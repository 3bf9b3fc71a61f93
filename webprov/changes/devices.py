"""Devices with their lines, keys and variables: added, edited, deleted (spec 5, 9).

Nothing here renders: the caller provisions the device once it is saved.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from webprov.audit import CHANGED, Differences, record_change
from webprov.checks import looks_secret
from webprov.deviceinput import SECRET_DEVICE_FIELDS, DeviceInput, LineInput
from webprov.errors import Conflict, InvalidInput, NotFound
from webprov.mac import format_mac
from webprov.provisioning import withdraw_files
from webprov.pushing import push_removals
from webprov.rights import Actor, Right
from webprov.site import Site
from webprov.store.counters import FILES
from webprov.store.database import bump, writing
from webprov.store.devicedata import TenantData
from webprov.store.models import CustomVariable, Device, Key, Line, Tenant, utc_now
from webprov.store.rotation import keep_previous_pair
from webprov.store.secrets import random_password
from webprov.store.windowrecords import open_windows
from webprov.uploads import forget_uploads, remove_uploads


def add_device(session: Session, site: Site, given: DeviceInput, by: Actor) -> Device:
    """Add a device. Its admin password and own credentials are random where none are given (spec 5).

    Raises InvalidInput by field: a MAC that is in use (DB-01), an unknown tenant or model.
    """
    try:
        with writing(session):
            _refuse_known_mac(session, given.mac, by)
            device = new_device(given)
            apply_input(session, site, device, given, by)
    except IntegrityError as e:  # another process was quicker; the constraint decides
        raise InvalidInput({"mac": f"{format_mac(given.mac)} is already in use."}) from e
    return device


def change_device(
    session: Session, site: Site, mac: str, given: DeviceInput, by: Actor, *, version: int | None = None
) -> Device:
    """Change the device that has `mac`; another `given.mac` replaces the phone and keeps all else.

    Raises InvalidInput by field, NotFound, and Conflict when `version` (what the person saw) is not the present one.
    """
    try:
        with writing(session):
            device = find_device(session, mac, by)
            if version is not None and device.version != version:
                raise Conflict("Somebody else changed this device since you opened it. Load it again.")
            if given.mac != mac:
                _refuse_known_mac(session, given.mac, by)
            if apply_input(session, site, device, given, by) and not device.enabled:
                withdraw_files(session, site, [device.id])
            if given.mac != mac:
                forget_uploads(session, device.id)
    except IntegrityError as e:
        raise InvalidInput({"mac": f"{format_mac(given.mac)} is already in use."}) from e
    if given.mac != mac:
        remove_uploads(site.config, [mac])
    if not device.enabled:
        push_removals(session, site)
    return device


def delete_devices(session: Session, site: Site, macs: Sequence[str], by: Actor) -> None:
    """Delete devices with their files; phones get nothing from the moment this returns (security FS-06).

    Raises NotFound, and then deletes none.
    """
    with writing(session):
        devices = [find_device(session, mac, by) for mac in macs]
        withdraw_files(session, site, [device.id for device in devices])
        for device in devices:
            record_change(session, by, "delete", "device", device.mac, tenant_id=device.tenant_id)
            session.delete(device)
        bump(session, "logins")
    remove_uploads(site.config, macs)
    push_removals(session, site)


def find_device(session: Session, mac: str, by: Actor) -> Device:
    """The device with this MAC; NotFound where there is none or it does not exist for this person (UI-03)."""
    query = select(Device).where(Device.mac == mac)
    if by.tenant_id is not None:
        query = query.where(Device.tenant_id == by.tenant_id)
    device = session.scalar(query)
    if device is None:
        raise NotFound(f"There is no device {format_mac(mac)}.")
    return device


def new_device(given: DeviceInput) -> Device:
    """An empty row for `given.mac` with random secrets."""
    return Device(
        mac=given.mac,
        model="",
        admin_password=random_password(),
        prov_user=given.mac.lower(),
        prov_password=random_password(),
        version=0,
    )


def apply_input(session: Session, site: Site, device: Device, given: DeviceInput, by: Actor) -> bool:
    """Put what was typed into the rows of `device` and record it, inside the transaction under way; whether anything
    changed. The files of a device that is switched off are still there: the caller withdraws them.

    Raises InvalidInput by field; rows may then be half changed, so the transaction has to be rolled back.
    """
    added = device.version == 0
    differences = Differences()
    _keep_credentials(device, given)
    tenant = _tenant(session, device, given, by)
    if device.tenant_id != tenant.id:
        differences["tenant"] = ["", tenant.name] if added else [device.tenant.name, tenant.name]
        device.tenant_id = tenant.id
    check_model(site, given, device.model, tenant.name)
    _apply_values(device, given, differences)
    if added:
        session.add(device)
        session.flush()
    _apply_lines(session, device, given, differences)
    _apply_keys(device, given, differences)
    _apply_variables(session, device, 0, given.variables, "", differences)
    if not differences and not added:
        return False
    device.version += 1
    device.updated_at = utc_now()
    bump(session, "logins")
    if "provisioning_window" in differences:
        open_windows(session, [device.id])
        bump(session, FILES)  # listeners know it with the files
    action = "create" if added else "change"
    record_change(session, by, action, "device", device.mac, tenant_id=tenant.id, fields=differences)
    return True


def _refuse_known_mac(session: Session, mac: str, by: Actor) -> None:
    other = session.scalar(select(Device).where(Device.mac == mac))
    if other is None:
        return
    where = f" by “{other.label or other.model}” in {other.tenant.name}" if by.sees(other.tenant_id) else ""
    raise InvalidInput({"mac": f"{format_mac(mac)} is already in use{where}."})


def check_tenant(name: str, tenant: Tenant | TenantData | None, present: int | None, by: Actor) -> None:
    """Whether `by` may put a device into `tenant`, which was looked up for the typed `name`; `present` is the id of
    the tenant that the device is in now. Raises InvalidInput."""
    if tenant is None and not name:
        raise InvalidInput({"tenant": "Choose the tenant that this phone belongs to."})
    if tenant is None or not by.sees(tenant.id):
        raise InvalidInput({"tenant": f"There is no tenant “{name}”. Create it first or choose another."})
    if present and present != tenant.id and not by.may(Right.MANAGE_TENANTS):
        raise InvalidInput({"tenant": "Only an administrator moves a device to another tenant."})


def check_model(site: Site, given: DeviceInput, present: str, tenant: str) -> None:
    """Whether the typed model exists for the tenant of that name; the `present` one of the device may stay although it
    is missing. Raises InvalidInput."""
    key = str(given.values.get("model", present))
    if not key:
        raise InvalidInput({"model": "Choose the model; it is printed on the label of the phone."})
    if key != present and site.catalog.model(key, tenant) is None:
        raise InvalidInput({"model": f"There is no model “{key}”. Choose one from the list of models."})


def _keep_credentials(device: Device, given: DeviceInput) -> None:
    """Before its own user or password is replaced: a phone that has not fetched yet signs in with what it knows."""
    user = given.values.get("prov_user", device.prov_user)
    password = given.values.get("prov_password") or device.prov_password
    if device.version and (user, password) != (device.prov_user, device.prov_password):
        keep_previous_pair(device)
    if given.mac != device.mac:
        device.own_login_at = None  # another phone: it knows the shared ones at most


def _tenant(session: Session, device: Device, given: DeviceInput, by: Actor) -> Tenant:
    name = str(given.values.get("tenant", ""))
    tenant = session.get(Tenant, device.tenant_id or by.tenant_id or 0)
    if name and (tenant is None or tenant.name != name):
        tenant = session.scalar(select(Tenant).where(Tenant.name == name))
    check_tenant(name, tenant, device.tenant_id, by)
    assert tenant is not None
    return tenant


def _apply_values(device: Device, given: DeviceInput, differences: Differences) -> None:
    differences.put(device, "mac", given.mac)
    for name, value in given.values.items():
        if name == "tenant":
            continue
        secret = name in SECRET_DEVICE_FIELDS
        if secret and not value:
            continue
        differences.put(device, name, value, secret=secret or name == "override")


def _apply_lines(session: Session, device: Device, given: DeviceInput, differences: Differences) -> None:
    before = {line.number: line for line in device.lines}
    kept: dict[int, Line] = {} if given.complete else dict(before)
    for number, typed in given.lines.items():
        line = before.get(typed.was if given.complete else number)
        if typed.removes_line or (line is None and typed.is_empty):
            kept.pop(number, None)
        else:
            kept[number] = _apply_line(line or Line(number=number), number, typed, differences)
    for number in before.keys() - {line.number for line in kept.values()}:
        differences.setdefault(f"line{number}", ["there", "removed"])
    _renumber(session, device, kept)
    for number, typed in given.lines.items():
        prefix = f"line{number}_"
        _apply_variables(session, device, number, typed.variables, prefix, differences)


def _apply_line(line: Line, number: int, typed: LineInput, differences: Differences) -> Line:
    if line.number != number:
        differences[f"line{number}"] = [f"line {line.number}", f"line {number}"]
    for name, value in typed.fields.items():
        if name == "password" and not value:
            continue
        if getattr(line, name) is None:  # a row that was never stored has no defaults yet
            setattr(line, name, "")
        differences.put(line, name, value, shown_as=f"line{number}_{name}", secret=name == "password")
    return line


def _renumber(session: Session, device: Device, kept: Mapping[int, Line]) -> None:
    """Give the lines, and the variables set for them, their numbers.

    They pass through negative numbers on the way, since two may not have the same one at any moment.
    """
    if len(kept) == len(device.lines) and all(line.id and line.number == number for number, line in kept.items()):
        return
    numbers = {line.number: number for number, line in kept.items() if line.id}
    for line in set(device.lines) - set(kept.values()):
        device.lines.remove(line)
    variables = session.scalars(
        select(CustomVariable).where(CustomVariable.device_id == device.id, CustomVariable.line > 0)
    ).all()
    for variable in variables:
        if variable.line not in numbers:
            session.delete(variable)
    moved: list[tuple[Any, str, int]] = [(line, "number", number) for number, line in kept.items() if line.id]
    moved += [(variable, "line", numbers[variable.line]) for variable in variables if variable.line in numbers]
    for row, name, number in [item for item in moved if getattr(item[0], item[1]) != item[2]]:
        setattr(row, name, -number)
    session.flush()
    for row, name, number in moved:
        setattr(row, name, number)
    device.lines.extend(line for line in kept.values() if not line.id)


def _apply_keys(device: Device, given: DeviceInput, differences: Differences) -> None:
    rows = {(key.module, key.number): key for key in device.keys}
    if given.complete:
        for position in rows.keys() - given.keys.keys():
            _remove_key(device, rows[position], differences)
    for position, typed in given.keys.items():
        row = rows.get(position)
        if not typed.get("type", row.type if row else ""):
            if row is not None:
                _remove_key(device, row, differences)
            continue
        if row is None:
            row = Key(module=position[0], number=position[1], type="", value="", label="", line=1)
            device.keys.append(row)
        for name, value in typed.items():
            differences.put(row, name, value, shown_as=f"{_key_name(*position)}_{name}")


def _remove_key(device: Device, row: Key, differences: Differences) -> None:
    differences[_key_name(row.module, row.number)] = [row.type, "removed"]
    device.keys.remove(row)


def _key_name(module: int, number: int) -> str:
    return f"m{module}key{number}" if module else f"key{number}"


def _apply_variables(
    session: Session, device: Device, line: int, typed: Mapping[str, str], prefix: str, differences: Differences
) -> None:
    if not typed:
        return
    query = select(CustomVariable).where(CustomVariable.device_id == device.id, CustomVariable.line == line)
    rows = {row.name: row for row in session.scalars(query)}
    for name, value in typed.items():
        row = rows.get(name)
        if not value:
            if row is not None and not row.secret:
                differences[f"{prefix}var_{name}"] = [_shown(row), "removed"]
                session.delete(row)
            continue
        if row is None:
            row = CustomVariable(name=name, value="", secret=looks_secret(name), device_id=device.id, line=line)
            session.add(row)
        differences.put(row, "value", value, shown_as=f"{prefix}var_{name}", secret=row.secret)


def _shown(row: CustomVariable) -> Any:
    return CHANGED if row.secret else row.value
