"""Running the Custom Script for devices just provisioned, and what came of it (spec 6)."""

import logging
from collections import defaultdict
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from sqlalchemy import update
from sqlalchemy.orm import Session

from webprov.delivery.pushes import PushContext
from webprov.delivery.script import ScriptRun, ScriptTransport
from webprov.enums import ProvisioningMode
from webprov.filerecords import disk_name, external_files
from webprov.mac import format_mac
from webprov.phones.modelkeys import model_segment
from webprov.site import Site
from webprov.store.database import writing
from webprov.store.devicedata import CustomValues, DeviceData
from webprov.store.models import Device, utc_now
from webprov.store.settings import SECRET_FIELDS

log = logging.getLogger(__name__)

_SCRIPTS_AT_ONCE = 2


def run_scripts(
    session: Session, site: Site, transport: ScriptTransport, devices: Sequence[DeviceData]
) -> dict[int, tuple[str, ...]]:
    """Run the script once for each device with all its files, whether they changed or not; what failed, by device."""
    runs = _run_all(session, site, transport, devices)
    _record(session, runs)
    for device in devices:
        ended = runs[device.id]
        level = logging.WARNING if ended.error else logging.INFO
        log.log(level, "script for %s: exit %s %s", format_mac(device.mac), ended.exit, ended.error)
    return {device_id: (ended.error,) for device_id, ended in runs.items() if ended.error}


def try_script(session: Session, site: Site, transport: ScriptTransport, device: DeviceData) -> ScriptRun:
    """Run the script for one device with the files it has now, and record nothing."""
    return _run_all(session, site, transport, [device])[device.id]


def _run_all(
    session: Session, site: Site, transport: ScriptTransport, devices: Sequence[DeviceData]
) -> dict[int, ScriptRun]:
    files: defaultdict[int, list[Path]] = defaultdict(list)
    shared: defaultdict[str, list[Path]] = defaultdict(list)
    for row in external_files(session, [None, *(device.id for device in devices)]):
        path = site.files.path(disk_name(row.segment, row.path))
        (shared[row.segment] if row.device_id is None else files[row.device_id]).append(path)
    session.commit()

    def run(device: DeviceData) -> ScriptRun:
        return transport.run(shared[model_segment(device.model)] + files[device.id], program_context(site, device))

    with ThreadPoolExecutor(_SCRIPTS_AT_ONCE) as pool:
        return dict(zip([device.id for device in devices], pool.map(run, devices), strict=True))


def _record(session: Session, runs: Mapping[int, ScriptRun]) -> None:
    with writing(session):
        for device_id, run in runs.items():
            output = "\n".join(part for part in (run.output, run.error) if part)
            values = {"script_exit": run.exit, "script_output": output, "script_at": utc_now()}
            session.execute(update(Device).where(Device.id == device_id).values(values))


def program_context(site: Site, device: DeviceData) -> PushContext:
    """What programs that run for `device` learn about it, and the secrets that their output must not show."""
    settings, secrets = site.settings, _secrets(site, device)
    if settings.mode is ProvisioningMode.EXTERNAL:
        segment = model_segment(device.model)
        return PushContext(device.mac, device.tenant.name, segment, settings.external_server, secrets)
    return PushContext(device.mac, device.tenant.name, "", settings.server_address, secrets, mode=settings.mode)


def _secrets(site: Site, device: DeviceData) -> frozenset[str]:
    """Every secret that the device's files or the settings may hold."""
    found = {str(getattr(site.settings, name)) for name in SECRET_FIELDS}
    found |= {device.admin_password, device.prov_password, *(line.password for line in device.lines)}
    scopes: list[CustomValues] = [site.system.variables, device.tenant.variables, device.variables]
    for values in scopes + [line.variables for line in device.lines]:
        found |= {item.value for item in values.values() if item.secret}
    return frozenset(found - {""})
