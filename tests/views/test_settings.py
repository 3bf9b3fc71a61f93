import re

import pytest

from tests.pages import error_at, token
from tests.pages import post_settings as post
from tests.storage import ACCESS_KEY, SECRET_KEY
from webprov.enums import Role
from webprov.store.settings import load_settings


def is_hidden(html, heading):
    return bool(re.search(rf'<section[^>]*aria-labelledby="{heading}-heading" hidden', html))


def test_edit_shows_what_is_saved_and_no_secret(admin, session):
    page = admin.get("/settings/").text
    settings = load_settings(session)

    assert settings.server_address in page
    assert settings.http_password not in page
    assert not is_hidden(page, "protocols")
    assert is_hidden(page, "dms")


def test_save_stores_and_says_what_remains(admin, session):
    answer = post(admin, ntp_server="NTP.acme.example", http_port="8090")

    session.rollback()
    settings = load_settings(session)
    assert answer.status_code == 302
    assert (settings.ntp_server, settings.http_port) == ("ntp.acme.example", 8090)
    assert "Saved." in admin.get("/settings/").text


def test_save_keeps_the_stored_password_and_clear_asks_for_one(admin, session):
    before = load_settings(session).http_password

    post(admin, ntp_server="a.example")
    refused = post(admin, **{"http_password-clear": "on"})

    session.rollback()
    assert load_settings(session).http_password == before
    assert refused.status_code == 422
    assert "Enter the password that phones sign in with" in refused.text


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"server_address": "pbx_acme"}, "underscores are not allowed"),
        ({"http_port": "70000"}, "1 to 65535"),
        ({"http_port": "eight"}, "“eight” is not a port"),
        ({"http_password": "admin"}, "too easy to guess"),
        ({"http_enabled": None}, "HTTP is switched off"),
        ({"mode": "external"}, "Enter the server that phones download from"),
        ({"mode": "external", "external_server": "dms", "external_path": "/a?b"}, "the path is only the folder"),
        ({"timezone": "Mars/Olympus"}, "Mars/Olympus"),
        ({"mode": "both"}, "local, external"),
        ({"tftp_enabled": "on"}, "Enter the networks"),
    ],
)
def test_a_refused_save_says_why_at_the_field_and_keeps_what_was_typed(admin, session, changes, sentence):
    answer = post(admin, backup_registrar="typed.example", **changes)

    session.rollback()
    assert answer.status_code == 422
    assert sentence in answer.text
    assert 'value="typed.example"' in answer.text
    assert load_settings(session).version == 1


def test_directory_cannot_be_posted(admin, session):
    post(admin, directory="/etc", ntp_server="a.example")

    assert "/etc" not in str(load_settings(session))


def test_toggling_the_mode_keeps_both_sets_and_stores_nothing(admin, session):
    answer = post(
        admin, "/settings/fields", {"HX-Request": "true"}, mode="external", http_user="typed-user", external_server="d"
    )

    assert answer.status_code == 200
    assert answer.text.lstrip().startswith('<fieldset class="wp-bare" id="settings-fields"')
    assert is_hidden(answer.text, "protocols")
    assert not is_hidden(answer.text, "dms")
    assert 'value="typed-user"' in answer.text
    assert load_settings(session).mode == "local"


def test_toggling_never_sends_a_typed_password_back(admin):
    answer = post(admin, "/settings/fields", {"HX-Request": "true"}, http_password="just-typed-canary")

    assert "just-typed-canary" not in answer.text


def test_without_scripts_the_whole_page_comes_back(admin):
    answer = post(admin, "/settings/fields", mode="external")

    assert "<html" in answer.text
    assert "Type passwords again" in answer.text


def test_the_second_saver_is_told_and_loses_nothing(admin, session):
    first = post(admin, ntp_server="one.example")
    second = post(admin, ntp_server="two.example", version="1")

    assert first.status_code == 302
    assert second.status_code == 422
    assert "Miriam Kumar saved" in second.text
    assert 'value="two.example"' in second.text


def test_support_reads_but_does_not_change(sign_in, session):
    support = sign_in(Role.SUPPORT, name="Noor")

    page = support.get("/settings/")
    answer = support.post("/settings/", data={"csrf_token": token(support), "ntp_server": "x.example"})

    assert page.status_code == 200
    assert "disabled" in re.search(r'<fieldset[^>]*id="settings-fields"[^>]*>', page.text)[0]
    assert answer.status_code == 403


def test_a_tenant_administrator_has_no_settings(sign_in, tenants):
    person = sign_in(Role.TENANT_ADMINISTRATOR, tenants["acme"], name="Pál")

    assert person.get("/settings/").status_code == 403


def test_transport_shows_the_fields_of_its_choice_in_external_mode(admin):
    local = admin.get("/settings/").text
    s3 = post(admin, "/settings/fields", {"HX-Request": "true"}, mode="external", transport="s3").text
    script = post(admin, "/settings/fields", {"HX-Request": "true"}, mode="external", transport="script").text

    assert is_hidden(local, "transport")
    assert not is_hidden(s3, "transport")
    assert [hidden_around(page, "s3_bucket") for page in (s3, script)] == [False, True]
    assert [hidden_around(page, "script_path") for page in (s3, script)] == [True, False]
    assert "scripts" in script


def hidden_around(page, field):
    """Whether the part of the section that holds `field` is hidden."""
    section = page.partition('aria-labelledby="transport-heading"')[2]
    before = section.partition(f'id="{field}-field"')[0]
    return "hidden" in re.findall(r'<div class="wp-stack"( hidden)?>', before)[-1]


def test_save_with_storage_that_works_stores_it_and_gives_no_key_back(admin, session, storage):
    answer = post(admin, **storage.settings())

    page = admin.get("/settings/").text
    session.rollback()
    assert answer.status_code == 302
    assert load_settings(session).s3_bucket == "acme-phones"
    assert SECRET_KEY not in page
    assert ACCESS_KEY not in page
    assert page.count('placeholder="unchanged"') == 4


def test_save_with_storage_that_fails_says_why_keeps_the_form_and_stores_nothing(admin, session, storage):
    before = load_settings(session)

    answer = post(admin, **storage.settings(s3_bucket="no-such-bucket", ntp_server="ntp.example"))

    session.rollback()
    assert answer.status_code == 422
    assert load_settings(session) == before
    assert "There is no bucket “no-such-bucket” at this endpoint." in answer.text
    assert 'value="ntp.example"' in answer.text
    assert 'value="no-such-bucket"' in answer.text
    assert SECRET_KEY not in answer.text


def test_protocols_that_send_passwords_readable_are_named(admin):
    def told(**switches):
        page = post(admin, "/settings/fields", {"HX-Request": "true"}, **switches).text
        return re.findall(r"<strong>Over ([A-Z and]+), passwords cross", page)

    assert told() == ["HTTP"]
    assert told(ftp_enabled="on") == ["HTTP and FTP"]
    assert told(http_enabled=None, https_enabled="on") == []


def test_keys_and_script_ask_for_ones_own_password(admin, session, storage):
    missing = post(admin, **storage.settings(own_password=""))
    wrong = post(admin, **storage.settings(own_password="not mine"))
    script = post(admin, mode="external", external_server="dms.example", script_path="/x/push.sh", own_password="")
    other = post(admin, ntp_server="ntp.example", own_password="")

    session.rollback()
    assert "Enter your own password" in error_at(missing, "own_password")
    assert "do not fit" in error_at(wrong, "own_password")
    assert "Enter your own password" in error_at(script, "own_password")
    assert other.status_code == 302
    assert load_settings(session).s3_bucket == ""


def test_the_own_password_is_asked_for_only_where_it_is_needed(admin):
    plain = post(admin, "/settings/fields", {"HX-Request": "true"}, ntp_server="ntp.example").text
    keys = post(admin, "/settings/fields", {"HX-Request": "true"}, mode="external", s3_secret_key="typed").text

    assert [bool(re.search(r'id="settings-confirm" hidden', page)) for page in (plain, keys)] == [True, False]


def test_ui12_another_endpoint_asks_for_the_keys_again(admin, session, storage, faults):
    post(admin, **storage.settings())

    answer = post(admin, s3_endpoint=faults.endpoint)

    assert answer.status_code == 422
    assert "Type the secret key again: the endpoint changed." in answer.text
    assert faults.seen == []


def test_test_connection_answers_in_place_and_stores_nothing(admin, session, storage):
    works = post(admin, "/settings/test", {"HX-Request": "true"}, **storage.settings())
    fails = post(admin, "/settings/test", {"HX-Request": "true"}, **storage.settings(s3_secret_key="wrong-key"))

    session.rollback()
    assert load_settings(session).version == 1
    assert works.text.lstrip().startswith('<div id="settings-connection"')
    assert "This works." in works.text
    assert "Secret key: The server refused these keys." in fails.text
    assert "wrong-key" not in fails.text


def test_test_connection_works_without_scripts(admin, storage):
    answer = post(admin, "/settings/test", **storage.settings())

    assert "<!doctype html>" in answer.text.lower()
    assert "This works." in answer.text


def test_test_connection_is_for_administrators_and_five_times_a_minute(admin, sign_in, tenants, faults, storage):
    support = sign_in(Role.SUPPORT, name="Sam Support")
    typed = storage.settings(s3_endpoint=faults.endpoint)

    refused = support.post("/settings/test", data={"csrf_token": token(support, "/account/password")})
    answers = [post(admin, "/settings/test", {"HX-Request": "true"}, **typed).text for _ in range(6)]

    assert refused.status_code == 403
    assert ["This works." in text for text in answers] == [True] * 5 + [False]
    assert "Wait a moment" in answers[-1]
