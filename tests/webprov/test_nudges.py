import logging
import shutil
import subprocess
import threading

import pytest

from tests.storage import free_port
from tests.webprov.workers import wait_for
from webprov.nudges import NudgeQueue, nudge


@pytest.fixture(scope="module")
def redis(tmp_path_factory):
    """A real Redis on the loopback; its URL."""
    server = shutil.which("redis-server")
    if server is None:
        pytest.skip("redis-server is not installed")
    port = free_port()
    folder = tmp_path_factory.mktemp("redis")
    command = [server, "--port", str(port), "--bind", "127.0.0.1", "--save", "", "--dir", str(folder)]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    url = f"redis://127.0.0.1:{port}/0"
    assert wait_for(lambda: _answers(url))
    yield url
    process.terminate()
    process.wait(10)


def _answers(url):
    queue = NudgeQueue(url)
    queue.send("first")
    return not queue._is_away


@pytest.fixture(params=["sqlite", "redis"])
def url(request, tmp_path):
    if request.param == "redis":
        return request.getfixturevalue("redis")
    return f"sqlite:///{tmp_path / 'queue.sqlite3'}"


@pytest.fixture
def listen():
    """Starts listeners, each with the duties it does; the names that it was woken for."""
    stop, threads = threading.Event(), []

    def start(url, *mine):
        heard = []

        def wake(duty):
            if duty in mine:
                heard.append(duty)
            return duty in mine

        thread = threading.Thread(target=NudgeQueue(url).listen, args=[wake, stop])
        threads.append(thread)
        thread.start()
        return heard

    yield start
    stop.set()
    for thread in threads:
        thread.join(10)


def test_a_nudge_wakes_the_duty_it_names(url, listen):
    heard = listen(url, "contacts")

    NudgeQueue(url).send("contacts")

    assert wait_for(lambda: heard)
    assert heard == ["contacts"]


def test_a_nudge_finds_the_process_that_does_the_duty(url, listen):
    heard, other = listen(url, "contacts"), listen(url, "assets")

    for _ in range(5):
        NudgeQueue(url).send("contacts")

    assert wait_for(lambda: len(heard) == 5)
    assert other == []


def test_nudges_that_nobody_hears_do_not_pile_up(url):
    queue = NudgeQueue(url)

    for _ in range(300):
        queue.send("jobs")

    assert queue._storage.queue_size() <= 101  # with one that a test before may have left


def test_a_queue_that_is_away_is_logged_once_and_work_goes_on(session, caplog):
    session.info["queue_url"] = f"redis://127.0.0.1:{free_port()}/0"

    with caplog.at_level(logging.INFO):
        for _ in range(3):
            nudge(session, "jobs")

    assert caplog.text.count("cannot be used") == 1


def test_what_others_put_into_the_queue_is_only_a_name(url, listen):
    heard = listen(url, "jobs")
    queue = NudgeQueue(url)
    queue.send("warm up")

    queue._storage.enqueue(b"cos\nsystem\n(S'touch /tmp/owned'\ntR.")
    queue._storage.enqueue(b"\xff\xfe no name 9999")
    queue.send("jobs")

    assert wait_for(lambda: heard)
    assert set(heard) == {"jobs"}


def test_threads_of_one_process_may_use_the_queue_together(tmp_path, caplog):
    queue = NudgeQueue(f"sqlite:///{tmp_path / 'queue.sqlite3'}")
    heard, stop = [], threading.Event()
    listener = threading.Thread(target=queue.listen, args=[lambda duty: heard.append(duty) or True, stop])

    def send(name):
        for number in range(20):
            queue.send(f"{name} {number}")

    senders = [threading.Thread(target=send, args=[name]) for name in "abcd"]
    for thread in (listener, *senders):
        thread.start()
    for thread in senders:
        thread.join()
    try:
        assert wait_for(lambda: len(heard) == 80)
    finally:
        stop.set()
        listener.join()
    assert caplog.records == []
