"""PostgreSQL takes over by its URL: a server of our own, a first start, the demo fleet, and the same again."""

import os
import pwd
import subprocess
import tempfile
from pathlib import Path

import pytest

from tests.service import free_port
from webprov.config import load_config
from webprov.demo import fill_demo
from webprov.fleet import state_counts
from webprov.provisioning import provision_devices
from webprov.site import SiteLoader
from webprov.store.devicedata import read_devices
from webprov.store.instance import open_instance
from webprov.workload import workload


def as_owner(*command: str) -> None:
    """PostgreSQL does not run as root: its own user does it then."""
    owner = "postgres" if os.geteuid() == 0 else None
    subprocess.run(command, user=owner, cwd="/", check=True, capture_output=True, timeout=60)


@pytest.fixture
def url():
    """A fresh database, in a folder that its owner may enter: pytest's own are closed to others when root tests."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin"))
    if not found:
        pytest.skip("postgresql is not installed")
    port, control = free_port(), f"{found[-1]}/pg_ctl"
    with tempfile.TemporaryDirectory(prefix="postgresql-") as folder:
        if os.geteuid() == 0:
            os.chown(folder, pwd.getpwnam("postgres").pw_uid, -1)
        as_owner(f"{found[-1]}/initdb", "-D", f"{folder}/data", "-A", "trust", "-U", "webprov", "-N")
        options = f"-p {port} -k {folder} -c listen_addresses=127.0.0.1 -c fsync=off"
        as_owner(control, "-D", f"{folder}/data", "-l", f"{folder}/log", "-o", options, "-w", "start")
        try:
            yield f"postgresql+psycopg://webprov@127.0.0.1:{port}/postgres"
        finally:
            as_owner(control, "-D", f"{folder}/data", "-m", "immediate", "stop")


def test_a_fleet_lives_in_postgresql(url, tmp_path):
    config = load_config({"WEBPROV_INSTANCE": str(tmp_path / "instance"), "WEBPROV_DATABASE_URL": url})
    loader = SiteLoader(config)
    instance = open_instance(config)
    with instance.sessions() as session:
        fill_demo(session, loader)
        results = provision_devices(session, loader.load(session), [device.id for device in read_devices(session)])
        states = state_counts(session, loader.load(session))
        assert workload(session, loader.load(session))["devices"] == 60
    instance.close()

    again = open_instance(config)
    with again.sessions() as session:
        assert {result.error for result in results} == {""}
        assert state_counts(session, loader.load(session)) == states
    again.close()
