import re
import time

import pyotp
import pytest
from playwright.sync_api import expect

from tests.browser.conftest import sideways
from tests.pages import PASSWORD
from webprov.store.instance import new_setup_token

pytestmark = pytest.mark.browser


def test_set_up_with_the_link_of_the_console(live, open_page):
    with live.instance.sessions() as session:
        token = new_setup_token(session)

    page = open_page(f"/setup#token={token}")
    expect(page.get_by_label("Set-up token")).to_have_value(token)
    assert token not in page.url
    page.get_by_label("Your name").fill("Noor")
    page.get_by_label("Password", exact=True).fill(PASSWORD)
    page.get_by_role("button", name="Create administrator").click()

    expect(page.get_by_role("heading", name="Your first phone")).to_be_visible()
    assert page.goto(live.url + "/setup").status == 404


def test_wrong_password_then_right_then_out(live, inside, open_page):
    page = inside()
    page.get_by_role("button", name="Account").click()
    page.get_by_role("button", name="Sign out").click()
    expect(page.get_by_text("You are signed out")).to_be_visible()

    page.get_by_label("Name").fill("Miriam Kumar")
    page.get_by_label("Password", exact=True).fill("wrong")
    page.get_by_role("button", name="Sign in").click()
    expect(page.locator("#error-summary")).to_be_focused()
    expect(page.locator("#error-summary")).to_contain_text("do not fit")

    page.goto(live.url + "/users/")
    expect(page).to_have_url(re.compile(r"/login\?next=/users/$"))
    page.get_by_label("Name").fill("Miriam Kumar")
    page.get_by_label("Password", exact=True).fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("heading", name="Users")).to_be_visible()


def test_eye_shows_what_was_typed(open_page):
    page = open_page("/setup")
    box = page.get_by_label("Password", exact=True)
    box.fill("seven")

    page.get_by_role("button", name="Show Password").click()
    expect(box).to_have_attribute("type", "text")
    page.get_by_role("button", name="Show Password").click()
    expect(box).to_have_attribute("type", "password")


def test_a_second_factor_from_the_first_scan_to_the_next_sign_in(live, inside):
    page = inside()
    page.get_by_role("button", name="Account").click()
    page.get_by_role("link", name="Second factor").click()
    expect(page.get_by_role("img", name="QR code for the authenticator app")).to_be_visible()
    app = pyotp.TOTP(page.get_by_role("button", name="Copy the key").get_attribute("data-copy"))
    page.get_by_label("Code that the app shows").fill("000000")
    page.get_by_label("Your password", exact=True).fill(PASSWORD)
    page.get_by_role("button", name="Turn on").click()
    expect(page.locator("#error-summary")).to_contain_text("does not fit")
    page.get_by_label("Code that the app shows").fill(app.at(time.time() - 30))
    page.get_by_label("Your password", exact=True).fill(PASSWORD)
    page.get_by_role("button", name="Turn on").click()
    expect(page.get_by_role("listitem").locator("code")).to_have_count(10)
    page.get_by_role("link", name="I have kept them").click()

    page.get_by_role("button", name="Account").click()
    page.get_by_role("button", name="Sign out").click()
    page.goto(live.url + "/users/")
    page.get_by_label("Name").fill("Miriam Kumar")
    page.get_by_label("Password", exact=True).fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_label("Code")).to_be_focused()
    page.keyboard.type(app.now())
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="Users")).to_be_visible()


@pytest.mark.parametrize("width", [320, 390, 1360])
def test_pages_of_the_second_factor_do_not_scroll_sideways(live, inside, width):
    page = inside("/account/second-factor", width=width, scheme="dark")
    assert sideways(page) == 0
    app = pyotp.TOTP(page.get_by_role("button", name="Copy the key").get_attribute("data-copy"))
    page.get_by_label("Code that the app shows").fill(app.now())
    page.get_by_label("Your password", exact=True).fill(PASSWORD)
    page.get_by_role("button", name="Turn on").click()
    expect(page.get_by_role("listitem").locator("code")).to_have_count(10)
    assert sideways(page) == 0

    for address in ("/account/second-factor", "/users/", "/users/1/"):
        page.goto(live.url + address)
        assert sideways(page) == 0, address
