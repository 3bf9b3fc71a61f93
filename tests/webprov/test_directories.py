"""Contact directories: when they are made, what an edit or a crash in the middle does (BG-02, BG-03)."""

import dataclasses

import pytest
from sqlalchemy import select, update

from tests.factories import MAC, make_device, make_tenant, small_config
from tests.webprov.contactbook import DIRECTORY, add_people, book, give_directories
from webprov.changes.contacts import change_contact, delete_contacts, include_lines
from webprov.changes.devices import delete_devices
from webprov.changes.settings import save_settings
from webprov.changes.tenants import delete_tenant
from webprov.changes.variables import VariableScope, set_variables
from webprov.config import Config
from webprov.directories import (
    directories_duty,
    dirty_tenants,
    mark_damaged,
    regenerate,
    regenerate_dirty,
)
from webprov.enums import FileState
from webprov.fleet import state_counts
from webprov.provisioning import provision_device
from webprov.rendering import directories as rendering
from webprov.rights import CONSOLE
from webprov.site import SiteLoader
from webprov.store.contactrecords import DirectoryRecord
from webprov.store.database import writing
from webprov.store.leases import Lease, LeaseLost
from webprov.store.models import Device, RenderedFileRecord, Tenant
from webprov.worker import TurnFailed
from webprov.workload import workload


@pytest.fixture
def config(tmp_path) -> Config:
    config = small_config(tmp_path)
    give_directories(config)
    return config


@pytest.fixture
def loader(config, session):
    """Two tenants; acme has a desk phone, whose model has a directory."""
    loader = SiteLoader(config, recheck_seconds=0)
    make_tenant(session)
    make_tenant(session, "globex")
    make_device(session, loader.load(session), line1_extension="1000")
    return loader


@pytest.fixture
def build(loader, session):
    """Makes what is due, as the worker does; the names of the tenants."""
    return lambda: [result.tenant for result in regenerate_dirty(session, loader.load(session))]


def tenant_id(session, name="acme"):
    return session.scalar(select(Tenant.id).where(Tenant.name == name))


def record(session) -> DirectoryRecord:
    session.expire_all()
    return session.get_one(DirectoryRecord, tenant_id(session))


def test_a_contact_reaches_the_directory(config, session, build):
    add_people(session, "Bo & Co", "Ann")

    assert build() == ["acme"]

    assert book(config) == [("Ann", "202"), ("Bo & Co", "201")]
    assert build() == []


def test_without_anybody_there_is_no_directory(config, session, build):
    assert build() == []
    assert book(config) is None


def test_the_last_contact_leaves_an_empty_directory_so_that_phones_forget_it(config, session, build):
    (number,) = add_people(session, "Ann")
    build()
    delete_contacts(session, CONSOLE, "acme", [number])

    build()

    assert book(config) == []


def test_a_tenant_without_such_phones_has_none(config, session, build):
    add_people(session, "Ann", tenant="globex")

    assert build() == ["globex"]

    assert book(config, "globex") is None
    assert build() == []


def test_unchanged_files_are_not_written_again(config, session, build, loader):
    add_people(session, "Ann")
    build()
    path = config.provisioning_dir / "CONTACTS" / "acme" / "book.xml"
    before = path.stat().st_ino

    result = regenerate(session, loader.load(session), tenant_id(session))

    assert result is not None
    assert result.written == ()
    assert path.stat().st_ino == before


def test_files_are_recorded_where_phones_look(session, build):
    add_people(session, "Ann")

    build()

    row = session.scalars(select(RenderedFileRecord).where(RenderedFileRecord.owner == "CONTACTS/acme")).one()
    assert (row.path, row.segment, row.device_id) == ("CONTACTS/acme/book.xml", "", None)


def test_provisioning_leaves_directories_alone(config, session, build, loader):
    add_people(session, "Ann")
    build()

    provision_device(session, loader.load(session), MAC)

    assert book(config) == [("Ann", "201")]
    assert session.scalar(select(RenderedFileRecord.id).where(RenderedFileRecord.owner == "CONTACTS/acme"))


def test_contacts_url_appears_with_the_file_and_makes_devices_stale(config, session, build, loader):
    template = config.templates_dir / "test" / "phone.cfg"
    template.write_text(template.read_text() + "\nbook = ${CONTACTS_URL}\n")
    provision_device(session, loader.load(session), MAC)
    add_people(session, "Ann")
    build()

    site = loader.load(session)

    assert state_counts(session, site)[FileState.STALE] == 1
    provision_device(session, site, MAC)
    text = (config.provisioning_dir / f"{MAC.lower()}.cfg").read_text()
    assert "/provisioning/CONTACTS/acme/book.xml" in text
    change_contact(session, CONSOLE, "acme", 1, {"work": "+49 30 1"})
    build()
    assert state_counts(session, loader.load(session))[FileState.STALE] == 0  # the URL is what it was


def test_a_run_over_devices_sees_a_directory_that_appeared(session, build, loader):
    old = loader.load(session)
    add_people(session, "Ann")
    build()

    assert old.current(session).system.contacts == {"acme": frozenset({"book.xml"})}


@pytest.mark.parametrize("change", ["model", "template", "setting", "variable", "device"])
def test_whatever_directories_are_made_from_makes_them_due(config, session, build, loader, change):
    add_people(session, "Ann")
    build()
    if change == "model":
        make_device(session, loader.load(session), "805EC0000002", model="test-lobby")
        assert build() == []  # a model without a directory
        path = config.models_dir / "test.ini"
        path.write_text(path.read_text() + "set_PHONEBOOK_NAME = Colleagues\ndirectory_1 = test/book.xml -> two.xml\n")
        make_device(session, loader.load(session), "805EC0000003", model="test-desk-2")
    elif change == "template":
        (config.templates_dir / "test" / "book.xml").write_text(DIRECTORY.replace("<book", "<book new='1'"))
    elif change == "setting":
        save_settings(session, {"server_address": "other.example"}, CONSOLE)
    elif change == "variable":
        set_variables(session, VariableScope(), {"PHONEBOOK_NAME": "People"}, CONSOLE)
    else:
        delete_devices(session, loader.load(session), [MAC], CONSOLE)

    assert build() == ["acme"]

    assert (book(config) is None) == (change == "device")
    assert build() == []


def test_own_lines_are_included_where_that_is_on(config, session, build, loader):
    add_people(session, "Ann")
    make_device(session, loader.load(session), "805EC0000002", line1_extension="201", line1_display_name="Desk of Ann")
    include_lines(session, CONSOLE, "acme", on=True)
    build()
    assert book(config) == [("Ada Müller", "1000"), ("Ann", "201")]  # Ann's own line is Ann already

    session.execute(update(Device).where(Device.mac == MAC).values(enabled=False))
    session.commit()
    assert build() == ["acme"]
    assert book(config) == [("Ann", "201")]

    include_lines(session, CONSOLE, "acme", on=False)
    assert build() == ["acme"]


def test_an_edit_in_the_middle_of_a_build_is_not_lost(config, session, instance, build, loader, monkeypatch):
    """BG-02: the version that was built is noted, not the one that holds when the build ends."""
    add_people(session, "Ann")
    real = rendering.render_directory

    def slow(*args):
        with instance.sessions() as other:
            change_contact(other, CONSOLE, "acme", 1, {"first_name": "Anna"})
        monkeypatch.setattr(rendering, "render_directory", real)
        return real(*args)

    monkeypatch.setattr(rendering, "render_directory", slow)
    build()
    assert book(config) == [("Ann", "201")]
    assert dirty_tenants(session, loader.load(session)) == ["acme"]

    build()

    assert book(config) == [("Anna", "201")]


def test_a_slow_build_does_not_undo_a_newer_one(config, session, instance, build, loader, monkeypatch):
    add_people(session, "Ann")
    real = rendering.render_directory

    def slow(*args):
        monkeypatch.setattr(rendering, "render_directory", real)
        made = real(*args)
        with instance.sessions() as other:
            change_contact(other, CONSOLE, "acme", 1, {"first_name": "Anna"})
            regenerate_dirty(other, loader.load(other))
        return made

    monkeypatch.setattr(rendering, "render_directory", slow)
    build()

    assert book(config) == [("Anna", "201")]
    assert dirty_tenants(session, loader.load(session)) == []


def test_a_runner_that_was_replaced_writes_nothing(config, session, instance, loader):
    add_people(session, "Ann")
    lost = Lease(instance.sessions, "directories")

    with pytest.raises(LeaseLost):
        regenerate_dirty(session, loader.load(session), lost)

    assert book(config) is None


def test_a_broken_template_keeps_the_old_file_and_says_so(config, session, build, loader):
    add_people(session, "Ann")
    build()
    add_people(session, "Bo")
    template = config.templates_dir / "test" / "book.xml"
    template.write_text(DIRECTORY.replace("</book>", "</bock>"))

    build()

    assert book(config) == [("Ann", "201")]
    assert "test/book.xml" in record(session).error
    assert workload(session, loader.load(session))["dirty_tenants"] == 1
    template.write_text(DIRECTORY)
    assert build() == ["acme"]
    assert record(session).error == ""
    assert len(book(config) or []) == 2


def test_a_disk_that_refuses_is_tried_again(config, session, build):
    add_people(session, "Ann")
    folder = config.provisioning_dir / "CONTACTS"
    folder.write_text("in the way")

    build()
    assert "could not be written" in record(session).error

    folder.unlink()
    build()
    assert (record(session).error, book(config)) == ("", [("Ann", "201")])


def test_a_limit_of_the_model_is_told(config, session, build):
    add_people(session, "Ann", "Bo", "Cy")
    set_variables(session, VariableScope(), {"DIRECTORY_LIMIT": "2"}, CONSOLE)

    build()

    assert book(config) == [("Ann", "201"), ("Bo", "202")]
    assert record(session).warnings == "book.xml: phones take 2 entries, 1 are left out."


def test_a_damaged_file_is_made_anew(config, session, build):
    add_people(session, "Ann")
    build()
    (config.provisioning_dir / "CONTACTS" / "acme" / "book.xml").unlink()
    with writing(session):
        mark_damaged(session, ["common.cfg", "CONTACTS/acme/book.xml"])

    build()

    assert book(config) == [("Ann", "201")]


def test_deleting_a_tenant_removes_its_files(config, session, build, loader):
    add_people(session, "Ann")
    build()
    site = loader.load(session)
    delete_devices(session, site, [MAC], CONSOLE)

    delete_tenant(session, site, "acme", CONSOLE)

    assert not (config.provisioning_dir / "CONTACTS").exists()
    assert session.scalars(select(RenderedFileRecord).where(RenderedFileRecord.owner == "CONTACTS/acme")).all() == []


def test_the_duty_builds_each_interval_and_says_what_failed(config, instance, session, loader):
    duty, lease = directories_duty(instance, SiteLoader(instance.config)), Lease(instance.sessions, "directories")
    assert lease.hold()
    add_people(session, "Ann")

    assert duty.turn(session, lease) == config.contacts_interval_seconds
    assert book(config) == [("Ann", "201")]

    (config.templates_dir / "test" / "book.xml").write_text("<open>")
    with pytest.raises(TurnFailed, match=r"acme: test/book\.xml") as failed:
        directories_duty(instance, SiteLoader(instance.config)).turn(session, lease)
    assert failed.value.rest.seconds == config.contacts_interval_seconds


def test_a_long_interval_is_cut_to_five_minutes(config, instance, session, loader):
    slow = dataclasses.replace(instance, config=dataclasses.replace(config, contacts_interval_seconds=86400))
    lease = Lease(instance.sessions, "directories")
    assert lease.hold()

    assert directories_duty(slow, SiteLoader(slow.config)).turn(session, lease) == 300
