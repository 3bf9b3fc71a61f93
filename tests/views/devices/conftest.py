"""A small catalogue, two tenants, one device in each."""

import pytest

from tests.factories import make_device, make_tenant, small_config
from webprov.changes.tenants import find_tenant
from webprov.enums import Role
from webprov.rights import CONSOLE
from webprov.site import SiteLoader

MINE, FOREIGN = "805EC0000001", "805EC0000002"


@pytest.fixture
def config(tmp_path):
    return small_config(tmp_path)


@pytest.fixture
def site(config, session):
    """Tenants acme and globex."""
    make_tenant(session)
    make_tenant(session, "globex")
    return SiteLoader(config).load(session)


@pytest.fixture
def devices(session, site):
    """Desk 1 in acme with a line and two keys, Desk 2 in globex."""
    make_device(session, site, MINE, key1_type="blf", key1_value="1001", key2_type="park", key2_value="701")
    make_device(session, site, FOREIGN, tenant="globex", label="Desk 2", line1_display_name="Bo Lind")


@pytest.fixture
def keeper(sign_in, session, site):
    """The browser of acme's tenant administrator."""
    return sign_in(Role.TENANT_ADMINISTRATOR, find_tenant(session, "acme", CONSOLE).id, "Tom Keeper")


@pytest.fixture
def support(sign_in):
    """The browser of somebody who may look and provision."""
    return sign_in(Role.SUPPORT, name="Sam Support")
