"""Polycom phones: the manifest, the settings that it names, and what each family makes of keys."""

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
    catalog,
    golden_device,
    library,
    maximum_device,
    model,
    models,
    render,
    render_contacts,
    variables,
)
from webprov.phones.discovery import Discovery
from webprov.rendering.render import render_device
from webprov.rendering.systemdata import SystemData
from webprov.rendering.variables import device_variables
from webprov.store.devicedata import CustomValue, DeviceData, KeyData, LineData

MAC = "0004F2A1B2C3"
VVX = "polycom-vvx450"
UCS_MODELS = [key for key in models("Polycom") if model(key).files[0].template == "polycom/manifest.cfg"]


def settings(device: DeviceData) -> dict[str, str]:
    """All parameters of the settings file."""
    return parameters(render(device)[f"{device.mac.lower()}-settings.cfg"].text)


def parameters(text: str) -> dict[str, str]:
    """All attributes of a file; one that stands there twice is an error."""
    pairs = [pair for element in ElementTree.fromstring(text).iter() for pair in element.items()]
    twice = [name for name, count in Counter(name for name, _ in pairs).items() if count > 1]
    assert not twice
    return dict(pairs)


def with_variables(**values: str) -> dict[str, str]:
    """The settings of a usual device with these custom variables."""
    given = {name: CustomValue(value) for name, value in values.items()}
    return settings(replace(golden_device(VVX), variables=given))


@pytest.mark.parametrize("key", UCS_MODELS)
def test_every_model_with_all_lines_and_keys_gives_sound_files(key):
    device = maximum_device(key)

    files = render(device)

    found = {path: parameters(file.text) for path, file in files.items() if path.endswith(".cfg")}
    told = found["001565ffffff-settings.cfg"]
    assert found["001565ffffff.cfg"]["CONFIG_FILES"] == "001565ffffff-settings.cfg"
    for line in device.lines:
        assert told[f"reg.{line.number}.auth.password"] == line.password
        assert told[f"reg.{line.number}.displayName"] == line.display_name
    assert all(ElementTree.fromstring(file.text) is not None for file in files.values())
    assert not [file.warnings for file in files.values() if file.warnings]


@pytest.mark.parametrize(
    ("agent", "key"),
    [
        ("FileTransport PolycomVVX-VVX_450-UA/5.9.1.0615 Type/Application", VVX),
        ("FileTransport PolyCCX-CCX_500-UA/9.4.1.0508 (SN:64167f9f4c90) Type/Application", "polycom-ccx500"),
        ("FileTransport PolycomSoundPointIP-SPIP_601-UA/3.1.8.0070", "polycom-ip601"),
        ("FileTransport PolycomRealPresenceTrio-Trio_8800-UA/5.9.0.11421 Type/Application", "polycom-trio-8800"),
        (
            "FileTransport PolycomRealPresenceTrio-Trio_C60-UA/7.2.2.1094 (SN:12345) Type/Application",
            "polycom-trio-c60",
        ),
        ("FileTransport PolyEdge-Edge_E350-UA/8.2.1.0001 Type/Application", "polycom-edge-e350"),
        ("FileTransport PolyEdge-Edge_E220-UA/8.0.0.13670 Type/Application", "polycom-edge-e220"),
    ],
)
def test_user_agent_tells_the_model(agent, key):
    found = Discovery(catalog().models()).guess("", agent)

    assert found.model == key


@pytest.mark.parametrize("key", UCS_MODELS)
def test_settings_have_a_name_that_the_phone_does_not_upload(key):
    phone = model(key)

    names = {rule.output for rule in phone.files}

    assert names.isdisjoint(phone.uploads)
    assert phone.boot[0].name == "${mac}.cfg"


@pytest.mark.parametrize("key", UCS_MODELS)
def test_keys_of_modules_count_on_after_those_of_the_phone(key):
    phone = model(key)

    if phone.modules[0]:
        assert phone.sets["PHONE_KEYS"] == str(phone.keys)
        assert phone.sets["MODULE_KEYS"] == str(phone.modules[1])


def test_clock_follows_every_zone():
    told = lambda zone: clock(settings(replace(golden_device(VVX), timezone=zone)))  # noqa: E731

    assert disagreements(told, but={"Australia/Lord_Howe", "Antarctica/Troll"}) == {}


def test_clock_of_a_zone_with_half_an_hour_of_summer_time_stays_at_standard_time():
    told = settings(replace(golden_device(VVX), timezone="Australia/Lord_Howe"))

    assert clock(told) == Clock(timedelta(hours=10, minutes=30))
    context = variables(replace(golden_device(VVX), timezone="Australia/Lord_Howe")).context
    assert any("stays at standard time" in warning for warning in context.warnings)


def clock(told: dict[str, str]) -> Clock:
    """The clock that the phone makes of its parameters."""
    time = {name.removeprefix("tcpIpApp.sntp."): value for name, value in told.items()}
    offset = timedelta(seconds=int(time["gmtOffset"]))
    if time["daylightSavings.enable"] == "0":
        return Clock(offset)
    assert time["daylightSavings.fixedDayEnable"] == "0"
    return Clock(offset, timedelta(hours=1), edge(time, "start"), edge(time, "stop"))


def edge(time: dict[str, str], which: str) -> Edge:
    """One change: the first day of its week, or the last in the month; weekdays count from Sunday = 1."""
    of = {name.removeprefix(f"daylightSavings.{which}."): value for name, value in time.items()}
    assert of["date"] in ("1", "8", "15", "22")
    nth = 5 if of["dayOfWeek.lastInMonth"] == "1" else (int(of["date"]) + 6) // 7
    return Edge(int(of["month"]), nth, (int(of["dayOfWeek"]) + 5) % 7 + 1, timedelta(hours=int(of["time"])))


def test_codecs_are_ranked_in_their_order_and_others_switched_off():
    told = with_variables(CODECS="opus pcma,g722")

    ranks = {name: told[f"voice.codecPref.{name}"] for name in ("Opus", "G711_A", "G722", "G711_Mu", "G729_AB")}
    assert ranks == {"Opus": "1", "G711_A": "2", "G722": "3", "G711_Mu": "0", "G729_AB": "0"}


def test_codecs_of_older_software_have_their_own_names():
    device = replace(golden_device("polycom-ip300"), variables={"CODECS": CustomValue("pcma g729")})

    told = settings(device)

    ranks = {name: value for name, value in told.items() if name.startswith("voice.codecPref.")}
    assert ranks == {
        "voice.codecPref.IP_300.G711A": "1",
        "voice.codecPref.IP_300.G729AB": "2",
        "voice.codecPref.IP_300.G711Mu": "",
        "voice.codecPref.IP_300.G722": "",
    }
    assert "voice.codecPref.G711Mu" in settings(golden_device("polycom-ip601"))


@pytest.mark.parametrize(
    ("mode", "switches"), [("off", ("0", "0", "0")), ("optional", ("1", "1", "0")), ("required", ("1", "1", "1"))]
)
def test_srtp_is_offered_and_required_as_set(mode, switches):
    told = with_variables(SRTP=mode)

    assert tuple(told[f"sec.srtp.{name}"] for name in ("enable", "offer", "require")) == switches


@pytest.mark.parametrize(("seconds", "told"), [("30", "30"), ("1", "5"), ("600", "60")])
def test_light_goes_out_within_a_minute(seconds, told):
    assert with_variables(BACKLIGHT_SECONDS=seconds)["up.backlight.timeout"] == told


def test_light_that_is_to_stay_on_stays_bright_when_idle():
    told = with_variables(BACKLIGHT_SECONDS="0")

    assert (told["up.backlight.idleIntensity"], told.get("up.backlight.timeout")) == ("3", None)


@pytest.mark.parametrize(
    ("mode", "switches"), [("rfc2833", ("1", "1", "0")), ("inband", ("1", "0", "0")), ("info", ("0", "0", "1"))]
)
def test_dtmf_goes_one_way_only(mode, switches):
    told = with_variables(DTMF_MODE=mode)

    names = ("tone.dtmf.viaRtp", "tone.dtmf.rfc2833Control", "voIpProt.SIP.dtmfViaSignaling.rfc2976")
    assert tuple(told[name] for name in names) == switches


def test_registrar_has_the_port_of_its_transport_unless_one_is_set():
    usual = with_variables(SIP_TRANSPORT="tls")
    set_port = with_variables(SIP_TRANSPORT="tls", SIP_PORT="5071")

    assert (usual["reg.1.server.1.transport"], usual["reg.1.server.1.port"]) == ("TLS", "0")
    assert set_port["reg.1.server.1.port"] == set_port["reg.1.server.2.port"] == "5071"
    assert set_port["reg.1.outboundProxy.port"] == "5080"


def test_outbound_proxy_stays_out_where_it_is_the_registrar():
    tenant = replace(TENANT, sip_proxy="", backup_registrar="")

    told = settings(replace(golden_device(VVX), tenant=tenant))

    assert not [name for name in told if "outboundProxy" in name or ".server.2." in name]


def test_unused_keys_of_lines_are_lines_where_keys_are_flexible():
    told = settings(replace(golden_device(VVX), keys=(KeyData(1, "blf", value="103"),)))

    assert told["lineKey.1.category"] == "BLF"
    assert (told["lineKey.2.category"], told["lineKey.2.index"]) == ("Line", "2")
    assert "lineKey.3.category" not in told


def test_keys_that_dial_or_send_are_macros():
    keys = (
        KeyData(5, "pickup", value="104"),
        KeyData(6, "transfer", value="105"),
        KeyData(7, "directory", label="Book"),
        KeyData(3, "voicemail", module=2),
    )

    told = settings(replace(golden_device(VVX), keys=keys))

    actions = {name: value for name, value in told.items() if name.endswith("action.string")}
    assert actions == {
        "efk.efklist.5.action.string": "*8104$Tinvite$",
        "efk.efklist.6.action.string": "105$Trefer$",
        "efk.efklist.7.action.string": "$FDirectories$",
        "efk.efklist.55.action.string": "*97$Tinvite$",
    }
    assert told["lineKey.55.index"] == "55"


def test_parking_slot_is_watched_and_dialled_with_the_code_that_takes_a_call_back():
    device = replace(golden_device(VVX), keys=(KeyData(4, "park", value="701"),))

    told = settings(replace(device, variables={"PARK_RETRIEVE_CODE": CustomValue("*86")}))

    assert told["attendant.resourceList.4.address"] == "701"
    assert told["attendant.resourceList.4.callAddress"] == "*86701"


def test_soundpoint_takes_speed_dials_from_its_directory():
    keys = (KeyData(3, "speeddial", value="200", label="Taxi"), KeyData(4, "dtmf", value="*1", label="Record"))
    device = replace(golden_device("polycom-ip550", MAC), keys=keys)

    files = render(device)

    items = ElementTree.fromstring(files["0004f2a1b2c3-directory.xml"].text).findall("item_list/item")
    assert [[part.text for part in item] for item in items] == [["Taxi", "200", "3"], ["Record", "!key4", "4"]]
    told = settings(device)
    assert (told["efk.efklist.4.mname"], told["efk.efklist.4.action.string"]) == ("key4", "*1$Tdtmf$")
    assert "efk.efklist.3.mname" not in told
    assert (told["lineKey.reassignment.enabled"], told["dir.local.readonly"]) == ("0", "1")


def test_small_phone_puts_speed_dials_on_soft_keys():
    device = replace(golden_device("polycom-vvx150"), keys=(KeyData(2, "speeddial", value="200", label="Taxi"),))

    told = settings(device)

    assert (told["softkey.2.label"], told["softkey.2.action"], told["efk.efklist.2.mname"]) == ("Taxi", "!key2", "key2")


@pytest.mark.parametrize("key", [VVX, "polycom-ip550", "polycom-vvx150"])
def test_key_without_a_function_stays_empty(key):
    empty, without = (replace(golden_device(key), keys=keys) for keys in [(KeyData(2, "none"),), ()])

    assert set(settings(empty)) == set(settings(without)) - {"lineKey.2.category", "lineKey.2.index"}


def test_directory_of_the_tenant_is_where_the_manifest_says():
    manifest = parameters(render(golden_device(VVX, MAC))["0004f2a1b2c3.cfg"].text)

    folder = manifest["CONTACTS_DIRECTORY"]
    assert re.fullmatch(
        r"http://phones:prov-Pa55word@pbx\.example\.com(:\d+)?/provisioning/CONTACTS/acme/polycom", folder
    )
    assert model(VVX).directories[0].output == "polycom/000000000000-directory.xml"


def test_without_a_directory_people_may_keep_their_own():
    phone, device = model(VVX), golden_device(VVX, MAC)

    context = device_variables(device, phone, SystemData(SETTINGS)).context
    files = {file.path: parameters(file.text) for file in render_device(phone, context, library(), TENANT.name)}

    assert files["0004f2a1b2c3.cfg"]["CONTACTS_DIRECTORY"] == ""
    assert files["0004f2a1b2c3-settings.cfg"]["dir.local.readonly"] == "0"


def test_directory_has_one_entry_for_each_number():
    contacts = [
        {"NAME": "Ann <Example>", "FIRST_NAME": "Ann", "LAST_NAME": "<Example>", "EXTENSION": "101", "MOBILE": "0170"},
        {"NAME": "R&D Ltd", "COMPANY": "R&D Ltd", "WORK": "+493012"},
    ]

    text = render_contacts(VVX, contacts)["polycom/000000000000-directory.xml"].text

    items = ElementTree.fromstring(text).findall("item_list/item")
    found = [(item.findtext("ln"), item.findtext("fn"), item.findtext("ct")) for item in items]
    assert found == [("<Example>", "Ann", "101"), ("<Example>", "Ann", "0170"), ("R&D Ltd", None, "+493012")]


def test_firmware_is_fetched_from_its_folder():
    phone, device = replace(model(VVX), firmware="3111-48840-001.sip.ld"), golden_device(VVX, MAC)

    context = device_variables(device, phone, SystemData(SETTINGS)).context
    files = {file.path: parameters(file.text) for file in render_device(phone, context, library(), TENANT.name)}

    path = files["0004f2a1b2c3.cfg"]["APP_FILE_PATH"]
    assert path.endswith("/provisioning/FIRMWARE-polycom-vvx450/3111-48840-001.sip.ld")


def test_override_stands_within_the_settings():
    device = replace(golden_device(VVX), override='  <mine voice.volume.persist.handset="1"/>')

    assert settings(device)["voice.volume.persist.handset"] == "1"


def test_line_variable_changes_that_line_alone():
    lines = (LineData(1, "101"), LineData(2, "102", variables={"SIP_TRANSPORT": CustomValue("tcp")}))

    told = settings(replace(golden_device(VVX), lines=lines))

    assert (told["reg.1.server.1.transport"], told["reg.2.server.1.transport"]) == ("UDPOnly", "TCPOnly")
