"""Mitel and Aastra SIP phones: one file of `name: value` lines, a number sign starting a comment anywhere."""

import re
from dataclasses import replace
from datetime import timedelta
from xml.etree import ElementTree

import pytest

from tests.phone_templates.clocks import Clock, Edge, counted_edge, disagreements
from tests.phone_templates.fleet import (
    SETTINGS,
    TENANT,
    catalog,
    golden_device,
    library,
    maximum_device,
    model,
    models,
    render,
    render_contacts,
    render_shared_files,
)
from webprov.enums import KeyType
from webprov.phones.discovery import Discovery
from webprov.rendering.render import render_device
from webprov.rendering.systemdata import SystemData
from webprov.rendering.variables import device_variables
from webprov.store.devicedata import CustomValue, DeviceData, KeyData

MAC = "00085D112233"
OLD, DESK, NEW = "mitel-6755i", "mitel-6867i", "mitel-6920"
PHONES = [key for key in models("Mitel") if model(key).sets.get("LINE_NAMES")]
MINET = [key for key in models("Mitel") if key not in PHONES]


def settings(device: DeviceData) -> dict[str, str]:
    """All settings of the phone's file."""
    return read(render(device)[f"{device.mac}.cfg"].text)


def read(text: str) -> dict[str, str]:
    """The settings as the phone reads them: without comments and quotation marks. None stands there twice."""
    found: dict[str, str] = {}
    for line in text.splitlines():
        match = re.fullmatch(r'(?:([^:"#]+):\s*(?:"([^"]*)"|([^"#]*?)))?\s*(?:#.*)?', line)
        assert match, line
        if match[1]:
            assert match[1] not in found, line
            found[match[1]] = match[2] or match[3] or ""
    return found


def with_variables(key: str = DESK, **values: str) -> dict[str, str]:
    """The settings of a usual device with these custom variables."""
    variables = {name: CustomValue(value) for name, value in values.items()}
    return settings(replace(golden_device(key), variables=variables))


def test_every_model_in_use_is_there():
    assert len(PHONES) == 34
    assert {"mitel-480i", "mitel-6731i", "mitel-6757ict", "mitel-6873i", "mitel-6940w", "mitel-6970"} <= {*PHONES}


def test_every_phone_with_all_lines_and_keys_keeps_names_but_for_quotation_marks():
    for key in PHONES:
        phone, device = model(key), maximum_device(key)
        sip = "sip" if key == "mitel-9112i" else "sip line{}"

        told = settings(device)

        for line in device.lines:
            name = sip.format(line.number)
            assert told[f"{name} display name"] == line.display_name.replace('"', "").strip()
            assert told[f"{name} password"] == line.password.replace('"', "")
        places = [name for name in told if name.endswith(" type")]
        assert len(places) == phone.keys + phone.modules[0] * phone.modules[1], key
        labels = {value for name, value in told.items() if name.endswith(" label")}
        assert labels <= {key.label.replace('"', "").strip() for key in device.keys}


def test_quotation_marks_that_are_left_out_are_warned_of():
    device = replace(golden_device(DESK), keys=(KeyData(1, "blf", value="1", label='Dr. "Bo"'),))

    (file,) = (file for file in render(device).values() if file.path.endswith(".cfg"))

    assert any("quotation marks" in warning for warning in file.warnings)


def test_phone_with_nothing_set_has_lines_and_keys_cleared():
    for key in PHONES:
        phone = model(key)

        told = settings(replace(golden_device(key), lines=(), keys=(), admin_password=""))

        users = [value for name, value in told.items() if name.endswith(" user name")]
        assert users == [""] * phone.lines
        assert [value for name, value in told.items() if name.endswith(" type")] == ["none"] * phone.keys
        assert "admin password" not in told


def test_phone_asks_for_the_files_that_are_made():
    shared = render_shared_files(DESK)

    assert {*shared} == {"startup.cfg", "aastra.cfg"}
    assert read(shared["startup.cfg"].text) == {}
    assert [request.name for request in model(OLD).boot][1:] == ["aastra.cfg", "${set_FILE}.cfg", "${MAC}.cfg"]
    assert [request.name for request in model(NEW).boot][1:] == ["startup.cfg", "${set_FILE}.cfg", "${MAC}.cfg"]


@pytest.mark.parametrize(
    ("agent", "key"),
    [
        ("Aastra6731i MAC:00-08-5D-23-74-29 V:3.2.0.70-SIP", "mitel-6731i"),
        ("Aastra6863i MAC:00-08-5D-40-90-5F V:4.1.0.128-SIP", "mitel-6863i"),
        ("Mitel6920 MAC:14-00-E9-1F-03-EA V:6.4.0.140-SIP", "mitel-6920"),
    ],
)
def test_user_agent_tells_model_firmware_and_mac(agent, key):
    guess = Discovery(catalog().models()).guess("", agent)

    assert guess.model == key
    assert guess.said.firmware == re.search(r"V:([\d.]+)", agent)[1]
    assert guess.said.mac == re.search(r"MAC:(\S+)", agent)[1].replace("-", "")


def test_server_of_the_files_is_told_by_its_protocol():
    told = settings(golden_device(DESK))

    assert (told["download protocol"], told["http server"], told["http path"]) == (
        "HTTP",
        "pbx.example.com",
        "provisioning",
    )
    assert (told["http digest username"], told["http digest password"]) == ("phones", "prov-Pa55word")
    assert told["http port"].isdigit()


def test_firmware_is_looked_for_only_where_the_model_names_one():
    phone, device = replace(model(DESK), firmware="6867i.st"), golden_device(DESK, MAC)

    context = device_variables(device, phone, SystemData(SETTINGS)).context
    (file,) = render_device(phone, context, library(), TENANT.name)

    told = read(file.text)
    assert told["firmware server"].endswith("/FIRMWARE-mitel-6867i")
    assert told["auto resync mode"] == "3"
    assert "firmware server" not in settings(device)
    assert told["directory script"] == ""  # no contacts yet


def test_registrar_backup_and_outbound_proxy():
    told = with_variables(SIP_TRANSPORT="tls")
    direct = settings(replace(golden_device(DESK), tenant=replace(TENANT, sip_proxy="", backup_registrar="")))

    assert (told["sip line1 registrar ip"], told["sip line1 registrar port"]) == ("pbx.example.com", "5061")
    assert (told["sip line1 backup registrar ip"], told["sip line1 backup proxy port"]) == ("pbx2.example.com", "5061")
    assert (told["sip line1 outbound proxy"], told["sip line1 outbound proxy port"]) == ("sbc.example.com", "5080")
    assert (told["sip transport protocol"], told["sips persistent tls"]) == ("4", "1")
    assert (direct["sip line1 outbound proxy"], direct["sip line1 backup registrar ip"]) == ("0.0.0.0", "0.0.0.0")


def test_phone_of_one_line_has_no_numbers_in_its_settings():
    told = settings(golden_device("mitel-9112i"))

    assert told["sip user name"] == "101"
    assert not any(name.startswith("sip line") for name in told)


def test_settings_of_the_vocabulary_reach_the_phone():
    told = with_variables(
        VLAN_ID="20", PC_VLAN_ID="30", LLDP="0", SYSLOG_SERVER="log.example:5514", SYSLOG_LEVEL="65535",
        POLL_SECONDS="172800", CODECS="pcma g722", DTMF_MODE="info", MWI="0", WEB_UI="0", TIME_FORMAT="12",
        DATE_FORMAT="2", BACKLIGHT_SECONDS="600", DIAL_PLAN="X+#", PICKUP_CODE="", SRTP="required", TONE_SET="Germany",
    )  # fmt: skip
    expected = {
        "tagging enabled": "1", "vlan id": "20", "vlan id port 1": "30", "lldp": "0", "log server ip": "log.example",
        "log server port": "5514", "log module sip": "65535", "auto resync days": "2", "auto resync mode": "1",
        "sip customized codec": "payload=8;ptime=20;silsupp=off,payload=9;ptime=20;silsupp=off",
        "sip dtmf method": "1", "sip out-of-band dtmf": "1", "sip explicit mwi subscription": "0",
        "web interface enabled": "0", "time format": "0", "date format": "2", "bl on time": "600",
        "sip dial plan": "X+#", "directed call pickup": "0", "sip line1 srtp mode": "2", "tone set": "Germany",
        "language 1": "lang_de.txt", "input language": "German",
    }  # fmt: skip

    assert {name: told.get(name) for name in expected} == expected


def test_keys_of_a_phone_go_through_its_kinds_in_order():
    old = settings(replace(golden_device(OLD), keys=(KeyData(6, "blf", value="1"), KeyData(7, "blf", value="2"))))
    desk = settings(replace(golden_device(DESK), keys=(KeyData(20, "blf", value="1"), KeyData(21, "blf", value="2"))))

    assert (old["prgkey6 type"], old["softkey1 type"], old["softkey1 value"]) == ("blf", "blf", "2")
    assert (desk["topsoftkey20 type"], desk["topsoftkey20 value"]) == ("blf", "1")
    assert (desk["softkey1 type"], desk["softkey1 value"]) == ("speeddial", "2")


def test_every_kind_of_key_is_coded():
    kinds = [
        ("pickup", "104"),
        ("voicemail", ""),
        ("transfer", ""),
        ("transfer", "105"),
        ("park", "701"),
        ("url", "http://x"),
        ("directory", ""),
    ]
    keys = tuple(KeyData(number, kind, value=value) for number, (kind, value) in enumerate(kinds, 1))

    told = settings(replace(golden_device(DESK), keys=keys))

    assert [(told[f"topsoftkey{n} type"], told[f"topsoftkey{n} value"]) for n in range(1, len(keys) + 1)] == [
        ("speeddial", "*8104"), ("speeddial", "*97"), ("xfer", ""), ("speeddialxfer", "105"), ("park", "asterisk;701"),
        ("xml", "http://x"), ("directory", ""),
    ]  # fmt: skip
    assert {*model(DESK).translation.keys} == {*KeyType}


def test_unused_top_keys_show_the_lines_and_modules_are_cleared_as_far_as_used():
    told = settings(replace(golden_device(DESK), keys=(KeyData(84, "blf", module=2, value="103"),)))

    assert [told[f"topsoftkey{n} type"] for n in (1, 2, 3)] == ["line", "line", "none"]
    assert (told["topsoftkey2 line"], told["topsoftkey2 label"]) == ("2", "Sales")
    assert (told["expmod2 key84 type"], told["expmod1 key1 type"]) == ("blf", "none")
    assert "expmod3 key1 type" not in told


def test_clock_follows_every_zone():
    device = golden_device(OLD)

    def told(zone):
        found = settings(replace(device, timezone=zone))
        offset = -timedelta(minutes=int(found["time zone minutes"]))
        if found["dst config"] == "0":
            return Clock(offset)
        assert (found["dst config"], found["dst [start|end] relative date"]) == ("3", "1")
        saving = timedelta(minutes=int(found["dst minutes"]))
        return Clock(offset, saving, edge(found, "start"), edge(found, "end"))

    assert disagreements(told) == {}


def edge(found: dict[str, str], name: str) -> Edge:
    month, week, day, hour = (int(found[f"dst {name} {part}"]) for part in ("month", "week", "day", "hour"))
    return counted_edge(month, week, day, timedelta(hours=hour), sunday=1, last=-1)


def test_contacts_come_as_pages_for_new_phones_and_as_a_list_for_old_ones():
    people = [{"NAME": f"Person {number:02}", "WORK": str(number)} for number in range(20)]

    pages, lists = render_contacts(DESK, people), render_contacts(OLD, people)

    assert {*pages} == {"mitel-1.xml", "mitel-2.xml"}
    assert lists["mitel.csv"].text.splitlines()[0] == "Person 00,0"
    assert settings(golden_device(DESK))["directory script"].endswith("/CONTACTS/acme/mitel-1.xml")
    assert settings(golden_device(OLD))["directory 1"].endswith("/CONTACTS/acme/mitel.csv")


def test_override_replaces_what_the_template_says():
    device = replace(golden_device(DESK), override="lldp: 0\nbackground image: x.png")

    told = settings(device)

    assert (told["lldp"], told["background image"]) == ("0", "x.png")


def parameter(device: DeviceData) -> ElementTree.Element:
    """The file of a 53xx phone."""
    return ElementTree.fromstring(render(device)[f"MN_{device.mac}.cfg"].text)


def test_every_53xx_has_its_users_and_keys():
    assert len(MINET) == 9
    for key in MINET:
        device = maximum_device(key)

        root = parameter(device)

        assert [user.get("Pwd") for user in root.iter("User")] == [line.password for line in device.lines]
        assert [user.get("DispName") for user in root.iter("User")] == [line.display_name for line in device.lines]
        assert [key.get("Des") for key in root.iter("Key")] == [key.label for key in device.keys]
        assert root.get("Model") == key.removeprefix("mitel-")


def test_53xx_is_told_of_a_vlan_only_where_there_is_one():
    device = golden_device("mitel-5330", MAC)

    tagged = parameter(replace(device, variables={"VLAN_ID": CustomValue("20")}))

    assert (parameter(device).findtext("vlan_id"), tagged.findtext("vlan_id")) == ("-1", "20")


def test_53xx_is_told_the_sum_of_its_password():
    device = replace(golden_device("mitel-5330"), admin_password="5324")

    without = parameter(replace(device, admin_password=""))

    assert parameter(device).findtext("admin_passwd") == "510731ac096ebcb3989fb1ed5b7075bb"
    assert without.find("admin_passwd") is None


@pytest.mark.parametrize(("transport", "code"), [("udp", "2"), ("tcp", "1"), ("tls", "3")])
def test_53xx_counts_transports_from_tcp(transport, code):
    device = replace(golden_device("mitel-5330"), variables={"SIP_TRANSPORT": CustomValue(transport)})

    user = next(parameter(device).iter("User"))

    assert {user.get(f"{of}Scheme") for of in ("Reg", "Proxy", "VM", "Event")} == {code}


def test_lines_of_a_53xx_are_kinds_of_keys():
    device = replace(golden_device("mitel-5330"), keys=(KeyData(3, "line", line=2), KeyData(4, "pickup", value="104")))

    keys = [*parameter(device).iter("Key")]

    assert [key.get("Fea") for key in keys[:5]] == ["6", "7", "7", "1", "0"]
    assert (keys[2].get("UserID"), keys[3].get("Addr")) == ("102", "*8104")
