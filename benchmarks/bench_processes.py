"""P1c: two processes that share a port, on two cores, against one on one core; phones are played on the same cores.

So each core has its server and its phones to carry, with one as with two.
"""

import multiprocessing
import os
import socket
import sys
import tempfile
from functools import partial
from multiprocessing.pool import Pool

from benchmarks.bench_phone_get import SECONDS, make_fleet, storm
from benchmarks.goals import Result, Row, Skipped, interleaved, print_table
from benchmarks.load import requests_per_second, wait_for
from webprov.config import load_config
from webprov.plainparts import run_http
from webprov.store.instance import open_instance


def measure() -> list[Result]:
    """The row of P1c, in requests a second."""
    cores = sorted(os.sched_getaffinity(0))[-2:]
    if len(cores) < 2:
        return [Skipped("P1c", "this machine has one core")]
    with tempfile.TemporaryDirectory() as folder:
        requests = storm(make_fleet(load_config({"WEBPROV_INSTANCE": folder})))
        seen = interleaved({
            "two": partial(_rate, folder, requests, cores),
            "one": partial(_rate, folder, requests, cores[:1]),
        })  # fmt: skip
    return [Row("P1c", "two processes against one", "GET/s", seen["two"], seen["one"], 1.6)]


def _rate(folder: str, requests: list[bytes], cores: list[int]) -> float:
    """What servers and phones on these cores come to together."""
    spawn = multiprocessing.get_context("spawn")
    with socket.create_server(("127.0.0.1", 0), backlog=2_048) as listener:
        port: int = listener.getsockname()[1]
        servers = [spawn.Process(target=_serve, args=(folder, listener, core), daemon=True) for core in cores]
        for server in servers:
            server.start()
    try:
        with spawn.Pool(len(cores)) as pool:
            wait_for(port)
            _storm(pool, port, requests, cores, 1.0)
            return _storm(pool, port, requests, cores, SECONDS)
    finally:
        for server in servers:
            server.terminate()
            server.join(10)


def _storm(pool: Pool, port: int, requests: list[bytes], cores: list[int], seconds: float) -> float:
    return sum(pool.starmap(_play, [(port, requests, core, seconds) for core in cores], chunksize=1))


def _play(port: int, requests: list[bytes], core: int, seconds: float) -> float:
    os.sched_setaffinity(0, [core])
    return requests_per_second(port, requests, seconds)


def _serve(folder: str, listener: socket.socket, core: int) -> None:
    os.sched_setaffinity(0, [core])
    run_http(open_instance(load_config({"WEBPROV_INSTANCE": folder})), listener)


if __name__ == "__main__":
    sys.exit(not print_table(measure()))
