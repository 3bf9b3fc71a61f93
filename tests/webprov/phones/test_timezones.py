import struct
from datetime import UTC, date, datetime, timedelta
from importlib.resources import files
from zoneinfo import ZoneInfo

import pytest

from webprov.errors import InvalidValue
from webprov.phones import timezones
from webprov.phones.timezones import (
    ZoneEdge,
    check_language,
    check_timezone,
    is_timezone,
    timezone_names,
    zone_facts,
)

INEXACT = {
    "Africa/Cairo", "America/Nuuk", "America/Santiago", "America/Scoresbysund", "Asia/Gaza", "Asia/Hebron",
    "Asia/Jerusalem", "Pacific/Chatham",
}  # fmt: skip


@pytest.mark.parametrize(
    ("name", "offset", "start", "end"),
    [
        ("Europe/Berlin", 3600, ZoneEdge(3, 5, 7, 25, 2), ZoneEdge(10, 5, 7, 25, 3)),
        ("America/New_York", -18000, ZoneEdge(3, 2, 7, 8, 2), ZoneEdge(11, 1, 7, 1, 2)),
        ("Australia/Sydney", 36000, ZoneEdge(10, 1, 7, 1, 2), ZoneEdge(4, 1, 7, 1, 3)),
        ("Europe/Dublin", 0, ZoneEdge(3, 5, 7, 25, 1), ZoneEdge(10, 5, 7, 25, 2)),
        ("America/Santiago", -14400, ZoneEdge(9, 1, 6, 1, 23), ZoneEdge(4, 1, 6, 1, 23)),
        ("America/Nuuk", -7200, ZoneEdge(3, 5, 7, 25, 0), ZoneEdge(10, 5, 7, 25, 0)),
        ("Asia/Gaza", 7200, ZoneEdge(3, 5, 6, 24, 2), ZoneEdge(10, 5, 6, 24, 2)),
        ("Asia/Kathmandu", 20700, None, None),
        ("UTC", 0, None, None),
    ],
)
def test_zone_facts_say_what_the_rule_says(name, offset, start, end):
    facts = zone_facts(name)

    assert (facts.offset_seconds, facts.start, facts.end) == (offset, start, end)
    assert facts.dst is (start is not None)
    assert facts.dst_offset_seconds == (3600 if start else 0)


def test_zone_facts_keep_the_posix_rule_and_half_hours_of_saving():
    assert zone_facts("Europe/Berlin").posix == "CET-1CEST,M3.5.0,M10.5.0/3"
    assert zone_facts("Australia/Lord_Howe").dst_offset_seconds == 1800


@pytest.mark.parametrize(
    "year", [2028, 2029, 2030]
)  # later than what is listed one by one: from there on the rule holds
def test_zone_facts_without_a_warning_are_the_real_changes(year):
    for name in sorted(timezones._zones().values()):
        facts = zone_facts(name)
        if not facts.warnings:
            assert _told(facts, year) == _real(name, year), name


def test_few_zones_need_a_warning():
    warned = {name for name in timezone_names() if zone_facts(name).warnings}

    assert warned <= INEXACT | {"Africa/Casablanca", "Africa/El_Aaiun"}
    assert all(warning.startswith(name) for name in warned for warning in zone_facts(name).warnings)


@pytest.mark.parametrize(
    ("rule", "edge"),
    [
        ("J60/2", ZoneEdge(3, 0, 0, 1, 2)),
        ("J365", ZoneEdge(12, 0, 0, 31, 2)),
        ("0/0", ZoneEdge(1, 0, 0, 1, 0)),
        ("58", ZoneEdge(2, 0, 0, 28, 2)),
        ("M3.4.4/50", ZoneEdge(3, 5, 6, 24, 2)),
        ("M3.2.0/-22", ZoneEdge(3, 2, 6, 7, 2)),
    ],
)
def test_edges_of_rare_rules(rule, edge):
    assert timezones._edge(rule, "x", []) == edge


def test_changes_without_a_rule_are_noticed():
    header = b"TZif2" + bytes(15)
    first = header + struct.pack(">6l", 0, 0, 0, 0, 1, 4) + bytes(10)

    def file(*times):
        return first + header + struct.pack(">6l", 0, 0, 0, len(times), 1, 4) + struct.pack(f">{len(times)}q", *times)

    assert timezones._changes_far_ahead(file(0, 3_000_000_000))
    assert not timezones._changes_far_ahead(file(0, 1_700_000_000))
    assert not timezones._changes_far_ahead(file())


def test_zone_names_are_checked_with_a_hint():
    assert check_timezone(" europe/berlin ") == "Europe/Berlin"
    assert is_timezone("US/Pacific")
    assert not is_timezone("europe/berlin")
    with pytest.raises(InvalidValue, match="Did you mean Europe/Berlin"):
        check_timezone("Europe/Berln")
    with pytest.raises(InvalidValue, match="Did you mean America/New_York"):
        check_timezone("New York")
    for text in ("", "../UTC", "/etc/passwd", "Factory", "x" * 10_000, "Europe/Berlin\0"):
        with pytest.raises(InvalidValue, match="not a time zone"):
            zone_facts(text)


def test_timezone_names_are_offered_once_and_sorted():
    names = timezone_names()

    assert list(names) == sorted(set(names))
    assert {"UTC", "Europe/Berlin", "America/Argentina/Buenos_Aires"} <= set(names)
    assert "US/Pacific" not in names


@pytest.mark.parametrize(
    ("text", "tag"),
    [("de", "de"), ("EN-gb", "en-GB"), ("zh-hant-tw", "zh-Hant-TW"), ("es-419", "es-419"), (" pt-BR ", "pt-BR")],
)
def test_check_language_returns_the_usual_spelling(text, tag):
    assert check_language(text) == tag


@pytest.mark.parametrize("text", ["", "german language", "d", "de_DE", "de-", "de-DE-", "x" * 50, "dé"])
def test_check_language_refuses_what_is_no_tag(text):
    with pytest.raises(InvalidValue, match="Enter a tag like"):
        check_language(text)


def _told(facts, year):
    """The changes of one year by the facts, as (wall clock before, seconds gained)."""
    if not facts.dst:
        return []
    told = [
        (_moment(facts.start, year), facts.dst_offset_seconds),
        (_moment(facts.end, year), -facts.dst_offset_seconds),
    ]
    return sorted(told)


def _moment(edge, year):
    day = date(year, edge.month, edge.date)
    day += timedelta(days=(edge.day - day.isoweekday()) % 7 if edge.day else 0)
    assert edge.week in (0, 5, (day.day - 1) // 7 + 1)
    assert edge.week != 5 or (day + timedelta(days=7)).month != day.month
    return datetime(year, day.month, day.day, edge.hour)


def _real(name, year):
    with files("tzdata.zoneinfo").joinpath(name).open("rb") as file:
        zone = ZoneInfo.from_file(file, key=name)

    def offset(at):
        return at.astimezone(zone).utcoffset()

    changes = []
    at = datetime(year, 1, 1, tzinfo=UTC) - timedelta(days=1)
    while at < datetime(year + 1, 1, 2, tzinfo=UTC):
        later = at + timedelta(days=1)
        if offset(at) != offset(later):
            hour = next(h for h in range(1, 97) if offset(at + timedelta(minutes=15 * h)) != offset(at))
            moment = at + timedelta(minutes=15 * hour)
            gained = (offset(moment) - offset(at)).total_seconds()
            changes.append(((moment + offset(at)).replace(tzinfo=None), gained))
        at = later
    return [change for change in changes if change[0].year == year]
