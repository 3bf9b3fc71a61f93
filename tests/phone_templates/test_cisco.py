"""Cisco SPA and MPP phones and adapters: a flat profile, whose elements keep their value where a file lacks them."""

import re
from collections import Counter
from dataclasses import replace
from datetime import timedelta
from xml.etree import ElementTree

import pytest

from tests.phone_templates.clocks import Clock, Edge, disagreements, span
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
from webprov.phones.discovery import Discovery
from webprov.rendering.render import render_device
from webprov.rendering.systemdata import SystemData
from webprov.rendering.variables import device_variables
from webprov.store.devicedata import CustomValue, DeviceData, KeyData

MAC = "00562B043615"
SPA, MPP, PHONEOS, ATA, OLD_ATA = "cisco-spa504g", "cisco-8851", "cisco-9861", "cisco-ata192", "cisco-spa2102"
FLAT = [key for key in models("Cisco") if "DIALECT" in model(key).sets]
PHONES = [key for key in FLAT if model(key).sets["DIALECT"] != "ata"]


def told(device: DeviceData) -> dict[str, str]:
    """What the device's own file tells it."""
    files = render(device)
    names = [name for name in files if device.mac.lower() in name.lower()]
    return read(files[names[0]].text)


def read(text: str) -> dict[str, str]:
    """The elements of a flat profile, those of its router's part as `router/…`; one that is there twice fails."""
    root = ElementTree.fromstring(text)
    router = root.find("router-configuration")
    pairs = [(leaf.tag, leaf.text or "") for leaf in root if leaf is not router]
    leaves = [leaf for leaf in router.iter() if not len(leaf)] if router is not None else []
    pairs += [(f"router/{leaf.tag}", leaf.text or "") for leaf in leaves]
    twice = [name for name, count in Counter(name for name, _ in pairs).items() if count > 1]
    assert (root.tag, twice) == ("flat-profile", [])
    return dict(pairs)


def with_variables(key: str, **values: str) -> dict[str, str]:
    """What a usual device is told with these custom variables."""
    variables = {name: CustomValue(value) for name, value in values.items()}
    return told(replace(golden_device(key, MAC), variables=variables))


def test_every_model_with_all_lines_and_keys_gets_a_sound_file():
    for key in FLAT:
        device = maximum_device(key)

        found = told(device)

        for line in device.lines:
            assert found[f"Display_Name_{line.number}_"] == line.display_name, key
            assert found[f"Password_{line.number}_"] == line.password, key
            assert found[f"Auth_ID_{line.number}_"] == line.auth_id, key
        passwords = {found.get(name) for name in ("Admin_Passwd", "Admin_Password", "router/Web_Login_Admin_Password")}
        assert passwords - {None} == {device.admin_password}, key


def test_every_key_of_a_phone_and_its_modules_is_written():
    for key in PHONES:
        phone, device = model(key), replace(maximum_device(key), lines=())

        found = told(device)

        keys = [name for name in found if name.startswith("Extended_Function_")]
        units = [name for name in found if re.fullmatch(r"Unit_\d_Key_\d+_?", name)]
        assert (len(keys), len(units)) == (phone.keys, phone.modules[0] * phone.modules[1]), key


def test_first_file_leads_to_the_device_own_one():
    for key in [SPA, MPP, PHONEOS, ATA, OLD_ATA]:
        phone = model(key)
        starts = render_shared_files(key)

        (rule,) = {read(start.text)["Profile_Rule"] for start in starts.values()}

        first = [f"${{set_{name}}}" for name in ("PSN", "PRODUCT") if name in phone.sets]
        assert [request.name for request in phone.boot] == [*first, "${mac}.xml"]
        assert {*starts} == {phone.sets[name] for name in ("PSN", "PRODUCT") if name in phone.sets}
        assert re.fullmatch(
            r"\[--uid phones --pwd prov-Pa55word\]http://pbx\.example\.com(:\d+)?/provisioning/\$MA\.xml", rule
        )
        assert told(golden_device(key, MAC))["Profile_Rule"] == rule


def test_both_ports_of_an_ata190_ask_for_files_in_capitals():
    files = render(golden_device("cisco-ata190", MAC))

    assert set(files) == {f"ATA{MAC}.cnf.xml", "ATA562B04361501.cnf.xml", f"{MAC.lower()}.xml"}
    rule = read(files[f"ATA{MAC}.cnf.xml"].text)["Profile_Rule"]
    assert re.fullmatch(r"tftp://pbx\.example\.com(:\d+)?/provisioning/\$MA\.xml", rule)


def test_unused_lines_are_switched_off_and_emptied():
    found = told(golden_device(SPA, MAC))

    assert [found[f"Line_Enable_{number}_"] for number in (1, 2, 3, 4)] == ["Yes", "Yes", "No", "No"]
    assert found["User_ID_3_"] == found["Password_3_"] == found["Proxy_4_"] == ""


def test_backup_registrar_makes_the_proxy_a_list():
    alone = replace(TENANT, backup_registrar="", registrar="sip.example.com:5070")

    both = told(golden_device(MPP, MAC))
    single = told(replace(golden_device(MPP, MAC), tenant=alone))

    assert both["Proxy_1_"] == "pbx.example.com:SRV=pbx.example.com:5060:p=0|pbx2.example.com:5060:p=1"
    assert (single["Proxy_1_"], single["Use_DNS_SRV_1_"]) == ("sip.example.com:5070", "No")


def test_port_and_transport_reach_the_proxy():
    found = with_variables(MPP, SIP_TRANSPORT="tls")

    assert (found["SIP_Transport_1_"], found["Proxy_1_"][-26:]) == ("TLS", "|pbx2.example.com:5061:p=1")
    assert ":5090:p=0" in with_variables(MPP, SIP_PORT="5090")["Proxy_1_"]


def test_outbound_proxy_stays_empty_where_it_is_the_registrar():
    tenant = replace(TENANT, sip_proxy="")

    found = told(replace(golden_device(SPA, MAC), tenant=tenant))

    assert (found["Outbound_Proxy_1_"], found["Use_Outbound_Proxy_1_"]) == ("", "No")


@pytest.mark.parametrize(
    ("key", "codecs", "ranked"),
    [
        (MPP, "opus g722 pcma", ["OPUS", "G722", "G711a"]),
        (SPA, "opus,g722 pcma", ["G722", "G711a", "Unspecified"]),
        (ATA, "opus g722 pcmu g729", ["G711u", "G729a", "Unspecified"]),
        (ATA, "opus", ["G711a", "Unspecified", "Unspecified"]),
    ],
)
def test_codecs_that_the_device_has_are_ranked(key, codecs, ranked):
    found = with_variables(key, CODECS=codecs)

    assert [found[f"{place}Preferred_Codec_1_"] for place in ("", "Second_", "Third_")] == ranked
    assert found["G729a_Enable_1_"] == ("Yes" if "g729" in codecs else "No")


@pytest.mark.parametrize(
    ("mode", "phone", "option"),
    [("off", "No", "Optional"), ("optional", "Yes", "Optional"), ("required", "Yes", "Required")],
)
def test_encryption_is_offered_and_required_as_set(mode, phone, option):
    found, old = with_variables(MPP, SRTP=mode), with_variables(OLD_ATA, SRTP=mode)

    assert (found["Secure_Call_Setting"], found["Secure_Call_Option_1_"]) == (phone, option)
    assert (old["Secure_Call_Setting_1_"], "Secure_Call_Option_1_" in old) == (phone, False)


@pytest.mark.parametrize(
    ("mode", "transport", "option"),
    [("required", "tls", "Strict"), ("required", "udp", "Optional"), ("optional", "tls", "Optional")],
)
def test_adapter_is_strict_about_encryption_over_tls_alone(mode, transport, option):
    found = with_variables(ATA, SRTP=mode, SIP_TRANSPORT=transport)

    assert (found["Secure_Call_Option_1_"], found["Secure_Call_Setting_1_"]) == (option, "Yes")


def test_dtmf_and_message_waiting_follow_their_variables():
    assert with_variables(SPA, DTMF_MODE="info")["DTMF_Tx_Method_1_"] == "INFO"
    assert with_variables(SPA, DTMF_MODE="inband")["DTMF_Tx_Method_1_"] == "InBand"
    assert with_variables(SPA, MWI="0")["Mailbox_ID_1_"] == ""
    assert with_variables(ATA, MWI="0")["Mailbox_Subscribe_URL_1_"] == ""
    assert (with_variables(ATA)["Mailbox_ID_1_"], with_variables(ATA, MWI="0")["Mailbox_ID_1_"]) == ("101", "")


def test_keys_are_functions_and_labels_cannot_add_to_them():
    keys = (
        KeyData(1, "pickup", value="*8104", label="a;b=c", line=2),
        KeyData(2, "park", value="701"),
        KeyData(4, "line", line=2, label="Sales"),
        KeyData(3, "voicemail", module=2),
    )
    variables = {"PARK_RETRIEVE_CODE": CustomValue("*86")}

    found = told(replace(golden_device(MPP, MAC), keys=keys, variables=variables))

    assert found["Extended_Function_1_"] == "fnc=sd;ext=*8104@$PROXY;vid=2;nme=a,b=c"
    assert found["Extended_Function_2_"] == "fnc=blf+sd;sub=701@$PROXY;ext=*86701@$PROXY;vid=1;nme=701"
    assert (found["Extension_4_"], found["Short_Name_4_"], found["Extended_Function_4_"]) == ("2", "Sales", "")
    assert (found["Extension_1_"], found["Extension_3_"]) == ("Disabled", "Disabled")
    assert found["Unit_2_Key_3_"] == "fnc=sd;ext=*97@$PROXY;vid=1;nme="


def test_unused_keys_of_lines_are_lines():
    found = told(replace(golden_device(SPA, MAC), keys=()))

    assert [found[f"Extension_{number}_"] for number in (1, 2, 3)] == ["1", "2", "Disabled"]


def test_modules_of_newer_phones_are_counted_and_their_keys_may_be_lines():
    keys = (KeyData(36, "line", line=2, label="Sales", module=2), KeyData(1, "blf", value="103", module=2))

    found = told(replace(golden_device(MPP, MAC), keys=keys))
    alone = told(replace(golden_device(MPP, MAC), keys=()))

    assert (found["Number_of_Units"], "Number_of_Units" in alone, "KEM_Type" in found) == ("2", False, False)
    assert (found["Unit_2_Extension_36_"], found["Unit_2_Short_Name_36_"], found["Unit_2_Key_36_"]) == (
        "2",
        "Sales",
        "",
    )
    assert (found["Unit_2_Extension_1_"], found["Unit_2_Key_1_"][:11]) == ("Disabled", "fnc=blf+sd+")
    assert (found["Unit_1_Extension_1_"], found["Unit_1_Key_1_"]) == ("Disabled", "")
    assert with_variables(PHONEOS, KEM_TYPE="x").get("KEM_Type") is None


def test_kind_of_module_is_told_where_it_was_set():
    device = replace(golden_device(MPP, MAC), keys=(KeyData(1, "blf", value="103", module=1),))

    assert told(replace(device, variables={"KEM_TYPE": CustomValue("BEKEM")}))["KEM_Type"] == "BEKEM"


def test_phone_without_an_xml_directory_or_a_picture_is_told_of_neither():
    found = with_variables(PHONEOS, LOGO_URL="http://x/logo.png")

    assert not {name for name in found if "Directory" in name or "Picture" in name or "Background" in name}
    assert with_variables(MPP, LOGO_URL="http://x/logo.png")["Phone_Background"] == "Download Picture"


def test_every_phone_is_told_how_the_server_tells_of_other_peoples_calls():
    assert {told(golden_device(key, MAC))["Server_Type"] for key in (SPA, MPP, PHONEOS)} == {"Asterisk"}
    assert with_variables(MPP, SERVER_TYPE="Broadsoft")["Server_Type"] == "Broadsoft"


def test_modules_of_spa_phones_are_switched_on_and_their_keys_have_no_last_underscore():
    found = told(replace(golden_device(SPA, MAC), keys=(KeyData(32, "blf", value="103", module=2),)))

    assert (found["Unit_1_Enable"], found["Unit_2_Enable"]) == ("Yes", "Yes")
    assert found["Unit_2_Key_32"] == "fnc=blf+sd+cp;sub=103@$PROXY;nme=103"


@pytest.mark.parametrize("key", [MPP, OLD_ATA])
def test_clock_follows_every_zone(key):
    assert disagreements(lambda zone: clock(told(replace(golden_device(key), timezone=zone)))) == {}


def test_clock_of_a_newer_adapter_follows_every_zone():
    def of(zone: str) -> Clock:
        found = told(replace(golden_device(ATA), timezone=zone))
        offset, _, _ = found["router/Time_Zone"].split()
        rule = found["router/Daylight_Saving_Time_Rule"] if found["router/Auto_Adjust_Clock"] == "1" else ""
        return with_rule(timedelta(hours=float(offset)), rule)

    assert disagreements(of) == {}


def clock(found: dict[str, str]) -> Clock:
    """The clock that a phone makes of its zone, the minutes beside it, and the rule."""
    match = re.fullmatch(r"GMT(?:([+-])(\d\d):(\d\d))?", found["Time_Zone"])
    assert match
    offset = timedelta(hours=int(match[2] or 0), minutes=int(match[3] or 0)) * (-1 if match[1] == "-" else 1)
    offset += span(found["Time_Offset__HH_mm_"] or "0/0", "/")
    return with_rule(
        offset, found["Daylight_Saving_Time_Rule"] if found["Daylight_Saving_Time_Enable"] == "Yes" else ""
    )


def with_rule(offset: timedelta, rule: str) -> Clock:
    """`start=3/-1/7/2:0:0;end=10/-1/7/3:0:0;save=1`"""
    if not rule:
        return Clock(offset)
    parts = dict(part.split("=") for part in rule.split(";"))
    return Clock(offset, span(parts["save"]), edge(parts["start"]), edge(parts["end"]))


def edge(text: str) -> Edge:
    """month/day/weekday/time: the weekday on or after that day, or the last one (-1)."""
    month, day, weekday, at = text.split("/")
    assert int(day) in (-1, 1, 8, 15, 22)
    return Edge(int(month), 5 if day == "-1" else (int(day) + 6) // 7, int(weekday), span(at))


def test_time_zones_beside_the_menu_are_the_hour_below_and_minutes():
    found = told(replace(golden_device(MPP), timezone="Pacific/Marquesas"))

    assert (found["Time_Zone"], found["Time_Offset__HH_mm_"]) == ("GMT-10:00", "00/30")


def test_languages_have_the_names_of_the_phone():
    assert told(replace(golden_device(PHONEOS), language="el"))["Phone_Language"] == "Greek_Greece"
    assert told(replace(golden_device(PHONEOS), language="pt-BR"))["Phone_Language"] == "Portuguese_Brazil"
    assert told(replace(golden_device(MPP), language="de-AT"))["Language_Selection"] == "German"
    assert told(replace(golden_device(MPP), language="sw"))["Language_Selection"] == "English-US"


def test_firmware_is_fetched_with_the_credentials_before_its_url():
    phone, device = replace(model(SPA), firmware="spa50x-7-6-2.bin"), golden_device(SPA, MAC)

    context = device_variables(device, phone, SystemData(SETTINGS)).context
    (file,) = render_device(phone, context, library(), TENANT.name)

    found = read(file.text)
    assert found["Upgrade_Enable"] == "Yes"
    assert re.fullmatch(
        r"\[--uid phones --pwd prov-Pa55word\]http://pbx\.example\.com(:\d+)?"
        r"/provisioning/FIRMWARE-cisco-spa504g/spa50x-7-6-2\.bin",
        found["Upgrade_Rule"],
    )
    assert told(device)["Upgrade_Enable"] == "No"


def test_directory_is_told_without_credentials_in_its_url_and_cleared_where_there_is_none():
    phone, device = model(MPP), golden_device(MPP, MAC)

    context = device_variables(device, phone, SystemData(SETTINGS)).context
    (bare,) = render_device(phone, context, library(), TENANT.name)

    url = told(device)["XML_Directory_Service_URL"]
    assert re.fullmatch(r"http://pbx\.example\.com(:\d+)?/provisioning/CONTACTS/acme/cisco\.xml", url)
    assert told(device)["XML_User_Name"] == "phones"
    assert read(bare.text)["XML_Directory_Service_URL"] == ""


def test_directory_lists_every_number():
    contacts = [{"NAME": "R&D <Ltd>", "WORK": "+493012", "MOBILE": "0170"}]

    text = render_contacts(SPA, contacts)["cisco.xml"].text

    entries = ElementTree.fromstring(text).findall("DirectoryEntry")
    assert [entry.findtext("Telephone") for entry in entries] == ["+493012", "0170"]
    assert entries[0].findtext("Name", "").startswith("R&D <Ltd>")


@pytest.mark.parametrize(
    ("name", "element", "words"),
    [
        ("IP_MODE", "IP_Mode", {"ipv4": "IPv4 Only", "ipv6": "IPv6 Only", "dual": "Dual Mode"}),
        ("WEB_UI", "Enable_Web_Server", {"1": "Yes", "0": "No"}),
        ("LLDP", "Enable_LLDP-MED", {"1": "Yes", "0": "No"}),
        ("VLAN_ID", "Enable_VLAN", {"": "No", "20": "Yes"}),
        ("BACKLIGHT_SECONDS", "Back_Light_Timer", {"0": "Always On", "60": "1m", "300": "5m", "1800": "30m"}),
        ("TIME_FORMAT", "Time_Format", {"24": "24hr", "12": "12hr"}),
    ],
)
def test_words_of_the_phone_stand_for_each_choice(name, element, words):
    assert {value: with_variables(MPP, **{name: value})[element] for value in words} == words


def test_network_of_newer_adapters_stands_in_the_routers_part():
    found = with_variables(ATA, IP_MODE="dual", VLAN_ID="20", SYSLOG_SERVER="log.example.com:5140")

    assert (found["router/WAN_Stack_Mode"], found["router/WAN_VLAN_Enable"], found["router/WAN_VLAN_ID"]) == (
        "2",
        "1",
        "20",
    )
    assert (found["router/Syslog_Server_IP"], found["router/Syslog_Server_Port"]) == ("log.example.com", "5140")


@pytest.mark.parametrize(
    ("agent", "key"),
    [
        ("Cisco/SPA504G-7.4.8a (0002FDFF2103)(CBT141400UK)", "cisco-spa504g"),
        ("Cisco/SPA525G2-7.4.5 (CBT141900G7)", "cisco-spa525g2"),
        ("Cisco/SPA112-1.4.1 (0002FDFF2103)(CCQ141400UK)", "cisco-spa112"),
        ("Linksys/SPA-942-6.1.5(a) (88019FA42805)", "cisco-spa942"),
        ("Cisco-CP-7832-3PCC/11.0.1 (00562b043615)", "cisco-7832"),
        ("Cisco/ATA192-12.0.1(SR3) (88755A000003)", "cisco-ata192"),
    ],
)
def test_phone_is_known_by_what_it_calls_itself(agent, key):
    assert Discovery(catalog().models()).guess("0002FDFF2103", agent).model == key


def test_override_stands_within_the_profile():
    device = replace(golden_device(MPP, MAC), override="  <DND_Enable_1_>Yes</DND_Enable_1_>")

    assert told(device)["DND_Enable_1_"] == "Yes"
