"""What a template may contain: an allow-list on Mako's own parse tree, checked before anything runs (spec 4, TP-01)."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from mako import parsetree

from webprov.errors import TemplateError
from webprov.phones.phonemodel import Refusal
from webprov.rendering.expressions import Expression, check_expression, nearest_name
from webprov.rendering.formats import OutputFormat, read_format
from webprov.rendering.functions import FILTERS
from webprov.rendering.kinds import LOOP, Refused
from webprov.rendering.loops import Frame, loop_size, loop_variables, name_problem, read_loop
from webprov.rendering.mako_lexer import control_expression, read_tree
from webprov.rendering.meaning import template_meaning
from webprov.rendering.names import CONTACT_COLLECTIONS
from webprov.rendering.passing import handled, names_in
from webprov.rendering.work import MAX_LOOP_DEPTH, Accounts, Call, Reference, Unit

_FILE = re.compile(r"(?:[A-Za-z0-9_][A-Za-z0-9 ._+-]*/)*[A-Za-z0-9_][A-Za-z0-9 ._+-]*", re.ASCII)
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
class TemplateFacts:
    """What the gate found. Where there are refusals the template must not be compiled.

    `names` maps every variable to the line that first uses it. `handled` are the variables and members that the
    template does more with than to pass them on (see `passing`). `loops` is how deep loops are nested and `work` how
    many nodes run at most, both with the definitions that are called and without the templates that are brought in.
    `meaning` is the same for texts that differ in comments alone.
    """

    file: str
    format: OutputFormat | None = None
    names: dict[str, int] = field(default_factory=dict)
    handled: frozenset[str] = frozenset()
    references: tuple[Reference, ...] = ()
    loops: int = 0
    work: int = 0
    refusals: tuple[Refusal, ...] = ()
    meaning: str = ""


def check_template(file: str, text: str) -> TemplateFacts:
    """Check the text of a template without running anything."""
    try:
        tree = read_tree(file, text)
        output = read_format(file, text)
    except TemplateError as e:
        return TemplateFacts(file, refusals=(Refusal(file, e.line, e.reason),))
    gate = _Gate(file)
    gate.check(tree)
    return replace(gate.facts(), format=output, meaning=template_meaning(tree, output))


def is_template_name(name: str) -> bool:
    """May this be the name of a template: relative, nothing hidden, no `..`?"""
    return len(name) <= 200 and bool(_FILE.fullmatch(name))


class _Gate:
    """Walks the tree of one template and collects refusals and facts."""

    def __init__(self, file: str) -> None:
        self.file = file
        self.refusals: list[Refusal] = []
        self.names: dict[str, int] = {}
        self.handled: set[str] = set()
        self.aliases: list[tuple[set[str], frozenset[str]]] = []  # variables of loops, and what they stand for
        self.units: dict[str, Unit] = {"": Unit()}
        self.unit = self.units[""]
        self.frames: list[Frame] = []
        self.inherits = False
        self.continued = False

    def check(self, tree: parsetree.TemplateNode) -> None:
        """Walk the whole tree."""
        for node in tree.nodes:
            if isinstance(node, parsetree.DefTag):
                self._declare(node)
        self._body(tree.nodes)

    def facts(self) -> TemplateFacts:
        """What was found, with the definitions that the body calls counted in."""
        accounts = Accounts(self.units)
        for line, reason in accounts.faults():
            self._refuse(line, reason)
        if self.refusals:
            return TemplateFacts(self.file, names=self.names, refusals=tuple(self.refusals))
        total = accounts.total("")
        return TemplateFacts(
            self.file, None, self.names, self._all_handled(), total.references, total.loops, total.work
        )

    def _all_handled(self) -> frozenset[str]:
        """With what a loop's variable stands for where that is worked with."""
        found: frozenset[str] = frozenset()
        while found != self.handled:
            found = frozenset(self.handled)
            self.handled = self.handled.union(*(names for loops, names in self.aliases if loops & found))
        return found

    def _declare(self, node: parsetree.DefTag) -> None:
        name = str(node.attributes.get("name", "")).removesuffix("()")
        problem = name_problem(name)
        if problem or name in self.units:
            self._refuse(node.lineno, problem or f"there are two definitions named {name}")
        else:
            self.units[name] = Unit()

    def _body(self, nodes: Sequence[parsetree.Node]) -> None:
        """One body with its own, balanced control lines."""
        outer, self.frames = self.frames, []
        for node in nodes:
            self.unit.work += self._times()
            self._node(node)
        if self.frames:
            self._refuse(nodes[-1].lineno, f"% {self.frames[-1].opened_by} is not closed inside its tag")
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
        kind = self._checked(node.text, node.lineno, works=bool(node.escapes)).kind
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
        self.unit.calls.append(Call(called[1], self._depth(), self._times(), node.lineno))
        return True

    def _checked(self, text: str, line: int, *, works: bool = False) -> Expression:
        """An expression that may stand here; `works` where more is done with its result than to write or ask for it."""
        variables = {name: kind for frame in self.frames for name, kind in frame.variables.items()}
        found = check_expression(text, variables)
        for name in sorted(found.names):
            self.names.setdefault(name, line)
        self.handled |= names_in(found.tree) if works else handled(found.tree)
        return found

    def _control_line(self, node: parsetree.ControlLine) -> None:
        if node.isend:
            if not self.frames or self.frames[-1].opened_by != node.keyword:
                raise Refused(f"% end{node.keyword} closes nothing here")
            self.frames.pop()
        elif node.keyword == "for":
            self._loop(node)
        elif node.keyword == "if":
            self.frames.append(Frame("if"))
            self._condition(node)
        elif node.keyword in ("elif", "else") and self.frames and self.frames[-1].opened_by == "if":
            self._alternative(node)
        else:
            raise Refused(f"% {node.keyword} is not allowed here; templates know % if, % elif, % else and % for")

    def _alternative(self, node: parsetree.ControlLine) -> None:
        if self.frames[-1].ended:
            raise Refused(f"% {node.keyword} may not follow % else")
        self.frames[-1].ended = node.keyword == "else"
        self._condition(node)

    def _condition(self, node: parsetree.ControlLine) -> None:
        condition = control_expression(node.text)
        if condition is None:
            return
        kind = self._checked(condition, node.lineno).kind
        if kind.name in ("loop", "record", "tuple", "table"):
            raise Refused(f"a {kind.name} is not a condition")

    def _loop(self, node: parsetree.ControlLine) -> None:
        outer = self.frames.copy()
        frame = Frame("for")
        self.frames.append(frame)
        if self._depth() > MAX_LOOP_DEPTH:
            raise Refused(f"loops may be nested {MAX_LOOP_DEPTH} deep")
        target, iterable = read_loop(node.text)
        over = self._checked(iterable, node.lineno)
        kind = over.kind
        if kind.of in CONTACT_COLLECTIONS and any(other.over in CONTACT_COLLECTIONS for other in outer):
            raise Refused("a loop over contacts may not stand inside another one")
        taken = {*self.units, *(name for other in outer for name in other.variables)}
        frame.times, frame.over = loop_size(kind), kind.of
        frame.variables = {**loop_variables(target, kind, taken), "loop": LOOP}
        self.aliases.append((set(frame.variables), names_in(over.tree)))
        self.unit.loops = max(self.unit.loops, self._depth())

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
        problem = name_problem(name) if name is not None else "give the block a name"
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
        return sum(frame.opened_by == "for" for frame in self.frames)

    def _times(self) -> int:
        times = 1
        for frame in self.frames:
            times *= frame.times
        return times

    def _refuse(self, line: int, reason: str) -> None:
        self.refusals.append(Refusal(self.file, line, reason))
