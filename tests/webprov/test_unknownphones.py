from datetime import timedelta
from pathlib import Path

import pytest

from tests.factories import make_stranger
from tests.webprov.serving.fleet import Fleet
from webprov.config import data_dir
from webprov.enums import Role
from webprov.errors import NotAllowed, NotFound
from webprov.phones.catalog import load_catalog
from webprov.phones.discovery import Discovery
from webprov.rights import CONSOLE, Actor
from webprov.serving.guessing import boot_id
from webprov.store.database import writing
from webprov.store.models import ChangeRecord, GuessRecord, utc_now
from webprov.unknownphones import (
    Shown,
    blocked_sources,
    count_unknown,
    kinds,
    let_in,
    list_unknown,
    set_ignored,
    waiting_lately,
)

PHONE, OTHER = "805EC0000001", "0013FF000001"
SUPPORT = Actor("Sam", Role.SUPPORT)


@pytest.fixture(scope="module")
def discovery():
    return Discovery(load_catalog(data_dir("models.d"), Path("/nonexistent")).models())


@pytest.fixture
def strangers(session):
    """A Yealink a moment ago and something ten days ago, from an address that is locked out."""
    make_stranger(session, PHONE, user_agent="Yealink SIP-T54W 96.86.0.45 80:5e:c0:00:00:01")
    make_stranger(
        session, OTHER, addresses=["203.0.113.5"], source="203.0.113.5", last_seen_at=utc_now() - timedelta(days=10)
    )
    with writing(session):
        session.add(GuessRecord(boot=boot_id(), source="203.0.113.5", kind="names", tries={}, until=2**31 - 1, times=1))


def macs(session, discovery, **wanted):
    return [row.mac for row in list_unknown(session, discovery, **wanted)]


@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        ({}, [PHONE, OTHER]),
        ({"shown": Shown.BLOCKED}, [OTHER]),
        ({"shown": Shown.IGNORED}, []),
        ({"text": "t54w"}, [PHONE]),
        ({"text": "80:5E-c0"}, [PHONE]),
        ({"text": "203.0.113"}, [OTHER]),
        ({"text": "%"}, []),
        ({"offset": 1}, [OTHER]),
    ],
)
def test_list_narrows_and_counts_alike(session, discovery, strangers, wanted, found):
    assert macs(session, discovery, **wanted) == found
    if "offset" not in wanted:
        assert count_unknown(session, **wanted) == len(found)


def test_row_says_what_it_is_and_whether_it_is_blocked(session, discovery, strangers):
    phone, other = list_unknown(session, discovery)

    assert (phone.guess.brand, phone.guess.model, phone.guess.said.firmware) == (
        "Yealink",
        "yealink-t54w",
        "96.86.0.45",
    )
    assert (phone.blocked_source, other.blocked_source) == ("", "203.0.113.5")
    assert kinds(session, discovery, {"yealink-t54w": "Yealink T54W"}) == ["1 Yealink T54W"]
    assert waiting_lately(session) == 1


def test_phone_that_is_entered_is_unknown_no_more(instance, session, discovery, strangers):
    Fleet(instance).add_device(PHONE)

    assert macs(session, discovery) == [OTHER]


def test_ignoring_hides_and_is_recorded(session, discovery, strangers):
    set_ignored(session, PHONE, CONSOLE, ignored=True)
    set_ignored(session, PHONE, CONSOLE, ignored=True)

    assert macs(session, discovery) == [OTHER]
    assert macs(session, discovery, shown=Shown.IGNORED) == [PHONE]
    assert waiting_lately(session) == 0
    set_ignored(session, PHONE, CONSOLE, ignored=False)
    assert macs(session, discovery) == [PHONE, OTHER]
    assert [record.action for record in session.query(ChangeRecord)] == ["ignore", "show again"]


def test_letting_in_forgets_the_guesses_and_is_recorded(session, strangers):
    assert list(blocked_sources(session)) == ["203.0.113.5"]

    let_in(session, "203.0.113.5", CONSOLE)

    assert blocked_sources(session) == {}
    assert session.query(ChangeRecord).one().name == "203.0.113.5"


def test_only_administrators_decide(session, strangers):
    with pytest.raises(NotAllowed):
        set_ignored(session, PHONE, SUPPORT, ignored=True)
    with pytest.raises(NotAllowed):
        let_in(session, "203.0.113.5", SUPPORT)
    with pytest.raises(NotFound):
        set_ignored(session, "805EC0FFFFFF", CONSOLE, ignored=True)
