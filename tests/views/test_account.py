from tests.pages import PASSWORD, error_at, post, token
from webprov.people import find_user

NEW = "nine loud kettles"


def test_own_password_is_changed_and_other_sessions_end(app, admin, session):
    other = app.test_client()
    other.set_cookie("webprov", admin.get_cookie("webprov").value)

    answer = post(admin, "/account/password", own_password=PASSWORD, password=NEW, repeated=NEW)

    assert answer.status_code == 302
    assert admin.get("/").status_code == 200
    assert other.get("/").status_code == 302


def test_own_password_refuses_at_the_field(admin, session):
    before = find_user(session, "Miriam Kumar").password_hash

    wrong = post(admin, "/account/password", own_password="wrong", password=NEW, repeated=NEW)
    short = post(admin, "/account/password", own_password=PASSWORD, password="short", repeated="short")
    differs = post(admin, "/account/password", own_password=PASSWORD, password=NEW, repeated=NEW + "s")

    session.rollback()
    assert [answer.status_code for answer in (wrong, short, differs)] == [422] * 3
    assert "do not fit" in error_at(wrong, "own_password")
    assert "at least 12" in error_at(short, "password")
    assert "differ" in error_at(differs, "repeated")
    assert find_user(session, "Miriam Kumar").password_hash == before
    assert NEW not in differs.text


def test_theme_is_kept_on_the_account(admin):
    assert 'data-theme="system"' in admin.get("/").text

    answer = post(admin, "/account/theme", theme="dark")

    assert answer.status_code == 302
    assert 'data-bs-theme="dark" data-theme="dark"' in admin.get("/").text


def test_theme_turns_the_page_at_once_with_htmx(admin):
    headers = {"HX-Request": "true", "X-CSRFToken": token(admin)}

    answer = admin.post("/account/theme", data={"theme": "light"}, headers=headers)
    refused = admin.post("/account/theme", data={"theme": '"}'}, headers=headers)

    assert answer.status_code == 204
    assert answer.headers["HX-Trigger"] == '{"wp-theme": {"theme": "light"}}'
    assert refused.status_code == 422
