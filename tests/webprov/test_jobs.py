from datetime import timedelta

import pytest
from sqlalchemy import select

from tests.factories import make_device, make_tenant, small_config
from webprov.changes.tenants import find_tenant
from webprov.enums import JobState, Role
from webprov.errors import InvalidValue, NotFound
from webprov.jobs import KEPT_DAYS, SameJob, cancel_job, find_job, jobs_under_way, list_jobs, start_provision_job
from webprov.rights import CONSOLE, Actor
from webprov.site import SiteLoader
from webprov.store.database import count_of, writing
from webprov.store.jobrecords import JobItem, JobRecord
from webprov.store.models import ChangeRecord, utc_now


@pytest.fixture
def config(tmp_path):
    return small_config(tmp_path)


@pytest.fixture
def ids(config, session):
    """One device in acme, one in globex."""
    site = SiteLoader(config).load(session)
    make_tenant(session)
    make_tenant(session, "globex")
    mine = make_device(session, site, "805EC0000001").id
    return [mine, make_device(session, site, "805EC0000002", tenant="globex").id]


@pytest.fixture
def keeper(session, ids):
    """The tenant administrator of acme."""
    return Actor("Tom Keeper", Role.TENANT_ADMINISTRATOR, find_tenant(session, "acme", CONSOLE).id)


def test_start_fixes_the_items_and_tells_the_worker(session, ids):
    job = start_provision_job(session, CONSOLE, [*reversed(ids), 999], "Provision all")

    assert (job.state, job.total, job.processed, job.asked_by, job.tenant_id) == ("waiting", 2, 0, "console", None)
    assert session.scalars(select(JobItem.device_id).order_by(JobItem.position)).all() == ids
    assert count_of(session, "jobs") == 1
    assert session.scalars(select(ChangeRecord.name).where(ChangeRecord.thing == "job")).all() == ["Provision all"]
    assert jobs_under_way(session) == 1


def test_start_refuses_what_runs_already(session, ids):
    job = start_provision_job(session, CONSOLE, ids, "Provision all")

    with pytest.raises(SameJob, match=f"Job {job.id} does this already"):
        start_provision_job(session, CONSOLE, ids, "Again")
    assert start_provision_job(session, CONSOLE, ids[:1], "Others").id != job.id
    cancel_job(session, CONSOLE, job.id)
    assert start_provision_job(session, CONSOLE, ids, "Again").id != job.id


def test_start_refuses_nothing_to_do(session, ids):
    with pytest.raises(InvalidValue, match="no device"):
        start_provision_job(session, CONSOLE, [], "Nothing")


def test_a_tenants_people_start_and_see_only_their_own(session, ids, keeper):
    foreign = start_provision_job(session, CONSOLE, ids[1:], "Globex")
    both = start_provision_job(session, CONSOLE, ids, "All")
    own = start_provision_job(session, keeper, ids[:1], "Acme")

    with pytest.raises(NotFound):
        start_provision_job(session, keeper, ids, "All")
    for job in (foreign, both):
        with pytest.raises(NotFound):
            find_job(session, keeper, job.id)
        with pytest.raises(NotFound):
            cancel_job(session, keeper, job.id)
    assert own.tenant_id == keeper.tenant_id
    assert cancel_job(session, keeper, own.id).state == JobState.CANCELLED


def test_list_jobs_is_latest_first_in_pages(session, ids):
    titles = [start_provision_job(session, CONSOLE, [number], str(number)).title for number in ids]

    assert [job.title for job in list_jobs(session)] == titles[::-1]
    assert [job.title for job in list_jobs(session, offset=1, limit=1)] == titles[:1]


def test_old_jobs_are_forgotten_with_their_items(session, ids):
    old = start_provision_job(session, CONSOLE, ids, "Old")
    with writing(session):
        old.state, old.finished_at = JobState.DONE.value, utc_now() - timedelta(days=KEPT_DAYS + 1)

    new = start_provision_job(session, CONSOLE, ids, "New")

    assert session.scalars(select(JobRecord.title)).all() == ["New"]
    assert set(session.scalars(select(JobItem.job_id))) == {new.id}
