"""What did not reach the storage is kept and tried again until it does (security TR-11)."""

import time
from contextlib import suppress
from datetime import timedelta

import pytest
from sqlalchemy import delete, select, update

from tests.factories import MAC, make_device, make_tenant, small_config
from tests.webprov.workers import Workers, wait_for
from webprov.changes.devices import delete_devices
from webprov.changes.settings import save_settings
from webprov.config import Config
from webprov.provisioning import provision_device, provision_devices
from webprov.redelivery import due_count, outbox, pushes_duty, redeliver, retry_now
from webprov.rights import CONSOLE
from webprov.site import SiteLoader
from webprov.store.leases import Lease
from webprov.store.models import Device, PushRecord, utc_now
from webprov.worker import TurnFailed

MAC_2 = "805EC0000002"
GOOD = {"*": (200, {"ETag": '"x"'}, b"")}


@pytest.fixture
def config(tmp_path) -> Config:
    return small_config(tmp_path)


@pytest.fixture
def site(config, session, faults, storage):
    """Two devices, not provisioned yet, and a storage that works until it is told to fail."""
    loader = SiteLoader(config)
    make_tenant(session)
    for mac in (MAC, MAC_2):
        make_device(session, loader.load(session), mac)
    save_settings(session, storage.settings(s3_endpoint=faults.endpoint), CONSOLE)
    return loader.load(session)


def provision(session, site):
    return provision_devices(session, site, list(session.scalars(select(Device.id))))


def puts(faults):
    """The names put since the last look, without those of probes."""
    found = sorted(
        path.rpartition("/")[2] for method, path, *_ in faults.seen if method == "PUT" and ".webprov-" not in path
    )
    faults.seen.clear()
    return found


ALL = [*sorted(f"805ec000000{n}{end}" for n in (1, 2) for end in (".cfg", "-info.xml")), "common.cfg"]


def test_nothing_is_due_after_all_went_well(session, site, faults):
    provision(session, site)
    faults.seen.clear()

    assert due_count(session, site) == 0
    assert redeliver(session, site).left == 0
    assert faults.seen == []


def test_what_failed_goes_once_the_storage_answers(session, site, faults):
    faults.fails(503, "SlowDown")
    provision(session, site)
    assert due_count(session, site) == len(ALL)
    assert "slow down" in outbox(session, site).error
    faults.answers = dict(GOOD)
    faults.seen.clear()

    assert redeliver(session, site).left == 0

    assert puts(faults) == ALL
    assert due_count(session, site) == 0
    assert outbox(session, site).error == ""


def test_a_storage_that_still_refuses_is_asked_once(session, site, faults):
    faults.fails(503, "SlowDown")
    provision(session, site)
    faults.seen.clear()

    assert redeliver(session, site).left == len(ALL)

    assert len(faults.seen) == 1
    assert puts(faults) == []


def test_what_a_crash_swallowed_goes(session, site, faults):
    provision(session, site)
    session.execute(delete(PushRecord).where(PushRecord.path == "805ec0000002.cfg"))
    session.commit()
    faults.seen.clear()

    redeliver(session, site)

    assert puts(faults) == ["805ec0000002.cfg"]


def test_a_shared_file_alone_goes(session, site, faults):
    provision(session, site)
    session.execute(delete(PushRecord).where(PushRecord.path == "common.cfg"))
    session.commit()
    faults.seen.clear()

    redeliver(session, site)

    assert puts(faults) == ["common.cfg"]


def test_objects_of_deleted_devices_go(session, site, faults):
    provision(session, site)
    faults.fails(503, "SlowDown", method="DELETE")
    delete_devices(session, site, [MAC, MAC_2], CONSOLE)
    assert due_count(session, site) == len(ALL)
    del faults.answers["DELETE"]

    assert redeliver(session, site).left == 0

    session.expire_all()
    assert session.scalars(select(PushRecord)).all() == []


def test_another_bucket_gets_everything(session, site, faults):
    provision(session, site)
    save_settings(session, {"s3_bucket": "another-bucket"}, CONSOLE)
    faults.seen.clear()

    redeliver(session, site.current(session))

    assert {path.split("/")[1] for _, path, *_ in faults.seen} == {"another-bucket"}
    assert puts(faults) == ALL


def test_scripts_are_not_repeated(session, site, config):
    script = config.script_dirs[-1] / "push.sh"
    script.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
    script.write_text("#!/bin/sh\nexit 1\n")
    script.chmod(0o755)
    save_settings(session, {"transport": "script", "script_path": str(script)}, CONSOLE, script_dirs=config.script_dirs)
    site = site.current(session)
    provision_device(session, site, MAC)
    session.expire_all()
    ran_at = session.scalar(select(Device.script_at).where(Device.mac == MAC))

    assert redeliver(session, site).left == 0

    session.expire_all()
    assert session.scalar(select(Device.script_at).where(Device.mac == MAC)) == ran_at


def test_each_failure_waits_longer_up_to_the_retry_interval(session, site, faults):
    faults.fails(400, "EntityTooLarge")
    waits = []
    for _ in range(8):
        provision(session, site)
        session.expire_all()
        rows = session.scalars(select(PushRecord)).all()
        waits.append([(row.retry_at - row.at).total_seconds() for row in rows])

    assert [min(each) >= 1 for each in waits] == [True] * 8
    assert max(waits[0]) <= 4
    assert min(waits[-1]) >= 15
    assert max(waits[-1]) <= 60
    assert len(set(waits[-1])) > 1


def test_what_failed_lately_waits_unless_all_shall_go(session, site, faults):
    faults.fails(400, "EntityTooLarge")
    provision(session, site)
    faults.answers = dict(GOOD)
    session.execute(update(PushRecord).values(retry_at=utc_now() + timedelta(seconds=50)))
    session.commit()

    first = redeliver(session, site, everything=False)
    second = redeliver(session, site, everything=True)

    assert first.left == len(ALL)
    assert 40 < first.rest_seconds <= 50
    assert second.left == 0


def test_a_retry_time_of_a_wrong_clock_counts_as_due(session, site, faults):
    faults.fails(400, "EntityTooLarge")
    provision(session, site)
    faults.answers = dict(GOOD)
    session.execute(update(PushRecord).values(retry_at=utc_now() + timedelta(days=400)))
    session.commit()

    assert redeliver(session, site, everything=False).left == 0


def test_the_duty_leaves_a_refusing_storage_alone_until_somebody_asks(instance, session, site, faults):
    faults.fails(503, "SlowDown")
    provision(session, site)
    duty = pushes_duty(instance, SiteLoader(instance.config))
    asked = []

    for step in (lambda: None, lambda: provision(session, site), lambda: retry_now(session, CONSOLE)):
        step()
        session.commit()
        faults.seen.clear()
        time.sleep(0.01)  # counters are at most 5 ms old
        with instance.sessions() as own, suppress(TurnFailed):
            duty.turn(own, Lease(instance.sessions, duty.name))
        asked.append(len(faults.seen))

    assert asked == [1, 0, 1]


def test_a_running_worker_sees_to_it(config, session, site, faults):
    faults.fails(503, "SlowDown")
    provision(session, site)
    faults.answers = dict(GOOD)
    workers = Workers(config)

    workers.start()

    try:
        assert wait_for(lambda: session.rollback() or due_count(session, site) == 0)
    finally:
        workers.close()


def test_a_refusing_storage_is_told_as_the_duties_failure(instance, session, site, faults):
    faults.fails(503, "SlowDown")
    provision(session, site)
    duty = pushes_duty(instance, SiteLoader(instance.config))

    with instance.sessions() as own, pytest.raises(TurnFailed, match="5 files wait for the storage") as failed:
        duty.turn(own, Lease(instance.sessions, duty.name))

    assert failed.value.rest.due_seconds == 60
