import os
import sqlite3
import subprocess
import sys
import time
from contextlib import closing
from datetime import UTC, datetime

import pytest
from sqlalchemy import select, text

from tests.factories import make_fetch
from tests.properties import LONG
from tests.webprov.store.goback import downgrade
from webprov.errors import StorageError
from webprov.store.database import is_current, writing
from webprov.store.fetchrecords import FetchHour
from webprov.store.migrating import migrate
from webprov.store.models import Device, FetchRecord, Tenant

KILLS = 20 if LONG else 3
UPGRADE_SECONDS = 0.6
UPGRADE = """
from webprov.config import load_config
from webprov.store import migrating
from webprov.store.instance import open_instance
print("begins", flush=True)
open_instance(load_config()).close()
"""


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


def test_db06_the_database_is_kept_as_it_was_before_an_upgrade(instance, session):
    make_fetch(session, mac="0013FF000001")
    session.close()
    downgrade(instance.engine, "0016")

    migrate(instance.engine)
    migrate(instance.engine)

    copy = instance.config.instance / "webprov.sqlite3.before-upgrade"
    assert copy.stat().st_mode & 0o777 == 0o600
    with closing(sqlite3.connect(copy)) as kept:
        assert kept.execute("SELECT version_num FROM alembic_version").fetchall() == [("0016",)]
        assert kept.execute("SELECT mac FROM fetches").fetchall() == [("0013FF000001",)]


def test_db06_an_upgrade_that_cannot_keep_the_database_changes_nothing(instance):
    downgrade(instance.engine, "0016")
    (instance.config.instance / "webprov.sqlite3.before-upgrade").mkdir()

    with pytest.raises(StorageError, match="nothing was changed"):
        migrate(instance.engine)

    with instance.engine.connect() as connection:
        assert connection.scalar(text("SELECT version_num FROM alembic_version")) == "0016"


@pytest.mark.parametrize("moment", [number / KILLS for number in range(KILLS)])
def test_db06_an_upgrade_that_is_killed_is_done_by_the_next_start(config, instance, session, moment):
    make_fetch(session, mac="0013FF000001")
    session.close()
    downgrade(instance.engine, "0011")
    instance.engine.dispose()
    env = {**os.environ, "WEBPROV_INSTANCE": str(config.instance)}
    with subprocess.Popen([sys.executable, "-c", UPGRADE], env=env, stdout=subprocess.PIPE) as upgrading:
        upgrading.stdout.read(1)
        time.sleep(moment * UPGRADE_SECONDS)
        upgrading.kill()

    migrate(instance.engine)

    with instance.sessions() as own:
        assert own.scalar(text("PRAGMA integrity_check")) == "ok"
        assert own.scalars(select(FetchRecord.mac)).all() == ["0013FF000001"]
    assert is_current(instance.engine)


def test_db06_processes_that_start_together_upgrade_once(config, instance):
    downgrade(instance.engine, "0011")
    instance.engine.dispose()
    env = {**os.environ, "WEBPROV_INSTANCE": str(config.instance)}

    with closing(sqlite3.connect(config.instance / "webprov.sqlite3", isolation_level=None)) as holder:
        holder.execute("BEGIN IMMEDIATE")  # so that all of them have begun before any can end
        started = [subprocess.Popen([sys.executable, "-c", UPGRADE], env=env, stdout=subprocess.PIPE) for _ in range(3)]
        for process in started:
            process.stdout.read(1)
        time.sleep(UPGRADE_SECONDS)
    for process in started:
        process.communicate(timeout=60)

    assert [process.returncode for process in started] == [0, 0, 0]
    assert is_current(instance.engine)
