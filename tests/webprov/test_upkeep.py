import pytest
from sqlalchemy import select

from tests.factories import small_config
from tests.webprov.workers import Workers, eventually, make_fleet, wait_for
from webprov.enums import JobState
from webprov.jobs import start_provision_job
from webprov.provisioning import provision_devices
from webprov.rights import CONSOLE
from webprov.site import SiteLoader
from webprov.store.jobrecords import JobItem, JobRecord
from webprov.store.leases import Lease
from webprov.upkeep import repair_files, sweep_leftovers


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
