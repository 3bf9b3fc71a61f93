import pytest
from sqlalchemy import func, select

from tests.factories import MAC, make_device, make_tenant, small_config
from webprov.changes.devices import change_device, find_device
from webprov.changes.tenants import find_tenant
from webprov.csvtable import CsvRefused
from webprov.deviceimport import ImportResult, import_devices
from webprov.deviceinput import parse_device
from webprov.enums import Role
from webprov.errors import Conflict
from webprov.importwatch import STORING, ImportWatch
from webprov.provisioning import provision_device
from webprov.rights import CONSOLE, Actor
from webprov.site import SiteLoader
from webprov.store.devicedata import read_device
from webprov.store.models import ChangeRecord, CustomVariable, Device

MAC_2 = "805EC0000002"


@pytest.fixture
def config(tmp_path):
    return small_config(tmp_path)


@pytest.fixture
def load(config, session):
    make_tenant(session)
    make_tenant(session, "globex")
    loader = SiteLoader(config, recheck_seconds=0)
    return lambda: loader.load(session)


def tenant_admin(session, name="acme"):
    return Actor("noor", Role.TENANT_ADMINISTRATOR, find_tenant(session, name, CONSOLE).id)


def rows(*lines):
    return "\r\n".join(lines)


def refusal(session, load, text, by=CONSOLE):
    with pytest.raises(CsvRefused) as caught:
        import_devices(session, load(), text, by)
    return [(problem.row, problem.column) for problem in caught.value.problems], str(caught.value)


def macs(session):
    return list(session.scalars(select(Device.mac).order_by(Device.mac)))


def test_new_devices_have_all_that_the_file_says(session, load):
    text = rows(
        "mac,tenant,model,label,enabled,line1_userid,line1_password,line1_var_RING,line2_userid,key1_type,key1_value,"
        "m1key2_type,m1key2_line,var_SIP_PORT,var_API_TOKEN",
        '80:5e:c0:00:00:01,acme,test-desk," Desk ""1"" ",,1000,=1+1,3,,blf,1001,line,2,5062,hush',
        "805e.c000.0002,globex,test-lobby,Lobby,off,,,,,,,,,,",
    )

    result = import_devices(session, load(), text, CONSOLE)

    assert result == ImportResult(added=2, changed=0, unchanged=0, waiting=1)
    device, other = read_device(session, MAC), read_device(session, MAC_2)
    assert (device.tenant.name, device.model, device.label, device.enabled) == ("acme", "test-desk", 'Desk "1"', True)
    assert [(line.number, line.userid, line.password) for line in device.lines] == [(1, "1000", "=1+1")]
    assert device.lines[0].variables["RING"].value == "3"
    assert [(key.module, key.number, key.type, key.value, key.line) for key in device.keys] == [
        (0, 1, "blf", "1001", 1),
        (1, 2, "line", "", 2),
    ]
    assert {name: (found.value, found.secret) for name, found in device.variables.items()} == {
        "SIP_PORT": ("5062", False),
        "API_TOKEN": ("hush", True),
    }
    assert (other.enabled, other.lines, other.keys, dict(other.variables)) == (False, (), (), {})


def test_new_devices_get_random_secrets_unless_given(session, load):
    text = rows(
        "mac,tenant,model,admin_password,prov_user", f"{MAC},acme,test-desk,given,", f"{MAC_2},acme,test-desk,,u"
    )

    import_devices(session, load(), text, CONSOLE)

    first, second = read_device(session, MAC), read_device(session, MAC_2)
    assert (first.admin_password, first.prov_user, second.prov_user) == ("given", "", "u")
    assert len(first.prov_password) == len(second.admin_password) == 22


def test_an_import_is_one_record_with_its_counts_and_no_secret(session, load):
    import_devices(session, load(), rows("mac,tenant,model,line1_password", f"{MAC},acme,test-desk,hush"), CONSOLE)

    record = session.scalars(select(ChangeRecord).where(ChangeRecord.thing.like("device%"))).one()
    assert (record.action, record.thing, record.user_name) == ("import", "devices", "console")
    assert record.fields == {"added": [0, 1], "changed": [0, 0]}


def test_a_known_mac_is_changed_only_where_cells_say_so(session, load):
    make_device(session, load(), key1_type="blf", key1_value="1001", var_RING="1", line2_userid="1002")
    before = read_device(session, MAC)
    text = rows(
        "mac,label,line1_display_name,line1_password,line2_userid,line2_password,key1_type,var_RING,admin_password",
        f"{MAC},Lobby,,,,,,,",
    )

    result = import_devices(session, load(), text, CONSOLE)

    after = read_device(session, MAC)
    assert result == ImportResult(added=0, changed=1, unchanged=0, waiting=1)
    assert (after.label, after.model, after.admin_password) == ("Lobby", "test-desk", before.admin_password)
    assert [(line.userid, line.display_name) for line in after.lines] == [("1000", "")]
    assert after.lines[0].password == before.lines[0].password
    assert (after.keys, dict(after.variables)) == ((), {})
    assert after.version == before.version + 1


def test_an_empty_cell_keeps_a_secret_variable(session, load):
    make_device(session, load(), var_API_TOKEN="hush", line1_var_PIN="1234")

    import_devices(session, load(), rows("mac,var_API_TOKEN,line1_var_PIN", f"{MAC},,"), CONSOLE)

    assert session.scalar(select(func.count()).select_from(CustomVariable)) == 2


def test_a_row_that_says_what_is_stored_changes_nothing(session, load):
    make_device(session, load())
    records = session.scalar(select(func.count()).select_from(ChangeRecord))
    text = rows(
        "mac,tenant,label,enabled,line1_userid,line1_password,key1_line", "80-5E-C0-00-00-01,acme,Desk 1,,1000,,"
    )

    result = import_devices(session, load(), text, CONSOLE)

    assert result == ImportResult(added=0, changed=0, unchanged=1, waiting=1)
    assert session.scalar(select(func.count()).select_from(ChangeRecord)) == records


def test_waiting_counts_what_provisioning_would_take_up(session, load):
    make_device(session, load())
    provision_device(session, load(), MAC)

    result = import_devices(session, load(), rows("mac,tenant,model", f"{MAC_2},acme,test-desk"), CONSOLE)

    assert result.waiting == 1


@pytest.mark.parametrize(
    ("bad", "column", "words"),
    [
        ("805EC00000,acme,test-desk,x,blf", "mac", "not a MAC"),
        (f"{MAC_2},nowhere,test-desk,x,blf", "tenant", "no tenant “nowhere”"),
        (f"{MAC_2},,test-desk,x,blf", "tenant", "Choose the tenant"),
        (f"{MAC_2},acme,test-des,x,blf", "model", "no model “test-des”"),
        (f"{MAC_2},acme,,x,blf", "model", "Choose the model"),
        (f"{MAC_2},acme,test-desk,a\x00b,blf", "label", "U+0000"),
        (f'{MAC_2},acme,test-desk,"a\nb",blf', "label", "line break"),
        (f"{MAC_2},acme,test-desk,{'x' * 4001},blf", "label", "too long"),
        (f"{MAC_2},acme,test-desk,x,blink", "key1_type", "no type of key"),
        ("80:5E:C0:00:00:01,acme,test-desk,x,blf", "mac", "stands in row 2 already"),
    ],
)
def test_one_bad_row_changes_nothing_and_is_named(session, load, bad, column, words):
    text = rows("mac,tenant,model,label,key1_type", f"{MAC},acme,test-desk,Desk,blf", bad)

    found, message = refusal(session, load, text)

    assert found == [(3, column)]
    assert words in message
    assert macs(session) == []


def test_db02_one_bad_row_of_ten_thousand_changes_nothing(session, load):
    make_device(session, load())
    good = [f"{int(MAC, 16) + number:012X},acme,test-desk,New {number}" for number in range(9_999)]

    found, _ = refusal(session, load, rows("mac,tenant,model,label", *good, f"{MAC_2},acme,test-desk,Twice"))

    assert found == [(10_001, "mac")]
    assert session.execute(select(Device.mac, Device.label)).all() == [(MAC, "Desk 1")]


def test_every_problem_of_the_file_is_told_at_once(session, load):
    text = rows("mac,tenant,model,key1_type", "x,acme,test-desk,y", f"{MAC},nowhere,test-desk,", f"{MAC_2},acme,z,")

    found, _ = refusal(session, load, text)

    assert found == [(2, "mac"), (2, "key1_type"), (3, "tenant"), (4, "model")]


@pytest.mark.parametrize("column", ["serial", "MAC", "line0_userid", "line1_was", "key1_color", "var_lower", "var_MAC"])
def test_an_unknown_column_is_named(session, load, column):
    found, message = refusal(session, load, rows(f"mac,{column}", f"{MAC},x"))

    assert (1, column) in found
    assert "not known" in message


def test_a_dry_run_tells_what_would_happen_and_does_nothing(config, session, load):
    make_device(session, load())
    provision_device(session, load(), MAC)
    text = rows("mac,tenant,model,enabled", f"{MAC},globex,test-desk,off", f"{MAC_2},acme,test-desk,on")

    result = import_devices(session, load(), text, CONSOLE, dry_run=True)

    assert (result.added, result.changed) == (1, 1)
    assert macs(session) == [MAC]
    assert find_device(session, MAC, CONSOLE).tenant.name == "acme"
    assert (config.provisioning_dir / "805ec0000001.cfg").exists()


def test_a_device_that_the_file_switches_off_loses_its_files(config, session, load):
    make_device(session, load())
    provision_device(session, load(), MAC)

    import_devices(session, load(), rows("mac,enabled", f"{MAC},off"), CONSOLE)

    assert list(config.provisioning_dir.rglob("*.cfg")) == []


def test_administrators_move_devices_and_tenant_administrators_do_not(session, load):
    make_device(session, load())
    text = rows("mac,tenant", f"{MAC},globex")

    found, _ = refusal(session, load, text, tenant_admin(session, "acme"))
    import_devices(session, load(), text, CONSOLE)

    assert found == [(2, "tenant")]
    assert find_device(session, MAC, CONSOLE).tenant.name == "globex"


def test_a_tenant_administrator_needs_no_tenant_column_and_sees_no_other_tenant(session, load):
    make_device(session, load(), label="Hidden")
    by = tenant_admin(session, "globex")

    result = import_devices(session, load(), rows("mac,model", f"{MAC_2},test-desk"), by)
    found, message = refusal(session, load, rows("mac,label", f"{MAC},x"), by)

    assert (result.added, result.waiting) == (1, 1)
    assert find_device(session, MAC_2, by).tenant.name == "globex"
    assert found == [(2, "mac")]
    assert "already in use." in message
    assert "acme" not in message


def test_lines_that_are_all_empty_go_and_others_stay(session, load):
    make_device(session, load(), line2_userid="1002", line2_password="hush", line2_var_RING="3")

    import_devices(session, load(), rows("mac,line2_userid,line2_password,line2_var_RING", f"{MAC},,,"), CONSOLE)

    assert [line.number for line in read_device(session, MAC).lines] == [1]


class Meddler(ImportWatch):
    """Does something while an import has read its file and stored nothing yet."""

    def __init__(self, deed):
        self._deed = deed

    def tell(self, step, rows):
        if step == STORING:
            self._deed()


def test_whoever_changes_a_device_meanwhile_is_not_overrun_and_does_not_wait(instance, session, load):
    make_device(session, load())
    text = rows("mac,label,tenant,model", f"{MAC},Lobby,acme,test-desk", f"{MAC_2},,acme,test-desk")

    def rename():
        with instance.sessions() as other:
            other.connection().exec_driver_sql("PRAGMA busy_timeout=0")
            other.rollback()
            change_device(other, load(), MAC, parse_device({"mac": MAC, "label": "Desk 7"}), CONSOLE)

    with pytest.raises(Conflict, match="Import it again"):
        import_devices(session, load(), text, CONSOLE, watch=Meddler(rename))

    assert macs(session) == [MAC]
    assert find_device(session, MAC, CONSOLE).label == "Desk 7"


def test_a_device_that_somebody_adds_meanwhile_is_a_conflict(instance, session, load):
    def add():
        with instance.sessions() as other:
            make_device(other, load(), MAC_2)

    text = rows("mac,tenant,model", f"{MAC_2},acme,test-desk", f"{MAC},acme,test-desk")
    with pytest.raises(Conflict):
        import_devices(session, load(), text, CONSOLE, watch=Meddler(add))

    assert macs(session) == [MAC_2]


@pytest.mark.parametrize("line", [f"{MAC},off,", f"{MAC},on,Lobby", f"{MAC_2},on,", f"{MAC_2},off,"])
def test_a_dry_run_counts_who_would_wait_as_the_import_does(session, load, line):
    make_device(session, load())
    provision_device(session, load(), MAC)
    text = rows("mac,enabled,label,tenant,model", f"{line},acme,test-desk")

    would = import_devices(session, load(), text, CONSOLE, dry_run=True)

    assert would == import_devices(session, load(), text, CONSOLE)


def test_a_line_of_which_every_column_of_the_file_is_empty_goes_even_if_another_is_set(session, load):
    make_device(session, load(), line2_label="Only this")

    result = import_devices(session, load(), rows("mac,line2_userid", f"{MAC},"), CONSOLE)

    assert result.changed == 1
    assert [line.number for line in read_device(session, MAC).lines] == [1]
