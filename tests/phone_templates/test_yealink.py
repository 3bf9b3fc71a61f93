"""What Yealink phones get, for every shipped model."""

import re
from dataclasses import replace
from xml.etree import ElementTree

import pytest

from tests.phone_templates.clocks import Clock, disagreements
from tests.phone_templates.fleet import (
    TENANT,
    catalog,
    golden_device,
    maximum_device,
    model,
    models,
    render,
    render_contacts,
    render_shared_files,
)
from tests.phone_templates.yealinkform import clock_of, settings_of
from webprov.enums import KeyType
from webprov.phones.discovery import Discovery
from webprov.sampledevices import HOSTILE
from webprov.store.devicedata import CustomValue, DeviceData, KeyData

MODELS = models("Yealink")
LEGACY = [
    *map(
        "yealink-{}".format,
        ["t18p", "t19p", "t20p", "t21p", "t22p", "t26p", "t28p", "t32g", "t38g", "vp530", "w52p-legacy"],
    )
]


def with_variables(device: DeviceData, **values: str) -> DeviceData:
    return replace(device, variables={name: CustomValue(value) for name, value in values.items()})


def test_phones_of_all_kinds_are_there() -> None:
    some = [
        "t19p-e2",
        "t31g",
        "t42s",
        "t46u",
        "t54w",
        "t88w",
        "vp59",
        "cp965",
        "ax86r",
        "w52p",
        "w70b",
        "w90dm",
        "w80b",
    ]
    assert len(MODELS) == 89
    assert {f"yealink-{name}" for name in some} <= {*MODELS}


@pytest.mark.parametrize("key", MODELS)
def test_full_phone_gets_each_setting_once_and_names_unchanged(key: str) -> None:
    phone, device = model(key), maximum_device(key)

    found = settings_of(device)

    for line in device.lines:
        assert found[f"account.{line.number}.label"] == line.label
        assert found[f"account.{line.number}.display_name"] == line.display_name
        assert found[f"account.{line.number}.password"] == line.password
        assert found[f"account.{line.number}.enable"] == "1"
    labels = {value for name, value in found.items() if re.search(r"key\.\d+\.label$", name)}
    assert labels <= {*HOSTILE}
    written = [
        name for name in found if re.fullmatch(r"(linekey|memorykey|expansion_module\.\d\.key)\.\d+\.type", name)
    ]
    assert len(written) == phone.keys + phone.modules[0] * phone.modules[1]


@pytest.mark.parametrize("key", MODELS)
def test_phone_with_nothing_set_has_all_accounts_and_keys_cleared(key: str) -> None:
    phone = model(key)

    found = settings_of(replace(golden_device(key), lines=(), keys=(), admin_password=""))

    assert [found[f"account.{n}.enable"] for n in range(1, phone.lines + 1)] == ["0"] * phone.lines
    assert sum(value == "0" for name, value in found.items() if name.endswith(".type")) == phone.keys
    assert not any("security.user_password" in name for name in found)


@pytest.mark.parametrize("key", MODELS)
def test_phone_asks_for_the_files_that_are_made(key: str) -> None:
    common = f"y000000000{model(key).sets['COMMON']}.cfg"
    asked = [request.name for request in model(key).boot]

    shared = render_shared_files(key)

    assert re.fullmatch(r"y\d{12}\.cfg", common)
    assert shared[common].text.startswith("#!version:1.0.0.1\n")
    assert asked[-2:] == ["y000000000${set_COMMON}.cfg", "${mac}.cfg"]
    assert [*render(golden_device(key, "805EC0ABCDEF"))] == ["805ec0abcdef.cfg"]
    assert ("${mac}.boot" in asked) == (key not in LEGACY)


def test_old_firmware_gets_no_static_names_and_numbered_codecs() -> None:
    old, new = settings_of(golden_device("yealink-t28p")), settings_of(golden_device("yealink-t54w"))

    assert not any(name.startswith("static.") for name in old)
    assert old["auto_provision.server.url"] == new["static.auto_provision.server.url"]
    assert [old[f"account.1.codec.{n}.payload_type"] for n in (1, 2, 5, 6)] == ["PCMU", "PCMA", "G729", "G722"]
    assert [old[f"account.1.codec.{n}.priority"] for n in (1, 2, 5, 6)] == ["3", "2", "4", "1"]
    assert [old[f"account.1.codec.{n}.enable"] for n in (3, 4)] == ["0", "0"]
    assert old["account.1.sip_server_host"] == old["account.1.sip_server.1.address"] == "pbx.example.com"


@pytest.mark.parametrize("key", ["yealink-w52p", "yealink-w56p", "yealink-cp860"])
def test_device_whose_firmware_ends_with_81_gets_codecs_by_name_and_number(key) -> None:
    found = settings_of(with_variables(golden_device(key), CODECS="pcma g722"))

    assert [found[f"account.1.codec.{name}.priority"] for name in ("pcma", "g722")] == ["1", "2"]
    assert [found[f"account.1.codec.{number}.priority"] for number in (2, 6)] == ["1", "2"]
    assert [found[f"account.1.codec.{number}.enable"] for number in range(1, 7)] == ["0", "1", "0", "0", "0", "1"]


def test_language_has_its_name_of_every_firmware() -> None:
    phone, base = settings_of(golden_device("yealink-t46s")), settings_of(golden_device("yealink-w52p"))

    assert {phone[name] for name in ("lang.gui", "static.lang.gui", "static.lang.wui")} == {"German"}
    assert base["static.lang.wui"] == base["lang.wui"] == "German"
    assert base["auto_provision.handset_configured.enable"] == "1"


def test_keys_after_the_line_keys_are_memory_keys_where_a_phone_has_them() -> None:
    device = replace(
        golden_device("yealink-t26p"), keys=(KeyData(4, "blf", value="103"), KeyData(13, "park", value="7"))
    )

    found = settings_of(device)

    assert (found["memorykey.1.type"], found["memorykey.1.value"]) == ("16", "103")
    assert found["memorykey.10.value"] == "7"
    assert "linekey.4.type" not in found


def test_keys_of_old_colour_phones_count_lines_from_zero() -> None:
    assert settings_of(golden_device("yealink-t38g"))["linekey.2.line"] == "1"
    assert settings_of(golden_device("yealink-t46u"))["linekey.2.line"] == "2"


def test_line_keys_show_the_lines_unless_a_key_is_set() -> None:
    device = replace(golden_device("yealink-t54w"), keys=(KeyData(2, "blf", value="103"),))

    found = settings_of(device)

    assert (found["linekey.1.type"], found["linekey.1.line"], found["linekey.1.label"]) == ("15", "1", "101")
    assert (found["linekey.2.type"], found["linekey.2.value"]) == ("16", "103")
    assert found["linekey.3.type"] == "0"


def test_key_that_is_switched_off_stays_empty() -> None:
    found = settings_of(replace(golden_device("yealink-t54w"), keys=(KeyData(1, "none", value="x"),)))

    assert found["linekey.1.type"] == "0"
    assert "linekey.1.value" not in found


def test_module_is_cleared_as_far_as_it_is_used() -> None:
    found = settings_of(replace(golden_device("yealink-t54w"), keys=(KeyData(60, "blf", module=2, value="103"),)))

    assert found["expansion_module.2.key.60.value"] == "103"
    assert found["expansion_module.1.key.1.type"] == "0"
    assert "expansion_module.3.key.1.type" not in found


@pytest.mark.parametrize("key", [key for key in MODELS if re.match("yealink-t[78]", key)])
def test_phones_of_the_newest_series_take_modules(key: str) -> None:
    found = settings_of(replace(golden_device(key), keys=(KeyData(60, "blf", module=3, value="103"),)))

    assert found["expansion_module.3.key.60.value"] == "103"


def test_every_type_of_key_has_a_code() -> None:
    assert {*model("yealink-t54w").translation.keys} == {*KeyType}


@pytest.mark.parametrize(
    ("zone", "expected"),
    [
        ("Australia/Sydney", ("+10", "1", "1", "10/1/7/2", "4/1/7/3", "60")),
        ("Australia/Lord_Howe", ("+10:30", "1", "1", "10/1/7/2", "4/1/7/2", "30")),
        ("America/New_York", ("-5", "1", "1", "3/2/7/2", "11/1/7/2", "60")),
        ("America/St_Johns", ("-3:30", "1", "1", "3/2/7/2", "11/1/7/2", "60")),
        ("Asia/Kolkata", ("+5:30", "0", None, None, None, None)),
        ("UTC", ("0", "0", None, None, None, None)),
    ],
)
def test_summer_time_is_written_out(zone: str, expected: tuple[str | None, ...]) -> None:
    found = settings_of(replace(golden_device("yealink-t54w"), timezone=zone))

    names = ("time_zone", "summer_time", "dst_time_type", "start_time", "end_time", "offset_time")
    assert tuple(found.get(f"local_time.{name}") for name in names) == expected


@pytest.mark.parametrize("key", ["yealink-t54w", "yealink-t28p"])
def test_clock_follows_every_zone(key: str) -> None:
    def told(zone: str) -> Clock:
        return clock_of(settings_of(replace(golden_device(key), timezone=zone)))

    assert disagreements(told) == {}


def test_zone_without_a_name_on_the_phone_clears_the_name() -> None:
    found = settings_of(replace(golden_device("yealink-t54w"), timezone="Africa/Johannesburg"))

    assert found["local_time.time_zone_name"] == "%NULL%"


@pytest.mark.parametrize(
    ("key", "srtp", "code"),
    [
        ("yealink-t54w", "off", "0"),
        ("yealink-t54w", "optional", "1"),
        ("yealink-t54w", "required", "2"),
        ("yealink-t28p", "optional", "2"),
        ("yealink-t28p", "required", "1"),
    ],
)
def test_media_encryption_by_generation(key: str, srtp: str, code: str) -> None:
    assert settings_of(with_variables(golden_device(key), SRTP=srtp))["account.1.srtp_encryption"] == code


def test_tls_uses_its_own_port_for_registrar_and_backup() -> None:
    found = settings_of(with_variables(golden_device("yealink-t54w"), SIP_TRANSPORT="tls"))

    assert (found["account.1.sip_server.1.port"], found["account.1.sip_server.1.transport_type"]) == ("5061", "2")
    assert (found["account.1.sip_server.2.port"], found["account.1.sip_server.2.transport_type"]) == ("5061", "2")
    assert found["account.1.outbound_proxy.1.port"] == "5080"


def test_registrar_that_is_its_own_proxy_needs_no_outbound_proxy() -> None:
    tenant = replace(TENANT, sip_proxy="", backup_registrar="")

    found = settings_of(replace(golden_device("yealink-t54w"), tenant=tenant))

    assert found["account.1.outbound_proxy_enable"] == "0"
    assert found["account.1.sip_server.2.address"] == "%NULL%"


def test_settings_of_the_vocabulary_reach_the_phone() -> None:
    device = with_variables(
        golden_device("yealink-t54w"), VLAN_ID="20", PC_VLAN_ID="30", LLDP="0", SYSLOG_SERVER="log.example:5514",
        SYSLOG_LEVEL="6", POLL_SECONDS="0", CODECS="opus PCMA", DTMF_MODE="info", MWI="0", WEB_UI="0", IP_MODE="dual",
        TIME_FORMAT="12", DATE_FORMAT="2", BACKLIGHT_SECONDS="0", LOGO_URL="http://x/y/logo.jpg", DIAL_PLAN="xx.T",
        PICKUP_CODE="", PARK_RETRIEVE_CODE="*5", PHONEBOOK_NAME="Acme & Co",
    )  # fmt: skip
    expected = {
        "static.network.vlan.internet_port_enable": "1", "static.network.vlan.internet_port_vid": "20",
        "static.network.vlan.pc_port_vid": "30", "static.network.lldp.enable": "0", "static.syslog.enable": "1",
        "static.syslog.server": "log.example", "static.syslog.server_port": "5514", "static.syslog.level": "6",
        "static.auto_provision.repeat.enable": "0", "account.1.codec.opus.priority": "1",
        "account.1.codec.pcma.priority": "2", "account.1.codec.g722.enable": "0", "account.1.dtmf.type": "2",
        "account.1.subscribe_mwi": "0", "static.wui.http_enable": "0", "static.network.ip_address_mode": "2",
        "local_time.time_format": "0", "local_time.date_format": "2", "phone_setting.backlight_time": "0",
        "phone_setting.backgrounds": "Config:logo.jpg", "dialplan.digitmap.string": "xx.T",
        "features.pickup.direct_pickup_enable": "0", "features.call_park.park_retrieve_code": "*5",
        "remote_phonebook.data.1.name": "Acme & Co",
    }  # fmt: skip

    found = settings_of(device)

    assert {name: found.get(name) for name in expected} == expected


@pytest.mark.parametrize(
    ("agent", "key"),
    [
        ("yealink SIP-T18 18.0.0.80 00:15:65:27:3e:05", "yealink-t18p"),
        ("Yealink SIP-T21P_E2 52.80.0.3 00:15:65:4c:4c:26", "yealink-t21p-e2"),
        ("Yealink SIP VP-T49G 51.80.0.10 00:15:65:9b:5a:44", "yealink-t49g"),
        ("VP530P 23.70.0.40 00:15:65:31:4b:c0", "yealink-vp530"),
        ("Yealink VP59 91.283.0.30", "yealink-vp59"),
        ("Yealink CP860 37.72.0.5 00:15:65:8a:37:86", "yealink-cp860"),
        ("Yealink W80DM 103.83.0.122 24:9a:d8:d1:a6:31", "yealink-w80dm"),
    ],
)
def test_phone_is_known_by_what_it_calls_itself(agent: str, key: str) -> None:
    assert Discovery(catalog().models()).guess("", agent).model == key


def test_codec_of_several_rates_is_the_usual_one() -> None:
    found = settings_of(with_variables(golden_device("yealink-t54w"), CODECS="ilbc g726 g723 g726_40"))

    names = ("ilbc", "g726_32", "g723_63", "g726_40")
    assert [found[f"account.1.codec.{name}.priority"] for name in names] == ["1", "2", "3", "4"]
    assert found["account.1.codec.g726_16.enable"] == "0"


def test_override_stands_last_as_it_is() -> None:
    (file,) = render(replace(golden_device("yealink-t54w"), override="call_waiting.enable = 0 # ${MAC}")).values()

    assert file.text.endswith("\ncall_waiting.enable = 0 # ${MAC}\n")


def test_contacts_are_a_directory_with_every_number() -> None:
    contacts = [{"NAME": name, "WORK": "+4930123", "MOBILE": "+49171"} for name in HOSTILE]

    (file,) = render_contacts("yealink-t54w", [*contacts, {"NAME": "No number"}]).values()

    root = ElementTree.fromstring(file.content)
    assert [entry.findtext("Name") for entry in root.iter("DirectoryEntry")] == sorted(HOSTILE, key=str.casefold)
    assert [number.text for number in root.find("DirectoryEntry").iter("Telephone")] == ["+4930123", "+49171"]  # type: ignore[union-attr]
