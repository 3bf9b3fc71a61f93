"""Running syncs: what has changed since the last success goes to the bucket, directory by directory (spec 7)."""

import logging
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

from sqlalchemy import select
from sqlalchemy.orm import Session

from webprov.delivery.assets import (
    TOP,
    SyncKind,
)
from webprov.delivery.rclone import LIMIT_SECONDS, Progress, Rclone, Stopped
from webprov.enums import JobState
from webprov.errors import StorageError, TransportError
from webprov.rights import SERVICE
from webprov.site import Site, SiteLoader
from webprov.store.database import writing
from webprov.store.instance import Instance
from webprov.store.leases import Lease
from webprov.store.models import utc_now
from webprov.store.syncrecords import SyncRun, SyncTarget
from webprov.syncdue import DueSync, due_syncs
from webprov.syncs import DUTIES, EVERYTHING, latest_run, targets_of, uses_storage
from webprov.worker import Duty, Rest, TurnFailed

log = logging.getLogger(__name__)

_LOOK_SECONDS = 5.0
_MARGIN_SECONDS = 600.0


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a pass came to: sentences about directories that did not work."""

    errors: tuple[str, ...] = ()
    was_stopped: bool = False


def sync_duty(instance: Instance, loader: SiteLoader, kind: SyncKind) -> Duty:
    """Contacts: whatever has changed goes at once. Assets: hourly (`WEBPROV_ASSETS_INTERVAL`). Both: when asked for."""
    config, stop = instance.config, threading.Event()
    interval = float(config.assets_interval_seconds) if kind is SyncKind.ASSETS else 0.0
    due_at = 0.0

    def turn(session: Session, lease: Lease) -> Rest:
        nonlocal due_at
        run = _asked_for(session, kind, lease)
        if run is None and time.monotonic() < due_at:
            return Rest(_LOOK_SECONDS, None)
        outcome = sync_now(session, loader.load(session), lease, kind, run, stop)
        wait = float(config.retry_interval_seconds) if outcome.errors or outcome.was_stopped else interval
        due_at = time.monotonic() + wait
        rest = Rest(_LOOK_SECONDS, wait or _LOOK_SECONDS)
        if outcome.errors:
            raise TurnFailed(" ".join(outcome.errors[:3]), rest)
        return rest

    return Duty(DUTIES[kind], turn, longest_seconds=LIMIT_SECONDS + _MARGIN_SECONDS, interrupt=stop.set)


def _asked_for(session: Session, kind: SyncKind, lease: Lease) -> SyncRun | None:
    """The run that waits, or one whose runner has gone."""
    run = latest_run(session, kind)
    is_left = run is not None and run.state == JobState.RUNNING and run.runner != lease.owner
    return run if run is not None and (run.state == JobState.WAITING or is_left) else None


def sync_now(
    session: Session, site: Site, lease: Lease, kind: SyncKind, run: SyncRun | None, stop: threading.Event
) -> Outcome:
    """One pass: what has changed, or for a `run` that was asked for everything. No process is started without need.

    Raises LeaseLost where another process has taken over, DBAPIError while the database cannot be used.
    """
    if not uses_storage(site.settings):
        if run:
            _end(session, lease, run, JobState.FAILED, "There is no storage to sync to any more.")
        return Outcome()
    forced = run.forced.split("\n") if run else []
    try:
        dues = due_syncs(session, site, kind, everything=run is not None and run.asked_by != SERVICE.name)
    except StorageError as e:
        if run:
            _end(session, lease, run, JobState.FAILED, str(e))
        return Outcome((str(e),))
    wanted = [due for due in dues if not due.refusal or due.source.path in forced or EVERYTHING in forced]
    refused = _note_refusals(session, lease, kind, [due for due in dues if due not in wanted])
    session.commit()
    if not wanted and run is None:
        return Outcome(refused)
    run = run or _begun_by_itself(session, kind)
    return _Pass(session, site, lease, kind, run, stop).carry(wanted, refused)


def _note_refusals(session: Session, lease: Lease, kind: SyncKind, refused: Sequence[DueSync]) -> tuple[str, ...]:
    """Let everybody see which directories wait for a person; those that are well again no longer do."""
    sentences = {due.source.path: due.refusal for due in refused}
    noted = select(SyncTarget.path).where(SyncTarget.kind == kind, SyncTarget.needs_confirmation)
    if not sentences and session.scalars(noted.limit(1)).first() is None:
        return ()
    changed = [
        target
        for target in targets_of(session, kind)
        if target.needs_confirmation != (target.path in sentences)
        or (target.needs_confirmation and target.error != sentences[target.path])
    ]
    if changed:
        paths = [target.path for target in changed]
        with writing(session):
            lease.fence(session)
            for target in session.scalars(select(SyncTarget).where(SyncTarget.path.in_(paths))):
                target.needs_confirmation = target.path in sentences
                target.error = sentences.get(target.path, "")
                target.failed_at = utc_now() if target.error else target.failed_at
                log.log(logging.WARNING if target.error else logging.INFO, "sync: %s", target.error or "well again")
    return tuple(sentences.values())


def _begun_by_itself(session: Session, kind: SyncKind) -> SyncRun:
    """A new run; while the same trouble goes on, the one before is used again, so that the log stays readable."""
    with writing(session):
        last = latest_run(session, kind)
        if last and last.asked_by == SERVICE.name and last.state == JobState.FAILED:
            return last
        run = SyncRun(kind=kind, state=JobState.WAITING, asked_by=SERVICE.name)
        session.add(run)
    return run


def _end(session: Session, lease: Lease, run: SyncRun, state: JobState, error: str = "") -> None:
    with writing(session):
        lease.fence(session)
        run.state, run.error, run.current, run.finished_at = state, error, "", utc_now()
    log.info("sync of %s is %s: %d files, %d removed %s", run.kind, state, run.files, run.deleted, error)


class _Pass:
    """One run under way."""

    def __init__(
        self, session: Session, site: Site, lease: Lease, kind: SyncKind, run: SyncRun, stop: threading.Event
    ) -> None:
        self._session, self._site, self._lease, self._kind, self._run = session, site, lease, kind, run
        self._stop = stop
        self._rclone = Rclone(site.settings)
        self._before = Progress()

    def carry(self, dues: Sequence[DueSync], refused: tuple[str, ...]) -> Outcome:
        """Sync these directories; one that fails does not stop the rest, a storage that is away does."""
        errors: list[str] = []
        try:
            self._begin(len(dues))
            if dues:
                self._probe()
            for due in dues:
                errors += self._one(due)
        except TransportError as e:
            errors.append(str(e))
            self._note_failures(dues, str(e))
        except Stopped:
            if self._run.cancel_requested:
                _end(self._session, self._lease, self._run, JobState.CANCELLED)
            return Outcome(was_stopped=True)
        ended = JobState.FAILED if errors or refused else JobState.DONE
        _end(self._session, self._lease, self._run, ended, " ".join([*errors, *refused])[:1000])
        return Outcome((*errors, *refused))

    def _probe(self) -> None:
        """Ask the storage itself first: its answer to wrong keys or a wrong name is clearer than rclone's."""
        transport = self._site.transport
        assert transport
        transport.probe()

    def _begin(self, count: int) -> None:
        run = self._run
        with writing(self._session):
            self._lease.fence(self._session)
            if run.state == JobState.RUNNING and run.runner != self._lease.owner:
                log.warning("sync of %s begins again, its runner had gone", self._kind)
            run.state, run.runner, run.started_at, run.finished_at = (
                JobState.RUNNING,
                self._lease.owner,
                utc_now(),
                None,
            )
            run.targets, run.targets_done, run.error = count, 0, ""
        self._tell(Progress())

    def _one(self, due: DueSync) -> list[str]:
        with writing(self._session):
            self._lease.fence(self._session)
            self._run.current = due.source.path or "files at the top"
            if self._session.get(SyncTarget, due.source.path) is None:  # before the first object can lie there
                self._session.add(SyncTarget(path=due.source.path, kind=self._kind))
        try:
            self._before += self._sync(due)
        except TransportError as e:
            sentence = f"{due.source.path or 'Files at the top'}: {e}"
            self._note_failures([due], sentence)
            self._probe()  # where the storage is away as a whole, the rest need not be tried
            return [sentence]
        self._note_success(due)
        return []

    def _sync(self, due: DueSync) -> Progress:
        source, watch = due.source, partial(self._tell)
        if due.is_removal and source.path != TOP:
            return self._rclone.remove(source.path, watch)
        if source.names is not None and not source.folder.is_dir():
            raise TransportError("", f"{source.folder} is missing.")
        return self._rclone.sync(source.folder, source.path, watch, source.rules)

    def _tell(self, progress: Progress) -> None:
        """Store how far it is; raises Stopped where somebody cancels or the worker has to end."""
        run, now = self._run, self._before + progress
        with writing(self._session):
            self._lease.fence(self._session)
            run.files, run.files_total, run.deleted = now.files, max(now.files, now.files_total), now.deleted
            run.size, run.size_total = now.size, max(now.size, now.size_total)
        if run.cancel_requested or self._stop.is_set():
            raise Stopped

    def _note_success(self, due: DueSync) -> None:
        with writing(self._session):
            self._lease.fence(self._session)
            self._run.targets_done += 1
            target = self._session.get(SyncTarget, due.source.path)
            if target is None:
                return
            if due.is_removal:
                self._session.delete(target)
                return
            target.fingerprint, target.files, target.size = due.fingerprint, due.state.files, due.state.size
            target.names = "\n".join(
                name for name in sorted(due.source.names or ()) if (due.source.folder / name).is_file()
            )
            target.synced_at, target.error = utc_now(), ""
            target.needs_confirmation = target.withdrawn = False

    def _note_failures(self, dues: Sequence[DueSync], sentence: str) -> None:
        paths = [due.source.path for due in dues]
        with writing(self._session):
            self._lease.fence(self._session)
            for target in self._session.scalars(select(SyncTarget).where(SyncTarget.path.in_(paths))):
                target.error, target.failed_at = sentence, utc_now()
