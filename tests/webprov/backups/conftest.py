"""The demo fleet, a backup of it, and another machine's configuration."""

import pytest

from webprov.backups.archive import write_backup
from webprov.config import load_config
from webprov.demo import fill_demo
from webprov.provisioning import provision_devices
from webprov.site import SiteLoader
from webprov.store.devicedata import read_devices
from webprov.store.instance import open_instance


@pytest.fixture(scope="package")
def demo(tmp_path_factory):
    """The demo fleet, its files made."""
    config = load_config({"WEBPROV_INSTANCE": str(tmp_path_factory.mktemp("demo") / "instance")})
    instance, loader = open_instance(config), SiteLoader(config)
    with instance.sessions() as session:
        fill_demo(session, loader)
        provision_devices(session, loader.load(session), [device.id for device in read_devices(session)])
    script = config.instance / "scripts" / "push"
    script.write_text("#!/bin/sh\n")
    script.chmod(0o750)
    (config.instance / "scripts" / "link").symlink_to("/etc/hostname")
    (config.instance / "user_provisioning" / "models.d" / "own.ini").write_text("; nothing yet\n")
    yield instance
    instance.close()


@pytest.fixture(scope="package")
def backup(demo, tmp_path_factory):
    file = tmp_path_factory.mktemp("backups") / "demo.backup"
    write_backup(demo, file)
    return file


@pytest.fixture
def config(tmp_path):
    """Another machine's."""
    return load_config({"WEBPROV_INSTANCE": str(tmp_path / "restored")})
