"""Whom a change cannot reach keeps every byte, tried with the shipped models and every documented default."""

from itertools import islice

import pytest

from tests.factories import make_device, make_tenant
from webprov.differences import Differences
from webprov.reach import Reach
from webprov.rendering.defaults import SET_DEFAULTS
from webprov.settingsinput import draft_settings
from webprov.site import SiteLoader
from webprov.store.devicedata import CustomValue, read_devices
from webprov.whatif import what_if, what_if_variables

SETTINGS = (
    {"server_address": "new.example"},
    {"timezone": "Asia/Tokyo"},
    {"sip_proxy": "proxy.example"},
    {"http_port": "8099"},
    {"mode": "external", "external_server": "dms.example"},
)


class Everywhere(Reach):
    """As if every file of every device had to be looked at."""

    def pair(self, tenant, key, *, follows_zone):
        return self.whole(tenant.name, key)


@pytest.fixture
def site(config, session):
    make_tenant(session)
    return SiteLoader(config).load(session)


@pytest.fixture
def devices(session, site):
    """One of every eighth family."""
    families = {(model.family, model.translation.name): model.key for model in site.catalog.models()}
    for number, key in enumerate(islice(families.values(), 0, None, 8), start=16):
        make_device(session, site, f"805EC00000{number}", model=key)
    return read_devices(session)


def missed(site, devices, what):
    """The devices whose files become others although they count as not reached, or not by that file."""
    by_reach, by_all = Differences(site, what, Reach(site, what)), Differences(site, what, Everywhere(site, what))
    return [device.model for device in devices if by_reach.add(device) != by_all.add(device)]


def test_a_variable_reaches_whoever_gets_other_bytes(site, devices):
    assert len(devices) > 5
    for name in SET_DEFAULTS:
        assert missed(site, devices, what_if_variables(site.system, {name: CustomValue("7")})) == [], name


@pytest.mark.parametrize("flat", SETTINGS, ids=lambda flat: next(iter(flat)))
def test_a_setting_reaches_whoever_gets_other_bytes(site, devices, flat):
    assert missed(site, devices, what_if(site.system, draft_settings(flat, site.settings))) == []
