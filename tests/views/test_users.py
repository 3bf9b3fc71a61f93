import pytest

from tests.pages import PASSWORD, error_at, post
from webprov.enums import Role
from webprov.people import find_user
from webprov.store.models import User

NEW = "nine loud kettles"


def kim(session):
    session.rollback()  # what it read before stays as it was
    return find_user(session, "Kim")


@pytest.fixture
def kim_id(sign_in, session):
    sign_in(Role.SUPPORT, name="Kim")
    return kim(session).id


def test_users_are_listed_escaped(admin, sign_in):
    sign_in(Role.SUPPORT, name="<b>Sam</b>")

    page = admin.get("/users/").text

    assert "&lt;b&gt;Sam&lt;/b&gt;" in page
    assert "<b>Sam" not in page


def test_add_user_with_role_and_tenant(admin, tenants, session):
    values = {"name": "Kim", "password": NEW, "role": "tenant-administrator", "tenant_id": str(tenants["acme"])}

    answer = post(admin, "/users/", own_password=PASSWORD, **values)

    assert answer.location == "/users/"
    assert (kim(session).role_kind, kim(session).tenant_id) == (Role.TENANT_ADMINISTRATOR, tenants["acme"])


def test_add_user_refuses_and_keeps_what_was_typed(admin, session):
    values = {"name": "Kim", "password": NEW, "role": "tenant-administrator", "tenant_id": "0"}

    no_tenant = post(admin, "/users/", own_password=PASSWORD, **values)
    not_confirmed = post(admin, "/users/", own_password="wrong", **{**values, "role": "support"})
    foreign_role = post(admin, "/users/", own_password=PASSWORD, **{**values, "role": "root"})

    assert [a.status_code for a in (no_tenant, not_confirmed, foreign_role)] == [422] * 3
    assert "Choose the tenant" in error_at(no_tenant, "tenant_id")
    assert 'value="Kim"' in no_tenant.text
    assert NEW not in no_tenant.text
    assert "do not fit" in error_at(not_confirmed, "own_password")
    assert error_at(foreign_role, "role")
    assert kim(session) is None


def test_change_role_password_and_state(admin, kim_id, session):
    own = {"own_password": PASSWORD}

    def send(part, **values):
        prefixed = {f"{part}-{name}": value for name, value in {**own, **values}.items()}
        return post(admin, f"/users/{kim_id}/{part}", **prefixed)

    assert send("role", role="administrator", tenant_id="0").location == "/users/"
    assert kim(session).role_kind is Role.ADMINISTRATOR
    before = kim(session).password_hash
    assert send("password", password=NEW).location == "/users/"
    assert kim(session).password_hash != before
    assert send("state").location == "/users/"
    assert kim(session).disabled
    assert "Disabled" in admin.get("/users/").text
    assert send("state").location == "/users/"
    assert not kim(session).disabled


@pytest.mark.parametrize("part", ["role", "password", "state"])
def test_every_change_asks_for_ones_own_password(admin, kim_id, session, part):
    before = kim(session).session_version

    answer = post(
        admin,
        f"/users/{kim_id}/{part}",
        **{f"{part}-role": "support", f"{part}-tenant_id": "0", f"{part}-password": NEW},
    )

    assert answer.status_code == 422
    assert "Enter your own password" in error_at(answer, f"{part}-own_password")
    assert kim(session).session_version == before


def test_the_last_administrator_cannot_be_disabled(admin, session):
    mine = find_user(session, "Miriam Kumar").id

    answer = post(admin, f"/users/{mine}/state", **{"state-own_password": PASSWORD})

    assert answer.status_code == 422
    assert "last administrator" in answer.text
    assert not session.get(User, mine).disabled


def test_an_account_that_is_not_there(admin):
    assert admin.get("/users/999/").status_code == 404
