import threading

import pytest
from sqlalchemy import func, select
from sqlalchemy.exc import IntegrityError

from tests.factories import MAC, make_device, make_tenant, small_config
from webprov.changes.devices import change_device, delete_devices, find_device
from webprov.changes.tenants import find_tenant
from webprov.deviceinput import parse_device
from webprov.enums import Role
from webprov.errors import Conflict, InvalidInput, NotFound
from webprov.rights import CONSOLE, Actor
from webprov.site import SiteLoader
from webprov.store.devicedata import read_device
from webprov.store.instance import open_instance
from webprov.store.models import ChangeRecord, Device

MAC_2 = "805EC0000002"


@pytest.fixture
def config(tmp_path):
    return small_config(tmp_path)


@pytest.fixture
def site(config, session):
    make_tenant(session)
    make_tenant(session, "globex")
    return SiteLoader(config).load(session)


def tenant_admin(session, name="acme"):
    return Actor("noor", Role.TENANT_ADMINISTRATOR, find_tenant(session, name, CONSOLE).id)


def change(session, site, by=CONSOLE, version=None, complete=False, **flat):
    given = parse_device({"mac": MAC, **flat}, complete=complete)
    return change_device(session, site, MAC, given, by, version=version)


def test_add_device_makes_secrets_and_a_record(session, site):
    device = make_device(session, site)

    assert len(device.admin_password) == len(device.prov_password) == 22
    assert device.version == 1
    record = session.scalars(select(ChangeRecord).where(ChangeRecord.thing == "device")).one()
    assert (record.action, record.name, record.user_name) == ("create", MAC, "console")
    assert record.fields["line1_password"] == "changed"
    assert "R=#" not in str(record.fields)


def test_db01_a_mac_in_any_spelling_belongs_to_one_device(config, site, session):
    spellings = [
        "805ec0000001",
        "80:5E:C0:00:00:01",
        "80-5e-c0-00-00-01",
        "805e.c000.0001",
        "805EC0000001",
        "805ec0 000001",
    ]
    instance = open_instance(config)
    outcomes = []

    def add(spelling):
        with instance.sessions() as own:
            try:
                make_device(own, site, spelling)
                outcomes.append("added")
            except InvalidInput as e:
                outcomes.append(e.errors["mac"])

    threads = [threading.Thread(target=add, args=(spellings[number % 6],)) for number in range(50)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    instance.close()

    assert (len(outcomes), outcomes.count("added")) == (50, 1)
    assert all("already in use" in outcome for outcome in outcomes if outcome != "added")
    session.rollback()  # what the others have committed is seen from here on
    assert session.scalar(select(func.count()).select_from(Device)) == 1


def test_db01_the_database_itself_refuses_a_second_device_with_a_mac(session, site):
    device = make_device(session, site)

    session.add(Device(mac=MAC, tenant_id=device.tenant_id, model="test-desk"))
    with pytest.raises(IntegrityError, match="mac"):
        session.commit()


def test_a_known_mac_says_where_only_to_those_who_may_see(session, site):
    make_device(session, site)

    with pytest.raises(InvalidInput, match="by “Desk 1” in acme"):
        make_device(session, site)
    with pytest.raises(InvalidInput) as caught:
        make_device(session, site, by=tenant_admin(session, "globex"), tenant="globex")

    assert caught.value.errors["mac"] == "80:5E:C0:00:00:01 is already in use."


def test_a_tenant_administrator_sees_and_moves_nothing_beyond_the_tenant(session, site):
    make_device(session, site)
    outsider = tenant_admin(session, "globex")

    with pytest.raises(NotFound):
        find_device(session, MAC, outsider)
    with pytest.raises(NotFound):
        change(session, site, outsider, label="mine")
    with pytest.raises(InvalidInput, match="no tenant"):
        change(session, site, tenant_admin(session), tenant="globex")

    assert session.scalar(select(Device.label)) == "Desk 1"


def test_absent_stays_empty_clears_secrets_are_kept(session, site):
    make_device(session, site)

    change(session, site, label="", line1_password="", line1_display_name="")

    device = read_device(session, MAC)
    assert device.label == ""
    assert device.model == "test-desk"
    assert (device.lines[0].password, device.lines[0].display_name) == ("R=#*2cN-D39A", "")


def test_an_empty_line_goes_but_one_cleared_column_does_not_remove_it(session, site):
    make_device(session, site, line2_userid="1001", line2_label="Two")

    change(session, site, line2_label="")
    assert [line.number for line in read_device(session, MAC).lines] == [1, 2]
    change(session, site, line2_userid="", line2_password="", line2_label="")

    assert [line.number for line in read_device(session, MAC).lines] == [1]


def test_lines_swap_with_their_passwords_and_variables(session, site):
    make_device(session, site, line2_userid="1001", line2_password="second-secret", line2_var_RINGER="3")

    change(
        session, site, complete=True,
        line1_userid="1001", line1_password="", line1_was="2", line2_userid="1000", line2_password="", line2_was="1",
    )  # fmt: skip

    first, second = read_device(session, MAC).lines
    assert (first.userid, first.password) == ("1001", "second-secret")
    assert (second.userid, second.password) == ("1000", "R=#*2cN-D39A")
    assert first.variables["RINGER"].value == "3"


def test_a_form_removes_what_it_does_not_name(session, site):
    make_device(
        session, site, line2_userid="1001", key1_type="blf", key1_value="1001", key2_type="park", key2_value="7"
    )

    change(session, site, complete=True, line1_userid="1000", line1_was="1", key2_type="park", key2_value="7")

    device = read_device(session, MAC)
    assert [line.number for line in device.lines] == [1]
    assert [(key.number, key.type) for key in device.keys] == [(2, "park")]


def test_a_form_keeps_the_variables_of_the_device(session, site):
    make_device(session, site, var_VLAN_ID="20", line1_var_RINGER="3")

    change(session, site, complete=True, line1_userid="1000", line1_was="1")

    device = read_device(session, MAC)
    assert device.variables["VLAN_ID"].value == "20"
    assert device.lines[0].variables["RINGER"].value == "3"


def test_db04_two_editors_the_second_is_told(session, site):
    device = make_device(session, site)

    change(session, site, version=device.version, label="First")
    with pytest.raises(Conflict, match="Somebody else"):
        change(session, site, version=1, label="Second")

    assert session.scalar(select(Device.label)) == "First"


def test_a_save_without_a_change_is_none(session, site):
    make_device(session, site)

    change(session, site, label="Desk 1")

    assert session.scalar(select(Device.version)) == 1


@pytest.mark.parametrize(
    ("flat", "field"),
    [({"tenant": "nobody"}, "tenant"), ({"model": "nothing"}, "model"), ({"model": ""}, "model")],
)
def test_unknown_tenant_or_model_is_an_error_at_the_field(session, site, flat, field):
    with pytest.raises(InvalidInput) as caught:
        make_device(session, site, **flat)

    assert field in caught.value.errors
    assert session.scalar(select(func.count()).select_from(Device)) == 0


def test_delete_devices_deletes_all_or_none(session, site):
    make_device(session, site)

    with pytest.raises(NotFound):
        delete_devices(session, site, [MAC, MAC_2], CONSOLE)
    assert session.scalar(select(func.count()).select_from(Device)) == 1
    delete_devices(session, site, [MAC], CONSOLE)

    assert session.scalar(select(func.count()).select_from(Device)) == 0
