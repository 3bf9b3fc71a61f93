"""Sync: contacts and shared assets on their way to the storage; how it stands, now, again, stop (spec 7)."""

from dataclasses import dataclass
from datetime import datetime

from flask import Blueprint, abort, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from views.access import current_actor, requires
from views.database import db_session
from views.navigation import badge
from views.paging import PAGE_SIZE, pager
from views.partials import wants_partial
from views.site import current_site
from webprov.delivery.assets import SyncKind
from webprov.errors import TransportError
from webprov.jobs import UNDER_WAY
from webprov.rights import Right
from webprov.store.dutyrecords import DutyRecord
from webprov.store.models import utc_now
from webprov.store.settings import load_settings
from webprov.store.syncrecords import SyncRun, SyncTarget
from webprov.syncs import (
    DUTIES,
    cancel_sync,
    count_runs,
    latest_run,
    list_runs,
    request_sync,
    targets_of,
    uses_storage,
    waiting_confirmations,
)
from webprov.worker import worker_runs

bp = Blueprint("sync", __name__, url_prefix="/sync")

_STOP_POLLING = 286
_GUESS_AFTER_SECONDS = 5


@dataclass(frozen=True)
class Standing:
    """How one kind stands. `seconds_left` and `next_at` are None while nobody can tell."""

    kind: SyncKind
    run: SyncRun | None
    targets: list[SyncTarget]
    next_at: datetime | None
    has_worker: bool

    @property
    def is_under_way(self) -> bool:
        """Whether the latest run waits or goes on."""
        return self.run is not None and self.run.state in UNDER_WAY

    @property
    def synced_at(self) -> datetime | None:
        """When something was last carried or found equal."""
        return max((target.synced_at for target in self.targets if target.synced_at), default=None)

    @property
    def failing(self) -> list[SyncTarget]:
        """Directories that did not work, for a reason that passes or that is corrected elsewhere."""
        return [target for target in self.targets if target.error and not target.needs_confirmation]

    @property
    def doubtful(self) -> list[SyncTarget]:
        """Directories that lost so many files that somebody has to say that this is meant."""
        return [target for target in self.targets if target.needs_confirmation]

    @property
    def state(self) -> str:
        """The word of the state as tables show it."""
        if self.run and self.is_under_way:
            return self.run.state
        if self.failing:
            return "failed"
        return "warning" if self.doubtful else "synced" if self.synced_at else "off"

    @property
    def seconds_left(self) -> int | None:
        """By the bytes that are known to be left."""
        run = self.run
        elapsed = (utc_now() - run.started_at).total_seconds() if run and run.started_at else 0
        if not run or not run.size or elapsed < _GUESS_AFTER_SECONDS:
            return None
        return max(1, round(elapsed * (run.size_total - run.size) / run.size))


@bp.get("/")
@requires(Right.SEE_SYSTEM)
def index() -> ResponseReturnValue:
    """Both kinds with their directories, and the runs of the last weeks."""
    session = db_session()
    page = pager(count_runs(session))
    return render_template(
        "sync/index.html",
        settings=load_settings(session),
        uses_storage=uses_storage(load_settings(session)),
        standings=[standing_of(kind) for kind in SyncKind],
        runs=list_runs(session, offset=page.offset, limit=PAGE_SIZE),
        page=page,
    )


@bp.get("/<kind>/progress")
@requires(Right.SEE_SYSTEM)
def progress(kind: str) -> ResponseReturnValue:
    """The card of one kind, which asks for itself every second until the run has ended."""
    found = standing_of(_kind(kind))
    page = render_template("sync/_kind.html", standing=found, is_partial=True)
    return page, 200 if found.is_under_way else _STOP_POLLING


@bp.post("/<kind>/now")
@requires(Right.SYNC)
def now(kind: str) -> ResponseReturnValue:
    """Sync everything of this kind; the directories named by `forced` even where they lost files."""
    known = {target.path for target in targets_of(db_session(), _kind(kind)) if target.needs_confirmation}
    forced = [path for path in request.form.getlist("forced") if path in known]
    try:
        request_sync(db_session(), current_actor(), _kind(kind), forced=forced)
    except TransportError as e:
        flash(str(e), "warning")
        return redirect(url_for(".index"))
    return _card(kind)


@bp.get("/<kind>/confirm")
@requires(Right.SYNC)
def confirm(kind: str) -> ResponseReturnValue:
    """What would be removed in the storage, to be confirmed."""
    found = standing_of(_kind(kind))
    return render_template("sync/confirm.html", standing=found) if found.doubtful else redirect(url_for(".index"))


@bp.post("/runs/<int:number>/cancel")
@requires(Right.SYNC)
def cancel(number: int) -> ResponseReturnValue:
    """Break the run off."""
    return _card(cancel_sync(db_session(), current_actor(), number).kind)


def standing_of(kind: SyncKind) -> Standing:
    """How `kind` stands now."""
    session = db_session()
    duty = session.get(DutyRecord, DUTIES[kind])
    return Standing(
        kind=kind,
        run=latest_run(session, kind),
        targets=targets_of(session, kind),
        next_at=duty.next_at if duty else None,
        has_worker=worker_runs(session, current_site().config),
    )


def _card(kind: str) -> ResponseReturnValue:
    if wants_partial():
        return render_template("sync/_kind.html", standing=standing_of(_kind(kind)))
    return redirect(url_for(".index"))


def _kind(text: str) -> SyncKind:
    return SyncKind(text) if text in list(SyncKind) else abort(404)


badge("sync.index", lambda: waiting_confirmations(db_session()))
