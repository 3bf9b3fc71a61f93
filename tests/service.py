"""`webprov serve` as people run it: a process of its own, on free ports of the loopback."""

import http.client
import os
import re
import socket
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

from tests.webprov.serving.fleet import Fleet
from webprov.config import load_config
from webprov.enums import Protocol
from webprov.store.instance import open_instance
from webprov.store.listeners import listener_of
from webprov.store.secrets import open_keyring, unlock


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return probe.getsockname()[1]


def status(port: int, path: str) -> int | None:
    """The status of one GET, None when nobody listens."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        connection.request("GET", path)
        return connection.getresponse().status
    except OSError:
        return None
    finally:
        connection.close()


def eventually(check, seconds: float = 30.0):
    end = time.monotonic() + seconds
    while not (found := check()) and time.monotonic() < end:
        time.sleep(0.05)
    return found


def offspring(process: int) -> list[int]:
    """The processes that it started, and those that they did."""
    parents = {}
    for folder in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            parents[int(folder.name)] = int((folder / "stat").read_text().rpartition(")")[2].split()[1])
    found = [process]
    for parent in found:
        found += [pid for pid, its in parents.items() if its == parent]
    return found[1:]


class Service:
    """A running `webprov serve` on an instance whose HTTP port is free."""

    def __init__(self, folder: Path) -> None:
        self.admin, self.port = free_port(), free_port()
        self.env = {
            **os.environ,
            "WEBPROV_INSTANCE": str(folder / "instance"),
            "WEBPROV_ADMIN_BIND": f"127.0.0.1:{self.admin}",
            "WEBPROV_PHONE_ADDRESS": "127.0.0.1",
            "WEBPROV_HTTP_PROCESSES": "1",
        }
        self.instance = open_instance(load_config(self.env))
        self.change(http_port=self.port)
        self.errors = folder / "errors.txt"
        self.process = None

    def start(self, *options: str) -> subprocess.Popen:
        command = [sys.executable, "-m", "webprov", "serve", *options]
        with self.errors.open("a") as errors:
            self.process = subprocess.Popen(command, env=self.env, stdout=subprocess.PIPE, stderr=errors, text=True)
        return self.process

    def change(self, **values: object) -> None:
        unlock(open_keyring(self.instance.config.key_file, create=False))  # of several instances in this test process
        Fleet(self.instance).change(**values)

    def children(self) -> dict[str, int]:
        """The processes of parts, by their names."""
        found = {}
        for pid in offspring(self.process.pid):
            with suppress(OSError):
                title = Path(f"/proc/{pid}/cmdline").read_text().rstrip("\0 ")
                if re.fullmatch("webprov [a-z]+", title):
                    found[title.removeprefix("webprov ")] = pid
        return found

    def listener(self, protocol: Protocol = Protocol.HTTP):
        with self.instance.sessions() as session:
            return listener_of(session, protocol)

    def close(self) -> None:
        if self.process and self.process.poll() is None:
            self.process.kill()
        if self.process:
            self.process.wait(10)
            self.process.stdout.close()
        self.instance.close()
