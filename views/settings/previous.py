"""Ending the sign-in that phones used before the last change."""

from flask import abort, flash, redirect, render_template, url_for
from flask.typing import ResponseReturnValue

from views.access import current_actor, requires
from views.database import db_session
from views.settings.blueprint import bp
from webprov.changes.rotation import end_previous
from webprov.rights import Right
from webprov.store.rotation import KINDS, devices_left, previous_logins


@bp.get("/previous/<kind>")
@requires(Right.EDIT_SETTINGS)
def ask_end(kind: str) -> ResponseReturnValue:
    """Ask before phones that have not fetched yet are shut out."""
    found = [login for login in previous_logins(db_session()) if login.kind == kind]
    if not found:
        return redirect(url_for(".edit"))
    left = max(devices_left(db_session(), login) for login in found)
    return render_template("settings/previous.html", kind=kind, logins=found, left=left)


@bp.post("/previous/<kind>")
@requires(Right.EDIT_SETTINGS)
def end(kind: str) -> ResponseReturnValue:
    """End it: from the next request on only the present sign-in counts."""
    if kind not in KINDS:
        abort(404)
    end_previous(db_session(), kind, current_actor())
    flash(f"The previous {kind.upper()} sign-in has ended.")
    return redirect(url_for(".edit"))
