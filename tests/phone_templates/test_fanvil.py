"""Fanvil: one XML file per phone, of two generations."""

import re
from collections import Counter
from dataclasses import replace
from datetime import timedelta
from xml.etree import ElementTree

import pytest

from tests.phone_templates.clocks import Clock, Edge, counted_edge, disagreements
from tests.phone_templates.fleet import (
    TENANT,
    catalog,
    golden_device,
    maximum_device,
    model,
    models,
    render,
    render_contacts,
)
from webprov.enums import KeyType
from webprov.phones.discovery import Discovery
from webprov.sampledevices import HOSTILE
from webprov.store.devicedata import CustomValue, DeviceData, KeyData

MAC = "0C383E112233"
NEW, OLD = "fanvil-x4u", "fanvil-x4"


def read(device: DeviceData) -> dict[str, str]:
    """All settings of a phone by their paths: numbers and IDs of elements in brackets, each path once."""
    (file,) = render(device).values()
    assert not file.warnings
    root = ElementTree.fromstring(file.content)
    found = [*_settings(root, "")]
    assert [path for path, count in Counter(path for path, _ in found).items() if count > 1] == []
    return dict(found)


def _settings(element: ElementTree.Element, above: str) -> list[tuple[str, str]]:
    if not len(element):
        return [(above, element.text or "")]
    found = []
    for child in element:
        number = child.get("index") or child.findtext("ID")
        name = f"{child.tag.removesuffix('_Entry')}[{number}]" if number else child.tag
        found += _settings(child, f"{above}/{name}" if above else name)
    return found


def with_variables(key: str, **values: str) -> dict[str, str]:
    variables = {name: CustomValue(value) for name, value in values.items()}
    return read(replace(golden_device(key), variables=variables))


def titles(told: dict[str, str]) -> list[str]:
    """The titles of all keys, in the order of the file."""
    return [value for path, value in told.items() if path.endswith("/Title")]


def test_models_of_all_series_are_there() -> None:
    found = models("Fanvil")

    assert len(found) == 89
    assert {"fanvil-x3u", "fanvil-x210i-pro", "fanvil-v67", "fanvil-h2u-v2", "fanvil-i64", "fanvil-w611w"} <= {*found}


def test_full_phone_of_every_model_has_each_setting_once_and_names_unchanged() -> None:
    for key in models("Fanvil"):
        device = maximum_device(key)

        told = read(device)

        names = [value for path, value in told.items() if re.search(r"/Display_?Name$", path)]
        passwords = [value for path, value in told.items() if re.search(r"/Register_?Pswd$", path)]
        assert names == [line.display_name for line in device.lines], key
        assert passwords == [line.password for line in device.lines], key
        assert len(titles(told)) == model(key).keys, key
        assert {*titles(told)} <= {"", *HOSTILE}, key
        assert device.admin_password in told.values(), key


def test_phone_with_nothing_set_has_lines_and_keys_emptied() -> None:
    for key in models("Fanvil"):
        told = read(replace(golden_device(key), lines=(), keys=(), admin_password=""))

        switches = [value for path, value in told.items() if re.search(r"/Enable_?Reg$", path)]
        assert switches == ["0"] * model(key).lines, key
        assert {value for path, value in told.items() if re.search(r"ey\[\w+\]/Type$|Soft\[\d\]/Type$", path)} <= {"0"}
        assert not any("Password" in path and "ap/" not in path and "AUTO" not in path for path in told), key


def test_keys_stand_where_each_model_has_them() -> None:
    places = {
        "fanvil-x1sg": (2, "dsskey/internal[1]/Fkey[2]"),
        "fanvil-x3sg": (2, "dsskey/internal[1]/Fkey[2]"),
        "fanvil-x303": (3, "dsskey/dssSide[1]/Fkey[3]"),
        "fanvil-x4u": (4, "dsskey/internal[1]/Fkey[1]"),
        "fanvil-x4sg": (33, "dsskey/internal[5]/Fkey[6]"),
        "fanvil-x4": (4, "PHONE_CONFIG_MODULE/Function_Key/Function_Key[Fkey4]"),
        "fanvil-v62": (6, "dsskey/dssSide[2]/Fkey[1]"),
        "fanvil-x7c": (60, "dsskey/dssSide[5]/Fkey[12]"),
        "fanvil-v67": (116, "dsskey/internal[4]/Fkey[29]"),
        "fanvil-x210": (106, "dsskey/internal[3]/Fkey[32]"),
        "fanvil-i10sd": (2, "dsskey/dssSoft[2]"),
        "fanvil-i53w": (3, "dsskey/internal[2]/Fkey[3]"),
        "fanvil-w611w": (9, "dsskey/internal[2]/Fkey[1]"),
    }
    for key, (number, place) in places.items():
        told = read(replace(golden_device(key), keys=(KeyData(number, "speeddial", value="7", label="Seven"),)))

        assert (told[f"{place}/Value"], told[f"{place}/Title"]) == ("7@1/f", "Seven"), key


def test_number_of_pages_is_told() -> None:
    told = {key: read(golden_device(key)) for key in ("fanvil-x6u", "fanvil-v62", "fanvil-v67")}

    assert told["fanvil-x6u"]["dsskey/FuncKeyPageNum"] == "5"
    assert told["fanvil-v62"]["dsskey/SideKeyPageNum"] == "3"
    assert told["fanvil-v67"]["dsskey/FuncKeyPageNum"] == "4"
    assert "dsskey/SideKeyPageNum" not in told["fanvil-v67"]  # it has no keys beside its display


@pytest.mark.parametrize("name", ["fanvil-x4u", "fanvil-x5s", "fanvil-v62", "fanvil-c58"])
def test_every_type_of_key_has_a_code(name: str) -> None:
    assert {*model(name).translation.keys} == {*KeyType}


@pytest.mark.parametrize(
    ("kind", "value", "type_code", "written"),
    [
        ("line", "", "2", "SIP2"),
        ("blf", "103", "1", "103@2/bc*8103"),
        ("intercom", "103", "1", "103@2/i"),
        ("pickup", "103", "1", "*8103@2/f"),
        ("pickup", "*8103", "1", "*8103@2/f"),
        ("voicemail", "*98", "1", "*98@2/m"),
        ("voicemail", "", "3", "F_MWI"),
        ("dtmf", "*1", "4", "*1"),
        ("transfer", "103", "3", "F_B_TRANSFER"),
        ("url", "http://x/y?a=1&b=2", "7", "http://x/y?a=1&b=2"),
        ("none", "103", "0", ""),
    ],
)
def test_types_of_keys(kind: str, value: str, type_code: str, written: str) -> None:
    told = read(replace(golden_device(NEW), keys=(KeyData(5, kind, value=value, line=2),)))

    key = "dsskey/internal[1]/Fkey[2]"
    assert (told[f"{key}/Type"], told[f"{key}/Value"]) == (type_code, written)


def test_blf_without_a_pickup_code_only_shows_and_calls() -> None:
    assert with_variables(NEW, PICKUP_CODE="")["dsskey/dssSide[1]/Fkey[3]/Value"] == "103@1/bc"


def test_call_button_of_a_door_phone_stays_empty_until_it_is_set() -> None:
    assert read(replace(golden_device("fanvil-i10s"), keys=()))["dsskey/dssSoft[1]/Type"] == "0"


@pytest.mark.parametrize(("key", "prefix"), [(NEW, "sip/line[1]/"), (OLD, "SIP_CONFIG_MODULE/SIP_Line_List/")])
def test_transport_encryption_and_dtmf_codes(key: str, prefix: str) -> None:
    told = with_variables(key, SIP_TRANSPORT="tls", SRTP="required", DTMF_MODE="info", MWI="0")

    line = {path.split("/")[-1].replace("_", ""): value for path, value in reversed(told.items()) if prefix in path}
    assert line["Transport"] == "3"
    assert line["RegisterPort"] == "5061"
    assert (line["MediaCrypto"], line["DTMFMode"], line["Subscribe"]) == ("2", "2", "0")


def test_codecs_stand_in_their_order_and_in_each_generations_words() -> None:
    codecs = {key: with_variables(key, CODECS="opus pcma ilbc pcmu") for key in (NEW, OLD)}

    assert codecs[NEW]["sip/line[1]/VoiceCodecMap"] == "opus,PCMA,iLBC,PCMU"
    old = "SIP_CONFIG_MODULE/SIP_Line_List/SIP_Line_List[SIP1]/VoiceCodecMap"
    assert codecs[OLD][old] == "OPUS,G711A,iLBC,G711U"


def test_registrar_that_is_its_own_proxy_needs_no_other() -> None:
    told = read(replace(golden_device(NEW), tenant=replace(TENANT, sip_proxy="", backup_registrar="")))

    assert told["sip/line[1]/ProxyAddr"] == told["sip/line[1]/BackupAddr"] == ""
    assert told["sip/line[1]/EnableFailback"] == "0"


def test_settings_of_the_vocabulary_reach_the_phone() -> None:
    told = with_variables(
        NEW, VLAN_ID="20", PC_VLAN_ID="30", LLDP="0", SYSLOG_SERVER="log.example:5514", SYSLOG_LEVEL="INFO",
        POLL_SECONDS="7200", TIME_FORMAT="12", DATE_FORMAT="9", BACKLIGHT_SECONDS="45", PHONEBOOK_NAME="Acme & Co",
    )  # fmt: skip

    expected = {
        "qos/EnableVLAN": "1", "qos/VLANID": "20", "qos/EnablePVID": "2", "qos/PVIDValue": "30",
        "qos/LLDPTransmit": "0", "log/OutputDevice": "syslog,stdout", "log/Level": "INFO",
        "log/SyslogServer": "log.example", "log/SyslogServerPort": "5514", "ap/FlashMode": "2",
        "ap/FlashInterval": "2", "phone/timeDisplay/TimeDisplayStyle": "1", "phone/timeDisplay/DateDisplayStyle": "9",
        "phone/display/BacklightOffTime": "45", "phone/xmlContact[1]/Name": "Acme & Co",
    }  # fmt: skip
    assert {path: told.get(path) for path in expected} == expected


@pytest.mark.parametrize(
    ("key", "language", "code"),
    [
        ("fanvil-x4u", "zh-TW", "tc"),
        ("fanvil-x5s", "fr", "4"),
        ("fanvil-v62", "fr", "5"),
        ("fanvil-v62", "es", "6"),
    ],
)
def test_languages_are_letters_or_the_numbers_of_the_series(key: str, language: str, code: str) -> None:
    assert read(replace(golden_device(key), language=language))["phone/display/DefaultLanguage"] == code


@pytest.mark.parametrize(
    ("zone", "number", "name"),
    [
        ("Asia/Kolkata", "22", "UTC+5:30"),
        ("America/New_York", "-20", "UTC-05"),
        ("America/St_Johns", "-14", "UTC-03:30"),
        ("Etc/GMT+12", "-48", "UTC-12"),
        ("UTC", "0", "UTC"),
    ],
)
def test_zone_is_counted_in_quarters_of_an_hour(zone: str, number: str, name: str) -> None:
    told = read(replace(golden_device(NEW), timezone=zone))

    assert (told["phone/date/TimeZone"], told["phone/date/TimeZoneName"]) == (number, name)


@pytest.mark.parametrize("key", [NEW, OLD])
def test_clock_follows_every_zone(key: str) -> None:
    def told(zone: str) -> Clock:
        found = read(replace(golden_device(key), timezone=zone))
        date = {path.split("/")[-1].replace("_", ""): value for path, value in found.items()}
        offset = timedelta(minutes=15 * int(date["TimeZone"]))
        if date["EnableDST"] == "0":
            return Clock(offset)
        assert (date["EnableDST"], date["DSTFixedType"]) == ("2", "2")
        return Clock(offset, timedelta(minutes=int(date["DSTMinOffset"])), edge(date, "Start"), edge(date, "End"))

    assert disagreements(told) == {}


def edge(date: dict[str, str], which: str) -> Edge:
    """When summer time starts or ends: Sunday is 0, the fifth week the last."""
    month, week, day, hour = (int(date[f"DST{which}{part}"]) for part in ("Mon", "Week", "Wday", "Hour"))
    return counted_edge(month, week, day, timedelta(hours=hour), sunday=0, last=5)


def test_phones_with_a_list_of_zones_get_its_number() -> None:
    told = {zone: read(replace(golden_device("fanvil-c58"), timezone=zone)) for zone in ("Europe/Berlin", "UTC")}

    zones = [told[zone]["GLOBAL_CONFIG_MODULE/Time_Zone"] for zone in told]
    names = [told[zone]["GLOBAL_CONFIG_MODULE/Time_Zone_Name"] for zone in told]
    assert (zones, names) == (["27", "25"], ["MET_001", "UCT_000"])


def test_phone_asks_for_the_file_that_is_made() -> None:
    for key in models("Fanvil"):
        needed = [request.name for request in model(key).boot if not request.optional]

        assert needed == ["${mac}.cfg"], key
        assert [*render(golden_device(key, MAC))] == ["0c383e112233.cfg"], key


@pytest.mark.parametrize(
    ("agent", "path", "key"),
    [
        ("Fanvil X6U Pro 0.0.10 0c383e2cd782", "", "fanvil-x6u-pro"),
        ("Fanvil X5U-V2 2.12.16.17 0c383e557eb1", "", "fanvil-x5u-v2"),
        ("Fanvil i10SV 2.12.10.1 0c383e2397f4", "", "fanvil-i10sv"),
        ("", "F0V0V6700000.cfg", "fanvil-v67"),
        ("", "fanvil_i61_hwv1_0.txt", "fanvil-i61"),
    ],
)
def test_phone_is_known_by_what_it_says_or_asks_for(agent: str, path: str, key: str) -> None:
    assert Discovery(catalog().models()).guess(MAC, agent, [path]).model == key


def test_override_stands_inside_the_file() -> None:
    told = read(replace(golden_device(NEW), override="<mcast><Priority>1</Priority></mcast>"))

    assert told["mcast/Priority"] == "1"


def test_contacts_keep_hostile_names() -> None:
    (file,) = render_contacts(NEW, [{"NAME": name, "WORK": "+4930123"} for name in HOSTILE]).values()

    entries = ElementTree.fromstring(file.content).iter("DirectoryEntry")
    assert [entry.findtext("Name") for entry in entries] == sorted(HOSTILE, key=str.casefold)
