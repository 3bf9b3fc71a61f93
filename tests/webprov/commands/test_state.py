import pytest

from webprov.commands import state


def test_status_counts_by_the_contracts_names(fleet):
    fleet("provision", "805EC0000001")

    counts = fleet.json("status")

    assert counts.keys() >= {"devices", "stale", "failed", "outbox", "jobs", "dirty_tenants", "lockouts"}
    assert all(type(count) is int for count in counts.values())
    assert (counts["devices"], counts["stale"], counts["failed"], counts["outbox"]) == (2, 1, 0, 0)
    assert "dirty tenants  0" in fleet("status")


def test_wait_idle_returns_when_nothing_is_left(fleet):
    assert fleet("wait-idle") == ""


@pytest.mark.parametrize("counts", [{"outbox": 2, "jobs": 0, "dirty_tenants": 0}])
def test_wait_idle_fails_when_work_is_left_at_the_end(fleet, monkeypatch, counts):
    monkeypatch.setattr(state, "workload", lambda session, site: counts)

    result = fleet.try_("wait-idle", "--timeout", "0.3")

    assert result.exit_code == 1
    assert "Still left: 2 outbox." in result.stderr
