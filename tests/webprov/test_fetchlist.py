from datetime import UTC, datetime, timedelta

import pytest

from tests.factories import make_device, make_fetch, make_tenant, small_config
from webprov import fetchlist
from webprov.fetchlist import FetchQuery, list_fetches, protocol_use
from webprov.site import SiteLoader
from webprov.store.database import writing
from webprov.store.fetchrecords import FetchDay
from webprov.store.models import Device

NOW = datetime(2026, 3, 29, 12, tzinfo=UTC)
ONE, TWO = "805EC0000001", "805EC0000002"


@pytest.fixture
def config(tmp_path):
    return small_config(tmp_path)


@pytest.fixture
def log(session, config):
    """Two phones of two tenants and a stranger, an hour between requests, the latest first in this list."""
    make_tenant(session)
    make_tenant(session, "globex")
    site = SiteLoader(config).load(session)
    one = make_device(session, site, ONE)
    two = make_device(session, site, TWO, tenant="globex", model="test-lobby")
    one.revision = two.revision = 9
    requests = [
        (one, {"path": "/provisioning/first.cfg", "revision": 7}),
        (two, {"protocol": "tftp", "reason": "unchanged", "status": 304}),
        (None, {"mac": "0013FF000001", "address": "203.0.113.5", "reason": "wrong credentials", "status": 401}),
        (one, {"user_agent": "Yealink 100%", "address": "192.0.2.11"}),
    ]
    for hours, (device, values) in reversed(list(enumerate(requests))):
        make_fetch(session, device, at=NOW - timedelta(hours=hours), **values)


def found(session, **values):
    """The hours before NOW of the requests that fit."""
    rows = list_fetches(session, FetchQuery(**values)).rows
    return [round((NOW - row.at).total_seconds() / 3600) for row in rows]


@pytest.mark.parametrize(
    ("wanted", "hours"),
    [
        ({}, [0, 1, 2, 3]),
        ({"mac": ONE}, [0, 3]),
        ({"mac": "0013FF000001"}, [2]),
        ({"address": "192.0.2.11"}, [3]),
        ({"since": NOW - timedelta(hours=1)}, [0, 1]),
        ({"before": NOW - timedelta(hours=1)}, [2, 3]),
        ({"protocol": "tftp"}, [1]),
        ({"reasons": ["", "unchanged"]}, [0, 1, 3]),
        ({"reasons": ["wrong credentials"]}, [2]),
        ({"text": "FIRST"}, [0]),
        ({"text": "00:13:ff"}, [2]),
        ({"text": "100%"}, [3]),
        ({"text": "_"}, []),
        ({"devices": Device.model == "test-lobby"}, [1]),
        ({"devices": Device.mac == ONE, "text": "first"}, [0]),
    ],
)
def test_filters_narrow(session, log, wanted, hours):
    assert found(session, **wanted) == hours


def test_row_tells_device_and_current_revision(session, log):
    row, *_, _stranger, last = list_fetches(session, FetchQuery()).rows

    assert (row.label, row.model, row.tenant, row.is_known) == ("Desk 1", "test-desk", "acme", True)
    assert row.is_outdated
    assert (row.revision, row.current) == (7, 9)
    assert not last.is_outdated


def test_pages_follow_and_count(session, log):
    page = list_fetches(session, FetchQuery(), offset=3, limit=3)

    assert (len(page.rows), page.matching, page.searched_back_to) == (1, 4, None)


def test_search_without_index_ends_somewhere_and_says_where(session, log, monkeypatch):
    monkeypatch.setattr(fetchlist, "WINDOW", 2)

    page = list_fetches(session, FetchQuery(text="192.0.2"))

    assert len(page.rows) == 2
    assert page.searched_back_to == NOW - timedelta(hours=2)
    assert found(session, text="192.0.2", before=NOW - timedelta(hours=1)) == [3]


def test_the_mac_of_a_replaced_phone_still_finds_what_it_asked_for(session, log, monkeypatch):
    with writing(session):
        session.query(Device).filter_by(mac=ONE).one().mac = "805EC0000003"
    make_fetch(session, mac=ONE, at=NOW - timedelta(hours=5))  # the old phone, which is a stranger now

    assert found(session, mac="805EC0000003") == [0, 3]
    assert found(session, mac=ONE) == [0, 3, 5]
    monkeypatch.setattr(fetchlist, "WINDOW", 2)
    assert found(session, mac=ONE) == [0, 5]
    assert list_fetches(session, FetchQuery(mac=ONE)).searched_back_to == NOW - timedelta(hours=2)
    assert list_fetches(session, FetchQuery(mac="805EC0000003")).searched_back_to is None
    assert found(session, mac=ONE, before=NOW - timedelta(hours=2)) == [3, 5]


def test_large_tenants_are_looked_for_without_naming_each_device(session, log, monkeypatch):
    monkeypatch.setattr(fetchlist, "_FEW_DEVICES", 0)

    assert found(session, devices=Device.mac == ONE) == [0, 3]


def test_protocol_use_sums_days(session):
    with writing(session):
        session.add_all(
            FetchDay(day=f"2026-03-{day}", protocol=protocol, count=day)
            for day in (20, 28, 29)
            for protocol in ("http", "ftp")
        )

    assert protocol_use(session, NOW - timedelta(days=1)) == {"http": 57, "ftp": 57}
