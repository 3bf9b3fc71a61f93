import re

import pytest

from tests.factories import MAC, make_device, make_tenant, small_config
from tests.pages import post, token
from webprov.changes.variables import VariableScope, set_variables
from webprov.enums import Role
from webprov.rights import CONSOLE
from webprov.site import SiteLoader

GRID = "/settings/variables/"
HTMX = {"HX-Request": "true"}


@pytest.fixture
def config(tmp_path):
    config = small_config(tmp_path)
    phone = config.templates_dir / "test" / "phone.cfg"
    phone.write_text(phone.read_text() + "syslog = ${LOG_HOST}\npin = ${MENU_PIN}\n")
    return config


@pytest.fixture
def devices(config, session):
    """Two desks whose files name two variables of the system, one of them a secret."""
    set_variables(session, VariableScope(), {"LOG_HOST": "old.example", "MENU_PIN": "canary-1"}, CONSOLE)
    set_variables(session, VariableScope(), {"MENU_PIN": "canary-1"}, CONSOLE, secret={"MENU_PIN": True})
    make_tenant(session)
    site = SiteLoader(config).load(session)
    make_device(session, site)
    make_device(session, site, "805EC0000002")


def effect(client, headers=HTMX, query="", **typed):
    return client.post(f"{GRID}effect{query}", data={"csrf_token": token(client), **typed}, headers=headers)


def test_a_variable_shows_what_it_changes_before_it_is_saved(admin, devices):
    part = effect(admin, was="LOG_HOST", value="new.example")

    assert part.text.lstrip().startswith('<div id="variables-effect">')
    assert "2 of 2 devices get different files." in part.text
    assert "syslog = new.example" in part.text
    assert f"/devices/{MAC}/" in part.text
    assert "new.example" not in admin.get(GRID).text


def test_secrets_stay_hidden_and_an_empty_box_keeps_them(admin, devices):
    changed = effect(admin, was="MENU_PIN", value="canary-2", secret="on")
    kept = effect(admin, was="MENU_PIN", value="", secret="on")

    assert "2 of 2 devices get different files." in changed.text
    assert "canary" not in changed.text
    assert "No device gets different files." in kept.text


def test_deleting_one_tells_which_devices_then_fail(admin, devices):
    answer = effect(admin, was="LOG_HOST", gone="1")

    assert "LOG_HOST" in answer.text
    assert 'class="wp-error"' in answer.text


def test_without_scripts_the_row_stays_open(admin, devices):
    answer = effect(admin, headers=None, was="LOG_HOST", value="new.example")

    assert "<html" in answer.text
    assert re.search(r'id="variable-value"[^>]*value="new.example"', answer.text)
    assert "syslog = new.example" in answer.text


def test_saving_offers_to_provision(admin, devices):
    page = admin.get(post(admin, GRID, was="LOG_HOST", value="new.example").location).text

    assert "2 devices have" in page
    assert "Provision 2 devices" in page


def test_support_cannot_ask(sign_in, devices):
    assert effect(sign_in(Role.SUPPORT, name="Sam"), was="LOG_HOST", value="x").status_code == 403
