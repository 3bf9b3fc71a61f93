"""A run over devices that is killed at any moment leaves whole files, and the next run finishes it (security FS-03)."""

import os
import random
import subprocess
import sys
import time

import pytest

from tests.factories import TEMPLATES, make_device, make_tenant, small_config
from webprov.changes.devices import delete_devices
from webprov.changes.settings import save_settings
from webprov.redelivery import redeliver
from webprov.rights import CONSOLE
from webprov.site import SiteLoader

DEVICES = 60
ROUNDS = 8
PUSH_ROUNDS = 40 if os.environ.get("WEBPROV_LONG") else 4


@pytest.fixture
def config(tmp_path):
    """The small fleet; every main file says at its start and at its end what it was made from."""
    config = small_config(tmp_path)
    head, _, rest = TEMPLATES["phone.cfg"].partition("\n")
    marked = f"{head}\nbegin = ${{NTP_SERVER}}\n{rest.removesuffix(chr(92) + chr(10))}\nend = ${{NTP_SERVER}}\n"
    (config.templates_dir / "test" / "phone.cfg").write_text(marked)
    return config


def marks(text):
    lines = text.splitlines()
    return lines[0].removeprefix("begin = "), lines[-1].removeprefix("end = ")


def provision(config):
    env = {
        **os.environ,
        "WEBPROV_INSTANCE": str(config.instance),
        "WEBPROV_MODELS_DIR": str(config.models_dir),
        "WEBPROV_TEMPLATES_DIR": str(config.templates_dir),
    }
    command = [sys.executable, "-m", "webprov", "provision", "--all"]
    return subprocess.Popen(command, env=env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def test_kill_at_any_moment_leaves_whole_files_and_the_next_run_converges(config, session):
    make_tenant(session)
    site = SiteLoader(config).load(session)
    for number in range(DEVICES):
        make_device(session, site, f"805EC0{number:06X}")
    provision(config).wait(60)
    chance = random.Random(7)

    for number in range(ROUNDS):
        save_settings(session, {"ntp_server": f"ntp{number}.example"}, CONSOLE)
        process = provision(config)
        time.sleep(chance.uniform(0.2, 1.4))
        process.kill()
        process.wait(10)
        torn = [path.name for path in config.provisioning_dir.glob("*.cfg") if path.name[0] == "8"
                and len(set(marks(path.read_text()))) != 1]  # fmt: skip
        assert torn == []
    assert provision(config).wait(60) == 0

    files = list(config.provisioning_dir.glob("805ec0*.cfg"))
    assert len(files) == DEVICES
    assert {marks(path.read_text()) for path in files} == {(f"ntp{ROUNDS - 1}.example",) * 2}


def test_kill_while_pushing_loses_nothing(config, session, storage, tmp_path):
    """What was not recorded goes again, what a killed run pushed late is overtaken: the bucket ends as the disk."""
    prefix = f"{tmp_path.name}/"
    make_tenant(session)
    site = SiteLoader(config).load(session)
    for number in range(DEVICES):
        make_device(session, site, f"805EC0{number:06X}")
    save_settings(session, storage.settings(s3_prefix=prefix), CONSOLE)
    chance = random.Random(11)

    for number in range(PUSH_ROUNDS):
        save_settings(session, {"ntp_server": f"ntp{number}.example"}, CONSOLE)
        process = provision(config)
        time.sleep(chance.uniform(0.6, 2.0))
        process.kill()
        process.wait(10)
    assert provision(config).wait(60) == 0
    delete_devices(session, SiteLoader(config).load(session), ["805EC0000000"], CONSOLE)
    left = redeliver(session, SiteLoader(config).load(session)).left

    folder = config.provisioning_dir
    disk = {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*.*") if path.is_file()}
    there = {key.removeprefix(prefix): body for key, body in storage.objects().items() if key.startswith(prefix)}
    assert left == 0
    assert len(disk) == 2 * (DEVICES - 1) + 1
    assert there == disk
