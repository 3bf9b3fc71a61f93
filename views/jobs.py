"""Jobs: what runs in the background, how far it is, what came of it (ui guide 8)."""

from dataclasses import dataclass
from datetime import timedelta

from flask import Blueprint, abort, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from sqlalchemy import ColumnElement, select, true

from views.access import chosen_tenant, current_actor, requires, within
from views.database import db_session
from views.imported import Imported, imported_of
from views.navigation import badge
from views.paging import PAGE_SIZE, pager
from views.partials import wants_partial
from views.site import current_site
from webprov.changes.tenants import find_tenant
from webprov.dutystates import duty_states
from webprov.enums import FileState, ItemOutcome
from webprov.errors import InvalidValue
from webprov.fleet import ids_in_state, not_restored, restored_count
from webprov.imports import cancel_import, discard_tried, import_tried
from webprov.jobs import (
    RIGHTS,
    UNDER_WAY,
    Failure,
    SameJob,
    count_jobs,
    failures_of,
    find_job,
    ids_with_outcome,
    jobs_under_way,
    list_jobs,
    start_provision_job,
)
from webprov.mac import parse_mac
from webprov.rights import Right
from webprov.store.jobrecords import JobRecord
from webprov.store.models import Device, utc_now
from webprov.worker import worker_runs

bp = Blueprint("jobs", __name__, url_prefix="/jobs")

_GUESS_AFTER_SECONDS = 5
_STOP_POLLING = 286
_FAILURES_UNDER_WAY = 10
_AGAIN = {"failed": (ItemOutcome.FAILED, "again, those that failed"), "waiting": (ItemOutcome.WAITING, "the rest")}


@dataclass(frozen=True)
class Progress:
    """How far a job is, as the page shows it. `seconds_left` is None while nobody can tell, `imported` where the job
    does not import."""

    job: JobRecord
    is_under_way: bool
    left: int
    seconds_left: int | None
    has_worker: bool
    failures: list[Failure]
    imported: Imported | None

    @property
    def share(self) -> float:
        """How much of it is behind it, from 0 to 1."""
        return self.imported.share if self.imported else self.job.processed / max(1, self.job.total)

    @property
    def may_cancel(self) -> bool:
        """Whether this person may still stop it."""
        asked = not self.is_under_way or self.job.cancel_requested
        return not asked and current_actor().may(RIGHTS[self.job.kind], self.job.tenant_id)


@bp.get("/")
@requires(Right.SEE_DEVICES)
def index() -> ResponseReturnValue:
    """The jobs of the last weeks, latest first."""
    return render_template("jobs/index.html", **_listed(), **_choices(), **_background())


@bp.get("/list")
@requires(Right.SEE_DEVICES)
def listed() -> ResponseReturnValue:
    """The part of that page that asks for itself while a job is under way."""
    return render_template("jobs/_list.html", **_listed())


@bp.get("/background")
@requires(Right.SEE_SYSTEM)
def background() -> ResponseReturnValue:
    """What the worker does by itself, for the same page."""
    return render_template("jobs/_duties.html", **_background())


@bp.get("/<int:number>/")
@requires(Right.SEE_DEVICES)
def show(number: int) -> ResponseReturnValue:
    """One job: its progress, or what came of it."""
    return render_template("jobs/job.html", progress=progress_of(find_job(db_session(), current_actor(), number)))


@bp.get("/<int:number>/progress")
@requires(Right.SEE_DEVICES)
def progress(number: int) -> ResponseReturnValue:
    """The part of the page that asks for itself every second, until the job has ended."""
    found = progress_of(find_job(db_session(), current_actor(), number))
    page = render_template("jobs/_progress.html", progress=found, is_partial=True)
    return page, 200 if found.is_under_way else _STOP_POLLING


@bp.post("/provision")
@requires(Right.PROVISION)
def provision() -> ResponseReturnValue:
    """Start a job for the devices named by `mac`, or for all that fit `state`, `model` and `tenant`."""
    macs = request.form.getlist("mac")
    ids = _named(macs) if macs else _fitting()
    return started(ids, _title(len(macs)))


@bp.post("/<int:number>/again")
@requires(Right.PROVISION)
def again(number: int) -> ResponseReturnValue:
    """Start a job for those devices of this one that failed, or that a cancel left out."""
    outcome, words = _AGAIN.get(request.form.get("which", ""), (None, ""))
    if outcome is None:
        abort(400)
    session = db_session()
    job = find_job(session, current_actor(), number)
    return started(ids_with_outcome(session, job, outcome), f"{job.title.partition(', ')[0]}, {words}")


@bp.post("/<int:number>/cancel")
@requires(Right.PROVISION)
def cancel(number: int) -> ResponseReturnValue:
    """Stop it after the batch under way; an import as a whole."""
    job = cancel_import(db_session(), current_site().config, current_actor(), number)
    if wants_partial():
        return render_template("jobs/_progress.html", progress=progress_of(job))
    return redirect(url_for(".show", number=number))


@bp.post("/<int:number>/import")
@requires(Right.EDIT_DEVICES)
def go_on(number: int) -> ResponseReturnValue:
    """Import the file that was tried."""
    return redirect(url_for(".show", number=import_tried(db_session(), current_actor(), number).id))


@bp.post("/<int:number>/discard")
@requires(Right.EDIT_DEVICES)
def discard(number: int) -> ResponseReturnValue:
    """Delete the file that was tried."""
    discard_tried(db_session(), current_site().config, current_actor(), number)
    return redirect(url_for(".show", number=number))


def _listed() -> dict[str, object]:
    session, where = db_session(), within(JobRecord.tenant_id)
    page = pager(count_jobs(session, where))
    jobs = list_jobs(session, where, offset=page.offset, limit=PAGE_SIZE)
    rows = [(job, progress_of(job) if job.state in UNDER_WAY else None) for job in jobs]
    return {"rows": rows, "page": page, "is_moving": any(progress for _, progress in rows)}


def _choices() -> dict[str, object]:
    """The models in use that a job can be narrowed to, with their labels."""
    catalog, tenant = current_site().catalog, chosen_tenant()
    keys = db_session().scalars(select(Device.model).where(within(Device.tenant_id)).distinct().order_by(Device.model))
    found = {key: catalog.model(key, tenant.name if tenant else "") for key in keys}
    return {"models": {key: model.label if model else key for key, model in found.items()}}


def _background() -> dict[str, object]:
    """What the worker does by itself, for those who see the system."""
    if not current_actor().may(Right.SEE_SYSTEM):
        return {"duties": None}
    session = db_session()
    return {
        "duties": duty_states(session),
        "has_worker": worker_runs(session, current_site().config),
        "soon": utc_now() + timedelta(minutes=1),
    }


def progress_of(job: JobRecord) -> Progress:
    """What the progress of `job` looks like now."""
    is_under_way = job.state in UNDER_WAY
    session, imported = db_session(), imported_of(job)
    return Progress(
        job=job,
        is_under_way=is_under_way,
        left=job.total - job.processed,
        seconds_left=_seconds_left(job, imported.rows if imported else job.processed) if is_under_way else None,
        has_worker=not is_under_way or worker_runs(session, current_site().config),
        failures=failures_of(session, job, _FAILURES_UNDER_WAY if is_under_way else 100) if job.failed else [],
        imported=imported,
    )


def running_job() -> Progress | None:
    """The progress of the first job under way that this page is about."""
    found = list_jobs(db_session(), within(JobRecord.tenant_id), JobRecord.state.in_(UNDER_WAY), limit=1)
    return progress_of(found[0]) if found else None


def started(ids: list[int], title: str) -> ResponseReturnValue:
    """Start a job for these devices and answer with its page, or for htmx with its progress where the button stood;
    with those of the job that does the same already, if there is one."""
    try:
        job = start_provision_job(db_session(), current_actor(), ids, title)
    except InvalidValue as e:
        flash(str(e), "warning")
        return redirect(url_for("jobs.index"))
    except SameJob as e:
        job = find_job(db_session(), current_actor(), e.job_id)
    if wants_partial():
        return render_template("jobs/_progress.html", progress=progress_of(job))
    return redirect(url_for("jobs.show", number=job.id))


def _seconds_left(job: JobRecord, behind: int) -> int | None:
    elapsed = (utc_now() - job.started_at).total_seconds() if job.started_at else 0
    if not behind or elapsed < _GUESS_AFTER_SECONDS:
        return None
    return max(1, round(elapsed * (job.total - behind) / behind))


def took(job: JobRecord) -> str:
    """How long a job worked, once it has ended: “40 s”, “12 min”; empty before, or where it never began."""
    if job.started_at is None or job.finished_at is None:
        return ""
    seconds = max(1, round((job.finished_at - job.started_at).total_seconds()))
    return f"{seconds} s" if seconds < 120 else f"{seconds // 60:,} min"


def _named(macs: list[str]) -> list[int]:
    """The devices of these MACs that this person sees; the others are passed over as if they were not there."""
    found = []
    for text in macs:
        try:
            found.append(parse_mac(text))
        except InvalidValue:
            continue
    query = db_session().query(Device.id).where(Device.mac.in_(found), within(Device.tenant_id))
    return [number for (number,) in query]


def _fitting() -> list[int]:
    session, given = db_session(), request.form
    where: list[ColumnElement[bool]] = [within(Device.tenant_id), Device.enabled.is_(True)]
    if given.get("tenant"):
        where.append(Device.tenant_id == find_tenant(session, given["tenant"], current_actor()).id)
    if models := _given("model"):
        where.append(Device.model.in_(models))
    if _given("state"):
        _say_who_is_left_out(restored_count(session, *where))
        where.append(not_restored())
    return ids_in_state(session, current_site(), _states(), *where)


def _say_who_is_left_out(count: int) -> None:
    if count:
        devices = "1 device holds" if count == 1 else f"{count:,} devices hold"
        flash(f"{devices} an earlier revision that was restored, and keep it. Provision them by name to end that.")


def _given(name: str) -> list[str]:
    """What was chosen in the fields of that name; an empty choice narrows nothing."""
    return [value for value in request.form.getlist(name) if value]


def _states() -> list[FileState]:
    wanted = [word.replace("-", " ") for word in _given("state")]
    known = {state.value: state for state in FileState}
    if not set(wanted) <= known.keys():
        abort(400)
    return [known[word] for word in wanted] or list(FileState)


def _title(named: int) -> str:
    """What people call this job in the list."""
    if named:
        return "Provision 1 device" if named == 1 else f"Provision {named:,} devices"
    what = " and ".join(word.replace("-", " ") for word in _given("state")) or "all"
    tenant = chosen_tenant()
    models = _given("model")
    narrowed = [
        models[0] if len(models) == 1 else "",
        request.form.get("tenant", "") or (tenant.name if tenant else ""),
    ]
    return ", ".join([f"Provision {what} devices", *filter(None, narrowed)])


def _count() -> int:
    """How many jobs run that this person may see, for the top bar and the column."""
    mine = current_actor().tenant_id
    condition: ColumnElement[bool] = JobRecord.tenant_id == mine if mine else true()
    return jobs_under_way(db_session(), condition)


badge("jobs.index", _count)
