import pytest

from tests.storage import fault_server, running_storage


@pytest.fixture(scope="session")
def storage(tmp_path_factory):
    with running_storage(tmp_path_factory.mktemp("storage")) as running:
        yield running


@pytest.fixture
def faults():
    with fault_server() as server:
        yield server
