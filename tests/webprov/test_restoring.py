import pytest
from sqlalchemy import select

from tests.factories import MAC, make_device, make_tenant, small_config
from webprov.changes.devices import change_device
from webprov.changes.settings import save_settings
from webprov.deviceinput import parse_device
from webprov.enums import FileState, Role
from webprov.errors import InvalidValue, NotFound
from webprov.fleet import state_of
from webprov.provisioning import provision_device
from webprov.restoring import restore_revision
from webprov.revisions import revisions_of
from webprov.rights import CONSOLE, Actor
from webprov.site import SiteLoader
from webprov.store.models import ChangeRecord, Device

FILE = "805ec0000001.cfg"


@pytest.fixture
def config(tmp_path):
    return small_config(tmp_path)


@pytest.fixture
def load(config, session):
    loader = SiteLoader(config, recheck_seconds=0)
    return lambda: loader.load(session)


@pytest.fixture
def device(session, load):
    """Revision 1 had the label "good", the present revision 2 has "bad"."""
    make_tenant(session)
    made = make_device(session, load(), label="good")
    provision_device(session, load(), MAC)
    change(session, load, label="bad")
    provision_device(session, load(), MAC)
    return made


def change(session, load, **flat):
    change_device(session, load(), MAC, parse_device({"mac": MAC, **flat}), CONSOLE)


def on_disk(config):
    return (config.provisioning_dir / FILE).read_text()


def test_restoring_writes_the_files_back_and_marks_the_device(config, session, load, device):
    result = restore_revision(session, load(), MAC, 1, CONSOLE)

    assert sorted(result.written) == ["805ec0000001-info.xml", FILE]
    assert "label = good\n" in on_disk(config)
    row = session.get(Device, device.id)
    assert (row.restored_revision, row.revision) == (1, 3)
    assert state_of(session, load(), row) is FileState.STALE
    newest = revisions_of(session, row)[0]
    assert newest.number == 2
    record = session.scalars(select(ChangeRecord).where(ChangeRecord.action == "restore")).one()
    assert (record.name, record.fields) == (MAC, {"revision": [2, 1]})


def test_provisioning_again_ends_it(config, session, load, device):
    restore_revision(session, load(), MAC, 1, CONSOLE)

    provision_device(session, load(), MAC)

    row = session.get(Device, device.id)
    assert "label = bad\n" in on_disk(config)
    assert row.restored_revision == 0
    assert state_of(session, load(), row) is FileState.CURRENT
    assert [(one.number, one.restored) for one in revisions_of(session, row)] == [(3, 1), (2, 0), (1, 0)]


def test_a_device_counts_as_made_from_what_the_revision_was_made_from(session, load, device):
    """Or sign-ins that its old files still carry would be ended too early."""
    before = session.get(Device, device.id).rendered_device

    restore_revision(session, load(), MAC, 1, CONSOLE)

    assert session.get(Device, device.id).rendered_device == before - 1


def test_restoring_needs_no_template(config, session, load, device):
    (config.templates_dir / "test" / "phone.cfg").write_text("${NOBODY_DEFINES_THIS}\n")

    assert restore_revision(session, load(), MAC, 1, CONSOLE).error == ""
    assert "label = good\n" in on_disk(config)


def test_a_revision_that_is_not_kept_is_refused(config, session, load, device):
    with pytest.raises(NotFound, match="Revision 7 is not kept"):
        restore_revision(session, load(), MAC, 7, CONSOLE)

    assert "label = bad\n" in on_disk(config)


def test_a_disabled_device_is_refused(session, load, device):
    change(session, load, enabled="no")

    with pytest.raises(InvalidValue, match="Enable it first"):
        restore_revision(session, load(), MAC, 1, CONSOLE)


def test_files_of_the_other_mode_are_refused(config, session, load, device):
    save_settings(session, {"mode": "external", "external_server": "dms.acme.example"}, CONSOLE)

    with pytest.raises(InvalidValue, match="other provisioning mode"):
        restore_revision(session, load(), MAC, 1, CONSOLE)
    assert "label = bad\n" in on_disk(config)


def test_only_those_who_may_provision_restore(session, load, device):
    elsewhere = Actor("Eve", Role.TENANT_ADMINISTRATOR, tenant_id=99)

    with pytest.raises(NotFound):
        restore_revision(session, load(), MAC, 1, elsewhere)


def test_a_failed_write_changes_nothing(config, session, load, device):
    (config.provisioning_dir / FILE).unlink()
    (config.provisioning_dir / FILE / "in the way").mkdir(parents=True)

    result = restore_revision(session, load(), MAC, 1, CONSOLE)

    assert "could not be written" in result.error
    assert session.get(Device, device.id).restored_revision == 0
    assert session.scalars(select(ChangeRecord).where(ChangeRecord.action == "restore")).all() == []
