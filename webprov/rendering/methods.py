"""Methods of texts and tables in templates: which there are, and that none makes a text grow without bound."""

import ast
from collections.abc import Sequence

from webprov.rendering.functions import METHODS
from webprov.rendering.kinds import MAX_ITEMS, NUMBER, RAW, SCALARS, TEXT, TRUTH, Kind, Refused, literal, merged

_RESULTS = {
    "startswith": TRUTH,
    "endswith": TRUTH,
    "isdigit": TRUTH,
    "find": NUMBER,
    "count": NUMBER,
    "split": Kind("list", (TEXT,)),
}
_ARGUMENTS = {"lower": (0,), "upper": (0,), "title": (0,), "isdigit": (0,)} | dict.fromkeys(
    ("strip", "lstrip", "rstrip"), (0, 1)
)


def method_kind(func: ast.Attribute, on: Kind, arguments: Sequence[ast.expr], kinds: tuple[Kind, ...]) -> Kind:
    """What `on.name(arguments)` gives, `kinds` being those of the arguments; raises Refused."""
    name = func.attr
    if on.name == "table" and name == "get":
        return _get(on, kinds)
    if on.name == "raw" and name in ("strip", "lstrip", "rstrip"):
        _expect_texts(name, kinds)
        return RAW
    if on != TEXT or name not in METHODS:
        raise Refused(f"{name}() is not allowed on a {on.name}; texts know {', '.join(METHODS)}")
    if name == "join":
        _check_join(func.value, kinds)
    elif name == "zfill":
        _check_width(arguments)
    elif name != "replace":  # replace_growth has seen it
        _expect_texts(name, kinds)
    return _RESULTS.get(name, TEXT)


def replace_growth(arguments: Sequence[ast.expr]) -> int:
    """How many times longer `replace(old, new)` makes a text at most; raises Refused where that cannot be told."""
    texts = [literal(argument) for argument in arguments]
    if len(texts) != 2 or texts[1] is None or not texts[0]:
        raise Refused('replace needs two texts that are written out, as in replace(":", "")')
    return max(1, -(-len(texts[1]) // len(texts[0])))


def _get(on: Kind, kinds: tuple[Kind, ...]) -> Kind:
    if len(kinds) != 2 or not all(kind.name in SCALARS for kind in kinds):
        raise Refused("write get(NAME, DEFAULT)")
    return merged((*on.items, kinds[1]))


def _expect_texts(name: str, kinds: tuple[Kind, ...]) -> None:
    if len(kinds) not in _ARGUMENTS.get(name, (1,)):
        raise Refused(f"wrong number of arguments: write {METHODS[name][0]}")
    if any(kind != TEXT for kind in kinds):
        raise Refused(f"{METHODS[name][0]} needs a text; for a number write str(…)")


def _check_join(separator: ast.expr, kinds: tuple[Kind, ...]) -> None:
    if literal(separator) is None or len(kinds) != 1 or kinds[0].name not in ("list", "tuple"):
        raise Refused('join needs a separator that is written out and a list, as in ",".join(words(CODECS))')
    if any(item != TEXT for item in kinds[0].items):
        raise Refused("join needs a list of texts")


def _check_width(arguments: Sequence[ast.expr]) -> None:
    width = arguments[0].value if len(arguments) == 1 and isinstance(arguments[0], ast.Constant) else None
    if not isinstance(width, int) or width > MAX_ITEMS:
        raise Refused(f"zfill needs a width of {MAX_ITEMS} at most, as in zfill(2)")
