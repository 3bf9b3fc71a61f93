"""Running imports in the background: all of a file or nothing of it, however it ends (DB-02, RL-03).

The job's end is stored in the transaction that stores the rows: a worker that is killed leaves an import that begins
again, or one that is done.
"""

import json
import logging
import threading
import time
from collections.abc import Mapping
from dataclasses import asdict, astuple
from datetime import timedelta

from sqlalchemy import select
from sqlalchemy.exc import InterfaceError, OperationalError
from sqlalchemy.orm import Session

from webprov.contactimport import import_contacts
from webprov.csvtable import CsvRefused
from webprov.deviceimport import import_devices
from webprov.enums import JobState
from webprov.errors import Conflict, NotAllowed, WebprovError
from webprov.importfiles import opened, remove, sweep
from webprov.imports import IMPORTS_DUTY, KEPT_AFTER_TRIAL, needed_files
from webprov.importwatch import READING, ImportWatch
from webprov.jobs import IMPORT_CONTACTS, IMPORTS, RIGHTS, UNDER_WAY, end_job
from webprov.people import find_user
from webprov.rights import Actor
from webprov.signin import actor_for
from webprov.site import SiteLoader
from webprov.store.database import writing
from webprov.store.importrecords import ImportRecord
from webprov.store.instance import Instance
from webprov.store.jobrecords import JobRecord
from webprov.store.leases import Lease, LeaseLost
from webprov.store.models import Tenant, utc_now
from webprov.store.watch import CounterWatch
from webprov.worker import Duty

log = logging.getLogger(__name__)

WAITS_AT_MOST = timedelta(days=1)
"""Who asked for an import expects it now, not over data that others have worked on for days."""
_TRIES = 4
_TELL_SECONDS = 0.5
_LISTEN_SECONDS = 1.0
_LOOK_SECONDS = 5.0
_SWEEP_SECONDS = 60.0


class Cancelled(WebprovError):
    """Somebody broke the import off."""


class Stopped(WebprovError):
    """The worker has to end; another one begins again."""


def imports_duty(instance: Instance, loader: SiteLoader) -> Duty:
    """Runs imports as soon as the counter `jobs` grows, and deletes files that nobody will import."""
    watch, stop = CounterWatch(instance.engine), threading.Event()
    seen, look_at, sweep_at = -1, 0.0, 0.0

    def turn(session: Session, lease: Lease) -> float:
        nonlocal seen, look_at, sweep_at
        now = time.monotonic()
        if now >= sweep_at:
            sweep_imports(session, instance)
            sweep_at = now + _SWEEP_SECONDS
        count = watch.counts().get("jobs", 0)
        if count == seen and now < look_at:
            return _LISTEN_SECONDS
        if run_next_import(session, instance, loader, lease, stop):
            return 0
        seen, look_at = count, time.monotonic() + _LOOK_SECONDS
        return _LISTEN_SECONDS

    return Duty(IMPORTS_DUTY, turn, interrupt=stop.set)


def sweep_imports(session: Session, instance: Instance) -> int:
    """Delete the files of trials that nobody went on with, and what crashes left; how many there were."""
    count = sweep(instance.config, needed_files(session))
    if count:
        log.info("%d files that nobody will import any more are deleted", count)
    return count


def run_next_import(
    session: Session, instance: Instance, loader: SiteLoader, lease: Lease, stop: threading.Event | None = None
) -> bool:
    """Run the import that has waited longest; whether there was one.

    Raises LeaseLost where another runner has taken over, DBAPIError while the database cannot be used: it then begins
    again later.
    """
    query = select(JobRecord).where(JobRecord.kind.in_(IMPORTS), JobRecord.state.in_(UNDER_WAY))
    job = session.scalar(query.order_by(JobRecord.id).limit(1))
    if job is None:
        return False
    run = _Run(instance, session, lease, job, stop or threading.Event())
    try:
        run.go(loader)
    except Stopped:
        log.info("job %d begins again with the next worker", run.number)
    except (LeaseLost, OperationalError, InterfaceError):
        raise
    except Cancelled:
        run.fail(JobState.CANCELLED)
    except CsvRefused as e:
        run.fail(JobState.FAILED, _count_of(e), e)
    except WebprovError as e:
        run.fail(JobState.FAILED, str(e))
    except Exception:  # the one place: whatever an import runs into ends that import, not the worker (BG-04)
        log.exception("job %d failed", run.number)
        run.fail(JobState.FAILED, "Something went wrong here, and nothing was imported; the worker's log says what.")
    return True


class _Run(ImportWatch):
    """One try at one import, and the watch over it."""

    def __init__(
        self, instance: Instance, session: Session, lease: Lease, job: JobRecord, stop: threading.Event
    ) -> None:
        self.number = job.id
        self._instance, self._session, self._lease, self._stop = instance, session, lease, stop
        self._is_trial = False
        self._state = ""
        self._told_at = float("-inf")

    def go(self, loader: SiteLoader) -> None:
        """Try the file, or import it."""
        session, config = self._session, self._instance.config
        job, record, by = self._begin()
        site, data = loader.load(session), opened(config, record.file)
        if job.kind == IMPORT_CONTACTS:
            tenant = session.get_one(Tenant, job.tenant_id).name
            options = {"replace": record.replaces, "dry_run": self._is_trial}
            counts = asdict(import_contacts(session, data, by, tenant, watch=self, **options))
        else:
            counts = asdict(import_devices(session, site, data, by, dry_run=self._is_trial, watch=self))
        if self._is_trial:
            with writing(session):
                self._end_trial(counts)
        else:
            remove(config, record.file)
            self._forget_file()

    def tell(self, step: str, rows: int) -> None:
        """Store how far it is, now and then; raises Cancelled, Stopped."""
        if self._stop.is_set():
            raise Stopped(f"Import {self.number} was broken off.")
        if step == READING and time.monotonic() - self._told_at < _TELL_SECONDS:
            return
        with self._instance.sessions() as session, writing(session):
            self._lease.fence(session)
            job, record = _found(session, self.number)
            record.step, record.rows_read = step, rows or record.rows_read
            job.heartbeat_at = utc_now()
            is_cancelled = job.cancel_requested
        self._told_at = time.monotonic()
        if is_cancelled:
            raise Cancelled("It was cancelled.")

    def begin(self, session: Session, state: str) -> None:
        """The last moment to say no."""
        self._state = state
        job, record = _found(session, self.number)
        if record.expected not in ("", state):
            raise Conflict(
                "What the trial compared this file with was changed since, so it might do something else now. "
                "Nothing was imported; try the file again."
            )
        if not self._is_trial:
            self._lease.fence(session)
            _person(session, job, record)
            if job.cancel_requested:
                raise Cancelled("It was cancelled.")

    def end(self, session: Session, counts: Mapping[str, int]) -> None:
        """Done, in the transaction that stores it all."""
        if not self._is_trial:
            self._note_end(session, counts)

    def fail(self, state: JobState, sentence: str = "", refused: CsvRefused | None = None) -> None:
        """End it; nothing was imported. What goes wrong once all is stored is no failure of it."""
        session = self._session
        session.rollback()
        with writing(session):
            self._lease.fence(session)
            job = session.get(JobRecord, self.number)
            if job is None or job.state not in UNDER_WAY:  # it went with its tenant, or all was stored before this
                return
            record = session.get_one(ImportRecord, self.number)
            if refused:
                record.problems = json.dumps([astuple(problem) for problem in refused.problems])
                record.problem_count = refused.count
            end_job(session, job, state, sentence)
            name = record.file
        remove(self._instance.config, name)
        self._forget_file()

    def _begin(self) -> tuple[JobRecord, ImportRecord, Actor]:
        session = self._session
        with writing(session):
            self._lease.fence(session)
            job, record = _found(session, self.number)
            if job.cancel_requested:
                raise Cancelled("It was cancelled.")
            if job.state == JobState.WAITING and utc_now() - job.created_at > WAITS_AT_MOST:
                raise Conflict("No worker took it up within a day, so nothing was imported. Choose the file again.")
            self._note_try(job)
            job.state, job.runner, job.heartbeat_at = JobState.RUNNING.value, self._lease.owner, utc_now()
            job.started_at = job.started_at or utc_now()
            record.step, record.rows_read = READING, 0
        if job.interruptions >= _TRIES:
            raise Conflict(
                f"The worker went away {_TRIES} times while it imported this file, so nothing was imported. "
                "Import it in smaller parts."
            )
        self._is_trial = record.is_trial
        return job, record, _person(session, job, record)

    def _note_try(self, job: JobRecord) -> None:
        if job.state == JobState.RUNNING and job.runner != self._lease.owner:
            job.interruptions += 1
            log.warning("job %d begins again, its runner had gone", job.id)

    def _end_trial(self, counts: Mapping[str, int]) -> None:
        self._lease.fence(self._session)
        _, record = _found(self._session, self.number)
        record.state, record.file_until = self._state, utc_now() + KEPT_AFTER_TRIAL
        self._note_end(self._session, counts)

    def _note_end(self, session: Session, counts: Mapping[str, int]) -> None:
        job, record = _found(session, self.number)
        record.counts, record.step = dict(counts), ""
        job.total = job.done = counts["added"] + counts["changed"] + counts["unchanged"]
        end_job(session, job, JobState.DONE)

    def _forget_file(self) -> None:
        with writing(self._session):
            record = self._session.get(ImportRecord, self.number)
            if record:
                record.file = ""


def _found(session: Session, number: int) -> tuple[JobRecord, ImportRecord]:
    """The rows of a job; raises Cancelled where it has gone, with its tenant."""
    job, record = session.get(JobRecord, number), session.get(ImportRecord, number)
    if job is None or record is None:
        raise Cancelled("It is gone.")
    return job, record


def _person(session: Session, job: JobRecord, record: ImportRecord) -> Actor:
    """Who asked for the job, with the rights of now; raises NotAllowed."""
    user = find_user(session, job.asked_by)
    if user is not None and not user.disabled:
        actor = actor_for(user, record.address)
        same_tenant = job.kind == IMPORT_CONTACTS or actor.tenant_id == job.tenant_id
        if same_tenant and actor.may(RIGHTS[job.kind], job.tenant_id):
            return actor
    raise NotAllowed(f"{job.asked_by} may not do this any more, so nothing was imported.")


def _count_of(refused: CsvRefused) -> str:
    return f"The file has {'1 error' if refused.count == 1 else f'{refused.count:,} errors'}; nothing was imported."
