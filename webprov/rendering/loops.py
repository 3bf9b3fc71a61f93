"""`% for` in templates: what a loop may run over, and the variables it brings (spec 4)."""

import ast
import keyword
import re
from collections.abc import Collection
from dataclasses import dataclass, field

from webprov.rendering.expressions import parse_statement
from webprov.rendering.functions import FILTERS, FUNCTIONS
from webprov.rendering.kinds import Kind, Refused
from webprov.rendering.names import SET_PREFIX
from webprov.rendering.work import COLLECTION_SIZE

_NAME = re.compile(r"[a-z][a-z0-9_]{0,40}", re.ASCII)
_TAKEN_NAMES = frozenset({
    *keyword.kwlist, *keyword.softkwlist, "mac", "context", "loop", "self", "local", "parent", "next", "caller",
    "capture", "pageargs", "body", "runtime", "filters", "cache",
})  # fmt: skip


@dataclass
class Frame:
    """An open `% if` or `% for`: its variables, how often it runs, and the collection it runs over."""

    opened_by: str  # if or for
    variables: dict[str, Kind] = field(default_factory=dict)
    times: int = 1
    over: str = ""
    ended: bool = False  # by % else: nothing but % endif may follow


def name_problem(name: str) -> str:
    """Why a definition, block or loop variable may not have this name; "" where it may."""
    if not _NAME.fullmatch(name) or "__" in name:
        return f"“{name[:40]}” cannot be a name here: lower-case letters, digits and single underscores"
    if name in _TAKEN_NAMES or name in FUNCTIONS or name in FILTERS or name.startswith(SET_PREFIX):
        return f"{name} has a meaning of its own; choose another name"
    return ""


def read_loop(text: str) -> tuple[ast.expr, str]:
    """The target and what follows `in`; raises Refused."""
    statement = parse_statement(text, ast.For, "% for line in LINE_SLOTS:")
    return statement.target, ast.unparse(statement.iter)


def loop_size(kind: Kind) -> int:
    """How often a loop over this counts; raises Refused where it is nothing to loop over."""
    if kind.name == "collection":
        return COLLECTION_SIZE
    if kind.name in ("list", "tuple") and kind.size:
        return kind.size
    raise Refused("a loop runs over LINE_SLOTS, KEY_SLOTS, CONTACTS, words(…) or a list that is written out")


def loop_variables(target: ast.expr, kind: Kind, taken: Collection[str]) -> dict[str, Kind]:
    """The variables of a loop with their kinds; raises Refused for a name that is taken or does not fit."""
    item = _item(kind)
    names = [target] if isinstance(target, ast.Name) else list(getattr(target, "elts", []))
    kinds = (item,) if isinstance(target, ast.Name) else item.items
    found = {name.id: one for name, one in zip(names, kinds, strict=False) if isinstance(name, ast.Name)}
    if not found or len(found) != len(names) or len(names) != len(kinds):
        raise Refused("the variables of this loop do not fit what it runs over")
    for name in found:
        problem = name_problem(name) or (f"{name} is used already" if name in taken else "")
        if problem:
            raise Refused(f"variable of the loop: {problem}")
    return found


def _item(kind: Kind) -> Kind:
    """What one round of the loop sees."""
    if kind.of:
        return Kind("record", of=kind.of)
    return kind.items[0] if len(set(kind.items)) == 1 else Kind("value")
