"""What provisioning leaves for the file transport (spec 6): carry what lies there differently, remove what has gone.

What should lie there are the records of rendered files; what does are the push records. Both are compared before and
after the network was used, so a run that was overtaken by a newer one puts things right itself (newest content wins).
The database is never held while the network works, and nothing here raises for what the network does.
"""

import logging
from collections import defaultdict
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

from sqlalchemy import or_, select, update
from sqlalchemy.orm import Session

from webprov.delivery.pushes import FileTransport, PushContext, PushedFile, PushResult
from webprov.delivery.script import ScriptRun, ScriptTransport
from webprov.enums import ProvisioningMode, PushState
from webprov.errors import TransportError
from webprov.filerecords import disk_name, records_of_others
from webprov.mac import format_mac
from webprov.phones.modelkeys import model_segment
from webprov.site import Site
from webprov.store.database import writing
from webprov.store.devicedata import BATCH, CustomValues, DeviceData
from webprov.store.models import Device, PushRecord, RenderedFileRecord, utc_now
from webprov.store.settings import SECRET_FIELDS

log = logging.getLogger(__name__)

_DEVICES_AT_ONCE = 8
_SCRIPTS_AT_ONCE = 2
_REMOVALS_A_CALL = 40
_MOST_REMOVALS = 400
_ROUNDS = 3

Errors = Mapping[int, tuple[str, ...]]
"""Sentences by device id."""


def push_devices(session: Session, site: Site, devices: Sequence[DeviceData]) -> Errors:
    """Carry the files of devices just provisioned, outside any transaction; what did not work, by device.

    Nothing happens in Local mode and without a transport. Failures are recorded and logged.
    """
    transport = site.transport
    if transport is None:
        return {}
    if isinstance(transport, ScriptTransport):
        return _run_scripts(session, site, transport, devices)
    return _reconcile(session, site, transport, {device.id: _context(site, device) for device in devices})


def push_removals(session: Session, site: Site) -> None:
    """Remove what withdrawn files left in the bucket, outside any transaction; what fails stays recorded."""
    transport = site.transport
    if transport is not None and not isinstance(transport, ScriptTransport):
        _reconcile(session, site, transport, {})


def mark_withdrawn(session: Session, rows: Sequence[Any]) -> None:
    """Note that the objects of these file records (device_id, segment, path) have to go, inside the transaction."""
    names = {(row.segment, row.path) for row in rows}
    ids = [row.device_id for row in rows if row.device_id is not None]
    pushes = session.execute(
        select(PushRecord.id, PushRecord.segment, PushRecord.path).where(_of(PushRecord.device_id, ids))
    ).all()
    gone = [row.id for row in pushes if (row.segment, row.path) in names]
    values = {"state": PushState.WITHDRAWN, "error": "", "failing_since": None}
    for start in range(0, len(gone), BATCH):
        session.execute(update(PushRecord).where(PushRecord.id.in_(gone[start : start + BATCH])).values(values))


@dataclass(frozen=True, slots=True)
class _Due:
    """One file that has to go."""

    key: str
    file: PushedFile
    device_id: int | None


@dataclass
class _Plan:
    """What differs: files to put, grouped by device (None: shared ones), and keys to remove with their names here."""

    puts: dict[int | None, list[_Due]] = field(default_factory=lambda: defaultdict(list))
    removals: dict[str, tuple[str, str]] = field(default_factory=dict)


def _reconcile(
    session: Session, site: Site, transport: FileTransport, contexts: Mapping[int, PushContext]
) -> dict[int, tuple[str, ...]]:
    errors: dict[int, tuple[str, ...]] = {}
    for number in range(_ROUNDS):
        plan = _plan(session, site, transport, list(contexts), first=number == 0)
        session.commit()  # what has been read is let go of before the network is used
        if not plan.puts and not plan.removals:
            break
        put, removed = _carry(transport, plan, contexts)
        _record(session, plan, put, removed)
        errors |= _errors(put, list(contexts))
    return errors


def _plan(session: Session, site: Site, transport: FileTransport, ids: Sequence[int], *, first: bool) -> _Plan:
    """What has to be done; in later rounds only what others changed meanwhile, not what has just failed."""
    plan = _Plan()
    wanted = {key: row for row in _rendered(session, ids) if (key := _key(transport, row))}
    known = _known(session, list(wanted))
    for key, row in wanted.items():
        push = known.get(key)
        failed = push is not None and push.state != PushState.OK
        if push is None or (failed and first) or (not failed and push.sha256 != row.sha256):
            file = PushedFile(row.segment, row.path, site.files.path(disk_name(row.segment, row.path)))
            plan.puts[row.device_id].append(_Due(key, file, row.device_id))
    plan.removals = _removals(session, transport, ids, first=first)
    return plan


def _key(transport: FileTransport, row: Any) -> str:
    """The object's name; empty, and logged, for a file whose name no object can have."""
    try:
        return transport.key(row.segment, row.path)
    except TransportError as e:
        log.warning("%s is not pushed: %s", row.path, e)
        return ""


def _rendered(session: Session, ids: Sequence[int]) -> Sequence[Any]:
    """The files of these devices and, for any device, the shared ones; those of External mode alone have a segment."""
    if not ids:
        return []
    table: Any = RenderedFileRecord.__table__
    columns = (table.c.device_id, table.c.segment, table.c.path, table.c.sha256)
    query = select(*columns).where(_of(table.c.device_id, ids), table.c.segment != "").order_by(table.c.position)
    return session.execute(query).all()


def _of(column: Any, ids: Sequence[int]) -> Any:
    return or_(column.in_(ids), column.is_(None))


def _known(session: Session, keys: Sequence[str]) -> dict[str, PushRecord]:
    found: dict[str, PushRecord] = {}
    for start in range(0, len(keys), BATCH):
        query = select(PushRecord).where(PushRecord.key.in_(keys[start : start + BATCH]))
        found |= {row.key: row for row in session.scalars(query)}
    return found


def _removals(
    session: Session, transport: FileTransport, ids: Sequence[int], *, first: bool
) -> dict[str, tuple[str, str]]:
    """Withdrawn objects, and those of these devices that lie where they no longer belong (another prefix)."""
    query = select(PushRecord).where(PushRecord.state == PushState.WITHDRAWN).limit(_MOST_REMOVALS)
    rows = [row for row in session.scalars(query) if first or not row.error]
    own = session.scalars(select(PushRecord).where(PushRecord.device_id.in_(ids))).all() if first else []
    rows += [row for row in own if row.key != _key(transport, row)]
    owners = records_of_others(session, [(row.segment, row.path.casefold()) for row in rows])
    return {
        row.key: (row.segment, row.path)
        for row in rows
        if (row.segment, row.path.casefold()) not in owners or row.key != _key(transport, row)
    }


def _carry(
    transport: FileTransport, plan: _Plan, contexts: Mapping[int, PushContext]
) -> tuple[list[tuple[_Due, PushResult]], list[PushResult]]:
    """Use the network: shared files first, since those of the devices refer to them."""
    nobody = PushContext("", "", "", "")
    shared = plan.puts.pop(None, [])
    put = list(zip(shared, transport.push([due.file for due in shared], nobody), strict=True)) if shared else []
    keys = list(plan.removals)
    with ThreadPoolExecutor(_DEVICES_AT_ONCE) as pool:
        groups = [
            (dues, pool.submit(transport.push, [due.file for due in dues], contexts[device_id]))
            for device_id, dues in plan.puts.items()
            if device_id is not None
        ]
        chunks = [keys[start : start + _REMOVALS_A_CALL] for start in range(0, len(keys), _REMOVALS_A_CALL)]
        removing = [pool.submit(transport.remove, chunk) for chunk in chunks]
    for dues, results in groups:
        put += zip(dues, results.result(), strict=True)
    return put, [result for future in removing for result in future.result()]


def _record(
    session: Session, plan: _Plan, put: Sequence[tuple[_Due, PushResult]], removed: Sequence[PushResult]
) -> None:
    with writing(session):
        names = [(due.file.segment, due.file.path.casefold()) for due, _ in put]
        names += [(segment, path.casefold()) for segment, path in plan.removals.values()]
        owners = records_of_others(session, names)
        known = _known(session, [result.key for _, result in put] + [result.key for result in removed])
        for due, result in put:
            row = known.get(due.key) or PushRecord(segment=due.file.segment, path=due.file.path, key=due.key)
            _record_put(row, result, owners)
            session.add(row)
        for result in removed:
            if result.key in known:
                _record_removal(session, known[result.key], result, owners)


def _record_put(row: PushRecord, result: PushResult, owners: Mapping[tuple[str, str], int | None]) -> None:
    name = (row.segment, row.path.casefold())
    row.at = utc_now()
    row.sha256 = result.sha256 or row.sha256 or ""
    row.device_id = owners.get(name)
    if name not in owners:  # withdrawn while it went there: the next round removes it
        row.state, row.error, row.failing_since = PushState.WITHDRAWN, "", None
    elif result.error:
        row.state, row.error, row.failing_since = PushState.FAILED, result.error, row.failing_since or row.at
    else:
        row.state, row.error, row.failing_since = PushState.OK, "", None


def _record_removal(
    session: Session, row: PushRecord, result: PushResult, owners: Mapping[tuple[str, str], int | None]
) -> None:
    row.at = utc_now()
    if result.error:
        row.state, row.error, row.failing_since = PushState.WITHDRAWN, result.error, row.failing_since or row.at
        log.warning("removing %s from the storage failed: %s", row.key, result.error)
    elif row.state == PushState.OK and (row.segment, row.path.casefold()) in owners:
        row.sha256 = ""  # put there again while it was removed: the next round carries it once more
    else:
        session.delete(row)


def _errors(put: Sequence[tuple[_Due, PushResult]], ids: Sequence[int]) -> dict[int, tuple[str, ...]]:
    """The distinct sentences of each device; those of shared files count for every device of the run."""
    found: dict[int | None, dict[str, None]] = defaultdict(dict)
    for due, result in put:
        if result.error:
            found[due.device_id][result.error] = None
            log.warning("pushing %s failed: %s", due.key, result.error)
    shared = found.get(None, {})
    return {id_: tuple(shared | found.get(id_, {})) for id_ in ids if shared or id_ in found}


def _context(site: Site, device: DeviceData) -> PushContext:
    segment = model_segment(device.model)
    return PushContext(device.mac, device.tenant.name, segment, site.settings.external_server)


def program_context(site: Site, device: DeviceData) -> PushContext:
    """What programs that run for `device` learn about it, and the secrets that their output must not show."""
    if site.settings.mode is ProvisioningMode.EXTERNAL:
        return replace(_context(site, device), secrets=_secrets(site, device))
    server = site.settings.server_address
    return PushContext(device.mac, device.tenant.name, "", server, _secrets(site, device), mode=ProvisioningMode.LOCAL)


def _run_scripts(
    session: Session, site: Site, transport: ScriptTransport, devices: Sequence[DeviceData]
) -> dict[int, tuple[str, ...]]:
    """Run the script once for each device with all its files, whether they changed or not."""
    files: defaultdict[int, list[PushedFile]] = defaultdict(list)
    shared: defaultdict[str, list[PushedFile]] = defaultdict(list)
    for row in _rendered(session, [device.id for device in devices]):
        file = PushedFile(row.segment, row.path, site.files.path(disk_name(row.segment, row.path)))
        (shared[row.segment] if row.device_id is None else files[row.device_id]).append(file)
    session.commit()
    run = partial(_run_script, site, transport)
    with ThreadPoolExecutor(_SCRIPTS_AT_ONCE) as pool:
        runs = list(pool.map(run, devices, [shared[model_segment(d.model)] + files[d.id] for d in devices]))
    _record_runs(session, dict(zip([device.id for device in devices], runs, strict=True)))
    for device, ended in zip(devices, runs, strict=True):
        level = logging.WARNING if ended.error else logging.INFO
        log.log(level, "script for %s: exit %s %s", format_mac(device.mac), ended.exit, ended.error)
    return {device.id: (ended.error,) for device, ended in zip(devices, runs, strict=True) if ended.error}


def _run_script(site: Site, transport: ScriptTransport, device: DeviceData, files: Sequence[PushedFile]) -> ScriptRun:
    return transport.run([file.disk for file in files], program_context(site, device))


def _record_runs(session: Session, runs: Mapping[int, ScriptRun]) -> None:
    with writing(session):
        for device_id, run in runs.items():
            output = "\n".join(part for part in (run.output, run.error) if part)
            values = {"script_exit": run.exit, "script_output": output, "script_at": utc_now()}
            session.execute(update(Device).where(Device.id == device_id).values(values))


def _secrets(site: Site, device: DeviceData) -> frozenset[str]:
    """Every secret that the device's files or the settings may hold."""
    found = {str(getattr(site.settings, name)) for name in SECRET_FIELDS}
    found |= {device.admin_password, device.prov_password, *(line.password for line in device.lines)}
    scopes: list[CustomValues] = [site.system.variables, device.tenant.variables, device.variables]
    for values in scopes + [line.variables for line in device.lines]:
        found |= {item.value for item in values.values() if item.secret}
    return frozenset(found - {""})
