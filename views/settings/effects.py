"""What saving would do to the fleet: how many devices get new files, and what differs in them."""

from typing import Any

from flask import flash, render_template, request
from flask.typing import ResponseReturnValue

from forms.settings import ProvisioningSettingsForm
from views.access import requires
from views.database import db_session
from views.partials import wants_partial
from views.settings.blueprint import bp, draft_values, posted_form, settings_page
from views.site import current_site
from webprov.effects import MOST_COMPARED, compare, sample
from webprov.rights import Right
from webprov.whatif import what_if


@bp.post("/effect")
@requires(Right.EDIT_SETTINGS)
def effect() -> ResponseReturnValue:
    """The difference for a few devices, or with `?all=1` for every device (as many as can be compared at once)."""
    form = posted_form()
    form.show_errors()
    if wants_partial():
        return render_template("settings/_effect.html", **draft_values(form), **_difference(form))
    flash("Type passwords again before you save: they were not kept.", "warning")
    return settings_page(form, **_difference(form))


def _difference(form: ProvisioningSettingsForm) -> dict[str, Any]:
    session, site = db_session(), current_site()
    what = what_if(site.system, form.draft)
    if request.args.get("all"):
        differences, compared = compare(session, site, what)
        return {"differences": differences, "compared": compared, "most_compared": MOST_COMPARED}
    return {"differences": sample(session, site, what, draft_values(form)["affected"]), "compared": 0}
