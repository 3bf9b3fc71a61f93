"""The way back: look at an earlier revision of a device's files, see what differs, restore it."""

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import sideways
from tests.factories import MAC, make_device, make_tenant, small_config
from webprov.changes.devices import change_device
from webprov.deviceinput import parse_device
from webprov.provisioning import provision_device
from webprov.rights import CONSOLE
from webprov.site import SiteLoader

pytestmark = pytest.mark.browser

FILES = f"/devices/{MAC}/preview"


@pytest.fixture
def config(tmp_path):
    return small_config(tmp_path)


@pytest.fixture
def revised(config, instance):
    """Desk 1, provisioned; then it was called Lobby and provisioned again. Beside it Desk 2."""
    with instance.sessions() as session:
        make_tenant(session)
        site = SiteLoader(config).load(session)
        make_device(session, site)
        make_device(session, site, "805EC0000002", label="Desk 2", line1_userid="2000")
        provision_device(session, site, MAC)
        change_device(session, site, MAC, parse_device({"mac": MAC, "label": "Lobby"}), CONSOLE)
        provision_device(session, site, MAC)


def test_see_what_changed_restore_and_provision_again(config, revised, inside):
    page = inside(FILES)
    page.get_by_role("link", name="Difference to revision 1").click()
    expect(page.locator("tr.wp-removed")).to_contain_text("label = Desk 1")
    expect(page.locator(".wp-differs")).to_contain_text("This device: label")

    page.get_by_role("link", name="Restore… revision 1").click()
    expect(page.get_by_role("link", name="Cancel")).to_be_focused()
    page.get_by_role("button", name="Restore revision 1").click()
    expect(page.get_by_text("Revision 1 is restored.")).to_be_visible()
    expect(page.get_by_text("Restored: it holds revision 1.")).to_be_visible()
    assert "label = Desk 1\n" in (config.provisioning_dir / "805ec0000001.cfg").read_text()

    page.get_by_role("button", name="Provision", exact=True).click()
    expect(page.get_by_text("Files current")).to_be_visible()
    assert "label = Lobby\n" in (config.provisioning_dir / "805ec0000001.cfg").read_text()


def test_compare_with_another_device_without_leaving_the_page(revised, inside):
    page = inside(f"{FILES}?view=difference")

    page.get_by_label("From").select_option("device")
    expect(page.get_by_text("Choose the device to compare with.")).to_be_visible()
    page.locator("#other").select_option("805EC0000002")

    expect(page.locator("tr.wp-removed").filter(has_text="account.1.user = 2000")).to_be_visible()
    expect(page.get_by_text("− in Desk 2, + as rendered now")).to_be_visible()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_nothing_of_it_is_cut_off_on_a_narrow_screen(revised, inside, scheme):
    page = inside(f"{FILES}?view=difference&against=device", width=390, scheme=scheme)

    assert sideways(page) == 0
    button = page.get_by_role("link", name="Restore… revision 1").bounding_box()
    assert button["x"] >= 0
    assert button["x"] + button["width"] <= 390
