"""Whether a device's files have reached the DMS, for people to see (spec 6)."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from sqlalchemy import or_, select
from sqlalchemy.orm import Session

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
