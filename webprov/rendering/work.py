"""What running a template costs: how deep its loops are nested, how often its parts run, what it brings in (TP-07).

All of it is known before anything runs, so the work of a template is bounded by its construction.
"""

from dataclasses import dataclass, field, replace

MAX_LOOP_DEPTH = 2
MAX_LEVELS = 5
MAX_WORK = 100_000
COLLECTION_SIZE = 50
"""How often a loop over LINE_SLOTS, KEY_SLOTS or contacts counts towards MAX_WORK."""


@dataclass(frozen=True, slots=True)
class Reference:
    """Another template that this one brings in: `<%include>` or `<%inherit>`, in how many loops, run how often."""

    file: str
    line: int
    loops: int = 0
    times: int = 1
    inherits: bool = False


@dataclass(frozen=True, slots=True)
class Call:
    """`${name()}`: a definition that runs `times` times, inside `loops` loops."""

    name: str
    loops: int
    times: int
    line: int


@dataclass
class Unit:
    """The body of a template, or one definition: what running it once costs."""

    work: int = 0
    loops: int = 0
    calls: list[Call] = field(default_factory=list)
    references: list[Reference] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Total:
    """A unit with all definitions that it calls counted in."""

    loops: int
    work: int
    references: tuple[Reference, ...]


class Accounts:
    """Adds up the units of one template; `units[""]` is its body."""

    def __init__(self, units: dict[str, Unit]) -> None:
        self.units = units
        self._levels: dict[str, int] = {}
        self._totals: dict[str, Total] = {}

    def faults(self) -> list[tuple[int, str]]:
        """Lines and reasons: definitions that call themselves or go too deep, loops too deep, too much work."""
        found: list[tuple[int, str]] = []
        for name in self.units:
            self._level(name, (), found)
        if found:
            return found
        total = self.total("")
        if total.loops > MAX_LOOP_DEPTH:
            found.append((0, f"loops are nested {total.loops} deep through definitions; {MAX_LOOP_DEPTH} are allowed"))
        if total.work > MAX_WORK:
            found.append((0, "the loops of this template would run too long"))
        return found

    def total(self, name: str) -> Total:
        """The total of one unit; only to be asked where nothing calls itself."""
        if name not in self._totals:
            self._totals[name] = self._add_up(self.units[name])
        return self._totals[name]

    def _add_up(self, unit: Unit) -> Total:
        loops, work, brought = unit.loops, unit.work, list(unit.references)
        for call in unit.calls:
            inner = self.total(call.name)
            loops = max(loops, call.loops + inner.loops)
            work = min(work + call.times * inner.work, MAX_WORK + 1)
            brought += [replace(r, loops=r.loops + call.loops, times=r.times * call.times) for r in inner.references]
        return Total(loops, work, _joined(brought))

    def _level(self, name: str, above: tuple[str, ...], found: list[tuple[int, str]]) -> int:
        """How deep the definitions below this one call each other."""
        if name in self._levels:
            return self._levels[name]
        self._levels[name] = 0
        for call in self.units[name].calls:
            if call.name in (*above, name):
                found.append((call.line, f"{call.name}() calls itself"))
            else:
                self._levels[name] = max(self._levels[name], 1 + self._level(call.name, (*above, name), found))
        if self._levels[name] > MAX_LEVELS:
            found.append((self.units[name].calls[0].line, f"definitions call each other more than {MAX_LEVELS} deep"))
        return self._levels[name]


def _joined(references: list[Reference]) -> tuple[Reference, ...]:
    """References to the same file at the same depth as one, so that their number stays small."""
    found: dict[tuple[str, int, bool], Reference] = {}
    for reference in references:
        key = (reference.file, reference.loops, reference.inherits)
        same = found.get(key)
        found[key] = replace(same, times=same.times + reference.times) if same else reference
    return tuple(found.values())
