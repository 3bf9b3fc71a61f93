"""P3: one device saved until its files lie on disk, durably, as a person waits for it."""

import statistics
import sys
import time

from sqlalchemy import func, select

from benchmarks.bench_fleet import add, fleet_row, fresh_instance
from benchmarks.goals import Limit, Result, print_table
from webprov.changes.devices import change_device
from webprov.deviceinput import parse_device
from webprov.provisioning import provision_device
from webprov.rights import CONSOLE
from webprov.site import SiteLoader
from webprov.store.models import RenderedFileRecord

MODEL = "polycom-ip650"
"""Its files: a manifest, the settings, and a directory of its own for speed dials."""
_LINES = 6
_SAVES = 60


def measure() -> list[Result]:
    """The row of P3, in milliseconds at the median."""
    times = []
    with fresh_instance() as instance, instance.sessions() as session:
        loader = SiteLoader(instance.config)
        add(instance, [parse_device(_row(0))])
        for turn in range(1, _SAVES):
            given = parse_device(_row(turn))
            start = time.perf_counter()
            site = loader.load(session)
            change_device(session, site, given.mac, given, CONSOLE)
            provision_device(session, site, given.mac)
            times.append((time.perf_counter() - start) * 1000)
        files = session.scalar(select(func.count()).where(RenderedFileRecord.device_id.is_not(None)))
    return [Limit("P3", f"a device saved until its {files} files lie on disk", "ms", statistics.median(times), 8)]


def _row(turn: int) -> dict[str, str]:
    """The device with another name on each line each time, which changes every file."""
    row = fleet_row(0) | {"model": MODEL, "label": f"Desk {turn}", "key1_label": f"Neighbour {turn}"}
    for number in range(1, _LINES + 1):
        row |= {
            f"line{number}_userid": f"{number}-acme",
            f"line{number}_password": f"R=#*2cN-D39A#{number}",
            f"line{number}_display_name": f"Søren Çelik {turn}",
        }
    return row


if __name__ == "__main__":
    sys.exit(not print_table(measure()))
