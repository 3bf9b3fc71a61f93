import threading
import time

import pytest

from tests.webprov.workers import wait_for
from webprov import worker as module
from webprov.store.leases import Lease
from webprov.worker import Duty, Worker, worker_runs


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


def test_a_duty_that_fails_does_not_stop_the_others(run, caplog):
    turns = []

    def fail(session, lease):
        raise RuntimeError("broken")

    def work(session, lease):
        turns.append(1)
        return 0.01

    run(Duty("bad", fail), Duty("good", work))

    assert wait_for(lambda: len(turns) > 3)
    assert "bad failed and is tried again" in caplog.text


def test_turns_of_one_duty_never_overlap_among_workers(run):
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
