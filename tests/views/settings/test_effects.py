import re

import pytest

from tests.factories import MAC, make_device, make_tenant, small_config
from tests.pages import post_settings
from webprov.enums import Role
from webprov.site import SiteLoader

HTMX = {"HX-Request": "true"}


@pytest.fixture
def config(tmp_path):
    return small_config(tmp_path)


@pytest.fixture
def devices(config, session):
    site = SiteLoader(config).load(session)
    make_tenant(session)
    for number in range(1, 5):
        make_device(session, site, f"805EC000000{number}", label=f"Desk {number}")


def effect(client, path="/settings/effect", headers=HTMX, **typed):
    return post_settings(client, path, headers, **typed)


def test_the_bar_counts_devices_with_new_files(admin, devices):
    answer = post_settings(admin, "/settings/fields", HTMX, server_address="new.example")
    none = post_settings(admin, "/settings/fields", HTMX, phone_networks="10.0.0.0/8")

    assert re.search(r'id="effect-count">4 devices get new files<', answer.text)
    assert re.search(r'id="effect-count">no device gets new files<', none.text)
    assert re.search(r'id="effect-count"></span>', admin.get("/settings/").text)


def test_effect_shows_the_difference_and_stores_nothing(admin, devices):
    answer = effect(admin, server_address="new.example", http_password="brand-new-canary-1")

    assert answer.text.lstrip().startswith('<div id="settings-effect">')
    assert "server = new.example" in answer.text
    assert f"/devices/{MAC}/" in answer.text
    assert "canary" not in answer.text
    assert "new.example" not in admin.get("/settings/").text


def test_alike_devices_are_one_group(admin, devices):
    answer = effect(admin, server_address="new.example")

    assert "4 of 4 devices get different files." in answer.text
    assert "and 1 more" in answer.text


def test_without_scripts_the_page_shows_the_difference_too(admin, devices):
    answer = effect(admin, headers=None, server_address="new.example")

    assert "<html" in answer.text
    assert "server = new.example" in answer.text
    assert "Type passwords again" in answer.text


def test_support_cannot_ask_what_would_happen(sign_in, devices):
    assert effect(sign_in(Role.SUPPORT, name="Sam")).status_code == 403
