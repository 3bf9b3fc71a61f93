import pytest

from tests.factories import MAC, make_device, make_tenant, small_config
from webprov.site import SiteLoader
from webprov.viewpoints import MOST, look_through, viewpoints


@pytest.fixture
def config(tmp_path):
    return small_config(tmp_path)


@pytest.fixture
def site(config, session):
    make_tenant(session)
    return SiteLoader(config).load(session)


def test_without_devices_models_are_offered(session, site):
    offered = viewpoints(session, site)

    assert [(point.key, point.text) for point in offered] == [
        ("model:test-desk", "Testphone Desk, any device"),
        ("model:test-lobby", "Testphone Lobby, any device"),
    ]
    device, model = look_through(session, site, "model:test-desk")
    assert (device.model, model.key) == ("test-desk", "test-desk")


def test_one_of_each_model_comes_first_and_the_list_is_short(session, site):
    for number in range(MOST + 5):
        make_device(session, site, f"805EC00001{number:02X}", label=f"Desk {number:02}")
    make_device(session, site, MAC, model="test-lobby", label="Zebra")

    offered = viewpoints(session, site)

    assert len(offered) == MOST
    assert "Zebra · Testphone Lobby · acme" in [point.text for point in offered[:2]]


def test_search_finds_devices_and_models(session, site):
    make_device(session, site, label="Reception")

    assert [point.key for point in viewpoints(session, site, "80:5e:c0")] == [MAC]
    assert [point.key for point in viewpoints(session, site, "recep")] == [MAC]
    assert [point.key for point in viewpoints(session, site, "lobby")] == ["model:test-lobby"]
    assert viewpoints(session, site, "nothing") == []


def test_look_through_a_key_that_is_gone_is_none(session, site):
    assert look_through(session, site, MAC) is None
    assert look_through(session, site, "model:no") is None
