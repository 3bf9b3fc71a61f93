"""A save that the storage refuses, and the page that heals, as people see them."""

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import sideways
from tests.factories import make_device, make_tenant
from tests.pages import PASSWORD
from tests.storage import ACCESS_KEY, SECRET_KEY
from webprov.changes.settings import save_settings
from webprov.provisioning import provision_device
from webprov.redelivery import redeliver
from webprov.rights import CONSOLE
from webprov.site import SiteLoader
from webprov.store.settings import load_settings

pytestmark = pytest.mark.browser
MAC = "805EC0000001"


@pytest.fixture
def fleet(live, config):
    with live.instance.sessions() as session:
        make_tenant(session)
        make_device(session, SiteLoader(config).load(session), model="yealink-t54w")


def test_a_save_that_the_storage_refuses_says_why_keeps_the_form_and_stores_nothing(live, fleet, inside, storage):
    page = inside("/settings/")
    with live.instance.sessions() as session:
        before = load_settings(session)
    page.locator("input[name=mode][value=external]").check()
    page.locator("#external_server").fill("dms.acme.example")
    page.locator("input[name=transport][value=s3]").check()
    page.locator("#s3_endpoint").fill(storage.endpoint)
    page.locator("#s3_bucket").fill("no-such-bucket")
    page.locator("#s3_access_key").fill(ACCESS_KEY)
    page.locator("#s3_secret_key").fill(SECRET_KEY)
    page.locator("#own_password").fill(PASSWORD)
    page.get_by_role("button", name="Save settings").click()

    expect(page.locator("#s3_bucket-error")).to_contain_text("There is no bucket “no-such-bucket” at this endpoint.")
    expect(page.locator("#s3_secret_key")).to_have_value(SECRET_KEY)
    expect(page.locator("#external_server")).to_have_value("dms.acme.example")
    with live.instance.sessions() as session:
        assert load_settings(session) == before
    page.locator("#s3_bucket").fill("acme-phones")
    page.locator("#own_password").fill(PASSWORD)
    page.get_by_role("button", name="Save settings").click()
    expect(page.locator("#flashes")).to_contain_text("Saved.")


@pytest.mark.parametrize("width", [1360, 390])
def test_the_page_of_the_file_transport_heals_before_ones_eyes(live, config, fleet, inside, faults, storage, width):
    with live.instance.sessions() as session:
        save_settings(session, storage.settings(s3_endpoint=faults.endpoint), CONSOLE)
        faults.fails(503, "SlowDown")
        provision_device(session, SiteLoader(config).load(session), MAC)
    page = inside("/delivery/", width=width)
    expect(page.locator("#outbox-heading")).to_have_text("2 files have to go to acme-phones")
    assert sideways(page) == 0

    faults.answers = {"*": (200, {"ETag": '"x"'}, b"")}
    with live.instance.sessions() as session:
        redeliver(session, SiteLoader(config).load(session))

    expect(page.locator("#outbox-heading")).to_have_text("Everything is delivered")
    page.locator("#compare").click()
    expect(page.locator("#comparison-heading")).to_be_focused()
    assert sideways(page) == 0


def test_the_connection_and_the_script_are_tried_from_the_form(live, config, fleet, inside, storage):
    with live.instance.sessions() as session:
        save_settings(session, storage.settings(), CONSOLE)
        provision_device(session, SiteLoader(config).load(session), MAC)
    folder = config.script_dirs[-1]
    folder.mkdir(parents=True, exist_ok=True, mode=0o755)
    folder.chmod(0o755)
    script = folder / "push.sh"
    script.write_text('#!/bin/sh\necho "for $PROV_MAC"\n')
    script.chmod(0o755)
    page = inside("/settings/")
    page.get_by_role("button", name="Test connection").click()
    expect(page.locator("#settings-connection")).to_contain_text("This works.")

    page.locator("input[name=transport][value=script]").check()
    page.locator("#script_path").fill(str(script))
    page.locator("#own_password").fill(PASSWORD)
    page.locator("#script-device").fill("80:5e:c0:00:00:01")
    page.locator("#test-script").click()

    expect(page.locator("#settings-connection")).to_contain_text("The script ended well.")
    expect(page.locator("#settings-connection pre")).to_have_text(f"for {MAC}")
    with live.instance.sessions() as session:
        assert load_settings(session).transport == "s3"
