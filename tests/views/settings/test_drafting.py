import re

import pytest

from tests.factories import MAC, make_device, make_tenant, small_config
from tests.pages import error_at, post_settings
from webprov.enums import Role
from webprov.site import SiteLoader
from webprov.store.settings import load_settings

HTMX = {"HX-Request": "true"}


@pytest.fixture
def config(tmp_path):
    return small_config(tmp_path)


@pytest.fixture
def devices(config, session):
    """Desk 1 of acme, a lobby phone of globex with a registrar of its own."""
    site = SiteLoader(config).load(session)
    make_tenant(session)
    make_tenant(session, "globex", registrar="sip.globex.example")
    make_device(session, site)
    make_device(session, site, "805EC0000002", tenant="globex", model="test-lobby", label="Lobby")


def draft(client, **typed):
    return post_settings(client, "/settings/fields", HTMX, **typed)


def row(answer, name):
    """Of the panel's row `name`: is it marked, its source, its text."""
    pattern = (
        rf'<div( class="wp-told-new")?>\s*<dt><span class="wp-mono">{name}</span><small>(.*?)</small></dt>(.*?)</dd>'
    )
    found = re.search(pattern, answer.text, re.DOTALL)
    text = re.sub(r"<[^>]+>", "", found[3]).split()
    return bool(found[1]), found[2], " ".join(text)


def state(answer):
    """What the bar says, apart from the count of devices."""
    found = re.search(r'id="settings-state">(.*?)</span>\s*<(?:button|span id="effect-count")', answer.text, re.DOTALL)
    return re.sub(r"<[^>]+>", "", found[1]).strip()


def test_the_page_shows_what_phones_are_told(admin, devices, session):
    page = admin.get("/settings/")
    server = load_settings(session).server_address

    assert row(page, "REG_SERVER") == (False, "Server address", server)
    assert row(page, "PROV_PASSWORD")[2] == "hidden••••••••"
    assert "Not saved yet" not in page.text
    assert state(page) == "Everything saved"
    assert f"/devices/{MAC}/variables" in page.text


def test_what_is_typed_shows_in_panel_and_bar(admin, devices, session):
    server = load_settings(session).server_address

    answer = draft(admin, sip_proxy="sbc.example", ntp_server="ntp.example")

    assert row(answer, "PROXY_SERVER") == (True, "SIP proxy", f"sbc.example was {server}")
    assert "Not saved yet" in answer.text
    assert state(answer).startswith("2 unsaved changes")
    assert load_settings(session).sip_proxy == ""


def test_help_names_the_value_that_an_empty_field_comes_to(admin, devices):
    answer = draft(admin, server_address="new.example", backup_registrar="two.example")

    assert "Empty: new.example, the server address." in answer.text
    assert "Empty: two.example, the backup registrar." in answer.text


def test_seen_by_chooses_whose_values_are_shown(admin, devices):
    assert row(draft(admin, seen_by="805EC0000002"), "REG_SERVER")[2] == "sip.globex.example"
    assert row(draft(admin, find="lobby", seen_by=MAC), "REG_SERVER")[2] == "sip.globex.example"
    assert "Nothing matches “zzz”" in draft(admin, find="zzz").text


@pytest.mark.parametrize(
    ("field", "typed", "sentence"),
    [
        ("server_address", "pbx_acme", "underscores"),
        ("http_port", "70000", "1 to 65535"),
        ("timezone", "Mars/Olympus", "Mars/Olympus"),
        ("http_password", "admin", "too easy"),
        ("phone_networks", "10.20.0.0/33", "10.20.0.0/33"),
    ],
)
def test_a_field_says_at_once_what_is_wrong_with_it(admin, devices, field, typed, sentence):
    answer = draft(admin, **{field: typed})

    assert sentence in error_at(answer, field)
    assert state(answer) == "Not saved · 1 field to correct"
    assert "so the saved value counts here" in answer.text


def test_fields_that_do_not_fit_together_say_so(admin, devices):
    assert "HTTP is switched off" in error_at(draft(admin, http_enabled=None), "default_protocol")


def test_a_field_that_nobody_got_to_is_not_blamed(admin, devices):
    assert error_at(draft(admin, mode="external"), "external_server") == ""


def test_a_typed_password_never_comes_back(admin, devices):
    answer = draft(admin, http_password="just-typed-canary", http_user="just-typed-user")

    assert "just-typed-canary" not in answer.text
    assert row(answer, "PROV_USER")[2] == "just-typed-user was phones"
    assert row(answer, "PROV_PASSWORD")[0]


def test_a_ticked_clear_box_stays_ticked(admin, devices):
    answer = draft(admin, **{"ftp_password-clear": "on"})

    assert 'name="ftp_password-clear" value="on" checked' in answer.text
    assert 'name="http_password-clear" value="on" checked' not in answer.text


def test_support_sees_the_panel_and_cannot_draft(sign_in, devices):
    support = sign_in(Role.SUPPORT, name="Sam")

    page = support.get("/settings/")

    assert row(page, "PROV_PASSWORD")[2] == "hidden••••••••"
    assert draft(support).status_code == 403
    assert 'name="find"' not in page.text
