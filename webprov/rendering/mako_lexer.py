"""Mako's lexer, made strict: one that only reads, and one whose tree holds nothing but checked expressions."""

import ast
import re
from typing import Any

from mako import parsetree
from mako.exceptions import MakoException
from mako.lexer import Lexer

from webprov.errors import TemplateError
from webprov.rendering.expressions import parse_expression, parse_statement
from webprov.rendering.kinds import Refused
from webprov.rendering.loops import read_loop

MAX_CHARACTERS = 131_072

_TAG_START = re.compile(r"<%(?=[\w.:])")
_TAG = re.compile(r"""<%[\w.:]{1,40}(?:\s{1,80}\w{1,40}=(?:"[^"<]{0,200}"|'[^'<]{0,200}')){0,9}\s{0,80}/?>""")
_FORBIDDEN = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")

_MAKO_NAMES = frozenset({"context", "self", "local", "parent", "caller", "capture", "pageargs", "runtime", "cache"})

ESCAPE = "_escape"
"""The name under which a template finds the escaper; no template can name it itself."""


class PlainLexer(Lexer):  # type: ignore[misc]
    """Reads a template as it is, without looking for an encoding in its first line."""

    _coding_re = re.compile(r"(?!)")

    def append_node(self, nodecls: Any, *args: Any, **kwargs: Any) -> None:
        """Look at Python before Mako does: its parser should not see what the gate refuses anyway."""
        try:
            self.check_node(nodecls, args)
        except Refused as e:
            raise LocatedRefusal(str(e), int(kwargs.get("lineno") or self.matched_lineno or 0)) from None
        super().append_node(nodecls, *args, **kwargs)

    def check_node(self, nodecls: Any, args: tuple[Any, ...]) -> None:
        """Refuse what cannot be parsed cheaply."""
        if nodecls is parsetree.Code:
            raise Refused("Python code (<% … %>) is not allowed in templates")
        if nodecls is parsetree.Expression:
            parse_expression(args[0])
            if not re.fullmatch(r"[a-z, ]{0,40}", args[1]):
                raise Refused(f"“{args[1][:40]}” is not a filter for templates")
        if nodecls is parsetree.ControlLine and not args[1] and args[0] != "for":
            condition = control_expression(args[2])
            if condition is not None:
                parse_expression(condition)


class LocatedRefusal(Refused):
    """A refusal with the line where it happened."""

    def __init__(self, reason: str, line: int) -> None:
        super().__init__(reason)
        self.line = line


class CompilingLexer(PlainLexer):
    """Gives the compiler each expression as the gate understood it, with the filters first and the escaper last."""

    def append_node(self, nodecls: Any, *args: Any, **kwargs: Any) -> None:
        """Put the canonical text of every expression into the tree."""
        if nodecls is parsetree.Expression:
            args = _expression(*args)
        elif nodecls is parsetree.ControlLine and not args[1]:
            args = (args[0], False, _control(args[0], args[2]))
        super().append_node(nodecls, *args, **kwargs)

    def check_node(self, nodecls: Any, args: tuple[Any, ...]) -> None:  # noqa: ARG002
        """The gate has seen it all before; should it ever miss something, no code gets beyond plain values."""
        if nodecls is parsetree.Code:
            raise Refused("Python code (<% … %>) is not allowed in templates")


def _check_text(file: str, text: str) -> None:
    """Refuse what Mako's lexer should not even see: control characters, huge texts, tags that would take it long."""
    if len(text) > MAX_CHARACTERS:
        raise TemplateError(file, 0, f"a template may have {MAX_CHARACTERS} characters at most")
    control = _FORBIDDEN.search(text)
    if control is not None:
        line = text.count("\n", 0, control.start()) + 1
        raise TemplateError(file, line, f"a control character (U+{ord(control[0]):04X}) may not stand in a template")
    for start in _TAG_START.finditer(text):
        if not _TAG.match(text, start.start()):
            line = text.count("\n", 0, start.start()) + 1
            raise TemplateError(file, line, 'this is no tag for a template; write it like <%include file="name.cfg"/>')


def read_tree(file: str, text: str) -> parsetree.TemplateNode:
    """Mako's parse tree of a template; nothing runs. Raises TemplateError where there is none."""
    _check_text(file, text)
    try:
        return PlainLexer(text).parse()
    except LocatedRefusal as e:
        raise TemplateError(file, e.line, str(e)) from None
    except MakoException as e:
        reason = re.split(r" at line: | in file ", str(e))[0][:200]
        raise TemplateError(file, getattr(e, "lineno", 0) or 0, f"not readable as a template: {reason}") from None
    except Exception as e:  # Mako's parser meets hostile text here; whatever it raises, the template is not for us
        raise TemplateError(file, 0, f"not readable as a template ({type(e).__name__})") from None


def control_expression(text: str) -> str | None:
    """The condition of `if …:` or `elif …:`; None for `else:`. Raises Refused for anything else."""
    stripped = text.strip()
    if re.fullmatch(r"else\s*:\s*(?:#.*)?", stripped):
        return None
    condition = re.match(r"(?:el)?if\b", stripped)
    if condition is None:
        keyword = stripped.split(None, 1)[0][:20] if stripped else ""
        raise Refused(f"% {keyword} is not allowed; templates know % if, % elif, % else and % for")
    return ast.unparse(parse_statement("if" + stripped[condition.end() :], ast.If, '% if SRTP == "required":').test)


def _fence(tree: ast.AST) -> None:
    """Refuse the ways from a value to the objects behind it, and the names that Mako itself gives (security TP-02)."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and (node.attr.startswith("_") or node.attr.startswith("format")):
            raise Refused(f"{node.attr} is not allowed in a template")
        if isinstance(node, ast.Name) and node.id in _MAKO_NAMES:
            raise Refused(f"{node.id} is not allowed in a template")


def _expression(text: str, escapes: str) -> tuple[str, str]:
    tree = parse_expression(text)
    _fence(tree)
    filters = [name.strip() for name in escapes.split(",") if name.strip()]
    if isinstance(tree, ast.Constant):  # written out by the template's author: part of its text
        return repr(str(tree.value)), ",".join([*filters, "n"])
    return ast.unparse(tree), ",".join([*filters, "n", ESCAPE])


def _control(keyword: str, text: str) -> str:
    if keyword == "for":
        target, iterable = read_loop(text)
        _fence(parse_expression(iterable))
        return f"for {ast.unparse(target)} in {iterable}:"
    condition = control_expression(text)
    if condition is not None:
        _fence(parse_expression(condition))
    return "else:" if condition is None else f"{keyword} {condition}:"
