"""P5: the hourly pass over shared assets when nothing has changed, against a bare walk of the same directory."""

import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from benchmarks.bench_fleet import fresh_instance
from benchmarks.goals import Result, Row, interleaved, print_table
from webprov.delivery.assets import SyncKind
from webprov.enums import ProvisioningMode, TransportMethod
from webprov.site import SiteLoader
from webprov.store.database import bump, writing
from webprov.store.leases import Lease
from webprov.store.settings import load_settings, store_settings
from webprov.store.syncrecords import SyncTarget
from webprov.syncdue import due_syncs
from webprov.syncruns import sync_now

FILES, FOLDERS = 2_000, 20
_PASSES = 20


def measure() -> list[Result]:
    """The row of P5, in passes a second."""
    with fresh_instance() as instance, instance.sessions() as session:
        root = instance.config.provisioning_dir
        for number in range(FILES):
            folder = root / f"PROFILES-{number % FOLDERS}" / "deep"
            folder.mkdir(parents=True, exist_ok=True)
            (folder / f"{number}.xml").write_text("x")
        loader, lease, stop = SiteLoader(instance.config), Lease(instance.sessions, "assets"), threading.Event()
        _settle(session)
        _note_all(session, loader)
        lease.hold()

        def webprov() -> None:
            sync_now(session, loader.load(session), lease, SyncKind.ASSETS, None, stop)

        subprocess.Popen = _refuse  # type: ignore[assignment,misc]
        found = interleaved({"webprov": lambda: _rate(webprov), "scandir": lambda: _rate(lambda: _walk(root))})
    return [Row("P5", "pass over 2,000 unchanged assets", "passes/s", found["webprov"], found["scandir"], 1 / 3)]


def _settle(session: Any) -> None:
    """A bucket that is never asked."""
    with writing(session):
        settings = replace(
            load_settings(session),
            mode=ProvisioningMode.EXTERNAL,
            transport=TransportMethod.S3,
            s3_endpoint="http://127.0.0.1:1",
            s3_bucket="bucket",
            s3_access_key="a",
            s3_secret_key="b",
        )
        store_settings(session, settings, by="")
        bump(session, "settings")


def _note_all(session: Any, loader: SiteLoader) -> None:
    """As after a success."""
    dues = due_syncs(session, loader.load(session), SyncKind.ASSETS)
    with writing(session):
        for due in dues:
            row = SyncTarget(path=due.source.path, kind=SyncKind.ASSETS, fingerprint=due.fingerprint)
            row.files = due.state.files
            session.add(row)


def _refuse(*_words: object, **_more: object) -> None:
    raise AssertionError("a pass without a change must start no process")


def _walk(folder: Path) -> None:
    """What any look at names, sizes and times costs."""
    for entry in os.scandir(folder):
        if entry.is_dir(follow_symlinks=False):
            _walk(Path(entry.path))
        else:
            entry.stat(follow_symlinks=False)


def _rate(work: Callable[[], object]) -> float:
    start = time.perf_counter()
    for _ in range(_PASSES):
        work()
    return _PASSES / (time.perf_counter() - start)


if __name__ == "__main__":
    sys.exit(not print_table(measure()))
