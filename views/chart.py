"""The bars of the dashboard as numbers for SVG attributes: no style, no script, so the content policy holds."""

from collections.abc import Sequence
from dataclasses import dataclass

from webprov.overview import Hour

WIDE, NARROW, HEIGHT = 720, 320, 150
_LEFT, _BOTTOM, _TOP = 34, 22, 8
_STEPS = (1, 2, 4, 5, 10)


@dataclass(frozen=True, slots=True)
class Bar:
    """One piece of a column; `kind` is new, same or no (the classes of theme.css)."""

    x: float
    y: float
    width: float
    height: float
    kind: str


@dataclass(frozen=True, slots=True)
class Chart:
    """A drawing of `width` by `height`: bars, grid lines (y, label), marks below (x, label), the hours behind them."""

    bars: Sequence[Bar]
    lines: Sequence[tuple[float, str]]
    marks: Sequence[tuple[float, str]]
    hours: Sequence[Hour]
    width: int
    height: int = HEIGHT

    @property
    def totals(self) -> dict[str, int]:
        """Sent, unchanged and refused over all hours."""
        return {name: sum(getattr(hour, name) for hour in self.hours) for name in ("sent", "unchanged", "refused")}


def draw_chart(hours: Sequence[Hour], width: int = WIDE) -> Chart:
    """Columns of stacked bars on a scale of two round steps; each fourth hour (UTC) has a mark (NARROW: eighth)."""
    step = round_step(max((hour.total for hour in hours), default=0))
    scale = (HEIGHT - _TOP - _BOTTOM) / (2 * step)
    pitch = (width - _LEFT) / max(len(hours), 1)
    bars = [bar for index, hour in enumerate(hours) for bar in _column(hour, _LEFT + index * pitch, pitch, scale)]
    lines = [(round(HEIGHT - _BOTTOM - value * scale, 1), f"{value:,}") for value in (0, step, 2 * step)]
    middles = ((round(_LEFT + (index + 0.5) * pitch, 1), hour) for index, hour in enumerate(hours))
    marks = [(x, f"{hour.at:%H:%M}") for x, hour in middles if hour.at.hour % (8 if width < WIDE else 4) == 0]
    return Chart(bars, lines, marks, hours, width)


def round_step(most: int) -> int:
    """Half of a round number that is at least `most`, and at least 1."""
    magnitude = 1
    while True:
        for step in _STEPS:
            if 2 * step * magnitude >= most:
                return step * magnitude
        magnitude *= 10


def _column(hour: Hour, x: float, pitch: float, scale: float) -> list[Bar]:
    bars, y = [], float(HEIGHT - _BOTTOM)
    for count, kind in ((hour.unchanged, "same"), (hour.sent, "new"), (hour.refused, "no")):
        if count:
            height = count * scale
            y -= height
            bars.append(Bar(round(x + pitch * 0.14, 1), round(y, 1), round(pitch * 0.72, 1), round(height, 1), kind))
    return bars
