import re

import pytest
from sqlalchemy import select, update

from tests.factories import make_device, make_tenant, small_config
from tests.pages import post
from webprov.changes.tenants import find_tenant
from webprov.enums import Role
from webprov.jobruns import run_next_batch
from webprov.jobs import start_provision_job
from webprov.rights import CONSOLE
from webprov.site import SiteLoader
from webprov.store.database import writing
from webprov.store.dutyrecords import DutyRecord
from webprov.store.jobrecords import JobItem, JobRecord
from webprov.store.leases import Lease
from webprov.store.models import Device, utc_now

MINE, FOREIGN = "805EC0000001", "805EC0000002"
POLL = {"HX-Request": "true", "X-Poll": "1"}


@pytest.fixture
def config(tmp_path):
    return small_config(tmp_path)


@pytest.fixture
def ids(config, session):
    """Desk 1 in acme, Lobby in globex; neither has files yet."""
    site = SiteLoader(config).load(session)
    make_tenant(session)
    make_tenant(session, "globex")
    mine = make_device(session, site, MINE).id
    return [mine, make_device(session, site, FOREIGN, tenant="globex", model="test-lobby", label="Lobby").id]


@pytest.fixture
def keeper(sign_in, session, ids):
    """The browser of acme's tenant administrator."""
    return sign_in(Role.TENANT_ADMINISTRATOR, find_tenant(session, "acme", CONSOLE).id, "Tom Keeper")


@pytest.fixture
def work(config, instance):
    """Does what the worker does: one batch."""
    lease = Lease(instance.sessions, "jobs")
    loader = SiteLoader(config)

    def batch():
        lease.hold()
        with instance.sessions() as session:
            return run_next_batch(session, loader, lease)

    return batch


def items(session):
    session.rollback()
    return session.scalars(select(JobItem.device_id).order_by(JobItem.job_id, JobItem.position)).all()


def test_there_are_no_jobs_yet(admin):
    assert "No jobs yet." in admin.get("/jobs/").text


@pytest.mark.parametrize(
    ("values", "chosen", "title"),
    [
        ({"state": "stale"}, [0, 1], "Provision stale devices"),
        ({"state": "stale", "tenant": "globex"}, [1], "Provision stale devices, globex"),
        ({"model": "test-desk"}, [0], "Provision all devices, test-desk"),
        ({"model": "", "state": "", "tenant": "globex"}, [1], "Provision all devices, globex"),
        ({"mac": "80:5e:c0:00:00:02"}, [1], "Provision 1 device"),
    ],
)
def test_a_button_starts_a_job_for_what_it_names(admin, session, ids, values, chosen, title):
    answer = post(admin, "/jobs/provision", **values)

    assert answer.location == "/jobs/1/"
    assert items(session) == [ids[index] for index in chosen]
    page = admin.get("/jobs/1/").text
    assert title in page
    assert f"0 of {len(chosen)}" in page
    assert title in admin.get("/jobs/").text


def test_the_same_button_twice_leads_to_the_job_that_runs(admin, session, ids):
    assert [post(admin, "/jobs/provision", state="stale").location for _ in range(2)] == ["/jobs/1/"] * 2


@pytest.mark.parametrize(("values", "status"), [({"state": "purple"}, 400), ({"tenant": "nowhere"}, 404)])
def test_what_does_not_exist_cannot_be_chosen(admin, ids, values, status):
    assert post(admin, "/jobs/provision", **values).status_code == status


def test_nothing_to_provision_is_said(admin, ids):
    assert post(admin, "/jobs/provision", state="failed").location == "/jobs/"
    assert "There is no device to provision." in admin.get("/jobs/").text


def test_progress_asks_again_until_the_job_has_ended(admin, session, ids, work):
    post(admin, "/jobs/provision", state="stale")

    before = admin.get("/jobs/1/progress", headers=POLL)
    assert (before.status_code, "hx-trigger" in before.text) == (200, True)
    assert "No worker runs." in before.text

    work()

    after = admin.get("/jobs/1/progress", headers=POLL)
    assert (after.status_code, "hx-trigger" in after.text) == (286, False)
    assert "2 devices provisioned." in after.text
    assert 'id="announce"' in after.text


def test_cancel_says_what_stays_and_offers_the_rest(admin, session, ids, work):
    post(admin, "/jobs/provision", state="stale")
    post(admin, "/jobs/1/cancel")

    page = admin.get("/jobs/1/").text
    assert "Stopped after 0 of 2." in page
    assert "2 keep their old ones." in page
    assert "Provision the other 2" in page

    assert post(admin, "/jobs/1/again", which="waiting").location == "/jobs/2/"
    work()
    assert "2 devices provisioned." in admin.get("/jobs/2/").text


def test_failures_come_with_their_sentence_and_can_be_tried_again(admin, session, ids, work):
    with writing(session):
        session.get(Device, ids[1]).label = "two\nlines"
    post(admin, "/jobs/provision", state="stale")
    work()

    page = admin.get("/jobs/1/").text
    assert "1 device failed and keeps its old files." in page
    assert re.search(rf'href="/devices/{FOREIGN}/">two\s+lines</a>: ', page)
    assert "1 failed" in admin.get("/jobs/").text

    post(admin, "/jobs/1/again", which="failed")
    assert items(session) == [*ids, ids[1]]
    assert post(admin, "/jobs/1/again", which="else").status_code == 400


def test_the_top_bar_counts_what_runs(admin, session, ids, work):
    post(admin, "/jobs/provision", state="stale")
    assert re.search(r"1 job under way.*?wp-turning", admin.get("/devices/").text, re.DOTALL)
    assert 'id="job-1"' in admin.get("/").text

    work()
    assert "wp-turning" not in admin.get("/devices/").text


def test_dashboard_and_settings_offer_to_provision_what_is_stale(admin, ids):
    for address in ("/", "/settings/"):
        assert "Provision 2 stale" in admin.get(address).text


def test_all_a_tenant_or_a_model_can_be_provisioned_where_one_looks(admin, ids):
    page = admin.get("/jobs/").text
    assert '<option value="test-lobby">Testphone Lobby</option>' in page
    assert '<option value="globex">' in page
    assert 'name="tenant" value="acme"' in admin.get("/tenants/acme/").text
    assert 'name="model" value="test-desk"' in admin.get("/models/test-desk/").text


def test_failures_show_as_they_come(admin, session, ids, work):
    with writing(session):
        session.get(Device, ids[0]).label = "two\nlines"
    post(admin, "/jobs/provision")
    work()
    with writing(session):
        job = session.get(JobRecord, 1)
        job.state, job.done = "running", 0

    assert 'id="job-1-failures"' in admin.get("/jobs/1/progress", headers=POLL).text


def test_a_tenants_people_meet_only_their_own_jobs(keeper, session, ids):
    start_provision_job(session, CONSOLE, ids, "Everything")

    assert "No jobs yet." in keeper.get("/jobs/").text
    assert "under way" not in keeper.get("/devices/").text
    for answer in (
        keeper.get("/jobs/1/"),
        keeper.get("/jobs/1/progress"),
        post(keeper, "/jobs/1/cancel"),
        post(keeper, "/jobs/1/again", which="waiting"),
        post(keeper, "/jobs/provision", tenant="globex"),
    ):
        assert answer.status_code == 404
    post(keeper, "/jobs/provision", mac=FOREIGN)
    assert "There is no device to provision." in keeper.get("/jobs/").text

    assert post(keeper, "/jobs/provision", state="stale").location == "/jobs/2/"
    assert items(session) == [*ids, ids[0]]
    assert session.get(JobRecord, 2).asked_by == "Tom Keeper"


def test_support_may_provision_and_cancel(sign_in, ids):
    support = sign_in(Role.SUPPORT, name="Sam Support")

    assert post(support, "/jobs/provision", state="stale").location == "/jobs/1/"
    assert post(support, "/jobs/1/cancel").location == "/jobs/1/"


def test_a_job_over_stale_devices_leaves_restored_ones_out_and_says_so(admin, ids, session):
    session.execute(update(Device).where(Device.id == ids[0]).values(restored_revision=3))
    session.commit()

    stale = post(admin, "/jobs/provision", state="stale")
    told = admin.get(stale.location).text
    chosen = items(session)
    post(admin, "/jobs/provision")

    assert chosen == [ids[1]]
    assert "1 device holds an earlier revision that was restored" in told
    assert items(session)[1:] == ids  # all devices are all devices


def test_the_list_asks_for_itself_while_a_job_is_under_way_and_offers_to_cancel(admin, session, ids, work):
    post(admin, "/jobs/provision", state="stale")

    page = admin.get("/jobs/").text
    assert 'hx-get="/jobs/list"' in page
    assert 'action="/jobs/1/cancel"' in page
    assert "0 of 2 devices" in page

    work()

    listed = admin.get("/jobs/list", headers=POLL).text
    assert "2 of 2 devices" in listed
    assert "hx-get" not in listed
    assert "/jobs/1/cancel" not in listed
    assert re.search(r"<td[^>]*>\d+ s</td>", listed)


def test_healthz_tells_how_each_kind_of_job_fares(admin, client, session, ids, work):
    assert client.get("/healthz").json["job_kinds"] == {}
    post(admin, "/jobs/provision", state="stale")
    state = {"under_way": 1, "done": 0, "total": 2, "last_success": None, "last_error": None, "seconds": None}
    assert client.get("/healthz").json["job_kinds"] == {"provision": {"state": "running", **state}}

    work()
    told = client.get("/healthz").json["job_kinds"]["provision"]
    assert (told["state"], told["under_way"], told["last_error"]) == ("ok", 0, None)
    assert told["last_success"]
    assert told["seconds"] >= 0

    post(admin, "/jobs/provision", mac=MINE)
    with writing(session):
        job = session.get(JobRecord, 2)
        job.state, job.finished_at = "failed", job.created_at
    assert client.get("/healthz").json["job_kinds"]["provision"]["state"] == "failed"


def test_what_the_worker_does_by_itself_is_kept_up_to_date_for_those_who_see_the_system(admin, keeper, session):
    session.add(DutyRecord(name="assets", started_at=utc_now(), next_at=utc_now(), seconds=1.5, error="<away>"))
    session.commit()

    assert 'hx-get="/jobs/background"' in admin.get("/jobs/").text
    told = admin.get("/jobs/background", headers=POLL).text
    assert "&lt;away&gt;" in told
    assert 'href="/sync/"' in told
    assert keeper.get("/jobs/background").status_code == 403
    assert "Background work" not in keeper.get("/jobs/").text
