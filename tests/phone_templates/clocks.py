"""The clock changes of a zone, from tzdata, and those of the rule that a phone was told: they must be the same."""

from calendar import monthrange
from collections.abc import Callable, Collection
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import cache
from importlib.resources import files
from itertools import pairwise
from zoneinfo import ZoneInfo

from webprov.phones.timezones import timezone_names, zone_facts

YEARS = (2027, 2028, 2029)
_STILL_CHANGING = {"America/Havana"}
"""What tzdata lists up to 2027 differs from the rule that holds from then on, which is all that phones can be told."""


@dataclass(frozen=True)
class Edge:
    """On the nth (5 = last) such weekday (1 = Monday) of the month, at this time of the clock just before."""

    month: int
    nth: int
    weekday: int
    at: timedelta

    def moment(self, year: int, offset: timedelta) -> datetime:
        """When it happens in that year, for a clock that is `offset` ahead of UTC until then."""
        days = [date(year, self.month, day) for day in range(1, monthrange(year, self.month)[1] + 1)]
        chosen = [day for day in days if day.isoweekday() == self.weekday]
        day = chosen[-1] if self.nth == 5 else chosen[self.nth - 1]
        return datetime(day.year, day.month, day.day, tzinfo=UTC) + self.at - offset


def counted_edge(month: int, week: int, day: int, at: timedelta, *, sunday: int, last: int) -> Edge:
    """An edge as a phone counts it: days of the week from that number for Sunday, and that one for the last week."""
    return Edge(month, 5 if week == last else week, (day - sunday - 1) % 7 + 1, at)


def span(text: str, between: str = ":") -> timedelta:
    """`02:30`, `2:0:0`: hours, minutes and seconds."""
    parts = (int(part) for part in text.split(between))
    return timedelta(**dict(zip(("hours", "minutes", "seconds"), parts, strict=False)))


@dataclass(frozen=True)
class Clock:
    """What a phone was told; without edges its clock never changes."""

    offset: timedelta
    saving: timedelta = timedelta(hours=1)
    start: Edge | None = None
    end: Edge | None = None

    def changes(self, year: int) -> list[tuple[datetime, timedelta]]:
        """Every moment of the year at which the offset from UTC changes, with the new offset; first New Year."""
        if not self.start or not self.end:
            return [(_new_year(year), self.offset)]
        summer = self.offset + self.saving
        edges = [(self.start.moment(year, self.offset), summer), (self.end.moment(year, summer), self.offset)]
        first = self.offset if edges[0][0] < edges[1][0] else summer
        return [(_new_year(year), first), *sorted(edges)]


def disagreements(told: Callable[[str], Clock], *, but: Collection[str] = ()) -> dict[str, tuple[object, object]]:
    """What a phone believes and what is true, for each IANA zone where they differ in one of YEARS.

    `told` gives the clock that the phone makes of its file. Zones for which people are warned, whose rule no phone can
    follow, are left out, and those in `but`.
    """
    wrong: dict[str, tuple[object, object]] = {}
    for zone in timezone_names():
        if zone in but or zone in _STILL_CHANGING or zone_facts(zone).warnings:
            continue
        believed = told(zone)
        for year in YEARS:
            if believed.changes(year) != true_changes(zone, year):
                wrong[zone] = believed.changes(year), true_changes(zone, year)
    return wrong


@cache
def true_changes(zone: str, year: int) -> list[tuple[datetime, timedelta]]:
    """The same for a zone, as tzdata knows it."""
    with files("tzdata.zoneinfo").joinpath(zone).open("rb") as file:
        info = ZoneInfo.from_file(file)
    found = [(_new_year(year), _offset(info, _new_year(year)))]
    days = [_new_year(year) + timedelta(days=number) for number in range(367)]
    for day, next_day in pairwise(days):
        if _offset(info, next_day) != found[-1][1]:
            halves = (day + timedelta(minutes=30 * number) for number in range(1, 49))
            moment = next(half for half in halves if _offset(info, half) != found[-1][1])
            found.append((moment, _offset(info, moment)))
    return found


def _offset(info: ZoneInfo, moment: datetime) -> timedelta:
    return moment.astimezone(info).utcoffset() or timedelta()


def _new_year(year: int) -> datetime:
    return datetime(year, 1, 1, tzinfo=UTC)
