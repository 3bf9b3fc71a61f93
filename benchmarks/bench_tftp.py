"""P6b: phones' TFTP against tftpd-hpa, which forks a process for each request: small files, and one of 20 MB."""

import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path

from benchmarks.bench_phone_get import OWN_BYTES, PHONES, make_fleet, running
from benchmarks.goals import Result, Row, Skipped, interleaved, print_table
from benchmarks.tftpload import Load, downloads
from webprov.config import load_config
from webprov.plainparts import run_tftp
from webprov.store.database import bump, writing
from webprov.store.instance import open_instance
from webprov.store.settings import load_settings, store_settings

SECONDS = 3.0
LARGE = "FIRMWARE-bench/large.rom"
LARGE_BYTES = 20_000_000
_HPA = "in.tftpd"


def measure() -> list[Result]:
    """The rows of P6b."""
    program = shutil.which(_HPA) or shutil.which(_HPA, path="/usr/sbin")
    if program is None:
        return [Skipped("P6b", "tftpd-hpa is not installed (Debian: tftpd-hpa)")]
    if os.getuid() != 0:
        return [Skipped("P6b", "tftpd-hpa runs as root only")]
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        prepare(folder)
        root = load_config({"WEBPROV_INSTANCE": folder}).provisioning_dir
        with running(partial(serve_webprov, folder), _wait) as own, peer(program, root) as hpa:
            return _rows(own, hpa)


def prepare(folder: str) -> None:
    """The fleet of P1, files of 6 KB, with TFTP on for the loopback and a firmware."""
    config = load_config({"WEBPROV_INSTANCE": folder})
    make_fleet(config)
    large = config.provisioning_dir / LARGE
    large.parent.mkdir()
    large.write_bytes(os.urandom(LARGE_BYTES))
    for path in config.provisioning_dir.rglob("*"):
        path.chmod(0o755 if path.is_dir() else 0o644)  # tftpd-hpa gives only what everybody may read
    instance = open_instance(config)
    with instance.sessions() as session, writing(session):
        on = replace(load_settings(session), tftp_enabled=True, tftp_networks="127.0.0.0/8")
        store_settings(session, on, by="")
        bump(session, "settings")
    instance.close()


def serve_webprov(folder: str, port: int) -> None:
    """The product: gatekeeper, look-up, log."""
    listener = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    listener.bind(("127.0.0.1", port))
    run_tftp(open_instance(load_config({"WEBPROV_INSTANCE": folder})), listener)


@contextmanager
def peer(program: str, root: Path) -> Iterator[int]:
    """tftpd-hpa on the last core; yields its port."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [program, "-L", "-4", "-a", f"127.0.0.1:{port}", "-u", "root", "-s", str(root)]
    process = subprocess.Popen(command)
    try:
        os.sched_setaffinity(process.pid, sorted(os.sched_getaffinity(1))[-1:])
        _wait(port)
        yield port
    finally:
        process.terminate()
        process.wait(10)


def _rows(own: int, hpa: int) -> list[Result]:
    names = [f"805ec0{number:06x}.cfg" for number in range(PHONES)]
    seen: list[Load] = []

    def files(port: int, at_once: int) -> float:
        load = downloads(port, names, at_once, SECONDS, blksize=1_428, tsize=0)
        if port == own:
            seen.append(load)
        assert load.bytes == load.files * OWN_BYTES
        return load.in_time / load.seconds

    def large(port: int, **options: int) -> float:
        load = downloads(port, [LARGE], 1, 0, blksize=1_428, **options)
        assert load.bytes == LARGE_BYTES
        return load.bytes / load.seconds / 1e6

    def both(measured: Callable[..., float], *args: int, **options: int) -> dict[str, float]:
        turns = {name: partial(measured, port, *args, **options) for name, port in (("webprov", own), ("hpa", hpa))}
        return interleaved(turns)

    few, many, single, windows = both(files, 16), both(files, 200), both(large), both(large, windowsize=8)
    sent_once = 100.0 * sum(load.files for load in seen) / sum(load.files + load.repeated for load in seen)
    return [
        Row("P6b", "TFTP, 6 KB, 16 at once, against tftpd-hpa", "files/s", few["webprov"], few["hpa"], 1.5),
        Row("P6b", "TFTP, 6 KB, 200 at once, against tftpd-hpa", "files/s", many["webprov"], many["hpa"], 1.5),
        Row("P6b", "TFTP, 20 MB, block by block", "MB/s", single["webprov"], single["hpa"], 0.6),
        Row("P6b", "TFTP, 20 MB, windowsize 8", "MB/s", windows["webprov"], windows["hpa"], 1.5),
        Row("P6b", "TFTP, small files without a repeated datagram", "%", sent_once, 100.0, 1.0),
    ]


def _wait(port: int) -> None:
    end = time.monotonic() + 30
    while time.monotonic() < end:
        try:
            downloads(port, ["y000000000096.cfg"], 1, 0)
        except OSError:
            time.sleep(0.1)
        else:
            return
    raise TimeoutError(f"no TFTP on {port}")


if __name__ == "__main__":
    sys.exit(not print_table(measure()))
