import pytest

from tests.factories import MAC, make_device, make_tenant, small_config
from webprov.changes.settings import save_settings
from webprov.delivered import delivery_of
from webprov.provisioning import provision_device
from webprov.rights import CONSOLE
from webprov.site import SiteLoader


@pytest.fixture
def config(tmp_path):
    return small_config(tmp_path)


@pytest.fixture
def load(config, session):
    loader = SiteLoader(config, recheck_seconds=0)
    return lambda: loader.load(session)


@pytest.fixture
def device(session, load):
    make_tenant(session)
    return make_device(session, load())


def test_in_local_mode_there_is_no_delivery(session, load, device):
    provision_device(session, load(), MAC)

    assert delivery_of(session, load(), device) is None


def test_delivery_tells_what_arrived_what_waits_and_what_fails(session, load, device, faults, storage):
    save_settings(session, storage.settings(s3_endpoint=faults.endpoint), CONSOLE)
    provision_device(session, load(), MAC)
    arrived = delivery_of(session, load(), device)
    faults.fails(403, "AccessDenied")
    save_settings(session, {"server_address": "other.example"}, CONSOLE)
    provision_device(session, load(), MAC)
    failing = delivery_of(session, load(), device)

    assert sorted(arrived.files) == ["805ec0000001-info.xml", "805ec0000001.cfg", "common.cfg"]
    assert all(file.arrived_at and not file.error for file in arrived.files.values())
    assert arrived.failures == {}
    assert [path for path, file in failing.files.items() if file.error]
    ((sentence, since),) = failing.failures.items()
    assert "may not write" in sentence
    assert since is not None
