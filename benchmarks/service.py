"""`webprov serve` as people run it, with a fleet, for benchmarks of the whole: a process of its own on free ports."""

import http.client
import os
import re
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from urllib.parse import urlencode

from benchmarks.bench_fleet import add, fleet_row
from benchmarks.bench_phone_get import login_of
from webprov.config import load_config
from webprov.deviceinput import parse_device
from webprov.enums import Role
from webprov.people import create_user
from webprov.provisioning import provision_devices
from webprov.rights import CONSOLE
from webprov.site import SiteLoader
from webprov.store.database import bump, writing
from webprov.store.instance import Instance, open_instance
from webprov.store.models import Device, Tenant
from webprov.store.settings import load_settings, store_settings

_NAME, _PASSWORD = "Miriam Kumar", "seven quiet lamps"
_START_SECONDS = 60


class Service:
    """An instance with a fleet and the ports it is served on; `running` while the block lasts."""

    def __init__(self, folder: Path, devices: int) -> None:
        self.admin_port, self.phone_port = _free_port(), _free_port()
        self.environment = {
            **os.environ,
            "WEBPROV_INSTANCE": str(folder / "instance"),
            "WEBPROV_ADMIN_BIND": f"127.0.0.1:{self.admin_port}",
            "WEBPROV_PHONE_ADDRESS": "127.0.0.1",
            "WEBPROV_HTTP_PROCESSES": "1",
        }
        instance = open_instance(load_config(self.environment))
        try:
            self._fill(instance, devices)
        finally:
            instance.close()

    @contextmanager
    def running(self) -> Iterator["Running"]:
        """`webprov serve`, once phones and people are answered; ended afterwards."""
        command = [sys.executable, "-m", "webprov", "serve"]
        start = time.perf_counter()
        with subprocess.Popen(command, env=self.environment, stdout=subprocess.DEVNULL) as process:
            try:
                for port in (self.phone_port, self.admin_port):
                    _wait_for_answer(port)
                yield Running(process.pid, time.perf_counter() - start)
            finally:
                process.send_signal(signal.SIGTERM)
                process.wait(30)

    def _fill(self, instance: Instance, devices: int) -> None:
        with instance.sessions() as session:
            with writing(session):
                session.add(Tenant(id=1, name="acme"))
                settings = replace(load_settings(session), http_port=self.phone_port)
                store_settings(session, settings, by="")
                bump(session, "settings")
            create_user(session, CONSOLE, name=_NAME, password=_PASSWORD, role=Role.ADMINISTRATOR)
            add(instance, [parse_device(fleet_row(number)) for number in range(devices)])
            site = SiteLoader(instance.config).load(session)
            provision_devices(session, site, [id_ for (id_,) in session.query(Device.id)])
            self.login = login_of(session)


@dataclass(frozen=True)
class Running:
    """A service that answers, and how long that took."""

    pid: int
    start_seconds: float

    def memory_bytes(self) -> int:
        """What all its processes hold of the machine's memory, pages that they share in proportion (PSS)."""
        total = 0
        for pid in (self.pid, *_offspring(self.pid)):
            with suppress(OSError):
                found = re.search(r"^Pss: +(\d+) kB", Path(f"/proc/{pid}/smaps_rollup").read_text(), re.MULTILINE)
                total += int(found[1]) * 1024 if found else 0
        return total


class Visitor:
    """Somebody signed in to the admin UI, on one kept connection."""

    def __init__(self, port: int) -> None:
        self._connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
        self._cookie = ""
        token = re.search(rb'name="csrf_token"[^>]* value="([^"]+)"', self._ask("GET", "/login"))
        form = {"csrf_token": token[1].decode() if token else "", "name": _NAME, "password": _PASSWORD}
        self._ask("POST", "/login", urlencode(form))

    def seconds(self, path: str) -> float:
        """How long the page at `path` takes; raises ValueError where it does not come."""
        start = time.perf_counter()
        self._ask("GET", path, expected=(200,))
        return time.perf_counter() - start

    def close(self) -> None:
        """End the connection."""
        self._connection.close()

    def _ask(self, method: str, path: str, form: str = "", expected: tuple[int, ...] = (200, 302)) -> bytes:
        headers = {"Content-Type": "application/x-www-form-urlencoded"} if form else {}
        if self._cookie:
            headers["Cookie"] = self._cookie
        self._connection.request(method, path, form or None, headers)
        answer = self._connection.getresponse()
        body = answer.read()
        if answer.status not in expected:
            raise ValueError(f"{method} {path}: {answer.status}")
        cookie = answer.headers.get("Set-Cookie")
        self._cookie = cookie.partition(";")[0] if cookie else self._cookie
        return body


@contextmanager
def fleet_service(devices: int) -> Iterator[Service]:
    """A service in a temporary folder."""
    with tempfile.TemporaryDirectory() as folder:
        yield Service(Path(folder), devices)


def _offspring(process: int) -> list[int]:
    """The processes that it started, and those that they did."""
    parents = {}
    for entry in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):
            parents[int(entry.parent.name)] = int(entry.read_text().rpartition(")")[2].split()[1])
    found = [process]
    for parent in found:
        found += [child for child, its in parents.items() if its == parent]
    return found[1:]


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port: int = probe.getsockname()[1]
        return port


def _wait_for_answer(port: int) -> None:
    """Until somebody answers a request at `port`; raises TimeoutError."""
    end = time.monotonic() + _START_SECONDS
    while time.monotonic() < end:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
        try:
            connection.request("GET", "/healthz")
            connection.getresponse().read()
        except OSError:
            time.sleep(0.02)
        else:
            return
        finally:
            connection.close()
    raise TimeoutError(f"nobody answers at port {port}")
