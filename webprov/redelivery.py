"""What has not reached the storage is tried again by the worker until it has (spec 6; security TR-11).

Due is whatever the records of rendered files and of pushes disagree about: a push that failed, one that a crash
swallowed, all files after a change of the bucket, objects of files that are gone. So nothing can be forgotten.
"""

import logging
import time
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Select, and_, func, or_, select, update
from sqlalchemy.orm import Session

from webprov.audit import record_change
from webprov.delivery.pushes import Haste
from webprov.delivery.s3 import S3Transport
from webprov.enums import PushState
from webprov.errors import NotFound, TransportError
from webprov.pushing import may_be_tried, push_devices, push_removals, push_to_storage
from webprov.rights import Actor, Right
from webprov.site import Site, SiteLoader
from webprov.store.counters import FAILED_PUSHES, RETRY_NOW
from webprov.store.database import bump, writing
from webprov.store.devicedata import read_device
from webprov.store.instance import Instance
from webprov.store.leases import Lease
from webprov.store.models import Device, PushRecord, RenderedFileRecord, utc_now
from webprov.store.watch import CounterWatch
from webprov.worker import Duty, Rest, TurnFailed

log = logging.getLogger(__name__)

_DEVICES_A_STEP = 2_000
_TURN_SECONDS = 30.0
_LISTEN_SECONDS = 0.5
_File, _Push = RenderedFileRecord, PushRecord


@dataclass(frozen=True, slots=True)
class Outbox:
    """What waits for the storage: how many objects, since when the oldest of them fails, what failed last."""

    count: int
    oldest_at: datetime | None = None
    error: str = ""


@dataclass
class _Watcher:
    """When to look at the outbox again: `look_at` is of the monotonic clock; `is_down`: the storage refused a probe."""

    look_at: float = 0.0
    is_down: bool = True
    failures: int = -1
    wishes: int = -1


def pushes_duty(instance: Instance, loader: SiteLoader) -> Duty:
    """Carry what is due: soon after a failure, and each `WEBPROV_RETRY_INTERVAL` while the storage refuses a probe."""
    watch, seen = CounterWatch(instance.engine), _Watcher()

    def turn(session: Session, lease: Lease) -> Rest:  # noqa: ARG001 - pushes of two workers come to the same
        counts = watch.counts()
        failures, wishes = counts.get(FAILED_PUSHES, 0), counts.get(RETRY_NOW, 0)
        is_wished = wishes != seen.wishes
        has_failed = failures != seen.failures and not seen.is_down
        if not is_wished and not has_failed and time.monotonic() < seen.look_at:
            return Rest(_LISTEN_SECONDS, None)
        seen.failures, seen.wishes = failures, wishes
        done = redeliver(session, loader.load(session), everything=seen.is_down or is_wished)
        seen.is_down = done.rest_seconds is None
        due = float(instance.config.retry_interval_seconds) if done.rest_seconds is None else done.rest_seconds
        seen.look_at = time.monotonic() + due
        if seen.is_down:
            raise TurnFailed(f"{done.left:,} files wait for the storage.", Rest(_LISTEN_SECONDS, due))
        return Rest(_LISTEN_SECONDS, due)

    return Duty("pushes", turn)


@dataclass(frozen=True, slots=True)
class Redelivery:
    """How much is left, and after how many seconds to go on; None: the storage refuses, so after the retry interval."""

    left: int
    rest_seconds: float | None


def redeliver(session: Session, site: Site, *, everything: bool = True) -> Redelivery:
    """Carry what is due, for about half a minute, unless the storage refuses a probe or fails throughout.

    `everything`: also what has failed so lately that it would wait a little.
    """
    interval = float(site.config.retry_interval_seconds)
    left = due_count(session, site)
    session.commit()
    transport = site.transport
    if not isinstance(transport, S3Transport) or not left:
        return Redelivery(0, interval)
    try:
        transport.probe()
    except TransportError as e:
        log.warning("%d files wait for the storage: %s", left, e)
        return Redelivery(left, None)
    if everything:
        with writing(session):
            session.execute(update(_Push).where(_Push.retry_at.is_not(None)).values(retry_at=None))
    is_through = _carry_due(session, site, transport)
    left = due_count(session, site)
    log.info("the storage was caught up with; %d files are left", left)
    if transport.is_paused:
        return Redelivery(left, None)
    return Redelivery(left, _seconds_to_next_try(session, interval) if is_through else 0.0)


def _carry_due(session: Session, site: Site, transport: S3Transport) -> bool:
    """Whether all that is due was tried in the time of one turn."""
    end, last = time.monotonic() + _TURN_SECONDS, 0
    while ids := session.scalars(_due_devices(last)).all():
        last = ids[-1]
        session.commit()
        push_to_storage(session, site, ids, Haste.PATIENT, lambda: not transport.is_paused and time.monotonic() < end)
        if transport.is_paused:
            return True
        if time.monotonic() > end:
            return False
    while push_removals(session, site, Haste.PATIENT) and not transport.is_paused:
        if time.monotonic() > end:
            return False
    return True


def _seconds_to_next_try(session: Session, interval: float) -> float:
    earliest = session.scalar(select(func.min(_Push.retry_at)).where(_Push.error != ""))
    return min(interval, max(1.0, (earliest - utc_now()).total_seconds())) if earliest else interval


def deliver_again(session: Session, site: Site, mac: str, by: Actor) -> tuple[str, ...]:
    """Carry the files of one device as they lie here, now: by a script all of them, to the storage those that wait.

    What did not work, in sentences. Raises NotAllowed or NotFound.
    """
    device = read_device(session, mac)
    if device is None:
        raise NotFound("There is no such device.")
    by.check(Right.PROVISION, device.tenant.id)
    with writing(session):
        record_change(session, by, "deliver again", "device", mac, tenant_id=device.tenant.id)
    return push_devices(session, site, [device], Haste.AT_ONCE).get(device.id, ())


def retry_now(session: Session, by: Actor) -> None:
    """Let the worker try everything at once; raises NotAllowed. It happens as soon as a worker runs."""
    by.check(Right.SEE_SYSTEM)
    with writing(session):
        bump(session, RETRY_NOW)
        record_change(session, by, "retry", "delivery", "Files that wait for the storage")


def due_count(session: Session, site: Site) -> int:
    """How many objects still have to be put or removed; 0 where no storage is in use."""
    if not isinstance(site.transport, S3Transport):
        return 0
    own = session.scalar(select(func.count()).select_from(_own_due().subquery())) or 0
    shared = session.scalar(select(func.count()).select_from(_shared_due().subquery())) or 0
    gone = select(func.count()).select_from(_Push).where(_Push.state == PushState.WITHDRAWN)
    return own + shared + (session.scalar(gone) or 0)


def outbox(session: Session, site: Site) -> Outbox:
    """What still has to go, for people to see."""
    count = due_count(session, site)
    if not count:
        return Outbox(0)
    failing = select(func.min(_Push.failing_since)).where(_Push.error != "")
    latest = select(_Push.error).where(_Push.error != "").order_by(_Push.at.desc()).limit(1)
    return Outbox(count, session.scalar(failing), session.scalar(latest) or "")


def _own_due() -> Select[Any]:
    same = and_(_Push.device_id == _File.device_id, _Push.segment == _File.segment, _Push.path == _File.path)
    return _due(select(_File.id, _File.device_id).outerjoin(_Push, same)).where(_File.device_id.is_not(None))


def _shared_due() -> Select[Any]:
    same = and_(_Push.device_id.is_(None), _Push.segment == _File.segment, _Push.path == _File.path)
    return _due(select(_File.id, _File.segment).outerjoin(_Push, same)).where(_File.device_id.is_(None))


def _due(joined: Any) -> Select[Any]:
    """Files of External mode alone have a segment."""
    differs = or_(_Push.id.is_(None), _Push.state != PushState.OK, _Push.sha256 != _File.sha256)
    due: Select[Any] = joined.where(_File.segment != "", differs)
    return due


def _due_devices(after: int) -> Select[Any]:
    """The next devices with due files, and one for each folder whose shared files are due."""
    owners, folders = _own_due().where(may_be_tried()).subquery(), _shared_due().where(may_be_tried()).subquery()
    one_each = (
        select(func.min(_File.device_id))
        .where(_File.device_id.is_not(None), _File.segment.in_(select(folders.c.segment)))
        .group_by(_File.segment)
    )
    chosen = or_(Device.id.in_(select(owners.c.device_id)), Device.id.in_(one_each))
    query = select(Device.id).where(Device.id > after, Device.enabled, chosen)
    return query.order_by(Device.id).limit(_DEVICES_A_STEP)
