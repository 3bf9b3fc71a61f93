"""The guide for authors of templates names every variable, function, method, filter and option, with its meaning.

With WEBPROV_WRITE_EXPECTED set in the environment its tables are written anew: look at the difference, then commit.
"""

import os
import re
from collections.abc import Iterable
from pathlib import Path

from webprov.rendering.expressions import LOOP_MEMBERS
from webprov.rendering.formats import OPTIONS
from webprov.rendering.functions import FILTERS, FUNCTIONS, METHODS
from webprov.rendering.gate import check_template
from webprov.rendering.names import (
    CONTACT_GROUP_NAMES,
    CONTACT_NAMES,
    CONTACT_NUMBER_NAMES,
    DEVICE_NAMES,
    DIRECTORY_NAMES,
    KEY_NAMES,
    LINE_NAMES,
    RAW_NAMES,
    SERVER_NAMES,
    SET_NAMES,
    WHOLE_NUMBERS,
)

GUIDE = Path(__file__).parents[2] / "docs" / "templates.md"
START, END = "<!-- reference: written by tests/docs/test_templates_guide.py -->\n", "<!-- end of reference -->"
VARIABLES = {
    "Servers, protocol, credentials": SERVER_NAMES,
    "Device and tenant": DEVICE_NAMES,
    "Raw text": RAW_NAMES,
    "Line (in line templates, and members of LINE_SLOTS)": LINE_NAMES,
    "Key (in key templates, and members of KEY_SLOTS)": KEY_NAMES,
    "Contact (members of CONTACTS and GROUPED_CONTACTS, in directory templates)": CONTACT_NAMES,
    "Number (members of CONTACT_NUMBERS, in directory templates)": CONTACT_NUMBER_NAMES,
    "Group (members of CONTACT_GROUPS, in directory templates)": CONTACT_GROUP_NAMES,
    "Directory (in directory templates and their file names)": DIRECTORY_NAMES,
    "Defaults that models set and custom variables override": SET_NAMES,
}


def reference() -> str:
    """All tables of the reference."""
    parts = [table(title, "variable", described(names)) for title, names in VARIABLES.items()]
    parts += [
        table("Functions", "function", ((function.usage, function.meaning) for function in FUNCTIONS.values())),
        table("Methods of texts", "method", METHODS.values()),
        table("Filters", "filter", ((f"${{X | {name}}}", meaning) for name, (_, meaning) in FILTERS.items())),
        table("In a loop", "member", ((f"loop.{name}", meaning) for name, (_, meaning) in LOOP_MEMBERS.items())),
        table("Options of the format line", "option", OPTIONS.items()),
    ]
    return "\n".join(parts)


def described(names: dict[str, str]) -> Iterable[tuple[str, str]]:
    """Names with their meanings; whole numbers say so."""
    for name, meaning in names.items():
        yield name, meaning + ("; a whole number" if name in WHOLE_NUMBERS else "")


def table(title: str, head: str, rows: Iterable[tuple[str, str]]) -> str:
    """One table with its heading."""
    lines = [f"| `{name.replace('|', chr(92) + '|')}` | {meaning} |" for name, meaning in rows]
    return "\n".join([f"### {title}", "", f"| {head} | meaning |", "|---|---|", *lines, ""])


def test_reference_is_what_the_code_knows():
    text = GUIDE.read_text()
    before, rest = text.split(START)
    _, after = rest.split(END)
    if os.environ.get("WEBPROV_WRITE_EXPECTED"):
        GUIDE.write_text(before + START + "\n" + reference() + "\n" + END + after)

    assert START + "\n" + reference() + "\n" + END in GUIDE.read_text()


def test_examples_pass_the_gate():
    examples = re.findall(r"```\n(.*?)```", GUIDE.read_text(), re.DOTALL)

    assert len(examples) == 2
    assert [check_template("example", text).refusals for text in examples] == [(), ()]
