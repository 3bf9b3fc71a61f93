"""The examples of the documentation do what they say."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.factories import MAC, MODELS, make_device, make_tenant, small_config
from webprov.site import SiteLoader

SCRIPT = Path(__file__).parents[2] / "docs" / "examples" / "rsync-to-dms.sh"


@pytest.fixture
def config(tmp_path):
    config = small_config(tmp_path)
    text = MODELS.replace("label = Testphone Desk", "label = Testphone Desk\nfirmware_dir = FIRMWARE-desk")
    (config.models_dir / "test.ini").write_text(text)
    return config


@pytest.fixture
def carry(config, session, tmp_path):
    """Runs the script towards a folder of this machine."""
    if shutil.which("rsync") is None:
        pytest.skip("rsync is not installed")
    make_tenant(session)
    make_device(session, SiteLoader(config).load(session), MAC)
    for name in ("FIRMWARE-desk/desk.rom", "CONTACTS/acme/desk.xml", "test-desk/805ec0000001.cfg", ".x.tmp"):
        path = config.provisioning_dir / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(name)
    (config.provisioning_dir / "passwd").symlink_to("/etc/passwd")
    env = {
        **os.environ,
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        "WEBPROV_INSTANCE": str(config.instance),
        "WEBPROV_MODELS_DIR": str(config.models_dir),
        "WEBPROV_TEMPLATES_DIR": str(config.templates_dir),
    }

    def run():
        command = ["sh", str(SCRIPT), str(tmp_path / "dms")]
        return subprocess.run(command, env=env, capture_output=True, text=True, timeout=60, check=False)

    return run


def on_dms(tmp_path):
    return sorted(str(path.relative_to(tmp_path / "dms")) for path in (tmp_path / "dms").rglob("*") if path.is_file())


def test_rsync_carries_everything_with_firmware_below_the_models(carry, config, tmp_path):
    done = carry()

    assert (done.returncode, done.stderr) == (0, "")
    expected = ["CONTACTS/acme/desk.xml", "FIRMWARE-desk/desk.rom", "test-desk/805ec0000001.cfg"]
    assert on_dms(tmp_path) == sorted([*expected, "test-desk/FIRMWARE-desk/desk.rom"])

    (config.provisioning_dir / "CONTACTS/acme/desk.xml").unlink()
    assert carry().returncode == 0
    assert on_dms(tmp_path) == sorted([*expected[1:], "test-desk/FIRMWARE-desk/desk.rom"])


def test_rsync_refuses_an_empty_source(carry, config, tmp_path):
    carry()
    before = on_dms(tmp_path)
    shutil.rmtree(config.provisioning_dir)
    config.provisioning_dir.mkdir()

    done = carry()

    assert done.returncode == 1
    assert "is empty or missing: nothing was done." in done.stderr
    assert on_dms(tmp_path) == before
