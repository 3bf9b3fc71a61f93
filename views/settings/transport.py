"""Trying the file transport before it is saved."""

from flask import current_app, flash, render_template, request
from flask.typing import ResponseReturnValue

from forms.settings import ProvisioningSettingsForm
from views.access import current_actor, requires
from views.allowance import Allowance
from views.confirming import own_password_fits
from views.database import db_session
from views.partials import wants_partial
from views.settings.blueprint import bp, posted_form, settings_page
from views.site import current_site
from webprov.changes.settings import probe_settings, try_script_for
from webprov.delivery.script import ScriptRun
from webprov.errors import InvalidInput, InvalidValue, NotFound
from webprov.rights import Right

_TOO_OFTEN = ["That was tried 5 times within a minute. Wait a moment."]


@bp.post("/test")
@requires(Right.EDIT_SETTINGS)
def test() -> ResponseReturnValue:
    """Try the file transport as typed, storing nothing; at most 5 times a minute (security TR-07)."""
    form = posted_form()
    answer = _tested(form)
    if wants_partial():
        return render_template("settings/_connection.html", tested=answer)
    flash("Type passwords and keys again before you save: they were not kept.")
    return settings_page(form, tested=answer)


@bp.post("/test-script")
@requires(Right.EDIT_SETTINGS)
def test_script() -> ResponseReturnValue:
    """Run the script as typed for one device with its present files; a new path asks for one's password."""
    form = posted_form()
    answer = _script_tested(form)
    if wants_partial():
        return render_template("settings/_connection.html", tested=answer[0], ran=answer[1])
    flash("Type passwords and keys again before you save: they were not kept.")
    return settings_page(form, tested=answer[0], ran=answer[1])


def _script_tested(form: ProvisioningSettingsForm) -> tuple[tuple[list[str], bool], ScriptRun | None]:
    if form.script_path.data != form.saved.script_path and not own_password_fits(form):
        return ([f"{form.own_password.label.text}: {form.own_password.errors[0]}"], False), None
    if not _may_try():
        return (_TOO_OFTEN, False), None
    site = current_site()
    try:
        run = try_script_for(db_session(), site, request.form.get("script_device", ""), form.flat(), current_actor())
    except InvalidInput as e:
        return (_sentences(form, e), False), None
    except (InvalidValue, NotFound) as e:
        return ([str(e)], False), None
    return ([run.error] if run.error else [], not run.error), run


def _may_try() -> bool:
    allowance: Allowance = current_app.extensions.setdefault("webprov-connection-tests", Allowance(5))
    return allowance.take(current_actor().name)


def _sentences(form: ProvisioningSettingsForm, error: InvalidInput) -> list[str]:
    return [f"{form[name].label.text}: {sentence}" for name, sentence in error.errors.items()]


def _tested(form: ProvisioningSettingsForm) -> tuple[list[str], bool]:
    """What to say, and whether the transport works."""
    if not _may_try():
        return _TOO_OFTEN, False
    site = current_site()
    try:
        warnings = probe_settings(db_session(), form.flat(), clear=form.clearing, script_dirs=site.config.script_dirs)
    except InvalidInput as e:
        return _sentences(form, e), False
    return list(warnings), True
