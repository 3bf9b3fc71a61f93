"""Jobs run by real worker processes: each item once, whatever dies in between."""

from datetime import timedelta

import pytest
from sqlalchemy import select

from tests.factories import TEMPLATES, small_config
from tests.webprov.workers import Workers, eventually, make_fleet
from webprov.enums import ItemOutcome, JobState
from webprov.jobruns import run_next_batch
from webprov.jobs import cancel_job, failures_of, ids_with_outcome, start_provision_job
from webprov.provisioning import provision_devices
from webprov.rights import CONSOLE
from webprov.site import SiteLoader
from webprov.store.database import writing
from webprov.store.jobrecords import JobItem, JobRecord
from webprov.store.leases import Lease, LeaseLost
from webprov.store.models import Device


@pytest.fixture
def config(tmp_path):
    return small_config(tmp_path)


@pytest.fixture
def workers(config, instance):
    started = Workers(config)
    yield started
    started.close()


@pytest.fixture
def loader(config):
    return SiteLoader(config, recheck_seconds=0)


@pytest.fixture
def lease(instance):
    taken = Lease(instance.sessions, "jobs")
    assert taken.hold()
    return taken


def start(session, ids, title="Provision all"):
    return start_provision_job(session, CONSOLE, ids, title)


def has_ended(job):
    return job.finished_at is not None


def outcomes(session, job):
    return list(session.scalars(select(JobItem.outcome).where(JobItem.job_id == job.id).order_by(JobItem.position)))


def test_a_worker_takes_a_job_at_once_and_provisions_all(config, session, workers):
    ids = make_fleet(session, 40)
    workers.start()

    job = eventually(session, start(session, ids), has_ended)

    assert (job.state, job.done, job.failed, job.skipped, job.error) == ("done", 40, 0, 0, "")
    assert outcomes(session, job) == ["done"] * 40
    assert len(list(config.provisioning_dir.glob("*.cfg"))) == 41
    assert job.started_at <= job.heartbeat_at <= job.finished_at


def test_another_worker_goes_on_where_a_killed_one_stopped(session, workers):
    ids = make_fleet(session, 1_600)
    first = workers.start()
    job = eventually(session, start(session, ids), lambda job: job.processed)
    with writing(session):  # nobody gets further while we look
        workers.kill(first)
        session.refresh(job)
        stopped_at = job.processed
    assert 0 < stopped_at < 1_600

    workers.start()
    job = eventually(session, job, has_ended)

    assert (job.state, job.done, job.interruptions) == ("done", 1_600, 1)
    assert outcomes(session, job) == ["done"] * 1_600
    assert session.scalars(select(Device.revision).distinct()).all() == [1]


def test_two_workers_do_each_item_once(session, workers):
    ids = make_fleet(session, 200)
    workers.start()
    workers.start()

    jobs = [start(session, chosen) for chosen in (ids[:100], ids[100:])]

    assert [eventually(session, job, has_ended).done for job in jobs] == [100, 100]
    assert [job.interruptions for job in jobs] == [0, 0]


def test_cancel_stops_after_the_batch_under_way(session, loader, lease):
    ids = make_fleet(session, 40)
    job = start(session, ids)
    run_next_batch(session, loader, lease)

    cancel_job(session, CONSOLE, job.id)
    run_next_batch(session, loader, lease)

    assert (job.state, job.done, job.total) == (JobState.CANCELLED, 8, 40)
    assert ids_with_outcome(session, job, ItemOutcome.WAITING) == ids[8:]
    assert not run_next_batch(session, loader, lease)


def test_devices_that_fail_do_not_stop_the_others(config, session, loader, lease):
    ids = make_fleet(session, 3)
    with writing(session):
        session.get(Device, ids[1]).label = "  two\nlines"
        session.get(Device, ids[2]).enabled = False

    job = start(session, ids)
    run_next_batch(session, loader, lease)

    assert (job.state, job.done, job.failed, job.skipped) == ("done", 1, 1, 1)
    (failure,) = failures_of(session, job)
    assert failure.mac == "805EC0000002"
    assert failure.error == session.get(Device, ids[1]).provision_error != ""


def test_a_job_that_cannot_go_on_fails_with_a_sentence(config, session, loader, lease, monkeypatch, caplog):
    job = start(session, make_fleet(session, 3))

    def broken(*_args, **_kwargs):
        raise RuntimeError("hunter2")

    monkeypatch.setattr("webprov.jobruns.provision_devices", broken)
    run_next_batch(session, loader, lease)

    assert job.state == JobState.FAILED
    assert job.error.startswith("Something went wrong here")
    assert not run_next_batch(session, loader, lease)


def test_who_was_replaced_stores_nothing(session, loader, lease, monkeypatch):
    job = start(session, make_fleet(session, 3))

    def lose_it(*args, **kwargs):
        lease.release()
        return provision_devices(*args, **kwargs)

    monkeypatch.setattr("webprov.jobruns.provision_devices", lose_it)
    with pytest.raises(LeaseLost):
        run_next_batch(session, loader, lease)

    session.rollback()
    assert (session.get(JobRecord, job.id).processed, outcomes(session, job)) == (0, ["waiting"] * 3)


def test_a_small_job_does_not_wait_for_a_large_one(session, loader, lease):
    ids = make_fleet(session, 100)
    large, small = start(session, ids), start(session, ids[:2])

    for _ in range(3):
        run_next_batch(session, loader, lease)

    assert (large.state, small.state) == (JobState.RUNNING, JobState.DONE)


def test_each_batch_uses_what_is_saved_then(config, session, loader, lease):
    job = start(session, make_fleet(session, 20))
    run_next_batch(session, loader, lease)

    (config.templates_dir / "test" / "common.cfg").write_text(TEMPLATES["common.cfg"] + "second = yes\n")
    while run_next_batch(session, loader, lease):
        pass

    assert "second = yes" in (config.provisioning_dir / "common.cfg").read_text()
    assert job.done == 20


def test_slow_devices_come_in_small_batches(session, loader, lease):
    job = start(session, make_fleet(session, 40))
    run_next_batch(session, loader, lease)
    with writing(session):
        job.started_at = job.heartbeat_at - timedelta(seconds=16)

    run_next_batch(session, loader, lease)

    assert job.done == 8 + 2
