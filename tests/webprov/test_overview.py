from datetime import UTC, datetime, timedelta

import pytest

from webprov.overview import HOURS, fetches_by_hour
from webprov.serving.askers import Reason
from webprov.store.models import Device, FetchRecord, Tenant

NOW = datetime(2026, 11, 23, 9, 40, tzinfo=UTC)


@pytest.fixture
def fetches(session):
    """A device of acme and a stranger, who asked at various times."""
    device = Device(mac="805EC0000001", tenant=Tenant(name="acme"), model="test-desk")
    session.add(device)
    session.flush()

    def fetch(ago, reason, mac=device.mac, device_id=device.id):
        record = FetchRecord(at=NOW - ago, protocol="http", address="10.0.0.1", path="x.cfg", status=200)
        record.reason, record.mac, record.device_id = reason.value, mac, device_id
        session.add(record)

    fetch(timedelta(minutes=5), Reason.DELIVERED)
    fetch(timedelta(minutes=39), Reason.DELIVERED)
    fetch(timedelta(minutes=10), Reason.UNCHANGED)
    fetch(timedelta(minutes=41), Reason.WRONG_CREDENTIALS)
    fetch(timedelta(minutes=41), Reason.NO_CREDENTIALS)
    fetch(timedelta(minutes=41), Reason.UNKNOWN_NAME)
    fetch(timedelta(hours=23), Reason.DELIVERED)
    fetch(timedelta(hours=25), Reason.DELIVERED)
    fetch(timedelta(hours=2), Reason.LOCKED_OUT, "805EC00000AA", None)
    fetch(timedelta(hours=30), Reason.UNKNOWN_NAME, "805EC00000BB", None)
    session.commit()
    return session


def test_fetches_are_counted_by_hour(fetches):
    hours = fetches_by_hour(fetches, NOW)

    assert len(hours) == HOURS
    assert hours[-1].at == datetime(2026, 11, 23, 9, tzinfo=UTC)
    assert (hours[-1].sent, hours[-1].unchanged, hours[-1].refused) == (2, 1, 0)
    assert (hours[-2].sent, hours[-2].refused) == (0, 1)
    assert hours[0].sent == 1
    assert sum(hour.total for hour in hours) == 6


def test_a_condition_keeps_to_its_devices(fetches):
    hours = fetches_by_hour(fetches, NOW, Device.mac == "805EC0000001")

    assert sum(hour.refused for hour in hours) == 1
    assert sum(hour.total for hour in fetches_by_hour(fetches, NOW, Device.mac == "none")) == 0
