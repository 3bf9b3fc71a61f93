import pytest

from webprov.audit import CHANGED
from webprov.enums import Role
from webprov.errors import InvalidInput, InvalidValue, NotFound
from webprov.people import (
    change_role,
    create_first_administrator,
    create_user,
    find_user,
    get_user,
    list_users,
    set_disabled,
    set_password,
    set_theme,
)
from webprov.rights import CONSOLE
from webprov.store.instance import new_setup_token
from webprov.store.models import ChangeRecord, Tenant, User

GOOD = "seven quiet lamps"


def make(session, name="Noor", role=Role.ADMINISTRATOR, **values):
    return create_user(session, CONSOLE, name=name, password=GOOD, role=role, **values)


def refusal(session, **values):
    values = {"name": "Noor", "password": GOOD, "role": Role.SUPPORT, **values}
    with pytest.raises(InvalidInput) as caught:
        create_user(session, CONSOLE, **values)
    return caught.value.errors


def test_create_user_stores_a_hash_and_a_record(session):
    user = make(session, "  Noor Dubois ")

    record = session.query(ChangeRecord).one()
    assert user.name == "Noor Dubois"
    assert GOOD not in user.password_hash
    assert (record.user_name, record.action, record.thing, record.name) == ("console", "create", "user", "Noor Dubois")
    assert GOOD not in str(record.fields)


def test_create_user_refuses_by_field(session):
    make(session)

    assert "already somebody" in refusal(session, name="NOOR")["name"]
    assert set(refusal(session, name="a\nb", password="short", role=Role.TENANT_ADMINISTRATOR)) == {
        "name",
        "password",
        "tenant_id",
    }
    assert "whole system" in refusal(session, name="Kim", role=Role.ADMINISTRATOR, tenant_id=1)["tenant_id"]
    assert "no such tenant" in refusal(session, name="Kim", tenant_id=77)["tenant_id"]
    assert [user.name for user in list_users(session)] == ["Noor"]


def test_find_user_ignores_case(session):
    make(session, "Łucja Jensen")

    assert find_user(session, " łucja jensen").name == "Łucja Jensen"
    assert find_user(session, "Lucja Jensen") is None
    with pytest.raises(NotFound, match="nobody called “Kim”"):
        get_user(session, "Kim")


def test_first_administrator_needs_the_token_and_comes_once(session):
    token = new_setup_token(session)
    values = {"name": "Noor", "password": GOOD, "address": "10.0.0.1"}

    with pytest.raises(InvalidInput) as caught:
        create_first_administrator(session, token="guess", **values)
    user = create_first_administrator(session, token=token, **values)
    with pytest.raises(NotFound):
        create_first_administrator(session, token=token, **{**values, "name": "Kim"})

    assert set(caught.value.errors) == {"token"}
    assert user.role_kind is Role.ADMINISTRATOR
    assert session.query(ChangeRecord).one().address == "10.0.0.1"


def test_last_administrator_stays(session):
    user = make(session)
    make(session, "Sam", Role.SUPPORT)

    with pytest.raises(InvalidValue, match="last administrator"):
        set_disabled(session, CONSOLE, user, True)
    with pytest.raises(InvalidInput, match="last administrator"):
        change_role(session, CONSOLE, user, Role.SUPPORT, None)

    make(session, "Kim")
    set_disabled(session, CONSOLE, user, True)
    assert user.disabled


def test_what_changes_an_account_ends_its_sessions(session):
    make(session)
    session.add(Tenant(name="acme"))
    session.commit()
    user = make(session, "Kim", Role.SUPPORT)
    versions = [user.session_version]

    change_role(session, CONSOLE, user, Role.TENANT_ADMINISTRATOR, 1)
    versions.append(user.session_version)
    set_disabled(session, CONSOLE, user, True)
    versions.append(user.session_version)
    set_password(session, CONSOLE, user, "nine loud kettles")
    versions.append(user.session_version)

    assert versions == [1, 2, 3, 4]
    records = session.query(ChangeRecord).order_by(ChangeRecord.id).all()[2:]
    assert [(r.action, r.fields) for r in records] == [
        ("change", {"role": ["support", "tenant-administrator"], "tenant_id": [None, 1]}),
        ("disable", {}),
        ("change", {"password": CHANGED}),
    ]


def test_set_password_refuses_a_common_one(session):
    user = make(session)
    before = user.password_hash

    with pytest.raises(InvalidInput, match="first that are guessed"):
        set_password(session, CONSOLE, user, "password1234")

    assert session.get(User, user.id).password_hash == before


def test_set_theme_takes_three(session):
    user = make(session)

    set_theme(session, user, "dark")
    with pytest.raises(InvalidValue, match="system, light, dark"):
        set_theme(session, user, "pink")

    assert user.theme == "dark"
