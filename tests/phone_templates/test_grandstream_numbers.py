"""Grandstream devices whose settings have numbers: older phones, adapters, gateways, DECT bases, door phones."""

from collections import Counter
from dataclasses import replace
from datetime import timedelta
from xml.etree import ElementTree

import pytest

from tests.phone_templates.clocks import Clock, Edge, disagreements
from tests.phone_templates.fleet import (
    ROOT,
    TENANT,
    catalog,
    golden_device,
    maximum_device,
    model,
    models,
    render,
    variables,
)
from tests.phone_templates.test_grandstream import clock
from webprov.phones.discovery import Discovery
from webprov.store.devicedata import CustomValue, DeviceData, KeyData, LineData

GXP, OLD, HT, GXW, DP, GDS = (
    f"grandstream-{name}" for name in ("gxp1630", "gxp2010", "ht802", "gxw4248", "dp750", "gds3710")
)
NUMBERED_MODELS = [key for key in models("Grandstream") if model(key).files[0].template != "grandstream/phone.xml"]
KNOWN = frozenset((ROOT / "models.d" / "parameters" / "grandstream.txt").read_text("utf-8").split())


def settings(device: DeviceData) -> dict[str, str]:
    """All settings of the device's file; one that stands there twice is an error."""
    root = ElementTree.fromstring(render(device)[f"cfg{device.mac.lower()}.xml"].text)
    found = root.findall("config/*")
    assert root.findtext("mac") == device.mac.lower()
    assert [name for name, count in Counter(item.tag for item in found).items() if count > 1] == []
    return {item.tag: item.text or "" for item in found}


def with_variables(key: str, **values: str) -> dict[str, str]:
    """The settings of a usual device with these custom variables."""
    variables = {name: CustomValue(value) for name, value in values.items()}
    return settings(replace(golden_device(key), variables=variables))


def test_every_model_with_all_lines_and_keys_gives_a_sound_file():
    for key in NUMBERED_MODELS:
        device = maximum_device(key)

        told = settings(device)

        assert Counter(line.password for line in device.lines) <= Counter(told.values()), key
        if model(key).files[0].template != "grandstream/fxo.xml":  # lines of the telephone network have no name
            assert Counter(line.display_name for line in device.lines) <= Counter(told.values()), key
        assert Counter(name.label for name in device.keys) <= Counter(told.values()), key
        assert told["P2"] == device.admin_password


def test_every_number_is_one_that_these_devices_have():
    used = {name for key in NUMBERED_MODELS for name in settings(maximum_device(key))}

    assert used - KNOWN == set()


def test_accounts_have_the_numbers_of_their_place():
    lines = tuple(LineData(number, f"u{number}", f"secret{number}") for number in range(1, 7))

    told = settings(replace(golden_device("grandstream-gxp2120"), lines=lines))

    assert [told[name] for name in ("P35", "P404", "P504", "P604", "P1704", "P1804")] == [f"u{n}" for n in range(1, 7)]
    assert [told[name] for name in ("P34", "P406", "P506", "P606", "P1706", "P1806")] == [
        line.password for line in lines
    ]
    assert told["P2812"] == "pbx2.example.com"


def test_unused_accounts_are_switched_off_and_emptied():
    told = settings(replace(golden_device(GXP), lines=(LineData(2, "102", "pw"),)))

    assert (told["P271"], told["P35"], told["P34"]) == ("0", "", "")
    assert (told["P401"], told["P404"]) == ("1", "102")
    assert (told["P501"], told["P506"]) == ("0", "")


def test_line_keys_and_multi_purpose_keys_count_their_kinds_apart():
    keys = (
        KeyData(1, "blf", value="103", line=2),
        KeyData(4, "blf", value="104", label="Ann", line=3),
        KeyData(11, "pickup", value="105"),
        KeyData(5, "voicemail", line=1),
    )

    told = settings(replace(golden_device(GXP), keys=keys))

    assert [told[name] for name in ("P1363", "P1364", "P1466")] == ["11", "1", "103"]
    assert [told[name] for name in ("P1365", "P1366")] == ["0", "1"]
    assert [told[name] for name in ("P323", "P301", "P302", "P303")] == ["1", "2", "Ann", "104"]
    assert [told[name] for name in ("P324", "P306")] == ["6", "*97"]
    assert [told[name] for name in ("P353", "P356")] == ["0", "*8105"]


def test_virtual_keys_count_their_kinds_by_whether_they_can_stand_for_a_line():
    keys = (KeyData(8, "line", line=2), KeyData(9, "blf", value="104", label="Ann", line=3))

    told = settings(replace(golden_device("grandstream-gxp1780"), keys=keys))

    assert [told[name] for name in ("P1369", "P1371", "P23800")] == ["0", "-1", "-1"]
    assert [told[name] for name in ("P23804", "P23805")] == ["0", "1"]
    assert [told[name] for name in ("P23808", "P23809", "P23810", "P23811")] == ["1", "2", "Ann", "104"]
    assert (told["P23900"], "P23904" in told) == ("-1", False)
    assert settings(replace(golden_device("grandstream-gxp1760"), keys=keys[1:]))["P23808"] == "1"


def test_line_on_a_multi_purpose_key_is_left_out_with_a_warning():
    device = replace(golden_device(GXP), keys=(KeyData(4, "line", line=2),))

    assert [settings(device)[name] for name in ("P323", "P301", "P303")] == ["0", "0", ""]
    assert variables(device).context.warnings == (
        "Key 4 is not written: only keys 1 to 3 of a Grandstream GXP1630 can stand for a line.",
    )


def test_keys_of_a_module_have_a_range_of_their_own():
    told = settings(replace(golden_device(OLD), keys=(KeyData(2, "blf", module=1, value="107", label="Eve", line=2),)))

    assert [told[name] for name in ("P6002", "P6202", "P6402", "P6602")] == ["1", "1", "Eve", "107"]


@pytest.mark.parametrize("key", [GXP, HT, GXW, DP, "grandstream-wp810"])
def test_clock_follows_every_zone(key):
    def told(zone):
        found = settings(replace(golden_device(key), timezone=zone, lines=(), keys=()))
        rule = found.get("P246", found["P64"])
        assert len(rule) <= 64
        return clock(rule)

    assert disagreements(told) == {}


def test_clock_of_the_oldest_follows_every_zone():
    told = lambda zone: minutes_clock(settings(replace(golden_device(OLD), timezone=zone, keys=())))  # noqa: E731

    assert disagreements(told) == {}


def minutes_clock(told: dict[str, str]) -> Clock:
    """The clock of minutes from 12 hours west of Greenwich, and a rule `start;end;minutes`."""
    offset = timedelta(minutes=int(told["P64"]) - 720)
    if told["P75"] == "0":
        return Clock(offset)
    start, end, saving = told["P246"].split(";")
    return Clock(offset, timedelta(minutes=int(saving)), minutes_edge(start), minutes_edge(end))


def minutes_edge(text: str) -> Edge:
    """`3,2,7,2,0`: the second Sunday (7) in March, at 2:00; -1 is the last one of the month."""
    month, nth, weekday, hour, minute = (int(part) for part in text.split(","))
    assert nth in (-1, 1, 2, 3, 4)
    return Edge(month, 5 if nth == -1 else nth, weekday, timedelta(hours=hour, minutes=minute))


def test_rule_of_the_oldest_is_told_as_their_maker_writes_it():
    told = settings(replace(golden_device(OLD), timezone="America/New_York"))

    assert (told["P64"], told["P246"]) == ("420", "3,2,7,2,0;11,1,7,2,0;60")


def test_second_port_of_an_adapter_has_numbers_of_its_own():
    told = with_variables(HT, SIP_TRANSPORT="tls", DTMF_MODE="info", SRTP="required", REG_EXPIRES="600")

    assert [told[name] for name in ("P35", "P735", "P736", "P734")] == ["101", "102", "auth102", "pw-102"]
    assert [told[name] for name in ("P130", "P830", "P183", "P443", "P32", "P732")] == ["2", "2", "2", "2", "10", "10"]
    assert [told[name] for name in ("P860", "P861", "P862")] == ["102", "101", "100"]
    assert told["P747"] == "pbx.example.com"


def test_codecs_fill_all_places_and_those_that_a_device_lacks_are_replaced():
    adapter, phone = with_variables(HT, CODECS="opus g722 pcmu"), with_variables(GXP, CODECS="opus g722")

    assert [adapter[name] for name in ("P757", "P758", "P759", "P814")] == ["123", "8", "0", "0"]
    assert [phone[name] for name in ("P57", "P58", "P46", "P451", "P457")] == ["8", "9", "9", "8", "9"]


def test_ports_of_a_gateway_have_numbers_in_three_ranges():
    lines = tuple(LineData(number, f"u{number}") for number in (1, 21, 30, 31, 32, 33, 48))

    told = settings(replace(golden_device(GXW), lines=lines))

    users = {"P4060": 1, "P4080": 21, "P4089": 30, "P4240": 31, "P4241": 32, "P21000": 33, "P21015": 48}
    assert {name: told[name] for name in users} == {name: f"u{number}" for name, number in users.items()}
    assert [told[name] for name in ("P4595", "P4596", "P4626", "P21384", "P21385")] == ["1", "0", "1", "1", "0"]


def test_channel_of_a_gateway_to_telephone_lines_has_its_account():
    told = with_variables("grandstream-gxw4104", DTMF_MODE="info", SRTP="required", SIP_TRANSPORT="tcp")

    assert [told[name] for name in ("P3030", "P3060", "P3090", "P3120", "P3150")] == [
        "1",
        "101",
        "101",
        "pw-101",
        "3000",
    ]
    assert [told[name] for name in ("P3032", "P3062", "P3122")] == ["", "", ""]
    assert (told["P3404"], told["P3409"], told["P130"]) == ("ch1-4:4;", "ch1-4:3;", "2")


def test_account_of_a_dect_base_rings_its_own_handset():
    told = settings(golden_device(DP))

    assert [told[name] for name in ("P27080", "P27084", "P27085")] == ["1", "5", "103"]
    assert [told[name] for name in ("P4060", "P4061", "P4062")] == ["101", "102", ""]


def test_ways_of_polling_are_those_of_the_device():
    assert (with_variables(GXP, POLL_SECONDS="7200")["P194"], settings(golden_device(HT))["P194"]) == ("1", "3")
    assert with_variables(GXP, POLL_SECONDS="7200")["P193"] == "120"


def test_oldest_devices_count_transports_from_one_and_know_no_tls():
    codes = {word: with_variables(OLD, SIP_TRANSPORT=word)["P130"] for word in ("udp", "tcp", "tls")}

    assert codes == {"udp": "1", "tcp": "2", "tls": "2"}
    assert with_variables(OLD, DTMF_MODE="info")["P73"] == "2"


def test_door_phone_has_its_account_where_phones_have_their_second():
    told = settings(replace(golden_device(GDS), tenant=replace(TENANT, sip_proxy="")))

    assert [told[name] for name in ("P401", "P402", "P404", "P406", "P403")] == [
        "1",
        "pbx.example.com",
        "101",
        "pw-101",
        "",
    ]
    assert "P64" not in told


@pytest.mark.parametrize(
    ("agent", "key"),
    [
        ("Grandstream Model HW HT801 V1.1A SW 1.0.17.5 DevId 000b82a1b2c3", "grandstream-ht801"),
        ("Grandstream GXP2000 (gxp2000e.bin:1.2.5.3/boot55e.bin:1.1.6.9) DevId 000b822726c8", "grandstream-gxp2000"),
    ],
)
def test_user_agent_tells_the_model(agent, key):
    guess = Discovery(catalog().models()).guess("", agent)

    assert guess.model == key
    assert guess.said.mac.startswith("000B82")


def test_override_stands_within_the_settings():
    for key in (GXP, HT, GXW, GDS):
        assert settings(replace(golden_device(key), override="    <P52>2</P52>"))["P52"] == "2"
