"""Trying the file transport before it is saved."""

from flask import current_app, flash, render_template
from flask.typing import ResponseReturnValue

from forms.settings import ProvisioningSettingsForm
from views.access import current_actor, requires
from views.allowance import Allowance
from views.database import db_session
from views.partials import wants_partial
from views.settings.blueprint import bp, posted_form, settings_page
from views.site import current_site
from webprov.changes.settings import probe_settings
from webprov.errors import InvalidInput
from webprov.rights import Right


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


def _tested(form: ProvisioningSettingsForm) -> tuple[list[str], bool]:
    """What to say, and whether the transport works."""
    allowance: Allowance = current_app.extensions.setdefault("webprov-connection-tests", Allowance(5))
    if not allowance.take(current_actor().name):
        return ["That was tried 5 times within a minute. Wait a moment."], False
    site = current_site()
    try:
        warnings = probe_settings(db_session(), form.flat(), clear=form.clearing, script_dirs=site.config.script_dirs)
    except InvalidInput as e:
        return [f"{form[name].label.text}: {sentence}" for name, sentence in e.errors.items()], False
    return list(warnings), True
