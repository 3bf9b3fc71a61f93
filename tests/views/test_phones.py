import pytest
from sqlalchemy import select

from tests.pages import PASSWORD, token
from webprov.enums import Role
from webprov.store.models import ChangeRecord
from webprov.store.settings import load_settings


def reveal(client, password=PASSWORD):
    return client.post("/phones/", data={"csrf_token": token(client), "own_password": password})


def revealed(session):
    session.rollback()
    return session.scalars(select(ChangeRecord.user_name).where(ChangeRecord.action == "reveal")).all()


def test_index_says_where_phones_are_pointed(admin, session):
    page = admin.get("/phones/").text
    settings = load_settings(session)

    assert f'data-copy="http://{settings.server_address}:8081/provisioning/"' in page
    assert f'data-copy="{settings.server_address}:8081/provisioning"' in page
    assert "Option 160" in page
    assert settings.http_password not in page


def test_reveal_asks_for_the_own_password_and_is_recorded(admin, session):
    password = load_settings(session).http_password

    answer = reveal(admin)

    assert password in answer.text
    assert answer.headers["Cache-Control"] == "no-store"
    assert answer.headers["Refresh"] == "60; url=/phones/"
    assert revealed(session) == ["Miriam Kumar"]
    assert password not in admin.get("/phones/").text
    assert password not in str(session.scalars(select(ChangeRecord.fields)).all())


@pytest.mark.parametrize("typed", ["", "wrong"])
def test_reveal_is_refused_without_the_right_password(admin, session, typed):
    answer = reveal(admin, typed)

    assert answer.status_code == 422
    assert load_settings(session).http_password not in answer.text
    assert "is-invalid" in answer.text
    assert revealed(session) == []


@pytest.mark.parametrize("role", [Role.SUPPORT, Role.TENANT_ADMINISTRATOR])
def test_others_see_the_addresses_but_no_password(sign_in, session, tenants, role):
    person = sign_in(role, tenants["acme"])

    page = person.get("/phones/?ask=1")
    answer = reveal(person)

    assert "/provisioning" in page.text
    assert "Reveal" not in page.text
    assert answer.status_code == 403
    assert revealed(session) == []
