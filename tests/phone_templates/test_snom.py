"""Snom desk phones and DECT bases: XML settings, each with a number where there are several."""

import re
from collections import Counter
from dataclasses import replace
from datetime import timedelta
from xml.etree import ElementTree

import pytest

from tests.phone_templates.clocks import Clock, Edge, disagreements
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
)
from webprov.enums import KeyType
from webprov.rendering.render import render_device
from webprov.rendering.systemdata import SystemData
from webprov.rendering.variables import device_variables
from webprov.store.devicedata import CustomValue, DeviceData, KeyData, LineData

MAC = "000413A1B2C3"
DESK = "snom-d735"
DESKS = [key for key in models("Snom") if model(key).sets.get("POLLING")]


def settings(device: DeviceData) -> dict[str, str]:
    """The settings of a desk phone, like `user_name 1`, each once, and `fkey 0` as `1: line`."""
    name = model(device.model).sets["NAME"]
    return read(render(device)[f"snom{name}-{device.mac}.xml"].text)


def read(text: str) -> dict[str, str]:
    """The settings of a file; one that stands there twice is an error."""
    found = [*ElementTree.fromstring(text).iter()]
    said = [(f"{item.tag} {item.get('idx', '')}".strip(), item) for item in found if len(item) == 0]
    assert [name for name, count in Counter(name for name, _ in said).items() if count > 1] == []
    return {
        name: f"{item.get('context')}: {item.text}" if item.tag == "fkey" else item.text or "" for name, item in said
    }


def labels(device: DeviceData) -> list[str | None]:
    name = model(device.model).sets["NAME"]
    root = ElementTree.fromstring(render(device)[f"snom{name}-{device.mac}.xml"].text)
    return [key.get("label") for key in root.iter("fkey")]


def with_variables(key: str = DESK, **values: str) -> dict[str, str]:
    """The settings of a usual device with these custom variables."""
    variables = {name: CustomValue(value) for name, value in values.items()}
    return settings(replace(golden_device(key), variables=variables))


def test_every_model_in_use_is_there():
    assert {"snom-300", "snom-d120", "snom-d785", "snom-d815", "snom-d865", "snom-pa1"} <= {*models("Snom")}


def test_every_phone_with_all_lines_and_keys_gets_each_setting_once_and_names_unchanged():
    for key in DESKS:
        phone, device = model(key), maximum_device(key)

        told = settings(device)

        assert [told[f"user_realname {line.number}"] for line in device.lines] == [
            line.display_name for line in device.lines
        ]
        assert [told[f"user_pass {line.number}"] for line in device.lines] == [line.password for line in device.lines]
        assert labels(device) == [key.label for key in device.keys]
        numbers = [int(name.split()[1]) for name in told if name.startswith("fkey ")]
        assert numbers == list(range(phone.keys + phone.modules[0] * phone.modules[1])), key


def test_phone_with_nothing_set_has_identities_and_keys_cleared():
    for key in DESKS:
        phone = model(key)

        told = settings(replace(golden_device(key), lines=(), keys=(), admin_password=""))

        assert {told[f"user_active {n}"] for n in range(1, phone.lines + 1)} == {"off"}
        assert {told[f"user_pass {n}"] for n in range(1, phone.lines + 1)} == {""}
        assert [told[f"fkey {n}"] for n in range(phone.keys)] == ["active: none"] * phone.keys
        assert "admin_mode_password" not in told


def test_phone_asks_for_the_file_that_names_the_others():
    device = golden_device(DESK, MAC)

    files = render(device)

    listed = ElementTree.fromstring(files[f"snomD735-{MAC}.htm"].text)
    urls = [file.get("url", "") for file in listed.findall("file")]
    assert listed.tag == "setting-files"
    assert [url.rpartition("/")[2] for url in urls] == [f"snomD735-{MAC}.xml", "snom-tbook.xml"]
    assert all(url.startswith("http://phones:prov-Pa55word@pbx.example.com") for url in urls)
    assert [request.name for request in model(DESK).boot][:2] == ["snom${set_NAME}.htm", "snom${set_NAME}-${MAC}.htm"]


def test_contacts_are_not_asked_for_before_they_exist():
    phone, device = model(DESK), golden_device(DESK, MAC)

    context = device_variables(device, phone, SystemData(SETTINGS)).context
    listed = next(file for file in render_device(phone, context, library(), TENANT.name) if file.path.endswith(".htm"))

    assert "tbook" not in listed.text


def test_firmware_is_a_file_of_its_own_and_looked_for_only_where_the_model_names_one():
    phone, device = replace(model(DESK), firmware="snomD735-10.bin"), golden_device(DESK, MAC)

    context = device_variables(device, phone, SystemData(SETTINGS)).context
    files = {file.path: file.text for file in render_device(phone, context, library(), TENANT.name)}

    told, without = read(files[f"snomD735-{MAC}.xml"]), settings(device)
    assert told["firmware_status"].endswith(f"/snomD735-{MAC}-firmware.xml")
    assert read(files[f"snomD735-{MAC}-firmware.xml"])["firmware"].endswith("/FIRMWARE-snom-d735/snomD735-10.bin")
    assert (told["update_policy"], without["update_policy"]) == ("auto_update", "settings_only")
    assert without["firmware_status"] == ""


def test_backup_registrar_is_a_hidden_identity_at_the_other_end():
    told = settings(golden_device(DESK))

    assert (told["user_failover_identity 1"], told["user_failover_identity 2"]) == ("12", "11")
    assert (told["user_host 12"], told["user_name 12"], told["hide_identity 12"]) == (
        "pbx2.example.com",
        "101",
        "true",
    )
    assert told["user_active 10"] == "off"


def test_backup_takes_calls_as_its_line_does():
    told = with_variables(CODECS="g726 pcma", DTMF_MODE="info", SRTP="required")

    names = ("codec_priority_list", "user_dtmf_info", "user_srtp", "user_savp", "user_expiry")
    assert [told[f"{name} 12"] for name in names] == [told[f"{name} 1"] for name in names]
    assert told["codec_priority_list 12"] == "g726-32,pcma"


def test_lines_that_leave_no_room_have_no_backup_and_without_a_backup_all_is_off():
    lines = tuple(LineData(number, f"u{number}", "secret") for number in (1, 12))

    full = settings(replace(golden_device(DESK), lines=lines))
    none = settings(replace(golden_device(DESK), tenant=replace(TENANT, backup_registrar="")))

    assert (full["user_failover_identity 1"], full["user_name 12"]) == ("none", "u12")
    assert (none["user_failover_identity 1"], none["user_active 12"]) == ("none", "off")


@pytest.mark.parametrize(
    ("values", "outbound"),
    [
        ({}, "sbc.example.com:5080;transport=udp"),
        ({"SIP_TRANSPORT": "tls"}, "sbc.example.com:5080;transport=tls"),
    ],
)
def test_transport_stands_with_the_outbound_proxy(values, outbound):
    assert with_variables(**values)["user_outbound 1"] == outbound


def test_registrar_is_its_own_proxy_with_the_usual_port():
    device = replace(golden_device(DESK), tenant=replace(TENANT, sip_proxy=""))
    secure = replace(device, variables={"SIP_TRANSPORT": CustomValue("tls")})

    assert settings(device)["user_outbound 1"] == "pbx.example.com:5060;transport=udp"
    assert settings(secure)["user_outbound 1"] == "pbx.example.com:5061;transport=tls"
    assert settings(secure)["user_outbound 12"] == "pbx2.example.com:5061;transport=tls"


@pytest.mark.parametrize(
    ("srtp", "codes"), [("off", ("off", "off")), ("optional", ("on", "optional")), ("required", ("on", "mandatory"))]
)
def test_media_encryption(srtp, codes):
    told = with_variables(SRTP=srtp)

    assert (told["user_srtp 1"], told["user_savp 1"]) == codes


def test_settings_of_the_vocabulary_reach_the_phone():
    told = with_variables(
        VLAN_ID="20", PC_VLAN_ID="30", LLDP="0", SYSLOG_SERVER="log.example:5514", SYSLOG_LEVEL="6", POLL_SECONDS="0",
        CODECS="opus G726", DTMF_MODE="info", MWI="0", WEB_UI="0", IP_MODE="dual", TIME_FORMAT="12", DATE_FORMAT="on",
        BACKLIGHT_SECONDS="0", LOGO_URL="http://x/y/logo.png", DIAL_PLAN="|^0|", PARK_RETRIEVE_CODE="*5",
        TONE_SCHEME="GER",
    )  # fmt: skip
    expected = {
        "vlan_id": "20", "vlan_pc_id": "30", "vlan_port_tagging": "on", "lldp_enable": "off",
        "syslog_server": "log.example:5514", "log_level": "6", "prov_polling_enabled": "off",
        "codec_priority_list 1": "opus,g726-32", "user_dtmf_info 1": "sip_info_only", "user_mailbox 1": "",
        "webserver_type": "off", "dhcp_v6": "on", "time_24_format": "off", "date_us_format": "on",
        "dim_timer": "2147483647", "custom_bg_image_url": "http://x/y/logo.png", "user_dp_str 1": "|^0|",
        "blf_park_pick_up 1": "*5", "tone_scheme": "GER",
    }  # fmt: skip

    assert {name: told.get(name) for name in expected} == expected


def test_firmware_generations_differ_in_polling_and_web_password():
    old, new, newest = (settings(golden_device(key)) for key in ("snom-320", DESK, "snom-d865"))

    assert (old["settings_refresh_timer"], "prov_polling_period" in old) == ("86400", False)
    assert (new["prov_polling_period"], "settings_refresh_timer" in new) == ("86400", False)
    assert (new["http_pass"], newest["webserver_admin_password"]) == ("AdminPa55word", "AdminPa55word")
    assert "http_pass" not in newest


def test_every_kind_of_key_is_coded():
    kinds = [
        ("blf", "103"),
        ("blf", "sip:9@x"),
        ("pickup", "104"),
        ("pickup", "*8104"),
        ("voicemail", ""),
        ("transfer", ""),
    ]
    kinds += [
        ("transfer", "105"),
        ("directory", ""),
        ("park", "701"),
        ("intercom", "106"),
        ("dtmf", "*1"),
        ("none", "x"),
    ]
    keys = tuple(KeyData(number, kind, value=value) for number, (kind, value) in enumerate(kinds, 1))

    told = settings(replace(golden_device(DESK), keys=keys))

    assert [told[f"fkey {n}"].removeprefix("1: ") for n in range(len(keys))] == [
        "blf 103|*8", "blf sip:9@x", "speed *8104", "speed *8104", "speed *97", "keyevent F_TRANSFER", "transfer 105",
        "keyevent F_ADR_BOOK", "orbit 701", "icom 106", "dtmf *1", "none",
    ]  # fmt: skip
    assert {*model(DESK).translation.keys} == {*KeyType}


def test_blf_without_a_pickup_code_has_the_whole_address():
    assert with_variables(PICKUP_CODE="")["fkey 2"] == "1: blf sip:103@pbx.example.com;user=phone"


def test_keys_of_modules_count_on_after_those_of_the_phone():
    told = settings(replace(golden_device(DESK), keys=(KeyData(3, "speeddial", module=2, value="1", line=2),)))

    assert told["fkey 52"] == "2: speed 1"
    assert (told["fkey 0"], told["fkey 1"], told["fkey 67"]) == ("1: line", "2: line", "active: none")
    assert "fkey 68" not in told


def test_clock_follows_every_zone():
    device = golden_device(DESK)

    def told(zone):
        found = settings(replace(device, timezone=zone))
        assert found["timezone"] == ""
        return clock(found["utc_offset"], found["dst"])

    assert disagreements(told) == {}


def clock(offset: str, rule: str) -> Clock:
    """`+3600` and `3600 03.05.07 02:00:00 10.05.07 03:00:00`."""
    assert re.fullmatch(r"[+-]\d+", offset)
    standard = timedelta(seconds=int(offset))
    if not rule:
        return Clock(standard)
    saving, start, start_time, end, end_time = rule.split()
    return Clock(standard, timedelta(seconds=int(saving)), edge(start, start_time), edge(end, end_time))


def edge(day: str, time: str) -> Edge:
    """`10.05.07` is the last Sunday (7) of October."""
    month, week, weekday = (int(part) for part in day.split("."))
    return Edge(month, week, weekday, timedelta(hours=int(time.removesuffix(":00:00"))))


def test_contacts_have_every_number():
    contacts = [{"NAME": "R&D <x>", "COMPANY": "R&D <x>", "WORK": "+493012", "MOBILE": "0170"}]

    text = render_contacts(DESK, contacts)["snom-tbook.xml"].text

    items = ElementTree.fromstring(text).findall("item")
    assert [(item.findtext("last_name"), item.findtext("number")) for item in items] == [
        ("R&D <x>", "+493012"),
        ("R&D <x>", "0170"),
    ]


def test_phones_with_room_for_fewer_contacts_have_a_directory_of_their_own():
    people = [{"NAME": f"Person {number:03}", "WORK": str(number)} for number in range(300)]

    made = {key: render_contacts(key, people) for key in ("snom-320", "snom-370", DESK)}

    assert {(name, file.text.count("<item")) for files in made.values() for name, file in files.items()} == {
        ("snom-tbook-100.xml", 100),
        ("snom-tbook-250.xml", 250),
        ("snom-tbook.xml", 300),
    }


def test_override_stands_within_the_settings():
    device = replace(golden_device(DESK), override='    <call_waiting idx="1" perm="R">visual</call_waiting>')

    assert settings(device)["call_waiting 1"] == "visual"


BASE = "snom-m700"
BASES = [key for key in models("Snom") if model(key).sets.get("CHAIN_ID")]
MEMBER = "000413B0B0B0"


def base_settings(device: DeviceData, mac: str = "") -> dict[str, str]:
    """The settings of a base station, like `user_name 1`."""
    return read(render(device)[f"snom{model(device.model).sets['NAME']}-{mac or device.mac}.htm"].text)


def test_all_bases_are_there():
    assert [*BASES] == ["snom-m300", "snom-m400", "snom-m700", "snom-m900"]


@pytest.mark.parametrize("key", BASES)
def test_every_base_takes_all_its_extensions(key):
    device = maximum_device(key)

    told = base_settings(device)

    assert [told[f"user_realname {line.number}"] for line in device.lines] == [
        line.display_name for line in device.lines
    ]
    assert [told[f"user_pass {line.number}"] for line in device.lines] == [line.password for line in device.lines]
    assert [told[f"subscr_sip_hs_idx {n}"] for n in range(1, model(key).lines + 1)] == [
        str(n) for n in range(1, model(key).lines + 1)
    ]


@pytest.mark.parametrize(
    ("key", "srtp", "word"),
    [
        ("snom-m700", "off", "off"),
        ("snom-m400", "off", "disabled"),
        ("snom-m900", "optional", "optional"),
        ("snom-m900", "required", "mandatory"),
    ],
)
def test_base_has_words_of_its_own_for_media_encryption(key, srtp, word):
    told = base_settings(replace(golden_device(key), variables={"SRTP": CustomValue(srtp)}))

    assert told["user_srtp 1"] == word


def test_handsets_sign_on_with_the_number_of_their_line_and_unused_extensions_are_off():
    told = base_settings(golden_device(BASE))

    assert (told["subscr_dect_ac_code 2"], told["user_name 2"], told["user_pname 2"]) == ("0002", "102", "auth102")
    assert {told[f"user_active {n}"] for n in range(3, 201)} == {"off"}
    assert told["user_pass 200"] == ""


def test_server_of_a_base_is_told_once_for_all_extensions():
    device = replace(
        golden_device(BASE), variables={"SIP_TRANSPORT": CustomValue("tcp"), "SIP_PORT": CustomValue("5070")}
    )

    told = base_settings(device)

    assert (told["user_host 1"], told["user_outbound 1"]) == ("pbx.example.com:5070", "sbc.example.com:5080")
    assert (told["srv_sip_transport 1"], told["user_srtp 1"]) == ("tcp", "off")
    assert told["codec_priority_list 1"] == "g722,pcma,pcmu,g729,telephone-event"
    assert "user_host 2" not in told


def test_further_bases_get_no_extensions_but_the_same_chain():
    device = replace(golden_device(BASE), variables={"MEMBERS": CustomValue(MEMBER)})

    first, further = base_settings(device), base_settings(device, MEMBER)

    assert first["network_sync_chain_id"] == further["network_sync_chain_id"] == "512"
    assert (further["http_pass"], "user_active 1" in further) == ("AdminPa55word", False)
    assert "network_sync_enable" not in base_settings(golden_device(BASE))


def test_base_loads_the_contacts_from_their_folder():
    told = base_settings(golden_device(BASE))

    assert told["phonebook_location"].endswith("/CONTACTS/acme/")
    assert told["phonebook_filename"] == "snom-dect.xml"


def test_clock_of_a_base_follows_every_zone():
    device = golden_device("snom-m300")

    def told(zone):
        found = base_settings(replace(device, timezone=zone))
        offset = timedelta(seconds=int(found["utc_offset"]))
        named = re.fullmatch(r"[A-Z]{3}([+-][\d.]+)", found["timezone"])
        assert not named or timedelta(hours=float(named[1])) == offset or zone == "America/St_Johns"
        if found["dst_enable"] == "off":
            return Clock(offset)
        assert found["dst_fixed_day_enable"] == "off"
        return Clock(offset, timedelta(hours=1), base_edge(found, "start"), base_edge(found, "stop"))

    assert disagreements(told, but=["Australia/Lord_Howe", "Antarctica/Troll"]) == {}  # not told by how much it changes


def base_edge(found: dict[str, str], name: str) -> Edge:
    month, hour, day, week = (
        int(found[f"dst_{name}_{part}"]) for part in ("month", "time", "day_of_week", "wday_last_in_month")
    )
    return Edge(month, week, (day - 2) % 7 + 1, timedelta(hours=hour))


KEY_SYSTEMS = ["snom-c520", "snom-c620", "snom-m100-kle", "snom-m500-kle"]


def accounts(device: DeviceData) -> list[dict[str, str]]:
    """The accounts of a device that speaks the dialect with groups."""
    root = ElementTree.fromstring(render(device)[f"{device.mac}.xml"].text)
    return [{item.tag: item.text or "" for item in account} for account in root.findall("sip_account/idx")]


def test_key_systems_have_all_their_accounts_used_or_not():
    for key in KEY_SYSTEMS:
        full, bare = maximum_device(key), replace(golden_device(key), lines=())

        told = accounts(full)

        assert [account["display_name"] for account in told] == [line.display_name for line in full.lines]
        assert [account["authentication_access_password"] for account in told] == [line.password for line in full.lines]
        assert [account["sip_account_enable"] for account in accounts(bare)] == ["0"] * model(key).lines


def test_codecs_of_a_key_system_fill_seven_places():
    device = replace(golden_device("snom-c520"), variables={"CODECS": CustomValue("opus pcma")})
    root = ElementTree.fromstring(render(device)[f"{device.mac}.xml"].text)

    assert [place.text for place in root.findall("sip_account/idx[@id='1']/codec_priority/idx")] == (
        ["none", "g711a"] + ["none"] * 5
    )
    assert root.findtext("profile/admin/access_password") == "AdminPa55word"
    assert root.findtext("time_date/selected_timezone") == "Europe/Berlin"
    assert root.findtext("remoteDir/xml/idx/uri").endswith("/CONTACTS/acme/vtech.xml")


def test_file_of_an_m3_ends_as_it_has_to_and_keeps_names_but_for_quotation_marks():
    device = maximum_device("snom-m3")

    lines = render(device)[f"{device.mac.lower()}.cfg"].text.splitlines()

    assert lines[-1] == "END_OF_FILE"
    told = dict(re.fullmatch(r'%(\w+)%:"?([^"]*)"?', line).groups() for line in lines[:-1])
    assert len(told) == len(lines) - 1
    assert told["SUBSCR_7_UA_DATA_AUTH_PASS"] == device.lines[7].password.replace('"', "")
    assert told["SUBSCR_1_UA_DATA_DISP_NAME"] == device.lines[1].display_name.replace('"', "")


def test_m3_is_told_its_vlan_and_a_time_between_clock_checks_that_fits_a_byte():
    device = replace(golden_device("snom-m3"), variables={"VLAN_ID": CustomValue("20")})

    text = render(device)[f"{device.mac.lower()}.cfg"].text

    assert {"%NETWORK_VLAN_ID%:20", "%NETWORK_SNTP_SERVER_UPDATE_TIME%:255"} <= {*text.splitlines()}
