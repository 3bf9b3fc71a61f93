import pytest
from playwright.sync_api import expect

from tests.browser.conftest import sideways
from webprov.store.models import Device, Tenant

pytestmark = pytest.mark.browser

NAMES = ["]]> &amp; &lt;", "田中 太郎", "<script>alert(1)</script>", "a" * 120]


@pytest.fixture
def fleet(live):
    with live.instance.sessions() as session:
        acme = Tenant(name="acme", label="Acme & Sons with a name that is rather long for the column")
        session.add_all([acme, Tenant(name="globex")])
        for number, name in enumerate(NAMES):
            session.add(Device(mac=f"805EC000000{number}", tenant=acme, model="yealink-t54w", label=name))
        session.commit()


def test_theme_turns_at_once_and_stays(live, inside):
    page = inside(scheme="dark")
    expect(page.locator("html")).to_have_attribute("data-bs-theme", "dark")

    page.get_by_role("button", name="Theme").click()
    page.get_by_role("button", name="Light").click()
    expect(page.locator("html")).to_have_attribute("data-bs-theme", "light")

    page.goto(live.url + "/users/")
    expect(page.locator("html")).to_have_attribute("data-bs-theme", "light")
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(246, 247, 249)"


def test_system_theme_follows_the_browser(inside):
    page = inside(scheme="light")
    expect(page.locator("html")).to_have_attribute("data-bs-theme", "light")

    page.emulate_media(color_scheme="dark")

    expect(page.locator("html")).to_have_attribute("data-bs-theme", "dark")


def test_keys_work_outside_fields_only(inside):
    page = inside("/users/new")
    page.get_by_label("Name").fill("")
    page.get_by_label("Name").press_sequentially("a/b?g")
    expect(page.get_by_label("Name")).to_have_value("a/b?g")

    page.locator("main").focus()
    page.keyboard.press("/")
    expect(page.get_by_label("Search the fleet")).to_be_focused()
    page.keyboard.press("Escape")
    page.keyboard.press("?")
    expect(page.get_by_role("dialog", name="Keys")).to_be_visible()
    page.get_by_role("switch").uncheck()
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog", name="Keys")).to_be_hidden()
    page.keyboard.press("?")
    expect(page.get_by_role("dialog", name="Keys")).to_be_hidden()


def test_search_shows_hits_while_typing(fleet, inside):
    page = inside("/users/")
    page.get_by_label("Search the fleet").press_sequentially("5ec0")
    expect(page.locator("#hits a")).to_have_count(4)
    expect(page.locator("#hits")).to_contain_text("80:5E:C0:00:00:01")
    expect(page.locator("#hits")).to_contain_text("<script>alert(1)</script>")

    page.keyboard.press("ArrowDown")
    expect(page.locator("#hits a").first).to_be_focused()
    page.keyboard.press("Escape")
    page.get_by_label("Search the fleet").fill("no such phone")
    expect(page.locator("#hits")).to_contain_text("Nothing matches")


def test_leaving_a_changed_form_asks_once(inside):
    page = inside("/users/new")
    asked = []
    page.on("dialog", lambda dialog: (asked.append(dialog.type), dialog.accept()))
    page.get_by_label("Name").fill("Kim")

    page.get_by_role("link", name="Cancel").click()

    expect(page.get_by_role("heading", name="Users")).to_be_visible()
    assert asked == ["beforeunload"]


@pytest.mark.parametrize("width", [320, 390, 768, 1360])
def test_no_page_scrolls_sideways(live, fleet, inside, width):
    page = inside(width=width)
    for address in ("/", "/users/", "/users/new", "/users/1/", "/account/password", "/search?q=5ec0", "/nothing"):
        page.goto(live.url + address)
        assert sideways(page) == 0, address


def test_column_slides_in_on_narrow_screens(inside):
    page = inside(width=390)
    expect(page.get_by_role("link", name="Users")).to_be_hidden()

    page.get_by_role("button", name="Open the list of pages").click()
    page.get_by_role("link", name="Users").click()

    expect(page.get_by_role("heading", name="Users")).to_be_visible()


def test_search_opens_full_width_on_narrow_screens(fleet, inside):
    page = inside(width=390)
    page.get_by_role("button", name="Search").click()
    page.get_by_label("Search the fleet").press_sequentially("yealink")

    expect(page.locator("#hits a").first).to_be_visible()
    assert sideways(page) == 0
