"""Is what phones get from the external DMS what was made for them? Asked as they ask, by playing boots (spec 6, 8).

One device of each model stands for the others. Everything is bounded in time, and no database waits for the DMS.
"""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from webprov.delivery.crew import Crew, Late
from webprov.delivery.s3 import S3Transport
from webprov.enums import ProvisioningMode, PushState
from webprov.errors import TransportError, WebprovError
from webprov.phones.modelkeys import model_segment
from webprov.rendering.servers import protocol_warning
from webprov.simulation import Plan, Step, plan_boot, play
from webprov.site import Site
from webprov.store.devicedata import BATCH, DeviceData, read_devices
from webprov.store.models import Device, PushRecord, RenderedFileRecord

ALL_SECONDS = 30.0
"""No boot begins later than this; the last one ends a boot's time after it."""
_BOOT_SECONDS = 10.0
_AT_ONCE = 8


@dataclass(frozen=True, slots=True)
class PhoneBoot:
    """What the phone `mac` would get below `url`, request by request; no steps where it was not asked for in time.

    `waiting` are the names whose newest content has yet to go to the bucket; `error` says why nothing can be asked.
    """

    mac: str
    label: str
    model: str
    url: str = ""
    steps: tuple[Step, ...] = ()
    waiting: frozenset[str] = frozenset()
    error: str = ""


def boot_like_phones(session: Session, site: Site, mac: str = "") -> list[PhoneBoot]:
    """Play the boot of device `mac`, or of one enabled device with files of each model, against the DMS."""
    if site.settings.mode is not ProvisioningMode.EXTERNAL or not site.settings.external_server:
        return []
    planned = [_planned(session, site, device) for device in _samples(session, mac)]
    session.commit()
    end = time.monotonic() + ALL_SECONDS
    tasks = [[partial(_played, plan, end)] for _, plan in planned if plan]
    outcomes = iter(Crew(_AT_ONCE, _BOOT_SECONDS + 1, lambda _: None).run(tasks) if tasks else ())
    found = []
    for boot, plan in planned:
        steps = next(outcomes)[0] if plan else ()
        found.append(_with_steps(session, site, boot, () if isinstance(steps, Late) else steps))
    return found


def _samples(session: Session, mac: str) -> list[DeviceData]:
    """The chosen device, or the first of each model that has its files, by model."""
    if mac:
        return read_devices(session, Device.mac == mac)
    has_files = select(RenderedFileRecord.id).where(RenderedFileRecord.device_id == Device.id).exists()
    first = select(func.min(Device.id)).where(Device.enabled, has_files).group_by(Device.model)
    ids = session.scalars(first).all()
    found: list[DeviceData] = []
    for start in range(0, len(ids), BATCH):
        found += read_devices(session, Device.id.in_(ids[start : start + BATCH]))
    return sorted(found, key=lambda device: device.model)


def _planned(session: Session, site: Site, device: DeviceData) -> tuple[PhoneBoot, Plan | None]:
    model = site.catalog.model(device.model, device.tenant.name)
    if model and (cannot := protocol_warning(site.settings, model)):
        return PhoneBoot(device.mac, device.label, device.model, error=cannot), None
    try:
        plan = plan_boot(session, site, device)
    except WebprovError as e:
        return PhoneBoot(device.mac, device.label, device.model, error=str(e)), None
    return PhoneBoot(device.mac, device.label, device.model, plan.server.url), plan


def _played(plan: Plan, end: float) -> tuple[Step, ...]:
    """The steps; none where the time for all was over before it was this phone's turn."""
    return tuple(play(plan, _BOOT_SECONDS)) if time.monotonic() < end else ()


def _with_steps(session: Session, site: Site, boot: PhoneBoot, steps: Sequence[Step]) -> PhoneBoot:
    names = [step.request for step in steps if step.expected and step.differs and step.status not in (0, 401)]
    waiting = frozenset(name for name in names if _is_on_its_way(session, site, boot.model, name))
    return PhoneBoot(boot.mac, boot.label, boot.model, boot.url, tuple(steps), waiting, boot.error)


def _is_on_its_way(session: Session, site: Site, model: str, name: str) -> bool:
    """Whether the newest content of this file has not been delivered to the bucket yet: it goes by itself."""
    file, push = RenderedFileRecord, PushRecord
    of = (file.segment == model_segment(model)) & (file.path_key == name.casefold())
    row = session.execute(select(file.path, file.sha256).where(of)).first()
    if row is None or not isinstance(site.transport, S3Transport):
        return False
    try:
        key = site.transport.key(model_segment(model), row.path)
    except TransportError:
        return False
    there = (push.key == key) & (push.sha256 == row.sha256) & (push.state == PushState.OK)
    return session.scalar(select(push.id).where(there)) is None
