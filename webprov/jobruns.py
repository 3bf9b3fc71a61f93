"""Running background jobs: one batch at a time, so that each kill, cancel or error costs one batch at most.

Batches of the jobs under way take turns, so a small job never waits for a large one. Done items are behind the job's
counters, which are stored under the lease's fence: two runners never count one item twice (security BG-01).
"""

import logging
import time
from collections.abc import Sequence
from typing import Any

from sqlalchemy import bindparam, select, update
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from webprov.enums import ItemOutcome, JobState
from webprov.errors import WebprovError
from webprov.followups import programs_per_device
from webprov.jobs import JOBS_DUTY, PROVISION, UNDER_WAY, end_job
from webprov.mac import format_mac
from webprov.phones.modelkeys import MOST_COMMANDS
from webprov.provisioning import ProvisionResult, provision_devices
from webprov.site import SiteLoader
from webprov.store.database import writing
from webprov.store.devicedata import BATCH
from webprov.store.instance import Instance
from webprov.store.jobrecords import JobItem, JobRecord
from webprov.store.leases import Lease, LeaseLost
from webprov.store.models import Device, utc_now
from webprov.store.watch import CounterWatch
from webprov.worker import Duty

log = logging.getLogger(__name__)

_FIRST_BATCH = 8
_BATCH_SECONDS = 5
_RUNS_IN_A_TURN = MOST_COMMANDS + 1
"""Programs one after the other, the transport's script with the commands of a model, each for at most 65 s: even if all
hang, a batch ends before its turn must."""
_ITEMS: Any = JobItem.__table__
_LISTEN_SECONDS = 1.0
_LOOK_SECONDS = 5.0


def jobs_duty(instance: Instance, loader: SiteLoader) -> Duty:
    """Runs jobs as soon as the counter `jobs` grows, and looks for them every few seconds all the same."""
    watch = CounterWatch(instance.engine)
    seen, look_at = -1, 0.0

    def turn(session: Session, lease: Lease) -> float:
        nonlocal seen, look_at
        count = watch.counts().get("jobs", 0)
        if count == seen and time.monotonic() < look_at:
            return _LISTEN_SECONDS
        if run_next_batch(session, loader, lease):
            return 0
        seen, look_at = count, time.monotonic() + _LOOK_SECONDS
        return _LISTEN_SECONDS

    return Duty(JOBS_DUTY, turn)


def run_next_batch(session: Session, loader: SiteLoader, lease: Lease) -> bool:
    """Take the next batch of the job that has waited longest; whether there was one.

    An error of a job as a whole ends that job with a sentence. Raises LeaseLost where another runner has taken over,
    DBAPIError while the database cannot be used: the job then goes on later.
    """
    waited = JobRecord.heartbeat_at.asc().nulls_first()
    query = select(JobRecord).where(JobRecord.kind == PROVISION, JobRecord.state.in_(UNDER_WAY))
    job = session.scalar(query.order_by(waited, JobRecord.id).limit(1))
    if job is None:
        return False
    number = job.id
    try:
        _run_batch(session, loader, lease, job)
    except (LeaseLost, DBAPIError):
        raise
    except Exception as e:  # the one place: whatever a job runs into ends that job, not the worker (BG-04)
        log.exception("job %d failed", number)
        session.rollback()
        with writing(session):
            lease.fence(session)
            failed = session.get(JobRecord, number)  # it may have gone, with its tenant
            if failed:
                end_job(session, failed, JobState.FAILED, _sentence(e))
    return True


def _run_batch(session: Session, loader: SiteLoader, lease: Lease, job: JobRecord) -> None:
    site = loader.load(session)
    items = _next_items(session, job, batch_size(programs_per_device(site)))
    with writing(session):
        lease.fence(session)
        if end := _end_state(job):
            end_job(session, job, end)
            return
        _begin(job, lease, items)
    ids = [item.device_id for item in items if item.device_id is not None]
    results = provision_devices(session, site, ids)
    with writing(session):
        lease.fence(session)
        _note(session, job, items, {result.mac: result for result in results})
        if end := _end_state(job):
            end_job(session, job, end)


def _end_state(job: JobRecord) -> JobState | None:
    """How the job ends now; None when it goes on."""
    if job.processed >= job.total:
        return JobState.DONE
    return JobState.CANCELLED if job.cancel_requested else None


def _next_items(session: Session, job: JobRecord, most: int) -> Sequence[Any]:
    """What comes next, with position, device_id, mac and label."""
    columns = (JobItem.position, JobItem.device_id, Device.mac, Device.label)
    query = select(*columns).outerjoin(Device, Device.id == JobItem.device_id)
    left = query.where(JobItem.job_id == job.id, JobItem.position >= job.processed)
    return session.execute(left.order_by(JobItem.position).limit(_batch_size(job, most))).all()


def _batch_size(job: JobRecord, most: int) -> int:
    """Small at first, so that the first numbers come at once; later what takes a few seconds at the pace so far."""
    wanted = min(most, max(_FIRST_BATCH, job.processed))
    if not job.processed or not job.started_at or not job.heartbeat_at:
        return wanted
    seconds_each = (job.heartbeat_at - job.started_at).total_seconds() / job.processed
    return max(1, min(wanted, int(_BATCH_SECONDS / seconds_each))) if seconds_each > 0 else wanted


def _begin(job: JobRecord, lease: Lease, items: Sequence[Any]) -> None:
    if job.state == JobState.RUNNING and job.runner != lease.owner:
        job.interruptions += 1
        log.warning("job %d goes on after %d of %d, its runner had gone", job.id, job.processed, job.total)
    now = utc_now()
    job.state, job.runner, job.heartbeat_at = JobState.RUNNING.value, lease.owner, now
    job.started_at = job.started_at or now
    job.current = next((item.label or format_mac(item.mac) for item in items if item.mac), "")


def _note(session: Session, job: JobRecord, items: Sequence[Any], results: dict[str, ProvisionResult]) -> None:
    rows = []
    for item in items:
        result = results.get(item.mac)
        outcome = ItemOutcome.SKIPPED if result is None else ItemOutcome.FAILED if result.error else ItemOutcome.DONE
        error = result.error if result else ""
        rows.append({"b_position": item.position, "b_outcome": outcome.value, "b_error": error})
    chosen = (_ITEMS.c.job_id == job.id) & (_ITEMS.c.position == bindparam("b_position"))
    statement = update(_ITEMS).where(chosen).values(outcome=bindparam("b_outcome"), error=bindparam("b_error"))
    session.connection().execute(statement, rows)
    outcomes = [row["b_outcome"] for row in rows]
    job.done += outcomes.count(ItemOutcome.DONE.value)
    job.failed += outcomes.count(ItemOutcome.FAILED.value)
    job.skipped += outcomes.count(ItemOutcome.SKIPPED.value)
    job.heartbeat_at = utc_now()


def _sentence(error: Exception) -> str:
    if isinstance(error, WebprovError):
        return str(error)
    return "Something went wrong here; the log of the worker says what. Start it again for the devices that are left."


def batch_size(programs: int) -> int:
    """How many devices a batch takes when so many programs run for each, two devices at once."""
    return max(1, 2 * (_RUNS_IN_A_TURN // programs)) if programs else BATCH
