import logging
import threading

from webprov.serving.workers import Workers


class Task:
    """Notes what becomes of it; waits for `go` while it is being served."""

    def __init__(self, go=None, error=None):
        self.go, self.error = go, error
        self.began, self.served, self.cancelled = threading.Event(), threading.Event(), False

    def service(self):
        self.began.set()
        if self.error:
            raise self.error
        if self.go:
            self.go.wait(5)
        self.served.set()

    def cancel(self):
        self.cancelled = True


def test_a_task_that_fails_is_logged_and_the_next_one_is_served(caplog):
    workers = Workers(1)
    after = Task()

    with caplog.at_level(logging.ERROR):
        workers.add_task(Task(error=ValueError("lost")))
        workers.add_task(after)
        assert after.served.wait(5)

    assert "A request could not be answered" in caplog.text
    workers.shutdown()


def test_shutdown_finishes_what_has_begun_and_gives_up_what_waits():
    workers = Workers(1)
    go = threading.Event()
    running, waiting = Task(go), Task()
    workers.add_task(running)
    workers.add_task(waiting)
    running.began.wait(5)

    threading.Timer(0.2, go.set).start()
    workers.shutdown()

    assert running.served.is_set()
    assert waiting.cancelled
    assert not waiting.began.is_set()


def test_shutdown_does_not_wait_for_ever():
    workers = Workers(2)
    stuck = Task(threading.Event())
    workers.add_task(stuck)
    stuck.began.wait(5)

    workers.shutdown(timeout=0.1)

    assert not stuck.served.is_set()
    stuck.go.set()
