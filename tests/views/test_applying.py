"""After a change is saved: given to one device, one tenant, or all, as the page offers it; and the way back."""

import html
import re

import pytest
from sqlalchemy import select

from tests.factories import MAC, make_device, make_tenant, small_config
from tests.pages import post, token
from webprov.jobruns import run_next_batch
from webprov.jobs import start_provision_job
from webprov.rights import CONSOLE
from webprov.site import SiteLoader
from webprov.store.jobrecords import JobRecord
from webprov.store.leases import Lease
from webprov.store.models import Device

NAME = "test/line.cfg"
EDIT = f"/templates/edit?name={NAME}&scope="
PAGE = f"/templates/{NAME}/?scope=:all"
TENANTS = ("acme", "globex", "initech", "hooli", "umbrella")
TEXT = "## format: keyvalue comment=# quote=none encoding=utf-8\nnew.${LINE} = ${USERID}\n"


@pytest.fixture
def config(tmp_path):
    return small_config(tmp_path)


@pytest.fixture
def loader(config):
    return SiteLoader(config, recheck_seconds=0)


@pytest.fixture
def run_jobs(instance, session, loader):
    """Does what a worker does, until no job is left."""
    lease = Lease(instance.sessions, "jobs")
    assert lease.hold()

    def run():
        session.rollback()  # what the pages have stored since
        while run_next_batch(session, loader, lease):
            session.commit()

    return run


@pytest.fixture
def fleet(session, loader, run_jobs):
    """Two provisioned desks of acme, and one of each other tenant."""
    site = loader.load(session)
    for number, tenant in enumerate(TENANTS, start=1):
        make_tenant(session, tenant)
        make_device(session, site, f"805EC000000{number}", tenant=tenant, label=f"Desk of {tenant}")
    make_device(session, site, "805EC0000009", label="Second of acme")
    start_provision_job(session, CONSOLE, list(session.scalars(select(Device.id))), "All")
    run_jobs()


def change(client):
    seen = re.search(r'name="seen" type="hidden" value="([^"]*)"', client.get(EDIT).text)[1]
    assert post(client, EDIT, EDIT, text=TEXT, seen=seen).status_code == 302


def press(client, button, **chosen):
    """Press the button of that text on the page of the template."""
    page = client.get(PAGE).text
    forms = re.findall(r'<form[^>]*action="/jobs/provision">(.*?)</form>', page, re.S)
    form = next(form for form in forms if f">{button}</button>" in html.unescape(form))
    fields = [(name, value) for name, value in re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)"', form)]
    data = [("csrf_token", token(client)), *(one for one in fields if one[0] != "csrf_token"), *chosen.items()]
    merged: dict[str, list[str]] = {}
    for name, value in data:
        merged.setdefault(name, []).append(value)
    return client.post("/jobs/provision", data=merged)


def have_new(config):
    """The last figures of the MACs whose files are those of the new template."""
    files = sorted(config.provisioning_dir.glob("805ec000000?.cfg"))
    return "".join(file.stem[-1] for file in files if "new.1" in file.read_text())


def test_a_change_goes_to_one_device_then_a_tenant_then_all(admin, fleet, config, run_jobs, session):
    change(admin)
    assert have_new(config) == ""

    press(admin, "Provision Desk of acme first")
    run_jobs()
    one = have_new(config)
    press(admin, "Provision this tenant", tenant="globex")
    run_jobs()
    tenant = have_new(config)
    press(admin, "Provision 4 devices")
    run_jobs()

    assert (one, tenant, have_new(config)) == ("1", "12", "123459")
    assert [job.total for job in session.scalars(select(JobRecord).order_by(JobRecord.id))][1:] == [1, 1, 4]
    assert "stale files" not in admin.get(PAGE).text


def test_what_one_device_had_before_is_brought_back(admin, fleet, config, run_jobs):
    change(admin)
    press(admin, "Provision Desk of acme first")
    run_jobs()
    assert have_new(config) == "1"

    page = f"/devices/{MAC}/revisions/1/restore"
    assert post(admin, page, page).status_code == 302

    assert have_new(config) == ""
    assert "account.1.user = 1000" in (config.provisioning_dir / f"{MAC.lower()}.cfg").read_text()


def test_the_template_that_was_replaced_is_brought_back(admin, fleet, config, run_jobs):
    change(admin)
    seen = re.search(r'name="seen" type="hidden" value="([^"]*)"', admin.get(EDIT).text)[1]
    post(admin, EDIT, EDIT, text=TEXT.replace("new.", "newer."), seen=seen)
    link = html.unescape(re.search(r'href="([^"]+version=\d+)"', admin.get(f"{PAGE}&tab=versions").text)[1])

    opened = admin.get(link).text
    seen = re.search(r'name="seen" type="hidden" value="([^"]*)"', opened)[1]
    text = html.unescape(re.search(r"<textarea[^>]*>\n?(.*?)</textarea>", opened, re.S)[1]).replace("\r", "")
    post(admin, EDIT, EDIT, text=text, seen=seen)
    press(admin, "Provision 6 devices")
    run_jobs()

    assert have_new(config) == "123459"
