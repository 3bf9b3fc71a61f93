from tests.webprov.workers import Workers, wait_for
from webprov.supervisor import lock_instance


def test_status_counts_by_the_contracts_names(fleet):
    fleet("provision", "805EC0000001")

    counts = fleet.json("status")

    assert counts.keys() >= {"devices", "stale", "failed", "outbox", "jobs", "dirty_tenants", "lockouts"}
    assert all(type(count) is int for count in counts.values())
    assert (counts["devices"], counts["stale"], counts["failed"], counts["outbox"]) == (2, 1, 0, 0)
    assert "dirty tenants  0" in fleet("status")


def test_wait_idle_returns_when_nothing_is_left(fleet):
    assert fleet("wait-idle") == ""


def test_wait_idle_fails_at_once_when_no_worker_runs(fleet):
    fleet("provision", "--all", "--no-wait")

    result = fleet.try_("wait-idle", "--timeout", "600")

    assert result.exit_code == 1
    assert "Left: jobs (1), and no worker runs. Start webprov serve." in result.stderr


def test_wait_idle_waits_for_the_worker(config, fleet):
    fleet("provision", "--all", "--no-wait")
    workers = Workers(config)
    process = workers.start()
    try:
        wait_for(lambda: fleet.try_("wait-idle", "--timeout", "30").exit_code == 0)
        process.terminate()
        assert process.wait(10) == 0
    finally:
        workers.close()

    counts = fleet.json("status")
    assert (counts["jobs"], counts["stale"]) == (0, 0)


def test_wait_idle_says_what_is_left_at_the_end(config, fleet):
    fleet("provision", "--all", "--no-wait")

    with lock_instance(config, None):
        result = fleet.try_("wait-idle", "--timeout", "0.3")

    assert result.exit_code == 1
    assert "Still left: jobs (1)." in result.stderr


def test_status_counts_what_waits_for_the_storage(fleet, tmp_path, faults, storage):
    for name, text in (("access", "storage-access-key"), ("secret", "storage-secret-key")):
        (tmp_path / name).write_text(text)
    typed = storage.settings(
        s3_endpoint=faults.endpoint, s3_access_key=f"@{tmp_path}/access", s3_secret_key=f"@{tmp_path}/secret"
    )
    fleet("settings", "set", *(f"{name}={value}" for name, value in typed.items()))
    faults.fails(503, "SlowDown")

    told = fleet.try_("provision", "805EC0000001")

    assert told.exit_code == 0
    assert "was not delivered to the DMS: The storage asks to slow down." in told.stderr
    assert fleet.json("status")["outbox"] > 0
