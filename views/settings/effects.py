"""What saving would do to the fleet: how many devices get new files, and what differs in them."""

from typing import Any

from flask import flash, render_template
from flask.typing import ResponseReturnValue

from forms.settings import ProvisioningSettingsForm
from views.access import requires
from views.effects import effect_values
from views.partials import wants_partial
from views.settings.blueprint import bp, draft_values, posted_form, settings_page
from views.site import current_site
from webprov.rights import Right
from webprov.whatif import what_if


@bp.post("/effect")
@requires(Right.EDIT_SETTINGS)
def effect() -> ResponseReturnValue:
    """How many devices get different files and what differs in them, counted on while the page stays open."""
    form = posted_form()
    form.show_errors()
    if wants_partial():
        return render_template("settings/_effect.html", **draft_values(form) | _difference(form))
    flash("Type passwords again before you save: they were not kept.", "warning")
    return settings_page(form, **_difference(form))


def _difference(form: ProvisioningSettingsForm) -> dict[str, Any]:
    return effect_values(what_if(current_site().system, form.draft))
