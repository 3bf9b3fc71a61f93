"""A PostgreSQL server of our own, for tests that need a real one."""

import os
import pwd
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.service import free_port


@contextmanager
def fresh_postgresql() -> Iterator[str]:
    """The URL of an empty database, in a folder that its owner may enter: pytest's own are closed to others when root
    tests. Skips the test where PostgreSQL is not installed."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin"))
    if not found:
        pytest.skip("postgresql is not installed")
    port, control = free_port(), f"{found[-1]}/pg_ctl"
    with tempfile.TemporaryDirectory(prefix="postgresql-") as folder:
        if os.geteuid() == 0:
            os.chown(folder, pwd.getpwnam("postgres").pw_uid, -1)
        _as_owner(f"{found[-1]}/initdb", "-D", f"{folder}/data", "-A", "trust", "-U", "webprov", "-N")
        options = f"-p {port} -k {folder} -c listen_addresses=127.0.0.1 -c fsync=off"
        _as_owner(control, "-D", f"{folder}/data", "-l", f"{folder}/log", "-o", options, "-w", "start")
        try:
            yield f"postgresql+psycopg://webprov@127.0.0.1:{port}/postgres"
        finally:
            _as_owner(control, "-D", f"{folder}/data", "-m", "immediate", "stop")


def _as_owner(*command: str) -> None:
    """PostgreSQL does not run as root: its own user does it then."""
    owner = "postgres" if os.geteuid() == 0 else None
    subprocess.run(command, user=owner, cwd="/", check=True, capture_output=True, timeout=60)
