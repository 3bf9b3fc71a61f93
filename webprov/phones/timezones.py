"""From an IANA zone to what phones want to know of it (spec 3), computed from the zone's rule, never from a date.

The zones are those of the `tzdata` package, never the system's.
"""

import calendar
import re
import struct
from dataclasses import dataclass
from difflib import get_close_matches
from functools import cache, lru_cache
from importlib.resources import files

from webprov.errors import InvalidValue

_NOT_FOR_PEOPLE = {"Factory"}
_FAR_AHEAD = 1_893_456_000  # 2030: a change listed after it is one that no rule describes
_OFFSET = r"[+-]?\d{1,3}(?::\d\d){0,2}"
_NAME = r"(?:<[^>]+>|[A-Za-z]{3,})"
_POSIX = re.compile(rf"{_NAME}({_OFFSET})(?:{_NAME}({_OFFSET})?,([^,]+),([^,]+))?")
_WEEK_RULE = re.compile(rf"M(\d+)\.(\d)\.(\d)(?:/({_OFFSET}))?")
_DAY_RULE = re.compile(rf"(J?)(\d+)(?:/({_OFFSET}))?")
_LANGUAGE = re.compile(r"[A-Za-z]{2,3}(-[A-Za-z]{4})?(-(?:[A-Za-z]{2}|\d{3}))?((?:-[A-Za-z0-9]{5,8})*)")
_NIGHT_HOURS = 3
_WEEKDAYS = ("", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")


@dataclass(frozen=True, slots=True)
class ZoneEdge:
    """A yearly change of the clock.

    It falls on the first `day` (1 = Monday … 7 = Sunday) on or after the `date` of `month`, at this `hour` of the wall
    clock just before; `week` counts the same days in weeks (1-4, 5 = last). Where `day` and `week` are 0, it falls on
    the `date` itself.
    """

    month: int
    week: int
    day: int
    date: int
    hour: int


@dataclass(frozen=True, slots=True)
class ZoneFacts:
    """A zone's standard offset, its daylight saving time, and in `warnings` where its rule fits no phone exactly."""

    tz: str
    offset_seconds: int
    posix: str
    dst: bool = False
    dst_offset_seconds: int = 0
    start: ZoneEdge | None = None
    end: ZoneEdge | None = None
    warnings: tuple[str, ...] = ()


@lru_cache(maxsize=1024)
def zone_facts(name: str) -> ZoneFacts:
    """What phones want to know of that zone; raises InvalidValue where there is none of that name."""
    name = check_timezone(name)
    data = files("tzdata.zoneinfo").joinpath(name).read_bytes()
    posix = data.rstrip(b"\n").rpartition(b"\n")[2].decode("ascii")
    match = _POSIX.fullmatch(posix)
    if not match:
        raise InvalidValue(f"The rule of the zone “{name}” cannot be read. Choose a zone nearby.")
    standard = -_seconds(match[1])
    if not match[3]:
        irregular = f"{name} changes its clocks by no yearly rule: phones stay at its standard time."
        return ZoneFacts(name, standard, posix, warnings=(irregular,) if _changes_far_ahead(data) else ())
    saving = -_seconds(match[2]) if match[2] else standard + 3600
    start, end = match[3], match[4]
    if saving < standard:  # Dublin: tzdata calls the summer standard; people and phones do not
        standard, saving, start, end = saving, standard, end, start
    warnings: list[str] = []
    edges = [_edge(rule, f"{name}: summer time {what}", warnings) for rule, what in ((start, "starts"), (end, "ends"))]
    return ZoneFacts(name, standard, posix, True, saving - standard, edges[0], edges[1], tuple(warnings))


def is_timezone(name: str) -> bool:
    """Is there a zone of exactly this name?"""
    return name in _zones().values()


@cache
def timezone_names() -> tuple[str, ...]:
    """The zones to offer to people: one for each city that tzdata keeps apart, and UTC, by name."""
    table = files("tzdata.zoneinfo").joinpath("zone.tab").read_text(encoding="utf-8").splitlines()
    cities = {line.split("\t")[2].strip() for line in table if line and not line.startswith("#")}
    return tuple(sorted({name for name in cities if is_timezone(name)} | {"UTC"}))


def check_timezone(text: str) -> str:
    """The zone's name in its own spelling; raises InvalidValue with the nearest name."""
    text = text.strip()
    name = _zones().get(text.casefold())
    if name:
        return name
    by_city = {zone.rpartition("/")[2]: zone for zone in _zones()} | {zone: zone for zone in _zones()}
    nearest = get_close_matches(text[:60].casefold().replace(" ", "_"), by_city, n=1)
    hint = f"Did you mean {_zones()[by_city[nearest[0]]]}?" if nearest else "Enter one like Europe/Berlin."
    raise InvalidValue(f"“{text[:40]}” is not a time zone. {hint}")


def check_language(text: str) -> str:
    """A BCP 47 language tag in its usual spelling (`de`, `en-GB`, `zh-Hant-TW`); raises InvalidValue."""
    text = text.strip()
    match = _LANGUAGE.fullmatch(text)
    if not match:
        raise InvalidValue(f"“{text[:40]}” is not a language. Enter a tag like de, en-GB or pt-BR.")
    language = text.split("-")[0].lower()
    return language + (match[1] or "").title() + (match[2] or "").upper() + match[3].lower()


@cache
def _zones() -> dict[str, str]:
    """All names, links included, by their casefolded spelling."""
    names = files("tzdata").joinpath("zones").read_text(encoding="utf-8").split()
    return {name.casefold(): name for name in names if name not in _NOT_FOR_PEOPLE}


def _seconds(text: str) -> int:
    """`-3:30` as seconds; POSIX counts offsets west of Greenwich positive, times of day as they are."""
    hours, minutes, seconds = (*text.lstrip("+-").split(":"), "0", "0")[:3]
    total = int(hours) * 3600 + int(minutes) * 60 + int(seconds)
    return -total if text.startswith("-") else total


def _edge(rule: str, what: str, warnings: list[str]) -> ZoneEdge:
    week_rule = _WEEK_RULE.fullmatch(rule)
    if not week_rule:
        return _fixed_edge(rule, what, warnings)
    month, week, weekday = (int(part) for part in week_rule.groups()[:3])
    shift, hour = _day_and_hour(week_rule[4], what, warnings)
    first = (calendar.monthrange(2027, month)[1] - 6 if week == 5 else 7 * week - 6) + shift
    day = (weekday - 1 + shift) % 7 + 1
    if shift:
        last = calendar.monthrange(2027, month)[1] - 6
        week = 5 if abs(first - last) <= 3 else (first + 3) // 7 + 1
        warnings.append(
            f"{what} on the first {_WEEKDAYS[day]} from day {first} of month {month} on,"
            " which phones that count weeks miss by a week in some years."
        )
    return ZoneEdge(month, week, day, first, hour)


def _day_and_hour(text: str | None, what: str, warnings: list[str]) -> tuple[int, int]:
    """The days by which the rule's time lies off its day, and the full hour; near midnight it stays on that day."""
    seconds = _seconds(text) if text else 7200
    if 24 * 3600 <= seconds <= (24 + _NIGHT_HOURS) * 3600:
        warnings.append(f"{what} at {seconds // 3600}:00 of its day, which phones do not know: they get 23:00.")
        return 0, 23
    if -_NIGHT_HOURS * 3600 <= seconds < 0:
        warnings.append(f"{what} {-seconds // 3600} h before its day, which phones do not know: they get 0:00.")
        return 0, 0
    if seconds % 3600:
        warnings.append(f"{what} at {seconds % 3600 // 60} minutes past the hour: phones get the full hour.")
    days, rest = divmod(seconds, 24 * 3600)
    return days, rest // 3600


def _fixed_edge(rule: str, what: str, warnings: list[str]) -> ZoneEdge:
    """`J60` (29 February never counts) or `59` (from 0; taken as in a year without one)."""
    match = _DAY_RULE.fullmatch(rule)
    if not match:
        raise InvalidValue(f"{what} by a rule that cannot be read ({rule}). Choose a zone nearby.")
    shift, hour = _day_and_hour(match[3], what, warnings)
    day_of_year = int(match[2]) + (0 if match[1] else 1) + shift
    month = next(month for month in range(12, 0, -1) if day_of_year > sum(_DAYS[:month]))
    return ZoneEdge(month, 0, 0, day_of_year - sum(_DAYS[:month]), hour)


_DAYS = (0, 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30)


def _changes_far_ahead(data: bytes) -> bool:
    """Does a TZif file (RFC 9636) list changes that lie beyond all plans?"""
    skipped = struct.unpack(">6l", data[20:44])  # counts of the version 1 block: isut, isstd, leap, time, type, char
    isut, isstd, leap, times, types, chars = skipped
    start = 44 + times * 5 + types * 6 + chars + leap * 8 + isstd + isut
    count = struct.unpack(">6l", data[start + 20 : start + 44])[3]
    if not count:
        return False
    latest: int = struct.unpack(">q", data[start + 44 + 8 * (count - 1) : start + 44 + 8 * count])[0]
    return latest > _FAR_AHEAD
