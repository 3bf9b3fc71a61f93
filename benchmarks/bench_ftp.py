"""P6a: FTP, 1,000 small files, with a sign-in for each and on kept sessions, against vsftpd on the same core.

vsftpd lets everybody in as `anonymous`, which is the quickest sign-in that it has.
"""

import contextlib
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager
from functools import partial
from pathlib import Path

from benchmarks.bench_phone_get import make_fleet, running
from benchmarks.goals import Result, Row, Skipped, interleaved, print_table
from webprov.config import load_config
from webprov.ftpparts import run_ftp
from webprov.store.instance import open_instance
from webprov.store.settings import load_settings

FILES = 1_000
SESSIONS = 8
VSFTPD = {
    **dict.fromkeys(("listen", "anonymous_enable"), "YES"),
    **dict.fromkeys(("background", "local_enable", "xferlog_enable", "anon_world_readable_only"), "NO"),
    **dict.fromkeys(("seccomp_sandbox", "isolate", "isolate_network"), "NO"),  # not to be had in a container
    "listen_address": "127.0.0.1",
    "ftp_username": "ftp",
}
Started = Callable[[], AbstractContextManager[int]]


def measure() -> list[Result]:
    """The rows of P6a."""
    if shutil.which("vsftpd") is None:
        return [Skipped("P6a", "vsftpd is not installed (Debian: vsftpd)")]
    if os.getuid() != 0:
        return [Skipped("P6a", "vsftpd starts as root only")]
    with tempfile.TemporaryDirectory() as folder:
        config = load_config({"WEBPROV_INSTANCE": f"{folder}/instance"})
        make_fleet(config)
        login = _login(f"{folder}/instance")
        _open_to_all(Path(folder), config.provisioning_dir)
        ours: Started = partial(running, partial(serve_webprov, f"{folder}/instance"))
        theirs: Started = partial(running_vsftpd, Path(folder), config.provisioning_dir)
        subjects = {
            f"{name}, {kind}": partial(_one_round, start, sign_in, kept=kind == "kept sessions")
            for name, start, sign_in in (("webprov", ours, login), ("vsftpd", theirs, ("anonymous", "x")))
            for kind in ("a sign-in each", "kept sessions")
        }
        seen = interleaved(subjects)
    return [
        Row("P6a", f"FTP against vsftpd, {kind}", "files/s", seen[f"webprov, {kind}"], seen[f"vsftpd, {kind}"], goal)
        for kind, goal in (("a sign-in each", 1.7), ("kept sessions", 0.65))
    ]


def _login(folder: str) -> tuple[str, str]:
    instance = open_instance(load_config({"WEBPROV_INSTANCE": folder}))
    with instance.sessions() as session:
        settings = load_settings(session)
    instance.close()
    return settings.ftp_user, settings.ftp_password


def _open_to_all(*folders: Path) -> None:
    """vsftpd reads as a user of its own."""
    for folder in folders:
        for path in [folder, *folder.rglob("*")]:
            path.chmod(0o755 if path.is_dir() else 0o644)
    (folders[-1].parent / "secret.key").chmod(0o600)


def serve_webprov(folder: str, port: int) -> None:
    """The product: gatekeeper, look-up, log."""
    instance = open_instance(load_config({"WEBPROV_INSTANCE": folder}))
    run_ftp(instance, socket.create_server(("127.0.0.1", port)))


@contextmanager
def running_vsftpd(folder: Path, root: Path) -> Iterator[int]:
    """vsftpd on the last core while this process keeps to the first; yields the port."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    empty = folder / "empty"
    empty.mkdir(exist_ok=True)
    settings = VSFTPD | {"listen_port": port, "anon_root": root, "secure_chroot_dir": empty}
    file = folder / "vsftpd.conf"
    file.write_text("".join(f"{name}={value}\n" for name, value in settings.items()))
    cores = sorted(os.sched_getaffinity(0))
    process = subprocess.Popen(["taskset", "-c", str(cores[-1]), "vsftpd", str(file)])
    os.sched_setaffinity(0, cores[:1])
    try:
        _wait_for(port)
        yield port
    finally:
        os.sched_setaffinity(0, cores)
        process.terminate()
        process.wait(10)


def _wait_for(port: int) -> None:
    end = time.monotonic() + 20
    while time.monotonic() < end:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=5) as tried:
            if tried.recv(3) == b"220":
                return
        time.sleep(0.05)
    raise TimeoutError(f"nothing listens on {port}")


def _one_round(start: Started, login: tuple[str, str], *, kept: bool) -> float:
    """Files a second, fetched by SESSIONS clients at once."""
    names = [f"805ec0{number:06x}.cfg" for number in range(FILES)]
    size = FILES // SESSIONS if kept else 1
    with start() as port, ThreadPoolExecutor(SESSIONS) as clients:
        began = time.perf_counter()
        parts = [names[first : first + size] for first in range(0, FILES, size)]
        fetched = sum(clients.map(partial(_fetch, port, login), parts))
        elapsed = time.perf_counter() - began
    assert fetched == FILES, fetched
    return FILES / elapsed


def _fetch(port: int, login: tuple[str, str], names: list[str]) -> int:
    """Sign in and fetch each file; how many came."""
    with Client(port) as client:
        client.say(f"USER {login[0]}", b"331")
        client.say(f"PASS {login[1]}", b"230")
        client.say("TYPE I", b"200")
        return sum(client.fetch(name) > 0 for name in names)


class Client:
    """As little of an FTP client as can be, so that the server is what is measured."""

    def __init__(self, port: int) -> None:
        self._control = socket.create_connection(("127.0.0.1", port))
        self._control.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._waiting = b""

    def __enter__(self) -> "Client":
        self._expect(b"220")
        return self

    def __exit__(self, *_exception: object) -> None:
        self.say("QUIT", b"221")
        self._control.close()

    def say(self, command: str, expected: bytes) -> bytes:
        """Send a command; its answer."""
        self._control.sendall(f"{command}\r\n".encode())
        return self._expect(expected)

    def fetch(self, name: str) -> int:
        """The bytes of a file, counted."""
        answer = self.say("EPSV", b"229")
        port = int(answer.split(b"|")[3])
        with socket.create_connection(("127.0.0.1", port)) as data:
            self.say(f"RETR {name}", b"1")
            count = 0
            while chunk := data.recv(65536):
                count += len(chunk)
        self._expect(b"226")
        return count

    def _expect(self, code: bytes) -> bytes:
        while b"\n" not in self._waiting:
            received = self._control.recv(4096)
            if not received:
                raise ConnectionError("the server ended the session")
            self._waiting += received
        line, _, self._waiting = self._waiting.partition(b"\n")
        if not line.startswith(code):
            raise ConnectionError(line.decode("utf-8", "replace"))
        return line


if __name__ == "__main__":
    sys.exit(not print_table(measure()))
