from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from tests.webprov.serving.fleet import Fleet
from webprov.fetchkeeping import fetches_duty, forget_fetches
from webprov.store.database import writing
from webprov.store.fetchrecords import FetchHour, UnknownPhone
from webprov.store.leases import Lease
from webprov.store.models import FetchRecord

NOW = datetime(2026, 3, 29, 12, tzinfo=UTC)


@pytest.fixture
def history(session):
    """A request each day for twenty days, the newest today."""
    with writing(session):
        for day in reversed(range(20)):
            session.add(
                FetchRecord(at=NOW - timedelta(days=day), protocol="http", address="192.0.2.1", path="x", status=200)
            )


@pytest.mark.parametrize(("days", "records", "left"), [(90, 500, 20), (7, 500, 8), (90, 3, 3), (1, 1, 1)])
def test_old_and_excess_requests_are_forgotten(session, config, history, days, records, left):
    with writing(session):
        forgotten = forget_fetches(session, replace(config, fetches_kept_days=days, fetches_kept_records=records))

    assert forgotten == 20 - left
    assert session.query(FetchRecord).count() == left
    assert session.query(FetchRecord).order_by(FetchRecord.id.desc()).first().at == NOW


def test_counts_of_hours_that_no_page_shows_are_forgotten(session, config, history):
    with writing(session):
        session.add_all(FetchHour(hour=hour, tenant_id=1) for hour in ("2026-03-20 11", "2026-03-29 11"))

    with writing(session):
        forget_fetches(session, config)

    assert [row.hour for row in session.query(FetchHour)] == ["2026-03-29 11"]


def test_duty_forgets_phones_that_are_devices_now(instance, session, history):
    with writing(session):
        for mac in ("805EC0123456", "805EC0123457"):
            session.add(UnknownPhone(mac=mac, first_seen_at=NOW, last_seen_at=NOW, protocol="http"))
    Fleet(instance).add_device("805EC0123456")
    lease = Lease(instance.sessions, "fetches")
    lease.hold()

    rest = fetches_duty(instance).turn(session, lease)

    assert rest > 1
    assert [phone.mac for phone in session.query(UnknownPhone)] == ["805EC0123457"]
