from sqlalchemy import select

from tests.pages import PASSWORD, error_at, post, token
from webprov.enums import Role
from webprov.people import find_user
from webprov.store.contactrecords import Contact

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


def test_ui04_fields_that_a_role_may_not_set_are_passed_over(sign_in, session, tenants):
    client = sign_in(Role.TENANT_ADMINISTRATOR, tenants["acme"], "Tom Keeper")
    extra = {"role": "administrator", "tenant_id": str(tenants["globex"]), "tenant": "globex", "name": "Root"}

    post(client, "/account/theme", theme="dark", **extra)
    post(client, "/account/password", own_password=PASSWORD, password=NEW, repeated=NEW, **extra)
    added = post(client, "/contacts/", last_name="Lind", **extra)

    session.rollback()
    keeper = find_user(session, "Tom Keeper")
    contact = session.scalars(select(Contact)).one()
    assert (keeper.role_kind, keeper.tenant_id, keeper.theme) == (Role.TENANT_ADMINISTRATOR, tenants["acme"], "dark")
    assert find_user(session, "Root") is None
    assert added.status_code < 400
    assert (contact.last_name, contact.tenant_id) == ("Lind", tenants["acme"])


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
