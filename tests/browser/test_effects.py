"""What saving changes, told before it is saved: counted on while the page stays open, in a real browser."""

import re

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import sideways
from tests.factories import MAC, make_device, make_tenant, small_config
from webprov.changes.variables import VariableScope, set_variables
from webprov.rights import CONSOLE
from webprov.site import SiteLoader

pytestmark = pytest.mark.browser

TEMPLATE = "/templates/edit?name=test/line.cfg&scope="
DEVICES = 8


@pytest.fixture
def config(tmp_path):
    config = small_config(tmp_path)
    phone = config.templates_dir / "test" / "phone.cfg"
    phone.write_text(phone.read_text() + "syslog = ${LOG_HOST}\n")
    return config


@pytest.fixture
def devices(config, live, monkeypatch):
    """Eight desks, and requests that compare a single one each."""
    monkeypatch.setattr("views.effects._AT_ONCE_SECONDS", 0)
    monkeypatch.setattr("views.effects._SLICE_SECONDS", 0)
    with live.instance.sessions() as session:
        set_variables(session, VariableScope(), {"LOG_HOST": "log.example"}, CONSOLE)
        make_tenant(session)
        site = SiteLoader(config).load(session)
        for number in range(1, DEVICES + 1):
            make_device(session, site, f"805EC000000{number}", label=f"Desk {number}", line1_userid=f"100{number}")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_number_fills_in_by_itself(devices, inside, scheme):
    page = inside(TEMPLATE, scheme=scheme, width=390)
    page.locator("#text").press("Control+End")
    page.keyboard.type("new.${LINE} = ${USERID}\n")
    page.get_by_role("button", name="What changes").click()

    expect(page.locator("#effect-heading")).to_be_focused()
    expect(page.locator("#effect-progress")).to_contain_text("8 of 8 devices get different files.")
    expect(page.locator("#effect-progress progress")).to_have_count(0)
    expect(page.locator(".wp-difference")).to_have_count(1)
    expect(page.locator(".wp-difference h3")).to_contain_text("8 devices: Desk 1, Desk 2, Desk 3 and 5 more")
    expect(page.locator("#announce")).to_have_text("8 of 8 devices get different files.")
    assert sideways(page) == 0


def test_counting_is_stopped_and_goes_on(devices, inside, monkeypatch):
    monkeypatch.setattr("views.effects._advance", lambda *_: None)  # so that it lasts
    page = inside(TEMPLATE)
    page.locator("#text").press("Control+End")
    page.keyboard.type("new = 1\n")
    page.get_by_role("button", name="What changes").click()
    expect(page.locator("#effect-progress")).to_contain_text("0 of 8 compared so far")

    page.locator("#effect-switch").evaluate("button => { button.isTheSame = true }")
    for _ in range(3):
        with page.expect_response(re.compile("/effects/")):
            pass
    assert page.locator("#effect-switch").evaluate("button => button.isTheSame")
    page.get_by_role("button", name="Stop counting").click()
    expect(page.locator("#effect-progress")).to_contain_text("Stopped after comparing")
    expect(page.locator("#text")).to_have_value(re.compile(r"new = 1\n$"))
    expect(page.locator("#effect-switch")).to_be_focused()
    page.get_by_role("button", name="Count on").click()

    expect(page.get_by_role("button", name="Stop counting")).to_be_visible()


def test_a_tenants_variable_tells_before_it_is_saved(devices, inside, live):
    page = inside("/tenants/acme/variables/?add=1")
    page.get_by_label("Name of the new variable").fill("LOG_HOST")
    page.get_by_label("Value of the new variable").fill("acme.example")
    page.get_by_role("button", name="What changes").click()

    expect(page.locator("#effect-progress")).to_contain_text("8 of 8 devices get different files.")
    expect(page.locator("#variables-effect .wp-added")).to_contain_text("syslog = acme.example")
    page.get_by_role("button", name="Save", exact=True).click()
    expect(page.locator("#offer")).to_contain_text("8 devices have stale files.")


def test_pasted_and_deleted_variables_of_a_device_tell_it_too(devices, inside):
    page = inside(f"/devices/{MAC}/variables/own/?paste=1")
    page.get_by_label("Rows of NAME=value").fill("LOG_HOST=desk.example\nOTHER")
    page.get_by_role("button", name="What changes").click()
    expect(page.locator("#variables-effect")).to_contain_text("Row 2: Write NAME=value")

    page.get_by_label("Rows of NAME=value").fill("LOG_HOST=desk.example\nMY_PASSWORD=canary")
    page.get_by_role("button", name="What changes").click()
    expect(page.locator("#effect-progress")).to_contain_text("1 of 1 devices gets different files.")
    expect(page.locator("#variables-effect .wp-added")).to_contain_text("syslog = desk.example")
    page.get_by_role("button", name="Save variables").click()
    page.get_by_role("link", name="Delete LOG_HOST").click()
    page.get_by_role("button", name="What changes").click()

    expect(page.locator("#variables-effect .wp-added")).to_contain_text("syslog = log.example")


def test_without_scripts_a_button_goes_on(devices, inside):
    page = inside(TEMPLATE, scripts=False)
    page.locator("#text").fill("## format: text\nnew=${USERID}\n")
    page.get_by_role("button", name="What changes").click()
    expect(page.locator("#effect-progress")).to_contain_text("1 of 8 compared so far")

    page.get_by_role("button", name="Count on").click()

    expect(page.locator("#effect-progress")).to_contain_text("8 of 8 devices get different files.")
