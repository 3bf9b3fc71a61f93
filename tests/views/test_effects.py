"""Counts that take longer than one request may: the page goes on asking, stops, and is told what got lost."""

import re

import pytest

from tests.factories import make_device, make_tenant, small_config
from tests.pages import token
from webprov.changes.variables import VariableScope, set_variables
from webprov.enums import Role
from webprov.rights import CONSOLE
from webprov.site import SiteLoader

HTMX = {"HX-Request": "true"}
EFFECT = "/templates/effect?name=test/line.cfg&scope="
TEXT = "## format: text\nuser=${USERID}\n"


@pytest.fixture
def config(tmp_path):
    return small_config(tmp_path)


@pytest.fixture
def devices(config, session, monkeypatch):
    """Four desks of acme, and requests that compare a single one each."""
    for name in ("_AT_ONCE_SECONDS", "_SLICE_SECONDS", "_WITHOUT_SCRIPTS_SECONDS"):
        monkeypatch.setattr(f"views.effects.{name}", 0)
    make_tenant(session)
    site = SiteLoader(config).load(session)
    for number in range(1, 5):
        make_device(session, site, f"805EC000000{number}", label=f"Desk {number}", line1_userid=f"100{number}")


def ask(client, headers=HTMX, text=TEXT):
    return client.post(EFFECT, data={"csrf_token": token(client), "text": text}, headers=headers).text


def progress_of(part):
    """The address that the part goes on asking; empty where it has ended."""
    found = re.search(r'hx-get="(/effects/\w+[^"]*)" hx-trigger', part)
    return found[1].replace("&amp;", "&") if found else ""


def test_a_long_count_goes_on_until_it_has_the_number(admin, devices):
    first = ask(admin)
    parts = [first]
    while progress_of(parts[-1]):
        parts.append(admin.get(progress_of(parts[-1]), headers=HTMX).text)

    assert "Up to 4 of 4 devices get different files." in first
    assert "1 of 4 compared so far, 1 of them differs." in re.sub(r"</?strong>", "", first)
    assert len(parts) == 4
    assert "4 of 4 devices get different files." in parts[-1]
    assert 'id="announce" hx-swap-oob' in parts[-1]
    assert "4 devices: " in re.sub(r"\s+", " ", parts[-1])


def test_differences_come_along_only_where_there_are_new_ones(admin, devices):
    second = admin.get(progress_of(ask(admin)), headers=HTMX).text

    assert 'id="effect-differences"' not in second


def test_it_can_be_stopped_and_go_on(admin, devices):
    first = ask(admin)
    address = progress_of(first).partition("?")[0]

    stopped = admin.get(f"{address}?stop=1", headers=HTMX).text
    again = admin.get(f"{address}?again=1", headers=HTMX).text

    assert "Stopped after comparing 1 of 4." in stopped
    assert not progress_of(stopped)
    assert "2 of 4 compared so far" in again
    assert progress_of(again)


def test_asked_for_the_same_without_scripts_it_goes_on(admin, devices):
    pages = [ask(admin, headers=None) for _ in range(4)]

    assert "1 of 4 compared so far" in pages[0]
    assert re.search(r'wp-without-script" formaction="/templates/effect\?[^"]*">Count on', pages[0])
    assert "<strong>4 of 4 devices get different files.</strong>" in pages[3]
    assert "1 of 4 compared so far" in ask(admin, headers=None, text=TEXT + "other\n")


def test_what_is_saved_meanwhile_ends_it(admin, devices, session):
    first = ask(admin)
    set_variables(session, VariableScope(), {"ANY": "x"}, CONSOLE)

    answer = admin.get(progress_of(first), headers=HTMX).text

    assert "Something else was saved meanwhile." in answer
    assert not progress_of(answer)
    assert "Up to 4 of 4" in ask(admin)


def test_a_count_belongs_to_who_began_it(admin, sign_in, devices):
    address = progress_of(ask(admin))

    other = sign_in(Role.ADMINISTRATOR, name="Noor Dubois").get(address, headers=HTMX)
    unknown = admin.get("/effects/0123", headers=HTMX)

    for answer in (other, unknown):
        assert "The count was broken off." in answer.text
        assert "Desk" not in answer.text


def test_only_so_many_counts_are_kept(admin, devices, monkeypatch):
    monkeypatch.setattr("views.effects._MOST_KEPT", 2)
    addresses = [progress_of(ask(admin, text=f"{TEXT}{number}\n")) for number in range(3)]

    answers = [admin.get(address, headers=HTMX).text for address in addresses]

    assert ["broken off" in answer for answer in answers] == [True, False, False]


def test_the_glance_says_up_to_where_it_cannot_know_yet(admin, devices, monkeypatch):
    monkeypatch.setattr("views.effects._GLANCE_SECONDS", 0)
    body = {"csrf_token": token(admin), "body": "template_1 = test/common.cfg -> ${mac}.cfg"}

    answer = admin.post("/models/check?key=test-desk&as=text", data=body)

    assert "up to 4 devices get new files." in answer.text
