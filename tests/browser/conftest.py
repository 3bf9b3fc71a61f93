"""A real app on waitress with an instance of its own, and a real browser in front of it."""

import re
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import pytest
from playwright.sync_api import Browser, Page, expect
from waitress import wasyncore
from waitress.server import create_server

from tests.pages import PASSWORD
from webprov.config import Config
from webprov.enums import Role
from webprov.people import create_user
from webprov.rights import CONSOLE
from webprov.store.instance import Instance
from wsgi import create_app

expect.set_options(timeout=10_000)


@dataclass(frozen=True)
class Site:
    """Where the app answers, and its instance."""

    url: str
    instance: Instance


@pytest.fixture
def live(config: Config, instance: Instance) -> Iterator[Site]:
    """The admin UI on a free port of the loopback."""
    server = create_server(create_app(config), host="127.0.0.1", port=0, threads=4, clear_untrusted_proxy_headers=False)
    thread = threading.Thread(target=server.run)
    thread.start()
    yield Site(f"http://127.0.0.1:{server.effective_port}", instance)
    server.trigger.pull_trigger(lambda: wasyncore.close_all(server._map, ignore_all=True))
    thread.join(10)
    server.task_dispatcher.shutdown()


@pytest.fixture
def open_page(browser: Browser, live: Site) -> Iterator[Callable[..., Page]]:
    """Opens a tab of its own; at the end none of them may have complained in its console (security UI-09)."""
    complaints: list[str] = []
    contexts = []

    def open_tab(address: str = "/login", *, width: int = 1360, scheme: str = "light", scripts: bool = True) -> Page:
        context = browser.new_context(
            viewport={"width": width, "height": 800}, color_scheme=scheme, java_script_enabled=scripts
        )
        contexts.append(context)
        page = context.new_page()
        page.on("console", lambda message: complaints.append(message.text) if message.type == "error" else None)
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.goto(live.url + address)
        return page

    yield open_tab
    for context in contexts:
        context.close()
    # a refused form is a 422 and looks like trouble to the browser, not to us
    assert [text for text in complaints if not re.search(r"status of 4(01|04|22)", text)] == []


@pytest.fixture
def inside(live: Site, open_page: Callable[..., Page]) -> Callable[..., Page]:
    """Opens a tab in which an administrator has signed in; further arguments as `open_page`."""
    with live.instance.sessions() as session:
        create_user(session, CONSOLE, name="Miriam Kumar", password=PASSWORD, role=Role.ADMINISTRATOR)

    def enter(address: str = "/", **options: object) -> Page:
        page = open_page("/login", **options)
        page.get_by_label("Name").fill("Miriam Kumar")
        page.get_by_label("Password", exact=True).fill(PASSWORD)
        page.get_by_role("button", name="Sign in").click()
        expect(page.locator("#column")).to_be_attached()
        if address != "/":
            page.goto(live.url + address)
        return page

    return enter


def sideways(page: Page) -> int:
    """How many pixels the page scrolls sideways; 0 is what we want."""
    return int(page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth"))
