"""Runs one compiled template with the names it may see, and nothing else; trouble names template, line and variable."""

import traceback
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

from mako.runtime import CallerStack, Context
from mako.template import ModuleInfo

from webprov.errors import TemplateError
from webprov.rendering.escaping import Escaper, UnusableValue
from webprov.rendering.expressions import nearest_name
from webprov.rendering.library import Closure, TemplateLibrary
from webprov.rendering.mako_lexer import ESCAPE
from webprov.rendering.names import BUILT_IN_NAMES, RESERVED_NAMES
from webprov.rendering.tracing import Tracer
from webprov.rendering.veiling import Unpaired, joined

MAX_OUTPUT = 4 * 1024 * 1024
PIECE_COST = 4


class TooLarge(Exception):
    """The template wrote more than MAX_OUTPUT characters."""


class _Buffer:
    """Collects what a template writes, up to MAX_OUTPUT. `write` is a closure, as it runs for every piece of a file."""

    __slots__ = ("_parts", "write")

    def __init__(self) -> None:
        self._parts: list[str] = []
        self.write = _counting(self._parts.append)

    def getvalue(self) -> str:
        """All of it."""
        return joined(self._parts)


def _counting(append: Callable[[str], None]) -> Callable[[str], None]:
    """Each piece costs a little more than its characters, so that a loop that writes nothing ends too."""
    room = MAX_OUTPUT

    def write(text: str) -> None:
        nonlocal room
        room -= len(text) + PIECE_COST
        if room < 0:
            raise TooLarge
        append(text)

    return write


class _Context(Context):  # type: ignore[misc]
    """Mako's context without its way out to Python's builtins."""

    def __init__(self, buffer: Any, data: dict[str, Any], view: "View") -> None:
        self._buffer_stack = [buffer]
        self._data = data
        self._kwargs: dict[str, Any] = {}
        self._with_template = view
        self._outputting_as_unicode = True
        self.namespaces: dict[Any, Any] = {}
        self.caller_stack = CallerStack()

    def __getitem__(self, key: str) -> Any:
        return self._data[key]

    def get(self, key: str, default: Any = None) -> Any:
        """A name of the template's own data."""
        return self._data.get(key, default)

    def _copy(self) -> "_Context":
        copy = _Context(self._buffer_stack[0], self._data.copy(), self._with_template)
        copy._buffer_stack = self._buffer_stack
        copy.namespaces = self.namespaces
        copy.caller_stack = self.caller_stack
        return copy


@dataclass(frozen=True)
class View:
    """The templates of one tenant, in the shape in which Mako asks for included ones."""

    library: TemplateLibrary
    tenant: str
    format_exceptions = False
    error_handler = None

    @property
    def lookup(self) -> "View":
        """Itself: Mako asks a template for its lookup."""
        return self

    def adjust_uri(self, uri: str, relative_to: str) -> str:  # noqa: ARG002
        """Names of templates are always from the top."""
        return uri

    def get_template(self, uri: str) -> Any:
        """The compiled template of that name."""
        return self.library.load(uri, self.tenant).compiled


def run(closure: Closure, data: dict[str, Any], escaper: Escaper, view: View, tracer: Tracer | None = None) -> str:
    """What the template writes with `data`; raises TemplateError with template, line and reason.

    It is Veiled where a value in it was. `data` may be changed: hand over a dict that nothing else uses. `tracer` hears
    of every piece.
    """
    missing = closure.names.keys() - data.keys()
    if missing:
        raise _unknown(closure, missing, data)
    buffer: Any = _Buffer()
    if tracer:
        buffer = tracer.begin(closure, data, buffer, escaper)
    data[ESCAPE] = buffer if tracer else escaper
    template = closure.main.compiled
    try:
        template.render_context(_Context(buffer, data, view))
    except (TemplateError, Unpaired):
        raise
    except Exception as e:  # whatever an expression raises: a division by zero, an index out of range, …
        raise _explained(closure, data, e) from None
    text: str = buffer.getvalue()
    return text


def changed_values(escaper: Escaper, closure: Closure, data: Mapping[str, Any]) -> tuple[str, ...]:
    """One warning for each value that the file could not hold as it is."""
    notes = {f"{_name_of(value, closure, data)}: {what}" for value, what in escaper.changed}
    return tuple(sorted(notes))


def _unknown(closure: Closure, missing: Iterable[str], data: Mapping[str, Any]) -> TemplateError:
    name = min(missing, key=lambda one: (closure.names[one][0] != closure.main.name, closure.names[one][1], one))
    file, line = closure.names[name]
    known = {key for key in data if key.isupper() or key in BUILT_IN_NAMES} - RESERVED_NAMES
    if name in BUILT_IN_NAMES:
        return TemplateError(file, line, f"unknown variable {name}: this kind of file does not have it.")
    nearest = nearest_name(name, known)
    hint = f"; the nearest known name is {nearest}" if nearest else ""
    remedy = f"Define it as a template variable, give the model set_{name}, or correct the name"
    return TemplateError(file, line, f"unknown variable {name}{hint}. {remedy}.")


def _explained(closure: Closure, data: Mapping[str, Any], error: Exception) -> TemplateError:
    file, line = _place(closure, error)
    match error:
        case UnusableValue():
            name = _name_of(error.value, closure, data)
            reason = f"{name} has {error.reason}, which this file cannot hold. Change the value of {name}."
        case TooLarge():
            reason = f"the file would be larger than {MAX_OUTPUT // 1024 // 1024} MiB."
        case _:
            reason = f"{_in_words(error)}."
    return TemplateError(file, line, reason)


def _in_words(error: Exception) -> str:
    """What went wrong while an expression ran; never with a value, which may be a secret."""
    match error:
        case KeyError():
            return "a table {…} has no entry for this value; write .get(NAME, DEFAULT) to give it one"
        case IndexError():
            return "there is no such place in this text or list"
        case ZeroDivisionError():
            return "a division by zero"
        case RecursionError():
            return "templates bring each other in without end"
        case ValueError() | NameError() | TypeError() | AttributeError():  # their texts hold names and types only
            return str(error)
        case _:
            return f"the template failed ({type(error).__name__})"


def _place(closure: Closure, error: Exception) -> tuple[str, int]:
    """The template and line that ran when `error` was raised."""
    by_module = {file.compiled.module_id: file for file in closure.files}
    for frame, module_line in reversed(list(traceback.walk_tb(error.__traceback__))):
        file = by_module.get(frame.f_code.co_filename)
        if file is not None:
            lines = ModuleInfo.get_module_source_metadata(file.compiled.code, full_line_map=True)["full_line_map"]
            return file.name, int(lines[module_line - 1]) if module_line <= len(lines) else 0
    return closure.main.name, 0


def _name_of(value: str, closure: Closure, data: Mapping[str, Any]) -> str:
    """The variable that holds `value`, for a message; the search is only made in case of trouble."""
    for same in (lambda text: text == value, lambda text: bool(text) and text in value):
        for name in sorted(closure.names):
            found = _holder(name, data.get(name), same)
            if found:
                return found
    return "a value"


def _holder(name: str, held: Any, same: Callable[[str], bool]) -> str:
    if isinstance(held, str):
        return name if same(held) else ""
    if not isinstance(held, list | tuple):
        return ""
    for number, record in enumerate(held, 1):
        for member, one in vars(record).items() if isinstance(record, SimpleNamespace) else ():
            if isinstance(one, str) and same(one):
                return f"{member} of number {number} in {name}"
    return ""
