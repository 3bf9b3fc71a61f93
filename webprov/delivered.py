"""Whether a device's files have reached the DMS, for people to see (spec 6)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from sqlalchemy import and_, func, or_, select
from sqlalchemy.orm import Session

from webprov.delivery.s3 import S3Transport
from webprov.enums import ProvisioningMode, PushState, TransportMethod
from webprov.site import Site
from webprov.store.models import Device, PushRecord, RenderedFileRecord


@dataclass(frozen=True, slots=True)
class Arrival:
    """What became of one file: since when it lies there, or since when it fails and why; neither: it still waits."""

    arrived_at: datetime | None = None
    failing_since: datetime | None = None
    error: str = ""


@dataclass(frozen=True)
class Delivery:
    """How the files of a device fare by the present file transport; `files` by path, for S3 alone."""

    transport: TransportMethod
    files: Mapping[str, Arrival] = field(default_factory=dict)

    @property
    def failures(self) -> dict[str, datetime | None]:
        """Each distinct error with the time since which it goes on."""
        failing = sorted((a for a in self.files.values() if a.error), key=lambda a: str(a.failing_since), reverse=True)
        return {arrival.error: arrival.failing_since for arrival in failing}


def delivery_of(session: Session, site: Site, device: Device) -> Delivery | None:
    """None where files are not carried anywhere."""
    settings = site.settings
    if settings.mode is not ProvisioningMode.EXTERNAL or settings.transport is TransportMethod.NONE:
        return None
    if settings.transport is TransportMethod.SCRIPT:
        return Delivery(settings.transport)
    files = select(RenderedFileRecord).where(RenderedFileRecord.segment != "")
    own = session.scalars(files.where(RenderedFileRecord.device_id == device.id)).all()
    segments = {row.segment for row in own}
    shared = files.where(RenderedFileRecord.device_id.is_(None), RenderedFileRecord.segment.in_(segments))
    rows = [*own, *session.scalars(shared)]
    of = or_(PushRecord.device_id == device.id, PushRecord.device_id.is_(None) & PushRecord.segment.in_(segments))
    pushed = {(push.segment, push.path): push for push in session.scalars(select(PushRecord).where(of))}
    return Delivery(settings.transport, {row.path: _arrival(row, pushed.get((row.segment, row.path))) for row in rows})


def _arrival(row: RenderedFileRecord, push: PushRecord | None) -> Arrival:
    if push is None:
        return Arrival()
    if push.error:
        return Arrival(failing_since=push.failing_since, error=push.error)
    current = push.state == PushState.OK and push.sha256 == row.sha256
    return Arrival(arrived_at=push.at if current else None)


@dataclass(frozen=True, slots=True)
class WaitingDevice:
    """A device with files that have not reached the storage: how many, since when they fail, and why."""

    mac: str
    label: str
    files: int
    failing_since: datetime | None
    error: str


def waiting_devices(session: Session, site: Site, most: int = 50) -> list[WaitingDevice]:
    """Those that have failed longest first, then those that just wait."""
    if not isinstance(site.transport, S3Transport):
        return []
    file, push = RenderedFileRecord, PushRecord
    same = and_(push.device_id == file.device_id, push.segment == file.segment, push.path == file.path)
    since = func.min(push.failing_since)
    columns = (Device.mac, Device.label, func.count(file.id), since, func.coalesce(func.max(push.error), ""))
    query = select(*columns).join(file, file.device_id == Device.id).outerjoin(push, same)
    differs = or_(push.id.is_(None), push.state != PushState.OK, push.sha256 != file.sha256)
    due = query.where(file.segment != "", differs).group_by(Device.id, Device.mac, Device.label)
    rows = session.execute(due.order_by(since.is_(None), since, Device.id).limit(most))
    return [WaitingDevice(*row) for row in rows]


def failing_objects(session: Session, site: Site) -> int:
    """How many pushes and removals have failed; cheap enough for every page."""
    if site.settings.mode is not ProvisioningMode.EXTERNAL or site.settings.transport is not TransportMethod.S3:
        return 0
    failing = PushRecord.state.in_([PushState.FAILED, PushState.WITHDRAWN]) & (PushRecord.error != "")
    return session.scalar(select(func.count()).select_from(PushRecord).where(failing)) or 0


@dataclass(frozen=True, slots=True)
class ScriptCounts:
    """How the Custom Script fared; `ids` are the devices that it has not run for yet or that it failed for."""

    well: int
    failed: Sequence[tuple[str, str, str]]
    not_yet: int
    ids: Sequence[int]


def script_counts(session: Session, most: int = 50) -> ScriptCounts:
    """Over the enabled devices that have files; `failed` as (mac, label, last line of output), the first `most`."""
    columns = (Device.id, Device.mac, Device.label, Device.script_at, Device.script_exit)
    rows = session.execute(select(*columns).where(Device.enabled, Device.provisioned_at.is_not(None))).all()
    failed = [row for row in rows if row.script_at and row.script_exit != 0]
    waiting = [row for row in rows if not row.script_at]
    shown = select(Device.mac, Device.label, Device.script_output).where(Device.id.in_([r.id for r in failed[:most]]))
    lines = [(mac, label, (text.splitlines() or [""])[-1]) for mac, label, text in session.execute(shown)]
    well = len(rows) - len(failed) - len(waiting)
    return ScriptCounts(well, lines, len(waiting), [row.id for row in (*failed, *waiting)])
