import pytest
from sqlalchemy import select

from tests.factories import MAC, make_device, make_tenant, small_config
from webprov.changes.devices import delete_devices
from webprov.changes.settings import save_settings
from webprov.checkup import CheckState
from webprov.deliverycheck import compare_bucket, repair_bucket
from webprov.deliveryfindings import check_delivery
from webprov.errors import TransportError
from webprov.provisioning import provision_device
from webprov.redelivery import due_count, redeliver
from webprov.rights import CONSOLE
from webprov.site import SiteLoader
from webprov.store.models import PushRecord

OWN = "test-desk/805ec0000001.cfg"


@pytest.fixture
def config(tmp_path):
    return small_config(tmp_path)


@pytest.fixture
def load(config, session):
    loader = SiteLoader(config, recheck_seconds=0)
    make_tenant(session)
    make_device(session, loader.load(session))
    return lambda: loader.load(session)


@pytest.fixture
def prefix(session, storage, tmp_path, load):
    """All files of the device lie below this prefix of a real bucket."""
    found = f"{tmp_path.name}/"
    save_settings(session, storage.settings(s3_prefix=found), CONSOLE)
    assert provision_device(session, load(), MAC).push_errors == ()
    return found


def compare(session, load):
    return compare_bucket(session, load(), load().transport)


def put(load, key, content=b"something else"):
    load().transport._put(key, content, "text/plain")


def test_a_bucket_as_it_should_be(session, load, prefix):
    put(load, f"{prefix}FIRMWARE-x/a.rom")
    put(load, f"{prefix}test-desk/FIRMWARE-test-desk/a.rom")
    put(load, f"{prefix}notes.txt")

    found = compare(session, load)

    assert (found.is_true, found.expected, found.waiting) == (True, 3, 0)


def test_missing_stale_and_orphaned_objects_are_found_and_repaired(session, load, storage, prefix):
    before = {key: content for key, content in storage.objects().items() if key.startswith(prefix)}
    own = before[f"{prefix}{OWN}"]
    load().transport.remove([f"{prefix}test-desk/common.cfg"])
    put(load, f"{prefix}{OWN}", own.swapcase())  # as long, but not the same
    put(load, f"{prefix}test-desk/805ec0000001-info.xml", b"<short/>")
    put(load, f"{prefix}test-desk/805ec0000009.cfg")

    found = compare(session, load)

    assert found.missing == (f"{prefix}test-desk/common.cfg",)
    assert set(found.stale) == {f"{prefix}{OWN}", f"{prefix}test-desk/805ec0000001-info.xml"}
    assert [orphan.key for orphan in found.orphans] == [f"{prefix}test-desk/805ec0000009.cfg"]
    repair_bucket(session, CONSOLE, found)
    assert redeliver(session, load()).left == 0
    assert {key: content for key, content in storage.objects().items() if key.startswith(prefix)} == before
    assert compare(session, load).is_true


def test_what_waits_is_not_called_wrong(session, load, prefix):
    for row in session.scalars(select(PushRecord)):
        row.sha256 = ""
    session.commit()

    found = compare(session, load)

    assert (found.is_true, found.waiting) == (True, 3)


def test_objects_about_to_be_removed_are_no_orphans(session, load, prefix):
    for row in session.scalars(select(PushRecord)):
        row.state = "withdrawn"
    session.commit()

    assert compare(session, load).orphans == ()


def test_a_deleted_device_leaves_no_orphans(session, load, prefix):
    delete_devices(session, load(), [MAC], CONSOLE)

    found = compare(session, load)

    assert (found.expected, found.orphans, due_count(session, load())) == (0, (), 0)


def test_a_public_bucket_is_an_error(session, load, faults, storage):
    listing = b"<ListBucketResult><Name>acme-phones</Name><IsTruncated>false</IsTruncated></ListBucketResult>"
    save_settings(session, storage.settings(s3_endpoint=faults.endpoint), CONSOLE)
    faults.answers["GET"] = (200, {"Content-Type": "application/xml"}, listing)

    findings = check_delivery(session, load()).findings

    (public,) = [one for one in findings if "public" in one.what]
    assert public.state is CheckState.ERROR
    assert [dict(headers).get("Authorization") for *_, headers, _ in faults.seen[-1:]] == [None]


def test_a_bucket_that_cannot_be_listed_is_an_error(session, load, prefix, faults):
    save_settings(session, {"s3_endpoint": faults.endpoint, "s3_access_key": "k", "s3_secret_key": "s" * 20}, CONSOLE)
    faults.fails(403, "AccessDenied")

    with pytest.raises(TransportError):
        compare(session, load)
    assert [one.state for one in check_delivery(session, load()).findings if "Bucket" in one.what] == ["error"]


def test_local_mode_has_nothing_to_compare(session, load):
    (only,) = check_delivery(session, load()).findings

    assert only.state is CheckState.OK
