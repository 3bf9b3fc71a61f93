import re

import pytest
from sqlalchemy import select

from tests import pages
from webprov.changes.variables import VariableScope, list_variables, set_variables
from webprov.enums import Role
from webprov.rights import CONSOLE
from webprov.store.models import ChangeRecord, CustomVariable

GRID = "/settings/variables/"


def post(client, path=GRID, **data):
    return pages.post(client, path, **data)


def stored(session):
    session.rollback()
    return {row.name: (row.value, row.secret) for row in list_variables(session, VariableScope())}


def names(html):
    return re.findall(r"wp-name-of-variable\">([A-Z_]+)<", html)


@pytest.fixture
def some(session):
    """A plain and a secret variable."""
    set_variables(session, VariableScope(), {"HOTLINE": "1099", "VPN_TOKEN": "canary-7"}, CONSOLE)


def test_index_shows_values_but_no_secret(admin, some):
    page = admin.get(GRID).text

    assert names(page) == ["HOTLINE", "VPN_TOKEN"]
    assert "1099" in page
    assert "canary-7" not in page
    assert "canary-7" not in admin.get(f"{GRID}?edit=VPN_TOKEN").text


def test_index_sorts_as_the_address_says(admin, some):
    assert names(admin.get(f"{GRID}?sort=-name").text) == ["VPN_TOKEN", "HOTLINE"]
    assert names(admin.get(f"{GRID}?sort=nonsense").text) == ["HOTLINE", "VPN_TOKEN"]


def test_add_stores_and_says_so(admin, session):
    answer = post(admin, name=" DIAL_PLAN ", value="[2-7]xx|0T")

    assert answer.status_code == 302
    assert stored(session) == {"DIAL_PLAN": ("[2-7]xx|0T", False)}
    assert "DIAL_PLAN is saved." in admin.get(GRID).text


def test_se04_add_keeps_names_that_look_secret_secret(admin, session):
    post(admin, name="WIFI_PASSWORD", value="x")
    post(admin, name="HARMLESS", value="y", secret="on")

    assert [secret for _value, secret in stored(session).values()] == [True, True]


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("${dial plan}", "without ${}"),
        ("REG_SERVER", "built-in"),
        ("HOTLINE", "There is HOTLINE already"),
        ("A__B", "two underscores"),
        ("<script>", "upper-case letters"),
    ],
)
def test_a_refused_row_says_why_and_keeps_what_was_typed(admin, session, some, name, sentence):
    answer = post(admin, name=name, value="typed <b>")

    assert answer.status_code == 422
    assert sentence in re.search(r'id="variable-name-error".*?</p>', answer.text, re.S)[0]
    assert 'value="typed &lt;b&gt;"' in answer.text
    assert "<script>alert" not in answer.text
    assert "typed <b>" not in str(stored(session))


def test_edit_changes_the_value(admin, session, some):
    page = admin.get(f"{GRID}?edit=HOTLINE").text
    post(admin, was="HOTLINE", value="2000")

    assert re.search(r'name="value"[^>]*value="1099"', page)
    assert stored(session)["HOTLINE"] == ("2000", False)


def test_an_empty_secret_keeps_what_is_stored(admin, session, some):
    post(admin, was="VPN_TOKEN", value="", secret="on")

    assert stored(session)["VPN_TOKEN"] == ("canary-7", True)


def test_a_secret_is_never_shown_by_taking_the_flag_away(admin, session, some):
    answer = post(admin, was="VPN_TOKEN", value="")

    assert answer.status_code == 422
    assert "Type the value again" in answer.text
    assert "canary-7" not in answer.text
    assert stored(session)["VPN_TOKEN"] == ("canary-7", True)


def test_what_was_a_secret_stays_out_of_the_record(admin, session, some):
    post(admin, was="VPN_TOKEN", value="public")

    assert stored(session)["VPN_TOKEN"] == ("public", False)
    assert "canary-7" not in str([row.fields for row in session.scalars(select(ChangeRecord))])


def test_delete_asks_and_deletes(admin, session, some):
    question = admin.get(f"{GRID}?delete=HOTLINE").text
    answer = post(admin, f"{GRID}delete", name="HOTLINE")

    assert "Delete HOTLINE" in question
    assert answer.status_code == 302
    assert list(stored(session)) == ["VPN_TOKEN"]


def test_unknown_names_are_not_found(admin):
    assert admin.get(f"{GRID}?edit=NOTHING").status_code == 404
    assert post(admin, f"{GRID}delete", name="NOTHING").status_code == 404
    assert post(admin, was="NOTHING", value="1").status_code == 404


def test_paste_sets_several_rows(admin, session, some):
    answer = post(admin, f"{GRID}paste", text="# servers\r\nSYSLOG_SERVER = log.example\r\n\r\nHOTLINE=a=b\r\n")

    assert answer.status_code == 302
    assert stored(session)["SYSLOG_SERVER"] == ("log.example", False)
    assert stored(session)["HOTLINE"] == ("a=b", False)


def test_paste_is_all_or_nothing_and_names_the_rows(admin, session, some):
    answer = post(admin, f"{GRID}paste", text="GOOD=1\nbad name=2\nno equals\nGOOD=3")

    assert answer.status_code == 422
    for row in ("Row 2:", "Row 3:", "Row 4:"):
        assert row in answer.text
    assert "no equals" in answer.text
    assert "GOOD" not in stored(session)


def test_an_empty_paste_says_what_to_do(admin):
    assert "Paste at least one row" in post(admin, f"{GRID}paste", text=" \n").text


def test_a_shadowed_name_is_marked_and_can_be_deleted(admin, session):
    session.add(CustomVariable(name="VOICEMAIL", value="*97", line=0))
    session.commit()

    page = admin.get(GRID).text

    assert "Not used: now a built-in variable" in page
    assert "edit=VOICEMAIL" not in page
    assert "delete=VOICEMAIL" in page


def test_support_reads_and_changes_nothing(sign_in, session, some):
    support = sign_in(Role.SUPPORT)

    page = support.get(f"{GRID}?edit=HOTLINE").text
    answer = post(support, name="X", value="1")

    assert "1099" in page
    assert "canary-7" not in page
    assert 'name="value"' not in page
    assert "Add variable" not in page
    assert answer.status_code == 403


def test_both_tabs_lead_to_each_other(admin, some):
    assert 'href="/settings/variables/">Template variables <span>2</span>' in admin.get("/settings/").text
    assert 'href="/settings/">Settings' in admin.get(GRID).text
