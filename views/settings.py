"""Provisioning Settings."""

from typing import Any

from flask import Blueprint, current_app, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from forms.errors import put_errors
from forms.settings import ProvisioningSettingsForm
from views.access import current_actor, requires, within
from views.allowance import Allowance
from views.database import db_session
from views.site import current_site
from webprov.changes.settings import probe_settings, save_settings
from webprov.changes.variables import VariableScope, list_variables
from webprov.enums import FileState
from webprov.errors import Conflict, InvalidInput
from webprov.fleet import state_counts
from webprov.rights import Right
from webprov.store.models import Device
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
        return render_template("settings/_fields.html", form=form, **_places())
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
        saved = save_settings(
            session,
            form.flat(),
            current_actor(),
            clear=form.cleared(request.form),
            version=version,
            script_dirs=current_site().config.script_dirs,
        )
    except InvalidInput as e:
        put_errors(form, e.errors)
    except Conflict as e:
        form.form_errors.append(str(e))
    else:
        flash("Saved.")
        for warning in saved.warnings:
            flash(warning, "warning")
        return redirect(url_for(".edit"))
    return _page(form), 422


@bp.post("/test")
@requires(Right.EDIT_SETTINGS)
def test() -> ResponseReturnValue:
    """Try the file transport as typed, storing nothing; at most 5 times a minute (security TR-07)."""
    form = ProvisioningSettingsForm(request.form, saved=load_settings(db_session()))
    answer = _tested(form)
    if request.headers.get("HX-Request"):
        return render_template("settings/_connection.html", tested=answer)
    flash("Type passwords and keys again before you save: they were not kept.")
    return _page(form, tested=answer)


def _tested(form: ProvisioningSettingsForm) -> tuple[list[str], bool]:
    """What to say, and whether the transport works."""
    allowance: Allowance = current_app.extensions.setdefault("webprov-connection-tests", Allowance(5))
    if not allowance.take(current_actor().name):
        return ["That was tried 5 times within a minute. Wait a moment."], False
    site = current_site()
    clear = form.cleared(request.form)
    try:
        warnings = probe_settings(db_session(), form.flat(), clear=clear, script_dirs=site.config.script_dirs)
    except InvalidInput as e:
        return [f"{form[name].label.text}: {sentence}" for name, sentence in e.errors.items()], False
    return list(warnings), True


def _places() -> dict[str, Any]:
    """What the installation decided and the page shows."""
    config = current_site().config
    return {"directory": config.provisioning_dir, "script_dirs": config.script_dirs}


def _page(form: ProvisioningSettingsForm, tested: tuple[list[str], bool] | None = None) -> str:
    editable = current_actor().may(Right.EDIT_SETTINGS)
    session = db_session()
    return render_template(
        "settings/edit.html",
        form=form,
        editable=editable,
        variables_count=len(list_variables(session, VariableScope())),
        stale=state_counts(session, current_site(), within(Device.tenant_id))[FileState.STALE],
        tested=tested,
        **_places(),
    )
