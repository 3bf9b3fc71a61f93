from datetime import UTC, datetime, timedelta

import pytest

from views.partials import wants_partial
from views.web import exact, when
from webprov.enums import Role
from webprov.store.models import Device

NOW = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("ago", "text"),
    [
        (timedelta(seconds=20), "just now"),
        (timedelta(minutes=3), "3 min ago"),
        (timedelta(hours=5), "5 h ago"),
        (timedelta(days=11), "12 Nov"),
        (timedelta(days=400), "19 Oct 2025"),
    ],
)
def test_when_is_relative_up_to_a_day(ago, text):
    assert when(NOW - ago, NOW) == text


def test_when_of_nothing_is_empty():
    assert when(None) == ""
    assert exact(NOW) == "2026-11-23T12:00:00+00:00"


@pytest.mark.parametrize(
    ("headers", "partial"),
    [
        ({}, False),
        ({"HX-Request": "true"}, True),
        ({"HX-Request": "true", "HX-Boosted": "true"}, False),
        ({"HX-Request": "true", "HX-History-Restore-Request": "true"}, False),
    ],
)
def test_wants_partial(app, headers, partial):
    with app.test_request_context(headers=headers):
        assert wants_partial() is partial


def test_links_keep_the_chosen_tenant(admin, tenants):
    page = admin.get("/?tenant=acme").text

    assert 'href="/?tenant=acme" aria-current="page"' in page
    assert 'href="/users/"' in page
    assert '<a class="dropdown-item active" href="?tenant=acme">Acme</a>' in page


def test_navigation_shows_only_what_a_role_may_open(admin, sign_in, tenants):
    support = sign_in(Role.TENANT_ADMINISTRATOR, tenants["acme"], "Noor")

    assert 'href="/users/"' in admin.get("/").text
    assert 'href="/users/"' not in support.get("/").text
    assert "Globex" not in support.get("/").text


def test_search_opens_a_device_or_shows_hits(admin, session, tenants):
    session.add(Device(mac="805EC0123456", tenant_id=tenants["acme"], model="yealink-t54w", label="<i>Desk</i>"))
    session.commit()

    page = admin.get("/search?q=desk")
    fragment = admin.get("/search?q=desk", headers={"HX-Request": "true"})
    nothing = admin.get("/search?q=zzz", headers={"HX-Request": "true"})
    elsewhere = admin.get("/search?q=desk&tenant=globex")

    assert "&lt;i&gt;Desk&lt;/i&gt;" in page.text
    assert fragment.text.lstrip().startswith('<div class="wp-hits" id="hits">')
    assert "&lt;i&gt;Desk&lt;/i&gt;" in fragment.text
    assert "Nothing matches “zzz”" in nothing.text
    assert "Desk" not in elsewhere.text.replace('value="desk"', "")
