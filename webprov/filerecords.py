"""The records of rendered files: which names exist, whose they are (spec 5, FS-04: the record is the manifest)."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

from sqlalchemy import ColumnElement, bindparam, delete, insert, or_, select, tuple_, update
from sqlalchemy.orm import Session

from webprov.phones.modelkeys import model_segment
from webprov.site import Site
from webprov.store.devicedata import BATCH, DeviceData
from webprov.store.models import Device, RenderedFileRecord, Tenant, utc_now

_FILES: Any = RenderedFileRecord.__table__


@dataclass(frozen=True, slots=True)
class FileEntry:
    """One rendered file about to be written. `masked` is its zlib-packed twin without secrets."""

    path: str
    segment: str
    content: bytes
    masked: bytes
    position: int = 0
    owner: str = ""

    @property
    def key(self) -> tuple[str, str]:
        """What must be unique: phones' names are looked up without regard to case."""
        return self.segment, self.path.casefold()

    @property
    def sha256(self) -> str:
        """What records know the content by."""
        return sha256(self.content).hexdigest()


def disk_name(segment: str, path: str) -> str:
    """Where a file lies below the provisioning directory: in External mode under the model's segment (spec 2)."""
    return f"{segment}/{path}" if segment else path


def records_of_devices(session: Session, ids: Sequence[int]) -> Sequence[Any]:
    """The rows (id, device_id, segment, path, sha256) of these devices' own files."""
    columns = (_FILES.c.id, _FILES.c.device_id, _FILES.c.segment, _FILES.c.path, _FILES.c.sha256)
    return session.execute(select(*columns).where(_FILES.c.device_id.in_(ids))).all()


def external_files(session: Session, owners: Sequence[int | None], *only: ColumnElement[bool]) -> Sequence[Any]:
    """The rows (device_id, segment, path, sha256) of what the devices with these ids fetch from the DMS, and with None
    among them of all shared files, in the order of writing; of those, `only` the ones for which these conditions hold.
    """
    if not owners:
        return []
    columns = (_FILES.c.device_id, _FILES.c.segment, _FILES.c.path, _FILES.c.sha256)
    theirs = _FILES.c.device_id.in_([owner for owner in owners if owner is not None])
    if None in owners:
        theirs = or_(theirs, _FILES.c.device_id.is_(None))
    query = select(*columns).where(theirs, _FILES.c.segment != "", *only)
    return session.execute(query.order_by(_FILES.c.position)).all()


def masked_twins(
    session: Session, site: Site, devices: Sequence[DeviceData]
) -> dict[int, dict[tuple[str, str], bytes]]:
    """The masked twins of devices that were rendered from just what holds now, by device and (path, sha256).

    Their twins need no second rendering as long as the files come out the same.
    """
    columns = (Device.id, Device.rendered_settings, Device.rendered_variables, Device.rendered_tenant,
               Device.rendered_device, Device.rendered_model)  # fmt: skip
    rendered = {row[0]: tuple(row[1:]) for row in session.execute(select(*columns).where(_in(Device.id, devices)))}
    current = [
        device
        for device in devices
        if rendered[device.id]
        == (
            site.settings.version,
            site.variables_version,
            device.tenant.version,
            device.version,
            site.model_version(device.model, device.tenant.name),
        )
    ]
    twins: dict[int, dict[tuple[str, str], bytes]] = {device.id: {} for device in current}
    files = select(_FILES.c.device_id, _FILES.c.path, _FILES.c.sha256, _FILES.c.masked)
    for row in session.execute(files.where(_in(_FILES.c.device_id, current))):
        twins[row.device_id][row.path, row.sha256] = row.masked
    return twins


def _in(column: Any, devices: Sequence[DeviceData]) -> ColumnElement[bool]:
    found: ColumnElement[bool] = column.in_([device.id for device in devices])
    return found


def records_of_others(session: Session, keys: Sequence[tuple[str, str]]) -> dict[tuple[str, str], int | None]:
    """Who owns each of these names now: a device's id, None for a shared file; free names are left out."""
    owners: dict[tuple[str, str], int | None] = {}
    for start in range(0, len(keys), BATCH):
        chosen = tuple_(_FILES.c.segment, _FILES.c.path_key).in_(keys[start : start + BATCH])
        for row in session.execute(select(_FILES.c.segment, _FILES.c.path_key, _FILES.c.device_id).where(chosen)):
            owners[row.segment, row.path_key] = row.device_id
    return owners


def store_entries(session: Session, entries: Mapping[int | None, Iterable[FileEntry]]) -> None:
    """Record these files (by device id; None = shared), replacing what is recorded under the same names."""
    rows = [_row(device_id, entry) for device_id, group in entries.items() for entry in group]
    known: dict[tuple[str, str], Any] = {}
    for start in range(0, len(rows), BATCH):
        keys = [(row["segment"], row["path_key"]) for row in rows[start : start + BATCH]]
        chosen = tuple_(_FILES.c.segment, _FILES.c.path_key).in_(keys)
        known |= {(row.segment, row.path_key): row for row in session.execute(select(_FILES).where(chosen))}
    fresh, changed = [], []
    for row in rows:
        found = known.get((row["segment"], row["path_key"]))
        if found is None:
            fresh.append(row)
        elif _differs(found, row):
            changed.append({**row, "b_id": found.id})
    if fresh:
        session.connection().execute(insert(_FILES), fresh)
    if changed:
        values: dict[str, Any] = {name: bindparam(name) for name in rows[0]}
        statement = update(_FILES).where(_FILES.c.id == bindparam("b_id")).values(values)
        session.connection().execute(statement, changed)


def _row(device_id: int | None, entry: FileEntry) -> dict[str, Any]:
    return {
        "device_id": device_id,
        "owner": entry.owner,
        "path": entry.path,
        "path_key": entry.path.casefold(),
        "segment": entry.segment,
        "position": entry.position,
        "sha256": entry.sha256,
        "size": len(entry.content),
        "masked": entry.masked,
        "written_at": utc_now(),
    }


def _differs(found: Any, row: Mapping[str, Any]) -> bool:
    return any(getattr(found, name) != value for name, value in row.items() if name != "written_at")


def drop_records(session: Session, ids: Sequence[int]) -> None:
    """Forget these files."""
    session.execute(delete(_FILES).where(_FILES.c.id.in_(ids)))


def unneeded_shared_records(session: Session, site: Site, *, leaving_out: Sequence[int] = ()) -> Sequence[Any]:
    """Shared files whose last device has gone, been disabled, or changed its model (spec 4).

    None while a model in use is missing: which files its phones still fetch is not known then, and files stay.
    """
    of_families = _FILES.c.device_id.is_(None), _FILES.c.owner.not_like("CONTACTS/%")
    shared = session.execute(select(_FILES).where(*of_families)).all()
    if not shared:
        return []
    used = (
        select(Device.model, Tenant.name).join(Tenant).where(Device.enabled, Device.id.not_in(leaving_out)).distinct()
    )
    needed = set()
    for key, tenant in session.execute(used):
        model = site.catalog.model(key, tenant)
        if model is None:
            return []
        segment = model_segment(key) if site.settings.mode == "external" else ""
        needed |= {(segment, rule.output.casefold()) for rule in model.shared}
    return [row for row in shared if (row.segment, row.path_key) not in needed]
