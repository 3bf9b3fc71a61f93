import zlib

import pytest
from sqlalchemy import func, select

from tests.factories import MAC, make_device, make_tenant, small_config
from webprov.changes.devices import change_device, delete_devices
from webprov.changes.settings import save_settings
from webprov.deviceinput import parse_device
from webprov.provisioning import provision_device, provision_devices
from webprov.revisions import files_of_revision, masked_texts, revisions_of
from webprov.rights import CONSOLE
from webprov.site import SiteLoader
from webprov.store.models import Device
from webprov.store.revisionrecords import FileRevision, RevisionFile

SECRET = "R=#*2cN-D39A"  # what the factory gives line 1
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
    make_tenant(session)
    return make_device(session, load())


@pytest.fixture
def relabel(session, load, device):
    """Gives the device a label and provisions it: another revision."""

    def change(label):
        change_device(session, load(), MAC, parse_device({"mac": MAC, "label": label}), CONSOLE)
        assert provision_device(session, load(), MAC).error == ""

    return change


def numbers(session, device):
    return [revision.number for revision in revisions_of(session, session.get(Device, device.id))]


def test_the_last_three_revisions_before_the_present_one_are_kept(session, device, relabel):
    for label in ("one", "two", "three", "four", "five"):
        relabel(label)

    assert session.scalar(select(Device.revision)) == 5
    assert numbers(session, device) == [4, 3, 2]
    kept = {file.path: file.content.decode() for file in files_of_revision(session, device.id, 3)}
    assert "label = three\n" in kept[FILE]
    assert f"password = {SECRET}\n" in kept[FILE]
    assert 'label="three"' in kept["805ec0000001-info.xml"]
    assert session.scalar(select(func.count()).select_from(RevisionFile)) == 6


def test_nothing_is_kept_where_no_byte_changes(session, load, device, relabel):
    relabel("one")
    save_settings(session, {"external_user": "nobody-reads-it"}, CONSOLE)

    provision_device(session, load(), MAC)

    assert numbers(session, device) == []


def test_files_that_were_altered_by_hand_are_no_revision(config, session, device, relabel):
    relabel("one")
    (config.provisioning_dir / FILE).write_text("label = by hand\n")

    relabel("two")

    assert numbers(session, device) == []


def test_revisions_lie_encrypted_and_their_twins_without_secrets(session, device, relabel):
    relabel("one")
    relabel("two")
    row = session.scalars(select(RevisionFile).where(RevisionFile.path == FILE)).one()
    raw = session.connection().connection.driver_connection.serialize()

    assert SECRET.encode() not in row.sealed + zlib.decompress(row.masked)
    assert SECRET.encode() not in raw
    sha256, twin = masked_texts(session, device.id, 1)[FILE]
    assert sha256 == row.sha256
    assert b"account.1.password = __masked__\n" in twin


def test_a_revision_says_what_it_was_made_from(session, load, device, relabel):
    relabel("one")
    save_settings(session, {"server_address": "pbx.acme.example"}, CONSOLE)
    relabel("two")
    relabel("three")

    second, first = revisions_of(session, session.get(Device, device.id))

    assert (first.number, first.kinds) == (1, ())
    assert (second.number, second.kinds) == (2, ("settings", "device"))
    assert first.made_at < first.replaced_at <= second.made_at < second.replaced_at
    assert second.versions["rendered_settings"] == first.versions["rendered_settings"] + 1


def test_revisions_go_with_the_device(session, load, device, relabel):
    relabel("one")
    relabel("two")

    delete_devices(session, load(), [MAC], CONSOLE)

    for table in (FileRevision, RevisionFile):
        assert session.scalar(select(func.count()).select_from(table)) == 0


def test_revisions_of_another_phone_or_tenant_are_not_shown(session, load, device, relabel):
    make_tenant(session, "globex")
    relabel("one")
    relabel("two")
    moved = parse_device({"mac": MAC, "tenant": "globex"})

    change_device(session, load(), MAC, moved, CONSOLE)
    provision_device(session, load(), MAC)

    assert numbers(session, device) == []


def test_bulk_runs_keep_revisions_too(session, load, device):
    other = make_device(session, load(), "805EC0000002", label="Desk 2")
    for address in ("one.acme.example", "two.acme.example"):
        save_settings(session, {"server_address": address}, CONSOLE)
        provision_devices(session, load(), [device.id, other.id])

    assert numbers(session, device) == numbers(session, other) == [1]
    assert b"one.acme.example" in files_of_revision(session, other.id, 1)[0].content
