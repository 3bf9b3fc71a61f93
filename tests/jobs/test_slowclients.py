"""Slow clients (security RL-01, figure R11): half-sent headers, dripping bodies, readers that hardly read.

Ordinary phones and people go on as if they were not there. WEBPROV_LONG=1 brings 1,400 of them for three minutes and
sees each one cut.
"""

import http.client
import random
import socket
import threading
import time
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.properties import LONG
from tests.service import Service, eventually, status
from tests.webprov.serving.fleet import MAC, Fleet, basic

HALVES, BODIES, READERS = (1_000, 200, 200) if LONG else (100, 20, 20)
SECONDS = 180 if LONG else 4
SOURCES = 40
CUT_SECONDS = 75
READER_SECONDS = 40
"""A reader sees that it was cut only once it has read all that the kernel keeps for it: it begins anew by then."""
FIRMWARE_BYTES = 32 * 1024 * 1024


@pytest.fixture
def service(tmp_path):
    running = Service(tmp_path)
    fleet = Fleet(running.instance)
    fleet.add_phone(upload_names=f"{MAC.lower()}.log")
    fleet.add_asset("FIRMWARE-yealink-t54w/a.rom", random.Random(1).randbytes(FIRMWARE_BYTES))
    fleet.change(uploads_enabled=True)
    running.login = basic(fleet.settings.http_user, fleet.settings.http_password)
    running.start()
    assert eventually(lambda: status(running.port, "/provisioning/x"), 30)
    assert eventually(lambda: status(running.admin, "/login"), 30)
    yield running
    running.close()


@dataclass
class Slow:
    """One slow client: what it says first, a byte to add now and then, whether it reads instead."""

    port: int
    source: str
    first: bytes
    reads: bool = False
    connection: socket.socket | None = None
    began: float = 0.0
    longest: float = 0.0

    def step(self, again: bool) -> None:
        """Connect where there is no connection and `again`, else one more byte; notes how long each was borne."""
        if self.connection is None:
            if again:
                self._begin()
            return
        age = time.monotonic() - self.began
        if self._is_cut() or (self.reads and age > READER_SECONDS):
            self.longest = max(self.longest, age)
            self.connection.close()
            self.connection = None

    def _begin(self) -> None:
        connection = socket.socket()
        if self.reads:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
        connection.bind((self.source, 0))
        connection.settimeout(10)
        try:
            connection.connect(("127.0.0.1", self.port))
            connection.sendall(self.first)
        except OSError:
            connection.close()
            return
        connection.setblocking(False)
        self.connection, self.began = connection, time.monotonic()

    def _is_cut(self) -> bool:
        try:
            if not self.reads:
                self.connection.send(b"x")
            return self.connection.recv(1) == b""
        except BlockingIOError:
            return False
        except OSError:
            return True


def crowd(service) -> list[Slow]:
    sources = [f"127.40.0.{1 + number}" for number in range(SOURCES)]
    length = f"{MAC.lower()}.log HTTP/1.1\r\nAuthorization: {service.login}\r\nContent-Length: 60000\r\n\r\n"
    firmware = f"GET /provisioning/FIRMWARE-yealink-t54w/a.rom HTTP/1.1\r\nAuthorization: {service.login}\r\n\r\n"
    found = [Slow(service.port, sources[n % SOURCES], b"GET /x HTTP/1.1\r\nX-A: ") for n in range(HALVES)]
    found += [Slow(service.port, sources[n % SOURCES], f"PUT /provisioning/{length}".encode()) for n in range(BODIES)]
    return found + [Slow(service.port, sources[n % SOURCES], firmware.encode(), reads=True) for n in range(READERS)]


class Others:
    """An ordinary phone that fetches again and again, and a person who opens a page."""

    def __init__(self, service) -> None:
        self._service = service
        self.fetches: list[float] = []
        self.pages: list[float] = []
        self.failures: list[str] = []
        self._done = threading.Event()
        self._threads = [threading.Thread(target=self._run, args=(what,)) for what in (self._fetch, self._page)]

    def __enter__(self):
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self._done.set()
        for thread in self._threads:
            thread.join()

    def _run(self, what) -> None:
        while not self._done.wait(0.05):
            try:
                what()
            except (OSError, http.client.HTTPException) as e:
                self.failures.append(f"{what.__name__}: {e!r}")

    def _fetch(self) -> None:
        began = time.monotonic()
        connection = http.client.HTTPConnection("127.0.0.1", self._service.port, 20, ("127.50.0.1", 0))
        connection.request("GET", f"/provisioning/{MAC.lower()}.cfg", headers={"Authorization": self._service.login})
        answer = connection.getresponse()
        if (answer.status, answer.read()) != (200, b"#hello\n"):
            self.failures.append(f"fetch: {answer.status}")
        connection.close()
        self.fetches.append(time.monotonic() - began)

    def _page(self) -> None:
        began = time.monotonic()
        if status(self._service.admin, "/login") is None:
            self.failures.append("page")
        self.pages.append(time.monotonic() - began)


def percentile(values: list[float], part: float = 0.99) -> float:
    return sorted(values)[int(len(values) * part)]


def open_files(service) -> int:
    return len(list(Path(f"/proc/{service.children()['http']}/fd").iterdir()))


def test_r11_slow_clients_hold_up_nobody_and_are_cut(service):
    slow = crowd(service)
    before = open_files(service)
    with Others(service) as others:
        end, held = time.monotonic() + SECONDS, 0
        while time.monotonic() < end:
            turn = time.monotonic()
            for one in slow:
                one.step(again=True)
            held = max(held, open_files(service) - before)
            time.sleep(max(0.0, 1.0 - (time.monotonic() - turn)))
        if LONG:
            assert eventually(lambda: left(service, slow, before) == 0, CUT_SECONDS)
    for one in slow:
        if one.connection:
            one.connection.close()

    print(f"held {held}; fetches {len(others.fetches)} p99 {percentile(others.fetches):.3f} s; pages")
    print(f"{len(others.pages)} p99 {percentile(others.pages):.3f} s; longest {max(one.longest for one in slow):.1f} s")
    assert others.failures == []
    assert held >= 0.9 * (HALVES + BODIES + READERS)
    assert percentile(others.fetches) <= (1.0 if LONG else 5.0)
    assert percentile(others.pages) <= (2.0 if LONG else 5.0)
    assert max(one.longest for one in slow if not one.reads) <= CUT_SECONDS


def left(service, slow: list[Slow], before: int) -> int:
    """How many file handles too many the listener still has, while nobody new comes."""
    for one in slow:
        one.step(again=False)
    time.sleep(1)
    return max(0, open_files(service) - before - 2)
