"""Imports in the background: all of a file or nothing, whoever cancels, kills, changes or leaves meanwhile."""

import threading
from datetime import timedelta

import pytest
from sqlalchemy import func, select, text

from tests.factories import make_device, make_tenant, small_config
from tests.webprov.workers import Workers, eventually, wait_for
from webprov.changes.contacts import add_contact
from webprov.changes.devices import change_device
from webprov.changes.tenants import find_tenant
from webprov.deviceinput import parse_device
from webprov.enums import JobState, Role
from webprov.errors import Conflict, NotAllowed, NotFound
from webprov.importfiles import keep, opened
from webprov.importruns import imports_duty, run_next_import, sweep_imports
from webprov.imports import (
    cancel_import,
    discard_tried,
    find_import,
    import_tried,
    is_small,
    kept_file,
    problems_of,
    start_import,
)
from webprov.jobruns import run_next_batch
from webprov.jobs import SameJob, cancel_job
from webprov.people import create_user
from webprov.rights import CONSOLE, Actor
from webprov.site import SiteLoader
from webprov.store.contactrecords import Contact
from webprov.store.database import writing
from webprov.store.importrecords import ImportRecord
from webprov.store.jobrecords import JobRecord
from webprov.store.leases import Lease
from webprov.store.models import ChangeRecord, Device, User, utc_now

MAC = "805EC0000001"
ROWS = 1_200
PASSWORD = "seven quiet lamps"


def fleet(rows=ROWS, label="Desk"):
    lines = (f"acme,805EC1{n:06X},test-desk,{label} {n},{n},hush{n}" for n in range(rows))
    return "\n".join(["tenant,mac,model,label,line1_userid,line1_password", *lines]).encode()


def people(rows=ROWS, word="Ann"):
    return "\n".join(["first_name,last_name", *(f"{word},Lind {n}" for n in range(rows))]).encode()


@pytest.fixture
def config(tmp_path):
    return small_config(tmp_path)


@pytest.fixture
def site(config, session):
    make_tenant(session)
    make_tenant(session, "globex")
    return SiteLoader(config).load(session)


@pytest.fixture
def person(session, site):
    """Miriam, an administrator."""
    create_user(session, CONSOLE, name="Miriam", password=PASSWORD, role=Role.ADMINISTRATOR)
    return Actor("Miriam", Role.ADMINISTRATOR, address="10.0.0.7")


@pytest.fixture
def keeper(session, site):
    """Tom, the tenant administrator of acme."""
    acme = find_tenant(session, "acme", CONSOLE).id
    create_user(session, CONSOLE, name="Tom", password=PASSWORD, role=Role.TENANT_ADMINISTRATOR, tenant_id=acme)
    return Actor("Tom", Role.TENANT_ADMINISTRATOR, acme)


@pytest.fixture
def lease(instance):
    taken = Lease(instance.sessions, "imports")
    assert taken.hold()
    return taken


@pytest.fixture
def work(config, instance, lease):
    """Does what the worker does."""
    loader = SiteLoader(config, recheck_seconds=0)

    def turn(stop=None):
        with instance.sessions() as session:
            return run_next_import(session, instance, loader, lease, stop)

    return turn


@pytest.fixture
def workers(config, instance):
    started = Workers(config)
    yield started
    started.close()


def files(config):
    return sorted(path.name for path in config.imports_dir.glob("*"))


def count(session, table=Device):
    session.rollback()
    return session.scalar(select(func.count()).select_from(table))


def seen(session, job):
    session.rollback()
    session.refresh(job)
    return job


def test_devices_are_imported_and_who_did_it_is_recorded(config, session, person, work):
    job = start_import(session, config, person, fleet())
    assert (job.state, job.total) == ("waiting", ROWS)

    assert work()
    assert not work()

    assert (seen(session, job).state, job.done, job.error) == ("done", ROWS, "")
    assert find_import(session, job).counts == {"added": ROWS, "changed": 0, "unchanged": 0, "waiting": ROWS}
    assert count(session) == ROWS
    assert files(config) == []
    records = session.execute(select(ChangeRecord.user_name, ChangeRecord.address, ChangeRecord.action))
    assert ("Miriam", "10.0.0.7", "start") in records.all()
    last = session.scalars(select(ChangeRecord).where(ChangeRecord.action == "import")).one()
    assert (last.user_name, last.address, last.fields["added"]) == ("Miriam", "10.0.0.7", [0, ROWS])


def test_contacts_are_imported_into_their_tenant(config, session, keeper, work):
    tenant = find_tenant(session, "acme", CONSOLE)
    add_contact(session, CONSOLE, "acme", {"first_name": "Bo"})

    job = start_import(session, config, keeper, people(), tenant=tenant, replaces=True)
    work()

    assert (seen(session, job).title, job.state) == ("Import contacts of acme, replacing all", "done")
    counts = {"added": ROWS, "changed": 0, "unchanged": 0, "deleted": 1}
    assert (find_import(session, job).counts, job.tenant_id) == (counts, tenant.id)
    assert count(session, Contact) == ROWS


def test_the_file_lies_there_for_nobody_else_and_unreadable(config, session, person):
    start_import(session, config, person, fleet())

    (name,) = files(config)
    path = config.imports_dir / name
    assert (path.stat().st_mode & 0o777, config.imports_dir.stat().st_mode & 0o777) == (0o600, 0o700)
    assert b"hush" not in path.read_bytes()
    assert opened(config, name) == fleet()
    assert "hush" not in "".join(map(str, session.execute(text("SELECT * FROM imports")).all()))


def test_a_refused_file_changes_nothing_and_its_errors_are_told_encrypted(config, session, person, work):
    job = start_import(session, config, person, fleet() + b"\nnowhere,80,test-desk,x,1,hush")
    work()

    record = find_import(session, seen(session, job))
    assert (job.state, job.done, job.error) == ("failed", 0, "The file has 1 error; nothing was imported.")
    assert [(problem.row, problem.column) for problem in problems_of(record)] == [(ROWS + 2, "mac")]
    assert "MAC" not in session.execute(text("SELECT problems FROM imports")).scalar()
    assert (count(session), files(config)) == (0, [])


def test_a_trial_keeps_its_file_and_is_gone_on_with(config, session, person, work):
    trial = start_import(session, config, person, fleet(), is_trial=True)
    work()
    assert (seen(session, trial).state, count(session)) == ("done", 0)
    assert find_import(session, trial).counts["added"] == ROWS
    assert kept_file(session, trial, person)

    job = import_tried(session, person, trial.id)
    work()

    assert (seen(session, job).title, job.state, count(session)) == ("Import devices", "done", ROWS)
    assert kept_file(session, trial, person) is None
    assert files(config) == []
    with pytest.raises(NotFound):
        import_tried(session, person, trial.id)


@pytest.mark.parametrize("kind", ["devices", "contacts"])
def test_a_tried_file_is_refused_once_what_it_was_compared_with_has_changed(config, session, site, person, work, kind):
    make_device(session, site, "805EC1000000")
    tenant = find_tenant(session, "acme", CONSOLE)
    data, table = (fleet(), Device) if kind == "devices" else (people(), Contact)
    trial = start_import(session, config, person, data, tenant=tenant if kind == "contacts" else None, is_trial=True)
    work()
    if kind == "devices":
        change_device(session, site, "805EC1000000", parse_device({"mac": "805EC1000000", "label": "x"}), CONSOLE)
    else:
        add_contact(session, CONSOLE, "acme", {"first_name": "Bo"})

    job = import_tried(session, person, trial.id)
    work()

    assert (seen(session, job).state, "was changed since" in job.error) == ("failed", True)
    assert (count(session, table), files(config)) == (1, [])


def test_nobody_else_goes_on_with_a_trial(config, session, person, keeper, work):
    trial = start_import(session, config, keeper, fleet(), is_trial=True)
    work()

    for stranger in (person, Actor("Tom", Role.TENANT_ADMINISTRATOR, find_tenant(session, "globex", CONSOLE).id)):
        with pytest.raises(NotFound):
            import_tried(session, stranger, trial.id)
    discard_tried(session, config, keeper, trial.id)
    assert files(config) == []


def test_a_waiting_import_that_is_cancelled_leaves_no_file(config, session, person, work):
    job = start_import(session, config, person, fleet())

    cancel_import(session, config, person, job.id)

    assert (seen(session, job).state, files(config)) == ("cancelled", [])
    assert not work()


def test_a_running_import_that_is_cancelled_changes_nothing(config, instance, session, person, work, monkeypatch):
    job = start_import(session, config, person, fleet())
    monkeypatch.setattr("webprov.importruns._TELL_SECONDS", 0)
    rows = []

    def look(*_):
        with instance.sessions() as other:
            rows.append(other.scalar(select(ImportRecord.rows_read)))
            if rows[-1]:
                cancel_job(other, person, job.id)
        return {}

    monkeypatch.setattr("webprov.deviceimport._Plan._stored", look)
    work()

    assert rows == [0, 501]
    assert (seen(session, job).state, count(session), files(config)) == ("cancelled", 0, [])


@pytest.mark.parametrize(
    "change",
    [{"disabled": True}, {"role": Role.SUPPORT.value}, {"tenant_id": None, "role": Role.ADMINISTRATOR.value}],
)
def test_whoever_may_not_any_more_imports_nothing(config, session, keeper, work, change):
    job = start_import(session, config, keeper, fleet())
    with writing(session):
        user = session.scalar(select(User).where(User.name == "Tom"))
        for name, value in change.items():
            setattr(user, name, value)

    work()

    assert (seen(session, job).state, job.error) == ("failed", "Tom may not do this any more, so nothing was imported.")
    assert (count(session), files(config)) == (0, [])


def test_rights_are_those_of_an_import_at_once(config, session, site, keeper):
    support = Actor("Sue", Role.SUPPORT)
    with pytest.raises(NotAllowed):
        start_import(session, config, support, fleet())
    with pytest.raises(NotFound):
        start_import(session, config, keeper, people(), tenant=find_tenant(session, "globex", CONSOLE))
    assert files(config) == []


def test_the_same_file_twice_is_the_job_that_is_under_way(config, session, person):
    job = start_import(session, config, person, fleet())

    with pytest.raises(SameJob) as caught:
        start_import(session, config, person, fleet())

    assert (caught.value.job_id, len(files(config))) == (job.id, 1)


def test_a_person_has_few_imports_waiting(config, session, person):
    for number in range(5):
        start_import(session, config, person, fleet(number + 1))

    with pytest.raises(Conflict, match="5 imports of yours"):
        start_import(session, config, person, fleet(9))

    assert len(files(config)) == 5


def test_nobody_imports_what_waited_for_days(config, session, person, work):
    job = start_import(session, config, person, fleet())
    with writing(session):
        session.get(JobRecord, job.id).created_at = utc_now() - timedelta(days=1, minutes=1)

    work()

    assert (seen(session, job).state, "within a day" in job.error) == ("failed", True)
    assert (count(session), files(config)) == (0, [])


def test_files_that_nobody_needs_are_deleted(config, instance, session, person, work, monkeypatch):
    monkeypatch.setattr("webprov.importfiles._YOUNG_SECONDS", -1)
    trial = start_import(session, config, person, fleet(), is_trial=True)
    work()
    waiting = start_import(session, config, person, fleet(2))
    keep(config, b"what a crash left between file and record")
    assert (sweep_imports(session, instance), len(files(config))) == (1, 2)

    with writing(session):
        session.get(ImportRecord, trial.id).file_until = utc_now()
    assert sweep_imports(session, instance) == 1

    assert files(config) == [find_import(session, waiting).file]
    assert kept_file(session, trial, person) is None


def test_a_file_that_is_gone_or_damaged_is_said(config, session, person, work):
    jobs = [start_import(session, config, person, fleet(rows)) for rows in (1, 2)]
    (config.imports_dir / find_import(session, jobs[0]).file).unlink()
    (config.imports_dir / find_import(session, jobs[1]).file).write_bytes(b"x" * 100)

    while work():
        pass

    assert [(seen(session, job).state, "Choose it again" in job.error) for job in jobs] == [("failed", True)] * 2


def test_an_import_that_kills_its_worker_again_and_again_is_given_up(config, session, person, work):
    job = start_import(session, config, person, fleet())
    with writing(session):
        record = session.get(JobRecord, job.id)
        record.state, record.runner, record.interruptions = JobState.RUNNING.value, "gone", 3

    work()

    assert (seen(session, job).state, "smaller parts" in job.error) == ("failed", True)
    assert (count(session), files(config)) == (0, [])


def test_a_worker_that_has_to_end_leaves_the_import_to_the_next(config, session, person, work):
    job = start_import(session, config, person, fleet())
    stop = threading.Event()
    stop.set()

    work(stop)
    assert (seen(session, job).state, count(session), len(files(config))) == ("running", 0, 1)

    work()
    assert (seen(session, job).state, count(session)) == ("done", ROWS)


def test_an_unexpected_error_ends_the_import_and_not_the_worker(config, session, person, work, monkeypatch):
    job = start_import(session, config, person, fleet())
    monkeypatch.setattr("webprov.deviceimport._store", lambda *_: 1 / 0)

    assert work()

    assert (seen(session, job).state, "log says what" in job.error) == ("failed", True)
    assert (count(session), files(config)) == (0, [])


def test_trouble_after_all_is_stored_is_no_failure(config, instance, session, person, work, monkeypatch):
    job = start_import(session, config, person, fleet())
    monkeypatch.setattr("webprov.deviceimport.push_removals", lambda *_: 1 / 0)

    work()

    assert (seen(session, job).state, count(session)) == ("done", ROWS)
    monkeypatch.setattr("webprov.importfiles._YOUNG_SECONDS", -1)
    sweep_imports(session, instance)
    assert files(config) == []


def test_jobs_that_provision_leave_imports_alone(config, instance, session, person):
    job = start_import(session, config, person, fleet())
    lease = Lease(instance.sessions, "jobs")
    lease.hold()

    assert not run_next_batch(session, SiteLoader(config), lease)

    assert seen(session, job).state == "waiting"


def test_a_tenant_that_goes_takes_its_imports_along(config, instance, session, keeper, work, monkeypatch):
    tenant = find_tenant(session, "acme", CONSOLE)
    job = start_import(session, config, keeper, people(), tenant=tenant)

    def go(*_args, **_options):
        with writing(session):
            session.execute(text("DELETE FROM jobs WHERE id = :id"), {"id": job.id})
        return ""

    monkeypatch.setattr("webprov.importruns.opened", go)
    assert work()

    monkeypatch.setattr("webprov.importfiles._YOUNG_SECONDS", -1)
    sweep_imports(session, instance)
    assert (count(session, Contact), files(config)) == (0, [])


def test_the_duty_takes_what_waits_and_then_rests(config, instance, session, person, lease):
    duty = imports_duty(instance, SiteLoader(instance.config))
    start_import(session, config, person, fleet(3))

    with instance.sessions() as own:
        assert [duty.turn(own, lease) for _ in range(2)] == [0, 1.0]

    assert count(session) == 3


@pytest.mark.parametrize("moment", ["reading", "storing"])
def test_a_killed_worker_leaves_nothing_and_the_next_one_imports_all(config, session, person, workers, moment):
    """Killed while rows are read, and while they are stored: the write lock of SQLite tells when that is."""
    job = start_import(session, config, person, fleet(20_000))
    first = workers.start()
    record = session.get(ImportRecord, job.id)

    def is_there():
        session.rollback()
        return record.rows_read > 0 if moment == "reading" else record.step == "storing"

    assert wait_for(is_there, 60)
    workers.kill(first)
    assert (seen(session, job).state, count(session), len(files(config))) == ("running", 0, 1)

    workers.start()
    wait_for(lambda: seen(session, job).finished_at, 120)
    job = eventually(session, job, lambda job: job.finished_at is not None)

    assert (job.state, job.done, job.interruptions) == ("done", 20_000, 1)
    assert count(session) == 20_000
    assert wait_for(lambda: files(config) == [])


def test_small_files_are_imported_at_once():
    assert is_small(fleet(1_500))
    assert not is_small(fleet(2_500))
    assert not is_small(b"x" * 300_000)
