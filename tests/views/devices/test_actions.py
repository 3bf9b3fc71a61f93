import socket
import threading
from datetime import timedelta

import pytest
from sqlalchemy import func, select, update

from tests.pages import error_at, post, token
from webprov.changes.settings import save_settings
from webprov.rights import CONSOLE
from webprov.store.database import writing
from webprov.store.jobrecords import JobRecord
from webprov.store.models import ChangeRecord, Device, utc_now
from webprov.store.windowrecords import DeviceWindow

MINE, FOREIGN = "805EC0000001", "805EC0000002"


def bulk(client, action: str, *macs: str, **more: str):
    return client.post(
        "/devices/bulk", data={"csrf_token": token(client), "action": action, "selected": list(macs), **more}
    )


def ask(client, address: str):
    return client.post(f"/devices/{MINE}/check-sync", data={"csrf_token": token(client), "address": address})


def macs(session) -> list[str]:
    session.rollback()
    return list(session.scalars(select(Device.mac).order_by(Device.mac)))


def test_support_provisions_and_is_told_what_was_written(support, devices, config):
    answer = post(support, f"/devices/{MINE}/provision?back=preview")

    assert answer.headers["Location"] == f"/devices/{MINE}/preview"
    assert "files written" in support.get(answer.headers["Location"]).text
    assert (config.provisioning_dir / "805ec0000001.cfg").exists()


def test_disabling_takes_the_files_at_once_and_enabling_brings_them_back(admin, devices, config):
    post(admin, f"/devices/{MINE}/provision")
    file = config.provisioning_dir / "805ec0000001.cfg"

    post(admin, f"/devices/{MINE}/enabled", enabled="off")
    assert not file.exists()
    assert (
        "is disabled and gets no files" in admin.get(post(admin, f"/devices/{MINE}/provision").headers["Location"]).text
    )
    post(admin, f"/devices/{MINE}/enabled", enabled="on")

    assert file.exists()


def test_deleting_asks_first_and_names_the_device(admin, devices, session):
    page = admin.get(f"/devices/{MINE}/delete").text
    asked = bulk(admin, "delete", MINE)

    assert "Delete Desk 1?" in page
    assert "Delete Desk 1?" in asked.text
    assert macs(session) == [MINE, FOREIGN]


def test_deleting_takes_files_and_device(admin, devices, session, config):
    post(admin, f"/devices/{MINE}/provision")

    bulk(admin, "delete", MINE, confirmed="yes")

    assert macs(session) == [FOREIGN]
    assert not (config.provisioning_dir / "805ec0000001.cfg").exists()
    assert "Desk 1 is deleted." in admin.get("/devices/").text


def test_bulk_provision_starts_a_job_for_the_selected_ones(admin, devices, session):
    answer = bulk(admin, "provision", MINE, FOREIGN)

    job = session.scalar(select(JobRecord))
    assert answer.headers["Location"] == f"/jobs/{job.id}/"
    assert (job.title, job.total, job.state) == ("Provision 2 devices", 2, "waiting")


def test_bulk_passes_over_foreign_and_missing_devices(keeper, devices, session):
    bulk(keeper, "delete", FOREIGN, "805EC00000FF", "<b>", confirmed="yes")
    bulk(keeper, "provision", MINE, FOREIGN)

    assert macs(session) == [MINE, FOREIGN]
    assert session.scalar(select(JobRecord.total)) == 1


def test_bulk_without_a_selection_says_so(admin, devices):
    bulk(admin, "provision")

    assert "Select devices first." in admin.get("/devices/").text
    assert bulk(admin, "explode", MINE).status_code == 400


def test_support_deletes_nothing(support, devices, session):
    assert bulk(support, "delete", MINE, confirmed="yes").status_code == 403
    assert support.get(f"/devices/{MINE}/delete").status_code == 403
    assert macs(session) == [MINE, FOREIGN]


@pytest.fixture
def phone():
    """A phone on the loopback that says yes to whatever it is asked; yields what it heard."""
    heard: list[str] = []
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as listener:
        listener.bind(("127.0.0.7", 5060))
        listener.settimeout(10)

        def answer() -> None:
            data, sender = listener.recvfrom(4096)
            heard.append(data.decode())
            kept = [
                line
                for line in data.decode().split("\r\n")
                if line.split(":")[0] in ("Via", "From", "To", "Call-ID", "CSeq")
            ]
            listener.sendto("\r\n".join(["SIP/2.0 200 OK", *kept, "Content-Length: 0", "", ""]).encode(), sender)

        thread = threading.Thread(target=answer)
        thread.start()
        yield heard
        thread.join(10)


def test_check_sync_shows_what_was_sent_and_answered(support, devices, session, phone):
    answer = ask(support, "127.0.0.7")

    assert "127.0.0.7:5060 will fetch its files again." in answer.text
    assert "200 OK" in answer.text
    assert "check-sync" in phone[0]
    session.rollback()
    assert session.scalar(select(func.count()).where(ChangeRecord.action == "check-sync")) == 1


def test_check_sync_wants_an_address(support, devices):
    answer = ask(support, "<phone>")

    assert answer.status_code == 422
    assert error_at(answer, "address")
    assert "<phone>" not in answer.text
    assert post(support, f"/devices/{MINE}/check-sync").status_code == 422


@pytest.fixture
def own_credentials(session):
    """The setting is on, and both devices have signed in with theirs."""
    save_settings(session, {"device_credentials": "on"}, CONSOLE)
    session.execute(update(Device).values(prov_user="phone", prov_password="theirs-before", own_login_at=utc_now()))
    session.commit()


def device_of(session, mac: str) -> Device:
    session.rollback()
    return session.scalar(select(Device).where(Device.mac == mac))


def test_ph09_renewing_makes_a_new_password_and_keeps_the_present_one_for_a_while(
    admin, devices, session, own_credentials, config
):
    assert "Renew credentials" in admin.get(f"/devices/{MINE}/phone").text

    answer = post(admin, f"/devices/{MINE}/credentials")

    device = device_of(session, MINE)
    assert (device.previous_user, device.previous_password) == ("phone", "theirs-before")
    assert device.prov_password not in ("", "theirs-before")
    assert device.prov_password in (config.provisioning_dir / "805ec0000001.cfg").read_text()
    page = admin.get(answer.headers["Location"]).text
    assert "has not used its new credentials yet" in page
    assert device.prov_password not in page


def test_a_reset_phone_starts_over_with_the_shared_credentials(admin, devices, session, own_credentials):
    answer = post(admin, f"/devices/{MINE}/start-over")

    assert device_of(session, MINE).own_login_at is None
    assert "the shared ones open its files until it has" in admin.get(answer.headers["Location"]).text


def test_support_renews_nothing_and_nobody_a_foreign_device(support, keeper, devices, session, own_credentials):
    for path in ("credentials", "start-over"):
        assert post(support, f"/devices/{MINE}/{path}").status_code == 403
        assert post(keeper, f"/devices/{FOREIGN}/{path}").status_code == 404
    assert bulk(support, "credentials", MINE).status_code == 403

    assert device_of(session, MINE).prov_password == device_of(session, FOREIGN).prov_password == "theirs-before"


@pytest.fixture
def closed(session, devices):
    """The setting is on, and both windows have closed."""
    save_settings(session, {"provisioning_window": "first-fetch"}, CONSOLE)
    with writing(session):
        ids = session.scalars(select(Device.id)).all()
        session.add_all(DeviceWindow(device_id=one, closes_at=utc_now() - timedelta(hours=1)) for one in ids)


def open_to(session) -> list[str]:
    session.rollback()
    shut = select(DeviceWindow.device_id)
    return list(session.scalars(select(Device.mac).where(Device.id.not_in(shut)).order_by(Device.mac)))


def test_ph06_support_lets_a_phone_fetch_again_and_the_page_says_what_holds(support, session, closed):
    before = support.get(f"/devices/{MINE}/").text

    answer = post(support, f"/devices/{MINE}/window?back=fetches")

    assert "no more: closed" in before
    assert answer.headers["Location"] == f"/devices/{MINE}/fetches"
    assert "Desk 1 may fetch its files again." in support.get(answer.headers["Location"]).text
    assert "until it has, and a day after" in support.get(f"/devices/{MINE}/").text
    assert open_to(session) == [MINE]


def test_ph06_selected_phones_may_fetch_again_but_no_foreign_ones(keeper, session, closed):
    assert "Let fetch again" in keeper.get("/devices/").text

    bulk(keeper, "window", MINE, FOREIGN)

    assert open_to(session) == [MINE]
    assert post(keeper, f"/devices/{FOREIGN}/window").status_code == 404


def test_ph06_nothing_is_said_of_windows_that_never_close(admin, devices):
    assert "May fetch" not in admin.get(f"/devices/{MINE}/").text
    assert "Let fetch again" not in admin.get("/devices/").text


def test_ph06_switching_windows_on_opens_all(session, closed):
    for value in ("always", "first-fetch"):
        save_settings(session, {"provisioning_window": value}, CONSOLE)

    assert open_to(session) == [MINE, FOREIGN]


def test_credentials_of_selected_devices_are_renewed_by_a_job(admin, devices, session, own_credentials):
    assert "New credentials" in admin.get("/devices/").text

    bulk(admin, "credentials", MINE, FOREIGN)

    assert all(device_of(session, mac).prov_password != "theirs-before" for mac in (MINE, FOREIGN))
    assert session.scalar(select(func.count()).select_from(JobRecord)) == 1
