"""The clock changes of a zone, from tzdata, and those of the rule that a phone was told: they must be the same."""

from calendar import monthrange
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from importlib.resources import files
from itertools import pairwise
from zoneinfo import ZoneInfo

YEAR = 2027

SAMPLE = (
    "UTC",
    "Europe/Berlin",
    "Europe/London",
    "Europe/Dublin",
    "Europe/Helsinki",
    "Africa/Johannesburg",
    "Asia/Kolkata",
    "Asia/Kathmandu",
    "Asia/Tehran",
    "Australia/Adelaide",
    "Australia/Brisbane",
    "Australia/Sydney",
    "Pacific/Auckland",
    "America/New_York",
    "America/Phoenix",
    "America/St_Johns",
    "America/Sao_Paulo",
    "America/Asuncion",
    "Atlantic/Azores",
)


@dataclass(frozen=True)
class Edge:
    """On the nth (5 = last) such weekday (1 = Monday) of the month, at this time of the clock just before."""

    month: int
    nth: int
    weekday: int
    at: timedelta

    def moment(self, offset: timedelta) -> datetime:
        """When it happens in YEAR, for a clock that is `offset` ahead of UTC until then."""
        days = [date(YEAR, self.month, day) for day in range(1, monthrange(YEAR, self.month)[1] + 1)]
        chosen = [day for day in days if day.isoweekday() == self.weekday]
        day = chosen[-1] if self.nth == 5 else chosen[self.nth - 1]
        return datetime(day.year, day.month, day.day, tzinfo=UTC) + self.at - offset


@dataclass(frozen=True)
class Clock:
    """What a phone was told; without edges its clock never changes."""

    offset: timedelta
    saving: timedelta = timedelta(hours=1)
    start: Edge | None = None
    end: Edge | None = None

    def changes(self) -> list[tuple[datetime, timedelta]]:
        """Every moment of YEAR at which the offset from UTC changes, with the new offset, after that of New Year."""
        if not self.start or not self.end:
            return [(_new_year(), self.offset)]
        summer = self.offset + self.saving
        edges = [(self.start.moment(self.offset), summer), (self.end.moment(summer), self.offset)]
        first = self.offset if edges[0][0] < edges[1][0] else summer
        return [(_new_year(), first), *sorted(edges)]


def true_changes(zone: str) -> list[tuple[datetime, timedelta]]:
    """The same for a zone, as tzdata knows it."""
    with files("tzdata.zoneinfo").joinpath(zone).open("rb") as file:
        info = ZoneInfo.from_file(file)
    found = [(_new_year(), _offset(info, _new_year()))]
    days = [_new_year() + timedelta(days=number) for number in range(367)]
    for day, next_day in pairwise(days):
        if _offset(info, next_day) != found[-1][1]:
            halves = (day + timedelta(minutes=30 * number) for number in range(1, 49))
            moment = next(half for half in halves if _offset(info, half) != found[-1][1])
            found.append((moment, _offset(info, moment)))
    return found


def _offset(info: ZoneInfo, moment: datetime) -> timedelta:
    return moment.astimezone(info).utcoffset() or timedelta()


def _new_year() -> datetime:
    return datetime(YEAR, 1, 1, tzinfo=UTC)
