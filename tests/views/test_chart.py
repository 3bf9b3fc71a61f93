from datetime import UTC, datetime, timedelta

import pytest

from views.chart import HEIGHT, draw_chart, round_step
from webprov.overview import Hour

START = datetime(2026, 11, 22, 10, tzinfo=UTC)


def hours(*counts):
    return [Hour(START + timedelta(hours=index), *parts) for index, parts in enumerate(counts)]


@pytest.mark.parametrize(
    ("most", "step"), [(0, 1), (2, 1), (3, 2), (8, 4), (9, 5), (75, 40), (81, 50), (12_345, 10_000)]
)
def test_scale_is_round_and_holds_the_most(most, step):
    assert round_step(most) == step


def test_bars_stand_on_each_other():
    chart = draw_chart(hours((4, 2, 2), (0, 0, 0)))

    same, new, refused = chart.bars
    assert [bar.kind for bar in chart.bars] == ["same", "new", "no"]
    assert same.y + same.height == pytest.approx(chart.lines[0][0])
    assert new.y + new.height == pytest.approx(same.y, abs=0.2)
    assert refused.y == pytest.approx(chart.lines[2][0], abs=0.2)
    assert chart.totals == {"sent": 4, "unchanged": 2, "refused": 2}


def test_nothing_is_drawn_for_a_quiet_day():
    chart = draw_chart(hours(*[(0, 0, 0)] * 24))

    assert chart.bars == []
    assert [label for _, label in chart.lines] == ["0", "1", "2"]
    assert [label for _, label in chart.marks] == ["12:00", "16:00", "20:00", "00:00", "04:00", "08:00"]
    assert all(0 <= y <= HEIGHT for y, _ in chart.lines)
