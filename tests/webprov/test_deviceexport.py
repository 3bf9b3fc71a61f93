import csv
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.factories import make_device, make_tenant, small_config
from tests.properties import examples
from webprov.changes.devices import delete_devices
from webprov.changes.tenants import find_tenant
from webprov.deviceexport import export_devices
from webprov.deviceimport import import_devices
from webprov.enums import Role
from webprov.errors import NotAllowed
from webprov.rights import CONSOLE, Actor
from webprov.site import SiteLoader
from webprov.store.devicedata import read_devices

MAC_2 = "805EC0000002"
NASTY = ["=cmd|' /C calc'!A0", "'=x", "@a", "-1", "+49 30", "a,b", 'say "hi"', "Ünï 田中 😀", "${x}", "<%x%>",
         "]]>", "&amp;", "a\\", "%41", "'", "#;x"]  # fmt: skip


@pytest.fixture
def config(tmp_path):
    return small_config(tmp_path)


@pytest.fixture
def site(config, session):
    make_tenant(session)
    make_tenant(session, "globex")
    return SiteLoader(config).load(session)


def exported(session, by=CONSOLE, **how):
    return "".join(export_devices(session, by, **how))


def records(text):
    return list(csv.DictReader(io.StringIO(text)))


def wipe(session, site):
    delete_devices(session, site, [device.mac for device in read_devices(session)], CONSOLE)


def fill(session, site):
    make_device(session, site, MAC_2, tenant="globex", model="test-lobby", label="Lobby", enabled="off",
                line1_userid="", line1_password="", line1_display_name="", override="a = 1\n\nb = 2")  # fmt: skip
    make_device(session, site, timezone="Europe/Berlin", line2_userid="1002", line1_var_RING="3", var_API_TOKEN="hush",
                var_COLOR="red", key2_type="blf", key2_value="1001", m2key1_type="line", m2key1_line="2")  # fmt: skip


def test_columns_come_in_the_contracts_order_and_only_as_many_as_needed(session, site):
    fill(session, site)

    header = exported(session, with_secrets=True).splitlines()[0]

    base = "tenant mac model label timezone language override enabled admin_password prov_user prov_password"
    line = "userid password auth_id display_name extension first_name last_name label voicemail"
    key = ("type", "value", "label", "line")
    assert header.split(",") == [
        *base.split(" "),
        *(f"line1_{name}" for name in line.split(" ")),
        "line1_var_RING",
        *(f"line2_{name}" for name in line.split(" ")),
        *(f"{place}_{name}" for place in ("key1", "key2", "m2key1") for name in key),
        "var_API_TOKEN",
        "var_COLOR",
    ]


def test_an_export_without_devices_is_a_header(session, site):
    assert exported(session) == "tenant,mac,model,label,timezone,language,override,enabled\r\n"


def test_secrets_come_only_when_asked_for(session, site):
    fill(session, site)

    plain, full = records(exported(session)), records(exported(session, with_secrets=True))

    assert not {"admin_password", "prov_user", "prov_password", "var_API_TOKEN"} & plain[0].keys()
    assert plain[0]["line1_password"] == ""
    assert full[0]["line1_password"] == "R=#*2cN-D39A"
    assert len(full[0]["admin_password"]) == 22
    assert (full[0]["var_API_TOKEN"], plain[0]["var_COLOR"]) == ("hush", "red")


def test_importing_an_export_into_an_empty_instance_gives_the_same_export(session, site):
    fill(session, site)
    before = exported(session, with_secrets=True, guard=False)
    wipe(session, site)

    result = import_devices(session, site, before.encode(), CONSOLE)

    assert result.added == 2
    assert exported(session, with_secrets=True, guard=False) == before


@pytest.mark.parametrize("with_secrets", [True, False])
@pytest.mark.parametrize("guard", [True, False])
def test_importing_an_export_where_it_came_from_changes_nothing(session, site, with_secrets, guard):
    fill(session, site)
    make_device(session, site, "805EC0000003", label=NASTY[0], line1_password=NASTY[1], var_X=NASTY[2])

    result = import_devices(session, site, exported(session, with_secrets=with_secrets, guard=guard), CONSOLE)

    assert (result.added, result.changed, result.unchanged) == (0, 0, 3)


@pytest.mark.parametrize("guard", [True, False])
def test_ui14_nasty_values_survive_export_and_import(session, site, guard):
    for number, value in enumerate(NASTY):
        make_device(session, site, f"805EC00001{number:02X}", label=value, line1_userid=value, line1_password=value,
                    override=f"{value}\n{value}", key1_type="blf", key1_value=value, var_X=value)  # fmt: skip
    before = [device.lines for device in read_devices(session)]
    text = exported(session, with_secrets=True, guard=guard)
    wipe(session, site)

    import_devices(session, site, text, CONSOLE)

    assert exported(session, with_secrets=True, guard=guard) == text
    assert [device.lines for device in read_devices(session)] == before


@given(values=st.lists(st.text(st.characters(exclude_categories=["C", "Zl", "Zp"])), min_size=1, max_size=5))
@examples(25, 1_000)
def test_any_text_survives_export_and_import(session, site, values):
    for number, value in enumerate(values):
        make_device(session, site, f"805EC00001{number:02X}", label=value, line1_password=value)
    text = exported(session, with_secrets=True)
    wipe(session, site)

    import_devices(session, site, text, CONSOLE)

    assert exported(session, with_secrets=True) == text
    assert [device.label for device in read_devices(session)] == [value.strip(" \t") for value in values]
    wipe(session, site)


def test_a_download_runs_nothing_in_a_spreadsheet_and_a_pipe_gets_it_as_it_is(session, site):
    make_device(session, site, label="=1+1", line1_extension="+4930123")

    download, pipe = records(exported(session)), records(exported(session, guard=False))

    assert (download[0]["label"], download[0]["line1_extension"]) == ("'=1+1", "+4930123")
    assert pipe[0]["label"] == "=1+1"


def test_a_tenant_administrator_exports_their_tenant_without_secrets(session, site):
    fill(session, site)
    by = Actor("noor", Role.TENANT_ADMINISTRATOR, find_tenant(session, "globex", CONSOLE).id)

    found = records(exported(session, by))

    assert [record["mac"] for record in found] == [MAC_2]
    assert "line1_userid" not in found[0]
    with pytest.raises(NotAllowed):
        exported(session, by, with_secrets=True)
