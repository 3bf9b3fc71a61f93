import threading
import time
from datetime import timedelta

import pytest

from tests.webprov.workers import wait_for
from webprov import dutystates
from webprov import worker as module
from webprov.dutystates import duty_states
from webprov.nudges import nudge
from webprov.store import leases
from webprov.store.jobrecords import LeaseRecord
from webprov.store.leases import Lease
from webprov.store.models import utc_now
from webprov.worker import Duty, TurnFailed, Worker, worker_runs


@pytest.fixture
def run(instance):
    """Runs a worker with these duties in a thread."""
    started = []

    def start(*duties):
        worker = Worker(instance, duties)
        thread = threading.Thread(target=worker.run)
        started.append((worker, thread))
        thread.start()
        return worker

    yield start
    for worker, _ in started:
        worker.stop.set()
    for _, thread in started:
        thread.join(10)


def test_bg04_a_duty_that_fails_does_not_stop_the_others(run, caplog):
    turns = []

    def fail(session, lease):
        raise RuntimeError("broken")

    def work(session, lease):
        turns.append(1)
        return 0.01

    run(Duty("bad", fail), Duty("good", work))

    assert wait_for(lambda: len(turns) > 3)
    assert "bad failed and is tried again" in caplog.text


def test_bg06_turns_of_one_duty_never_overlap_among_workers(run):
    at_work, worst, turns = [], [], []

    def work(session, lease):
        at_work.append(1)
        worst.append(len(at_work))
        time.sleep(0.01)
        at_work.pop()
        turns.append(1)
        return 0

    for _ in range(3):
        run(Duty("alone", work))

    assert wait_for(lambda: len(turns) > 20)
    assert max(worst) == 1


def test_a_turn_at_work_keeps_its_lease(run, instance, monkeypatch):
    monkeypatch.setattr(module, "_LOOK_AFTER_SECONDS", 0.01)
    beats = []
    monkeypatch.setattr(Lease, "keep", lambda self: beats.append(self.name))
    release = threading.Event()

    def work(session, lease):
        release.wait(10)
        return 1

    run(Duty("long", work))

    assert wait_for(lambda: len(beats) > 3)
    release.set()


def test_worker_runs_says_whether_anybody_is_there(run, config, session):
    assert not worker_runs(session, config)

    run()

    assert wait_for(lambda: worker_runs(session, config))


def test_a_worker_seen_lately_on_another_machine_counts(instance, config, session):
    Lease(instance.sessions, "jobs", machine="elsewhere:/srv").hold()

    assert worker_runs(session, config)


def test_a_nudge_ends_a_rest(run, session):
    turns = []

    def work(session, lease):
        turns.append(1)
        return 3600

    run(Duty("assets", work))
    assert wait_for(lambda: turns)

    nudge(session, "assets")

    assert wait_for(lambda: len(turns) == 2)


def test_a_resting_duty_stays_with_its_worker(run, monkeypatch, instance):
    """The other one would take it over once the beat stood still, and do it twice per period (BG-01)."""
    monkeypatch.setattr(module, "_RESTING_BEAT_SECONDS", 0.01)
    monkeypatch.setattr(leases, "_BEAT_SECONDS", 0.01)
    turns = []

    def work(session, lease):
        turns.append(1)
        return 3600

    run(Duty("assets", work))
    assert wait_for(lambda: turns)

    def beat():
        with instance.sessions() as session:
            return session.get(LeaseRecord, "assets").beat

    first = beat()
    assert wait_for(lambda: beat() > first + 3)
    assert len(turns) == 1


def test_bg04_what_became_of_a_duty_can_be_seen(run, session):
    def fail(session, lease):
        raise TurnFailed("The storage is away.", 60)

    def burst(session, lease):
        raise RuntimeError("a secret")

    run(Duty("good", lambda session, lease: 0.01), Duty("away", fail), Duty("broken", burst))

    def seen():
        session.rollback()
        return len(duty_states(session)) == 3

    assert wait_for(seen)
    found = {duty.name: duty for duty in duty_states(session)}
    assert found["good"].succeeded_at
    assert found["good"].error == ""
    assert (found["away"].error, found["away"].succeeded_at) == ("The storage is away.", None)
    assert found["away"].next_at > found["away"].failed_at
    assert found["broken"].error == "RuntimeError; the log of the worker says more."


def test_a_worker_that_ends_breaks_off_what_takes_long(run):
    broken_off, begun = threading.Event(), threading.Event()

    def work(session, lease):
        begun.set()
        broken_off.wait(30)
        return 1

    worker = run(Duty("long", work, interrupt=broken_off.set))
    assert begun.wait(10)

    worker.stop.set()

    assert broken_off.wait(10)


def test_rests_are_counted_by_the_monotonic_clock(run, monkeypatch):
    """A wall clock that jumps by years neither stops nor storms a duty (BG-05)."""
    turns = []

    def work(session, lease):
        turns.append(1)
        jump = timedelta(days=400 if len(turns) % 2 else -800)
        shifted = utc_now() + jump
        for part in (module, dutystates, leases):
            monkeypatch.setattr(part, "utc_now", lambda: shifted)
        return 0.2

    run(Duty("steady", work))
    began = time.monotonic()
    assert wait_for(lambda: len(turns) >= 5)
    lasted = time.monotonic() - began

    assert 5 <= len(turns) <= 2 + lasted / 0.2
