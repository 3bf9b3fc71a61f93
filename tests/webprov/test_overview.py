from datetime import UTC, datetime, timedelta

import pytest

from webprov.enums import Protocol
from webprov.overview import HOURS, fetches_by_hour
from webprov.serving.askers import Reason
from webprov.serving.fetch import Fetch
from webprov.serving.fetchcounts import STRANGERS, count_fetches
from webprov.store.database import writing

NOW = datetime(2026, 11, 23, 9, 40, tzinfo=UTC)
ACME, GLOBEX = 1, 2


def fetch(ago, reason, tenant=ACME):
    at = (NOW - ago).timestamp()
    return tenant, Fetch(at, Protocol.HTTP, "10.0.0.1", "10.0.0.1", "", "x.cfg", 200, reason, 0)


@pytest.fixture
def fetches(session):
    """Devices of two tenants and a stranger asked at various times."""
    batches = [
        [
            fetch(timedelta(minutes=5), Reason.DELIVERED),
            fetch(timedelta(minutes=10), Reason.UNCHANGED),
            fetch(timedelta(minutes=41), Reason.WRONG_CREDENTIALS),
            fetch(timedelta(minutes=41), Reason.NO_CREDENTIALS),
            fetch(timedelta(minutes=41), Reason.UNKNOWN_NAME),
            fetch(timedelta(hours=23), Reason.DELIVERED),
            fetch(timedelta(hours=25), Reason.DELIVERED),
        ],
        [
            fetch(timedelta(minutes=39), Reason.DELIVERED, GLOBEX),
            fetch(timedelta(minutes=38), Reason.DELIVERED),
            fetch(timedelta(hours=2), Reason.LOCKED_OUT, STRANGERS),
            fetch(timedelta(hours=3), Reason.UNKNOWN_NAME, STRANGERS),
        ],
    ]
    for batch in batches:
        with writing(session):
            count_fetches(session, batch)
    return session


def test_fetches_are_counted_by_hour(fetches):
    hours = fetches_by_hour(fetches, NOW)

    assert len(hours) == HOURS
    assert hours[-1].at == datetime(2026, 11, 23, 9, tzinfo=UTC)
    assert (hours[-1].sent, hours[-1].unchanged, hours[-1].refused) == (3, 1, 0)
    assert (hours[-2].sent, hours[-2].refused) == (0, 1)
    assert hours[0].sent == 1
    assert sum(hour.total for hour in hours) == 7


def test_a_tenant_sees_the_fetches_of_its_own_devices(fetches):
    acme, globex, none = (fetches_by_hour(fetches, NOW, [tenant]) for tenant in (ACME, GLOBEX, 99))

    assert [(hour.sent, hour.unchanged) for hour in acme[-1:]] == [(2, 1)]
    assert sum(hour.total for hour in globex) == 1
    assert sum(hour.total for hour in none) == 0
