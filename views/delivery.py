"""File transport: what waits for the DMS, why, and whether what lies there is true (spec 6)."""

import threading
from typing import Any

from flask import Blueprint, current_app, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from views.access import current_actor, requires
from views.allowance import Allowance
from views.database import db_session
from views.navigation import badge
from views.site import current_site
from webprov.changes.devices import find_device
from webprov.delivered import failing_objects, script_counts, waiting_devices
from webprov.deliverycheck import repair_bucket
from webprov.deliveryfindings import DeliveryCheck, check_bucket, check_delivery
from webprov.enums import TransportMethod
from webprov.errors import InvalidValue, NotFound
from webprov.jobs import SameJob, start_provision_job
from webprov.mac import parse_mac
from webprov.redelivery import outbox, retry_now
from webprov.rights import Right
from webprov.worker import worker_runs

bp = Blueprint("delivery", __name__, url_prefix="/delivery")

_A_MINUTE = 5
_COMPARING = threading.Lock()  # one of the threads that serve pages at most: the others go on for everybody else


@bp.get("/")
@requires(Right.SEE_SYSTEM)
def index() -> ResponseReturnValue:
    """The outbox, or how the script fared; and the button that compares."""
    return _page()


@bp.get("/outbox")
@requires(Right.SEE_SYSTEM)
def waiting() -> ResponseReturnValue:
    """The part of the page that asks for itself, so that one sees it heal."""
    return render_template("delivery/_outbox.html", **_outbox())


@bp.post("/retry")
@requires(Right.SEE_SYSTEM)
def retry() -> ResponseReturnValue:
    """Try everything that waits at once, instead of at its time."""
    retry_now(db_session(), current_actor())
    flash("Everything that waits is tried now.")
    return redirect(url_for(".index"))


@bp.post("/check")
@requires(Right.SEE_SYSTEM)
def check() -> ResponseReturnValue:
    """Compare bucket and DMS with what should be there; the DMS as the device typed, or as one of each model."""
    typed = request.form.get("device", "").strip()
    try:
        mac = find_device(db_session(), parse_mac(typed), current_actor()).mac if typed else ""
    except (InvalidValue, NotFound) as e:
        return _page(asked_as=typed, device_error=str(e))
    if not _may_compare():
        flash("That was done 5 times within a minute. Wait a moment.", "warning")
        return redirect(url_for(".index"))
    if not _COMPARING.acquire(blocking=False):
        flash("A comparison is running already. Try again in a minute.", "warning")
        return redirect(url_for(".index"))
    try:
        return _page(checked=check_delivery(db_session(), current_site(), mac), asked_as=typed)
    finally:
        _COMPARING.release()


@bp.post("/repair")
@requires(Right.EDIT_SETTINGS)
def repair() -> ResponseReturnValue:
    """Compare anew, then let the worker put and remove what differs."""
    found = check_bucket(db_session(), current_site()).bucket
    if found is None or not found.repairable:
        flash("There is nothing to repair.")
    else:
        repair_bucket(db_session(), current_actor(), found)
        flash(f"{found.repairable:,} objects are put again or removed now.")
    return redirect(url_for(".index"))


@bp.post("/scripts")
@requires(Right.SEE_SYSTEM)
def run_scripts() -> ResponseReturnValue:
    """Start a job for the devices whose script has failed or not run yet."""
    found = script_counts(db_session())
    try:
        job = start_provision_job(db_session(), current_actor(), found.ids, "Run the script where it has not run well")
    except SameJob as e:
        return redirect(url_for("jobs.show", number=e.job_id))
    return redirect(url_for("jobs.show", number=job.id))


def _may_compare() -> bool:
    allowance: Allowance = current_app.extensions.setdefault("webprov-delivery-checks", Allowance(_A_MINUTE))
    return allowance.take(current_actor().name)


def _page(checked: DeliveryCheck | None = None, asked_as: str = "", device_error: str = "") -> str:
    site = current_site()
    is_script = site.settings.place[1] == TransportMethod.SCRIPT
    scripts = script_counts(db_session()) if is_script else None
    return render_template(
        "delivery/index.html",
        settings=site.settings,
        scripts=scripts,
        checked=checked,
        asked_as=asked_as,
        device_error=device_error,
        **_outbox(),
    )


def _outbox() -> dict[str, Any]:
    session, site = db_session(), current_site()
    return {
        "outbox": outbox(session, site),
        "devices": waiting_devices(session, site),
        "has_worker": worker_runs(session, site.config),
        "place": site.settings,
    }


def _failing() -> int:
    """How many objects failed, for the column; of no interest to people who may not see the page."""
    return failing_objects(db_session(), current_site()) if current_actor().may(Right.SEE_SYSTEM) else 0


badge("delivery.index", _failing)
