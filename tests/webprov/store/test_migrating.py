from datetime import UTC, datetime

from sqlalchemy import select, text

from tests.factories import make_fetch
from tests.webprov.store.goback import downgrade
from webprov.store.database import writing
from webprov.store.fetchrecords import FetchHour
from webprov.store.migrating import migrate
from webprov.store.models import Device, FetchRecord, Tenant


def test_requests_that_are_remembered_are_counted_by_hour_on_an_upgrade(instance, session):
    with writing(session):
        device = Device(mac="805EC0123456", tenant=Tenant(name="acme"), model="test-desk")
        session.add(device)
        session.flush()
        for reason, device_id in (("", device.id), ("", device.id), ("unchanged", device.id), ("locked out", None)):
            at = datetime(2026, 3, 29, 7, 30, tzinfo=UTC)
            session.add(
                FetchRecord(
                    at=at, protocol="http", address="x", path="x", status=200, reason=reason, device_id=device_id
                )
            )
        tenant = device.tenant_id
    downgrade(instance.engine, "0011")

    migrate(instance.engine)

    assert {(row.hour, row.tenant_id): (row.sent, row.unchanged, row.refused) for row in session.query(FetchHour)} == {
        ("2026-03-29 07", tenant): (2, 1, 0),
        ("2026-03-29 07", 0): (0, 0, 1),
    }


def test_times_of_requests_survive_an_upgrade_and_a_way_back(instance, session):
    times = [datetime(2026, 3, 29, 7, 30, 59, micros, tzinfo=UTC) for micros in (0, 7, 999_999)]
    for at in times:
        make_fetch(session, at=at, mac="0013FF000001")

    session.close()
    downgrade(instance.engine, "0016")
    with instance.engine.connect() as connection:
        stored = connection.execute(text("SELECT at FROM fetches ORDER BY id")).scalars().all()
    migrate(instance.engine)

    assert stored == [f"2026-03-29 07:30:59.{micros}" for micros in ("000000", "000007", "999999")]
    found = session.execute(select(FetchRecord.id, FetchRecord.at, FetchRecord.mac).order_by(FetchRecord.id)).all()
    assert found == [(number, at, "0013FF000001") for number, at in enumerate(times, 1)]
    make_fetch(session)
    assert session.scalar(select(FetchRecord.id).order_by(FetchRecord.id.desc())) == 4
