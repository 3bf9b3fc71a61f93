"""Where each line of a rendered file comes from: which lines of which templates wrote it, and what they used.

A traced rendering is an ordinary one whose output is collected piece by piece: Mako's compiled templates write each
text and each expression with a call of its own, and the caller's frame tells the template, its line, and the line or
key of a loop. So what is told cannot differ from what is rendered.
"""

import ast
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from types import FrameType, SimpleNamespace
from typing import Any, NamedTuple

from mako import parsetree
from mako.template import ModuleInfo, Template

from webprov.errors import TemplateError
from webprov.rendering.expressions import parse_expression
from webprov.rendering.functions import CALLS
from webprov.rendering.library import Closure, LoadedTemplate
from webprov.rendering.mako_lexer import read_tree
from webprov.rendering.names import COLLECTIONS

_NO_VARIABLES = frozenset({*CALLS, *COLLECTIONS, "LINES", "KEYS"})


class Use(NamedTuple):
    """A variable that a line of a template used: as the device has it, or as that line (from 1) or key has it."""

    name: str
    line: int | None = None
    key: tuple[int, int] | None = None  # module and number


@dataclass(frozen=True, slots=True)
class LineOrigin:
    """Of one line of a file: the places (template, line from 1) that wrote it, and what stood in for variables."""

    places: tuple[tuple[str, int], ...] = ()
    uses: tuple[Use, ...] = ()


@dataclass(frozen=True, slots=True)
class _Piece:
    """What one call wrote; with `uses` it stands for an expression, else it is text of the template."""

    text: str
    place: tuple[str, int]
    uses: tuple[Use, ...] = ()


class Tracer:
    """Collects the pieces of one device's rendering; hand it to `render_device`."""

    def __init__(self) -> None:
        self.lines: dict[str, list[LineOrigin]] = {}
        self._blocks: dict[str, list[_Piece]] = {}
        self._waiting: list[_Piece] = []
        self._known_lines: dict[tuple[int, int], int] = {}

    def begin(self, closure: Closure, data: Mapping[str, Any], buffer: Any, escaper: Any) -> "_TracingBuffer":
        """One template is about to run: what stands in for its `buffer` and its `escaper`."""
        self._pieces: list[_Piece] = []
        return _TracingBuffer(self, closure, data, buffer, escaper)

    def note(self, piece: _Piece) -> None:
        """Something was written."""
        self._pieces.append(piece)

    def note_block(self, text: str) -> bool:
        """Whether `text` is what LINES or KEYS are, whose pieces are known; then they were written."""
        block = self._blocks.get(text)
        self._pieces.extend(block or ())
        return bool(block)

    def line_of(self, template: Template, frame: FrameType) -> int:
        """The line of `template` that `frame` runs. Frames count lines slowly: each place is looked up once."""
        place = id(frame.f_code), frame.f_lasti
        line = self._known_lines.get(place)
        if line is None:
            line = self._known_lines[place] = _template_line(template, frame)
        return line

    def end_part(self) -> None:
        """One repetition of a line or key template has been written."""
        self._waiting += self._pieces

    def end_block(self, text: str) -> None:
        """All repetitions are there: `text` is what LINES or KEYS will be."""
        self._blocks[text], self._waiting = self._waiting, []

    def end_file(self, path: str, kept: list[int] | None) -> None:
        """The file `path` has been written; `kept` are the positions of its lines that an override left (None: all)."""
        found = _lines(self._pieces)
        self.lines[path] = found if kept is None else [found[position] for position in kept if position < len(found)]


class _TracingBuffer:
    """Stands in for the buffer and the escaper of a running template; `write` looks at who calls it."""

    def __init__(self, tracer: Tracer, closure: Closure, data: Mapping[str, Any], inner: Any, escaper: Any) -> None:
        self._tracer, self._data, self._place = tracer, data, _place(data)
        self._inner, self._escaper, self._escaped = inner, escaper, False
        self._files = {file.compiled.module_id: file for file in closure.files}

    def __call__(self, value: object) -> str:
        """Escape; what is written next is the value of an expression."""
        self._escaped = True
        return str(self._escaper(value))

    def write(self, text: str) -> None:
        """Write, and note where that comes from."""
        self._inner.write(text)
        escaped, self._escaped = self._escaped, False
        frame = sys._getframe(1)
        file = self._files.get(frame.f_code.co_filename)
        if file is None:
            return
        if escaped and text and self._tracer.note_block(text):
            return
        line = self._tracer.line_of(file.compiled, frame)
        uses = tuple(self._uses(file, line, frame)) if escaped else ()
        self._tracer.note(_Piece(text, (file.name, line), uses))

    def getvalue(self) -> str:
        """All of it."""
        return str(self._inner.getvalue())

    def _uses(self, file: LoadedTemplate, line: int, frame: FrameType) -> Iterator[Use]:
        for name, record in _names_by_line(file.compiled).get(line, ()):
            if record:
                yield from _use_of_record(name, frame.f_locals.get(record))
            elif name in self._data and name not in _NO_VARIABLES:
                yield Use(name, *self._place)


def _use_of_record(name: str, record: object) -> Iterator[Use]:
    """A member of what a loop goes over: one of LINE_SLOTS or KEY_SLOTS."""
    if isinstance(record, SimpleNamespace):
        yield Use(name, *_place(vars(record)))


def _place(values: Mapping[str, Any]) -> tuple[int | None, tuple[int, int] | None]:
    """The line or key that these values are of."""
    if "KEY_MODULE" in values and values.get("KEY"):
        return None, (int(values["KEY_MODULE"] or 0), int(values["KEY"]))
    return (int(values["LINE"]), None) if values.get("LINE") else (None, None)


@lru_cache(maxsize=256)
def _line_map(template: Template) -> list[int]:
    found: list[int] = ModuleInfo.get_module_source_metadata(template.code, full_line_map=True)["full_line_map"]
    return found


def _template_line(template: Template, frame: FrameType) -> int:
    lines = _line_map(template)
    return int(lines[frame.f_lineno - 1]) if frame.f_lineno <= len(lines) else 0


@lru_cache(maxsize=256)
def _names_by_line(template: Template) -> dict[int, tuple[tuple[str, str], ...]]:
    """For each line of a template the variables in its expressions; members of a loop's record with its name."""
    try:
        tree = read_tree(template.uri, template.source)
    except TemplateError:  # it was compiled, so it can be read
        return {}
    found: dict[int, dict[tuple[str, str], None]] = {}
    for node in _expressions(tree.nodes):
        found.setdefault(node.lineno, {}).update(dict.fromkeys(_names(parse_expression(node.text))))
    return {line: tuple(names) for line, names in found.items()}


def _expressions(nodes: Any) -> Iterator[parsetree.Expression]:
    for node in nodes:
        if isinstance(node, parsetree.Expression):
            yield node
        yield from _expressions(getattr(node, "nodes", ()))


def _names(tree: ast.expr) -> Iterator[tuple[str, str]]:
    records = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.attr.isupper():
            records.add(node.value.id)
            yield node.attr, node.value.id
    for node in ast.walk(tree):
        if isinstance(node, ast.Name) and node.id not in records:
            yield node.id, ""


def _lines(pieces: list[_Piece]) -> list[LineOrigin]:
    """The pieces, cut at the ends of lines. A text of several lines stands on as many lines of its template."""
    lines: list[LineOrigin] = []
    places: dict[tuple[str, int], None] = {}
    uses: dict[Use, None] = {}
    for piece in pieces:
        template, number = piece.place
        for offset, part in enumerate(piece.text.split("\n")):
            if offset:
                lines.append(LineOrigin(tuple(places), tuple(uses)))
                places, uses = {}, {}
            if part or piece.uses:
                places[template, number + (0 if piece.uses else offset)] = None
                uses |= dict.fromkeys(piece.uses)
    return [*lines, LineOrigin(tuple(places), tuple(uses))] if places or uses else lines
