import threading
import time
from hashlib import sha256

import pytest
from sqlalchemy import delete, select, update

from tests.factories import MAC, make_device, make_tenant, small_config
from webprov import pushing
from webprov.changes.devices import change_device, delete_devices
from webprov.changes.settings import save_settings
from webprov.delivery.pushes import Haste
from webprov.delivery.s3 import S3Transport
from webprov.deviceinput import parse_device
from webprov.provisioning import provision_device, provision_devices
from webprov.pushing import push_devices, push_removals, push_to_storage
from webprov.restoring import restore_revision
from webprov.rights import CONSOLE
from webprov.site import SiteLoader
from webprov.store.devicedata import read_device
from webprov.store.models import Device, PushRecord, RenderedFileRecord

MAC_2 = "805EC0000002"
OWN = ["test-desk/805ec0000001-info.xml", "test-desk/805ec0000001.cfg"]
ALL = [*OWN, "test-desk/common.cfg"]


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
def bucket(session, storage, tmp_path):
    """The settings push to this part of the bucket; gives what lies there, by key without the prefix."""
    prefix = f"{tmp_path.name}/"
    save_settings(session, storage.settings(s3_prefix=prefix), CONSOLE)
    return lambda: {
        key.removeprefix(prefix): content for key, content in storage.objects().items() if key.startswith(prefix)
    }


@pytest.fixture
def broken(session, faults, storage, device):
    """The settings push to a storage that refuses everything from now on."""
    save_settings(session, storage.settings(s3_endpoint=faults.endpoint), CONSOLE)
    faults.seen.clear()
    faults.fails(403, "AccessDenied")
    return faults


def change(session, load, **flat):
    return change_device(session, load(), MAC, parse_device({"mac": MAC, **flat}), CONSOLE)


def pushes(session):
    session.expire_all()
    return {row.key.partition("/")[2]: row for row in session.scalars(select(PushRecord).order_by(PushRecord.key))}


def test_provision_device_pushes_own_and_shared_files(config, session, load, device, bucket):
    result = provision_device(session, load(), MAC)

    assert (result.error, result.push_errors) == ("", ())
    disk = config.provisioning_dir
    assert bucket() == {name: (disk / name).read_bytes() for name in ALL}
    rows = pushes(session)
    assert {name: row.sha256 for name, row in rows.items()} == {
        name: sha256(content).hexdigest() for name, content in bucket().items()
    }
    assert {(name, row.state, row.device_id) for name, row in rows.items()} == {
        (OWN[0], "ok", device.id),
        (OWN[1], "ok", device.id),
        ("test-desk/common.cfg", "ok", None),
    }


def test_provision_device_again_pushes_only_what_changed(session, load, device, broken):
    broken.answers = {"*": (200, {"ETag": '"x"'}, b"")}
    provision_device(session, load(), MAC)
    first = put_paths(broken)

    provision_device(session, load(), MAC)
    again = put_paths(broken)
    change(session, load, line1_display_name="Grace")
    provision_device(session, load(), MAC)

    assert sorted(first) == ALL
    assert again == []
    assert put_paths(broken) == ["test-desk/805ec0000001.cfg"]


def test_a_restored_revision_goes_to_the_bucket_as_well(session, load, device, bucket):
    provision_device(session, load(), MAC)
    first = bucket()
    change(session, load, line1_display_name="Grace")
    provision_device(session, load(), MAC)
    second = bucket()

    result = restore_revision(session, load(), MAC, 1, CONSOLE)

    assert (result.error, result.push_errors) == ("", ())
    assert bucket() == first != second


def put_paths(server):
    paths = [path.removeprefix("/acme-phones/") for method, path, *_ in server.seen if method == "PUT"]
    server.seen.clear()
    return paths


def test_a_failing_push_is_told_recorded_and_tried_again_next_time(session, load, device, broken):
    result = provision_device(session, load(), MAC)

    assert result.error == ""
    assert result.written
    assert result.push_errors == (
        "These keys may not write to “acme-phones”. Allow them to put and delete objects under the prefix.",
    )
    assert len(put_paths(broken)) == len(ALL)
    rows = session.scalars(select(PushRecord)).all()
    assert {(row.state, row.error, row.sha256) for row in rows} == {("failed", result.push_errors[0], "")}
    since = {row.key: row.failing_since for row in rows}

    provision_device(session, load(), MAC)
    session.expire_all()
    assert {row.key: row.failing_since for row in session.scalars(select(PushRecord))} == since
    broken.answers = {"*": (200, {"ETag": '"x"'}, b"")}
    assert provision_device(session, load(), MAC).push_errors == ()
    session.expire_all()
    assert {(row.state, row.error, row.failing_since) for row in session.scalars(select(PushRecord))} == {
        ("ok", "", None)
    }


def test_a_failing_push_is_logged_without_secrets(session, load, device, broken, caplog):
    provision_device(session, load(), MAC)

    assert "pushing test-desk/805ec0000001.cfg failed: These keys may not write" in caplog.text
    assert "storage-secret-key" not in caplog.text


@pytest.mark.parametrize("how", ["disable", "delete"])
def test_fs06_withdrawn_files_leave_the_bucket(session, load, device, bucket, how):
    provision_device(session, load(), MAC)
    assert sorted(bucket()) == ALL

    if how == "delete":
        delete_devices(session, load(), [MAC], CONSOLE)
    else:
        change(session, load, enabled="off")

    assert bucket() == {}
    assert pushes(session) == {}


def test_a_removal_that_fails_stays_due_until_it_works(session, load, device, broken):
    broken.answers = {"*": (200, {"ETag": '"x"'}, b"")}
    provision_device(session, load(), MAC)
    broken.fails(403, "AccessDenied", method="DELETE")

    delete_devices(session, load(), [MAC], CONSOLE)

    session.expire_all()
    rows = session.scalars(select(PushRecord)).all()
    assert {(row.state, row.device_id, bool(row.error)) for row in rows} == {("withdrawn", None, True)}
    assert len(rows) == len(ALL)
    del broken.answers["DELETE"]
    assert not push_removals(session, load())  # not before its next try is due
    session.execute(update(PushRecord).values(retry_at=None))
    push_removals(session, load())
    session.expire_all()
    assert session.scalars(select(PushRecord)).all() == []


def test_a_device_that_comes_back_is_pushed_again(session, load, device, bucket):
    provision_device(session, load(), MAC)
    change(session, load, enabled="off")
    change(session, load, enabled="on")

    provision_device(session, load(), MAC)

    assert sorted(bucket()) == ALL
    assert {row.state for row in pushes(session).values()} == {"ok"}


@pytest.mark.parametrize("elsewhere", [{"s3_prefix": "moved"}, {"mode": "local"}, {"transport": "none"}])
def test_what_was_pushed_elsewhere_is_left_there(session, load, device, storage, bucket, tmp_path, elsewhere):
    provision_device(session, load(), MAC)
    before = bucket()
    elsewhere = {name: f"{tmp_path.name}/{text}" if "prefix" in name else text for name, text in elsewhere.items()}
    save_settings(session, elsewhere, CONSOLE)

    provision_device(session, load(), MAC)
    delete_devices(session, load(), [MAC], CONSOLE)
    save_settings(session, storage.settings(s3_prefix=f"{tmp_path.name}/"), CONSOLE)
    push_removals(session, load())

    assert {name: bucket().get(name) for name in before} == before


def test_what_arrives_after_the_place_was_changed_tells_nothing(config, instance, session, load, device, broken):
    broken.answers = {"*": (200, {"ETag": '"x"'}, b"")}
    broken.silent = True
    slow = threading.Thread(target=provision_in_own_session, args=(config, instance))
    slow.start()
    wait_for_puts(broken, 1)
    broken.silent = False

    save_settings(session, {"s3_bucket": "another-bucket"}, CONSOLE)
    broken.released.set()
    slow.join()

    assert pushes(session) == {}


def test_a_file_that_changes_while_it_is_pushed_is_pushed_again(config, instance, session, load, device, broken):
    """A slow run is overtaken by a quick one; its late bytes must not stay in the bucket."""
    broken.answers = {"*": (200, {"ETag": '"x"'}, b"")}
    broken.silent = True
    slow = threading.Thread(target=provision_in_own_session, args=(config, instance))
    slow.start()
    wait_for_puts(broken, len(ALL))
    change(session, load, line1_display_name="Grace")
    broken.silent = False  # what is under way still waits

    provision_device(session, load(), MAC)
    newest = (config.provisioning_dir / OWN[1]).read_bytes()
    session.commit()
    broken.released.set()
    slow.join()

    bodies = [body for _, path, _, body in broken.seen if path.endswith("805ec0000001.cfg")]
    session.expire_all()
    assert [b"Grace" in body for body in bodies] == [False, True, True]
    assert pushes_by_path(session)["805ec0000001.cfg"].sha256 == sha256(newest).hexdigest()


def pushes_by_path(session):
    return {row.path: row for row in session.scalars(select(PushRecord))}


def provision_in_own_session(config, instance):
    loader = SiteLoader(config)
    with instance.sessions() as own:
        provision_device(own, loader.load(own), MAC)


def wait_for_puts(server, count):
    for _ in range(400):
        if len(server.seen) >= count:
            return
        server.released.wait(0.025)
    raise AssertionError("nothing arrived")


def test_provision_devices_pushes_every_device(session, load, device, bucket):
    make_device(session, load(), MAC_2)
    ids = list(session.scalars(select(Device.id)))

    results = provision_devices(session, load(), ids)

    assert [result.push_errors for result in results] == [(), ()]
    assert len(bucket()) == len(ALL) + len(OWN)


def test_what_there_is_no_time_for_stays_due(session, load, device, bucket):
    make_device(session, load(), MAC_2)
    provision_devices(session, load(), [1, 2])
    session.execute(delete(PushRecord))
    session.commit()
    turns = iter([True, True, False])  # for the shared file, for one device

    assert push_to_storage(session, load(), [1, 2], Haste.PATIENT, lambda: next(turns)) == {}

    assert sorted(pushes_by_path(session)) == ["805ec0000001-info.xml", "805ec0000001.cfg", "common.cfg"]


def test_where_nobody_changes_a_file_nothing_is_looked_at_again(session, load, device, bucket, monkeypatch):
    looks = []
    looked = pushing.external_files
    monkeypatch.setattr(pushing, "external_files", lambda *given: looks.append(given[1]) or looked(*given))

    provision_device(session, load(), MAC)

    assert looks == [[None], [1]]
    assert sorted(bucket()) == ALL


def test_a_name_that_no_object_can_have_stays_here(session, load, device, bucket, caplog):
    provision_device(session, load(), MAC)
    odd = {"path": "a\u00a0b.cfg", "path_key": "a\u00a0b.cfg", "segment": "test-desk", "sha256": "0", "size": 1}
    session.add(RenderedFileRecord(**odd, masked=b""))
    session.commit()

    errors = push_devices(session, load(), [read_device(session, MAC)], Haste.AT_ONCE)

    assert errors == {}
    assert sorted(bucket()) == ALL
    assert "cannot be the name of an object" in caplog.text


def test_nothing_is_pushed_in_local_mode(session, load, device, storage):
    save_settings(session, {**storage.settings(), "mode": "local"}, CONSOLE)

    provision_device(session, load(), MAC)

    assert session.scalars(select(PushRecord)).all() == []


@pytest.fixture
def script(session, config, tmp_path):
    """A transport script with this text, in the folder that the installation allows."""

    def use(text):
        folder = config.script_dirs[-1]
        folder.mkdir(parents=True, exist_ok=True, mode=0o755)
        folder.chmod(0o755)
        path = folder / "push.sh"
        path.write_text(f"#!/bin/sh\n{text}\n")
        path.chmod(0o755)
        typed = {"mode": "external", "external_server": "dms.example", "transport": "script", "script_path": str(path)}
        save_settings(session, typed, CONSOLE, script_dirs=config.script_dirs)

    return use


def test_a_script_gets_all_files_of_each_device_each_time(config, session, load, device, script):
    script(
        'echo "$PROV_MAC $PROV_TENANT $PROV_MODE $PROV_SERVER $PROV_MODEL_SEGMENT"; for f in "$@"; do echo "$f"; done'
    )
    provision_device(session, load(), MAC)
    session.expire_all()
    first_at = device.script_at

    result = provision_device(session, load(), MAC)

    session.expire_all()
    lines = device.script_output.splitlines()
    assert (result.written, result.push_errors, device.script_exit) == ((), (), 0)
    assert device.script_at > first_at
    assert lines[0] == f"{MAC} acme external dms.example test-desk"
    assert sorted(lines[1:]) == [str(config.provisioning_dir / name) for name in ALL]
    assert lines[1].endswith("common.cfg")
    assert lines[-1].endswith("805ec0000001-info.xml")  # what the phone asks for first


def test_a_failing_script_blocks_nothing_and_is_shown(session, load, device, script, caplog):
    script('cat "$@"; exit 3')

    result = provision_device(session, load(), MAC)

    session.expire_all()
    assert result.error == ""
    assert result.push_errors == ("push.sh ended with exit code 3.",)
    assert device.script_exit == 3
    assert "account.1.user = 1000" in device.script_output
    assert "R=#*2cN-D39A" not in device.script_output
    assert device.admin_password not in device.script_output
    assert device.script_output.endswith("push.sh ended with exit code 3.")
    assert "script for 80:5E:C0:00:00:01: exit 3 push.sh ended with exit code 3." in caplog.text
    assert "R=#*2cN-D39A" not in caplog.text


def test_a_script_is_not_run_for_a_device_that_failed(session, load, device, script):
    script("echo ran")
    session.get(Device, device.id).model = "no-such-model"
    session.commit()

    result = provision_device(session, load(), MAC)

    session.expire_all()
    assert "is missing" in result.error
    assert device.script_at is None


def test_what_went_is_recorded_while_the_rest_still_goes(instance, session, load, device, bucket, monkeypatch):
    """A crash in the middle of a large push leaves little to do again."""
    monkeypatch.setattr("webprov.pushing._PIECE", 1)
    seen = []

    def slow_start(transport, key, file):
        if file.path.endswith("-info.xml"):
            for _ in range(100):
                with instance.sessions() as other:
                    seen.extend(other.scalars(select(PushRecord.path)))
                if len(seen) > 1:
                    break
                time.sleep(0.05)
        return original(transport, key, file)

    original = S3Transport._push
    monkeypatch.setattr(S3Transport, "_push", slow_start)
    make_device(session, load(), mac=MAC_2)

    assert {result.push_errors for result in provision_devices(session, load(), [1, 2])} == {()}

    assert "common.cfg" in seen
    assert {row.state for row in pushes(session).values()} == {"ok"}
