"""While the form is filled in: the fields that apply, what is wrong with them, what phones would be told."""

from flask import flash, render_template
from flask.typing import ResponseReturnValue

from views.access import requires
from views.partials import wants_partial
from views.settings.blueprint import bp, draft_values, posted_form, settings_page
from webprov.rights import Right


@bp.post("/fields")
@requires(Right.EDIT_SETTINGS)
def fields() -> ResponseReturnValue:
    """Everything that follows what is typed: fields, sentences at them, panel, bar; the browser takes what it needs.

    Nothing is stored; secrets stay in the browser.
    """
    form = posted_form()
    form.show_errors()
    if wants_partial():
        return render_template("settings/_draft.html", **draft_values(form))
    flash("Type passwords again before you save: they were not kept.")
    return settings_page(form)
