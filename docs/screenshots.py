"""Makes the pictures of the documentation from the demo fleet: `python docs/screenshots.py` (needs chromium).

Run it from the project's folder in an environment with the test extras; the pictures land in docs/pictures/.
"""

import shutil
import sys
import tempfile
import threading
from pathlib import Path

from playwright.sync_api import Page, sync_playwright
from sqlalchemy import select
from waitress.server import create_server

sys.path.insert(0, str(Path(__file__).parent.parent))

from webprov.config import load_config
from webprov.demo import NAME, fill_demo
from webprov.mac import format_mac
from webprov.site import SiteLoader
from webprov.store.instance import open_instance
from webprov.store.models import Device
from wsgi import create_app

PICTURES = Path(__file__).parent / "pictures"
WIDE = {"width": 1360, "height": 860}


def main() -> None:
    """One picture per page that the documents show."""
    with tempfile.TemporaryDirectory() as folder:
        config = load_config({"WEBPROV_INSTANCE": f"{folder}/instance"})
        password, mac = _fill(config)
        server = create_server(create_app(config), host="127.0.0.1", port=0)
        threading.Thread(target=server.run, daemon=True).start()
        _take(f"http://127.0.0.1:{server.effective_port}", password, mac)


def _fill(config) -> tuple[str, str]:
    instance = open_instance(config)
    with instance.sessions() as session:
        password = fill_demo(session, SiteLoader(config))
        mac = session.scalar(select(Device.mac).where(Device.model == "yealink-t54w").order_by(Device.mac))
    assert password is not None
    print(f"Pictures of {format_mac(mac)} and its neighbours")
    return password, mac


def _take(base: str, password: str, mac: str) -> None:
    pages = {
        "dashboard-light": ("/", "light", WIDE),
        "devices-light": ("/devices/", "light", WIDE),
        "device-light": (f"/devices/{mac}/", "light", WIDE),
        "files-light": (f"/devices/{mac}/preview", "light", WIDE),
        "settings-light": ("/settings/", "light", WIDE),
        "model-light": ("/models/yealink-t54w/?tab=effective", "light", WIDE),
        "template-light": ("/templates/edit?name=yealink/phone.cfg&scope=", "light", WIDE),
        "fetches-light": ("/fetches/", "light", WIDE),
        "unknown-light": ("/unknown/", "light", WIDE),
        "firmware-light": ("/firmware/", "light", WIDE),
    }
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"))
        for name, (address, scheme, size) in pages.items():
            page = browser.new_context(viewport=size, color_scheme=scheme).new_page()
            _sign_in(page, base, password)
            page.goto(base + address, wait_until="networkidle")
            page.screenshot(path=PICTURES / f"{name}.png")
            page.context.close()
        browser.close()


def _sign_in(page: Page, base: str, password: str) -> None:
    page.goto(f"{base}/login")
    page.get_by_label("Name").fill(NAME)
    page.get_by_label("Password", exact=True).fill(password)
    page.get_by_role("button", name="Sign in").click()
    page.wait_for_selector("#column", state="attached")


if __name__ == "__main__":
    main()
