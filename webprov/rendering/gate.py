"""What a template may contain: an allow-list on Mako's own parse tree, checked before anything runs (spec 4, TP-01)."""

import ast
import re
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from mako import parsetree
from mako.exceptions import MakoException

from webprov.errors import TemplateError
from webprov.phones.phonemodel import Refusal
from webprov.rendering.expressions import LOOP, Kind, Refused, check_expression, nearest_name
from webprov.rendering.formats import OutputFormat, read_format
from webprov.rendering.functions import FILTERS, FUNCTIONS
from webprov.rendering.mako_lexer import PlainLexer, control_expression
from webprov.rendering.names import SET_PREFIX

MAX_CHARACTERS = 131_072
MAX_LOOP_DEPTH = 2
MAX_LEVELS = 5
MAX_WORK = 100_000
COLLECTION_SIZE = 50  # how often a loop over LINE_SLOTS, KEY_SLOTS or CONTACTS counts towards MAX_WORK

_NAME = re.compile(r"[a-z][a-z0-9_]{0,40}", re.ASCII)
_FILE = re.compile(r"(?:[A-Za-z0-9_][A-Za-z0-9 ._+-]*/)*[A-Za-z0-9_][A-Za-z0-9 ._+-]*", re.ASCII)
_TAG_START = re.compile(r"<%(?=[\w.:])")
_TAG = re.compile(r"""<%[\w.:]{1,40}(?:\s{1,80}\w{1,40}=(?:"[^"<]{0,200}"|'[^'<]{0,200}')){0,9}\s{0,80}/?>""")
_FORBIDDEN = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")
_MAKO_NAMES = frozenset(
    [
        "context",
        "loop",
        "self",
        "local",
        "parent",
        "next",
        "caller",
        "capture",
        "pageargs",
        "body",
        "runtime",
        "filters",
        "cache",
        "mac",
        "and",
        "as",
        "assert",
        "async",
        "await",
        "break",
        "class",
        "continue",
        "def",
        "del",
        "elif",
        "else",
        "except",
        "finally",
        "for",
        "from",
        "global",
        "if",
        "import",
        "in",
        "is",
        "lambda",
        "match",
        "nonlocal",
        "not",
        "or",
        "pass",
        "raise",
        "return",
        "try",
        "type",
        "while",
        "with",
        "yield",
    ]
)
_BLOCK_NAMES = frozenset(
    [
        "attr",
        "callables",
        "filename",
        "get_cached",
        "get_namespace",
        "get_template",
        "include_file",
        "inherits",
        "module",
        "name",
        "template",
        "uri",
    ]
)
_ATTRIBUTES = {"include": {"file"}, "inherit": {"file"}, "def": {"name"}, "block": {"name"}, "text": set[str]()}


@dataclass(frozen=True, slots=True)
class Reference:
    """Another template that this one brings in: `<%include>` or `<%inherit>`, in how many loops, run how often."""

    file: str
    line: int
    loops: int = 0
    times: int = 1
    inherits: bool = False


@dataclass(frozen=True, slots=True)
class TemplateFacts:
    """What the gate found. Where there are refusals the template must not be compiled.

    `names` maps every variable to the line that first uses it; `loops` is how deep loops are nested and `work` how many
    nodes run at most, both with the definitions that are called and without the templates that are brought in.
    """

    file: str
    format: OutputFormat | None = None
    names: dict[str, int] = field(default_factory=dict)
    references: tuple[Reference, ...] = ()
    loops: int = 0
    work: int = 0
    refusals: tuple[Refusal, ...] = ()


def check_template(file: str, text: str) -> TemplateFacts:
    """Check the text of a template without running anything."""
    try:
        _check_text(file, text)
        output = read_format(file, text)
        tree = _parse(file, text)
    except TemplateError as e:
        return TemplateFacts(file, refusals=(Refusal(file, e.line, e.reason),))
    gate = _Gate(file)
    gate.check(tree)
    return replace(gate.facts(), format=output)


def is_template_name(name: str) -> bool:
    """May this be the name of a template: relative, nothing hidden, no `..`?"""
    return len(name) <= 200 and bool(_FILE.fullmatch(name))


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


def _parse(file: str, text: str) -> parsetree.TemplateNode:
    try:
        return PlainLexer(text).parse()
    except Refused as e:
        raise TemplateError(file, getattr(e, "line", 0), str(e)) from None
    except MakoException as e:
        reason = re.split(r" at line: | in file ", str(e))[0][:200]
        raise TemplateError(file, getattr(e, "lineno", 0) or 0, f"not readable as a template: {reason}") from None
    except Exception as e:  # Mako's parser meets hostile text here; whatever it raises, the template is not for us
        raise TemplateError(file, 0, f"not readable as a template ({type(e).__name__})") from None


@dataclass
class _Unit:
    """The body of the template, or one definition: what running it once costs."""

    work: int = 0
    loops: int = 0
    calls: list[tuple[str, int, int, int]] = field(default_factory=list)  # name, loops, times, line
    references: list[Reference] = field(default_factory=list)


@dataclass
class _Frame:
    """An open `% if` or `% for`."""

    keyword: str
    variables: dict[str, Kind] = field(default_factory=dict)
    times: int = 1
    over: str = ""


class _Gate:
    def __init__(self, file: str) -> None:
        self.file = file
        self.refusals: list[Refusal] = []
        self.names: dict[str, int] = {}
        self.units: dict[str, _Unit] = {"": _Unit()}
        self.unit = self.units[""]
        self.frames: list[_Frame] = []
        self.levels: dict[str, int] = {}
        self.totals: dict[str, tuple[int, int, tuple[Reference, ...]]] = {}
        self.inherits = False
        self.continued = False

    def check(self, tree: parsetree.TemplateNode) -> None:
        """Walk the whole tree; refusals are collected."""
        for node in tree.nodes:
            if isinstance(node, parsetree.DefTag):
                self._declare(node)
        self._body(tree.nodes)
        for name in self.units:
            self._level(name, ())

    def facts(self) -> TemplateFacts:
        """What was found, with the definitions that the body calls counted in."""
        loops, work, references = self._total("") if not self.refusals else (0, 0, ())
        if loops > MAX_LOOP_DEPTH:
            self._refuse(0, f"loops are nested {loops} deep through definitions; {MAX_LOOP_DEPTH} are allowed")
        if work > MAX_WORK:
            self._refuse(0, "the loops of this template would run too long")
        return TemplateFacts(self.file, None, self.names, references, loops, work, tuple(self.refusals))

    def _total(self, unit_name: str) -> tuple[int, int, tuple[Reference, ...]]:
        """Depth of loops, work and references of one unit with all that it calls."""
        if unit_name not in self.totals:
            self.totals[unit_name] = self._add_up(self.units[unit_name])
        return self.totals[unit_name]

    def _add_up(self, unit: _Unit) -> tuple[int, int, tuple[Reference, ...]]:
        loops, work = unit.loops, unit.work
        found: dict[tuple[str, int, bool], Reference] = {}
        brought = list(unit.references)
        for name, depth, times, _ in unit.calls:
            inner_loops, inner_work, inner = self._total(name)
            loops, work = max(loops, depth + inner_loops), min(work + times * inner_work, MAX_WORK + 1)
            brought += [replace(r, loops=r.loops + depth, times=r.times * times) for r in inner]
        for r in brought:
            same = found.get((r.file, r.loops, r.inherits))
            found[r.file, r.loops, r.inherits] = replace(same, times=same.times + r.times) if same else r
        return loops, work, tuple(found.values())

    def _level(self, name: str, above: tuple[str, ...]) -> int:
        """How deep the definitions below this one call each other; refuses circles."""
        if name not in self.levels:
            self.levels[name] = 0
            for called, _, _, line in self.units[name].calls:
                if called in (*above, name):
                    self._refuse(line, f"{called}() calls itself")
                else:
                    self.levels[name] = max(self.levels[name], 1 + self._level(called, (*above, name)))
            if self.levels[name] > MAX_LEVELS:
                self._refuse(self.units[name].calls[0][3], f"definitions call each other more than {MAX_LEVELS} deep")
        return self.levels[name]

    def _declare(self, node: parsetree.DefTag) -> None:
        name = str(node.attributes.get("name", "")).removesuffix("()")
        problem = self._name_problem(name)
        if problem or name in self.units:
            self._refuse(node.lineno, problem or f"there are two definitions named {name}")
        else:
            self.units[name] = _Unit()

    def _name_problem(self, name: str) -> str:
        if not _NAME.fullmatch(name) or "__" in name:
            return f"“{name[:40]}” cannot be a name here: lower-case letters, digits and single underscores"
        if name in _MAKO_NAMES or name in FUNCTIONS or name in FILTERS or name.startswith(SET_PREFIX):
            return f"{name} has a meaning of its own; choose another name"
        return ""

    def _body(self, nodes: Sequence[parsetree.Node]) -> None:
        """One body with its own, balanced control lines."""
        outer, self.frames = self.frames, []
        for node in nodes:
            self.unit.work += self._times()
            self._node(node)
        if self.frames:
            self._refuse(nodes[-1].lineno, f"% {self.frames[-1].keyword} is not closed inside its tag")
        self.frames = outer

    def _node(self, node: parsetree.Node) -> None:
        try:
            match node:
                case parsetree.Text() | parsetree.Comment():
                    pass
                case parsetree.Expression():
                    self._expression(node)
                case parsetree.ControlLine():
                    self._control_line(node)
                case parsetree.Tag():
                    self._tag(node)
                case _:
                    raise Refused("Python code (<% … %>) is not allowed in templates")
        except Refused as e:
            self._refuse(node.lineno, str(e))

    def _expression(self, node: parsetree.Expression) -> None:
        self._filters(node.escapes)
        if self._is_call(node):
            return
        kind = self._checked(node.text, node.lineno)
        if kind.name == "truth":
            raise Refused("this is true or false; write what the phone wants: ${1 if … else 0}")
        if kind.name not in ("text", "number", "value", "raw"):
            raise Refused(f"a {kind.name} cannot be written into a file; pick one of its members")
        if node.escapes and kind.name not in ("text", "raw"):
            raise Refused(f"a filter needs a text, and this is a {kind.name}: use str(…)")

    def _filters(self, escapes: str) -> None:
        filters = [name.strip() for name in escapes.split(",")] if escapes else []
        for name in filters:
            if name not in FILTERS:
                raise Refused(f"“{name[:40]}” is not a filter for templates; known: {', '.join(FILTERS)}")
        if len(filters) > len(FILTERS):
            raise Refused("too many filters")

    def _is_call(self, node: parsetree.Expression) -> bool:
        """`${name()}` of a definition, or `${next.body()}` in a template that others inherit from."""
        called = re.fullmatch(r"([a-z]\w*)\(\)", node.text.strip(), re.ASCII)
        if node.text.strip() == "next.body()" and not node.escapes:
            if self.frames or self.continued or self.unit is not self.units[""]:
                raise Refused("next.body() may stand once, outside of loops, conditions and definitions")
            self.continued = True
            return True
        if not called or called[1] not in self.units:
            return False
        if node.escapes:
            raise Refused("a definition takes no filter")
        self.unit.calls.append((called[1], self._depth(), self._times(), node.lineno))
        return True

    def _checked(self, text: str, line: int) -> Kind:
        variables = {name: kind for frame in self.frames for name, kind in frame.variables.items()}
        found = check_expression(text, variables)
        for name in sorted(found.names):
            self.names.setdefault(name, line)
        return found.kind

    def _control_line(self, node: parsetree.ControlLine) -> None:
        if node.isend:
            if not self.frames or self.frames[-1].keyword != node.keyword:
                raise Refused(f"% end{node.keyword} closes nothing here")
            self.frames.pop()
        elif node.keyword == "for":
            self._loop(node)
        elif node.keyword == "if":
            self.frames.append(_Frame("if"))
            self._condition(node)
        elif node.keyword in ("elif", "else") and self.frames and self.frames[-1].keyword == "if":
            self._condition(node)
        else:
            raise Refused(f"% {node.keyword} is not allowed here; templates know % if, % elif, % else and % for")

    def _condition(self, node: parsetree.ControlLine) -> None:
        condition = control_expression(node.text)
        if condition is None:
            return
        kind = self._checked(condition, node.lineno)
        if kind.name in ("loop", "record", "tuple", "table"):
            raise Refused(f"a {kind.name} is not a condition")

    def _loop(self, node: parsetree.ControlLine) -> None:
        frame = _Frame("for")
        self.frames.append(frame)
        if self._depth() > MAX_LOOP_DEPTH:
            raise Refused(f"loops may be nested {MAX_LOOP_DEPTH} deep")
        target, iterable = self._loop_parts(node.text)
        outer = [other.over for other in self.frames[:-1]]
        self.frames.pop()
        try:
            kind = self._iterable(iterable, node.lineno)
        finally:
            self.frames.append(frame)
        if kind.of == "CONTACTS" in outer:
            raise Refused("a loop over CONTACTS may not stand inside another one")
        frame.over = kind.of
        frame.times = COLLECTION_SIZE if kind.of else kind.size
        frame.variables = {**self._targets(target, kind), "loop": LOOP}
        self.unit.loops = max(self.unit.loops, self._depth())

    def _loop_parts(self, text: str) -> tuple[ast.expr, str]:
        try:
            statement = ast.parse(text.strip() + "\n pass").body[0]
        except (SyntaxError, ValueError, RecursionError, MemoryError):
            raise Refused("write a loop as % for line in LINE_SLOTS:") from None
        if not isinstance(statement, ast.For) or statement.orelse:
            raise Refused("write a loop as % for line in LINE_SLOTS:")
        return statement.target, ast.unparse(statement.iter)

    def _iterable(self, text: str, line: int) -> Kind:
        kind = self._checked(text, line)
        if kind.name == "collection" or (kind.name in ("list", "tuple") and kind.size):
            return kind
        raise Refused("a loop runs over LINE_SLOTS, KEY_SLOTS, CONTACTS, words(…) or a list that is written out")

    def _targets(self, target: ast.expr, kind: Kind) -> dict[str, Kind]:
        item = Kind("record", of=kind.of) if kind.of else kind.items[0] if len(set(kind.items)) == 1 else Kind("value")
        names = [target] if isinstance(target, ast.Name) else list(getattr(target, "elts", []))
        kinds = (item,) if isinstance(target, ast.Name) else item.items
        if not names or len(names) != len(kinds) or not all(isinstance(name, ast.Name) for name in names):
            raise Refused("the variables of this loop do not fit what it runs over")
        found = {name.id: one for name, one in zip(names, kinds, strict=True) if isinstance(name, ast.Name)}
        for name in found:
            problem = self._name_problem(name) or ("is taken" if self._taken(name) else "")
            if problem:
                raise Refused(f"variable {name} of the loop: {problem}")
        return found

    def _taken(self, name: str) -> bool:
        return name in self.units or any(name in frame.variables for frame in self.frames[:-1])

    def _tag(self, node: parsetree.Tag) -> None:
        allowed = _ATTRIBUTES.get(node.keyword)
        if allowed is None:
            nearest = nearest_name(node.keyword, set(_ATTRIBUTES))
            hint = f"; did you mean <%{nearest}>?" if nearest else ""
            raise Refused(f"the tag <%{node.keyword}> is not allowed{hint}")
        for name in node.attributes:
            if name not in allowed:
                raise Refused(f"<%{node.keyword}> may not have {name}=…")
        if node.keyword in ("include", "inherit"):
            self._reference(node)
        elif node.keyword == "block":
            self._block(node)
        elif node.keyword == "def":
            self._definition(node)

    def _reference(self, node: parsetree.Tag) -> None:
        file = str(node.attributes.get("file", ""))
        if not is_template_name(file):
            raise Refused(f"“{file[:60]}” is not the name of a template: write it from the top, like yealink/line.cfg")
        inherits = node.keyword == "inherit"
        if inherits and (self.frames or self.inherits or node.parent is not None or self.unit is not self.units[""]):
            raise Refused("<%inherit> may stand once, outside of everything else")
        self.inherits = self.inherits or inherits
        self.unit.references.append(Reference(file, node.lineno, self._depth(), self._times(), inherits))
        if node.nodes:
            raise Refused(f'close the tag at once: <%{node.keyword} file="{file}"/>')

    def _block(self, node: parsetree.Tag) -> None:
        name = node.attributes.get("name")
        problem = self._name_problem(name) if name is not None else "give the block a name"
        if name in _BLOCK_NAMES:
            problem = f"{name} has a meaning of its own; choose another name"
        if problem:
            raise Refused(problem)
        if self.frames or node.parent is not None:
            raise Refused("<%block> may not stand inside loops, conditions or other tags")
        self._body(node.nodes)

    def _definition(self, node: parsetree.Tag) -> None:
        name = str(node.attributes.get("name", "")).removesuffix("()")
        if self.frames or node.parent is not None:
            raise Refused("<%def> may not stand inside loops, conditions or other tags")
        if name not in self.units:
            return
        outer, self.unit = self.unit, self.units[name]
        self._body(node.nodes)
        self.unit = outer

    def _depth(self) -> int:
        return sum(frame.keyword == "for" for frame in self.frames)

    def _times(self) -> int:
        times = 1
        for frame in self.frames:
            times *= frame.times
        return times

    def _refuse(self, line: int, reason: str) -> None:
        self.refusals.append(Refusal(self.file, line, reason))
