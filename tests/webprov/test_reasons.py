import pytest

from tests.factories import MAC, TEMPLATES, make_device, make_tenant, small_config
from webprov.changes.devices import change_device
from webprov.changes.models import save_model
from webprov.changes.settings import save_settings
from webprov.changes.templates import save_template
from webprov.changes.tenants import save_tenant
from webprov.changes.variables import VariableScope, set_variables
from webprov.deviceinput import parse_device
from webprov.provisioning import provision_device
from webprov.reasons import kinds_since, reasons
from webprov.rights import CONSOLE
from webprov.site import SiteLoader
from webprov.store.devicedata import read_device
from webprov.store.models import Device


@pytest.fixture
def config(tmp_path):
    return small_config(tmp_path)


@pytest.fixture
def load(config, session):
    loader = SiteLoader(config, recheck_seconds=0)
    return lambda: loader.load(session)


@pytest.fixture
def device(session, load):
    make_tenant(session)
    make_tenant(session, "globex")
    device = make_device(session, load())
    provision_device(session, load(), MAC)
    return device


def told(session, load):
    """The kinds that changed since the device was provisioned, with the names in the records."""
    row, data = session.query(Device).filter_by(mac=MAC).one(), read_device(session, MAC)
    found = reasons(session, load(), data, kinds_since(load(), data, row), row.provisioned_at)
    return {reason.kind: [record.name for record in reason.records] for reason in found}


def test_nothing_changed_needs_no_reason(session, load, device):
    assert told(session, load) == {}


def test_each_change_that_reaches_the_device_is_named(session, load, device):
    save_settings(session, {"ntp_server": "time.acme.example"}, CONSOLE)
    set_variables(session, VariableScope(), {"TEAM": "blue"}, CONSOLE)
    save_tenant(session, "acme", {"label": "Acme Ltd"}, CONSOLE)
    change_device(session, load(), MAC, parse_device({"mac": MAC, "label": "Lobby"}), CONSOLE)
    save_template(session, load(), "test/line.cfg", "", TEMPLATES["line.cfg"] + "more = 1\n", CONSOLE)

    assert told(session, load) == {
        "settings": ["Provisioning settings"],
        "variables": ["Template variables"],
        "tenant": ["acme"],
        "device": [MAC],
        "model": ["test/line.cfg"],
    }


def test_changes_of_a_family_count_and_those_of_other_models_do_not(session, load, device):
    save_model(session, load(), "_deskphone", "", "override = extra = 1\n", CONSOLE)
    save_model(session, load(), "test-lobby", "", "lines = 2\n", CONSOLE)
    save_template(session, load(), "test/phone.cfg", "globex", TEMPLATES["phone.cfg"] + "x = 1\n", CONSOLE)

    assert told(session, load) == {"model": ["_deskphone"]}


def test_what_was_edited_by_hand_has_no_record(config, session, load, device):
    (config.templates_dir / "test" / "phone.cfg").write_text(TEMPLATES["phone.cfg"] + "hand = made\n")

    assert told(session, load) == {"model": []}
