"""`provision_devices`: the one place that knows the order of provisioning (spec 5).

Render everything in memory, write what changed, record it, drop what is no longer produced. It runs inside one write
transaction that reads the device afresh: two provisions never interleave, and the newest saved state wins (FS-05).
"""

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import bindparam, select, update
from sqlalchemy.orm import Session

from webprov.delivery.pushes import Haste
from webprov.devicework import KnownTwins, Work, outcome_values, packed, render_work
from webprov.errors import DiskError, StorageError, WebprovError
from webprov.filerecords import (
    FileEntry,
    disk_name,
    drop_records,
    masked_twins,
    records_of_devices,
    records_of_others,
    store_entries,
    unneeded_shared_records,
)
from webprov.followups import ask_to_fetch, run_commands
from webprov.phones.phonemodel import PhoneModel, SharedRule
from webprov.pushing import mark_withdrawn, push_devices
from webprov.rendering.masking import masked_system
from webprov.rendering.render import render_shared
from webprov.rendering.variables import shared_context
from webprov.revisions import KINDS, Contents, contents_to_keep, keep_revisions
from webprov.site import Site
from webprov.store.counters import FILES
from webprov.store.database import bump, writing
from webprov.store.devicedata import BATCH, DeviceData, read_devices
from webprov.store.models import Device, utc_now
from webprov.store.windowrecords import open_windows

log = logging.getLogger(__name__)

Prepare = Callable[[Site, DeviceData, KnownTwins], Work]
Finish = Callable[[Work], None]

_RECORDED = ("revision", "shared_names", "upload_names", "provisioned_at", "revision_at", "revision_cause",
             "revision_for", *(f"rendered_{kind}" for kind in KINDS))  # fmt: skip


@dataclass(frozen=True)
class ProvisionResult:
    """What became of one device. `written` names the files whose bytes changed; an `error` left all old files.

    `push_errors` say why files have not reached the DMS, `command_errors` how commands of the model failed; the device
    counts as provisioned all the same (spec 6).
    """

    mac: str
    written: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    error: str = ""
    push_errors: tuple[str, ...] = ()
    command_errors: tuple[str, ...] = ()


def provision_device(session: Session, site: Site, mac: str) -> ProvisionResult:
    """Render one device and write its files durably. An error is in the result and on the device, never raised."""
    device_id = session.scalar(select(Device.id).where(Device.mac == mac))
    results = provision_batch(session, site, [device_id] if device_id else [], durable=True)
    return results[0] if results else ProvisionResult(mac)


def provision_devices(
    session: Session, site: Site, ids: Sequence[int], *, on_batch: Callable[[list[ProvisionResult]], None] | None = None
) -> list[ProvisionResult]:
    """Render many devices, a transaction and one sync per batch; per-device errors do not stop the rest.

    `on_batch` hears of each batch once it is committed. Disabled devices are passed over.
    """
    results: list[ProvisionResult] = []
    for start in range(0, len(ids), BATCH):
        batch = provision_batch(session, site, ids[start : start + BATCH], durable=False)
        results += batch
        if on_batch:
            on_batch(batch)
    return results


def withdraw_files(session: Session, site: Site, device_ids: Sequence[int]) -> None:
    """Remove every file of these devices, from disk and from the records, inside the transaction under way (FS-06).

    Shared files that no other device needs go as well. Call `pushing.push_removals` once that is committed.
    """
    rows = records_of_devices(session, device_ids)
    _drop(session, site, rows)
    values = {
        "rendered_device": 0,
        "restored_revision": 0,
        "provision_error": "",
        "disk_refused": False,
        "provision_warnings": "",
        "provisioned_at": None,
    }
    session.execute(update(Device).where(Device.id.in_(device_ids)).values(values))
    _drop(session, site, unneeded_shared_records(session, site, leaving_out=device_ids))
    bump(session, FILES)


def provision_batch(
    session: Session,
    site: Site,
    ids: Sequence[int],
    *,
    durable: bool,
    prepare: Prepare = render_work,
    finish: Finish | None = None,
) -> list[ProvisionResult]:
    """Provision these devices in one transaction. `prepare` gives the files of each, and where it raises nothing is
    changed; `finish` hears of each whose files are in place, still inside the transaction."""
    haste = Haste.AT_ONCE if durable else Haste.BULK
    with writing(session):
        site = site.current(session)
        devices = [device for device in read_devices(session, Device.id.in_(ids)) if device.enabled]
        twins = masked_twins(session, site, devices)
        work = [prepare(site, device, twins.get(device.id, {})) for device in devices]
        _read_before(session, work)
        shared = _write_shared_files(session, site, work, durable=durable)
        _write_device_files(session, site, work, durable=durable)
        if not durable:
            site.files.sync_all()
        removed = [row for item in work for row in item.stale_rows]
        _drop(session, site, removed)
        _drop(session, site, unneeded_shared_records(session, site))
        renamed = any((item.before.shared_names, item.before.upload_names) != item.names for item in _well(work))
        _record_outcome(session, site, work)
        if finish:
            for item in _well(work):
                finish(item)
        if shared or removed or renamed or any(item.written for item in work):
            bump(session, FILES)
    ready = [item.device for item in _well(work)]
    pushed = push_devices(session, site, ready, haste)
    failures = run_commands(session, site, ready)
    if durable:
        ask_to_fetch(session, site, [item.device for item in work if item.written or shared])
    return [
        replace(
            _result(item),
            push_errors=pushed.get(item.device.id, ()),
            command_errors=failures.get(item.device.id, ()),
        )
        for item in work
    ]


def _well(work: list[Work]) -> list[Work]:
    return [item for item in work if not item.error]


def _read_before(session: Session, work: list[Work]) -> None:
    """What was recorded of these devices when their present files were made."""
    columns = [getattr(Device, name) for name in _RECORDED]
    chosen = Device.id.in_([item.device.id for item in work])
    found = {row.id: row for row in session.execute(select(Device.id, *columns).where(chosen))}
    for item in work:
        item.before = found[item.device.id]


def _write_shared_files(session: Session, site: Site, work: list[Work], *, durable: bool) -> list[str]:
    """Shared files come first: those of the devices refer to them. One that fails fails the devices that need it."""
    rules: dict[tuple[str, str], tuple[PhoneModel, SharedRule, list[Work]]] = {}
    for item in work:
        for rule in item.model.shared if item.model and not item.error and not item.restored else ():
            segment = item.entries[0].segment if item.entries else ""
            rules.setdefault((segment, rule.output), (item.model, rule, []))[2].append(item)  # type: ignore[arg-type]
    written: list[str] = []
    entries = []
    for (segment, _), (model, rule, users) in rules.items():
        try:
            entry = _render_shared(site, model, rule, segment)
            written += site.files.write({disk_name(segment, entry.path): entry.content}, sync=durable)
            entries.append(entry)
        except WebprovError as e:
            for item in users:
                item.error, item.disk_refused = str(e), isinstance(e, DiskError)
    store_entries(session, {None: entries})
    return written


def _render_shared(site: Site, model: PhoneModel, rule: SharedRule, segment: str) -> FileEntry:
    plain = render_shared(rule, shared_context(rule, site.system, model), site.library)
    twin = render_shared(rule, shared_context(rule, masked_system(site.system), model), site.library)
    return FileEntry(plain.path, segment, plain.content, packed(twin.content), 0, rule.owner)


def _write_device_files(session: Session, site: Site, work: list[Work], *, durable: bool) -> None:
    before: dict[int, list[Any]] = {}
    for row in records_of_devices(session, [item.device.id for item in work]):
        before.setdefault(row.device_id, []).append(row)
    others = records_of_others(session, [entry.key for item in work for entry in item.entries])
    replaced: dict[int, Contents] = {}
    for item in _well(work):
        clash = next((entry for entry in item.entries if others.get(entry.key, item.device.id) != item.device.id), None)
        if clash:
            item.error = f"The file {clash.path} belongs to another device or model. Give one of them another name."
            continue
        others.update({entry.key: item.device.id for entry in item.entries})
        contents = {disk_name(entry.segment, entry.path): entry.content for entry in item.entries}
        rows = before.get(item.device.id, [])
        try:
            kept = contents_to_keep(site, rows, item.entries)
            item.written = site.files.write(contents, sync=durable)
        except StorageError as e:
            item.error, item.disk_refused = str(e), isinstance(e, DiskError)
            continue
        names = {(entry.segment, entry.path) for entry in item.entries}
        item.stale_rows = [row for row in rows if (row.segment, row.path) not in names]
        if kept and item.changes:
            replaced[item.device.id] = kept
    if replaced:
        keep_revisions(session, replaced)
    store_entries(session, {item.device.id: item.entries for item in _well(work)})


def _drop(session: Session, site: Site, rows: Sequence[Any]) -> None:
    if rows:
        site.files.remove(disk_name(row.segment, row.path) for row in rows)
        mark_withdrawn(session, rows)
        drop_records(session, [row.id for row in rows])


def _record_outcome(session: Session, site: Site, work: list[Work]) -> None:
    now = utc_now()
    done = [outcome_values(site, item, now) for item in _well(work)]
    open_windows(session, [row["b_id"] for row in done if row["b_step"]])  # each phone has to get its new files
    failed = [
        {"b_id": item.device.id, "provision_error": item.error, "disk_refused": item.disk_refused}
        for item in work
        if item.error
    ]
    table: Any = Device.__table__
    for rows in (done, failed):
        if rows:
            names = [name for name in rows[0] if name not in ("b_id", "b_step")]
            values: dict[str, Any] = {name: bindparam(f"v_{name}") for name in names}
            if "b_step" in rows[0]:
                values["revision"] = table.c.revision + bindparam("b_step")
            statement = update(table).where(table.c.id == bindparam("b_id")).values(values)
            session.connection().execute(statement, [_prefixed(row) for row in rows])


def _prefixed(row: dict[str, Any]) -> dict[str, Any]:
    return {name if name.startswith("b_") else f"v_{name}": value for name, value in row.items()}


def _result(item: Work) -> ProvisionResult:
    if item.error:
        log.warning("provisioning %s failed: %s", item.device.mac, item.error)
        return ProvisionResult(item.device.mac, error=item.error)
    removed = tuple(row.path for row in item.stale_rows)
    return ProvisionResult(item.device.mac, tuple(item.written), removed, item.warnings)
