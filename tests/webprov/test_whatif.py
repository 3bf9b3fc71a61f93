from dataclasses import replace

import pytest

from tests.factories import MAC, make_device, make_tenant, small_config
from webprov.changes.settings import save_settings
from webprov.rendering.masking import MASK
from webprov.rights import CONSOLE
from webprov.settingsinput import draft_settings
from webprov.site import SiteLoader
from webprov.store.devicedata import read_device
from webprov.whatif import GROUPS, what_if

SECRET = "brand-new-canary-1"


@pytest.fixture
def config(tmp_path):
    return small_config(tmp_path)


@pytest.fixture
def load(config, session):
    loader = SiteLoader(config, recheck_seconds=0)
    return lambda: loader.load(session)


@pytest.fixture
def phone(session, load):
    """A device with its model."""
    make_tenant(session)
    make_device(session, load())
    return read_device(session, MAC), load().catalog.model("test-desk", "acme")


def told(site, phone, flat, clear=()):
    found = what_if(site.system, draft_settings(flat, site.settings, clear=clear)).told(*phone)
    return {row.name: row for rows in found.values() for row in rows}


def test_told_marks_what_changes_with_the_value_it_had(load, phone):
    rows = told(load(), phone, {"server_address": "new.example"})

    assert (rows["REG_SERVER"].value, rows["REG_SERVER"].source) == ("new.example", "Server address")
    assert rows["REG_SERVER"].was == load().settings.server_address
    assert rows["PROXY_SERVER"].source == "= REG_SERVER"
    assert rows["PROTO_URL"].source == "composed"
    assert rows["PROTO_URL"].changed
    assert rows["NTP_SERVER"].changed
    assert not rows["PROTO"].changed


def test_told_shows_no_secret_but_says_that_it_changes(load, phone):
    saved = load().settings.http_password

    rows = told(load(), phone, {"http_password": SECRET})

    assert SECRET not in repr(rows)
    assert saved not in repr(rows)
    assert (rows["PROV_PASSWORD"].value, rows["PROV_PASSWORD"].changed, rows["PROV_PASSWORD"].was) == (MASK, True, "")
    assert rows["PROTO_URL"].value == f"http://phones:{MASK}@{load().settings.server_address}:8081/provisioning"
    assert not told(load(), phone, {"http_password": saved})["PROV_PASSWORD"].changed


def test_what_cannot_be_read_counts_as_saved(load, phone):
    rows = told(load(), phone, {"server_address": "pbx_acme", "ntp_server": "ntp.example"})

    assert not rows["REG_SERVER"].changed
    assert rows["NTP_SERVER"].value == "ntp.example"


def test_a_password_to_be_typed_again_is_not_sent_to_the_new_server(session, load, phone):
    given = {"external_server": "dms.example", "external_user": "u", "external_password": "dms-secret-1"}
    save_settings(session, {"mode": "external", **given}, CONSOLE)

    rows = told(load(), phone, {"external_server": "evil.example"})

    assert rows["PROTO_URL"].value == "https://u@evil.example/provisioning/test-desk"
    assert rows["PROV_PASSWORD"].value == ""


@pytest.mark.parametrize(
    "flat",
    [
        {},
        {"server_address": "2001:db8::1", "http_port": "80"},
        {"ntp_server": "ntp.example", "sip_proxy": "sbc.example:5080", "backup_registrar": "sbc2.example"},
        {"timezone": "Europe/Berlin", "http_user": "other", "http_password": SECRET},
        {"mode": "external", "external_server": "dms.example:8443", "external_user": "u", "external_password": SECRET},
        {
            "mode": "external",
            "external_server": "dms.example",
            "firmware_server": "fw.example",
            "external_path": "/a/b",
        },
    ],
)
def test_told_is_what_explain_says_once_it_is_saved(session, load, phone, flat):
    rows = told(load(), phone, flat)

    save_settings(session, flat, CONSOLE)

    unchanged = told(load(), phone, {})
    assert [replace(row, changed=False, was="") for row in rows.values()] == list(unchanged.values())
    assert sorted(rows) == sorted(name for names in GROUPS.values() for name in names)
