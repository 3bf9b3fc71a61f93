"""Contacts in a real browser: edit in place, import with a trial run, with and without scripts."""

import re

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import sideways
from tests.factories import make_tenant
from webprov.changes.contacts import add_contact
from webprov.rights import CONSOLE

CSV = "first_name,last_name,group,extension\nEve,Holm,Sales,301\nFay,Ito,,302\n"


@pytest.fixture
def people(live):
    with live.instance.sessions() as session:
        make_tenant(session)
        for number, name in enumerate(("Ann", "Bo", "]]> &amp; <b>"), start=101):
            add_contact(
                session, CONSOLE, "acme", {"first_name": name, "last_name": "Example", "extension": str(number)}
            )


def test_a_contact_is_edited_in_its_row(inside, people):
    page = inside("/contacts/?tenant=acme")
    page.get_by_label("Edit Ann Example").click()
    expect(page.get_by_label("First name")).to_be_focused()
    page.get_by_label("Work", exact=True).fill("call me")
    page.get_by_role("button", name="Save contact").click()
    expect(page.locator(".wp-editing .wp-error")).to_contain_text("cannot be dialled")

    page.get_by_label("Work", exact=True).fill("+49 30 1234")
    page.get_by_role("button", name="Save contact").click()

    expect(page.locator("#contacts .wp-editing")).to_have_count(0)
    expect(page.locator("#contacts")).to_contain_text("+49 30 1234")
    expect(page.locator("#directory-state")).to_contain_text("4 changes waiting")
    expect(page.locator("#announce")).to_have_text("Ann Example is saved.")


def test_cancel_brings_the_row_back(inside, people):
    page = inside("/contacts/?tenant=acme")
    page.get_by_label("Edit Bo Example").click()
    page.get_by_label("First name").fill("Somebody")
    page.get_by_role("link", name="Cancel").click()

    expect(page.get_by_label("Edit Bo Example")).to_be_visible()
    expect(page.get_by_text("Somebody")).to_have_count(0)


def test_typing_searches_and_a_selection_is_deleted(inside, people):
    page = inside("/contacts/?tenant=acme")
    page.get_by_label("Search contacts").fill("102")
    expect(page.locator("#contacts tbody tr")).to_have_count(1)
    expect(page).to_have_url(re.compile("q=102"))
    page.get_by_label("Select Bo Example").check()
    expect(page.get_by_text("1 selected")).to_be_visible()
    page.locator("#contacts-bulk").get_by_role("button", name="Delete").click()
    page.get_by_role("button", name="Delete Bo Example").click()

    expect(page.get_by_text("1 contact is deleted.")).to_be_visible()


@pytest.mark.parametrize("scripts", [True, False])
def test_a_file_is_tried_then_imported(inside, people, tmp_path, scripts):
    file = tmp_path / "people.csv"
    file.write_text(CSV)
    page = inside("/contacts/import?tenant=acme", scripts=scripts)
    page.get_by_label("File", exact=True).set_input_files(file)
    page.get_by_role("button", name="Try without importing").click()
    expect(page.get_by_text("It would add 2, change 0")).to_be_visible()
    page.get_by_label("File", exact=True).set_input_files(file)

    page.get_by_role("button", name="Import contacts").click()

    expect(page.get_by_text("Imported: 2 added.")).to_be_visible()
    expect(page.locator("#contacts")).to_contain_text("Fay Ito")


def test_without_scripts_a_row_opens_and_saves(inside, people):
    page = inside("/contacts/?tenant=acme", scripts=False)
    page.get_by_label("Edit Ann Example").click()
    page.get_by_label("Group").last.fill("Sales")
    page.get_by_role("button", name="Save contact").click()

    expect(page.get_by_text("Ann Example is saved.")).to_be_visible()
    expect(page.locator("#contacts")).to_contain_text("Sales")


@pytest.mark.parametrize("width", [320, 390, 768, 1360])
def test_the_page_never_scrolls_sideways(inside, people, width):
    page = inside("/contacts/?tenant=acme", width=width)
    page.get_by_label("Edit ]]> &amp; <b> Example").click()
    expect(page.get_by_label("First name")).to_be_visible()

    assert sideways(page) == 0


def test_the_focus_comes_with_the_row_and_never_later(inside, people):
    page = inside("/contacts/?tenant=acme")
    page.evaluate(
        """() => {
            const focus = HTMLElement.prototype.focus;
            window.focused = [];
            HTMLElement.prototype.focus = function () { focused.push("focus"); focus.call(this); };
            document.addEventListener("htmx:afterSwap", () => setTimeout(() => focused.push("later"), 0));
        }"""
    )
    page.get_by_label("Edit Ann Example").click()
    expect(page.get_by_label("First name")).to_be_focused()
    page.wait_for_timeout(100)

    assert page.evaluate("focused") == ["focus", "later"]
