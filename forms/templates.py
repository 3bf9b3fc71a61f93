"""Forms about templates; what a template may hold is decided by the gate."""

from flask_wtf import FlaskForm
from wtforms import HiddenField, SelectField, StringField, TextAreaField

_PLAIN = {"autocomplete": "off", "spellcheck": "false"}


class TemplateForm(FlaskForm):
    """The text of one file, and what was on disk when the page was made."""

    text = TextAreaField("Template", render_kw={**_PLAIN, "rows": 26, "wrap": "off"})
    seen = HiddenField()


class NewTemplateForm(FlaskForm):
    """Where a new file goes."""

    name = StringField("File", render_kw={**_PLAIN, "autocapitalize": "none"})
    scope = SelectField("For", choices=[], validate_choice=False)
