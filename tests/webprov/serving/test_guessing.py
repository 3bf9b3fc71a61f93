import time
from datetime import timedelta

import pytest

from tests.webprov.serving.fleet import MAC, basic
from webprov.serving import guessing
from webprov.serving.guessing import Kind, lockouts, release
from webprov.store.database import writing
from webprov.store.models import GuessRecord, KnownSource, utc_now

FILE = f"/provisioning/{MAC.lower()}.cfg"


def wrong(phones, times: int, source: str = "127.0.0.9") -> set[int]:
    return {phones.ask(FILE, login=basic("phones", f"no-{n}"), source=source).status for n in range(times)}


def test_ph04_wrong_passwords_put_a_source_out_over_all_processes(start_phones):
    first, second = start_phones(), start_phones()
    first.fleet.add_phone()
    assert first.ask(FILE, source="127.0.0.9").status == 200  # known for a moment, but not yet written down

    with first.fleet.instance.sessions() as session, writing(session):
        session.query(KnownSource).delete()
    wrong(first, 12)
    wrong(second, 8)
    time.sleep(0.01)

    assert [phones.ask(FILE, source="127.0.0.9").status for phones in (first, second)] == [401, 401]
    assert [phones.ask(FILE, source="127.0.0.8").status for phones in (first, second)] == [200, 200]
    assert "locked out" in {fetch.reason for fetch in first.settle()}


def test_nineteen_wrong_passwords_are_forgiven(phones):
    phones.fleet.add_phone()

    wrong(phones, 19)

    assert phones.ask(FILE, source="127.0.0.9").status == 200


def test_requests_without_credentials_are_no_failures(phones):
    phones.fleet.add_phone()

    for number in range(40):
        phones.ask(f"/provisioning/805ec00000{number:02}.cfg", login=None, source="127.0.0.9")

    assert phones.ask(FILE, source="127.0.0.9").status == 200


def test_ph01_unknown_macs_with_right_credentials_put_a_source_out(phones):
    phones.fleet.add_phone()

    for number in range(11):
        phones.ask(f"/provisioning/805ec00000{number:02}.cfg", source="127.0.0.9")
    time.sleep(0.01)

    refused = phones.ask(FILE, source="127.0.0.9")
    assert refused.constant == phones.ask("/provisioning/nothing", source="127.0.0.8").constant
    assert phones.ask(FILE, source="127.0.0.8").status == 200
    assert phones.settle()[-3].reason == "locked out"


def test_ph01_missing_files_of_a_known_device_never_count(phones):
    phones.fleet.add_device("805EC0000001", enabled=False)
    phones.fleet.add_phone()

    for number in range(60):
        phones.ask(f"/provisioning/{MAC}-{number}.boot", source="127.0.0.9")
        phones.ask(f"/provisioning/805ec0000001-{number}.boot", source="127.0.0.9")
    for _ in range(60):
        phones.ask("/provisioning/805ec0999999.cfg", source="127.0.0.9")
    time.sleep(0.01)

    assert phones.ask(FILE, source="127.0.0.9").status == 200


def test_a_source_of_known_devices_may_guess_ten_times_as_often(phones):
    phones.fleet.add_phone()
    assert phones.ask(FILE, source="127.0.0.9").status == 200
    phones.settle()

    wrong(phones, 150)
    assert phones.ask(FILE, source="127.0.0.9").status == 200

    wrong(phones, 50)
    assert phones.ask(FILE, source="127.0.0.9").status == 401


def test_lockouts_can_be_listed_and_released(phones):
    phones.fleet.add_phone()
    wrong(phones, 20)

    with phones.fleet.instance.sessions() as session:
        (lockout,) = lockouts(session)
        release(session, "127.0.0.9")
        assert lockouts(session) == []
    time.sleep(0.01)

    assert (lockout.source, lockout.kind) == ("127.0.0.9", Kind.CREDENTIALS)
    assert 890 <= lockout.seconds_left <= 901
    assert phones.ask(FILE, source="127.0.0.9").status == 200


def test_a_lockout_ends_by_the_monotonic_clock_and_is_of_this_boot(phones, monkeypatch):
    phones.fleet.add_phone()
    wrong(phones, 20)
    now = time.monotonic()

    monkeypatch.setattr(guessing.time, "time", lambda: 0.0)
    assert phones.ask(FILE, source="127.0.0.9").status == 401
    monkeypatch.setattr(guessing, "boot_id", lambda: "another boot")
    with phones.fleet.instance.sessions() as session:
        assert lockouts(session) == []
    monkeypatch.undo()
    monkeypatch.setattr(guessing.time, "monotonic", lambda: now + 902)
    assert not phones.fetching.gatekeeper._guesses.is_out("127.0.0.9", Kind.CREDENTIALS)


@pytest.mark.parametrize(
    ("kind", "seconds"), [(Kind.CREDENTIALS, [900] * 6), (Kind.NAMES, [900, 1800, 3600, 7200, 14400])]
)
def test_guessing_names_takes_longer_each_time(config, kind, seconds):
    assert [guessing.lockout_seconds(config, kind, times) for times in range(len(seconds))] == seconds


def test_ph05_old_guesses_are_forgotten(phones, monkeypatch):
    with phones.fleet.instance.sessions() as session, writing(session):
        for number in range(30):
            session.add(
                GuessRecord(
                    boot="x", source=f"10.0.0.{number}", kind="names", seen_at=utc_now() - timedelta(days=number)
                )
            )
    monkeypatch.setattr(guessing, "_SOURCES", 1)

    wrong(phones, 1)

    with phones.fleet.instance.sessions() as session:
        assert [record.source for record in session.query(GuessRecord)] == ["127.0.0.9"]
