"""Changing a model and a template as people do: clone, edit, preview, return to shipped, in a real browser."""

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import sideways
from tests.factories import make_device, make_tenant, small_config
from webprov.site import SiteLoader

pytestmark = pytest.mark.browser

TEMPLATE = "/templates/edit?name=test/line.cfg&scope="


@pytest.fixture
def config(tmp_path):
    return small_config(tmp_path)


@pytest.fixture
def devices(config, live):
    with live.instance.sessions() as session:
        make_tenant(session)
        site = SiteLoader(config).load(session)
        make_device(session, site)
        make_device(session, site, "805EC0000002", label="Desk 2", line1_userid="2002")


@pytest.fixture
def user(config):
    return config.user_provisioning_dir


def test_a_shipped_model_is_changed_for_all_and_returned(devices, inside, user):
    page = inside("/models/")
    page.get_by_role("link", name="Testphone Desk").click()
    page.get_by_role("link", name="Change for all tenants").click()

    page.get_by_label("Lines").fill("many")
    expect(page.locator("#model-check")).to_contain_text("is not a number from 0 to 1000")
    page.get_by_label("Lines").fill("1")
    expect(page.locator("#model-check")).to_contain_text("Can be used.")
    page.get_by_label("Label").fill("Testphone Desk <b>lobby</b>")
    expect(page.locator("#model-check")).to_contain_text("No device gets new files")
    page.get_by_label("Override").fill("extra = 1")
    expect(page.locator("#model-check")).to_contain_text("2 devices get new files")
    page.get_by_role("button", name="What changes").click()
    expect(page.locator("#effect-heading")).to_be_focused()
    expect(page.locator("#model-effect")).to_contain_text("2 of 2 devices get different files.")
    page.get_by_role("button", name="Save for all tenants").click()

    expect(page.get_by_role("heading", level=1)).to_have_text("Testphone Desk <b>lobby</b>")
    expect(page.locator("#offer")).to_contain_text("2 devices have stale files.")
    expect(page.locator("#main")).to_contain_text("What is changed here")
    assert (user / "models.d/webprov.ini").read_text().startswith("[test-desk]\n")
    page.get_by_role("link", name="Return to shipped").click()
    page.get_by_role("button", name="Remove [test-desk]").click()

    expect(page.get_by_role("heading", level=1)).to_have_text("Testphone Desk")
    assert not (user / "models.d").exists()


def test_what_is_typed_before_the_scripts_are_there_counts(devices, inside, live):
    page = inside("/")
    arrived = []
    page.route("**/htmx.min.js*", lambda route: arrived.append(route))
    page.goto(f"{live.url}/models/edit?key=test-desk", wait_until="commit")
    page.get_by_label("Lines").fill("many")

    arrived[0].continue_()

    expect(page.locator("#model-check")).to_contain_text("is not a number from 0 to 1000")


def test_the_section_as_text_has_numbers_and_marks_its_faults(devices, inside, user):
    page = inside("/models/edit?key=test-desk&as=text")
    page.locator("#body").press_sequentially("lines = 1\nlabl = x")

    expect(page.locator(".wp-gutter span")).to_have_count(2)
    expect(page.locator(".wp-gutter .wp-wrong")).to_have_text("2")
    page.locator("#model-check").get_by_role("link", name="Line 2").click()
    expect(page.locator("#body")).to_be_focused()
    page.keyboard.type("keys = 2")
    expect(page.locator("#model-check")).to_contain_text("Can be used.")
    page.keyboard.press("Control+s")

    expect(page.locator("#flashes")).to_contain_text("Saved.")
    assert (user / "models.d/webprov.ini").read_text() == "[test-desk]\nlines = 1\nkeys = 2\n"


def test_a_click_counts_where_an_answer_arrives_while_the_button_is_down(devices, inside):
    page = inside("/models/edit?key=test-desk&as=text")
    page.locator("#body").press_sequentially("lines = 1\nlabl = x")
    link = page.locator("#model-check").get_by_role("link", name="Line 2")
    link.hover()

    with page.expect_response("**/models/check**"):  # which leaving the text asks for
        page.mouse.down()
    page.wait_for_timeout(100)
    page.mouse.up()

    expect(page.locator("#body")).to_be_focused()


def test_a_template_is_cloned_checked_previewed_saved_and_returned(devices, inside, user):
    page = inside("/templates/")
    page.get_by_role("link", name="test/line.cfg").click()
    page.get_by_role("link", name="Change for all tenants").click()
    text, check = page.locator("#text"), page.locator("#template-check")
    expect(check).to_contain_text("account.1.user = 1000")

    text.press("Control+End")
    text.press_sequentially("x = ${REG_SERVR}\n")
    expect(check).to_contain_text("Did you mean REG_SERVER?")
    expect(page.locator(".wp-gutter .wp-wrong").first).to_be_visible()
    for _ in range(len("x = ${REG_SERVR}\n")):
        text.press("Backspace")
    page.get_by_text("Servers and credentials").click()
    text.press_sequentially("account.${LINE}.server = ")
    page.get_by_role("button", name="REG_SERVER", exact=True).click()
    expect(check).to_contain_text("account.1.server = 1")
    expect(text).to_be_focused()
    page.get_by_label("Seen by").select_option(label="Desk 1 · Testphone Desk · acme")
    page.get_by_label("Find another device or model").press_sequentially("Desk 2")
    expect(check).to_contain_text("account.1.user = 2002")
    expect(page.get_by_label("Find another device or model")).to_be_focused()
    page.get_by_label("What to show").select_option("difference")
    expect(check.locator(".wp-added").first).to_contain_text("server")
    page.get_by_role("button", name="What changes").click()
    expect(page.locator("#template-effect")).to_contain_text("2 of 2 devices get different files.")
    page.get_by_role("button", name="Save for all tenants").click()

    expect(page.locator("#flashes")).to_contain_text("Saved.")
    assert "${REG_SERVER}" in (user / "test/line.cfg").read_text()
    page.get_by_role("link", name="Return to shipped").click()
    page.get_by_role("button", name="Remove test/line.cfg").click()
    expect(page.locator("#flashes")).to_contain_text("is gone")
    assert not (user / "test").exists()


def test_leaving_a_changed_template_asks(devices, inside):
    page = inside(TEMPLATE)
    asked = []
    page.on("dialog", lambda dialog: (asked.append(dialog.type), dialog.accept()))

    page.locator("#text").press_sequentially("# x")
    page.get_by_role("link", name="Cancel").click()

    expect(page).not_to_have_url(TEMPLATE)
    assert asked == ["beforeunload"]


def test_all_of_it_works_without_scripts(devices, inside, browser, live, user):
    page = inside("/", scripts=False)
    page.goto(live.url + TEMPLATE)
    text = page.locator("#text")
    text.fill(text.input_value() + "${MAC.uper()}\n")
    page.get_by_role("button", name="Check and preview").click()
    expect(page.locator("#template-check")).to_contain_text("It cannot be used")
    text.fill(text.input_value().replace("uper", "lower"))
    page.get_by_role("button", name="Save for all tenants").click()

    expect(page.locator("#flashes")).to_contain_text("Saved.")
    assert "lower" in (user / "test/line.cfg").read_text()


@pytest.mark.parametrize("width", [320, 390, 768, 1360])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_no_page_scrolls_sideways(devices, inside, live, user, width, scheme):
    (user / "models.txt").write_text(
        f"[{'x' * 90}]\nextends = test-desk\nlabel = {'<b>' * 60}\n[{'y' * 80}]\nlabl = x\n"
    )
    page = inside("/models/", width=width, scheme=scheme)

    for address in (
        "/models/", f"/models/{'x' * 90}/", "/models/test-desk/?tab=effective", "/models/test-desk/?tab=files",
        "/models/edit?key=test-desk", "/models/edit?key=test-desk&as=text", "/models/new", "/templates/",
        "/templates/test/line.cfg/", TEMPLATE, "/templates/new",
    ):  # fmt: skip
        page.goto(live.url + address)
        assert sideways(page) == 0, address
