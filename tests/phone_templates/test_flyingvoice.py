"""Flyingvoice: files in the form of Yealink phones, where an empty value empties a setting."""

from dataclasses import replace
from xml.etree import ElementTree

from tests.phone_templates.clocks import Clock, disagreements
from tests.phone_templates.fleet import (
    golden_device,
    maximum_device,
    model,
    models,
    render,
    render_contacts,
)
from tests.phone_templates.yealinkform import clock_of, settings_of
from webprov.sampledevices import HOSTILE
from webprov.store.devicedata import CustomValue

MODELS = models("Flyingvoice")
USUAL = "flyingvoice-fip15g"


def test_all_models_are_there() -> None:
    assert len(MODELS) == 42
    assert {"flyingvoice-p21p", "flyingvoice-p24gw", "flyingvoice-p510", "flyingvoice-i86box"} <= {*MODELS}


def test_full_phone_of_every_model_gets_each_setting_once_and_names_unchanged() -> None:
    for key in MODELS:
        device = maximum_device(key)

        found = settings_of(device)

        for line in device.lines:
            assert found[f"account.{line.number}.display_name"] == line.display_name, key
            assert found[f"account.{line.number}.password"] == line.password, key
        assert sum(name.startswith("linekey.") and name.endswith(".type") for name in found) == model(key).keys, key
        assert {value for name, value in found.items() if name.endswith(".label")} <= {*HOSTILE}, key


def test_phone_with_nothing_set_has_accounts_and_keys_emptied_without_words() -> None:
    for key in MODELS:
        found = settings_of(replace(golden_device(key), lines=(), keys=(), admin_password=""))

        numbers = range(1, model(key).lines + 1)
        assert {found[f"account.{n}.enable"] for n in numbers} == {"0"}, key
        assert {found[f"account.{n}.password"] for n in numbers} == {""}, key
        assert "%NULL%" not in found.values(), key


def test_codec_has_the_name_of_its_rate() -> None:
    device = replace(golden_device(USUAL), variables={"CODECS": CustomValue("ilbc pcma")})

    found = settings_of(device)

    assert found["account.1.codec.ilbc_13_33kbps.priority"] == "1"
    assert "account.1.codec.ilbc.enable" not in found


def test_clock_follows_every_zone() -> None:
    def told(zone: str) -> Clock:
        return clock_of(settings_of(replace(golden_device(USUAL), timezone=zone)))

    assert disagreements(told) == {}


def test_zone_without_a_name_has_an_empty_one() -> None:
    found = settings_of(replace(golden_device(USUAL), timezone="Africa/Johannesburg"))

    assert found["local_time.time_zone_name"] == ""


def test_phone_asks_for_the_file_that_is_made() -> None:
    assert [request.name for request in model(USUAL).boot if not request.optional] == ["${mac}.cfg"]
    assert [*render(golden_device(USUAL, "0021F2ABCDEF"))] == ["0021f2abcdef.cfg"]


def test_contacts_keep_hostile_names() -> None:
    (file,) = render_contacts(USUAL, [{"NAME": name, "WORK": "+4930123"} for name in HOSTILE]).values()

    entries = ElementTree.fromstring(file.content).iter("DirectoryEntry")
    assert [entry.findtext("Name") for entry in entries] == sorted(HOSTILE, key=str.casefold)
