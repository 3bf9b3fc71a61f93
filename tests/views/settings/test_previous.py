import pytest

from tests.pages import post, post_settings
from webprov.enums import Role
from webprov.store.models import Device, Tenant
from webprov.store.rotation import previous_logins
from webprov.store.settings import load_settings


@pytest.fixture
def changed(admin, session):
    """One device has files of the first settings; then the HTTP password changes."""
    session.add(Device(mac="805EC0000001", tenant=Tenant(name="acme"), model="yealink-t54w", rendered_settings=1))
    session.commit()
    before = load_settings(session).http_password
    assert post_settings(admin, http_password="brand-new-secret-1").status_code == 302
    return before


def test_the_page_counts_devices_on_the_previous_credentials(admin, changed):
    page = admin.get("/settings/").text

    assert "The previous HTTP sign-in" in page
    assert "1 device has not fetched the new file yet" in page
    assert 'href="/settings/previous/http"' in page
    assert changed not in page


def test_ending_asks_first_and_then_holds(admin, session, changed):
    asked = admin.get("/settings/previous/http")

    answer = post(admin, "/settings/previous/http", "/settings/previous/http")

    session.rollback()
    assert "1 device may still use it" in asked.text
    assert answer.status_code == 302
    assert previous_logins(session) == []
    assert "The previous HTTP sign-in has ended" in admin.get("/settings/").text
    assert admin.get("/settings/previous/http").status_code == 302


def test_an_unknown_kind_is_not_there(admin):
    assert post(admin, "/settings/previous/tftp", "/settings/").status_code == 404


def test_support_cannot_end_them(sign_in, changed):
    support = sign_in(Role.SUPPORT, name="Sam")

    assert "End now" not in support.get("/settings/").text
    assert support.get("/settings/previous/http").status_code == 403
