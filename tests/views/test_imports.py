"""Large imports on the pages: started, watched, gone on with, cancelled."""

import io
import re

import pytest
from sqlalchemy import func, select

from tests.factories import make_device, make_tenant, small_config
from tests.pages import post, token
from webprov.changes.tenants import find_tenant
from webprov.enums import Role
from webprov.importruns import run_next_import
from webprov.rights import CONSOLE
from webprov.site import SiteLoader
from webprov.store.contactrecords import Contact
from webprov.store.leases import Lease
from webprov.store.models import Device

POLL = {"HX-Request": "true", "X-Poll": "1"}
DEVICES = "tenant,mac,model,label\n" + "".join(f"acme,805EC1{n:06X},test-desk,<b>{n}\n" for n in range(4))
CONTACTS = "first_name,last_name\n" + "".join(f"Ann,Lind {n}\n" for n in range(4))


@pytest.fixture
def config(tmp_path):
    return small_config(tmp_path)


@pytest.fixture(autouse=True)
def large(monkeypatch, session):
    """Four rows are many here."""
    monkeypatch.setattr("webprov.imports.AT_ONCE_ROWS", 3)
    make_tenant(session)
    make_tenant(session, "globex")


@pytest.fixture
def work(config, instance):
    """Does what the worker does: one import."""
    lease, loader = Lease(instance.sessions, "imports"), SiteLoader(config)

    def one():
        lease.hold()
        with instance.sessions() as session:
            return run_next_import(session, instance, loader, lease)

    return one


@pytest.fixture
def enter(sign_in, session):
    """Signs a tenant administrator of that tenant in."""
    return lambda tenant, name: sign_in(Role.TENANT_ADMINISTRATOR, find_tenant(session, tenant, CONSOLE).id, name)


def upload(client, text, address="/devices/import", action="import", **fields):
    data = {"csrf_token": token(client), "action": action, "file": (io.BytesIO(text.encode()), "x.csv"), **fields}
    return client.post(address, data=data)


def count(session, table=Device):
    session.rollback()
    return session.scalar(select(func.count()).select_from(table))


def test_a_large_file_becomes_a_job_that_shows_how_far_it_is(admin, session, work):
    assert upload(admin, DEVICES).location == "/jobs/1/"

    page = admin.get("/jobs/1/").text
    assert "Import devices" in page
    assert "4 rows" in page
    assert "No worker runs." in page
    assert re.search(r'<noscript><a href="/jobs/1/">Look again', page)
    before = admin.get("/jobs/1/progress", headers=POLL)
    assert (before.status_code, "hx-trigger" in before.text) == (200, True)

    work()

    after = admin.get("/jobs/1/progress", headers=POLL)
    assert (after.status_code, "hx-trigger" in after.text) == (286, False)
    assert "4 added, 0 changed, 0 as they were." in after.text
    assert "4 devices have stale files and wait to be provisioned." in after.text
    assert "Import devices: done." in after.text
    assert "4 of 4 rows" in admin.get("/jobs/").text
    assert count(session) == 4


def test_the_dashboard_shows_an_import_that_runs(admin, config, session):
    make_device(session, SiteLoader(config).load(session))
    upload(admin, DEVICES)

    assert 'id="job-1"' in admin.get("/").text


def test_a_trial_is_gone_on_with_by_a_button(admin, session, work):
    upload(admin, CONTACTS, "/contacts/import?tenant=acme", "try", how="replace")
    work()

    page = admin.get("/jobs/1/").text
    assert "It would add 4, change 0, delete 0 and leave 0 as they are." in page
    assert count(session, Contact) == 0

    assert post(admin, "/jobs/1/import").location == "/jobs/2/"
    work()
    assert "4 added, 0 changed, 0 as they were." in admin.get("/jobs/2/").text
    assert count(session, Contact) == 4
    page = admin.get("/jobs/1/").text
    assert "Choose it again to import it." in page
    assert "/jobs/1/import" not in page


def test_the_file_of_a_trial_can_be_deleted(admin, config, work):
    upload(admin, DEVICES, action="try")
    work()

    assert post(admin, "/jobs/1/discard").location == "/jobs/1/"

    assert list(config.imports_dir.iterdir()) == []
    assert post(admin, "/jobs/1/import").status_code == 404


def test_errors_come_by_row_and_column(admin, session, work):
    upload(admin, DEVICES + "acme,80,<model>,x\n")
    work()

    page = admin.get("/jobs/1/").text
    assert "Nothing was imported: 1 error" in page
    assert "The file has 1 error; nothing was imported." in admin.get("/jobs/").text
    assert re.search(r"<td>6</td><td[^>]*>mac</td><td>.*?is not a MAC address", page)
    assert "<model>" not in page
    assert count(session) == 0


def test_what_is_wrong_with_the_header_is_told_at_once(admin):
    assert "Is it model?" in upload(admin, DEVICES.replace("model", "modl", 1)).text
    assert upload(admin, "x" + CONTACTS, "/contacts/import?tenant=acme").status_code == 422
    assert "No jobs yet." in admin.get("/jobs/").text


def test_cancel_says_that_nothing_was_imported(admin, session, work):
    upload(admin, DEVICES)

    answer = admin.post("/jobs/1/cancel", data={"csrf_token": token(admin)}, headers={"HX-Request": "true"})

    assert "Cancelled. Nothing was imported." in answer.text
    assert not work()


def test_the_same_file_twice_leads_to_its_job(admin):
    assert [upload(admin, DEVICES).location for _ in range(2)] == ["/jobs/1/", "/jobs/1/"]


def test_people_of_a_tenant_see_their_own_imports_only(admin, enter, work):
    keeper, other = enter("acme", "Tom"), enter("globex", "Guy")
    upload(keeper, CONTACTS, "/contacts/import", "try")
    upload(admin, DEVICES)
    while work():
        pass

    assert "It would add 4" in keeper.get("/jobs/1/").text
    assert [other.get(f"/jobs/{number}/").status_code for number in (1, 2)] == [404, 404]
    assert other.get("/jobs/1/progress").status_code == 404
    assert keeper.get("/jobs/2/").status_code == 404
    assert [post(other, f"/jobs/1/{deed}").status_code for deed in ("import", "cancel")] == [404, 404]
    assert "/jobs/1/import" not in admin.get("/jobs/1/").text
    assert post(admin, "/jobs/1/import").status_code == 404


def test_support_looks_on(admin, sign_in):
    support = sign_in(Role.SUPPORT, name="Sue")
    upload(admin, DEVICES)

    assert "/jobs/1/cancel" not in support.get("/jobs/1/").text
    assert post(support, "/jobs/1/cancel").status_code == 403
    assert post(support, "/jobs/1/discard").status_code == 403


def test_an_import_counts_as_work_under_way(admin, client):
    upload(admin, DEVICES)

    assert client.get("/healthz").json["jobs"] == 1
