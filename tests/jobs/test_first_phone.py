"""The whole main job, with real parts: from the set-up token to a phone that fetches its configuration."""

import re
import subprocess
import sys

import pytest
from playwright.sync_api import expect

from tests.service import Service, eventually
from webprov.store.devicedata import read_device
from webprov.store.settings import load_settings

PASSWORD = "seven quiet lamps"
MAC = "805EC0A1B2C3"


@pytest.fixture
def service(tmp_path):
    service = Service(tmp_path)
    yield service
    service.close()


def webprov(service, *words):
    command = [sys.executable, "-m", "webprov", *words]
    return subprocess.run(command, env=service.env, check=True, capture_output=True, text=True).stdout


def welcome(service):
    """The set-up token that the running service prints."""
    lines = []
    for line in service.process.stdout:
        lines.append(line)
        if found := re.search(r"Set-up token\s+(\S+)", line):
            return found[1]
    raise AssertionError("".join(lines))


def fetch(service, name, *options):
    url = f"http://127.0.0.1:{service.port}/provisioning/{name}"
    return subprocess.run(["curl", "-sS", "--fail", *options, url], check=True, capture_output=True).stdout


@pytest.mark.browser
def test_from_a_set_up_token_to_a_phone_that_fetches_its_file(service, browser):
    webprov(service, "tenants", "create", "acme", "--timezone", "Europe/Berlin")
    service.start()
    token = welcome(service)
    base = f"http://127.0.0.1:{service.admin}"
    page = browser.new_context(viewport={"width": 1360, "height": 900}).new_page()

    eventually(lambda: _answers(page, f"{base}/setup"))
    page.get_by_label("Set-up token").fill(token)
    page.get_by_label("Your name").fill("Miriam Kumar")
    page.get_by_label("Password", exact=True).fill(PASSWORD)
    page.get_by_role("button", name=re.compile("administrator", re.I)).click()
    page.goto(f"{base}/login")
    if page.get_by_label("Name").count():
        page.get_by_label("Name").fill("Miriam Kumar")
        page.get_by_label("Password", exact=True).fill(PASSWORD)
        page.get_by_role("button", name="Sign in").click()

    page.goto(f"{base}/devices/new")
    page.locator("[name=mac]").fill("80-5e-c0-a1-b2-c3")
    page.locator("[name=model]").fill("yealink-t54w")
    page.locator("[name=line1_userid]").fill("1000")
    page.locator("#device-form").get_by_label("Password", exact=True).fill("R=#*2cN-D39A")
    page.locator("[name=line1_display_name]").fill("O'Brien & Söhne")
    page.get_by_role("button", name=re.compile("^(Add|Save)")).last.click()
    expect(page.locator("h1")).to_be_visible()
    page.goto(f"{base}/devices/{MAC}/preview?file={MAC.lower()}.cfg")
    shown = page.locator("main").inner_text()

    assert "O'Brien & Söhne" in shown
    assert "R=#*2cN-D39A" not in page.content()
    with service.instance.sessions() as session:
        settings, device = load_settings(session), read_device(session, MAC)
    login = f"{settings.http_user}:{settings.http_password}"
    on_disk = (service.instance.config.provisioning_dir / f"{MAC.lower()}.cfg").read_bytes()
    assert device.lines[0].password.encode() in on_disk
    assert fetch(service, f"{MAC}.CFG", "--basic", "--user", login) == on_disk
    assert fetch(service, f"{MAC.lower()}.cfg", "--digest", "--user", login) == on_disk
    assert page.goto(f"{base}/setup").status == 404
    page.context.close()


def _answers(page, url):
    try:
        return page.goto(url).ok
    except Exception:
        return False
