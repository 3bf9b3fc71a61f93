"""Fetches, unknown phones and firmware as people use them: watch, adopt, upload, with and without scripts."""

import re

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import sideways
from tests.factories import make_device, make_fetch, make_stranger, make_tenant, small_config
from webprov.site import SiteLoader
from webprov.texts import safe_text

pytestmark = pytest.mark.browser

HOSTILE = safe_text("/provisioning/<img src=x onerror=alert(1)>\u202e" + "A" * 200, 250)


@pytest.fixture
def config(tmp_path):
    config = small_config(tmp_path)
    with (config.models_dir / "test.ini").open("a") as file:
        file.write(
            "\n[test-big]\nextends = _deskphone\nlabel = Big\nfirmware = big-1.2.rom\nuser_agent = Big {firmware}\n"
        )
    return config


@pytest.fixture
def device(session, config):
    """A phone that fetched its file, and one that nobody entered."""
    make_tenant(session)
    device = make_device(session, SiteLoader(config).load(session), model="test-big")
    make_fetch(session, device, user_agent="Big 1.1")
    make_stranger(session, "02AA00000077", user_agent="Big 1.0", paths=[HOSTILE])
    make_fetch(session, mac="02AA00000077", path=HOSTILE, reason="no credentials", status=401)
    return device


def test_fetches_are_narrowed_and_watched(inside, session, device):
    page = inside("/fetches/")
    rows = page.locator("#fetches tbody tr")
    expect(rows).to_have_count(2)

    page.get_by_label("Answer").select_option("served")
    expect(rows).to_have_count(1)
    expect(page).to_have_url(re.compile(r"answer=served"))
    page.get_by_label("Search fetches").fill("zebra")
    expect(page.get_by_text("No request fits these filters.")).to_be_visible()
    page.get_by_role("link", name="Clear the filters").first.click()
    expect(rows).to_have_count(2)

    page.get_by_role("link", name="Watch").click()
    make_fetch(session, device, reason="wrong credentials", status=401)
    expect(rows).to_have_count(3, timeout=20_000)
    expect(rows.first).to_contain_text("wrong password")


def test_who_stands_on_a_link_of_a_list_that_is_watched_stays_there(inside, session, device):
    page = inside("/fetches/?live=1")
    rows = page.locator("#fetches tbody tr")
    second = rows.nth(1).locator("a").first
    place = second.get_attribute("href")
    second.focus()

    make_fetch(session, mac="02AA00000079", reason="no credentials", status=401)
    expect(rows).to_have_count(3, timeout=20_000)

    assert page.evaluate("document.activeElement.getAttribute('href')") == place


def test_unknown_phone_is_adopted_or_ignored(inside, session, device):
    make_stranger(session, "02AA00000078")
    page = inside("/unknown/")

    page.get_by_role("button", name="Ignore 02:AA:00:00:00:78").click()
    expect(page.get_by_text("02:AA:00:00:00:78 is ignored.")).to_be_visible()
    page.get_by_role("link", name="Adopt 02:AA:00:00:00:77").click()

    expect(page.get_by_label("MAC")).to_have_value("02:AA:00:00:00:77")
    expect(page.get_by_label("Model")).to_have_value("Big")


@pytest.mark.parametrize("scripts", [True, False])
def test_firmware_is_uploaded_and_deleted(inside, device, config, tmp_path, scripts):
    rom = tmp_path / "big-1.2.rom"
    rom.write_bytes(b"firmware" * 500_000)
    page = inside("/firmware/", scripts=scripts)
    expect(page.get_by_text("Not there", exact=True)).to_be_visible()

    page.get_by_label("File for big-1.2.rom").set_input_files(rom)
    page.locator("#firmware").get_by_role("button", name="Upload").click()

    expect(page.get_by_text("FIRMWARE-test-big/big-1.2.rom is stored: 4,000,000 bytes")).to_be_visible()
    assert (config.provisioning_dir / "FIRMWARE-test-big" / "big-1.2.rom").read_bytes() == rom.read_bytes()
    page.get_by_role("link", name="Delete FIRMWARE-test-big/big-1.2.rom").first.click()
    page.get_by_role("button", name="Delete file").click()
    expect(page.get_by_text("Not there", exact=True)).to_be_visible()


def test_refused_upload_says_why_beside_the_form(inside, device, tmp_path):
    backup = tmp_path / "a.bak"
    backup.write_bytes(b"x")
    page = inside("/firmware/")

    page.locator("#other-file").set_input_files(backup)
    page.get_by_role("button", name="Upload file").click()

    expect(page.locator("#other-error")).to_contain_text("would not be served")


@pytest.mark.parametrize("width", [320, 390, 1360])
def test_no_page_scrolls_sideways(live, inside, device, width):
    page = inside("/fetches/", width=width)
    wide = {}

    for path in ("/fetches/", "/unknown/", "/firmware/", f"/devices/{device.mac}/fetches", "/devices/?more=1"):
        page.goto(live.url + path)
        wide[path] = sideways(page)

    assert {path: pixels for path, pixels in wide.items() if pixels} == {}
    assert page.locator("img[src=x]").count() == 0
