import errno

import pytest
from sqlalchemy import delete, select, update

from tests.factories import small_config
from tests.webprov.workers import Workers, eventually, make_fleet, wait_for
from webprov import upkeep
from webprov.delivery import filestore
from webprov.enums import JobState
from webprov.jobs import start_provision_job
from webprov.provisioning import provision_devices
from webprov.rights import CONSOLE
from webprov.site import SiteLoader
from webprov.store.database import writing
from webprov.store.jobrecords import JobItem, JobRecord
from webprov.store.leases import Lease
from webprov.store.models import Device
from webprov.upkeep import Retries, files_duty, repair_files, sweep_leftovers
from webprov.worker import Rest


@pytest.fixture
def config(tmp_path):
    return small_config(tmp_path)


@pytest.fixture
def site(config, session):
    return SiteLoader(config).load(session)


@pytest.fixture
def ids(session, site):
    """Three provisioned devices."""
    made = make_fleet(session, 3)
    provision_devices(session, site, made)
    return made


@pytest.fixture
def lease(instance):
    taken = Lease(instance.sessions, "files")
    assert taken.hold()
    return taken


def in_jobs(session):
    return session.scalars(select(JobItem.device_id).order_by(JobItem.position)).all()


def latest_job(session):
    session.rollback()
    return session.scalar(select(JobRecord))


def test_whole_files_are_left_alone(session, site, ids, lease):
    assert repair_files(session, site, lease) == 0
    assert session.scalars(select(JobRecord)).all() == []


@pytest.mark.parametrize("damage", [lambda path: path.unlink(), lambda path: path.write_bytes(b"#" * 200)])
def test_devices_with_other_files_are_provisioned_again(config, session, site, ids, lease, damage):
    damage(config.provisioning_dir / "805ec0000002.cfg")

    assert repair_files(session, site, lease) == 1
    assert in_jobs(session) == [ids[1]]


def test_a_damaged_shared_file_is_written_with_one_of_its_devices(config, session, site, ids, lease):
    (config.provisioning_dir / "common.cfg").write_text("")

    repair_files(session, site, lease)

    assert in_jobs(session) == ids[:1]


def test_what_a_job_will_write_anyway_is_left_to_it(config, session, site, ids, lease):
    (config.provisioning_dir / "805ec0000002.cfg").unlink()
    start_provision_job(session, CONSOLE, ids, "All")

    assert repair_files(session, site, lease) == 0


def test_leftovers_of_a_crash_go_at_once(config, session, site, ids):
    left = config.provisioning_dir / ".805ec0000002.cfg.0123456789ab.tmp"
    left.write_bytes(b"half a fi")

    assert sweep_leftovers(session, site) == 1
    assert not left.exists()


@pytest.fixture
def full(monkeypatch):
    """Fills the disk, or makes room."""
    real = filestore._stage

    def stage(target, content, *, sync):
        if stage.is_full:
            raise OSError(errno.ENOSPC, "No space left on device", str(target))
        return real(target, content, sync=sync)

    def fill(is_full=True):
        stage.is_full = is_full

    monkeypatch.setattr(filestore, "_stage", stage)
    fill(False)
    return fill


@pytest.fixture
def minutes(monkeypatch):
    """Lets minutes pass."""
    now = [1_000.0]
    monkeypatch.setattr(upkeep.time, "monotonic", lambda: now[0])

    def wait(count):
        now[0] += count * 60

    return wait


def refuse(session, site, ids):
    for number in ids:
        with writing(session):
            session.get(Device, number).label = "Another"
            session.get(Device, number).version += 1
    assert all("no space left" in one.error for one in provision_devices(session, site, ids))


def test_fs07_what_a_full_disk_refused_is_written_once_there_is_room(session, site, ids, full, minutes):
    retries = Retries()
    full()
    refuse(session, site, ids[:2])

    retries.start_due(session, site)
    assert in_jobs(session) == []
    full(False)
    retries.start_due(session, site)

    assert in_jobs(session) == ids[:2]
    assert not list(site.files.root.glob(".*"))
    minutes(5)
    retries.start_due(session, site)
    assert in_jobs(session) == ids[:2]  # those under way are not asked for again
    provision_devices(session, site, ids[:2])
    session.execute(delete(JobRecord))
    session.commit()
    retries.start_due(session, site)
    assert in_jobs(session) == []


def test_where_trying_again_is_in_vain_it_is_done_later_and_later(session, site, ids, full, minutes):
    retries = Retries()
    full()
    refuse(session, site, ids)
    full(False)  # but not where these files lie, say

    tried = []
    for minute in range(130):
        retries.start_due(session, site)
        if in_jobs(session):
            tried.append(minute)
        session.execute(delete(JobItem))
        session.execute(delete(JobRecord))
        session.commit()
        minutes(1)

    assert tried == [0, 1, 3, 7, 15, 31, 63, 123]


def test_other_errors_are_not_tried_again(session, site, ids):
    session.execute(update(Device).where(Device.id.in_(ids)).values(model="nowhere"))
    session.commit()
    provision_devices(session, site, ids)

    Retries().start_due(session, site)

    assert in_jobs(session) == []


def test_the_duty_looks_each_minute_and_sweeps_each_hour(config, session, site, ids, lease, full, minutes):
    duty = files_duty(SiteLoader(config))
    left = config.provisioning_dir / ".805ec0000002.cfg.0123456789ab.tmp"

    assert duty.turn(session, lease) == Rest(60, 3600)
    left.write_bytes(b"half a fi")
    full()
    refuse(session, site, ids[:1])
    full(False)
    minutes(1)
    assert duty.turn(session, lease) == Rest(60, None)
    assert in_jobs(session) == ids[:1]
    assert left.exists()
    minutes(59)
    assert duty.turn(session, lease) == Rest(60, 3600)

    assert not left.exists()


def test_a_starting_worker_puts_files_right_without_a_button(config, session, ids):
    path = config.provisioning_dir / "805ec0000003.cfg"
    before = path.read_bytes()
    path.write_bytes(b"tampered with")
    workers = Workers(config)

    workers.start()
    try:
        job = wait_for(lambda: latest_job(session))
        assert eventually(session, job, lambda job: job.finished_at).state == JobState.DONE
    finally:
        workers.close()

    assert path.read_bytes() == before
    assert (job.asked_by, job.total) == ("webprov", 1)
