"""The page of Provisioning Settings as people use it: toggles, checks while typing, panel, two people at once."""

import re

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import sideways
from tests.factories import make_device, make_tenant
from tests.pages import PASSWORD
from webprov.changes.settings import save_settings
from webprov.enums import Role
from webprov.rights import Actor
from webprov.site import SiteLoader
from webprov.store.settings import load_settings

pytestmark = pytest.mark.browser

NOOR = Actor("Noor Dubois", Role.ADMINISTRATOR)


@pytest.fixture
def fleet(live, config):
    """A phone whose files are told what the settings say."""
    with live.instance.sessions() as session:
        save_settings(session, {"server_address": "pbx.acme.example"}, NOOR)
        make_tenant(session)
        make_device(session, SiteLoader(config).load(session), model="yealink-t54w")


def told(page, name):
    """The panel's row of that variable."""
    return page.locator("#told-values dl > div").filter(has=page.get_by_text(name, exact=True))


def saved(live):
    with live.instance.sessions() as session:
        return load_settings(session)


def test_panel_and_bar_follow_what_is_typed(fleet, inside):
    page = inside("/settings/")
    expect(page.locator("#settings-state")).to_have_text("Everything saved")

    page.locator("#sip_proxy").press_sequentially("sbc.acme.example")

    expect(told(page, "PROXY_SERVER")).to_contain_text("sbc.acme.example was pbx.acme.example")
    expect(page.locator("#settings-state")).to_have_text("1 unsaved change")
    expect(page.locator("#effect-count")).to_have_text("1 device gets new files")
    expect(page.locator("#sip_proxy")).to_be_focused()
    expect(page.locator("#sip_proxy")).to_have_value("sbc.acme.example")


def test_a_wrong_value_is_said_while_typing_and_goes_when_it_is_right(fleet, inside):
    page = inside("/settings/")
    field = page.get_by_label("Server address", exact=True)
    field.fill("")
    field.press_sequentially("pbx_acme")

    expect(page.locator("#server_address-error")).to_contain_text("underscores are not allowed")
    expect(field).to_have_attribute("aria-invalid", "true")
    expect(field).to_be_focused()
    field.fill("new.acme.example")

    expect(page.locator("#server_address-error")).to_have_count(0)
    expect(field).not_to_have_attribute("aria-invalid", "true")
    expect(page.get_by_text("Empty: new.acme.example, the server address.").first).to_be_visible()


def test_typed_values_and_passwords_survive_every_toggle(fleet, inside):
    page = inside("/settings/")
    page.get_by_label("HTTP password", exact=True).fill("typed-and-kept-1")
    page.locator("#ntp_server").fill("ntp.acme.example")

    page.get_by_text("External", exact=True).click()
    expect(page.get_by_label("DMS server")).to_be_visible()
    page.get_by_label("DMS server").fill("dms.acme.example")
    page.locator("#external_password").fill("typed-and-kept-2")
    page.get_by_label("Protocol", exact=True).select_option("http")
    expect(page.get_by_text("Over HTTP, SIP passwords cross the network readable.")).to_be_visible()
    page.get_by_text("S3-compatible storage").click()
    expect(page.locator("#s3_bucket")).to_be_visible()
    page.get_by_label("Serve locally too").check()
    expect(page.get_by_role("heading", name="Protocols")).to_be_visible()
    page.get_by_text("Local", exact=True).click()
    expect(page.get_by_label("DMS server")).to_be_hidden()

    assert page.locator("#http_password").input_value() == "typed-and-kept-1"
    assert page.locator("#external_password").input_value() == "typed-and-kept-2"
    assert page.locator("#external_server").input_value() == "dms.acme.example"
    assert page.locator("#ntp_server").input_value() == "ntp.acme.example"


def test_a_refused_save_keeps_passwords_and_leads_to_the_field(live, fleet, inside):
    page = inside("/settings/")
    page.locator("#http_password").fill("typed-and-kept-1")
    page.locator("#server_address").fill("pbx_acme")
    page.keyboard.press("Control+s")

    expect(page.locator("#error-summary")).to_be_focused()
    expect(page.locator("#http_password")).to_have_value("typed-and-kept-1")
    page.locator("#error-summary").get_by_role("link", name="Server address").click()
    page.locator("#server_address").fill("new.acme.example")
    page.locator("#server_address").press("Enter")

    expect(page.locator("#flashes")).to_contain_text("Saved.")
    expect(page.locator("#http_password")).to_have_value("")
    assert (saved(live).server_address, saved(live).http_password) == ("new.acme.example", "typed-and-kept-1")


def test_the_difference_is_shown_before_saving(live, fleet, inside):
    page = inside("/settings/")
    page.locator("#server_address").fill("new.acme.example")
    page.get_by_role("button", name="1 device gets new files").click()

    expect(page.locator("#effect-heading")).to_be_focused()
    expect(page.locator("#settings-effect .wp-added").first).to_contain_text("new.acme.example")
    expect(page.locator("#settings-effect")).to_contain_text("1 of 1 devices gets different files.")
    assert saved(live).server_address == "pbx.acme.example"


def test_two_people_at_once_choose(live, fleet, inside):
    page = inside("/settings/")
    page.locator("#ntp_server").fill("mine.acme.example")
    with live.instance.sessions() as session:
        save_settings(session, {"ntp_server": "noor.acme.example", "sip_proxy": "sbc.acme.example"}, NOOR)

    page.get_by_role("button", name="Save settings").click()
    expect(page.locator("#conflict")).to_contain_text("Noor Dubois saved")
    page.locator("#conflict").get_by_label("mine.acme.example").check()
    page.get_by_role("button", name="Save settings").click()

    expect(page.locator("#flashes")).to_contain_text("Saved.")
    assert (saved(live).ntp_server, saved(live).sip_proxy) == ("mine.acme.example", "sbc.acme.example")


def test_another_phone_is_found_by_its_mac(fleet, inside):
    page = inside("/settings/")

    page.get_by_label("Find another device or model").press_sequentially("t46u")

    expect(page.locator("#seen-by")).to_contain_text("any device")
    expect(page.get_by_label("Find another device or model")).to_be_focused()


@pytest.mark.parametrize("width", [320, 390, 768, 1100, 1360])
def test_the_page_never_scrolls_sideways(fleet, inside, width):
    page = inside("/settings/", width=width)
    page.locator("#server_address").fill("a" * 60 + ".a-rather-long-name.acme.example")
    expect(page.locator("#settings-state")).to_contain_text("unsaved")

    assert sideways(page) == 0


def test_all_of_it_works_without_scripts(live, fleet, inside, browser):
    inside()
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(live.url + "/login")
    page.get_by_label("Name").fill("Miriam Kumar")
    page.get_by_label("Password", exact=True).fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    page.goto(live.url + "/settings/")

    page.get_by_label("External", exact=False).first.check()
    page.locator("#ntp_server").fill("ntp.acme.example")
    page.get_by_role("button", name="Show these fields").first.click()
    expect(page.get_by_text("Type passwords again")).to_be_visible()
    page.locator("#external_server").fill("dms.acme.example")
    page.get_by_role("button", name="Show", exact=True).click()
    expect(told(page, "PROV_SERVER")).to_contain_text("dms.acme.example")
    page.locator("#see-effect").click()
    expect(page.locator("#settings-effect")).to_contain_text(re.compile("dms.acme.example"))
    page.get_by_role("button", name="Save settings").click()

    expect(page.locator("#flashes")).to_contain_text("Saved.")
    assert (saved(live).external_server, saved(live).ntp_server) == ("dms.acme.example", "ntp.acme.example")
    context.close()
