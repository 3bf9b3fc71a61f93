"""Grandstream phones of the alias dialect (GRP, GXP21xx, GHP, GXV, WP): they keep whatever their file does not name."""

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
    variables,
)
from webprov.rendering.render import render_device
from webprov.rendering.systemdata import SystemData
from webprov.rendering.variables import device_variables
from webprov.store.devicedata import CustomValue, DeviceData, KeyData

MAC = "C074AD0B63EE"
GRP, GXP, GXV = "grandstream-grp2614", "grandstream-gxp2170", "grandstream-gxv3480"
ALIAS_MODELS = [key for key in models("Grandstream") if model(key).files[0].template == "grandstream/phone.xml"]


def items(device: DeviceData) -> dict[str, str]:
    """All settings of the phone's file."""
    return read(render(device)[f"cfg{device.mac.lower()}.xml"].text)


def read(text: str) -> dict[str, str]:
    """The items of a file; one that stands there twice is an error."""
    root = ElementTree.fromstring(text)
    found = root.findall("config/item")
    names = Counter(item.get("name", "") for item in found)
    assert (root.tag, [name for name, count in names.items() if count > 1]) == ("gs_provision", [])
    return {item.get("name", ""): item.text or "" for item in found}


def with_variables(**values: str) -> dict[str, str]:
    """The settings of a usual device with these custom variables."""
    variables = {name: CustomValue(value) for name, value in values.items()}
    return items(replace(golden_device(GRP), variables=variables))


@pytest.mark.parametrize("key", ALIAS_MODELS)
def test_every_model_with_all_lines_and_keys_gives_a_sound_file(key):
    device = maximum_device(key)

    told = items(device)

    for line in device.lines:
        assert told[f"account.{line.number}.sip.subscriber.name"] == line.display_name
        assert told[f"account.{line.number}.sip.subscriber.password"] == line.password
    labels = [value for name, value in told.items() if name.startswith("pks.") and name.endswith(".description")]
    assert labels == [key.label for key in device.keys]
    assert told["users.admin.password"] == device.admin_password


@pytest.mark.parametrize("key", ALIAS_MODELS)
def test_keys_of_every_kind_are_all_there_in_sequence(key):
    told = items(replace(golden_device(key), keys=()))

    phone = model(key)
    virtual = int(phone.sets["VPK_KEYS"])
    assert numbers(told, "vpk") == list(range(1, virtual + 1))
    assert numbers(told, "mpk") == list(range(1, phone.keys - virtual + 1))
    assert numbers(told, "ext") == []


def numbers(told: dict[str, str], kind: str) -> list[int]:
    """The numbers of the keys of that kind, in the order of the file."""
    found = (re.fullmatch(rf"pks\.{kind}\.(\d+)\.(?:keyMode|mode)", name) for name in told)
    return [int(match[1]) for match in found if match]


def test_unused_accounts_are_switched_off_and_emptied():
    told = items(golden_device(GRP))

    assert [told[f"account.{number}.enable"] for number in range(1, 13)] == ["Yes"] * 2 + ["No"] * 10
    assert told["account.3.sip.userid"] == told["account.3.sip.subscriber.password"] == ""


def test_server_is_told_without_scheme_and_credentials():
    told = items(golden_device(GRP))

    assert re.fullmatch(r"pbx\.example\.com(:\d+)?/provisioning", told["provisioning.config.serverPath"])
    assert told["provisioning.config.protocol"] == "HTTP"
    assert told["provisioning.config.username"] == "phones"
    assert re.fullmatch(
        r"pbx\.example\.com(:\d+)?/provisioning/CONTACTS/acme/grandstream", told["phonebook.download.server"]
    )
    assert model(GRP).directories[0].output == "grandstream/phonebook.xml"


def test_time_between_registrations_is_in_minutes():
    assert with_variables(REG_EXPIRES="600")["account.1.sip.registerExpiration"] == "10"
    assert with_variables(REG_EXPIRES="30")["account.1.sip.registerExpiration"] == "1"


def test_codecs_fill_all_places():
    told = with_variables(CODECS="opus pcma")

    assert [told[f"account.1.codec.choice.{place}"] for place in range(1, 9)] == ["OPUS"] + ["PCMA"] * 7


@pytest.mark.parametrize("name", ["SIP_TRANSPORT", "SRTP", "DTMF_MODE", "IP_MODE", "WEB_UI"])
def test_words_of_the_phone_stand_for_each_choice(name):
    choices = {
        "SIP_TRANSPORT": ("account.1.sip.transport", {"udp": "UDP", "tcp": "TCP", "tls": "Tls Or Tcp"}),
        "SRTP": (
            "account.1.audio.srtpMode",
            {"off": "Disabled", "optional": "EnabledButNotForced", "required": "EnabledAndForced"},
        ),
        "DTMF_MODE": ("account.1.dtmf.sendInSip", {"rfc2833": "No", "inband": "No", "info": "Yes"}),
        "IP_MODE": (
            "network.internetProtocol",
            {"ipv4": "IPv4Only", "ipv6": "IPv6Only", "dual": "BothAndPreferIPv4"},
        ),
        "WEB_UI": ("security.webaccessmode", {"1": "HTTPS", "0": "Disabled"}),
    }
    item, words = choices[name]

    assert {value: with_variables(**{name: value})[item] for value in words} == words


@pytest.mark.parametrize("key", [GXP, GXV])
def test_phones_of_other_firmware_have_another_word_for_tls(key):
    device = replace(golden_device(key), variables={"SIP_TRANSPORT": CustomValue("tls")})

    assert items(device)["account.1.sip.transport"] == "TlsOrTcp"


def test_check_sync_is_not_challenged():
    assert {items(golden_device(key))["sip.notify.challenge"] for key in (GRP, GXP, GXV)} == {"Yes"}
    assert items(golden_device("grandstream-ghp621"))["sip.notify.challenge"] == "No"


def test_port_is_added_to_servers_that_name_none():
    tenant = replace(TENANT, registrar="sip.example.com:5070")

    told = items(replace(golden_device(GRP), tenant=tenant, variables={"SIP_PORT": CustomValue("5090")}))

    assert told["account.1.sip.server.1.address"] == "sip.example.com:5070"
    assert told["account.1.sip.server.2.address"] == "pbx2.example.com:5090"


def test_outbound_proxy_is_empty_where_it_is_the_registrar():
    told = items(replace(golden_device(GRP), tenant=replace(TENANT, sip_proxy="")))

    assert told["account.1.sip.outboundProxy.1.address"] == told["account.1.sip.outboundProxy.2.address"] == ""


def test_keys_beyond_the_virtual_ones_name_their_account():
    keys = (KeyData(17, "blf", value="103", line=2), KeyData(1, "voicemail", line=1))

    told = items(replace(golden_device(GRP), keys=keys))

    assert (told["pks.mpk.1.keyMode"], told["pks.mpk.1.account"]) == ("BLF", "Account2")
    assert (told["pks.vpk.1.keyMode"], told["pks.vpk.1.account"], told["pks.vpk.1.value"]) == ("VoiceMail", "0", "*97")
    assert (told["pks.vpk.2.keyMode"], told["pks.vpk.2.account"]) == ("Line", "1")
    assert told["pks.vpk.3.keyMode"] == "None"


@pytest.mark.parametrize(
    ("key", "number", "module", "place"), [(GRP, 17, 0, "mpk.1"), (GXP, 13, 0, "vpk.13"), (GXP, 1, 1, "ext.1")]
)
def test_key_that_cannot_stand_for_a_line_is_left_out_with_a_warning(key, number, module, place):
    device = replace(golden_device(key), keys=(KeyData(number, "line", module, line=2),))

    assert items(device).get(f"pks.{place}.keyMode", "None") == "None"
    assert any(warning.startswith(f"Key {number} ") for warning in variables(device).context.warnings)


def test_keys_of_the_second_module_count_on():
    told = items(replace(golden_device(GXP), keys=(KeyData(3, "pickup", module=2, value="104", line=2),)))

    assert numbers(told, "ext") == list(range(1, 81))
    assert told["pks.ext.43.value"] == "*8104"
    assert (told["pks.ext.43.account"], told["pks.ext.44.keyMode"]) == ("1", "None")


def test_android_phones_word_some_settings_otherwise():
    device = replace(golden_device(GXV), keys=(KeyData(1, "blf", value="103", line=2),))

    told = items(replace(device, variables={"CODECS": CustomValue("g722 g729"), "WEB_UI": CustomValue("0")}))

    assert (told["pks.mpk.1.mode"], told["pks.mpk.1.account"], told["pks.mpk.2.mode"]) == ("BLF", "1", "")
    assert told["account.1.sip.subscriber.userId"] == "101"
    assert told["security.webAccessMode"] == "HTTPS"
    assert told["account.1.call.autoAnswer"] == "EnableIntercom/Paging"
    assert [told[f"account.1.codec.choice.{place}"] for place in (1, 2)] == ["G_722", "G_729AOrB"]


def test_android_phones_have_keys_of_fewer_kinds():
    keys = (KeyData(1, "line"), KeyData(2, "directory"), KeyData(3, "voicemail", line=1), KeyData(4, "none"))
    device = replace(golden_device(GXV), keys=keys)

    told = items(device)

    assert [told[f"pks.mpk.{place}.mode"] for place in (1, 2, 3, 4)] == ["", "", "SpeedDial", ""]
    assert told["pks.mpk.3.value"] == "*97"
    assert variables(device).context.warnings == (
        "Key 1 is not written: a Grandstream GXV3480 knows no line keys.",
        "Key 2 is not written: a Grandstream GXV3480 knows no directory keys.",
    )


def test_clock_of_android_phones_follows_every_zone_or_says_that_it_does_not():
    def told(zone):
        found = items(replace(golden_device(GXV), timezone=zone))
        assert "dateTime.timezone.custom" not in found
        return clock(found["dateTime.timezone"])

    noted = {zone for zone, entry in model(GXV).translation.timezones.items() if entry.note}

    assert set(disagreements(told)) <= noted
    assert len(noted) < 50


@pytest.mark.parametrize(
    ("key", "item", "told"),
    [
        (GRP, "lcd.backlight.activeTimeout", {"45": "1", "600": "10", "0": None}),
        (GXV, "lcd.blacklight.activeTimeout.sec", {"45": "2Mins", "600": "10Mins", "7200": "1Hour", "0": "Never"}),
        ("grandstream-wp826", "lcd.backlight.timeout", {"45": "60", "7200": "1800", "0": "0"}),
    ],
)
def test_display_stays_lit_for_about_the_time_that_was_asked_for(key, item, told):
    device = golden_device(key)

    lit = {text: items(replace(device, variables={"BACKLIGHT_SECONDS": CustomValue(text)})).get(item) for text in told}

    assert lit == told


def test_phone_that_knows_zones_by_name_is_told_the_name():
    told = items(replace(golden_device("grandstream-wp856"), timezone="Australia/Lord_Howe"))

    assert told["dateTime.timezone"] == "Australia/Lord_Howe"
    assert "dateTime.timezone.custom" not in told


def test_clock_follows_every_zone():
    def told(zone):
        found = items(replace(golden_device(GRP), timezone=zone))
        rule = found.get("dateTime.timezone.custom", found["dateTime.timezone"])
        assert len(rule) <= 64
        return clock(rule)

    assert disagreements(told) == {}


def clock(rule: str) -> Clock:
    """The clock that a POSIX rule describes; without changes in it, those of the United States are meant."""
    match = re.fullmatch(r"[A-Za-z]{3,}([-+]?[\d:]+)(?:[A-Za-z]{3,}([-+]?[\d:]+)?(?:,([^,]+),([^,]+))?)?", rule)
    assert match
    offset = -span(match[1])
    if not re.search(r"\d[A-Za-z]", rule):
        return Clock(offset)
    saving = -span(match[2]) - offset if match[2] else timedelta(hours=1)
    return Clock(offset, saving, edge(match[3] or "M3.2.0"), edge(match[4] or "M11.1.0"))


def edge(text: str) -> Edge:
    """`M3.5.0/02:00:00`: the last Sunday (0) of March. 24:00 of a day is 0:00 of the next."""
    rule, _, at = text.partition("/")
    month, nth, weekday = (int(part) for part in rule[1:].split("."))
    return Edge(month, nth, weekday or 7, span(at or "2"))


def span(text: str) -> timedelta:
    """`-3:30` hours."""
    parts = [int(part) for part in text.lstrip("+-").split(":")]
    total = timedelta(**dict(zip(("hours", "minutes", "seconds"), parts, strict=False)))
    return -total if text.startswith("-") else total


def test_zones_of_the_menu_need_no_rule_of_their_own():
    mapped = items(replace(golden_device(GRP), timezone="Europe/Berlin"))
    other = items(replace(golden_device(GRP), timezone="Europe/Helsinki"))

    assert "dateTime.timezone.custom" not in mapped
    assert other["dateTime.timezone"] == "customize"


def test_without_a_directory_the_phonebook_is_off():
    phone, device = model(GRP), golden_device(GRP, MAC)

    context = device_variables(device, phone, SystemData(SETTINGS)).context
    (file,) = render_device(phone, context, library(), TENANT.name)

    told = read(file.text)
    assert told["phonebook.download.mode"] == "Disabled"
    assert "phonebook.download.server" not in told


@pytest.mark.parametrize(
    ("key", "item"),
    [(GRP, ("provisioning.firmware.confirm.enable", "No")), (GXV, ("provisioning.prompt.enable", "Yes"))],
)
def test_firmware_is_loaded_without_asking(key, item):
    phone, device = replace(model(key), firmware="fw.bin"), golden_device(key, MAC)

    context = device_variables(device, phone, SystemData(SETTINGS)).context
    (file,) = render_device(phone, context, library(), TENANT.name)

    assert item in read(file.text).items()


def test_firmware_is_looked_for_only_where_the_model_names_one():
    phone, device = replace(model(GRP), firmware="grp2614fw.bin"), golden_device(GRP, MAC)

    context = device_variables(device, phone, SystemData(SETTINGS)).context
    (file,) = render_device(phone, context, library(), TENANT.name)

    told = read(file.text)
    folder = told["provisioning.firmware.serverPath"]
    assert re.fullmatch(r"pbx\.example\.com(:\d+)?/provisioning/FIRMWARE-grandstream-grp2614", folder)
    assert (told["provisioning.firmware.checkCondition"], told["provisioning.firmware.username"]) == (
        "AlwaysCheck",
        "phones",
    )
    assert items(device)["provisioning.firmware.checkCondition"] == "SkipCheck"


def test_phonebook_lists_every_number_with_its_kind():
    contacts = [
        {"NAME": "Ann <Example>", "FIRST_NAME": "Ann", "LAST_NAME": "<Example>", "EXTENSION": "101", "MOBILE": "0170"},
        {"NAME": "R&D Ltd", "COMPANY": "R&D Ltd", "WORK": "+493012"},
    ]

    text = render_contacts(GRP, contacts)["grandstream/phonebook.xml"].text

    ann, company = ElementTree.fromstring(text).findall("Contact")
    assert (ann.findtext("FirstName"), ann.findtext("LastName")) == ("Ann", "<Example>")
    assert [(phone.get("type"), phone.findtext("phonenumber")) for phone in ann.findall("Phone")] == [
        ("Work", "101"),
        ("Cell", "0170"),
    ]
    assert (company.findtext("id"), company.findtext("FirstName")) == ("2", "R&D Ltd")
    assert {phone.findtext("accountindex") for phone in ann.findall("Phone")} == {"0"}  # account 1


def test_override_stands_within_the_settings():
    device = replace(golden_device(GRP), override='    <item name="call.dnd.enable">Yes</item>')

    assert items(device)["call.dnd.enable"] == "Yes"
