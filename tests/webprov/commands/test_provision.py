import pytest
from sqlalchemy import select, update

from tests.factories import MAC, TEMPLATES
from tests.webprov.commands.conftest import MAC_2
from webprov.store.models import Device

OWN = ["805ec0000001-info.xml", "805ec0000001.cfg"]


def on_disk(config):
    return sorted(path.name for path in config.provisioning_dir.rglob("*.*"))


@pytest.mark.parametrize(
    ("chosen", "count"),
    [
        (("80:5e:c0:00:00:01",), 1),
        ((MAC, MAC_2), 2),
        (("--tenant", "acme"), 2),
        (("--tenant", "globex"), 0),
        (("--model", "test-lobby"), 1),
        (("--tenant", "acme", "--model", "test-desk"), 1),
        (("--stale",), 2),
        (("--all",), 2),
    ],
)
def test_those_chosen_are_provisioned(fleet, chosen, count):
    fleet("tenants", "create", "globex")

    printed = fleet("provision", *chosen)

    assert f"{count} device" in printed
    assert sum(not device["stale"] for device in fleet.json("devices", "list")) == count


def test_stale_takes_up_what_is_not_up_to_date(config, fleet):
    fleet("provision", MAC)

    assert on_disk(config) == [*OWN, "common.cfg"]
    assert "1 device provisioned" in fleet("provision", "--stale")
    assert "0 devices provisioned" in fleet("provision", "--stale")


def test_those_that_fail_are_listed_and_the_others_written(config, fleet):
    (config.user_provisioning_dir / "models.txt").write_text(
        "[test-lobby]\nextends = _deskphone\ntemplate_1 = bad.cfg -> ${mac}.cfg\n"
    )
    (config.user_provisioning_dir / "bad.cfg").write_text(TEMPLATES["phone.cfg"] + "${NOT_THERE}\n")

    result = fleet.try_("provision", "--all")

    assert result.exit_code == 1
    assert "1 device provisioned, 2 files written." in result.stdout
    assert "80:5E:C0:00:00:02 failed: bad.cfg, line" in result.stderr
    assert fleet.json("status")["failed"] == 1


def test_disabled_devices_are_passed_over(fleet):
    fleet("devices", "import", "-", stdin=f"mac,enabled\n{MAC_2},off\n")

    result = fleet.try_("provision", "--all")

    assert (result.exit_code, "1 device provisioned" in result.stdout) == (0, True)
    assert "1 device passed over: disabled." in result.stderr


@pytest.mark.parametrize(
    ("arguments", "exit_code"),
    [
        ((), 2),
        ((MAC, "--all"), 2),
        (("nonsense",), 1),
        (("805EC0FFFFFF",), 1),
        (("--tenant", "nowhere"), 1),
        (("--model", "nothing"), 1),
    ],
)
def test_what_cannot_be_chosen_is_refused(fleet, arguments, exit_code):
    result = fleet.try_("provision", *arguments)

    assert result.exit_code == exit_code
    assert result.stderr
    assert result.stdout == ""


def test_no_wait_leaves_a_job_to_the_worker(config, fleet):
    result = fleet.try_("provision", "--all", "--no-wait")

    assert result.exit_code == 0
    assert result.stdout == "Job 1 provisions 2 devices. Wait for it with webprov wait-idle.\n"
    assert "No worker runs now" in result.stderr
    assert fleet.json("status")["jobs"] == 1
    assert on_disk(config) == []
    assert "Job 1 does this already." in fleet.try_("provision", "--all", "--no-wait").stderr


def test_no_wait_without_a_device_starts_nothing(fleet):
    fleet("provision", "--all")

    assert fleet("provision", "--stale", "--no-wait") == "0 devices to provision.\n"
    assert fleet.json("status")["jobs"] == 0


def test_stale_leaves_out_what_holds_an_earlier_revision(fleet, session):
    session.execute(update(Device).where(Device.mac == MAC).values(restored_revision=3))
    session.commit()

    assert "1 device provisioned" in fleet("provision", "--stale")
    assert session.scalar(select(Device.provisioned_at).where(Device.mac == MAC)) is None
    session.rollback()
    assert "1 device provisioned" in fleet("provision", MAC)
    assert session.scalar(select(Device.restored_revision).where(Device.mac == MAC)) == 0
