"""Cisco phones with the firmware for CUCM, and the 7940 and 7960: files in the root of a TFTP server."""

import re
from dataclasses import replace
from datetime import timedelta
from functools import cache
from xml.etree import ElementTree

import pytest

from tests.phone_templates.clocks import Clock, Edge, counted_edge, disagreements, span
from tests.phone_templates.fleet import (
    SETTINGS,
    TENANT,
    golden_device,
    library,
    maximum_device,
    model,
    models,
    render,
    render_contacts,
    render_shared_files,
    variables,
)
from webprov.phones.timezones import timezone_names
from webprov.rendering.render import render_device
from webprov.rendering.settingnames import doubled_names
from webprov.rendering.systemdata import SystemData
from webprov.rendering.variables import device_variables
from webprov.store.devicedata import CustomValue, DeviceData, KeyData

MAC = "00562B043615"
NEW, OLD, P0S3 = "cisco-8851-enterprise", "cisco-7965g", "cisco-7960"
ENTERPRISE = [key for key in models("Cisco") if "MOST_CALLS" in model(key).sets]


def device_of(told: DeviceData) -> ElementTree.Element:
    """The root of an enterprise phone's file."""
    return ElementTree.fromstring(render(told)[f"SEP{told.mac}.cnf.xml"].text)


def with_variables(key: str, **values: str) -> ElementTree.Element:
    """What a usual phone is told with these custom variables."""
    given = {name: CustomValue(value) for name, value in values.items()}
    return device_of(replace(golden_device(key, MAC), variables=given))


def lines_of(told: DeviceData) -> dict[str, str]:
    """The settings of a 7940 or 7960; a name that stands there twice is an error."""
    file = render(told)[f"SIP{told.mac}.cnf"]
    assert doubled_names(file) == []
    return dict(re.findall(r'^(\w+): "([^"\n]*)"$', file.text, re.MULTILINE))


def test_every_model_with_all_lines_and_keys_gets_sound_files():
    for key in ENTERPRISE:
        phone, full = model(key), maximum_device(key)

        root = device_of(replace(full, keys=()))
        crowded = device_of(full)

        found = root.findall("sipProfile/sipLines/line")
        assert [line.get("lineIndex") for line in found] == [str(line.number) for line in full.lines], key
        assert [line.findtext("authPassword") for line in found] == [line.password for line in full.lines], key
        assert [line.findtext("displayName") for line in found] == [line.display_name[:30] for line in full.lines], key
        buttons = [line.get("button") for line in crowded.findall("sipProfile/sipLines/line")]
        assert len(buttons) == len(set(buttons)), key
        assert int(phone.sets["PHONE_KEYS"]) == phone.keys, key
        assert not phone.modules[0] or int(phone.sets["MODULE_KEYS"]) == phone.modules[1], key


def test_phone_gets_what_it_asks_for_from_the_root():
    for key in [NEW, P0S3]:
        phone = model(key)
        made = set(render(golden_device(key, MAC))) | set(render_shared_files(key))

        wanted = {request.name.replace("${MAC}", MAC) for request in phone.boot if not request.optional}

        assert wanted == made
        assert (phone.protocol, phone.external) == ("tftp", False)


def test_buttons_are_lines_and_features():
    keys = (
        KeyData(2, "blf", value="103", label="Carl"),
        KeyData(3, "line", line=2, label="Sales"),
        KeyData(4, "url", value="http://intranet/door?a=1&b=2", label="Door"),
        KeyData(5, "pickup", value="104"),
        KeyData(1, "speeddial", module=2, value="200", label="Taxi"),
    )

    root = device_of(replace(golden_device(NEW, MAC), keys=keys))

    buttons = {line.get("button"): line for line in root.findall("sipProfile/sipLines/line")}
    assert sorted((number, line.findtext("featureID")) for number, line in buttons.items()) == [
        ("1", "9"), ("2", "21"), ("3", "9"), ("39", "2"), ("4", "20"), ("5", "2")
    ]  # fmt: skip
    assert (buttons["2"].findtext("speedDialNumber"), buttons["2"].findtext("featureOptionMask")) == ("103", "1")
    assert (buttons["3"].get("lineIndex"), buttons["3"].findtext("name")) == ("2", "102")
    assert buttons["4"].findtext("serviceURI") == "http://intranet/door?a=1&b=2"
    assert buttons["5"].findtext("speedDialNumber") == "*8104"


def test_modules_are_named_with_their_buttons():
    keys = (KeyData(1, "speeddial", module=2, value="200"),)

    new, old = (device_of(replace(golden_device(key, MAC), keys=keys)) for key in (NEW, OLD))
    alone = device_of(replace(golden_device(NEW, MAC), keys=()))

    def modules(root):
        return [
            (module.get("idx"), *(leaf.text for leaf in module)) for module in root.findall("addOnModules/addOnModule")
        ]

    assert modules(new) == [("1", "CP-8800-Audio", "28"), ("2", "CP-8800-Audio", "28")]
    assert modules(old) == [("1", "7916", "24"), ("2", "7916", "24")]
    assert alone.find("addOnModules") is None


def test_firmware_of_a_module_is_told_where_it_was_set():
    device = replace(golden_device(OLD, MAC), keys=(KeyData(1, "speeddial", module=1, value="200"),))

    root = device_of(replace(device, variables={"MODULE_FIRMWARE": CustomValue("B016-1-0-4")}))

    assert root.findtext("addOnModules/addOnModule/loadInformation") == "B016-1-0-4"


def test_backup_registrar_is_a_second_member():
    root = device_of(golden_device(NEW, MAC))

    members = root.findall("devicePool/callManagerGroup/members/member")
    assert [(member.get("priority"), member.findtext("callManager/processNodeName")) for member in members] == [
        ("0", "pbx.example.com"),
        ("1", "pbx2.example.com"),
    ]


@pytest.mark.parametrize(
    ("transport", "srtp", "told"),
    [
        ("udp", "off", ("2", "1")),
        ("tcp", "off", ("1", "1")),
        ("tls", "off", ("3", "2")),
        ("tls", "required", ("3", "3")),
    ],
)
def test_transport_and_encryption_are_numbers(transport, srtp, told):
    root = with_variables(OLD, SIP_TRANSPORT=transport, SRTP=srtp)

    assert (root.findtext("transportLayerProtocol"), root.findtext("deviceSecurityMode")) == told


def test_newer_phones_register_by_tcp_unless_told_otherwise():
    assert device_of(golden_device(NEW, MAC)).findtext("transportLayerProtocol") == "1"
    assert device_of(golden_device(OLD, MAC)).findtext("transportLayerProtocol") == "2"


def test_switches_of_web_and_voicemail_are_the_other_way_round():
    root = with_variables(NEW, WEB_UI="0", MWI="0", CODECS="pcma pcmu")

    assert root.findtext("vendorConfig/webAccess") == "1"
    assert root.findtext("sipProfile/sipLines/line/messageWaitingLampPolicy") == "6"
    assert (root.findtext("sipProfile/preferredCodec"), root.findtext("vendorConfig/g722CodecSupport")) == (
        "g711alaw",
        "1",
    )


def test_contacts_are_read_by_the_web_and_missing_until_they_are_there():
    phone, device = model(NEW), golden_device(NEW, MAC)

    context = device_variables(device, phone, SystemData(SETTINGS)).context
    (bare,) = render_device(phone, context, library(), TENANT.name)

    url = device_of(device).findtext("directoryURL") or ""
    assert re.fullmatch(r"http://.*/provisioning/CONTACTS/acme/cisco-menu\.xml", url)
    assert "directoryURL" not in bare.text


def test_contacts_come_in_pages_of_32():
    people = [{"NAME": f"Person {number:02}", "WORK": str(100 + number)} for number in range(40)]

    files = render_contacts(NEW, people)

    assert set(files) == {"cisco-menu.xml", "cisco-1.xml", "cisco-2.xml"}
    assert len(ElementTree.fromstring(files["cisco-1.xml"].text).findall("DirectoryEntry")) == 32


def test_language_names_its_files_and_english_needs_none():
    assert device_of(golden_device(NEW, MAC)).findtext("userLocale/name") == "German_Germany"
    assert device_of(replace(golden_device(NEW, MAC), language="en-GB")).find("userLocale") is None


_US = (Edge(3, 2, 7, timedelta(hours=2)), Edge(11, 1, 7, timedelta(hours=2)))
_AUSTRALIA = (Edge(10, 1, 7, timedelta(hours=2)), Edge(4, 1, 7, timedelta(hours=3)))
_RULES = {
    "Alaskan": (-9, _US), "Pacific": (-8, _US), "Mountain": (-7, _US), "Central": (-6, _US), "Eastern": (-5, _US),
    "Atlantic": (-4, _US), "Newfoundland": (-3.5, _US), "Cen. Australia": (9.5, _AUSTRALIA),
    "AUS Eastern": (10, _AUSTRALIA), "New Zealand": (12, (Edge(9, 5, 7, timedelta(hours=2)), _AUSTRALIA[1])),
}  # fmt: skip
_EUROPE = {"Azores": -1, "GMT": 0, "W. Europe": 1, "E. Europe": 2}
_OFFSETS = {
    "Samoa": -11, "Dateline": -12, "Hawaiian": -10, "US Mountain": -7, "Canada Central": -6, "SA Pacific": -5,
    "SA Western": -4, "SA Eastern": -3, "Greenwich": 0, "South Africa": 2, "Saudi Arabia": 3, "Arabian": 4,
    "Afghanistan": 4.5, "West Asia": 5, "India": 5.5, "Central Asia": 6, "SE Asia": 7, "Taipei": 8, "Tokyo": 9,
    "AUS Central": 9.5, "E. Australia": 10, "Central Pacific": 11, "Fiji": 12,
}  # fmt: skip


def named_clock(name: str) -> Clock:
    """What the phone makes of the name of a zone."""
    if name.endswith(" Standard Time"):
        return Clock(timedelta(hours=_OFFSETS[name.removesuffix(" Standard Time")]))
    place = name.removesuffix(" Standard/Daylight Time")
    if place in _EUROPE:
        at = timedelta(hours=_EUROPE[place] + 1)
        edges = (Edge(3, 5, 7, at), Edge(10, 5, 7, at + timedelta(hours=1)))
        return Clock(timedelta(hours=_EUROPE[place]), timedelta(hours=1), *edges)
    hours, edges = _RULES[place]
    return Clock(timedelta(hours=hours), timedelta(hours=1), *edges)


@cache
def noted(key: str) -> frozenset[str]:
    """The zones of which people are warned that the phone's zone is another."""
    zones = model(key).translation.timezones
    return frozenset(zone for zone, entry in zones.items() if entry.note and "may take this name" not in entry.note)


def test_names_of_zones_are_those_of_the_zone_or_a_warning_tells():
    told = lambda zone: named_clock(device_of(replace(golden_device(NEW), timezone=zone)).findtext(".//timeZone"))  # noqa: E731

    assert disagreements(told, but=noted(NEW)) == {}
    assert len(noted(NEW)) < 50
    assert set(timezone_names()) <= set(model(NEW).translation.timezones)


def test_zone_that_the_phone_lacks_is_warned_of():
    context = variables(replace(golden_device(NEW, MAC), timezone="Asia/Kathmandu")).context

    assert "Asia/Kathmandu: the clock is 15 minutes fast." in context.warnings


def test_p0s3_lines_beyond_the_used_ones_are_unprovisioned():
    found = lines_of(golden_device(P0S3, MAC))

    assert (found["line2_authname"], found["line2_password"], found["line3_name"]) == (
        "auth102",
        "pw-102",
        "UNPROVISIONED",
    )
    assert (found["proxy_backup"], found["outbound_proxy"], found["outbound_proxy_port"]) == (
        "pbx2.example.com",
        "sbc.example.com",
        "5080",
    )


def test_p0s3_with_all_lines_has_every_name_once():
    for key in ["cisco-7940", P0S3]:
        full = maximum_device(key)

        found = lines_of(full)

        assert [found[f"line{line.number}_name"] for line in full.lines] == [line.userid for line in full.lines]


def test_p0s3_clock_follows_every_zone_whose_offset_it_knows():
    offsets = {"PST": -8, "MST": -7, "CST": -6, "EST": -5, "AST": -4, "GMT": 0, "CET": 1, "EET": 2}

    def told(zone: str) -> Clock:
        found = lines_of(replace(golden_device(P0S3), timezone=zone))
        offset = timedelta(hours=offsets[found["time_zone"]])
        if found["dst_auto_adjust"] == "0":
            return Clock(offset)
        return Clock(offset, span(found["dst_offset"], "/"), p0s3_edge(found, "start"), p0s3_edge(found, "stop"))

    assert disagreements(told, but=noted(P0S3)) == {}
    assert not {"Europe/Berlin", "America/Phoenix", "Europe/Athens"} & noted(P0S3)


_MONTHS = ("Jan", "Feb", "Mar", "April", "May", "June", "July", "Aug", "Sept", "Oct", "Nov", "Dec")


def p0s3_edge(found: dict[str, str], which: str) -> Edge:
    """Weekdays count from Sunday = 1, week 8 is the last."""
    week, day = (int(found[f"dst_{which}_{part}"]) for part in ("week_of_month", "day_of_week"))
    month = _MONTHS.index(found[f"dst_{which}_month"]) + 1
    return counted_edge(month, week, day, span(found[f"dst_{which}_time"], "/"), sunday=1, last=8)


def test_p0s3_override_takes_the_place_of_a_line():
    found = lines_of(replace(golden_device(P0S3, MAC), override='time_zone: "JST"'))

    assert found["time_zone"] == "JST"
