"""The usual device of every family, its files compared whole with `tests/expected/<model>/`.

A family is a section of `models.d/` that models extend (a generation of firmware), or part of one whose files are made
from other templates. To add a golden device, make its folder, run the test with WEBPROV_WRITE_EXPECTED=1 and read what
it wrote.
"""

from collections import defaultdict

import pytest

from tests.phone_templates.fleet import ROOT, assert_expected, catalog, golden_device, model
from webprov.phones.phonemodel import PhoneModel

MACS = {
    "yealink": "001565A1B2C3",
    "polycom": "0004F2A1B2C3",
    "obihai": "9CADEFA1B2C3",
    "grandstream": "000B82A1B2C3",
    "snom": "000413A1B2C3",
    "cisco": "00562B043615",
    "fanvil": "0C383E112233",
    "mitel": "00085D112233",
    "flyingvoice": "0021F2112233",
}
"""Whose families are held to this, by the names of their lists of parameters, with a MAC address of each maker."""


def family_of(phone: PhoneModel) -> tuple[str, str]:
    """The section that the model belongs to, and the templates that it uses."""
    used = [(rule.template, rule.line_template, rule.key_template) for rule in (*phone.files, *phone.members)]
    return phone.family or phone.key, str(used)


def families() -> dict[tuple[str, str], list[str]]:
    """The models of each family."""
    found: dict[tuple[str, str], list[str]] = defaultdict(list)
    for phone in catalog().models():
        if phone.parameters in MACS:
            found[family_of(phone)].append(phone.key)
    return found


def golden(keys: list[str]) -> list[str]:
    """Those of the models that have a folder of expected files."""
    return [key for key in keys if (ROOT / "tests" / "expected" / key).is_dir()]


@pytest.mark.parametrize("keys", [pytest.param(keys, id=family[0]) for family, keys in families().items()])
def test_every_family_has_a_golden_device_with_as_much_as_it_can_show(keys):
    lines, places = (max(getattr(model(key), of) for key in keys) for of in ("lines", "keys"))

    devices = [golden_device(key) for key in golden(keys)]

    assert any(len(device.lines) == min(2, lines) for device in devices), keys
    assert any(len(device.keys) >= min(6, places) for device in devices), "some phones lack lines, two of the eight"


@pytest.mark.parametrize("key", [key for keys in families().values() for key in golden(keys)])
def test_files_of_a_golden_device_are_as_expected(key):
    assert_expected(golden_device(key, MACS[model(key).parameters]), key)
