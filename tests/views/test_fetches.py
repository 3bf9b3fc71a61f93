import re
from datetime import timedelta

import pytest

from tests.factories import make_device, make_fetch, make_tenant, small_config
from webprov.changes.tenants import find_tenant
from webprov.enums import Role
from webprov.rights import CONSOLE
from webprov.site import SiteLoader
from webprov.store.models import utc_now
from webprov.texts import safe_text

MINE, FOREIGN, STRANGER = "805EC0000001", "805EC0000002", "0013FF000001"


@pytest.fixture
def config(tmp_path):
    return small_config(tmp_path)


@pytest.fixture
def log(session, config):
    """Requests of a phone of acme, one of globex and a stranger."""
    make_tenant(session)
    make_tenant(session, "globex")
    site = SiteLoader(config).load(session)
    mine = make_device(session, site, MINE)
    mine.revision = 9
    foreign = make_device(session, site, FOREIGN, tenant="globex", label="Desk 2")
    make_fetch(session, mine, path="/provisioning/common.cfg", revision=0, at=utc_now() - timedelta(days=3))
    make_fetch(session, mine, reason="wrong credentials", status=401, protocol="https")
    make_fetch(session, mine, revision=7)
    make_fetch(session, foreign, path="/provisioning/secret-of-globex.cfg")
    make_fetch(session, mac=STRANGER, address="203.0.113.5", reason="no credentials", status=401)


@pytest.fixture
def keeper(sign_in, session, log):
    """The browser of acme's tenant administrator."""
    return sign_in(Role.TENANT_ADMINISTRATOR, find_tenant(session, "acme", CONSOLE).id, "Tom Keeper")


def rows(answer):
    """The text of each row of the table."""
    found = re.findall(r"<tr>(.*?)</tr>", answer.text.partition("<tbody>")[2], re.S)
    return [" ".join(re.sub(r"<[^>]+>", " ", row).split()) for row in found]


def test_index_says_who_asked_for_what_and_how_it_ended(admin, log):
    found = rows(admin.get("/fetches/"))

    assert len(found) == 5
    assert "00:13:FF:00:00:01 unknown 0013ff000001.cfg Not served: was asked to sign in" in found[0]
    assert "Desk 2 secret-of-globex.cfg Served: got it" in found[1]
    assert "Desk 1 805ec0000001.cfg Served: got it revision 7, current is 9" in found[2]
    assert "Refused: wrong password HTTPS" in found[3]
    assert "common.cfg Served: got it HTTP" in found[4]


@pytest.mark.parametrize(
    ("address", "count"),
    [
        ("?answer=served", 3),
        ("?answer=refused", 1),
        ("?answer=wrong-credentials", 1),
        ("?answer=nonsense", 5),
        ("?protocol=https", 1),
        ("?time=day", 4),
        ("?tenant=globex", 1),
        ("?model=test-desk", 4),
        ("?q=00:13:ff:00:00:01", 1),
        ("?q=203.0.113.5", 1),
        ("?q=secret", 1),
        (f"?device={MINE}", 3),
        ("?address=203.0.113.5", 1),
        ("?before=2020-01-01T00:00:00%2B00:00", 0),
        ("?page=99", 5),
        ("?before=never&time=ever&protocol=x&page=x", 5),
    ],
)
def test_filters_narrow(admin, log, address, count):
    answer = admin.get(f"/fetches/{address}")

    assert answer.status_code == 200
    assert len(rows(answer)) == count


def test_people_of_a_tenant_see_only_its_phones(keeper):
    found = keeper.get("/fetches/?q=cfg")

    assert len(rows(found)) == 3
    assert "globex" not in found.text
    assert STRANGER.lower() not in found.text
    assert rows(keeper.get(f"/fetches/?device={FOREIGN}")) == []
    assert "Desk 2" not in keeper.get(f"/fetches/?device={FOREIGN}").text
    assert keeper.get("/fetches/?tenant=globex").status_code == 404


def test_filter_answers_with_the_list_alone_and_names_its_address(admin, log):
    answer = admin.get("/fetches/?protocol=https", headers={"HX-Request": "true"})

    assert answer.text.lstrip().startswith('<div id="fetches-list"')
    assert answer.headers["HX-Push-Url"] == "/fetches/?protocol=https"
    assert "1 request fits" in answer.text


def test_watching_asks_again_by_itself_without_counting_as_use(admin, log):
    page = admin.get("/fetches/?live=1&answer=refused").text
    polled = admin.get("/fetches/?live=1", headers={"HX-Request": "true", "X-Poll": "1"})

    assert 'hx-get="/fetches/?live=1&amp;answer=refused" hx-trigger="every 5s"' in page
    assert "HX-Push-Url" not in polled.headers
    assert 'hx-trigger="every 5s"' not in admin.get("/fetches/").text


def test_nothing_found_says_what_to_do(admin, log):
    assert "No request fits these filters." in admin.get("/fetches/?q=zebra").text


def test_empty_log_points_to_the_first_step(admin):
    assert "No phone has asked for a file yet." in admin.get("/fetches/").text


def test_hostile_names_stay_text(admin, session, log):
    name = safe_text("/provisioning/<script>alert(1)</script>\r\n\x1b[31m\u202egfc.\"'", 250)
    make_fetch(session, mac=STRANGER, path=name, user_agent=name, address="203.0.113.5")

    page = admin.get("/fetches/").text

    assert "<script>alert" not in page
    assert "&lt;script&gt;alert(1)&lt;/script&gt;\\r\\n\\x1b[31m\\u202egfc." in page
