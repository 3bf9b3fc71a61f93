import pytest
from sqlalchemy import select

from tests.webprov.serving.fleet import MAC
from webprov.enums import Protocol
from webprov.serving import strangers
from webprov.serving.fetch import Fetch
from webprov.store.database import writing
from webprov.store.fetchrecords import UnknownPhone

STRANGER = "805EC0777777"


def fetch(mac: str, *, at: float = 1_774_785_600, source: str = "192.0.2.1", path: str = "") -> tuple[str, Fetch]:
    path = path or f"/provisioning/{mac.lower()}.cfg"
    return mac, Fetch(at, Protocol.HTTP, source, source, "Agent", path, 404, "unknown name", 0)


def note(session, *asked):
    with writing(session):
        strangers.note_strangers(session, asked)


def rows(session):
    session.commit()
    return {phone.mac: phone for phone in session.scalars(select(UnknownPhone))}


def test_unknown_phone_is_noted_from_its_request_and_the_known_one_is_not(phones, fleet, session):
    fleet.add_phone()

    refused = phones.ask(f"/provisioning/{STRANGER.lower()}.cfg", login=None, user_agent="Yealink SIP-T54W 1.2.3.4")
    phones.ask(f"/provisioning/{MAC.lower()}.cfg")
    phones.ask("/provisioning/y000000000096.cfg", login=None)
    phones.settle()

    found = rows(session)
    assert refused.status == 401
    assert list(found) == [STRANGER]
    assert found[STRANGER].count == 1
    assert found[STRANGER].reason == "no credentials"
    assert found[STRANGER].user_agent == "Yealink SIP-T54W 1.2.3.4"
    assert found[STRANGER].addresses == ["127.0.0.1"]
    assert found[STRANGER].paths == [f"/provisioning/{STRANGER.lower()}.cfg"]


def test_stranger_is_answered_as_before_it_was_noted(phones, fleet):
    fleet.add_phone()

    first = phones.ask(f"/provisioning/{STRANGER.lower()}.cfg")
    phones.settle()
    second = phones.ask(f"/provisioning/{STRANGER.lower()}.cfg")

    assert first.constant == second.constant


def test_requests_of_one_phone_add_up(session):
    note(session, fetch(STRANGER, at=1000), fetch(STRANGER, at=1001, path="a.cfg"))
    note(session, fetch(STRANGER, at=2000, source="192.0.2.2", path="b.cfg"), fetch(STRANGER, at=2001, path="a.cfg"))

    phone = rows(session)[STRANGER]
    assert phone.count == 4
    assert (phone.first_seen_at.timestamp(), phone.last_seen_at.timestamp()) == (1000, 2001)
    assert phone.addresses == ["192.0.2.1", "192.0.2.2"]
    assert phone.paths[:2] == ["a.cfg", "b.cfg"]


def test_what_is_remembered_of_one_phone_is_bounded_and_harmless(session):
    asked = [fetch(STRANGER, source=f"192.0.2.{n}", path=f"{n}\r\n\x1b[31m\u202e" + "x" * 500) for n in range(50)]

    note(session, *asked)

    phone = rows(session)[STRANGER]
    assert phone.count == 50
    assert len(phone.addresses) == len(phone.paths) == 5
    assert all(len(path) <= 250 and path.isprintable() for path in phone.paths)


def test_one_source_brings_only_so_many_a_day(session, monkeypatch):
    monkeypatch.setattr(strangers, "MOST_OF_A_SOURCE", 5)
    now = 4_000_000_000

    note(session, *(fetch(f"805EC0{n:06X}", at=now) for n in range(4)))
    note(session, *(fetch(f"805EC1{n:06X}", at=now) for n in range(4)), fetch(STRANGER, at=now, source="192.0.2.9"))

    assert len(rows(session)) == 6
    assert STRANGER in rows(session)


def test_scanner_crowds_out_itself(session, monkeypatch):
    monkeypatch.setattr(strangers, "MOST", 10)

    note(session, fetch(STRANGER, at=1, source="192.0.2.9"), fetch("805EC0777778", at=2, source="192.0.2.8"))
    note(session, *(fetch(f"0013FF{n:06X}", at=100 + n) for n in range(40)))

    found = rows(session)
    assert len(found) == 10
    assert {STRANGER, "805EC0777778", "0013FF000027"} <= found.keys()


@pytest.mark.parametrize("agent", ["", "Agent 2"])
def test_last_user_agent_stays_where_a_protocol_has_none(session, agent):
    note(session, fetch(STRANGER))
    mac, one = fetch(STRANGER)
    note(session, (mac, one._replace(user_agent=agent, protocol=Protocol.TFTP)))

    assert rows(session)[STRANGER].user_agent == (agent or "Agent")
