import logging
from datetime import timedelta

import pytest
from sqlalchemy import insert

from webprov.alarms import MACS_AN_HOUR, alarms_duty, guessed_macs
from webprov.store.fetchrecords import UnknownPhone
from webprov.store.models import utc_now


@pytest.fixture
def guess(session):
    """Notes so many unknown MACs, asked for so long ago."""

    def note(count: int, ago: timedelta = timedelta()) -> None:
        at = utc_now() - ago
        macs = [f"805EC1{number:06X}" for number in range(count)]
        rows = [{"mac": mac, "first_seen_at": at, "last_seen_at": at, "count": 1, "protocol": "http"} for mac in macs]
        session.execute(insert(UnknownPhone), rows)
        session.commit()

    return note


def test_ph02_guessing_over_all_sources_is_said_once(session, instance, guess, caplog):
    duty = alarms_duty(instance)
    with caplog.at_level(logging.WARNING):
        duty.turn(session, None)
        assert caplog.records == []
        guess(MACS_AN_HOUR + 1)

        duty.turn(session, None)
        duty.turn(session, None)

    assert [record.getMessage() for record in caplog.records] == [
        "1001 MACs that are no devices were asked for within an hour: somebody guesses addresses"
    ]


def test_what_was_asked_earlier_does_not_count(session, guess):
    guess(5, timedelta(hours=2))

    assert guessed_macs(session) == 0
