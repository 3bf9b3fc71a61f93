"""P4: pushing to S3 storage. One device against one bare PUT; a fleet against `rclone copy` and a bare pool of 32.

The storage is `rclone serve s3` on this machine; for the round trip of 20 ms a proxy in front of it waits.
"""

import io
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from urllib.parse import urlsplit

import urllib3
from minio import Minio
from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from benchmarks.bench_fleet import add, fleet_row, fresh_instance
from benchmarks.delay import far_away
from benchmarks.goals import Result, Row, Skipped, interleaved, print_table
from benchmarks.load import wait_for
from webprov.changes.settings import save_settings
from webprov.delivery.pushes import PushContext, PushedFile
from webprov.delivery.s3 import S3Transport
from webprov.deviceinput import parse_device
from webprov.provisioning import provision_devices
from webprov.redelivery import redeliver
from webprov.rights import CONSOLE
from webprov.site import SiteLoader
from webprov.store.database import writing
from webprov.store.models import Device, PushRecord

DEVICES = int(os.environ.get("WEBPROV_BENCH_DEVICES", "2000"))
ROUND_TRIP_SECONDS = 0.020
AT_ONCE = 32
ROUNDS = 3
KEYS = ("bench-access-key", "bench-secret-key")
BUCKET = "acme-phones"


def measure() -> list[Result]:
    """The rows of P4a and P4b."""
    if not _rclone():
        return [Skipped("P4", "rclone is not installed")]
    with tempfile.TemporaryDirectory() as folder, fresh_instance() as instance, instance.sessions() as session:
        add(instance, [parse_device(fleet_row(number)) for number in range(DEVICES)])
        with _storage(Path(folder)) as port, far_away(port, ROUND_TRIP_SECONDS) as far:
            run = _Run(session, SiteLoader(instance.config))
            near_figures = run.fleet(port)
            far_figures = run.fleet(far)
            single = run.single()
    return [
        Row("P4a", "one device, 3 files, at 20 ms, against one PUT", "1/s", single["webprov"], single["put"], 1 / 1.5),
        Row(
            "P4b", "a fleet to S3 against rclone copy", "files/s", near_figures["webprov"], near_figures["rclone"], 0.8
        ),
        Row("P4b", "the same at 20 ms", "files/s", far_figures["webprov"], far_figures["rclone"], 0.8),
        Row("P4b", "the same against a bare minio pool", "files/s", far_figures["webprov"], far_figures["pool"], 0.9),
    ]


class _Run:
    """The same files of one fleet by each way."""

    def __init__(self, session: Session, loader: SiteLoader) -> None:
        self.session = session
        self.loader = loader
        self.ids = list(session.scalars(select(Device.id)))
        self.endpoint = ""

    def fleet(self, port: int) -> dict[str, float]:
        """Files a second to the storage behind `port`, webprov's database work included."""
        self.endpoint = f"http://127.0.0.1:{port}"
        save_settings(self.session, _settings(self.endpoint), CONSOLE)
        provision_devices(self.session, self.loader.load(self.session), self.ids)
        subjects = {"webprov": self.webprov, "rclone": self.rclone, "pool": self.pool}
        return interleaved(subjects, ROUNDS)

    def webprov(self) -> float:
        """As the worker carries everything to a storage that has just been chosen."""
        site = self.loader.load(self.session)
        with writing(self.session):
            self.session.execute(delete(PushRecord))

        def carry() -> None:
            if redeliver(self.session, site).left:
                raise RuntimeError("a push failed")

        return self._rate(carry)

    def rclone(self) -> float:
        return self._rate(partial(_rclone_copy, self.loader.config.provisioning_dir, self.endpoint))

    def pool(self) -> float:
        client = _client(self.endpoint)
        files = self._files()

        def put(path: Path) -> None:
            content = path.read_bytes()
            client.put_object(BUCKET, f"yealink-t54w/{path.name}", io.BytesIO(content), len(content))

        def all_of_them() -> None:
            with ThreadPoolExecutor(AT_ONCE) as pool:
                list(pool.map(put, files))

        return self._rate(all_of_them)

    def single(self) -> dict[str, float]:
        """Three files of one device side by side, and one PUT; how often a second."""
        client, transport = _client(self.endpoint), self.loader.load(self.session).transport
        assert isinstance(transport, S3Transport)
        files = [PushedFile("yealink-t54w", path.name, path) for path in self._files()[:3]]
        content = files[0].disk.read_bytes()
        context = PushContext("", "", "", "")
        subjects = {
            "webprov": partial(_often, lambda: transport.push(files, context)),
            "put": partial(_often, lambda: client.put_object(BUCKET, "one", io.BytesIO(content), len(content))),
        }
        return interleaved(subjects, ROUNDS)

    def _files(self) -> list[Path]:
        return sorted((self.loader.config.provisioning_dir / "yealink-t54w").iterdir())

    def _rate(self, work: Callable[[], object]) -> float:
        start = time.perf_counter()
        work()
        return len(self._files()) / (time.perf_counter() - start)


def _often(work: Callable[[], object], times: int = 50) -> float:
    work()
    start = time.perf_counter()
    for _ in range(times):
        work()
    return times / (time.perf_counter() - start)


def _settings(endpoint: str) -> dict[str, str]:
    return {
        "mode": "external",
        "external_server": "dms.example",
        "transport": "s3",
        "s3_endpoint": endpoint,
        "s3_bucket": BUCKET,
        "s3_access_key": KEYS[0],
        "s3_secret_key": KEYS[1],
    }


def _client(endpoint: str) -> Minio:
    pool = urllib3.PoolManager(maxsize=AT_ONCE, retries=False)
    address = urlsplit(endpoint).netloc
    return Minio(address, access_key=KEYS[0], secret_key=KEYS[1], region="us-east-1", secure=False, http_client=pool)


def _rclone() -> str:
    beside = Path(sys.executable).with_name("rclone")
    return str(beside) if beside.exists() else shutil.which("rclone") or ""


def _rclone_copy(folder: Path, endpoint: str) -> None:
    remote = {"TYPE": "s3", "PROVIDER": "Other", "ENDPOINT": endpoint, "ACCESS_KEY_ID": KEYS[0],
              "SECRET_ACCESS_KEY": KEYS[1], "FORCE_PATH_STYLE": "true", "NO_CHECK_BUCKET": "true"}  # fmt: skip
    environment = {f"RCLONE_CONFIG_DMS_{name}": value for name, value in remote.items()}
    command = [_rclone(), "copy", str(folder), f"DMS:{BUCKET}", "--transfers", str(AT_ONCE), "--no-check-dest", "-q"]
    subprocess.run(command, check=True, env={**os.environ, **environment, "RCLONE_CONFIG": "/dev/null"})


@contextmanager
def _storage(root: Path) -> Iterator[int]:
    (root / BUCKET).mkdir()
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = int(probe.getsockname()[1])
    command = [
        _rclone(),
        "serve",
        "s3",
        "--addr",
        f"127.0.0.1:{port}",
        "--auth-key",
        ",".join(KEYS),
        "--config",
        "",
        "-q",
    ]
    process = subprocess.Popen([*command, str(root)], stderr=subprocess.DEVNULL)
    try:
        wait_for(port)
        yield port
    finally:
        process.terminate()
        process.wait()


if __name__ == "__main__":
    sys.exit(not print_table(measure()))
