"""The fastest path of the product and what people do most, in a real browser."""

import re

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import sideways
from tests.factories import MAC, make_device, make_tenant, small_config
from webprov.site import SiteLoader
from webprov.store.devicedata import read_device

pytestmark = pytest.mark.browser

TABS = ("", "phone", "variables", "preview", "preview?view=difference", "fetches", "changes", "check-sync", "delete")


@pytest.fixture
def config(tmp_path):
    return small_config(tmp_path)


@pytest.fixture
def site(config, instance):
    """Tenant acme with Desk 1, which has a line and two keys."""
    with instance.sessions() as session:
        make_tenant(session)
        loaded = SiteLoader(config).load(session)
        keys = {"key1_type": "blf", "key1_value": "1001", "key2_type": "park", "key2_value": "701"}
        make_device(session, loaded, **keys)
    return loaded


def stored(live, mac: str = MAC):
    with live.instance.sessions() as session:
        return read_device(session, mac)


def line(page: Page, number: int):
    return page.locator(".wp-lines tr.wp-open").nth(number - 1)


def test_add_a_phone_with_two_lines_and_see_its_masked_file(live, site, inside):
    page = inside("/devices/new")
    expect(page.get_by_label("MAC address")).to_be_focused()
    page.keyboard.type("80-5e-c0-00-00-09")
    page.keyboard.press("Tab")
    page.keyboard.type("desk")
    page.get_by_label("Label", exact=False).first.fill("Reception")
    line(page, 1).get_by_label("Display name").fill("Eva Holm")
    line(page, 1).get_by_label("User").fill("1009")
    page.get_by_role("button", name="Generate a password for line 1").click()
    generated = line(page, 1).get_by_label("Password", exact=True).input_value()
    page.get_by_role("button", name="Add line").click()
    expect(line(page, 2).get_by_label("Display name")).to_be_focused()
    page.keyboard.type("Bo Lind")
    line(page, 2).get_by_label("User").fill("1010")
    line(page, 2).get_by_label("Password", exact=True).fill("second-secret-2")

    page.get_by_role("button", name="Add device").last.click()

    expect(page.get_by_text("Reception added.")).to_be_visible()
    device = stored(live, "805EC0000009")
    assert [(one.userid, one.password) for one in device.lines] == [("1009", generated), ("1010", "second-secret-2")]
    page.locator("main").get_by_role("link", name="Files").click()
    expect(page.locator(".wp-code")).to_contain_text("account.2.user = 1010")
    assert generated not in page.content()
    assert page.locator(".wp-code .wp-secret").count() >= 3


def test_views_of_a_file_stand_above_its_text(live, site, inside):
    page = inside(f"/devices/{MAC}/preview")

    views = page.get_by_role("navigation", name="Views").bounding_box()
    text = page.locator(".wp-code").bounding_box()
    assert views
    assert text
    assert views["y"] + views["height"] <= text["y"]


def test_rows_move_without_losing_input_and_keep_the_focus(live, site, inside):
    page = inside(f"/devices/{MAC}/")
    page.get_by_role("button", name="Add line").click()
    line(page, 1).get_by_label("User").fill("1002")
    line(page, 1).get_by_label("Password", exact=True).fill("typed-secret-3")
    page.get_by_role("button", name="Move up line 2").click()

    expect(page.locator("#announce")).to_have_text("Line 2 is Line 1 now")
    expect(page.get_by_role("button", name="Move up line 1")).to_be_focused()
    expect(line(page, 1).get_by_label("User")).to_have_value("1002")
    expect(line(page, 1).get_by_label("Password", exact=True)).to_have_value("typed-secret-3")
    page.get_by_role("button", name="Done").click()
    expect(page.get_by_role("button", name="Edit line 1")).to_be_focused()
    page.get_by_role("button", name="Save lines and keys").click()

    expect(page.get_by_text(re.compile("^Saved."))).to_be_visible()
    first, second = stored(live).lines
    assert (first.userid, first.password) == ("1002", "typed-secret-3")
    assert (second.userid, second.password) == ("1000", "R=#*2cN-D39A")


def test_a_deleted_key_comes_back_and_enter_saves(live, site, inside):
    page = inside(f"/devices/{MAC}/")
    page.get_by_role("button", name="Delete key 1").click()
    expect(page.get_by_role("button", name="Undo: bring back key 1")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.get_by_role("button", name="Edit key 1")).to_be_focused()
    page.keyboard.press("Enter")
    page.locator("#key-w1-value").fill("1005")
    page.locator("#key-w1-value").press("Enter")

    expect(page.get_by_text(re.compile("^Saved."))).to_be_visible()
    assert [(key.number, key.value) for key in stored(live).keys] == [(1, "1005"), (2, "701")]


def test_a_refused_save_leads_to_the_field(site, inside):
    page = inside(f"/devices/{MAC}/")
    page.get_by_role("button", name="Edit key 1").click()
    page.locator("#key-w1-line").fill("first")
    page.get_by_role("button", name="Save lines and keys").click()

    expect(page.locator("#error-summary")).to_be_focused()
    expect(page.locator("#key-w1-line")).to_have_attribute("aria-invalid", "true")
    expect(page.locator("#key-w1-line-error")).to_contain_text("number of a line")


def test_the_list_is_searched_while_typing_and_its_address_can_be_sent(live, site, inside):
    with live.instance.sessions() as session:
        make_device(session, site, "805EC0000002", label="Lobby", line1_display_name="Bo")
    page = inside("/devices/")

    page.get_by_label("Search devices").fill("lobby")
    expect(page.locator("#devices-list tbody tr")).to_have_count(1)
    expect(page).to_have_url(re.compile(r"/devices/\?q=lobby$"))
    expect(page.get_by_label("Search devices")).to_be_focused()
    page.reload()
    expect(page.locator("#devices-list tbody tr")).to_have_count(1)
    page.go_back()
    expect(page.locator("#devices-list tbody tr")).to_have_count(2)


def test_selected_devices_are_provisioned(site, inside):
    page = inside("/devices/")
    expect(page.locator("#devices-bulk")).to_be_hidden()
    page.get_by_label("Select all devices on this page").check()
    expect(page.locator("#devices-bulk")).to_contain_text("1 selected")

    page.locator("#devices-bulk").get_by_role("button", name="Provision").click()

    expect(page.get_by_role("heading", name="Provision 1 device").first).to_be_visible()
    expect(page.locator("#job-1")).to_contain_text("0 of 1")


@pytest.mark.parametrize("width", [320, 390, 768, 1024])
def test_no_page_scrolls_sideways(live, site, inside, width):
    page = inside("/devices/", width=width)
    wide = {}

    for path in ("", "new", "import", "export", *(f"{MAC}/{tab}" for tab in TABS)):
        page.goto(f"{live.url}/devices/{path}")
        wide[path] = sideways(page)
    page.goto(f"{live.url}/devices/{MAC}/")
    page.get_by_role("button", name="Edit key 1").click()
    expect(page.locator("#key-w1-value")).to_be_visible()
    wide["an open row"] = sideways(page)

    assert {path: pixels for path, pixels in wide.items() if pixels} == {}


def test_everything_works_without_scripts(live, site, inside):
    page = inside("/devices/new", scripts=False)
    page.get_by_label("MAC address").fill("805EC0000009")
    page.get_by_label("Model").fill("test-desk")
    line(page, 1).get_by_label("User").fill("1009")
    page.get_by_role("button", name="Add key").click()
    expect(page.get_by_label("MAC address")).to_have_value("805EC0000009")
    page.locator("#key-n1-value").fill("1001")
    page.get_by_role("button", name="Add device").last.click()

    expect(page.get_by_text("added.")).to_be_visible()
    device = stored(live, "805EC0000009")
    assert (device.lines[0].userid, device.keys[0].value) == ("1009", "1001")
    page.goto(live.url + "/devices/")
    page.get_by_label("Search devices").fill("09")
    page.get_by_role("button", name="Filter").click()
    expect(page.locator("#devices-list tbody tr")).to_have_count(1)
