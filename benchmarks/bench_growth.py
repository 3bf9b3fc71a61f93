"""P7b: what a device costs in a fleet of 100,000, against one of 1,000: imported, provisioned, fetched, listed, kept.

Provisioning and fetching are measured with a part of the large fleet, as large as the small one.
"""

import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from sqlalchemy import insert, select, true
from sqlalchemy.orm import Session

from benchmarks.bench_fleet import add, fleet_row, fresh_instance
from benchmarks.bench_phone_get import SECONDS, login_of, running, serve_webprov, storm
from benchmarks.goals import Result, Row, print_table
from benchmarks.load import requests_per_second
from webprov.backups.archive import write_backup
from webprov.deviceinput import parse_device
from webprov.devicelist import DeviceQuery, list_devices
from webprov.provisioning import provision_devices
from webprov.site import SiteLoader
from webprov.store.database import bump, writing
from webprov.store.models import Device, RenderedFileRecord

SMALL, LARGE = 1_000, 100_000
_TIMES = 3


def measure() -> list[Result]:
    """The rows of P7b, in devices (or requests) a second; 1.0 is no growth at all."""
    small, large = _rates(SMALL), _rates(LARGE)
    units = {"a request": "GET/s"}
    return [
        Row("P7b", f"{what} in a fleet of 100,000", units.get(what, "devices/s"), large[what], small[what], 1 / 1.2)
        for what in small
    ]


def _rates(devices: int) -> dict[str, float]:
    given = [parse_device(fleet_row(number)) for number in range(devices)]
    rates = {}
    with fresh_instance() as instance, instance.sessions() as session, TemporaryDirectory() as folder:
        rates["importing"] = _rate(devices, lambda: add(instance, given))
        site = SiteLoader(instance.config).load(session)
        chosen = session.execute(select(Device.id, Device.mac).order_by(Device.id)).all()[:: devices // SMALL]
        rates["provisioning"] = _rate(SMALL, lambda: provision_devices(session, site, [row.id for row in chosen]))
        _record_all(session)
        requests = storm(login_of(session), [row.mac for row in chosen])
        rates["a request"] = _requests(str(instance.config.instance), requests)
        query = DeviceQuery(true())
        rates["listing"] = max(_rate(devices, lambda: list_devices(session, site, query)) for _ in range(_TIMES))
        session.rollback()
        files = (Path(folder) / str(number) for number in range(_TIMES))
        rates["a backup"] = max(_rate(devices, partial(write_backup, instance, file)) for file in files)
    for what, rate in rates.items():
        print(f"  {devices:,} devices, {what}: {rate:,.0f}", file=sys.stderr)
    return rates


def _record_all(session: Session) -> None:
    """As if each device had its file; those that phones ask for have it."""
    known = set(session.scalars(select(RenderedFileRecord.device_id)))
    rows: list[dict[str, Any]] = []
    for device_id, mac in session.execute(select(Device.id, Device.mac)):
        if device_id not in known:
            name = f"{mac.lower()}.cfg"
            rows.append(dict(_FILE, device_id=device_id, path=name, path_key=name))
    with writing(session):
        if rows:
            session.connection().execute(insert(RenderedFileRecord), rows)
        bump(session, "files")


_FILE = {"sha256": "0" * 64, "size": 1, "masked": b""}


def _requests(folder: str, requests: list[bytes]) -> float:
    with running(partial(serve_webprov, folder)) as port:
        requests_per_second(port, requests, 1.0)
        return max(requests_per_second(port, requests, SECONDS) for _ in range(_TIMES))


def _rate(devices: int, work: Callable[[], object]) -> float:
    start = time.perf_counter()
    work()
    return devices / (time.perf_counter() - start)


if __name__ == "__main__":
    sys.exit(not print_table(measure()))
