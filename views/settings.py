"""Provisioning Settings."""

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from forms.errors import put_errors
from forms.settings import ProvisioningSettingsForm
from views.access import current_actor, requires
from views.database import db_session
from views.site import current_site
from webprov.changes.settings import save_settings
from webprov.changes.variables import VariableScope, list_variables
from webprov.enums import FileState
from webprov.errors import Conflict, InvalidInput
from webprov.fleet import state_counts
from webprov.rights import Right
from webprov.store.settings import load_settings

bp = Blueprint("settings", __name__, url_prefix="/settings")


@bp.get("/")
@requires(Right.SEE_SYSTEM)
def edit() -> ResponseReturnValue:
    """The form with what is saved; people who may not change it read it."""
    form = ProvisioningSettingsForm(saved=load_settings(db_session()))
    return _page(form)


@bp.post("/fields")
@requires(Right.EDIT_SETTINGS)
def fields() -> ResponseReturnValue:
    """The fields that fit what is chosen in the form. Nothing is stored; secrets stay in the browser."""
    form = ProvisioningSettingsForm(request.form, saved=load_settings(db_session()))
    if request.headers.get("HX-Request"):
        return render_template("settings/_fields.html", form=form, directory=current_site().config.provisioning_dir)
    flash("Type passwords again before you save: they were not kept.")
    return _page(form)


@bp.post("/")
@requires(Right.EDIT_SETTINGS)
def save() -> ResponseReturnValue:
    """Store the settings, or show the form again with what has to change and everything typed."""
    session = db_session()
    form = ProvisioningSettingsForm(request.form, saved=load_settings(session))
    version = request.form.get("version", type=int)
    try:
        save_settings(session, form.flat(), current_actor(), clear=form.cleared(request.form), version=version)
    except InvalidInput as e:
        put_errors(form, e.errors)
    except Conflict as e:
        form.form_errors.append(str(e))
    else:
        stale = state_counts(session, current_site())[FileState.STALE]
        flash(f"Saved. {stale} devices have stale files." if stale else "Saved.")
        return redirect(url_for(".edit"))
    return _page(form), 422


def _page(form: ProvisioningSettingsForm) -> str:
    editable = current_actor().may(Right.EDIT_SETTINGS)
    directory = current_site().config.provisioning_dir
    count = len(list_variables(db_session(), VariableScope()))
    return render_template(
        "settings/edit.html", form=form, directory=directory, editable=editable, variables_count=count
    )
