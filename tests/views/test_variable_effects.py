import re

import pytest
from sqlalchemy import select

from tests.factories import MAC, make_device, make_tenant, small_config
from tests.pages import post, token
from webprov.changes.variables import VariableScope, set_variables
from webprov.enums import Role
from webprov.rights import CONSOLE
from webprov.site import SiteLoader
from webprov.store.models import Tenant

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


def effect(client, headers=HTMX, grid=GRID, **typed):
    return client.post(f"{grid}effect", data={"csrf_token": token(client), **typed}, headers=headers)


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


def test_without_scripts_the_question_stays_when_one_would_go(admin, devices):
    answer = effect(admin, headers=None, was="LOG_HOST", gone="1")

    assert "Delete <b" in answer.text
    assert 'class="wp-error"' in answer.text


def test_pasted_rows_are_asked_about_together(admin, devices):
    part = effect(admin, text="LOG_HOST=new.example\nMENU_PIN=canary-2\nOTHER=1\n")
    whole = effect(admin, headers=None, text="LOG_HOST=new.example\n")

    assert "2 of 2 devices get different files." in part.text
    assert "syslog = new.example" in part.text
    assert "canary" not in part.text
    assert "LOG_HOST=new.example\n</textarea>" in whole.text
    assert "syslog = new.example" in whole.text


def test_what_could_not_be_saved_is_said_so(admin, devices):
    pasted = effect(admin, text="LOG_HOST\n")
    added = effect(admin, name="LOG_HOST", value="x")
    whole = effect(admin, headers=None, text="LOG_HOST\n")

    assert "Row 1: Write NAME=value" in pasted.text
    assert "There is LOG_HOST already." in added.text
    assert whole.status_code == 422
    assert "Row 1: Write NAME=value" in whole.text


def test_a_stored_secret_is_not_shown_by_taking_its_mark_away(admin, devices):
    answer = effect(admin, was="MENU_PIN", value="")

    assert "Type the value again" in answer.text
    assert "canary" not in answer.text


def test_a_new_variable_named_like_a_secret_is_one(admin, devices, config):
    phone = config.templates_dir / "test" / "phone.cfg"
    phone.write_text(phone.read_text() + "x = ${DOOR_PASSWORD}\n")

    answer = effect(admin, name="DOOR_PASSWORD", value="canary-3")

    assert "2 of 2 devices get different files." in answer.text
    assert "canary" not in answer.text


def test_a_tenants_variables_tell_about_its_devices(sign_in, session, config, devices):
    make_tenant(session, "globex")
    make_device(session, SiteLoader(config).load(session), "805EC0000003", tenant="globex", label="Of globex")
    acme = session.scalar(select(Tenant.id).where(Tenant.name == "acme"))
    person = sign_in(Role.TENANT_ADMINISTRATOR, tenant_id=acme, name="Tom")

    answer = effect(person, grid="/tenants/acme/variables/", name="LOG_HOST", value="acme.example")

    assert "2 of 2 devices get different files." in answer.text
    assert "syslog = acme.example" in answer.text
    assert "globex" not in answer.text
    assert effect(person, grid="/tenants/globex/variables/", name="LOG_HOST", value="x").status_code == 404


def test_a_devices_variables_tell_about_its_files(admin, devices):
    grid = f"/devices/{MAC}/variables/own/"
    post(admin, grid, name="LOG_HOST", value="desk.example")

    new = effect(admin, grid=grid, was="LOG_HOST", value="other.example")
    gone = effect(admin, grid=grid, was="LOG_HOST", gone="1")

    assert "1 of 1 devices gets different files." in new.text
    assert "syslog = other.example" in new.text
    assert "syslog = old.example" in gone.text
    assert "What changes" in admin.get(f"{grid}?edit=LOG_HOST").text


def test_saving_offers_to_provision(admin, devices):
    page = admin.get(post(admin, GRID, was="LOG_HOST", value="new.example").location).text

    assert "2 devices have" in page
    assert "Provision 2 devices" in page


def test_support_cannot_ask(sign_in, devices):
    assert effect(sign_in(Role.SUPPORT, name="Sam"), was="LOG_HOST", value="x").status_code == 403
