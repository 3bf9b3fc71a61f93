"""Brings what the domain refuses to the fields of a form."""

from collections.abc import Mapping

from flask_wtf import FlaskForm


def put_errors(form: FlaskForm, errors: Mapping[str, str]) -> None:
    """Show each sentence at the field it names (`InvalidInput.errors`), the rest at the top of the form."""
    for name, sentence in errors.items():
        if name in form:
            form[name].errors = [*form[name].errors, sentence]
        else:
            form.form_errors.append(sentence)
