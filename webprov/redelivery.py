"""What has not reached the storage is tried again by the worker until it has (spec 6; security TR-11).

Due is whatever the records of rendered files and of pushes disagree about: a push that failed, one that a crash
swallowed, all files after a change of the bucket, objects of files that are gone. So nothing can be forgotten.
"""

import logging
from typing import Any

from sqlalchemy import Select, and_, func, or_, select
from sqlalchemy.orm import Session

from webprov.delivery.pushes import FileTransport
from webprov.delivery.script import ScriptTransport
from webprov.enums import PushState
from webprov.errors import TransportError
from webprov.pushing import push_devices, push_removals
from webprov.site import Site, SiteLoader
from webprov.store.devicedata import read_devices
from webprov.store.instance import Instance
from webprov.store.leases import Lease
from webprov.store.models import Device, PushRecord, RenderedFileRecord
from webprov.worker import Duty

log = logging.getLogger(__name__)

_DEVICES_A_STEP = 50
_File, _Push = RenderedFileRecord, PushRecord


def pushes_duty(instance: Instance) -> Duty:
    """Look each `WEBPROV_RETRY_INTERVAL` whether anything is due and the storage answers; then all of it goes."""
    loader = SiteLoader(instance.config)

    def turn(session: Session, lease: Lease) -> float:  # noqa: ARG001 - pushes of two workers come to the same
        redeliver(session, loader.load(session))
        return float(instance.config.retry_interval_seconds)

    return Duty("pushes", turn)


def redeliver(session: Session, site: Site) -> int:
    """Carry what is due, unless the storage still refuses a probe or fails throughout; how much is left."""
    transport = _storage(site)
    left = due_count(session, site)
    session.commit()
    if transport is None or not left:
        return 0
    try:
        transport.probe()
    except TransportError as e:
        log.warning("%d files wait for the storage: %s", left, e)
        return left
    last = 0
    while ids := session.scalars(_due_devices(last)).all():
        last = ids[-1]
        devices = [device for device in read_devices(session, Device.id.in_(ids)) if device.enabled]
        session.commit()
        errors = push_devices(session, site, devices)
        if errors and len(errors) == len(devices):
            break
    push_removals(session, site)
    left = due_count(session, site)
    log.info("the storage was caught up with; %d files are left", left)
    return left


def due_count(session: Session, site: Site) -> int:
    """How many objects still have to be put or removed; 0 where no storage is in use."""
    if _storage(site) is None:
        return 0
    own = session.scalar(select(func.count()).select_from(_own_due().subquery())) or 0
    shared = session.scalar(select(func.count()).select_from(_shared_due().subquery())) or 0
    gone = select(func.count()).select_from(_Push).where(_Push.state == PushState.WITHDRAWN)
    return own + shared + (session.scalar(gone) or 0)


def latest_failure(session: Session) -> str:
    """The sentence of the push that failed last; empty where none did."""
    query = select(_Push.error).where(_Push.error != "").order_by(_Push.at.desc()).limit(1)
    return session.scalar(query) or ""


def _storage(site: Site) -> FileTransport | None:
    """Scripts are not repeated by themselves (spec 6)."""
    return None if isinstance(site.transport, ScriptTransport) else site.transport


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
    own = _own_due().subquery()
    shared = _shared_due().subquery()
    one_each = (
        select(func.min(_File.device_id))
        .where(_File.device_id.is_not(None), _File.segment.in_(select(shared.c.segment)))
        .group_by(_File.segment)
    )
    chosen = or_(Device.id.in_(select(own.c.device_id)), Device.id.in_(one_each))
    return select(Device.id).where(Device.id > after, chosen).order_by(Device.id).limit(_DEVICES_A_STEP)
