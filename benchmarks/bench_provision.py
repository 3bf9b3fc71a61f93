"""P2: provisioning a whole fleet again, all changed and nothing changed, against rendering and writing alone."""

import os
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

from sqlalchemy import select
from sqlalchemy.orm import Session

from benchmarks.bench_fleet import add, fleet_row, fresh_instance
from benchmarks.goals import Result, Row, interleaved, print_table
from webprov.changes.settings import save_settings
from webprov.deviceinput import parse_device
from webprov.provisioning import provision_devices
from webprov.rendering.render import render_device
from webprov.rendering.variables import device_variables
from webprov.rights import CONSOLE
from webprov.site import Site, SiteLoader
from webprov.store.devicedata import BATCH, DeviceData, read_devices
from webprov.store.models import Device

DEVICES = 2_000


def measure() -> list[Result]:
    """The rows of P2, in devices a second on one core."""
    with fresh_instance() as instance, instance.sessions() as session, tempfile.TemporaryDirectory() as folder:
        add(instance, [parse_device(fleet_row(number)) for number in range(DEVICES)])
        run = _Run(session, SiteLoader(instance.config), Path(folder))
        changed = interleaved({"webprov": run.webprov_changed, "floor": partial(run.floor, _replace)})
        run.webprov()
        same = interleaved({"webprov": run.webprov, "floor": partial(run.floor, _compare)})
    return [
        Row("P2a", "provisioning again, all changed", "devices/s", changed["webprov"], changed["floor"], 1 / 1.7),
        Row("P2b", "provisioning again, nothing changed", "devices/s", same["webprov"], same["floor"], 1 / 2),
    ]


class _Run:
    """The same devices for the product and for the floor; another NTP server each time changes every file."""

    def __init__(self, session: Session, loader: SiteLoader, folder: Path) -> None:
        self.session = session
        self.loader = loader
        self.folder = folder
        self.turn = 0
        self.ids = list(session.scalars(select(Device.id)))
        self.devices = read_devices(session)

    def webprov_changed(self) -> float:
        self.turn += 1
        save_settings(self.session, {"ntp_server": f"time{self.turn}.acme.example"}, CONSOLE)
        return self.webprov()

    def webprov(self) -> float:
        site = self.loader.load(self.session)
        return _rate(lambda: provision_devices(self.session, site, self.ids))

    def floor(self, keep: Callable[[Path, bytes], None]) -> float:
        site = self.loader.load(self.session)
        return _rate(lambda: self._floor(site, keep))

    def _floor(self, site: Site, keep: Callable[[Path, bytes], None]) -> None:
        for start in range(0, DEVICES, BATCH):
            for device in self.devices[start : start + BATCH]:
                for name, content in _rendered(site, device):
                    keep(self.folder / name, content)
            if keep is _replace:
                os.sync()


def _rendered(site: Site, device: DeviceData) -> Iterator[tuple[str, bytes]]:
    model = site.catalog.model(device.model, device.tenant.name)
    assert model
    context = device_variables(device, model, site.system).context
    for file in render_device(model, context, site.library, device.tenant.name):
        yield file.path, file.content


def _replace(path: Path, content: bytes) -> None:
    temporary = path.with_suffix(".tmp")
    temporary.write_bytes(content)
    temporary.rename(path)


def _compare(path: Path, content: bytes) -> None:
    if path.read_bytes() != content:
        _replace(path, content)


def _rate(work: Callable[[], object]) -> float:
    start = time.perf_counter()
    work()
    return DEVICES / (time.perf_counter() - start)


if __name__ == "__main__":
    sys.exit(not print_table(measure()))
