"""Syncing as people meet it: what lies in the bucket, asked for, looked at, cancelled (spec 7).

The rows are the truth, and the worker finds work by asking them (`webprov.syncruns`); a nudge only makes it look
at once.
"""

from collections.abc import Sequence
from datetime import timedelta

from sqlalchemy import ColumnElement, delete, func, select
from sqlalchemy.orm import Session

from webprov.audit import record_change
from webprov.delivery.assets import CONTACTS, SyncKind
from webprov.enums import JobState, ProvisioningMode, TransportMethod
from webprov.errors import NotFound, TransportError
from webprov.jobs import KEPT_DAYS, UNDER_WAY
from webprov.nudges import nudge
from webprov.rights import Actor, Right
from webprov.store.database import writing
from webprov.store.models import utc_now
from webprov.store.settings import ProvisioningSettings, load_settings
from webprov.store.syncrecords import SyncRun, SyncTarget

DUTIES = {SyncKind.CONTACTS: "contacts sync", SyncKind.ASSETS: "assets"}
"""Which duty of the worker sees to each kind."""
EVERYTHING = "*"


def uses_storage(settings: ProvisioningSettings) -> bool:
    """Whether there is a bucket to sync to."""
    return settings.mode is ProvisioningMode.EXTERNAL and settings.transport is TransportMethod.S3


def request_sync(session: Session, by: Actor, kind: SyncKind, *, forced: Sequence[str] = ()) -> SyncRun:
    """Sync all targets of `kind` as soon as the worker can; the run, committed. One that waits already is that run.

    `forced`: paths of targets that may lose more than half of their files, or EVERYTHING (security TR-10). Raises
    NotAllowed, and TransportError where there is no storage.
    """
    by.check(Right.SYNC)
    if not uses_storage(load_settings(session)):
        raise TransportError(
            "transport", "There is no storage to sync to. Choose External mode and S3-Compatible Storage first."
        )
    with writing(session):
        run = _latest(session, kind, SyncRun.state == JobState.WAITING)
        if run is None:
            _forget_old(session)
            run = SyncRun(kind=kind, state=JobState.WAITING, asked_by=by.name)
            session.add(run)
            record_change(session, by, "sync", "job", f"Sync {kind}")
        if forced:
            run.forced = "\n".join(forced)
            record_change(session, by, "confirm", "job", f"Sync {kind}, with fewer files: {', '.join(forced)}")
    nudge(session, DUTIES[kind])
    return run


def cancel_sync(session: Session, by: Actor, number: int) -> SyncRun:
    """Break the run off; what has been carried stays. Nothing happens to one that has ended."""
    by.check(Right.SYNC)
    with writing(session):
        run = find_run(session, number)
        if run.state in UNDER_WAY and not run.cancel_requested:
            run.cancel_requested = True
            if run.state == JobState.WAITING:
                run.state, run.finished_at = JobState.CANCELLED, utc_now()
            record_change(session, by, "cancel", "job", f"Sync {run.kind}")
    return run


def find_run(session: Session, number: int) -> SyncRun:
    """The run of that number; raises NotFound."""
    run = session.get(SyncRun, number)
    if run is None:
        raise NotFound("There is no such run.")
    return run


def latest_run(session: Session, kind: SyncKind) -> SyncRun | None:
    """The run that was begun or asked for last."""
    return _latest(session, kind)


def list_runs(session: Session, *, offset: int = 0, limit: int = 50) -> list[SyncRun]:
    """The runs of the last weeks, latest first."""
    return list(session.scalars(select(SyncRun).order_by(SyncRun.id.desc()).limit(limit).offset(offset)))


def count_runs(session: Session) -> int:
    """How many runs are kept."""
    return session.scalar(select(func.count()).select_from(SyncRun)) or 0


def runs_under_way(session: Session) -> int:
    """How many runs wait or go on."""
    return session.scalar(select(func.count()).select_from(SyncRun).where(SyncRun.state.in_(UNDER_WAY))) or 0


def targets_of(session: Session, kind: SyncKind) -> list[SyncTarget]:
    """What lies in the bucket by our hand, or should."""
    return list(session.scalars(select(SyncTarget).where(SyncTarget.kind == kind).order_by(SyncTarget.path)))


def withdraw_contacts(session: Session, tenant: str) -> None:
    """Let the objects of a tenant's contacts go; inside the transaction that deletes it. Nudge afterwards."""
    target = session.get(SyncTarget, f"{CONTACTS}/{tenant}")
    if target:
        target.withdrawn = True


def waiting_confirmations(session: Session) -> int:
    """How many directories wait for somebody to say that they may lose files."""
    return session.scalar(select(func.count()).where(SyncTarget.needs_confirmation)) or 0


def _latest(session: Session, kind: SyncKind, *where: ColumnElement[bool]) -> SyncRun | None:
    query = select(SyncRun).where(SyncRun.kind == kind, *where).order_by(SyncRun.id.desc()).limit(1)
    return session.scalars(query).first()


def _forget_old(session: Session) -> None:
    session.execute(delete(SyncRun).where(SyncRun.finished_at < utc_now() - timedelta(days=KEPT_DAYS)))
