"""Kinds of values in templates, and what can be said of them without running anything."""

import ast
from dataclasses import dataclass

MAX_ITEMS = 64
"""How many items a list that is written out may have, and how wide a number may be filled up."""


class Refused(Exception):
    """An expression is not allowed; the message says why, in words for people who write templates."""


@dataclass(frozen=True, slots=True)
class Kind:
    """What a value is: text, number, truth, value (text or number), raw, list, tuple, table, record, collection, loop.

    `items` are the kinds inside a list, tuple or table; `of` names the collection that a record belongs to; `size` is
    how many items a list has at most.
    """

    name: str
    items: tuple["Kind", ...] = ()
    of: str = ""
    size: int = 0


TEXT, NUMBER, TRUTH, VALUE, RAW, LOOP = (Kind(n) for n in ("text", "number", "truth", "value", "raw", "loop"))
BY_NAME = {kind.name: kind for kind in (TEXT, NUMBER, TRUTH, VALUE)}
SCALARS = frozenset({"text", "number", "truth", "value"})


def merged(kinds: tuple[Kind, ...]) -> Kind:
    """One kind for a value that may be any of these; raises Refused where there is none."""
    if kinds and all(kind == kinds[0] for kind in kinds):
        return kinds[0]
    if TRUTH in kinds:
        return TRUTH
    if all(kind.name in SCALARS | {"raw"} for kind in kinds):
        return VALUE
    raise Refused("lists and single values are mixed here")


def literal(node: ast.expr) -> str | None:
    """A text that is written out in the template, or None."""
    return node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else None


def shown(node: ast.AST) -> str:
    """The code of a node, short enough for a message."""
    return ast.unparse(node)[:60]
