"""Imports of large files as people meet them: started as a job, looked at, gone on with after a trial (RL-03).

What the worker does with them is in `webprov.importruns`. The same rights as for an import at once, asked again when
the job runs.
"""

import json
from collections.abc import Sequence
from datetime import timedelta
from hashlib import sha256

from sqlalchemy import select
from sqlalchemy.orm import Session

from webprov.audit import record_change
from webprov.config import Config
from webprov.contactimport import check_contact_header
from webprov.csvtable import Problem
from webprov.deviceimport import check_device_header
from webprov.errors import Conflict, NotFound
from webprov.importfiles import keep, remove
from webprov.jobs import (
    IMPORT_CONTACTS,
    IMPORT_DEVICES,
    RIGHTS,
    UNDER_WAY,
    cancel_job,
    count_jobs,
    enter_job,
    find_job,
)
from webprov.nudges import nudge
from webprov.rights import Actor
from webprov.store.database import bump, writing
from webprov.store.importrecords import ImportRecord
from webprov.store.jobrecords import JobRecord
from webprov.store.models import Tenant, utc_now

IMPORTS_DUTY = "imports"
KEPT_AFTER_TRIAL = timedelta(hours=1)
AT_ONCE_BYTES = 256 * 1024
AT_ONCE_ROWS = 2_000
MOST_OF_ONE_PERSON = 5
_TRY, _IMPORT = "Try an import of", "Import"


def is_small(data: bytes) -> bool:
    """Whether an import of this file is done before anybody would look at a progress bar: in about a second."""
    return len(data) <= AT_ONCE_BYTES and data.count(b"\n") <= AT_ONCE_ROWS


def start_import(
    session: Session,
    config: Config,
    by: Actor,
    data: bytes,
    *,
    tenant: Tenant | None = None,
    replaces: bool = False,
    is_trial: bool = False,
) -> JobRecord:
    """Import this CSV file in the background, contacts of `tenant` or, without one, devices; the job, committed.

    Raises CsvRefused for what can be told at once, NotAllowed, NotFound, StorageError, SameJob where the person's same
    file is under way, Conflict where too many of theirs are.
    """
    kind = IMPORT_CONTACTS if tenant else IMPORT_DEVICES
    by.check(RIGHTS[kind], tenant.id if tenant else None)
    check_contact_header(data) if tenant else check_device_header(data)
    given = f"{kind} {by.name} {tenant and tenant.id} {replaces} {is_trial} {sha256(data).hexdigest()}"
    job = JobRecord(
        kind=kind,
        title=_title(tenant, replaces=replaces, is_trial=is_trial),
        asked_by=by.name,
        tenant_id=tenant.id if tenant else by.tenant_id,
        fingerprint=sha256(given.encode()).hexdigest(),
        total=max(1, data.rstrip(b"\r\n").count(b"\n")),
    )
    record = ImportRecord(address=by.address, file=keep(config, data), is_trial=is_trial, replaces=replaces)
    try:
        with writing(session):
            _enter(session, by, job, record)
    except BaseException:
        remove(config, record.file)
        raise
    nudge(session, IMPORTS_DUTY)
    return job


def import_tried(session: Session, by: Actor, job_id: int) -> JobRecord:
    """Import the file of a trial that went well, if what it was compared with is still the same; the new job.

    Raises NotFound where the file is not kept any more, or the trial was somebody else's.
    """
    with writing(session):
        trial = find_job(session, by, job_id)
        tried = kept_file(session, trial, by)
        if tried is None:
            raise NotFound("The file of this trial is not kept any more. Choose it again.")
        by.check(RIGHTS[trial.kind], trial.tenant_id)
        job = JobRecord(
            kind=trial.kind,
            title=trial.title.replace(_TRY, _IMPORT),
            asked_by=by.name,
            tenant_id=trial.tenant_id,
            fingerprint=sha256(f"{trial.fingerprint} tried".encode()).hexdigest(),
            total=trial.total,
        )
        record = ImportRecord(address=by.address, file=tried.file, is_trial=False, replaces=tried.replaces)
        record.expected, tried.file, tried.file_until = tried.state, "", None
        _enter(session, by, job, record)
    nudge(session, IMPORTS_DUTY)
    return job


def discard_tried(session: Session, config: Config, by: Actor, job_id: int) -> JobRecord:
    """Delete the file of a trial now."""
    with writing(session):
        job = find_job(session, by, job_id)
        tried = kept_file(session, job, by)
        name = tried.file if tried else ""
        if tried:
            tried.file, tried.file_until = "", None
    remove(config, name)
    return job


def cancel_import(session: Session, config: Config, by: Actor, job_id: int) -> JobRecord:
    """As `cancel_job`, for any job. Of an import nothing stays; one that stores its rows already ends first."""
    job = cancel_job(session, by, job_id)
    if job.state not in UNDER_WAY:
        forget_file(session, config, job)
    return job


def forget_file(session: Session, config: Config, job: JobRecord) -> None:
    """Delete the file of a job that has ended, but for that of a trial that may be imported yet."""
    record = session.get(ImportRecord, job.id)
    if record and record.file and not record.file_until:
        name = record.file
        with writing(session):
            record.file = ""
        remove(config, name)


def find_import(session: Session, job: JobRecord) -> ImportRecord | None:
    """What belongs to a job that imports; None for any other."""
    return session.get(ImportRecord, job.id)


def kept_file(session: Session, job: JobRecord, by: Actor) -> ImportRecord | None:
    """The trial whose file `by`, who asked for it, may import still."""
    record = session.get(ImportRecord, job.id)
    is_kept = record and record.file and record.file_until and record.file_until > utc_now()
    return record if is_kept and job.asked_by == by.name else None


def problems_of(record: ImportRecord) -> Sequence[Problem]:
    """What has to change in a file that was refused: the first hundred."""
    return [Problem(*row) for row in json.loads(record.problems or "[]")]


def needed_files(session: Session) -> set[str]:
    """The names of all files that are to be imported, or may be."""
    left = JobRecord.state.in_(UNDER_WAY) | (ImportRecord.file_until > utc_now())
    query = select(ImportRecord.file).join(JobRecord, JobRecord.id == ImportRecord.job_id)
    return set(session.scalars(query.where(left, ImportRecord.file != "")))


def _enter(session: Session, by: Actor, job: JobRecord, record: ImportRecord) -> None:
    mine = JobRecord.asked_by == by.name, JobRecord.kind == job.kind, JobRecord.state.in_(UNDER_WAY)
    enter_job(session, job)
    if count_jobs(session, *mine) > MOST_OF_ONE_PERSON:
        raise Conflict(f"{MOST_OF_ONE_PERSON} imports of yours wait already. Let them end, or cancel them, first.")
    record.job_id = job.id
    session.add(record)
    record_change(session, by, "try" if record.is_trial else "start", "job", job.title, tenant_id=job.tenant_id)
    bump(session, "jobs")


def _title(tenant: Tenant | None, *, replaces: bool, is_trial: bool) -> str:
    what = f"contacts of {tenant.name}" if tenant else "devices"
    return f"{_TRY if is_trial else _IMPORT} {what}{', replacing all' if replaces else ''}"
