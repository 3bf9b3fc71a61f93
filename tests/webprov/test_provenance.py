from dataclasses import replace

import pytest

from tests.factories import MAC, make_device, make_tenant, small_config
from webprov.changes.variables import VariableScope, set_variables
from webprov.provenance import trace_file
from webprov.rights import CONSOLE
from webprov.site import SiteLoader
from webprov.store.devicedata import read_device


@pytest.fixture
def config(tmp_path):
    return small_config(tmp_path)


@pytest.fixture
def load(config, session):
    loader = SiteLoader(config, recheck_seconds=0)
    make_tenant(session)
    make_device(session, loader.load(session), key1_type="blf", key1_value="${MAC}")
    return lambda: loader.load(session)


def test_a_variable_tells_what_would_override_it(session, load, config):
    path = config.templates_dir / "test" / "phone.cfg"
    path.write_text(path.read_text().replace("server = ${REG_SERVER}\n", "server = ${REG_SERVER}\nx = ${MINE}\n"))
    set_variables(session, VariableScope(), {"MINE": "1"}, CONSOLE)
    site, device = load(), read_device(session, MAC)

    traced = trace_file(site, device, f"{MAC.lower()}.cfg")

    [own] = traced.values(2)
    [built_in] = traced.values(1)
    assert (traced.marks[1].word, own.found.value) == ("Custom", "1")
    assert own.overridden_by == "a variable MINE of the line or the device or the tenant"
    assert built_in.overridden_by == ""


def test_a_template_of_the_tenants_own_is_told(session, load, config):
    own = config.user_provisioning_dir / "acme" / "test"
    own.mkdir(parents=True)
    (own / "line.cfg").write_text((config.templates_dir / "test" / "line.cfg").read_text())

    traced = trace_file(load(), read_device(session, MAC), f"{MAC.lower()}.cfg")

    scopes = {source.template: source.scope.value for n in range(1, 9) for source in traced.sources(n)}
    assert scopes == {"test/phone.cfg": "shipped", "test/line.cfg": "tenant", "test/key.cfg": "shipped"}


def test_what_cannot_be_rendered_has_no_origins(session, load):
    device = read_device(session, MAC)

    assert trace_file(load(), replace(device, model="gone"), "a.cfg") is None
    assert trace_file(load(), device, "no-such.cfg") is None
