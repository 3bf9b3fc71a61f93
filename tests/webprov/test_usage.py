import pytest

from tests.factories import TEMPLATES, make_device, make_tenant, small_config
from webprov.site import SiteLoader
from webprov.store.models import Device
from webprov.usage import Usage, variable_usage


@pytest.fixture
def config(tmp_path):
    config = small_config(tmp_path)
    (config.templates_dir / "test" / "line.cfg").write_text(TEMPLATES["line.cfg"] + "vpn = ${VPN_NAME}\n")
    return config


def test_variable_usage_names_templates_and_counts_devices(config, session):
    loader = SiteLoader(config, recheck_seconds=0)
    make_tenant(session)
    make_device(session, loader.load(session))
    make_device(session, loader.load(session), "805EC0000002", model="test-lobby")

    usage = variable_usage(session, loader.load(session), ["VPN_NAME", "REG_SERVER", "NOWHERE"])

    assert usage["VPN_NAME"] == Usage(("test/line.cfg",), 2)
    assert usage["REG_SERVER"] == Usage(("test/phone.cfg",), 2)
    assert usage["NOWHERE"] == Usage()


def test_variable_usage_counts_only_the_devices_asked_for(config, session):
    loader = SiteLoader(config, recheck_seconds=0)
    make_tenant(session)
    make_device(session, loader.load(session))

    usage = variable_usage(session, loader.load(session), ["VPN_NAME"], Device.mac == "805EC0000009")

    assert usage["VPN_NAME"].devices == 0
