"""No line break and no control character gets into a value that files are made of (security TP-05)."""

import pytest
from sqlalchemy import select

from tests.factories import make_tenant, small_config
from webprov.changes.contacts import add_contact
from webprov.changes.settings import save_settings
from webprov.changes.tenants import TENANT_FIELDS, save_tenant
from webprov.changes.variables import VariableScope, set_variables
from webprov.contactimport import import_contacts
from webprov.csvtable import CsvRefused, write_csv
from webprov.deviceimport import import_devices
from webprov.deviceinput import KEY_FIELDS, LINE_FIELDS, parse_device
from webprov.errors import InvalidInput
from webprov.rights import CONSOLE
from webprov.settingsinput import SETTINGS_FIELDS
from webprov.site import SiteLoader
from webprov.store.contactrecords import CONTACT_FIELDS, Contact
from webprov.store.models import CustomVariable, Device

MAC = "805EC0000001"
BREAKS = ("\n", "\r\n", "\r", "\x0b", "\x0c", "\x85", "\u2028", "\u2029")
CONTROLS = ("\x00", "\x07", "\x1b", "\x7f", "\x9f")
OF_A_DEVICE = (
    "mac", "tenant", "model", "label", "timezone", "language", "admin_password", "prov_user", "prov_password",
    *(f"line1_{name}" for name in LINE_FIELDS), *(f"m1key2_{name}" for name in KEY_FIELDS),
    "var_NOTE", "line1_var_NOTE",
)  # fmt: skip
NETWORKS = {"networks", "phone_networks", "exempt_networks", "tftp_networks"}
"""Lists that may be typed on several lines; they are stored as one."""


@pytest.fixture
def load(tmp_path, session):
    loader = SiteLoader(small_config(tmp_path))
    make_tenant(session)
    return lambda: loader.load(session)


@pytest.mark.parametrize("character", [*BREAKS, *CONTROLS])
def test_a_device_takes_none_in_any_field(character):
    for name in OF_A_DEVICE:
        with pytest.raises(InvalidInput) as caught:
            parse_device({"mac": MAC, "m1key2_type": "blf", name: f"12345678{character}x"})

        assert name in caught.value.errors, name


@pytest.mark.parametrize("character", CONTROLS)
def test_an_override_takes_no_control_character(character):
    with pytest.raises(InvalidInput):
        parse_device({"mac": MAC, "override": f"a = 1\nb{character} = 2"})


@pytest.mark.parametrize("character", [*BREAKS, *CONTROLS])
def test_a_csv_file_brings_none_in(session, load, character):
    value = f"12345678{character}x"
    own = ("label", "line1_userid", "line1_password", "key1_label", "var_NOTE")
    columns = ("mac", "tenant", "model", "key1_type", *own)
    devices = write_csv(columns, [[MAC, "acme", "test-desk", "blf", *[value] * len(own)]], guard=True)
    people = write_csv(("last_name", "company"), [[value, value]], guard=True)

    with pytest.raises(CsvRefused) as of_devices:
        import_devices(session, load(), "".join(devices).encode(), CONSOLE)
    with pytest.raises(CsvRefused) as of_people:
        import_contacts(session, "".join(people).encode(), CONSOLE, "acme")

    assert {problem.column for problem in of_devices.value.problems} == set(own)
    assert {problem.column for problem in of_people.value.problems} == {"last_name", "company"}
    assert session.scalars(select(Device)).all() == session.scalars(select(Contact)).all() == []


@pytest.mark.parametrize("character", [*BREAKS, *CONTROLS])
def test_settings_tenants_contacts_and_variables_take_none(session, load, character):
    value = f"12345678{character}x"

    for name in set(SETTINGS_FIELDS) - NETWORKS:
        with pytest.raises(InvalidInput, match=name):
            save_settings(session, {name: value}, CONSOLE)
    for name in set(TENANT_FIELDS) - NETWORKS:
        with pytest.raises(InvalidInput, match=name):
            save_tenant(session, "acme", {name: value}, CONSOLE)
    for name in CONTACT_FIELDS:
        with pytest.raises(InvalidInput, match=name):
            add_contact(session, CONSOLE, "acme", {"company": "x", name: value})
    with pytest.raises(InvalidInput):
        set_variables(session, VariableScope(), {"NOTE": value}, CONSOLE)

    assert session.scalars(select(CustomVariable)).all() == []
