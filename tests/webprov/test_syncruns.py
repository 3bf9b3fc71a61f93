"""Passes over contacts and shared assets, against a real S3 server with the real rclone (security TR-10)."""

import shutil
import subprocess
import threading
from dataclasses import replace

import pytest
from sqlalchemy import select

from tests.factories import MAC, MODELS, make_device, make_tenant, small_config
from tests.storage import free_port
from tests.webprov.workers import Workers, wait_for
from webprov.changes.settings import save_settings
from webprov.changes.tenants import delete_tenant
from webprov.delivery.assets import SyncKind
from webprov.enums import JobState
from webprov.rights import CONSOLE
from webprov.site import SiteLoader
from webprov.store.database import bump, writing
from webprov.store.leases import Lease, LeaseLost
from webprov.store.models import Device, RenderedFileRecord
from webprov.store.settings import load_settings, store_settings
from webprov.store.syncrecords import SyncRun, SyncTarget
from webprov.syncdue import due_contacts, due_syncs
from webprov.syncruns import sync_duty, sync_now
from webprov.syncs import cancel_sync, list_runs, request_sync, runs_under_way, targets_of
from webprov.worker import TurnFailed

ASSETS, CONTACTS = SyncKind.ASSETS, SyncKind.CONTACTS


@pytest.fixture
def config(tmp_path):
    config = small_config(tmp_path)
    with (config.models_dir / "test.ini").open("w") as file:
        file.write(MODELS.replace("label = Testphone Desk", "label = Testphone Desk\nfirmware_dir = FIRMWARE-desk"))
    return config


@pytest.fixture
def prefix(tmp_path):
    return f"{tmp_path.name}/"


@pytest.fixture
def root(config, session, storage, prefix):
    """External mode with S3, a tenant, a phone that wants firmware, and assets of each kind."""
    make_tenant(session)
    make_device(session, SiteLoader(config).load(session), MAC)
    save_settings(session, storage.settings(s3_prefix=prefix), CONSOLE)
    for name in ("FIRMWARE-desk/desk.rom", "Config/a.cfg", "PROFILES/b/c.xml", "logo.png", "CONTACTS/acme/desk.xml"):
        put(config.provisioning_dir, name)
    return config.provisioning_dir


def put(root, name, text="first"):
    (root / name).parent.mkdir(parents=True, exist_ok=True)
    (root / name).write_text(text)


def settle(session, **values):
    """Store settings that no form would take, as they may become."""
    with writing(session):
        store_settings(session, replace(load_settings(session), **values), by="")
        bump(session, "settings")


@pytest.fixture
def objects(storage, prefix):
    def look():
        found = storage.objects().items()
        return {key.removeprefix(prefix): body for key, body in found if key.startswith(prefix) and "/.web" not in key}

    return look


@pytest.fixture
def sync(config, instance, session):
    """Does one pass as the worker does; further arguments are those of a run that a person asks for."""
    lease, stop = Lease(instance.sessions, "assets"), threading.Event()
    loader = SiteLoader(config)

    def once(kind=ASSETS, *, run=None, stopped=stop):
        lease.hold()
        session.rollback()
        return sync_now(session, loader.load(session), lease, kind, run, stopped)

    return once


@pytest.fixture
def no_process(monkeypatch):
    """From now on starting a process is an error."""

    def forbid():
        def refuse(*_args, **_more):
            raise AssertionError("a process was started")

        monkeypatch.setattr(subprocess, "Popen", refuse)

    return forbid


ALL = ["Config/a.cfg", "FIRMWARE-desk/desk.rom", "PROFILES/b/c.xml", "logo.png", "test-desk/FIRMWARE-desk/desk.rom"]


def test_assets_go_with_firmware_under_the_segments_in_use(root, sync, objects, session):
    assert sync().errors == ()

    assert sorted(objects()) == ALL
    run = session.scalars(select(SyncRun)).one()
    assert (run.state, run.targets_done, run.files, run.asked_by) == (JobState.DONE, 5, 5, "webprov")


def test_nothing_changed_starts_no_process_and_leaves_no_trace(root, sync, session, no_process):
    sync()
    no_process()

    assert sync().errors == ()

    assert len(list_runs(session)) == 1


def test_only_directories_that_changed_are_synced(root, sync, objects, session):
    sync()
    put(root, "Config/a.cfg", "second")
    (root / "PROFILES/b/c.xml").rename(root / "PROFILES/d.xml")

    sync()

    assert objects()["Config/a.cfg"] == b"second"
    assert [name for name in objects() if name.startswith("PROFILES")] == ["PROFILES/d.xml"]
    assert list_runs(session)[0].targets == 2


def test_contacts_go_at_once_and_touch_no_other_tenant(root, sync, objects, session):
    make_tenant(session, "globex")
    put(root, "CONTACTS/globex/desk.xml")
    put(root, "CONTACTS/nobody/desk.xml")
    sync(CONTACTS)
    put(root, "CONTACTS/acme/desk.xml", "second")

    sync(CONTACTS)

    assert objects() == {"CONTACTS/acme/desk.xml": b"second", "CONTACTS/globex/desk.xml": b"first"}
    assert list_runs(session)[0].targets == 1


def test_a_deleted_tenants_contacts_leave_the_bucket(root, sync, objects, session, config):
    make_tenant(session, "globex")
    put(root, "CONTACTS/globex/desk.xml")
    sync(CONTACTS)

    delete_tenant(session, SiteLoader(config).load(session), "globex", CONSOLE)
    sync(CONTACTS)

    assert list(objects()) == ["CONTACTS/acme/desk.xml"]
    assert [target.path for target in targets_of(session, CONTACTS)] == ["CONTACTS/acme"]


def lose(root):
    for number in range(10):
        put(root, f"PROFILES/{number}.xml")
    return [
        lambda: shutil.rmtree(root / "PROFILES"),
        lambda: [path.unlink() for path in (root / "PROFILES").rglob("*.xml")],
        lambda: [(root / f"PROFILES/{number}.xml").unlink() for number in range(6)],
    ]


@pytest.mark.parametrize("how", [0, 1, 2], ids=["missing", "empty", "most gone"])
def test_a_source_that_lost_its_files_deletes_nothing_until_confirmed(root, sync, objects, session, how):
    lost = lose(root)[how]
    sync()
    before = {name for name in objects() if name.startswith("PROFILES")}

    lost()
    put(root, "Config/a.cfg", "second")
    outcome = sync()

    assert "PROFILES: of 11 files" in outcome.errors[0]
    assert {name for name in objects() if name.startswith("PROFILES")} == before
    assert objects()["Config/a.cfg"] == b"second"
    target = session.get(SyncTarget, "PROFILES")
    assert target.needs_confirmation
    assert sync().errors == outcome.errors

    run = request_sync(session, CONSOLE, ASSETS, forced=["PROFILES"])
    assert sync(run=run).errors == ()
    left = {name for name in objects() if name.startswith("PROFILES")}
    assert len(left) == {0: 0, 1: 0, 2: 5}[how]
    assert not any(target.needs_confirmation for target in targets_of(session, ASSETS))


def test_a_provisioning_directory_that_is_not_mounted_deletes_nothing(root, sync, objects, session):
    made = {"path": "desk.xml", "path_key": "contacts/acme/desk.xml", "segment": "CONTACTS/acme", "sha256": "0"}
    session.add(RenderedFileRecord(**made, owner="CONTACTS/acme", size=5, masked=b""))
    session.commit()
    sync()
    sync(CONTACTS)
    before = objects()

    root.rename(root.with_name("unmounted"))
    root.mkdir()
    errors = sync().errors + sync(CONTACTS).errors

    assert len(before) == 6
    assert objects() == before
    assert any("CONTACTS/acme: of 1 files none is left here" in error for error in errors)
    assert all(target.needs_confirmation for kind in (ASSETS, CONTACTS) for target in targets_of(session, kind))


def test_a_source_that_comes_back_needs_no_word(root, sync, session):
    sync()
    (root / "PROFILES").rename(root / ".aside")
    sync()
    (root / ".aside").rename(root / "PROFILES")

    assert sync().errors == ()
    assert not session.get(SyncTarget, "PROFILES").needs_confirmation


def test_confirming_one_directory_confirms_no_other(root, sync, objects, session):
    sync()
    (root / "PROFILES/b/c.xml").unlink()
    (root / "Config/a.cfg").unlink()

    sync(run=request_sync(session, CONSOLE, ASSETS, forced=["PROFILES"]))

    assert "Config/a.cfg" in objects()
    assert "PROFILES/b/c.xml" not in objects()


def test_the_last_file_at_the_top_takes_no_other_object_with_it(root, sync, objects, session, storage, prefix):
    sync()
    (storage.root / "acme-phones" / prefix / "foreign.txt").write_text("of somebody else")
    (root / "logo.png").unlink()

    sync(run=request_sync(session, CONSOLE, ASSETS, forced=[""]))
    sync(run=request_sync(session, CONSOLE, ASSETS, forced=["*"]))

    assert "foreign.txt" in objects()
    assert "logo.png" not in objects()


def test_firmware_of_a_model_that_nobody_uses_stays(root, sync, objects, session):
    sync()
    with writing(session):
        session.scalars(select(Device)).one().model = "test-lobby"
    put(root, "FIRMWARE-desk/desk.rom", "second")

    assert sync().errors == ()

    assert objects()["test-desk/FIRMWARE-desk/desk.rom"] == b"first"
    assert objects()["FIRMWARE-desk/desk.rom"] == b"second"


def test_another_bucket_or_prefix_gets_everything(root, sync, storage, session, prefix):
    sync()
    save_settings(session, {"s3_prefix": f"{prefix}moved/"}, CONSOLE)

    sync()

    moved = f"{prefix}moved/"
    assert sorted(key for key in storage.objects() if key.startswith(moved)) == [f"{moved}{name}" for name in ALL]


def test_wrong_keys_are_named_by_the_storage_itself(root, sync, session, no_process):
    settle(session, s3_secret_key="wrong-secret-key")
    no_process()

    outcome = sync()

    assert "refused these keys" in outcome.errors[0] or "keys" in outcome.errors[0]
    assert list_runs(session)[0].state == JobState.FAILED
    again = sync()
    assert again.errors
    assert len(list_runs(session)) == 1


def test_a_dead_endpoint_is_named_and_everything_goes_once_it_answers(root, sync, session, objects, storage):
    good = storage.endpoint
    port = free_port()
    settle(session, s3_endpoint=f"http://127.0.0.1:{port}")
    assert f"http://127.0.0.1:{port} cannot be reached" in sync().errors[0]

    settle(session, s3_endpoint=good)

    assert sync().errors == ()
    assert sorted(objects()) == ALL


def test_asking_syncs_everything_even_what_has_not_changed(root, sync, objects, session, config, prefix):
    sync()
    SiteLoader(config).load(session).transport.remove([f"{prefix}Config/a.cfg"])
    assert "Config/a.cfg" not in objects()

    sync(run=request_sync(session, CONSOLE, ASSETS))

    assert sorted(objects()) == ALL
    assert list_runs(session)[0].asked_by == "console"


def test_a_cancelled_run_stops_and_the_next_one_finishes(root, sync, objects, session):
    run = request_sync(session, CONSOLE, ASSETS)
    with writing(session):
        run.state = JobState.RUNNING  # the worker has just begun
    cancel_sync(session, CONSOLE, run.id)

    assert sync(run=run).was_stopped
    assert run.state == JobState.CANCELLED

    assert sync().errors == ()
    assert sorted(objects()) == ALL


def test_a_run_that_waits_is_cancelled_at_once_and_only_one_waits(root, session):
    run = request_sync(session, CONSOLE, ASSETS)
    assert request_sync(session, CONSOLE, ASSETS).id == run.id
    assert runs_under_way(session) == 1

    assert cancel_sync(session, CONSOLE, run.id).state == JobState.CANCELLED


def test_a_worker_that_has_to_end_leaves_the_run_to_the_next(root, sync, session, instance, config, objects):
    stop = threading.Event()
    stop.set()
    run = request_sync(session, CONSOLE, ASSETS)
    assert sync(run=run, stopped=stop).was_stopped
    assert run.state == JobState.RUNNING

    duty = sync_duty(instance, SiteLoader(instance.config), ASSETS)
    other = Lease(instance.sessions, "elsewhere")
    other.hold()
    duty.turn(session, other)

    session.refresh(run)
    assert run.state == JobState.DONE
    assert sorted(objects()) == ALL


def test_a_runner_that_was_replaced_stores_nothing(root, session, config, instance):
    lease = Lease(instance.sessions, "assets")
    lease.hold()
    lease.release()

    with pytest.raises(LeaseLost):
        sync_now(session, SiteLoader(config).load(session), lease, ASSETS, None, threading.Event())

    assert targets_of(session, ASSETS) == []


def test_nothing_is_synced_in_local_mode(root, sync, session, config, no_process):
    run = request_sync(session, CONSOLE, ASSETS)
    save_settings(session, {"mode": "local"}, CONSOLE)
    no_process()

    assert sync(run=run).errors == ()

    assert run.state == JobState.FAILED
    assert "no storage" in run.error
    assert due_syncs(session, SiteLoader(config).load(session), ASSETS) == []


def test_contacts_that_wait_are_counted(root, sync, session, config):
    site = SiteLoader(config).load(session)
    assert due_contacts(session, site) == 1

    sync(CONTACTS)

    assert due_contacts(session, site) == 0


def test_the_duty_rests_between_passes_but_does_what_is_asked_for(root, instance, session, objects, no_process):
    duty = sync_duty(instance, SiteLoader(instance.config), ASSETS)
    lease = Lease(instance.sessions, duty.name)
    lease.hold()
    first = duty.turn(session, lease)
    put(root, "Config/a.cfg", "second")

    second = duty.turn(session, lease)

    assert (first.due_seconds, second.due_seconds) == (3600, None)
    assert objects()["Config/a.cfg"] == b"first"
    request_sync(session, CONSOLE, ASSETS)
    duty.turn(session, lease)
    assert objects()["Config/a.cfg"] == b"second"


def test_the_duty_says_what_is_wrong_and_comes_back_soon(root, instance, session):
    settle(session, s3_endpoint=f"http://127.0.0.1:{free_port()}")
    duty = sync_duty(instance, SiteLoader(instance.config), CONTACTS)
    lease = Lease(instance.sessions, duty.name)
    lease.hold()

    with pytest.raises(TurnFailed, match="cannot be reached") as failed:
        duty.turn(session, lease)

    assert failed.value.rest.due_seconds == 60


def test_a_killed_worker_loses_nothing_and_another_carries_on(root, config, session, objects):
    for number in range(200):
        put(root, f"PROFILES/{number}.bin", f"{number}" * 20_000)
    workers = Workers(config)
    try:
        first = workers.start()
        assert wait_for(lambda: session.rollback() or targets_of(session, ASSETS), 90)
        workers.kill(first)
        workers.start()
        workers.start()
        assert wait_for(lambda: len(objects()) == 200 + len(ALL) + 1, 60)
        assert wait_for(lambda: session.rollback() or runs_under_way(session) == 0)
    finally:
        workers.close()

    assert {run.state for run in list_runs(session)} == {JobState.DONE}
