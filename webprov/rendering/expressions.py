"""What an expression in a template may be: an allow-list on Python's syntax tree, and the kind of every value (spec 4).

Nothing here runs an expression. What is not listed is refused, so a construct that a later Python adds is refused too.
"""

import ast
import difflib
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

from webprov.rendering.functions import FUNCTIONS
from webprov.rendering.kinds import (
    BY_NAME,
    MAX_ITEMS,
    NUMBER,
    RAW,
    SCALARS,
    TEXT,
    TRUTH,
    Kind,
    Refused,
    merged,
    shown,
)
from webprov.rendering.methods import method_kind, replace_growth
from webprov.rendering.names import (
    BUILT_IN_NAMES,
    COLLECTIONS,
    RAW_NAMES,
    RESERVED_NAMES,
    SET_NAMES,
    SET_PREFIX,
    WHOLE_NUMBERS,
)

MAX_NODES = 300
MAX_DEPTH = 40
MAX_NUMBER = 999_999
MAX_GROWTH = 100

LOOP_MEMBERS = {
    "index": ("number", "Position from 0"),
    "reverse_index": ("number", "How many are still to come"),
    "first": ("truth", "Is this the first one?"),
    "last": ("truth", "Is this the last one?"),
    "even": ("truth", "Is the position from 0 even?"),
    "odd": ("truth", "Is the position from 0 odd?"),
}

_CUSTOM = re.compile(r"[A-Z][A-Z0-9_]{0,63}", re.ASCII)
_VARIABLES = BUILT_IN_NAMES - RESERVED_NAMES
_OPERATORS = (ast.Add, ast.Sub, ast.Mult, ast.FloorDiv, ast.Mod)
_COMPARISONS = (ast.Eq, ast.NotEq, ast.Lt, ast.LtE, ast.Gt, ast.GtE, ast.In, ast.NotIn)


@dataclass
class Expression:
    """An expression that may stand in a template: its kind, the variables that it uses, its tree."""

    kind: Kind
    names: frozenset[str]
    tree: ast.expr


def check_expression(text: str, loops: Mapping[str, Kind]) -> Expression:
    """Check one expression where these variables of loops can be seen; raises Refused."""
    checker = _Checker(loops)
    tree = parse_expression(text)
    return Expression(checker.kind(tree), frozenset(checker.names), tree)


def parse_expression(text: str) -> ast.expr:
    """The syntax tree of one expression of modest size; raises Refused."""
    _check_backslashes(text)
    try:
        tree = ast.parse(text.strip(), mode="eval").body
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        raise Refused(f"“{text.strip()[:60]}” is not an expression that webprov can read") from None
    _check_size(tree)
    return tree


Statement = TypeVar("Statement", ast.If, ast.For)


def parse_statement(text: str, kind: type[Statement], example: str) -> Statement:
    """The syntax tree of one control line, `if …:` or `for … in …:`; raises Refused with the example."""
    _check_backslashes(text)
    try:
        body = ast.parse(text.strip() + "\n pass").body
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        raise Refused(f"this line is not readable; write it like {example}") from None
    if len(body) != 1 or not isinstance(body[0], kind) or body[0].orelse:
        raise Refused(f"this line is not readable; write it like {example}")
    return body[0]


def _check_backslashes(text: str) -> None:
    if re.search(r"\\(?![\\\"'])", text):
        raise Refused("a backslash may only stand before a backslash or a quotation mark")


def nearest_name(name: str, known: frozenset[str] | set[str]) -> str:
    """The known name that looks most like `name`, or nothing."""
    by_spelling = {one.casefold(): one for one in sorted(known)}
    close = difflib.get_close_matches(name.casefold(), by_spelling, 1)
    return by_spelling[close[0]] if close else ""


def _check_size(tree: ast.expr) -> None:
    level: list[ast.AST] = [tree]
    depth = count = 0
    while level:
        depth, count = depth + 1, count + len(level)
        if depth > MAX_DEPTH or count > MAX_NODES:
            raise Refused("the expression is too long; split it")
        level = [child for node in level for child in ast.iter_child_nodes(node)]


class _Checker:
    """Walks one expression; every method returns the kind of its node or raises Refused."""

    def __init__(self, loops: Mapping[str, Kind]) -> None:
        self.loops = loops
        self.names: set[str] = set()
        self.growth = 1
        self._known: dict[type[ast.AST], Callable[[Any], Kind]] = {
            ast.Constant: self._constant,
            ast.Name: self._name,
            ast.Attribute: self._attribute,
            ast.Subscript: self._subscript,
            ast.Compare: self._compare,
            ast.BoolOp: self._bool,
            ast.UnaryOp: self._unary,
            ast.BinOp: self._binary,
            ast.IfExp: self._conditional,
            ast.Call: self._call,
            ast.List: self._sequence,
            ast.Tuple: self._sequence,
            ast.Dict: self._table,
        }

    def kind(self, node: ast.expr) -> Kind:
        """The kind of any allowed node."""
        check = self._known.get(type(node))
        if check is None:
            raise Refused(f"“{shown(node)}” is not allowed in a template ({type(node).__name__})")
        return check(node)

    def expect(self, node: ast.expr, allowed: frozenset[str] | set[str], what: str) -> Kind:
        """The kind of `node`, which must be one of `allowed`."""
        kind = self.kind(node)
        if kind.name not in allowed:
            raise Refused(f"“{shown(node)}” is a {kind.name}; {what} needs a {' or '.join(sorted(allowed))}")
        return kind

    def _constant(self, node: ast.Constant) -> Kind:
        value = node.value
        if isinstance(value, bool):
            return TRUTH
        if isinstance(value, str):
            return TEXT
        if isinstance(value, int) and value <= MAX_NUMBER:
            return NUMBER
        if isinstance(value, int):
            raise Refused(f"a number may be {MAX_NUMBER} at most")
        raise Refused(f"“{shown(node)}” is not allowed: only texts and whole numbers")

    def _name(self, node: ast.Name) -> Kind:
        name = node.id
        if name in self.loops:
            return self.loops[name]
        if name in COLLECTIONS:
            self.names.add(name)
            return Kind("collection", of=name)
        if not self._is_variable(name):
            raise Refused(self._unknown(name))
        self.names.add(name)
        return RAW if name in RAW_NAMES else _kind_of(name)

    def _is_variable(self, name: str) -> bool:
        if name in _VARIABLES:
            return True
        return (
            bool(_CUSTOM.fullmatch(name.removeprefix(SET_PREFIX))) and "__" not in name and name not in RESERVED_NAMES
        )

    def _unknown(self, name: str) -> str:
        if name in FUNCTIONS:
            return f"{name} is a function: write {FUNCTIONS[name].usage}"
        known = {*_VARIABLES, *SET_NAMES, *FUNCTIONS, *self.loops}
        nearest = nearest_name(name, known)
        return f"unknown name {name}" + (f"; the nearest known name is {nearest}" if nearest else "")

    def _attribute(self, node: ast.Attribute) -> Kind:
        kind = self.kind(node.value)
        if kind.name == "record" and node.attr in COLLECTIONS[kind.of]:
            return _kind_of(node.attr)
        if kind.name == "loop" and node.attr in LOOP_MEMBERS:
            return BY_NAME[LOOP_MEMBERS[node.attr][0]]
        members = COLLECTIONS[kind.of] if kind.name == "record" else LOOP_MEMBERS if kind.name == "loop" else {}
        nearest = nearest_name(node.attr, {*members})
        hint = f"; the nearest known member is {nearest}" if nearest else ""
        raise Refused(f"“{shown(node.value)}” has no member {node.attr}{hint}")

    def _subscript(self, node: ast.Subscript) -> Kind:
        kind = self.expect(node.value, {"text", "list", "tuple", "table", "collection"}, "[…]")
        if isinstance(node.slice, ast.Slice):
            return self._slice(kind, node.slice)
        if kind.name == "table":
            self.expect(node.slice, SCALARS, "a table")
            return merged(kind.items)
        self.expect(node.slice, {"number"}, "[…]")
        if kind.name == "collection":
            return Kind("record", of=kind.of)
        return TEXT if kind.name == "text" else merged(kind.items)

    def _slice(self, kind: Kind, node: ast.Slice) -> Kind:
        if kind.name != "text" or node.step is not None:
            raise Refused("a part like [0:6] can be cut out of a text only")
        for edge in (node.lower, node.upper):
            if edge is not None:
                self.expect(edge, {"number"}, "[…]")
        return TEXT

    def _compare(self, node: ast.Compare) -> Kind:
        left = node.left
        for operator, right in zip(node.ops, node.comparators, strict=True):
            self._compare_two(left, operator, right)
            left = right
        return TRUTH

    def _compare_two(self, left: ast.expr, operator: ast.cmpop, right: ast.expr) -> None:
        if not isinstance(operator, _COMPARISONS):
            raise Refused("compare with == and !=, not with is")
        one = self.expect(left, SCALARS | {"raw"}, "a comparison")
        if isinstance(operator, ast.In | ast.NotIn):
            if self.expect(right, {"text", "list", "tuple", "table"}, "in") == TEXT and one != TEXT:
                raise Refused(f"“{shown(left)}” is a {one.name}; look for a text in a text")
            return
        other = self.expect(right, SCALARS | {"raw"}, "a comparison")
        if not isinstance(operator, ast.Eq | ast.NotEq) and not one.name == other.name in ("text", "number"):
            raise Refused(f"“{shown(left)}” is a {one.name} and “{shown(right)}” a {other.name}: use int(…)")

    def _bool(self, node: ast.BoolOp) -> Kind:
        return merged(tuple(self.expect(value, SCALARS | {"raw", "list"}, "and/or") for value in node.values))

    def _unary(self, node: ast.UnaryOp) -> Kind:
        if isinstance(node.op, ast.Not):
            self.expect(node.operand, SCALARS | {"raw", "list", "collection"}, "not")
            return TRUTH
        if isinstance(node.op, ast.USub | ast.UAdd):
            return self.expect(node.operand, {"number"}, "a sign")
        raise Refused(f"“{shown(node)}” is not allowed in a template")

    def _binary(self, node: ast.BinOp) -> Kind:
        if not isinstance(node.op, _OPERATORS):
            raise Refused("only + - * // % are allowed, between whole numbers")
        left, right = self.kind(node.left), self.kind(node.right)
        if left == right == NUMBER:
            return NUMBER
        if left == right == TEXT and isinstance(node.op, ast.Add):
            return TEXT
        raise Refused(f"“{shown(node)}”: + joins two texts, + - * // % need whole numbers, so use int(…)")

    def _conditional(self, node: ast.IfExp) -> Kind:
        self.expect(node.test, SCALARS | {"raw", "list", "collection"}, "if")
        return merged((self.kind(node.body), self.kind(node.orelse)))

    def _sequence(self, node: ast.List | ast.Tuple) -> Kind:
        if len(node.elts) > MAX_ITEMS:
            raise Refused(f"a list may have {MAX_ITEMS} items at most")
        kinds = tuple(self.expect(item, SCALARS | {"tuple"}, "a list") for item in node.elts)
        return Kind("tuple" if isinstance(node, ast.Tuple) else "list", kinds, size=len(kinds))

    def _table(self, node: ast.Dict) -> Kind:
        if len(node.keys) > MAX_ITEMS:
            raise Refused(f"a table may have {MAX_ITEMS} entries at most")
        if not all(isinstance(key, ast.Constant) and isinstance(key.value, str | int) for key in node.keys):
            raise Refused("the left sides of a table {…} must be written out")
        return Kind("table", tuple(self.expect(value, SCALARS, "a table") for value in node.values))

    def _call(self, node: ast.Call) -> Kind:
        if node.keywords:
            raise Refused(f"“{shown(node)}”: arguments have no names in templates")
        if isinstance(node.func, ast.Attribute):
            return self._method(node, node.func)
        if not isinstance(node.func, ast.Name) or node.func.id not in FUNCTIONS:
            known = ", ".join(FUNCTIONS)
            raise Refused(f"“{shown(node.func)}” is not a function for templates; known: {known}")
        function = FUNCTIONS[node.func.id]
        if not function.least <= len(node.args) <= function.most:
            raise Refused(f"wrong number of arguments: write {function.usage}")
        for argument in node.args:
            self.expect(argument, function.takes, function.usage)
        return Kind("list", (TEXT,), size=MAX_ITEMS) if function.gives == "list" else BY_NAME[function.gives]

    def _method(self, node: ast.Call, func: ast.Attribute) -> Kind:
        on, arguments = self.kind(func.value), tuple(self.kind(argument) for argument in node.args)
        if func.attr == "replace":
            self.growth *= replace_growth(node.args)
            if self.growth > MAX_GROWTH:
                raise Refused("replace would make the text too long")
        return method_kind(func, on, node.args, arguments)


def _kind_of(name: str) -> Kind:
    return NUMBER if name in WHOLE_NUMBERS else TEXT
