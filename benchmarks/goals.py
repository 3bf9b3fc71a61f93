"""A goal, what was measured, and the table of them."""

import statistics
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass

ROUNDS = 5


@dataclass(frozen=True)
class Row:
    """One line of the table: `figure` and `floor` in `unit`; met when figure / floor is at least `goal`."""

    name: str
    what: str
    unit: str
    figure: float
    floor: float
    goal: float

    @property
    def ratio(self) -> float:
        """The figure against what was measured beside it."""
        return self.figure / self.floor

    @property
    def met(self) -> bool:
        """Whether the goal is reached."""
        return self.ratio >= self.goal


@dataclass(frozen=True)
class Limit:
    """A goal that is no ratio: met when `figure`, in `unit`, is at most `most`."""

    name: str
    what: str
    unit: str
    figure: float
    most: float

    @property
    def met(self) -> bool:
        """Whether the goal is reached."""
        return self.figure <= self.most


@dataclass(frozen=True)
class Skipped:
    """A goal that could not be measured here, and why."""

    name: str
    reason: str


Result = Row | Limit | Skipped


def interleaved(subjects: Mapping[str, Callable[[], float]], rounds: int = ROUNDS) -> dict[str, float]:
    """The median of each subject's measurements, taken in turns so that the machine's moods meet all alike."""
    seen: dict[str, list[float]] = {name: [] for name in subjects}
    for number in range(rounds):
        for name, measure in subjects.items():
            seen[name].append(measure())
            print(f"  round {number + 1}, {name}: {seen[name][-1]:,.0f}", file=sys.stderr)
    return {name: statistics.median(values) for name, values in seen.items()}


def print_table(results: list[Result]) -> bool:
    """Print one line per goal; True when none was missed."""
    print(f"{'goal':<6}{'what':<52}{'figure':>12}{'floor':>12}{'ratio':>8}{'must':>8}  met")
    for result in results:
        if isinstance(result, Skipped):
            print(f"{result.name:<6}skipped: {result.reason}")
            continue
        if isinstance(result, Limit):
            numbers = f"{result.figure:>12,.1f}{'':>12}{'':>8}{result.most:>8g}"
        else:
            numbers = f"{result.figure:>12,.0f}{result.floor:>12,.0f}{result.ratio:>8.2f}{result.goal:>8.2f}"
        print(f"{result.name:<6}{result.what + ', ' + result.unit:<52}{numbers}  {'yes' if result.met else 'NO'}")
    return all(isinstance(result, Skipped) or result.met for result in results)
