"""Files in the form of Yealink phones, read back; other makers use it too."""

import re
from datetime import timedelta

from tests.phone_templates.clocks import Clock, Edge
from tests.phone_templates.fleet import render
from webprov.store.devicedata import DeviceData


def settings_of(device: DeviceData) -> dict[str, str]:
    """The settings of the device's own file; each name once, nothing that is no setting."""
    file = render(device)[f"{device.mac.lower()}.cfg"]
    lines = file.text.splitlines()
    assert lines[0] == "#!version:1.0.0.1"
    assert not file.warnings
    found: dict[str, str] = {}
    for line in lines[1:]:
        if not line or line.startswith("#"):
            continue
        match = re.fullmatch(r"([a-z0-9_.]+) = ((?:\S.*)?)", line)
        assert match, line
        assert match[1] not in found, line
        found[match[1]] = match[2]
    return found


def clock_of(found: dict[str, str]) -> Clock:
    """The clock that a phone makes of its settings."""
    offset = _span(found["local_time.time_zone"])
    if found["local_time.summer_time"] == "0":
        return Clock(offset)
    assert (found["local_time.summer_time"], found["local_time.dst_time_type"]) == ("1", "1")
    saving = timedelta(minutes=int(found["local_time.offset_time"]))
    return Clock(offset, saving, _edge(found["local_time.start_time"]), _edge(found["local_time.end_time"]))


def _span(text: str) -> timedelta:
    """`-3:30` hours."""
    hours, _, minutes = text.lstrip("+-").partition(":")
    total = timedelta(hours=int(hours), minutes=int(minutes or 0))
    return -total if text.startswith("-") else total


def _edge(text: str) -> Edge:
    """`10/5/7/3`: month, week (5 = last), day (7 = Sunday), hour."""
    month, week, day, hour = (int(part) for part in text.split("/"))
    return Edge(month, week, day, timedelta(hours=hour))
