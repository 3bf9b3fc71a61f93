"""A large import as people watch it: progress that moves by itself, cancel, errors, going on after a trial."""

import threading
import time

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import sideways
from tests.factories import make_tenant, small_config
from webprov.importruns import run_next_import
from webprov.importwatch import ImportWatch
from webprov.site import SiteLoader
from webprov.store.leases import Lease

pytestmark = pytest.mark.browser
HEADER = "tenant,mac,model,label\n"


@pytest.fixture
def config(tmp_path):
    return small_config(tmp_path)


def rows(count):
    return "".join(f"acme,805EC1{n:06X},test-desk,Desk {n}\n" for n in range(count))


class SlowWorker:
    """Does what the worker does, once the browser has asked for it, but pauses after each 500 rows until it is let go
    on."""

    def __init__(self, config, instance, monkeypatch):
        self._config, self._instance, self._lease = config, instance, Lease(instance.sessions, "imports")
        self._go = threading.Semaphore(0)
        monkeypatch.setattr("webprov.importruns._TELL_SECONDS", 0)
        tell = run_next_import.__globals__["_Run"].tell

        def slowly(run: ImportWatch, step, count):
            tell(run, step, count)
            self._go.acquire(timeout=20)

        monkeypatch.setattr("webprov.importruns._Run.tell", slowly)

    def start(self):
        self._thread = threading.Thread(target=self._work)
        self._thread.start()

    def let_go(self, times=1):
        for _ in range(times):
            self._go.release()

    def end(self):
        self.let_go(50)
        self._thread.join(20)

    def _work(self):
        self._lease.hold()
        with self._instance.sessions() as session:
            end = time.monotonic() + 20
            while not run_next_import(session, self._instance, SiteLoader(self._config), self._lease):
                assert time.monotonic() < end
                time.sleep(0.05)


@pytest.fixture
def worker(config, instance, monkeypatch):
    return SlowWorker(config, instance, monkeypatch)


def choose(page, text, button):
    page.get_by_label("File").set_input_files({"name": "fleet.csv", "mimeType": "text/csv", "buffer": text.encode()})
    page.get_by_role("button", name=button).click()


def test_progress_moves_by_itself_and_cancel_leaves_nothing(inside, session, worker):
    make_tenant(session)
    page = inside("/devices/import")

    choose(page, HEADER + rows(2_500), "Import devices")
    job = page.locator("#job-1")
    expect(job).to_contain_text("No worker runs.")
    worker.start()
    expect(job).to_contain_text("Checking, 501 of 2,500")
    worker.let_go()
    expect(job).to_contain_text("Checking, 1,001 of 2,500")
    assert 0.3 < job.locator("progress").evaluate("bar => bar.value") < 0.4

    page.get_by_role("button", name="Cancel").click()
    expect(job).to_contain_text("Stopping")
    worker.end()
    expect(job).to_contain_text("Cancelled. Nothing was imported.")
    expect(page.locator("#announce")).to_contain_text("Import devices: cancelled.")
    page.set_viewport_size({"width": 360, "height": 800})
    assert sideways(page) == 0


def test_a_trial_tells_its_errors_and_a_good_one_is_imported(inside, session, worker):
    make_tenant(session)
    page = inside("/devices/import")

    choose(page, HEADER + rows(2_200) + "acme,80,test-desk,x\n", "Try without importing")
    worker.start()
    worker.end()
    expect(page.locator("#error-summary")).to_contain_text("is not a MAC address")
    page.set_viewport_size({"width": 360, "height": 800})
    assert sideways(page) == 0

    page.get_by_role("link", name="Choose a file").click()
    choose(page, HEADER + rows(2_200), "Try without importing")
    worker.start()
    worker.end()
    expect(page.locator("#job-2")).to_contain_text("It would add 2,200, change 0 and leave 0 as they are.")
    page.get_by_role("button", name="Import devices").click()
    worker.start()
    worker.end()
    expect(page.locator("#job-3")).to_contain_text("Imported: 2,200 added")


def test_it_works_without_scripts(inside, session, worker):
    make_tenant(session)
    page = inside("/devices/import", scripts=False)

    choose(page, HEADER + rows(2_200), "Import devices")
    worker.start()
    worker.end()
    page.get_by_role("link", name="Look again").click()

    expect(page.locator("#job-1")).to_contain_text("Imported: 2,200 added")
