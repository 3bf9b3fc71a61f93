import re

import pytest

from tests.factories import make_fetch, make_stranger, small_config
from tests.pages import post
from webprov.changes.tenants import create_tenant
from webprov.enums import Role
from webprov.rights import CONSOLE
from webprov.serving.guessing import boot_id
from webprov.store.database import writing
from webprov.store.fetchrecords import UnknownPhone
from webprov.store.models import GuessRecord

PHONE, OTHER = "805EC0000001", "0013FF000001"


@pytest.fixture
def config(tmp_path):
    config = small_config(tmp_path)
    with (config.models_dir / "test.ini").open("a") as file:
        file.write("\n[test-agent]\nextends = _deskphone\nlabel = Agent\nuser_agent = Tester {model} {firmware}*\n")
    return config


@pytest.fixture
def strangers(session):
    """A phone that says what it is, and one from a blocked address that does not."""
    make_stranger(session, PHONE, user_agent="Tester agent 1.2.3 805ec0000001", count=7)
    addresses = ["203.0.113.5", "203.0.113.6"]
    make_stranger(session, OTHER, addresses=addresses, source=addresses[0], user_agent="<b>zebra</b>", paths=["<i>x"])
    with writing(session):
        session.add(GuessRecord(boot=boot_id(), source="203.0.113.5", kind="names", tries={}, until=2**31 - 1, times=1))


def rows(answer):
    """The text of each row of the table."""
    found = re.findall(r"<tr>(.*?)</tr>", answer.text.partition("<tbody>")[2], re.S)
    return [" ".join(re.sub(r"<[^>]+>", " ", row).split()) for row in found]


def test_index_says_what_asked_and_offers_to_adopt_it(admin, strangers):
    page = admin.get("/unknown/")

    found = {row[:17]: row for row in rows(page)}
    assert "Agent 1.2.3" in found["80:5E:C0:00:00:01"]
    assert "805ec0000001.cfg HTTP, was asked to sign in" in found["80:5E:C0:00:00:01"]
    assert "7 requests" in found["80:5E:C0:00:00:01"]
    assert "Blocked" in found["00:13:FF:00:00:01"]
    assert 'href="/devices/new?mac=80:5E:C0:00:00:01&amp;model=Agent"' in page.text
    assert "<b>zebra" not in page.text
    assert "<i>x" not in page.text


def test_adopting_opens_a_filled_form(admin, session, strangers):
    create_tenant(session, "acme", {}, CONSOLE)

    form = admin.get("/devices/new?mac=80:5E:C0:00:00:01&model=Agent").text

    assert re.search(r'name="mac"[^>]*value="80:5E:C0:00:00:01"', form)
    assert re.search(r'name="model"[^>]*value="Agent"', form)


def test_filter_answers_with_the_list_alone(admin, strangers):
    answer = admin.get("/unknown/?q=zebra", headers={"HX-Request": "true"})

    assert answer.text.lstrip().startswith('<div id="unknown-list"')
    assert answer.headers["HX-Push-Url"] == "/unknown/?q=zebra"
    assert len(rows(answer)) == 1
    assert "No unknown phone matches" in admin.get("/unknown/?q=giraffe").text
    assert len(rows(admin.get("/unknown/?show=blocked"))) == 1
    assert len(rows(admin.get("/unknown/?show=nonsense"))) == 2


def test_ignored_phone_is_listed_apart_and_comes_back(admin, strangers, session):
    post(admin, f"/unknown/{PHONE}/ignored", "/unknown/", ignored="on")

    assert len(rows(admin.get("/unknown/"))) == 1
    assert "80:5E:C0:00:00:01" in rows(admin.get("/unknown/?show=ignored"))[0]
    post(admin, f"/unknown/{PHONE}/ignored", "/unknown/", ignored="off")
    assert len(rows(admin.get("/unknown/"))) == 2
    assert post(admin, "/unknown/805EC0FFFFFF/ignored", ignored="on").status_code == 404


def test_blocked_address_is_named_and_let_in_again(admin, strangers, session):
    page = admin.get("/unknown/").text

    assert "asked for too many unknown phones" in page
    post(admin, "/unknown/let-in", "/unknown/", source="203.0.113.5")
    page = admin.get("/unknown/").text
    assert "203.0.113.5 is let in again." in page
    assert "Blocked addresses" not in page


def test_column_counts_what_waits(admin, strangers):
    page = admin.get("/devices/").text

    assert re.search(r'href="/unknown/".*?class="wp-count">\s*2', page, re.S)


def test_support_looks_and_changes_nothing(sign_in, strangers, session):
    support = sign_in(Role.SUPPORT, name="Sam Support")

    page = support.get("/unknown/").text

    assert "80:5E:C0:00:00:01" in page
    assert "Ignore" not in page.partition("<tbody>")[2].partition("</tbody>")[0]
    assert "Let in again" not in page
    assert post(support, f"/unknown/{PHONE}/ignored", ignored="on").status_code == 403
    assert post(support, "/unknown/let-in", source="203.0.113.5").status_code == 403
    assert session.get(UnknownPhone, PHONE).ignored_by == ""


def test_people_of_one_tenant_see_none_of_them(sign_in, session, strangers, tenants):
    keeper = sign_in(Role.TENANT_ADMINISTRATOR, tenants["acme"])
    make_fetch(session, mac=PHONE)

    assert keeper.get("/unknown/").status_code == 403
    assert post(keeper, f"/unknown/{PHONE}/ignored", ignored="on").status_code == 403
    assert "/unknown/" not in keeper.get("/devices/").text


def test_alarm_stands_on_the_page(admin, strangers, monkeypatch):
    monkeypatch.setattr("views.unknown.MACS_AN_HOUR", 1)

    assert "2 different phones asked within the last hour." in " ".join(admin.get("/unknown/").text.split())
