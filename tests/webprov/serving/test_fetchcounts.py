from webprov.enums import Protocol
from webprov.serving.askers import Reason
from webprov.serving.fetch import Fetch
from webprov.serving.fetchcounts import STRANGERS, count_fetches
from webprov.store.database import writing
from webprov.store.fetchrecords import FetchDay, FetchHour
from webprov.store.models import Device

DAY = 86_400


def fetch(at: float, reason: Reason = Reason.DELIVERED) -> Fetch:
    return Fetch(at, Protocol.HTTP, "192.0.2.1", "192.0.2.1", "", "x.cfg", 200, reason, 0)


def test_requests_are_counted_per_day_and_protocol(session):
    for batch in ([fetch(DAY), fetch(2 * DAY)], [fetch(2 * DAY + 5)]):
        with writing(session):
            count_fetches(session, [(1, one) for one in batch])

    assert {(row.day, row.protocol): row.count for row in session.query(FetchDay)} == {
        ("1970-01-02", "http"): 1,
        ("1970-01-03", "http"): 2,
    }


def test_requests_of_an_hour_add_up_by_tenant_and_end(session):
    first = [(1, fetch(DAY)), (1, fetch(DAY + 3599)), (1, fetch(DAY, Reason.NO_CREDENTIALS)), (2, fetch(DAY + 3600))]
    second = [(1, fetch(DAY + 1, Reason.UNCHANGED)), (1, fetch(DAY + 2)), (STRANGERS, fetch(DAY, Reason.LOCKED_OUT))]

    for batch in (first, second):
        with writing(session):
            count_fetches(session, batch)

    assert {(row.hour, row.tenant_id): (row.sent, row.unchanged, row.refused) for row in session.query(FetchHour)} == {
        ("1970-01-02 00", 1): (3, 1, 0),
        ("1970-01-02 01", 2): (1, 0, 0),
        ("1970-01-02 00", STRANGERS): (0, 0, 1),
    }


def test_requests_by_phones_are_counted_for_the_tenant_of_the_device(phones, fleet, session):
    fleet.add_phone()
    phones.ask("/provisioning/805ec0123456.cfg")
    phones.ask("/provisioning/805ec0777777.cfg", login="Basic eDp5")

    phones.settle()

    tenant = session.query(Device).one().tenant_id
    found = {row.tenant_id: (row.sent, row.refused) for row in session.query(FetchHour)}
    assert found == {tenant: (1, 0), STRANGERS: (0, 1)}
