"""A contact as somebody typed it, in a form or a row of a CSV file, checked (contract "CSV")."""

import re
from collections.abc import Mapping

from webprov.checks import check_text
from webprov.errors import InvalidInput, InvalidValue
from webprov.rendering.directories import dialable, shown_name
from webprov.store.contactrecords import CONTACT_FIELDS, NUMBER_FIELDS, Person

MAX_LENGTH = 200
_NUMBER = re.compile(r"[+*#0-9 ()./,;\u00a0-]*[*#0-9][+*#0-9 ()./,;\u00a0-]*", re.ASCII)
_ADDRESS = re.compile(r"(?:sips?:)?[^\s@<>\"]+@[^\s@<>\"]+")
_EMAIL = re.compile(r"[^\s@]+@[^\s@]+")


def parse_contact(flat: Mapping[str, str], before: Mapping[str, str] | None = None) -> dict[str, str]:
    """All fields of a contact, those that `flat` lacks as they were `before`. Raises InvalidInput by field."""
    values = {name: (before or {}).get(name, "") for name in CONTACT_FIELDS}
    errors: dict[str, str] = {}
    for name in CONTACT_FIELDS:
        if name in flat:
            try:
                values[name] = _checked(name, flat[name])
            except InvalidValue as e:
                errors[name] = str(e)
    if not errors and not shown_name(Person(**values)):
        errors["last_name"] = "Enter a first name, a last name or a company."
    if errors:
        raise InvalidInput(errors)
    return values


def search_values(values: Mapping[str, str]) -> dict[str, str]:
    """What lists sort and search by: folded, numbers also as they are dialled."""
    dialled = [dialable(values[name]) for name in NUMBER_FIELDS if values[name]]
    texts = [text for text in (*(values[name] for name in CONTACT_FIELDS), *dialled) if text]
    name = shown_name(Person(**{field: values[field] for field in CONTACT_FIELDS}))
    return {"sort_key": name.casefold(), "search_text": "\n".join(texts).casefold()}


def _checked(name: str, text: str) -> str:
    text = check_text(text)
    if len(text) > MAX_LENGTH:
        raise InvalidValue(f"This is too long: at most {MAX_LENGTH} characters fit.")
    if name in NUMBER_FIELDS and text and not (_NUMBER.fullmatch(text) or _ADDRESS.fullmatch(text)):
        raise InvalidValue(
            f"“{text[:40]}” cannot be dialled. Enter digits with + * #, like +49 30 1234, or a SIP address."
        )
    if name == "email" and text and not _EMAIL.fullmatch(text):
        raise InvalidValue(f"“{text[:40]}” is no e-mail address. Write it like ada@acme.example.")
    return text
