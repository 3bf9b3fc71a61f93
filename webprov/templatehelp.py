"""What template authors can write, by group, with what each means: for beside the editor."""

from collections.abc import Mapping
from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.orm import Session

from webprov.rendering.functions import FILTERS, FUNCTIONS, METHODS
from webprov.rendering.names import (
    CONTACT_NAMES,
    DEVICE_NAMES,
    KEY_NAMES,
    LINE_NAMES,
    RAW_NAMES,
    SERVER_NAMES,
    SET_NAMES,
)
from webprov.store.models import CustomVariable


@dataclass(frozen=True, slots=True)
class HelpItem:
    """Something to insert: as it is shown, as it is written, and what it means."""

    shown: str
    text: str
    meaning: str


@dataclass(frozen=True, slots=True)
class HelpGroup:
    """Items that belong together, with where they can be used."""

    title: str
    about: str
    items: tuple[HelpItem, ...]


_PARTS = (
    HelpItem("loop over lines", "% for line in LINE_SLOTS:\n\n% endfor\n", "Once per account; ${line.USERID} inside"),
    HelpItem("loop over keys", "% for key in KEY_SLOTS:\n\n% endfor\n", "Once per key; ${key.KEY_CODE} inside"),
    HelpItem("condition", "% if PROXY_SERVER:\n\n% else:\n\n% endif\n", "Lines for some devices only"),
    HelpItem("include", '<%include file="brand/part.cfg"/>\n', "Another template, named from the top"),
    HelpItem("comment", "## \n", "A line that reaches no phone"),
    HelpItem("lines of this model", "${LINES}\\\n", "What the line template makes of every line"),
    HelpItem("override text", "${OVERRIDE}\\\n", "Raw lines of model, tenant and device"),
)
_ESCAPES = (
    HelpItem("a # at the start", '${"##"}', "## would begin a comment"),
    HelpItem("a % at the start", "%%", "% would begin a condition or loop"),
    HelpItem("no line break", "\\\n", "A backslash at the end joins two lines"),
    HelpItem("a literal ${…}", '${"${name}"}', "Written as it is"),
    HelpItem("text as it is", "<%text>\n\n</%text>\n", "Nothing in it is evaluated"),
)


def help_groups(session: Session) -> list[HelpGroup]:
    """Variables by where they can be used, custom ones as they are now, then what else can be written."""
    names = session.scalars(select(CustomVariable.name).distinct().order_by(CustomVariable.name).limit(500)).all()
    custom = dict.fromkeys(names, "Custom variable")
    calls = {call.usage: call.meaning for call in FUNCTIONS.values()}
    calls |= {f"TEXT.{usage}": meaning for usage, meaning in METHODS.values()}
    filters = {f"NAME | {name}": meaning for name, (_, meaning) in FILTERS.items()}
    groups = [
        HelpGroup("Loops, conditions, includes", "", _PARTS),
        _variables("Device and tenant", "In every file of a device.", {**DEVICE_NAMES, **RAW_NAMES}),
        _variables("Servers and credentials", "In every file, shared ones too.", SERVER_NAMES),
        _variables("Line", "In line templates; in a loop over LINE_SLOTS as ${line.NAME}.", LINE_NAMES),
        _variables("Key", "In key templates; in a loop over KEY_SLOTS as ${key.NAME}.", KEY_NAMES),
        _variables("Contact", "In directory templates, in a loop over CONTACTS.", CONTACT_NAMES, "contact."),
        _variables("Defaults of models", "A model’s set_ value, or a variable of that name.", SET_NAMES),
        _variables("Your variables", "As they are defined now, for all, a tenant, a device or a line.", custom),
        _variables("Functions and filters", "Inside ${…}.", calls | filters),
        HelpGroup("Escapes", "Where Mako would take a character for its own.", _ESCAPES),
    ]
    return [group for group in groups if group.items]


def _variables(title: str, about: str, names: Mapping[str, str], prefix: str = "") -> HelpGroup:
    items = (HelpItem(prefix + name, f"${{{prefix}{name}}}", meaning) for name, meaning in names.items())
    return HelpGroup(title, about, tuple(items))
