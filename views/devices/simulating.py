"""Simulate boot: what this phone would get if it started now, request by request."""

import threading

from flask import flash, redirect, render_template, url_for
from flask.typing import ResponseReturnValue

from views.access import current_actor, requires
from views.database import db_session
from views.devices.blueprint import bp, device_page, the_device
from views.partials import wants_partial
from views.site import current_site
from webprov.audit import record_change
from webprov.errors import NotFound, WebprovError
from webprov.rights import Right
from webprov.simulation import Plan, plan_boot, play
from webprov.store.database import writing
from webprov.store.devicedata import read_device
from webprov.store.models import Device

_SECONDS = 12.0
_AT_ONCE = threading.BoundedSemaphore(2)  # of the threads that serve pages: the others go on for everybody else


@bp.get("/<mac>/simulate")
@requires(Right.PROVISION)
def simulate(mac: str) -> ResponseReturnValue:
    """What the phone would ask for, and where."""
    device = the_device(mac)
    plan, error = _plan(device)
    return device_page("devices/simulate.html", device, "simulate", plan=plan, error=error, steps=None)


@bp.post("/<mac>/simulate")
@requires(Right.PROVISION)
def run_simulation(mac: str) -> ResponseReturnValue:
    """Ask for it, and show what came."""
    device = the_device(mac)
    plan, error = _plan(device)
    if plan is None:
        return device_page("devices/simulate.html", device, "simulate", plan=None, error=error, steps=None)
    if not _AT_ONCE.acquire(blocking=False):
        flash("Two simulations are running already. Try again in a few seconds.", "warning")
        return redirect(url_for(".simulate", mac=device.mac))
    try:
        session = db_session()
        with writing(session):
            record_change(session, current_actor(), "simulate", "device", device.mac, tenant_id=device.tenant_id)
        steps = list(play(plan, _SECONDS))
    finally:
        _AT_ONCE.release()
    if wants_partial():
        return render_template("devices/_simulation.html", plan=plan, steps=steps)
    return device_page("devices/simulate.html", device, "simulate", plan=plan, error="", steps=steps)


def _plan(device: Device) -> tuple[Plan | None, str]:
    """The plan, or the sentence why there is none."""
    data = read_device(db_session(), device.mac)
    try:
        if data is None:
            raise NotFound("This device was deleted meanwhile.")
        return plan_boot(db_session(), current_site(), data), ""
    except WebprovError as e:
        return None, str(e)
