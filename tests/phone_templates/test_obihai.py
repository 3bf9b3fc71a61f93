"""Devices with OBi software: one XML file of objects and their parameters."""

from collections import Counter
from dataclasses import replace
from datetime import timedelta
from xml.etree import ElementTree

import pytest

from tests.phone_templates.clocks import Clock, Edge, disagreements
from tests.phone_templates.fleet import (
    ROOT,
    catalog,
    golden_device,
    maximum_device,
    model,
    models,
    render,
    variables,
)
from webprov.phones.discovery import Discovery
from webprov.phones.parameters import read_parameters
from webprov.store.devicedata import CustomValue, DeviceData, KeyData, LineData

ATA, PHONE, VVX, DECT = "polycom-obi302", "polycom-obi1062", "polycom-vvx450-obi", "polycom-vvx-d230"
OBI_MODELS = [key for key in models("Polycom") if model(key).files[0].template == "polycom/obi.xml"]
LINE, PROFILE = "VoiceService.1.VoiceProfile.1.Line", "VoiceService.1.VoiceProfile"
HALF_HOURS = {"Australia/Lord_Howe", "Antarctica/Troll"}
"""Summer time that the device cannot tell: it adds one hour."""
BETWEEN = {"Pacific/Marquesas", "Australia/Eucla", "Pacific/Kiritimati"}
"""Zones whose offset the device does not have; it is told the nearest."""


def settings(device: DeviceData) -> dict[str, str]:
    """All parameters by their whole names; one that stands there twice is an error."""
    pairs = []
    for group in ElementTree.fromstring(render(device)[f"{device.mac.lower()}.xml"].text).findall("O"):
        name = group.findtext("N") or ""
        assert name.endswith(".")
        pairs += [(name + (part.findtext("N") or ""), part.findtext("V") or "") for part in group.findall("P")]
    assert [name for name, count in Counter(name for name, _ in pairs).items() if count > 1] == []
    return dict(pairs)


def with_variables(key: str, **values: str) -> dict[str, str]:
    """The settings of a usual device with these custom variables."""
    given = {name: CustomValue(value) for name, value in values.items()}
    return settings(replace(golden_device(key), variables=given))


def test_every_model_with_all_lines_and_keys_gives_a_sound_file():
    for key in OBI_MODELS:
        device = maximum_device(key)

        told = settings(device)

        for line in device.lines:
            assert told[f"{LINE}.{line.number}.SIP.AuthPassword"] == line.password
            assert told[f"{LINE}.{line.number}.CallingFeatures.CallerIDName"] == line.display_name
        assert Counter(place.label for place in device.keys) <= Counter(told.values())
        assert told["X_DeviceManagement.WebServer.AdminPassword"] == device.admin_password


def test_every_parameter_is_one_that_these_devices_have():
    known = read_parameters(ROOT / "models.d", "obihai")
    assert known

    used = {name for key in (ATA, PHONE, VVX, DECT) for name in settings(maximum_device(key))}

    of_ports = {name for name in used if name.startswith("VoiceService.1.Phone.") and name.endswith(".PrimaryLine")}
    assert known.unknown(used - of_ports) == []


def test_each_of_the_first_four_lines_has_a_profile_of_its_own():
    lines = tuple(LineData(number, f"10{number}") for number in range(1, 7))
    third = replace(lines[2], variables={"SIP_TRANSPORT": CustomValue("tcp")})

    told = settings(replace(golden_device(PHONE), lines=(*lines[:2], third, *lines[3:])))

    profiles = [told[f"{LINE}.{number}.X_ServProvProfile"] for number in range(1, 7)]
    assert profiles == ["A", "B", "C", "D", "A", "A"]
    assert told[f"{PROFILE}.3.SIP.ProxyServerTransport"] == "TCP"
    assert told[f"{PROFILE}.4.SIP.ProxyServerTransport"] == "UDP"


def test_first_profile_is_there_for_further_lines_where_the_first_is_not_used():
    told = settings(replace(golden_device(PHONE), lines=(LineData(5, "105"),)))

    assert told[f"{PROFILE}.1.SIP.ProxyServer"] == "pbx.example.com"
    assert (told[f"{LINE}.1.Enable"], told[f"{LINE}.5.Enable"], told[f"{LINE}.1.SIP.AuthPassword"]) == (
        "false",
        "true",
        "",
    )


def test_user_is_told_beside_another_name_for_authentication():
    told = settings(golden_device(ATA))

    assert (told[f"{LINE}.2.SIP.AuthUserName"], told[f"{LINE}.2.SIP.URI"]) == ("auth102", "102")
    assert told[f"{LINE}.1.SIP.URI"] == ""


@pytest.mark.parametrize(
    ("key", "routes"),
    [
        (ATA, ["ph1", "ph2", "ph2"]),
        ("polycom-obi300", ["ph", "ph", "ph"]),
        ("polycom-ata402", ["ph1", "ph2", "ph2"]),
        (DECT, ["dt1", "dt2", "dt3"]),
    ],
)
def test_line_rings_the_port_or_handset_of_its_number(key, routes):
    lines = tuple(LineData(number, f"10{number}") for number in (1, 2, 3))

    told = settings(replace(golden_device(key), lines=lines))

    assert [told[f"{LINE}.{number}.X_InboundCallRoute"] for number in (1, 2, 3)] == routes


def test_codecs_are_ranked_in_their_order_and_others_switched_off():
    told = with_variables(ATA, CODECS="g729 pcmu")

    ranks = {index: told.get(f"{LINE}.1.Codec.List.{index}.Priority", "") for index in (1, 2, 3)}
    assert ranks == {1: "2", 2: "", 3: "1"}
    assert told[f"{LINE}.1.Codec.List.2.Enable"] == "false"


def test_words_of_the_device_stand_for_each_choice():
    told = with_variables(ATA, SIP_TRANSPORT="tls", SRTP="required", DTMF_MODE="info")

    assert told[f"{PROFILE}.1.SIP.ProxyServerTransport"] == "TLS"
    assert told[f"{PROFILE}.1.SIP.ProxyServerPort"] == "5061"
    assert told[f"{LINE}.1.CallingFeatures.X_SRTP"] == "Use SRTP Only"
    assert told[f"{PROFILE}.1.DTMFMethod"] == "SIPInfo"


def test_keys_are_lines_where_they_are_not_used():
    told = settings(replace(golden_device(VVX), keys=(KeyData(3, "pickup", value="104", line=2),)))

    keys = [(told[f"VoiceService.1.Phone.LeftLineKey.{number}.Function"]) for number in (1, 2, 3, 4)]
    assert keys == ["Call Appearance", "Call Appearance", "Speed Dial", "None"]
    assert told["VoiceService.1.Phone.LeftLineKey.3.Number"] == "*8104"
    assert told["VoiceService.1.Phone.LeftLineKey.3.Service"] == "SP2"


def test_clock_follows_every_zone_that_the_device_has():
    told = lambda zone: clock(settings(replace(golden_device(ATA), timezone=zone)))  # noqa: E731

    assert disagreements(told, but=HALF_HOURS | BETWEEN) == {}


@pytest.mark.parametrize("zone", sorted(HALF_HOURS | BETWEEN))
def test_zone_that_the_device_cannot_be_told_is_warned_of(zone):
    warnings = variables(replace(golden_device(ATA), timezone=zone)).context.warnings

    assert [warning for warning in warnings if warning.startswith(f"{zone}: ")]


def clock(told: dict[str, str]) -> Clock:
    """The clock that the device makes of its parameters."""
    time = {name.removeprefix("DeviceInfo.Time."): value for name, value in told.items()}
    zone = time["LocalTimeZone"]
    offset = timedelta(hours=int(zone[4:6]), minutes=int(zone[7:9])) * (-1 if zone[3] == "-" else 1)
    if time["DaylightSavingTimeEnable"] == "false":
        return Clock(offset)
    return Clock(
        offset,
        timedelta(hours=int(time["DaylightSavingTimeDiff"])),
        edge(time["DaylightSavingTimeStart"]),
        edge(time["DaylightSavingTimeEnd"]),
    )


def edge(text: str) -> Edge:
    """`3/8/7/2`: the first Sunday (7) from 8 March on, at 2:00; -1 is the last one of the month."""
    month, day, weekday, hour = (int(part) for part in text.split("/"))
    assert day in (-1, 1, 8, 15, 22)
    return Edge(month, 5 if day == -1 else (day + 6) // 7, weekday, timedelta(hours=hour))


@pytest.mark.parametrize(
    ("agent", "key"),
    [
        ("OBi302", ATA),
        ("OBIHAI/OBi202-3.2.2.5921", "polycom-obi202"),
        ("OBIHAI/OBi1032-5.1.11", "polycom-obi1032"),
        ("OBIHAI/OBi110-1.3.0.2824", "polycom-obi110"),
    ],
)
def test_user_agent_tells_the_model(agent, key):
    assert Discovery(catalog().models()).guess("", agent).model == key


def test_override_stands_within_the_settings():
    text = "  <O><N>UserPref.</N><P><N>Skin</N><V>dark</V></P></O>"

    assert settings(replace(golden_device(ATA), override=text))["UserPref.Skin"] == "dark"
