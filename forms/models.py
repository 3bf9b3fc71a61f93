"""Forms about phone models; what a value must look like is decided in `webprov.phones.modelkeys`."""

from collections.abc import Mapping, Sequence
from typing import Any

from flask_wtf import FlaskForm
from wtforms import SelectField, StringField, TextAreaField
from wtforms.fields.choices import SelectChoice

from webprov.modelinput import CHOICES, TEXT_KEYS, ModelField

_PLAIN = {"autocomplete": "off", "spellcheck": "false"}


class SectionForm(FlaskForm):
    """All keys of a section as the text of its file."""

    body = TextAreaField("Section", render_kw={**_PLAIN, "rows": 16, "wrap": "off"})


class NewModelForm(SectionForm):
    """A section of a new name."""

    key = StringField("Key", render_kw={**_PLAIN, "autocapitalize": "none"})
    scope = SelectField("For", choices=[], validate_choice=False)


def model_form(fields: Sequence[ModelField], posted: Mapping[str, str] | None) -> FlaskForm:
    """One field per key; `posted` is what was typed, None for what counts now."""
    parts: dict[str, Any] = {field.key: _field(field) for field in fields}
    shown = {field.key: (posted or {}).get(field.key, field.value) for field in fields}
    return type("ModelForm", (FlaskForm,), parts)(None, data=shown)


def _field(field: ModelField) -> Any:
    if field.key in CHOICES:
        empty = {"protocol": "The default protocol", "external": "Yes"}[field.key]
        offered = [SelectChoice("", empty), *(SelectChoice(text, text) for text in CHOICES[field.key])]
        return SelectField(field.label, choices=offered, validate_choice=False)
    if field.key in TEXT_KEYS:
        return TextAreaField(field.label, render_kw={**_PLAIN, "rows": 5})
    return StringField(field.label, render_kw=_PLAIN)
