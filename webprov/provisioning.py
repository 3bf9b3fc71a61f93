"""`provision_devices`: the one place that knows the order of provisioning (spec 5).

Render everything in memory, write what changed, record it, drop what is no longer produced. It runs inside one write
transaction that reads the device afresh: two provisions never interleave, and the newest saved state wins (FS-05).
"""

import logging
import zlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from sqlalchemy import bindparam, select, update
from sqlalchemy.orm import Session

from webprov.delivery.pushes import Haste
from webprov.errors import StorageError, WebprovError
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
from webprov.rendering.masking import masked, masked_system
from webprov.rendering.render import render_device, render_shared, upload_names
from webprov.rendering.rendered import RenderedFile
from webprov.rendering.variables import device_variables, shared_context
from webprov.site import Site
from webprov.store.database import bump, writing
from webprov.store.devicedata import BATCH, DeviceData, read_devices
from webprov.store.models import Device, utc_now

log = logging.getLogger(__name__)


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
    results = _provision_batch(session, site, [device_id] if device_id else [], durable=True)
    return results[0] if results else ProvisionResult(mac)


def provision_devices(
    session: Session, site: Site, ids: Sequence[int], *, on_batch: Callable[[list[ProvisionResult]], None] | None = None
) -> list[ProvisionResult]:
    """Render many devices, a transaction and one sync per batch; per-device errors do not stop the rest.

    `on_batch` hears of each batch once it is committed. Disabled devices are passed over.
    """
    results: list[ProvisionResult] = []
    for start in range(0, len(ids), BATCH):
        batch = _provision_batch(session, site, ids[start : start + BATCH], durable=False)
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
    values = {"rendered_device": 0, "provision_error": "", "provision_warnings": "", "provisioned_at": None}
    session.execute(update(Device).where(Device.id.in_(device_ids)).values(values))
    _drop(session, site, unneeded_shared_records(session, site, leaving_out=device_ids))
    bump(session, "files")


@dataclass
class _Work:
    """One device on its way: what rendering gave, or why it did not."""

    device: DeviceData
    model: PhoneModel | None
    entries: list[FileEntry] = field(default_factory=list)
    warnings: tuple[str, ...] = ()
    uploads: str = ""
    error: str = ""
    written: list[str] = field(default_factory=list)
    stale_rows: list[Any] = field(default_factory=list)

    @property
    def names(self) -> tuple[str, str]:
        """What the listeners have to know beside its own files: the shared ones it needs, and what it may send."""
        segment = self.entries[0].segment if self.entries else ""
        rules = self.model.shared if self.model else ()
        return "\n".join(disk_name(segment, rule.output).casefold() for rule in rules), self.uploads


def _provision_batch(session: Session, site: Site, ids: Sequence[int], *, durable: bool) -> list[ProvisionResult]:
    haste = Haste.AT_ONCE if durable else Haste.BULK
    with writing(session):
        site = site.current(session)
        devices = [device for device in read_devices(session, Device.id.in_(ids)) if device.enabled]
        twins = masked_twins(session, site, devices)
        work = [_render(site, device, twins.get(device.id, {})) for device in devices]
        shared = _write_shared_files(session, site, work, durable=durable)
        _write_device_files(session, site, work, durable=durable)
        if not durable:
            site.files.sync_all()
        removed = [row for item in work for row in item.stale_rows]
        _drop(session, site, removed)
        _drop(session, site, unneeded_shared_records(session, site))
        renamed = _names_changed(session, work)
        _record_outcome(session, site, work)
        if shared or removed or renamed or any(item.written for item in work):
            bump(session, "files")
    ready = [item.device for item in work if not item.error]
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


def _render(site: Site, device: DeviceData, known_twins: Mapping[tuple[str, str], bytes]) -> _Work:
    model = site.catalog.model(device.model, device.tenant.name)
    if model is None:
        return _Work(device, None, error=f"The model “{device.model}” is missing. Choose another model or put it back.")
    try:
        context = device_variables(device, model, site.system).context
        files = render_device(model, context, site.library, device.tenant.name)
        uploads = "\n".join(upload_names(model, context, site.library)).casefold()
        twins = [known_twins.get((file.path, file.sha256)) for file in files]
        if None in twins:
            twins = _masked_twins(site, device, model)
    except WebprovError as e:
        return _Work(device, model, error=str(e))
    segment = str(context.values["PROV_MODEL_SEGMENT"])
    entries = [
        FileEntry(file.path, segment, file.content, twin or b"", position)
        for position, (file, twin) in enumerate(zip(files, twins, strict=True))
    ]
    warnings = tuple(dict.fromkeys((*context.warnings, *(text for file in files for text in file.warnings))))
    return _Work(device, model, entries, warnings, uploads)


def _masked_twins(site: Site, device: DeviceData, model: PhoneModel) -> list[bytes | None]:
    """The same files for those who may not see secrets, compressed (security SE-03)."""
    hidden, system = masked(device, site.system)
    context = device_variables(hidden, model, system).context
    return [_compressed(file) for file in render_device(model, context, site.library, device.tenant.name)]


def _compressed(file: RenderedFile) -> bytes:
    return zlib.compress(file.content, 1)


def _write_shared_files(session: Session, site: Site, work: list[_Work], *, durable: bool) -> list[str]:
    """Shared files come first: those of the devices refer to them. One that fails fails the devices that need it."""
    rules: dict[tuple[str, str], tuple[PhoneModel, SharedRule, list[_Work]]] = {}
    for item in work:
        for rule in item.model.shared if item.model and not item.error else ():
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
                item.error = str(e)
    store_entries(session, {None: entries})
    return written


def _render_shared(site: Site, model: PhoneModel, rule: SharedRule, segment: str) -> FileEntry:
    plain = render_shared(rule, shared_context(rule, site.system, model), site.library)
    twin = render_shared(rule, shared_context(rule, masked_system(site.system), model), site.library)
    return FileEntry(plain.path, segment, plain.content, _compressed(twin), 0, rule.owner)


def _write_device_files(session: Session, site: Site, work: list[_Work], *, durable: bool) -> None:
    before: dict[int, list[Any]] = {}
    for row in records_of_devices(session, [item.device.id for item in work]):
        before.setdefault(row.device_id, []).append(row)
    others = records_of_others(session, [entry.key for item in work for entry in item.entries])
    for item in (item for item in work if not item.error):
        clash = next((entry for entry in item.entries if others.get(entry.key, item.device.id) != item.device.id), None)
        if clash:
            item.error = f"The file {clash.path} belongs to another device or model. Give one of them another name."
            continue
        others.update({entry.key: item.device.id for entry in item.entries})
        contents = {disk_name(entry.segment, entry.path): entry.content for entry in item.entries}
        try:
            item.written = site.files.write(contents, sync=durable)
        except StorageError as e:
            item.error = str(e)
            continue
        names = {(entry.segment, entry.path) for entry in item.entries}
        item.stale_rows = [row for row in before.get(item.device.id, []) if (row.segment, row.path) not in names]
    store_entries(session, {item.device.id: item.entries for item in work if not item.error})


def _drop(session: Session, site: Site, rows: Sequence[Any]) -> None:
    if rows:
        site.files.remove(disk_name(row.segment, row.path) for row in rows)
        mark_withdrawn(session, rows)
        drop_records(session, [row.id for row in rows])


def _names_changed(session: Session, work: list[_Work]) -> bool:
    """Whether what the listeners know of these devices, beside their files, is no longer right."""
    names = {item.device.id: item.names for item in work if not item.error}
    wanted = select(Device.id, Device.shared_names, Device.upload_names).where(Device.id.in_(names))
    return any((row.shared_names, row.upload_names) != names[row.id] for row in session.execute(wanted))


def _record_outcome(session: Session, site: Site, work: list[_Work]) -> None:
    now = utc_now()
    done = [_success_values(site, item, now) for item in work if not item.error]
    failed = [{"b_id": item.device.id, "provision_error": item.error} for item in work if item.error]
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


def _success_values(site: Site, item: _Work, now: Any) -> dict[str, Any]:
    device = item.device
    shared, uploads = item.names
    return {
        "b_id": device.id,
        "shared_names": shared,
        "upload_names": uploads,
        "b_step": 1 if item.written or item.stale_rows else 0,
        "provisioned_at": now,
        "provision_error": "",
        "provision_warnings": "\n".join(item.warnings),
        "rendered_settings": site.settings.version,
        "rendered_variables": site.variables_version,
        "rendered_tenant": device.tenant.version,
        "rendered_device": device.version,
        "rendered_model": site.model_version(device.model, device.tenant.name),
    }


def _result(item: _Work) -> ProvisionResult:
    if item.error:
        log.warning("provisioning %s failed: %s", item.device.mac, item.error)
        return ProvisionResult(item.device.mac, error=item.error)
    removed = tuple(row.path for row in item.stale_rows)
    return ProvisionResult(item.device.mac, tuple(item.written), removed, item.warnings)
