import re
from datetime import timedelta

import pytest

from tests.pages import post_settings
from webprov.changes.settings import save_settings
from webprov.enums import Role
from webprov.rights import Actor
from webprov.store.database import writing
from webprov.store.fetchrecords import FetchDay
from webprov.store.models import utc_now
from webprov.store.settings import load_settings

NOOR = Actor("Noor Dubois", Role.ADMINISTRATOR)
HTMX = {"HX-Request": "true"}


@pytest.fixture
def seen(admin):
    """What the page carries before Noor saves."""
    page = admin.get("/settings/").text
    found = re.search(r'name="seen" value="([^"]*)"', page)[1]
    return {"seen": found.replace("&#34;", '"'), "version": "1"}


def checked(answer, name):
    found = re.search(rf'name="take-{name}" value="(\w+)" checked', answer.text)
    return found[1] if found else ""


def test_two_people_choose_field_by_field(admin, session, seen):
    save_settings(session, {"ntp_server": "noor.example", "http_port": "8090"}, NOOR)

    answer = post_settings(admin, ntp_server="mine.example", http_port="8081", sip_proxy="sbc.example", **seen)

    assert answer.status_code == 422
    assert "Noor Dubois saved" in answer.text
    assert (checked(answer, "ntp_server"), checked(answer, "http_port")) == ("yours", "theirs")
    assert checked(answer, "sip_proxy") == ""
    assert 'value="mine.example"' in answer.text


def test_what_was_chosen_is_saved(admin, session, seen):
    save_settings(session, {"ntp_server": "noor.example", "http_port": "8090"}, NOOR)

    chosen = {"take-ntp_server": "yours", "take-http_port": "theirs"}
    answer = post_settings(admin, ntp_server="mine.example", http_port="8081", sip_proxy="sbc.example", **chosen)

    session.rollback()
    settings = load_settings(session)
    assert answer.status_code == 302
    assert (settings.ntp_server, settings.http_port, settings.sip_proxy) == ("mine.example", 8090, "sbc.example")


def test_choices_outlive_a_refused_save(admin, session):
    answer = post_settings(admin, ntp_server="mine.example", server_address="pbx_acme", **{"take-ntp_server": "theirs"})

    assert answer.status_code == 422
    assert checked(answer, "ntp_server") == "theirs"


def test_a_password_that_both_changed_is_chosen_without_being_shown(admin, session, seen):
    save_settings(session, {"http_password": "noors-secret-22"}, NOOR)

    answer = post_settings(admin, http_password="miriams-secret-33", **seen)

    assert checked(answer, "http_password") == "yours"
    assert "secret-22" not in answer.text
    assert "secret-33" not in answer.text


def test_a_page_that_htmx_saved_is_loaded_afresh(admin, session):
    answer = post_settings(admin, headers=HTMX, http_password="brand-new-secret-1")

    assert answer.headers["HX-Redirect"] == "/settings/"
    assert load_settings(session).http_password == "brand-new-secret-1"


def test_protocols_say_how_much_they_are_used(admin, session):
    today = utc_now()
    with writing(session):
        session.add(FetchDay(day=f"{today:%Y-%m-%d}", protocol="http", count=1200))
        session.add(FetchDay(day=f"{today - timedelta(days=6):%Y-%m-%d}", protocol="http", count=4))
        session.add(FetchDay(day=f"{today - timedelta(days=7):%Y-%m-%d}", protocol="http", count=9))

    page = admin.get("/settings/").text

    assert '<a href="/fetches/?protocol=http&amp;time=week">1,204</a>' in page
    assert page.count('<td><span class="wp-muted">—</span></td>') == 4
