"""The left column: its groups and pages, from one list. A page that is not built, or not for this person, is absent."""

from collections.abc import Callable
from dataclasses import dataclass

from flask import current_app, request, url_for

from views.access import current_actor
from webprov.rights import Right

_badges: dict[str, Callable[[], int]] = {}


@dataclass(frozen=True, slots=True)
class Page:
    """One entry; `endpoint` is `blueprint.view`, open while any page of that blueprint (or of `also`) is.
    `own_tenant`: only for people who are tied to one."""

    endpoint: str
    label: str
    icon: str
    right: Right
    also: str = ""
    own_tenant: bool = False


@dataclass(frozen=True, slots=True)
class Entry:
    """A page as the template shows it; `count` is for things that wait for somebody (0 = nothing to show)."""

    label: str
    icon: str
    url: str
    is_open: bool
    count: int


PAGES: tuple[tuple[str, tuple[Page, ...]], ...] = (
    ("", (Page("dashboard.index", "Dashboard", "speedometer2", Right.SEE_DEVICES),)),
    (
        "Phones",
        (
            Page("devices.index", "Devices", "telephone", Right.SEE_DEVICES),
            Page("unknown.index", "Unknown phones", "question-diamond", Right.SEE_SYSTEM),
            Page("fetches.index", "Fetches", "arrow-down-circle", Right.SEE_DEVICES),
            Page("phones.index", "Point phones here", "link-45deg", Right.SEE_DEVICES),
            Page("contacts.index", "Contacts", "person-lines-fill", Right.SEE_DEVICES),
        ),
    ),
    (
        "Delivery",
        (
            Page("delivery.index", "File transport", "cloud-upload", Right.SEE_SYSTEM),
            Page("sync.index", "Sync", "arrow-repeat", Right.SEE_SYSTEM),
            Page("firmware.index", "Firmware and files", "hdd-network", Right.MANAGE_ASSETS),
            Page("jobs.index", "Jobs", "list-task", Right.SEE_DEVICES),
        ),
    ),
    (
        "Setup",
        (
            Page("settings.edit", "Provisioning settings", "sliders", Right.SEE_SYSTEM, also="variables"),
            Page("models.index", "Models", "phone", Right.SEE_MODELS),
            Page("templates.index", "Templates", "file-earmark-code", Right.SEE_SYSTEM),
            Page("tenants.index", "Tenants", "building", Right.MANAGE_TENANTS, also="tenantvariables"),
            Page("tenants.own_variables", "Variables", "sliders", Right.EDIT_TENANT, "tenantvariables", True),
        ),
    ),
    (
        "Administration",
        (
            Page("users.index", "Users", "people", Right.MANAGE_USERS),
            Page("changes.index", "Changes", "journal-text", Right.SEE_CHANGES),
        ),
    ),
)


def badge(endpoint: str, count: Callable[[], int]) -> None:
    """Show `count()` beside the entry of `endpoint` whenever it is not 0."""
    _badges[endpoint] = count


def count_of(endpoint: str) -> int:
    """What waits behind `endpoint`; 0 where nobody counts."""
    return _badges.get(endpoint, int)()


def navigation() -> list[tuple[str, list[Entry]]]:
    """Groups with the entries that exist and that this person may open; empty groups are left out."""
    groups = [(name, [_entry(page) for page in pages if _is_there(page)]) for name, pages in PAGES]
    return [(name, entries) for name, entries in groups if entries]


def link_to(endpoint: str, **values: object) -> str:
    """The address of a page that may not be built: empty where it is not."""
    return url_for(endpoint, **values) if endpoint in current_app.view_functions else ""  # type: ignore[arg-type]


def _is_there(page: Page) -> bool:
    if page.endpoint not in current_app.view_functions:
        return False
    return current_actor().may(page.right) and (not page.own_tenant or current_actor().tenant_id is not None)


def _entry(page: Page) -> Entry:
    is_open = request.blueprint in (page.endpoint.partition(".")[0], page.also)
    return Entry(page.label, page.icon, url_for(page.endpoint), is_open, count_of(page.endpoint))
