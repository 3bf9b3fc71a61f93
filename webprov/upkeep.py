"""Does disk hold what the records say? Looked at when the worker starts, put right without a button (spec 5, FS-03).

A crash between writing files and storing their records, a lost disk cache or a stray hand: every device whose files
differ from what was recorded is provisioned again by a job that everybody can see; contact directories are made anew.
What a full or failing disk refused is tried again by itself.
"""

import logging
import time
from collections.abc import Iterator, Sequence
from hashlib import sha256
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from webprov.directories import mark_damaged
from webprov.enums import ItemOutcome
from webprov.errors import StorageError
from webprov.filerecords import disk_name
from webprov.jobs import UNDER_WAY, start_provision_job
from webprov.phones.modelkeys import model_segment
from webprov.rights import SERVICE
from webprov.site import Site, SiteLoader
from webprov.store.database import writing
from webprov.store.jobrecords import JobItem, JobRecord
from webprov.store.leases import Lease
from webprov.store.models import Device, RenderedFileRecord, Tenant
from webprov.worker import Duty, Rest

log = logging.getLogger(__name__)

_CHUNK = 2_000
_SWEEP_SECONDS = 3_600.0
_LOOK_SECONDS = 60.0
_COLUMNS = [
    getattr(RenderedFileRecord, name) for name in ("id", "device_id", "segment", "path", "path_key", "sha256", "size")
]


def files_duty(loader: SiteLoader) -> Duty:
    """Once: compare all files with their records and start the job that puts them right. Hourly: sweep leftovers.
    Each minute: try again what the disk refused."""
    is_checked, sweep_at, retries = False, 0.0, Retries()

    def turn(session: Session, lease: Lease) -> Rest:
        nonlocal is_checked, sweep_at
        site = loader.load(session)
        retries.start_due(session, site)
        if time.monotonic() < sweep_at:
            return Rest(_LOOK_SECONDS, None)
        swept = sweep_leftovers(session, site)
        if swept:
            log.info("%d temporary files that a crash left are gone", swept)
        if not is_checked:
            repair_files(session, site, lease)
            is_checked = True
        sweep_at = time.monotonic() + _SWEEP_SECONDS
        return Rest(_LOOK_SECONDS, _SWEEP_SECONDS)

    return Duty("files", turn)


class Retries:
    """Devices whose files the disk refused are provisioned again once it takes files (security FS-07): within a minute,
    later and later where that was in vain."""

    def __init__(self) -> None:
        self._pause, self._next_at = _LOOK_SECONDS, 0.0

    def start_due(self, session: Session, site: Site) -> None:
        """Start the job for them, if it is time."""
        refused = set(session.scalars(select(Device.id).where(Device.disk_refused, Device.enabled)))
        if not refused:
            self._pause = _LOOK_SECONDS
            return
        ids = refused - _taken_care_of(session)
        if not ids or time.monotonic() < self._next_at or not site.files.takes_files():
            return
        log.info("The disk takes files again: %d devices are provisioned", len(ids))
        start_provision_job(session, SERVICE, sorted(ids), "Write what the disk refused")
        self._next_at = time.monotonic() + self._pause
        self._pause = min(2 * self._pause, _SWEEP_SECONDS)


def sweep_leftovers(session: Session, site: Site) -> int:
    """Remove what crashes left; how many files there were. On SQLite all of it: its write lock keeps writers away."""
    with writing(session):
        return site.files.sweep(nobody_writes=session.get_bind().dialect.name == "sqlite")


def repair_files(session: Session, site: Site, lease: Lease) -> int:
    """Start a job for the devices whose files are not what was recorded; how many there are."""
    suspects = [row.id for row in _differing(session, site, lease)]
    with writing(session):  # nobody provisions now: what still differs is wrong, not under way
        rows = [row for chunk in _chunks(suspects) for row in _rows(session, RenderedFileRecord.id.in_(chunk))]
        wrong = [row for row in rows if _differs(site, row)]
        ids = {row.device_id for row in wrong if row.device_id} - _taken_care_of(session)
        ids |= _users_of_shared(session, site, [row for row in wrong if row.device_id is None])
        mark_damaged(session, [row.path for row in wrong if row.device_id is None])
    if ids:
        log.warning("%d files differ from their records: %d devices are provisioned again", len(wrong), len(ids))
        start_provision_job(session, SERVICE, sorted(ids), "Put right files that differ from their records")
    return len(ids)


def _differing(session: Session, site: Site, lease: Lease) -> Iterator[Any]:
    last = 0
    while rows := _rows(session, RenderedFileRecord.id > last):
        yield from (row for row in rows if _differs(site, row))
        last = rows[-1].id
        with writing(session):
            lease.fence(session)


def _rows(session: Session, condition: Any) -> Sequence[Any]:
    query = select(*_COLUMNS).where(condition).order_by(RenderedFileRecord.id)
    return session.execute(query.limit(_CHUNK)).all()


def _chunks(ids: Sequence[int]) -> Iterator[Sequence[int]]:
    return (ids[start : start + _CHUNK] for start in range(0, len(ids), _CHUNK))


def _differs(site: Site, row: Any) -> bool:
    try:
        content = site.files.read(disk_name(row.segment, row.path))
    except StorageError:
        return True
    return content is None or len(content) != row.size or sha256(content).hexdigest() != row.sha256


def _taken_care_of(session: Session) -> set[int]:
    """Devices that a job under way will provision anyway."""
    query = select(JobItem.device_id).join(JobRecord, JobRecord.id == JobItem.job_id)
    waiting = query.where(JobRecord.state.in_(UNDER_WAY), JobItem.outcome == ItemOutcome.WAITING.value)
    return {number for number in session.scalars(waiting) if number is not None}


def _users_of_shared(session: Session, site: Site, rows: Sequence[Any]) -> set[int]:
    """For each shared file one device whose provisioning writes it."""
    wanted = {(row.segment, row.path_key) for row in rows}
    found: dict[tuple[str, str], int] = {}
    devices = select(Device.id, Device.model, Tenant.name).join(Tenant).where(Device.enabled)
    for number, key, tenant in session.execute(devices.order_by(Device.id)) if wanted else ():
        model = site.catalog.model(key, tenant)
        segment = model_segment(key) if site.settings.mode == "external" else ""
        for rule in model.shared if model else ():
            found.setdefault((segment, rule.output.casefold()), number)
    return {found[name] for name in wanted & found.keys()}
