"""How far a tenant's directories are: the line above the list, building now, the tenant's own lines."""

from flask import redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from views.access import current_actor, requires
from views.contacts.blueprint import bp, kept, state_values, the_tenant
from views.database import db_session
from views.partials import wants_partial
from webprov.changes.contacts import ask_for_build, include_lines
from webprov.rights import Right


@bp.get("/state")
@requires(Right.SEE_DEVICES)
def state() -> ResponseReturnValue:
    """The line alone; the page asks for it again while changes wait."""
    tenant = the_tenant()
    if not wants_partial():
        return redirect(url_for(".index", **kept()))  # type: ignore[arg-type]
    return render_template("contacts/_state.html", **state_values(tenant))


@bp.post("/build")
@requires(Right.EDIT_CONTACTS)
def build() -> ResponseReturnValue:
    """Have the worker build now rather than at its next round."""
    ask_for_build(db_session(), current_actor(), the_tenant().name)
    return _shown()


@bp.post("/lines")
@requires(Right.EDIT_CONTACTS)
def lines() -> ResponseReturnValue:
    """Include the tenant's own lines, or not."""
    include_lines(db_session(), current_actor(), the_tenant().name, on="include" in request.form)
    return _shown()


def _shown() -> ResponseReturnValue:
    if wants_partial():
        return render_template("contacts/_state.html", **state_values(the_tenant()))
    return redirect(url_for(".index", **kept()))  # type: ignore[arg-type]
