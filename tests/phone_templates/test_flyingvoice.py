"""Flyingvoice: files in the form of Yealink phones, where an empty value empties a setting."""

from dataclasses import replace
from xml.etree import ElementTree

import pytest

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


def test_zones_have_no_name_as_none_is_documented() -> None:
    assert settings_of(golden_device(USUAL))["local_time.time_zone_name"] == ""


@pytest.mark.parametrize(
    ("name", "lines", "keys"),
    [("fip11c", 3, 6), ("fip13g", 4, 9), ("fip14g", 8, 21), ("fip15g", 10, 74), ("fip16plus", 2, 0), ("p24gw", 8, 8)],
)
def test_lines_and_keys_are_the_documented_ones(name: str, lines: int, keys: int) -> None:
    found = model(f"flyingvoice-{name}")

    assert (found.lines, found.keys) == (lines, keys)


def test_directory_key_has_its_own_code_and_a_page_has_none() -> None:
    codes = model(USUAL).translation.keys

    assert codes["directory"].value == "29"
    assert "url" not in codes


def test_phone_asks_for_the_file_that_is_made() -> None:
    assert [request.name for request in model(USUAL).boot if not request.optional] == ["${mac}.cfg"]
    assert [*render(golden_device(USUAL, "0021F2ABCDEF"))] == ["0021f2abcdef.cfg"]


def test_contacts_keep_hostile_names() -> None:
    (file,) = render_contacts(USUAL, [{"NAME": name, "WORK": "+4930123"} for name in HOSTILE]).values()

    entries = ElementTree.fromstring(file.content).iter("DirectoryEntry")
    assert [entry.findtext("Name") for entry in entries] == sorted(HOSTILE, key=str.casefold)
