"""A sync as people watch it: progress that moves by itself, cancel, what stands in the storage afterwards."""

import os
import threading

import pytest
from playwright.sync_api import expect
from sqlalchemy import select

from tests.browser.conftest import sideways
from tests.factories import small_config
from webprov.changes.settings import save_settings
from webprov.delivery import rclone
from webprov.delivery.assets import SyncKind
from webprov.enums import JobState
from webprov.rights import CONSOLE
from webprov.site import SiteLoader
from webprov.store.leases import Lease
from webprov.store.syncrecords import SyncRun
from webprov.syncruns import sync_now

pytestmark = pytest.mark.browser


@pytest.fixture
def config(tmp_path):
    return small_config(tmp_path)


@pytest.fixture
def root(config, session, storage, tmp_path):
    """External mode with S3 and a firmware file that takes a while."""
    save_settings(session, storage.settings(s3_prefix=f"{tmp_path.name}/"), CONSOLE)
    firmware = config.provisioning_dir / "FIRMWARE-desk" / "desk.rom"
    firmware.parent.mkdir()
    firmware.write_bytes(os.urandom(8_000_000))
    return config.provisioning_dir


@pytest.fixture
def work(config, instance):
    """Does in a thread what the worker does: the run that waits, or will once the browser has asked for it."""
    lease, stop, threads = Lease(instance.sessions, "assets"), threading.Event(), []

    def run():
        lease.hold()
        with instance.sessions() as session:
            while not (waiting := session.scalar(select(SyncRun).where(SyncRun.state == JobState.WAITING))):
                session.rollback()
                if stop.wait(0.05):
                    return
            sync_now(session, SiteLoader(config).load(session), lease, SyncKind.ASSETS, waiting, stop)

    def begin():
        threads.append(threading.Thread(target=run))
        threads[-1].start()

    yield begin
    stop.set()
    for thread in threads:
        thread.join(20)


def test_a_sync_shows_progress_can_be_cancelled_and_done_again(inside, root, work, monkeypatch):
    options = rclone._OPTIONS
    monkeypatch.setattr(rclone, "_OPTIONS", (*options, "--bwlimit", "200k"))
    page = inside("/sync/")
    card = page.locator("#sync-assets")

    page.get_by_role("button", name="Sync shared assets now").click()
    expect(card).to_contain_text("No worker runs.")
    work()
    expect(card).to_contain_text("FIRMWARE-desk: 0 of 1 files")
    page.get_by_role("button", name="Cancel").click()
    expect(card).to_contain_text("Stopped after 0 of 1 directory.", timeout=20_000)
    expect(page.locator("#announce")).to_contain_text("cancelled")

    monkeypatch.setattr(rclone, "_OPTIONS", options)
    page.get_by_role("button", name="Sync shared assets now").click()
    work()
    expect(card).to_contain_text("8.0 MB in 1 directory", timeout=20_000)
    page.reload()
    expect(page.locator("#targets-assets")).to_contain_text("FIRMWARE-desk/")
    page.set_viewport_size({"width": 360, "height": 800})
    assert sideways(page) == 0


def test_lost_files_are_confirmed_directory_by_directory(inside, root, work):
    page = inside("/sync/")
    page.get_by_role("button", name="Sync shared assets now").click()
    work()
    expect(page.locator("#sync-assets")).to_contain_text("8.0 MB in 1 directory", timeout=20_000)
    (root / "FIRMWARE-desk" / "desk.rom").unlink()
    page.get_by_role("button", name="Sync shared assets now").click()
    work()

    page.get_by_role("link", name="Look and confirm").click()
    page.get_by_label("FIRMWARE-desk: of 1 files none is left here").check()
    page.get_by_role("button", name="Remove what I have ticked").click()
    work()

    expect(page.locator("#sync-assets")).not_to_contain_text("lost more than half", timeout=20_000)
    expect(page.locator("#sync-assets")).to_contain_text("0 files", timeout=20_000)
