"""Workers as the supervisor starts them: real processes on a test's instance."""

import os
import signal
import subprocess
import sys
import time

from sqlalchemy import select

from tests.factories import make_tenant
from webprov.changes.bulk import add_devices
from webprov.config import Config
from webprov.deviceinput import parse_device
from webprov.store.database import writing
from webprov.store.jobrecords import JobRecord
from webprov.store.models import Device, Tenant

_WORKER = """
from webprov.config import load_config
from webprov.processes import run_part
run_part("worker", load_config())
"""


class Workers:
    """Starts worker processes and ends those that are left."""

    def __init__(self, config: Config) -> None:
        self._env = {
            **os.environ,
            "WEBPROV_INSTANCE": str(config.instance),
            "WEBPROV_MODELS_DIR": str(config.models_dir),
            "WEBPROV_TEMPLATES_DIR": str(config.templates_dir),
        }
        self._processes: list[subprocess.Popen] = []

    def start(self) -> subprocess.Popen:
        process = subprocess.Popen([sys.executable, "-c", _WORKER], env=self._env)
        self._processes.append(process)
        return process

    def kill(self, process: subprocess.Popen) -> None:
        process.send_signal(signal.SIGKILL)
        process.wait(10)

    def close(self) -> None:
        for process in self._processes:
            if process.poll() is None:
                self.kill(process)


def make_fleet(session, count: int) -> list[int]:
    """`count` devices of the small catalogue in the tenant acme; their ids."""
    make_tenant(session)
    tenant_id = session.scalar(select(Tenant.id))
    given = [
        parse_device({"mac": f"805EC0{number:06X}", "model": "test-desk", "label": f"Desk {number}"})
        for number in range(1, count + 1)
    ]
    with writing(session):
        add_devices(session, [(device, tenant_id) for device in given])
    return list(session.scalars(select(Device.id).order_by(Device.id)))


def wait_for(check, seconds: float = 30.0):
    """What `check` finds, as soon as it finds something or when the time is over."""
    end = time.monotonic() + seconds
    while not (found := check()) and time.monotonic() < end:
        time.sleep(0.005)
    return found


def eventually(session, job: JobRecord, check) -> JobRecord:
    """The job once `check` holds, or as it is when the time is over."""

    def look() -> bool:
        session.rollback()
        return bool(check(job))

    wait_for(look)
    session.rollback()
    return job
