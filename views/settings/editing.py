"""Showing and saving Provisioning Settings."""

from flask import flash, redirect, request, url_for
from flask.typing import ResponseReturnValue

from forms.errors import put_errors
from forms.settings import ProvisioningSettingsForm
from views.access import current_actor, requires
from views.confirming import own_password_fits
from views.database import db_session
from views.partials import wants_partial
from views.settings.blueprint import bp, posted_form, settings_page
from views.site import current_site
from webprov.changes.settings import SavedSettings, save_settings
from webprov.conflicts import clash, clashes
from webprov.enums import ProvisioningMode, TransportMethod
from webprov.errors import Conflict, InvalidInput
from webprov.rights import Right
from webprov.settingsinput import SETTINGS_FIELDS
from webprov.store.settings import ProvisioningSettings, last_saving, load_settings


@bp.get("/")
@requires(Right.SEE_SYSTEM)
def edit() -> ResponseReturnValue:
    """The form with what is saved; people who may not change it read it."""
    return settings_page(ProvisioningSettingsForm(saved=load_settings(db_session())))


@bp.post("/")
@requires(Right.EDIT_SETTINGS)
def save() -> ResponseReturnValue:
    """Store the settings, or show the form again with what has to change and everything typed."""
    form = posted_form()
    if form.needs_own_password and not form.draft.errors and not own_password_fits(form):
        return settings_page(form), 422
    choices = [clash(name, form.saved, form.draft) for name in SETTINGS_FIELDS if f"take-{name}" in request.form]
    try:
        saved = save_settings(
            db_session(),
            form.flat(),
            current_actor(),
            clear=form.clearing,
            version=request.form.get("version", type=int),
            script_dirs=current_site().config.script_dirs,
        )
    except InvalidInput as e:
        put_errors(form, e.errors)
    except Conflict:
        choices = clashes(request.form.get("seen", ""), form.saved, form.draft)
        return settings_page(form, choices=choices, saving=last_saving(db_session())), 422
    else:
        return _saved(saved)
    return settings_page(form, choices=choices, saving=last_saving(db_session())), 422


def _saved(saved: SavedSettings) -> ResponseReturnValue:
    flash("Saved.")
    for warning in saved.warnings:
        flash(warning, "warning")
    if saved.has_moved:
        _tell_move(saved.settings)
    if wants_partial():  # a whole page then, so that no typed password stays in it
        return "", 200, {"HX-Redirect": url_for(".edit")}
    return redirect(url_for(".edit"))


def _tell_move(settings: ProvisioningSettings) -> None:
    """What changing the place of pushed files means; how many have to go stands on the page."""
    if settings.place[:2] == (ProvisioningMode.EXTERNAL, TransportMethod.S3):
        flash("Files are carried to the new place now. What was pushed elsewhere stays there until you remove it.")
    else:
        flash("What was pushed to the storage stays there until you remove it.")
