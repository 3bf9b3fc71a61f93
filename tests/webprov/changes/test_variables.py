import pytest
from sqlalchemy import select

from webprov.changes.tenants import create_tenant
from webprov.changes.variables import VariableScope, delete_variables, list_variables, set_variables
from webprov.errors import InvalidInput, NotFound
from webprov.rights import CONSOLE
from webprov.store.database import count_of
from webprov.store.devicedata import read_global_variables
from webprov.store.models import ChangeRecord

GLOBAL = VariableScope()


def test_set_variables_marks_secret_looking_names(session):
    set_variables(session, GLOBAL, {"SYSLOG_HOST": "log.example", "VPN_TOKEN": "canary"}, CONSOLE)

    values = read_global_variables(session)
    assert (values["SYSLOG_HOST"].secret, values["VPN_TOKEN"].secret) == (False, True)
    assert "canary" not in str([row.fields for row in session.scalars(select(ChangeRecord))])
    assert count_of(session, "variables") == 1


@pytest.mark.parametrize(
    "name",
    ["WIFI_PASS", "PASSWORD_2", "VPN_PWD", "API_KEY", "TOKENS", "SECRET", "MENU_PIN", "WIFI_PASSPHRASE", "A_PASSCODE"],
)
def test_a_name_looks_secret(session, name):
    set_variables(session, GLOBAL, {name: "1"}, CONSOLE)

    assert read_global_variables(session)[name].secret


@pytest.mark.parametrize("name", ["PINNED_APP", "KEYPAD_TONE", "BYPASS", "T38_PASSTHROUGH", "PASSIVE_FTP"])
def test_a_name_does_not_look_secret(session, name):
    set_variables(session, GLOBAL, {name: "1"}, CONSOLE)

    assert not read_global_variables(session)[name].secret


def test_the_flag_may_be_said(session):
    set_variables(session, GLOBAL, {"PIN_LENGTH": "4"}, CONSOLE, secret={"PIN_LENGTH": False})

    assert not read_global_variables(session)["PIN_LENGTH"].secret


@pytest.mark.parametrize("name", ["mac", "1A", "A B", "${FOO}", "REG_SERVER", "A__B", "__A", "", "ÄB"])
def test_a_bad_name_stores_nothing(session, name):
    with pytest.raises(InvalidInput) as caught:
        set_variables(session, GLOBAL, {"GOOD": "1", name: "2"}, CONSOLE)

    assert list(caught.value.errors) == [name]
    assert list_variables(session, GLOBAL) == []


def test_scopes_do_not_meet(session):
    acme = create_tenant(session, "acme", {}, CONSOLE)
    scope = VariableScope(tenant=acme)
    set_variables(session, GLOBAL, {"A": "global"}, CONSOLE)
    set_variables(session, scope, {"A": "tenant"}, CONSOLE)

    assert [row.value for row in list_variables(session, GLOBAL)] == ["global"]
    assert [row.value for row in list_variables(session, scope)] == ["tenant"]
    assert acme.version == 2


def test_delete_variables_deletes_all_or_none(session):
    set_variables(session, GLOBAL, {"A": "1", "B": "2"}, CONSOLE)

    with pytest.raises(NotFound, match="C"):
        delete_variables(session, GLOBAL, ["A", "C"], CONSOLE)
    assert len(list_variables(session, GLOBAL)) == 2
    delete_variables(session, GLOBAL, ["A", "B"], CONSOLE)

    assert list_variables(session, GLOBAL) == []


def test_setting_the_same_value_is_no_change(session):
    set_variables(session, GLOBAL, {"A": "1"}, CONSOLE)
    set_variables(session, GLOBAL, {"A": "1"}, CONSOLE)

    assert count_of(session, "variables") == 1
