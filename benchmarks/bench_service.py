"""P8, P9, P10: the whole of `webprov serve` with 10,000 devices: its pages, its start, its memory."""

import statistics
import subprocess
import sys
import threading
import time

from benchmarks.bench_phone_get import storm
from benchmarks.goals import ROUNDS, Limit, Result, print_table
from benchmarks.load import requests_per_second
from benchmarks.service import Running, Service, Visitor, fleet_service

DEVICES = 10_000
_PAGES = (
    "/", "/devices/", "/devices/?q=9876", "/devices/805EC0000007/", "/fetches/", "/models/", "/settings/", "/jobs/",
)  # fmt: skip
_TIMES = 15
_STORM_SECONDS = 15.0
_CONNECTIONS = 64


def measure() -> list[Result]:
    """The rows of P8, P9 and P10."""
    with fleet_service(DEVICES) as service:
        starts = []
        for _ in range(ROUNDS):
            with service.running() as running:
                starts.append(running.start_seconds)
        with service.running() as running:
            pages = _pages(service)
            memory = _memory(service, running)
    return [
        *pages,
        Limit("P9", "`webprov serve` to its first answers", "s", statistics.median(starts), 3),
        Limit("P9", "`webprov --help`", "s", statistics.median(_help() for _ in range(ROUNDS)), 0.5),
        *memory,
    ]


def _pages(service: Service) -> list[Result]:
    """The slowest page of a quiet server; all pages while phones storm, the slow ones against the usual ones."""
    visitor = Visitor(service.admin_port)
    quiet: dict[str, float] = {}
    for page in _PAGES:
        quiet[page] = statistics.median(visitor.seconds(page) for _ in range(_TIMES)) * 1000
        print(f"  {page}: {quiet[page]:.0f} ms", file=sys.stderr)
    phones = threading.Thread(target=_storm, args=(service, _STORM_SECONDS))
    phones.start()
    stormy = []
    while phones.is_alive():
        stormy += [visitor.seconds(page) * 1000 for page in _PAGES]
    visitor.close()
    middle, late = statistics.median(stormy), statistics.quantiles(stormy, n=20)[-1]
    slowest = max(quiet, key=quiet.__getitem__)
    return [
        Limit("P8", f"the slowest page, {slowest}", "ms", quiet[slowest], 100),
        Limit("P8", f"p95 of pages in a storm, of its p50 ({middle:.0f} ms)", "times", late / middle, 5),
    ]


def _storm(service: Service, seconds: float) -> float:
    """Phones that ask for their files; requests a second."""
    requests = storm(service.login, [f"805EC0{number:06X}" for number in range(0, DEVICES, 5)])
    return requests_per_second(service.phone_port, requests, seconds, _CONNECTIONS)


def _memory(service: Service, running: Running) -> list[Result]:
    rate = _storm(service, 3.0)
    time.sleep(3)  # until what phones asked for is written
    before = running.memory_bytes()
    _storm(service, 100_000 / rate)
    time.sleep(3)
    after = running.memory_bytes()
    return [
        Limit("P10", "memory of all parts", "MB", before / 1e6, 400),
        Limit("P10", "its growth over 100,000 requests", "%", (after / before - 1) * 100, 5),
    ]


def _help() -> float:
    start = time.perf_counter()
    subprocess.run([sys.executable, "-m", "webprov", "--help"], check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - start


if __name__ == "__main__":
    sys.exit(not print_table(measure()))
