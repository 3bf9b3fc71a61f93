"""Fixtures that every test may use: an instance of its own in a temporary folder, one browser for all."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, sync_playwright
from sqlalchemy.orm import Session

from tests.storage import FaultServer, Storage, fault_server, running_storage
from webprov.config import Config, load_config
from webprov.store.instance import Instance, open_instance


@pytest.fixture
def config(tmp_path: Path) -> Config:
    """The default deployment, in a temporary folder; nothing of the machine's own environment."""
    return load_config({"WEBPROV_INSTANCE": str(tmp_path / "instance")})


@pytest.fixture
def instance(config: Config) -> Iterator[Instance]:
    """A fresh instance: migrated database, key file, first settings."""
    opened = open_instance(config)
    yield opened
    opened.close()


@pytest.fixture
def session(instance: Instance) -> Iterator[Session]:
    """A session on that instance's database."""
    with instance.sessions() as session:
        yield session


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """Debian's chromium; tests are skipped where it is missing."""
    path = shutil.which("chromium")
    if path is None:
        pytest.skip("chromium is not installed")
    with sync_playwright() as playwright:
        launched = playwright.chromium.launch(executable_path=path)
        yield launched
        launched.close()


@pytest.fixture(scope="session")
def storage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Storage]:
    """A real S3 server for all tests; each uses a prefix of its own."""
    with running_storage(tmp_path_factory.mktemp("storage")) as running:
        yield running


@pytest.fixture
def faults() -> Iterator[FaultServer]:
    """A storage that fails as it is told."""
    with fault_server() as server:
        yield server
