"""Showing and saving Provisioning Settings."""

from flask import flash, redirect, request, url_for
from flask.typing import ResponseReturnValue

from forms.errors import put_errors
from forms.settings import ProvisioningSettingsForm
from views.access import current_actor, requires
from views.database import db_session
from views.settings.blueprint import bp, posted_form, settings_page
from views.site import current_site
from webprov.changes.settings import save_settings
from webprov.errors import Conflict, InvalidInput
from webprov.rights import Right
from webprov.store.settings import load_settings


@bp.get("/")
@requires(Right.SEE_SYSTEM)
def edit() -> ResponseReturnValue:
    """The form with what is saved; people who may not change it read it."""
    return settings_page(ProvisioningSettingsForm(saved=load_settings(db_session())))


@bp.post("/")
@requires(Right.EDIT_SETTINGS)
def save() -> ResponseReturnValue:
    """Store the settings, or show the form again with what has to change and everything typed."""
    session, form = db_session(), posted_form()
    version = request.form.get("version", type=int)
    try:
        saved = save_settings(
            session,
            form.flat(),
            current_actor(),
            clear=form.clearing,
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
    return settings_page(form), 422
