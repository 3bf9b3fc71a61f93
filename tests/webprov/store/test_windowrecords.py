from datetime import UTC, datetime, timedelta

import pytest

from webprov.enums import ProvisioningWindow
from webprov.store.database import writing
from webprov.store.models import Device, Tenant
from webprov.store.windowrecords import closing_time, note_fetched, open_windows, window_of, windows_close

NOON = datetime(2026, 3, 29, 12, tzinfo=UTC)


@pytest.fixture
def ids(session):
    """Three devices with revision 2."""
    devices = [Device(mac=f"805EC000000{n}", tenant_id=1, model="test-desk", revision=2) for n in range(3)]
    with writing(session):
        session.add(Tenant(id=1, name="acme"))
        session.flush()
        session.add_all(devices)
    return [device.id for device in devices]


def note(session, fetched):
    with writing(session):
        note_fetched(session, fetched)


def test_first_fetch_of_the_present_revision_sets_the_end(session, ids):
    first, older, other = ids
    note(session, {first: (2, NOON), older: (1, NOON)})
    note(session, {first: (2, NOON + timedelta(hours=5)), older: (1, NOON)})

    assert closing_time(session, first) == NOON + timedelta(hours=24)
    assert closing_time(session, older) is None
    assert closing_time(session, other) is None


def test_windows_open_for_some_or_for_all(session, ids):
    note(session, dict.fromkeys(ids, (2, NOON)))

    with writing(session):
        open_windows(session, ids[:1])
    left = [closing_time(session, device_id) is not None for device_id in ids]
    with writing(session):
        open_windows(session)

    assert left == [False, True, True]
    assert [closing_time(session, device_id) for device_id in ids] == [None] * 3


def test_devices_that_have_chosen_are_not_opened_with_the_others(session, ids):
    with writing(session):
        session.get(Device, ids[0]).provisioning_window = "first-fetch"
    note(session, dict.fromkeys(ids, (2, NOON)))
    with writing(session):
        open_windows(session)

    assert [closing_time(session, device_id) is None for device_id in ids] == [False, True, True]


def test_windows_close_where_the_settings_or_a_device_say_so(session, ids):
    before = windows_close(session, ProvisioningWindow.ALWAYS)
    with writing(session):
        session.get(Device, ids[0]).provisioning_window = "first-fetch"

    assert (before, windows_close(session, ProvisioningWindow.ALWAYS)) == (False, True)
    assert windows_close(session, ProvisioningWindow.FIRST_FETCH)
    assert window_of("always", ProvisioningWindow.FIRST_FETCH) is ProvisioningWindow.ALWAYS
    assert window_of("", ProvisioningWindow.FIRST_FETCH) is ProvisioningWindow.FIRST_FETCH
