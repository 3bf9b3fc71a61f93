from datetime import UTC, datetime

import pytest
from alembic import command
from alembic.config import Config as AlembicConfig

from webprov.store.database import MIGRATIONS, writing
from webprov.store.fetchrecords import FetchHour
from webprov.store.migrating import migrate
from webprov.store.models import Device, FetchRecord, Tenant


@pytest.fixture
def downgrade(instance):
    """Takes the tables of the instance back to an earlier revision."""

    def go_back(revision: str) -> None:
        config = AlembicConfig()
        config.set_main_option("script_location", str(MIGRATIONS))
        with instance.engine.connect().execution_options(webprov_writes=True) as connection, connection.begin():
            config.attributes["connection"] = connection
            command.downgrade(config, revision)

    return go_back


def test_requests_that_are_remembered_are_counted_by_hour_on_an_upgrade(instance, session, downgrade):
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
    downgrade("0011")

    migrate(instance.engine)

    assert {(row.hour, row.tenant_id): (row.sent, row.unchanged, row.refused) for row in session.query(FetchHour)} == {
        ("2026-03-29 07", tenant): (2, 1, 0),
        ("2026-03-29 07", 0): (0, 0, 1),
    }
