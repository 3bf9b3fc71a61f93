import threading

import pytest
from sqlalchemy import select

from tests.factories import MAC, make_device, make_tenant, small_config
from tests.pages import post
from webprov.changes.settings import save_settings
from webprov.delivery.assets import SyncKind
from webprov.dutystates import DutyNotes
from webprov.enums import JobState, Role
from webprov.rights import CONSOLE
from webprov.site import SiteLoader
from webprov.store.database import writing
from webprov.store.leases import Lease
from webprov.store.models import ChangeRecord
from webprov.store.syncrecords import SyncRun, SyncTarget
from webprov.syncruns import sync_now

POLL = {"HX-Request": "true", "X-Poll": "1"}


@pytest.fixture
def config(tmp_path):
    return small_config(tmp_path)


@pytest.fixture
def root(config, session, storage, tmp_path):
    """External mode with S3 and something to sync."""
    make_tenant(session)
    make_device(session, SiteLoader(config).load(session), MAC)
    save_settings(session, storage.settings(s3_prefix=f"{tmp_path.name}/"), CONSOLE)
    for name in ("PROFILES/a.xml", "PROFILES/b.xml", "PROFILES/c.xml"):
        (config.provisioning_dir / name).parent.mkdir(exist_ok=True)
        (config.provisioning_dir / name).write_text(name)
    return config.provisioning_dir


@pytest.fixture
def work(config, instance):
    """Does what the worker does: one pass over the assets, for the run that waits if one does."""
    lease = Lease(instance.sessions, "assets")

    def once():
        lease.hold()
        with instance.sessions() as session:
            run = session.scalar(select(SyncRun).where(SyncRun.state == JobState.WAITING))
            sync_now(session, SiteLoader(config).load(session), lease, SyncKind.ASSETS, run, threading.Event())

    return once


def test_local_mode_says_that_nothing_has_to_be_synced(admin):
    assert "Nothing has to be synced: webprov serves contacts and shared assets itself." in admin.get("/sync/").text


def test_without_storage_it_says_what_to_do(admin, session):
    save_settings(session, {"mode": "external", "external_server": "dms.example"}, CONSOLE)

    page = admin.get("/sync/").text

    assert "carry the provisioning directory to your DMS with rsync" in page
    assert "Choose a file transport" in page


def test_sync_now_shows_progress_until_it_has_ended(admin, root, work):
    assert "Not synced yet" in admin.get("/sync/").text
    assert post(admin, "/sync/assets/now").location == "/sync/"

    before = admin.get("/sync/assets/progress", headers=POLL)
    assert (before.status_code, "hx-trigger" in before.text) == (200, True)
    assert "No worker runs." in before.text

    work()

    after = admin.get("/sync/assets/progress", headers=POLL)
    assert (after.status_code, "hx-trigger" in after.text) == (286, False)
    page = admin.get("/sync/").text
    assert "3 files" in page
    assert "PROFILES/" in page
    assert "Miriam Kumar" in page


def test_a_run_that_waits_can_be_cancelled(admin, root, session):
    post(admin, "/sync/assets/now")

    assert post(admin, "/sync/runs/1/cancel").location == "/sync/"

    assert session.get(SyncRun, 1).state == JobState.CANCELLED
    assert "Stopped after 0 of 0 directories." in admin.get("/sync/").text


def test_lost_files_are_confirmed_one_directory_at_a_time(admin, root, work, session):
    work()
    for path in root.glob("PROFILES/*"):
        path.unlink()
    work()
    page = admin.get("/sync/").text
    assert "One directory has lost more than half of the files" in page
    assert "PROFILES: of 3 files none is left here" in page
    assert 'name="forced" value="PROFILES"' in admin.get("/sync/assets/confirm").text

    post(admin, "/sync/assets/now", "/sync/assets/confirm", forced="PROFILES")
    work()

    assert "To be confirmed" in page
    assert "To be confirmed" not in admin.get("/sync/").text
    assert admin.get("/sync/assets/confirm").location == "/sync/"
    session.rollback()
    assert session.get(SyncTarget, "PROFILES").files == 0
    assert "confirm" in session.scalars(select(ChangeRecord.action)).all()


def test_what_is_not_in_doubt_cannot_be_forced(admin, root, session):
    post(admin, "/sync/assets/now", forced="*")

    assert session.get(SyncRun, 1).forced == ""


def test_a_failure_is_shown_in_its_own_words(admin, root, session):
    with writing(session):
        session.add(SyncTarget(path="Config", kind="assets", error="Config: <b>away</b>"))

    assert "Config: &lt;b&gt;away&lt;/b&gt;" in admin.get("/sync/").text


def test_support_sees_but_does_not_sync(sign_in, root):
    support = sign_in(Role.SUPPORT, name="Sam Support")

    assert "Sync shared assets now" not in support.get("/sync/").text
    assert post(support, "/sync/assets/now").status_code == 403


def test_unknown_kinds_and_runs_are_not_found(admin):
    assert admin.get("/sync/everything/progress").status_code == 404
    assert post(admin, "/sync/runs/7/cancel").status_code == 404


def test_storage_that_is_gone_meanwhile_is_said(admin, root, session):
    page = "/sync/"
    assert admin.get(page).status_code == 200
    save_settings(session, {"mode": "local"}, CONSOLE)

    post(admin, "/sync/assets/now")

    assert "There is no storage to sync to." in admin.get(page).text


def test_health_tells_of_background_work_without_secrets(client, session, instance):
    DutyNotes(instance.sessions, "assets").went_wrong("http://10.0.0.1 refused the key AKIA.", 1.5, 60)

    answer = client.get("/healthz")

    assert answer.json["duties"]["assets"]["state"] == "failed"
    assert answer.json["duties"]["assets"]["last_error"] < answer.json["duties"]["assets"]["next_run"]
    assert answer.json["worker"] is False
    assert "AKIA" not in answer.text


def test_the_jobs_page_shows_background_work_to_those_who_see_the_system(admin, sign_in, instance, session):
    DutyNotes(instance.sessions, "assets").went_wrong("The storage is away.", 0.01, 3600)
    make_tenant(session)
    keeper = sign_in(Role.TENANT_ADMINISTRATOR, 1, "Tom Keeper")

    page = admin.get("/jobs/").text
    assert "Sync shared assets" in page
    assert "The storage is away." in page
    assert "No worker runs" in page
    assert "Background work" not in keeper.get("/jobs/").text
