"""Background jobs as people meet them: started, looked at, cancelled (spec 5, "in bulk as a job").

The rows are the truth, and the worker finds work by asking them (`webprov.jobruns`); a nudge only makes it look
at once.
"""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Any

from sqlalchemy import ColumnElement, delete, func, insert, select
from sqlalchemy.orm import Session

from webprov.audit import record_change
from webprov.enums import ItemOutcome, JobState
from webprov.errors import Conflict, InvalidValue, NotFound
from webprov.nudges import nudge
from webprov.rights import Actor, Right
from webprov.store.database import bump, writing
from webprov.store.devicedata import BATCH
from webprov.store.importrecords import ImportRecord
from webprov.store.jobrecords import JobItem, JobRecord
from webprov.store.models import Device, utc_now

log = logging.getLogger(__name__)

PROVISION = "provision"
IMPORT_DEVICES = "import devices"
IMPORT_CONTACTS = "import contacts"
IMPORTS = (IMPORT_DEVICES, IMPORT_CONTACTS)
RIGHTS = {
    PROVISION: Right.PROVISION,
    IMPORT_DEVICES: Right.EDIT_DEVICES,
    IMPORT_CONTACTS: Right.EDIT_CONTACTS,
}
"""What a person needs to start or cancel a job of each kind."""
JOBS_DUTY = "jobs"
UNDER_WAY = (JobState.WAITING.value, JobState.RUNNING.value)
KEPT_DAYS = 30
"""Jobs that ended longer ago are forgotten when a new one starts."""


class SameJob(Conflict):
    """The same is being done already, by the job `job_id`."""

    def __init__(self, job_id: int) -> None:
        super().__init__(f"Job {job_id} does this already. Wait for it, or cancel it first.")
        self.job_id = job_id


@dataclass(frozen=True, slots=True)
class Failure:
    """One device that a job could not provision, and why."""

    mac: str
    label: str
    error: str


def start_provision_job(session: Session, by: Actor, ids: Sequence[int], title: str) -> JobRecord:
    """Provision these devices in the background; the job, committed. Which devices it takes is fixed now.

    Raises InvalidValue for no device, NotFound where one belongs to a tenant that `by` does not see, SameJob where a
    job for just these devices is under way.
    """
    tenants = _tenants_by_device(session, ids)
    for tenant_id in set(tenants.values()):
        by.check(Right.PROVISION, tenant_id)
    if not tenants:
        raise InvalidValue("There is no device to provision.")
    owners = set(tenants.values())
    job = JobRecord(
        kind=PROVISION,
        title=title,
        asked_by=by.name,
        tenant_id=owners.pop() if len(owners) == 1 else None,
        fingerprint=_fingerprint(PROVISION, tenants),
        total=len(tenants),
    )
    with writing(session):
        enter_job(session, job)
        _add_items(session, job, list(tenants))
        record_change(session, by, PROVISION, "job", title, tenant_id=job.tenant_id)
        bump(session, "jobs")
    nudge(session, JOBS_DUTY)
    return job


def cancel_job(session: Session, by: Actor, job_id: int) -> JobRecord:
    """Stop after the batch under way; what was provisioned stays so. Nothing happens to a job that has ended."""
    with writing(session):
        job = find_job(session, by, job_id)
        by.check(RIGHTS[job.kind], job.tenant_id)
        if job.state in UNDER_WAY and not job.cancel_requested:
            job.cancel_requested = True
            if job.state == JobState.WAITING:
                job.state, job.finished_at = JobState.CANCELLED.value, utc_now()
            record_change(session, by, "cancel", "job", job.title, tenant_id=job.tenant_id)
            bump(session, "jobs")
    return job


def enter_job(session: Session, job: JobRecord) -> None:
    """Add a job that waits for the worker, inside the transaction under way; raises SameJob."""
    _refuse_same(session, job)
    _forget_old(session)
    job.state = JobState.WAITING.value
    session.add(job)
    session.flush()


def end_job(session: Session, job: JobRecord, state: JobState, error: str = "") -> None:
    """End a job, inside the transaction that stores the last of what it did."""
    job.state, job.error, job.current, job.finished_at = state.value, error, "", utc_now()
    bump(session, "jobs")
    log.info("job %d is %s: %d of %d done, %d failed", job.id, state, job.done, job.total, job.failed)


def find_job(session: Session, by: Actor, job_id: int) -> JobRecord:
    """The job of that number; raises NotFound, also for one of which `by` may not know."""
    job = session.get(JobRecord, job_id)
    if job is None or (by.tenant_id is not None and job.tenant_id != by.tenant_id):
        raise NotFound("There is no such job.")
    return job


def list_jobs(session: Session, *where: ColumnElement[bool], offset: int = 0, limit: int = 50) -> list[JobRecord]:
    """The jobs that fit, latest first."""
    query = select(JobRecord).where(*where).order_by(JobRecord.id.desc())
    return list(session.scalars(query.limit(limit).offset(offset)))


def count_jobs(session: Session, *where: ColumnElement[bool]) -> int:
    """How many jobs fit."""
    return session.scalar(select(func.count()).select_from(JobRecord).where(*where)) or 0


def jobs_under_way(session: Session, *where: ColumnElement[bool]) -> int:
    """How many jobs wait or run."""
    return count_jobs(session, JobRecord.state.in_(UNDER_WAY), *where)


@dataclass(frozen=True, slots=True)
class KindState:
    """How the jobs of one kind fare: how many are under way and how far those are together, and how the last ended."""

    under_way: int
    processed: int
    total: int
    succeeded_at: datetime | None
    failed_at: datetime | None
    seconds: float | None
    has_failed: bool


def kind_states(session: Session) -> dict[str, KindState]:
    """Every kind of which there are jobs. Those that were cancelled neither succeeded nor failed."""
    kinds = session.scalars(select(JobRecord.kind).distinct().order_by(JobRecord.kind))
    return {kind: _kind_state(session, kind) for kind in kinds.all()}


def _kind_state(session: Session, kind: str) -> KindState:
    jobs = list_jobs(session, JobRecord.kind == kind, JobRecord.state.in_(UNDER_WAY))
    read = select(func.coalesce(func.sum(ImportRecord.rows_read), 0))
    rows = session.scalar(read.where(ImportRecord.job_id.in_([job.id for job in jobs]))) or 0
    done, failed = (_last_ended(session, kind, state) for state in (JobState.DONE, JobState.FAILED))
    has_failed = failed is not None and (done is None or failed.id > done.id)
    last = failed if has_failed else done
    began, ended = (last.started_at, last.finished_at) if last else (None, None)
    return KindState(
        under_way=len(jobs),
        processed=rows + sum(job.processed for job in jobs),
        total=sum(job.total for job in jobs),
        succeeded_at=done.finished_at if done else None,
        failed_at=failed.finished_at if failed else None,
        seconds=(ended - began).total_seconds() if began and ended else None,
        has_failed=has_failed,
    )


def _last_ended(session: Session, kind: str, state: JobState) -> JobRecord | None:
    found = list_jobs(session, JobRecord.kind == kind, JobRecord.state == state.value, limit=1)
    return found[0] if found else None


def failures_of(session: Session, job: JobRecord, limit: int = 100) -> list[Failure]:
    """What failed, in the order it was tried. Devices that are gone by now are left out."""
    query = select(Device.mac, Device.label, JobItem.error).join(JobItem, JobItem.device_id == Device.id)
    failed = query.where(JobItem.job_id == job.id, JobItem.outcome == ItemOutcome.FAILED.value)
    return [Failure(*row) for row in session.execute(failed.order_by(JobItem.position).limit(limit))]


def ids_with_outcome(session: Session, job: JobRecord, outcome: ItemOutcome) -> list[int]:
    """The devices of a job that ended so, as far as they still exist."""
    query = select(JobItem.device_id).where(JobItem.job_id == job.id, JobItem.outcome == outcome.value)
    found = session.scalars(query.where(JobItem.device_id.is_not(None)).order_by(JobItem.position))
    return [number for number in found if number is not None]


def _tenants_by_device(session: Session, ids: Sequence[int]) -> dict[int, int]:
    """The tenant of each device that exists, in the order of ids."""
    found: dict[int, int] = {}
    wanted = sorted(set(ids))
    for start in range(0, len(wanted), BATCH):
        chosen = Device.id.in_(wanted[start : start + BATCH])
        rows = session.execute(select(Device.id, Device.tenant_id).where(chosen).order_by(Device.id))
        found |= {row.id: row.tenant_id for row in rows}
    return found


def _fingerprint(kind: str, ids: Any) -> str:
    return sha256(f"{kind} {','.join(map(str, ids))}".encode()).hexdigest()


def _refuse_same(session: Session, job: JobRecord) -> None:
    same = JobRecord.fingerprint == job.fingerprint, JobRecord.state.in_(UNDER_WAY)
    running = session.scalar(select(JobRecord.id).where(*same, JobRecord.cancel_requested.is_(False)).limit(1))
    if running is not None:
        raise SameJob(running)


def _forget_old(session: Session) -> None:
    limit = utc_now() - timedelta(days=KEPT_DAYS)
    old = list(session.scalars(select(JobRecord.id).where(JobRecord.finished_at < limit)))
    session.execute(delete(JobRecord).where(JobRecord.id.in_(old)))


def _add_items(session: Session, job: JobRecord, ids: Sequence[int]) -> None:
    rows = [
        {"job_id": job.id, "position": position, "device_id": number, "outcome": "waiting", "error": ""}
        for position, number in enumerate(ids)
    ]
    session.connection().execute(insert(JobItem.__table__), rows)  # type: ignore[arg-type]
