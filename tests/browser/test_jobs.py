"""A job as people watch it: progress that moves by itself, cancel, what is left."""

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import sideways
from tests.factories import small_config
from tests.webprov.workers import make_fleet
from webprov.jobruns import run_next_batch
from webprov.site import SiteLoader
from webprov.store.leases import Lease

pytestmark = pytest.mark.browser


@pytest.fixture
def config(tmp_path):
    return small_config(tmp_path)


@pytest.fixture
def work(config, instance):
    """Does what the worker does: one batch."""
    lease = Lease(instance.sessions, "jobs")

    def batch():
        lease.hold()
        with instance.sessions() as session:
            run_next_batch(session, SiteLoader(config), lease)

    return batch


def test_progress_moves_by_itself_and_cancel_says_what_stays(inside, session, work):
    make_fleet(session, 12)
    page = inside("/")

    page.get_by_role("button", name="Provision 12 stale").click()
    job = page.locator("#job-1")
    expect(job).to_contain_text("0 of 12")
    work()
    expect(job).to_contain_text("8 of 12")
    assert job.locator("progress").evaluate("bar => bar.value") == 8

    page.get_by_role("button", name="Cancel").click()
    expect(job).to_contain_text("Stopping after")
    work()
    expect(job).to_contain_text("Stopped after 8 of 12. 8 have new files, 4 keep their old ones.")
    expect(page.locator("#announce")).to_contain_text("8 of 12 provisioned.")

    page.get_by_role("button", name="Provision the other 4").click()
    expect(page.locator("#job-2")).to_contain_text("0 of 4")
    work()
    expect(page.locator("#job-2")).to_contain_text("4 devices provisioned.")
    page.set_viewport_size({"width": 360, "height": 800})
    assert sideways(page) == 0
