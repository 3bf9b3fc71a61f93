"""Provisioning windows (security PH-06) and the plausibility of user agents (PH-13), by every protocol."""

import ftplib
import io
from datetime import timedelta

import pytest
from sqlalchemy.exc import OperationalError

from tests.webprov.serving.fleet import MAC, wait_for
from tests.webprov.serving.test_ftp import port_of
from tests.webprov.serving.tftpclient import fetch
from webprov.changes.windows import let_fetch_again
from webprov.enums import ProvisioningWindow, UserAgentCheck
from webprov.rights import CONSOLE
from webprov.store.database import writing
from webprov.store.models import ChangeRecord, utc_now
from webprov.store.windowrecords import DeviceWindow, closing_time

NAME = f"{MAC.lower()}.cfg"
FILE = f"/provisioning/{NAME}"
NOWHERE = "/provisioning/805ec0999999.cfg"
MINE = "Yealink SIP-T54W 96.86.0.45 80:5e:c0:12:34:56"
OTHER_MAC = "Yealink SIP-T54W 96.86.0.45 80:5e:c0:00:00:99"


@pytest.fixture
def device_id(fleet):
    """A phone of which windows close."""
    fleet.change(provisioning_window=ProvisioningWindow.FIRST_FETCH)
    return fleet.add_phone()


@pytest.fixture
def pass_time(session):
    """Lets so many hours pass for windows."""

    def go_on(hours: float) -> None:
        with writing(session):
            for window in session.query(DeviceWindow):
                window.closes_at -= timedelta(hours=hours)

    return go_on


@pytest.fixture
def closed(device_id, session):
    """The window of that phone has closed."""
    with writing(session):
        session.add(DeviceWindow(device_id=device_id, closes_at=utc_now() - timedelta(minutes=1)))


def test_ph06_window_closes_a_day_after_the_first_fetch(phones, device_id, pass_time, session):
    assert phones.ask(FILE).status == 200
    phones.settle()
    assert closing_time(session, device_id) - utc_now() > timedelta(hours=23)
    pass_time(23)
    assert phones.ask(FILE).status == 200
    phones.settle()

    pass_time(1.1)

    assert phones.ask(FILE).constant == phones.ask(NOWHERE).constant
    assert [record.reason for record in phones.settle()][-2:] == ["provisioning window closed", "unknown name"]


def test_ph06_button_opens_the_window_until_the_next_fetch(phones, device_id, closed, session):
    assert phones.ask(FILE).status == 404

    let_fetch_again(session, [MAC], CONSOLE)

    assert phones.ask(FILE).status == 200
    phones.settle()
    session.commit()
    assert closing_time(session, device_id) > utc_now()
    assert session.query(ChangeRecord).one().action == "let fetch again"


def test_ph06_closed_window_is_closed_for_every_protocol(closed, fleet, start_phones, start_ftp, start_tftp):
    fleet.change(tftp_enabled=True, tftp_networks="127.0.0.0/8")
    phones, ftp, tftp = start_phones(), start_ftp(), start_tftp()
    with ftplib.FTP() as client:
        client.connect("127.0.0.1", port_of(ftp), timeout=20)
        client.login(fleet.settings.ftp_user, fleet.settings.ftp_password)

        with pytest.raises(ftplib.error_perm) as by_ftp:
            client.retrbinary(f"RETR {NAME}", io.BytesIO().write)
        with pytest.raises(ftplib.error_perm) as nowhere:
            client.retrbinary("RETR 805ec0999999.cfg", io.BytesIO().write)
    with tftp.client() as client:
        by_tftp = fetch(client, NAME)
        nothing = fetch(client, "nothing.cfg")

    assert phones.ask(FILE).status == 404
    assert str(by_ftp.value) == str(nowhere.value)
    assert by_tftp.raw == nothing.raw


def test_ph06_shared_files_and_assets_need_no_window(phones, closed):
    phones.fleet.add_file("y000000000096.cfg", b"shared", owner="_yealink-t5")
    phones.fleet.add_asset("Config/logo.png")
    wait_for(lambda: phones.ask("/provisioning/Config/logo.png").status == 200)

    assert phones.ask("/provisioning/y000000000096.cfg").status == 200


def test_ph06_looking_without_fetching_closes_nothing(phones, device_id, session):
    phones.ask(FILE, method="HEAD")
    phones.ask(FILE, login=None)

    phones.settle()

    assert closing_time(session, device_id) is None


def test_ph06_a_device_closes_where_the_others_stay_open(phones, fleet, pass_time, session):
    device_id = fleet.add_phone(provisioning_window="first-fetch")
    other = fleet.add_phone("805EC0000002")
    another = "/provisioning/805ec0000002.cfg"
    wait_for(lambda: phones.ask(another).status == 200)
    assert phones.ask(FILE).status == 200
    phones.settle()
    assert (closing_time(session, device_id) is None, closing_time(session, other)) == (False, None)

    pass_time(25)

    assert phones.ask(FILE).constant == phones.ask(NOWHERE).constant
    assert phones.ask(another).status == 200


def test_ph06_a_device_stays_open_where_the_others_close(phones, device_id, closed, fleet, session):
    other = fleet.add_phone("805EC0000002", provisioning_window="always")
    another = "/provisioning/805ec0000002.cfg"
    wait_for(lambda: phones.ask(another).status == 200)
    with writing(session):
        session.add(DeviceWindow(device_id=other, closes_at=utc_now() - timedelta(days=1)))

    assert (phones.ask(another).status, phones.ask(FILE).status) == (200, 404)


def test_ph06_a_devices_own_window_is_closed_for_every_protocol(fleet, session, start_phones, start_ftp, start_tftp):
    fleet.change(tftp_enabled=True, tftp_networks="127.0.0.0/8")
    device_id = fleet.add_phone(provisioning_window="first-fetch")
    with writing(session):
        session.add(DeviceWindow(device_id=device_id, closes_at=utc_now() - timedelta(minutes=1)))
    phones, ftp, tftp = start_phones(), start_ftp(), start_tftp()

    with ftplib.FTP() as client:
        client.connect("127.0.0.1", port_of(ftp), timeout=20)
        client.login(fleet.settings.ftp_user, fleet.settings.ftp_password)
        with pytest.raises(ftplib.error_perm):
            client.retrbinary(f"RETR {NAME}", io.BytesIO().write)
    with tftp.client() as client:
        assert fetch(client, NAME).opcode == 5
    assert phones.ask(FILE).status == 404


def test_ph06_without_the_setting_nothing_is_noted(phones, fleet, session):
    fleet.add_phone()

    assert phones.ask(FILE).status == 200

    phones.settle()
    assert session.query(DeviceWindow).all() == []


def test_ph06_windows_are_closed_while_nobody_can_say(phones, device_id, monkeypatch):
    def refuse(*_):
        raise OperationalError("", {}, Exception())

    login = phones.basic
    assert phones.ask(FILE, login=login).status == 200
    monkeypatch.setattr(phones.fetching._safeguards._instance.engine, "connect", refuse)

    assert phones.ask(FILE, login=login).status == 404


@pytest.mark.parametrize(
    ("agent", "status"),
    [
        (MINE, 200),
        ("Yealink SIP-T54W 96.86.0.45", 200),
        ("Yealink SIP-T999X 1.2.3.4", 200),
        ("curl/8.5", 200),
        ("", 200),
        (OTHER_MAC, 404),
        ("Yealink SIP-T19P_E2 53.84.0.125", 404),
        ("Mozilla/4.0 (compatible; snomPA1-SIP 8.4.35 1.1.3-s)", 404),
        ("FileTransport PolycomVVX-VVX_450-UA/5.9.1.0615 Type/Application", 404),
    ],
)
def test_ph13_phone_that_calls_itself_another_is_refused(phones, fleet, agent, status):
    fleet.change(user_agent_check=UserAgentCheck.REFUSE)
    fleet.add_phone()

    answer = phones.ask(FILE, User_Agent=agent)

    assert answer.status == status
    if status == 404:
        assert answer.constant == phones.ask(NOWHERE, User_Agent=agent).constant
        assert phones.settle()[0].reason == "user agent of another phone"


@pytest.mark.parametrize("check", [UserAgentCheck.OFF, UserAgentCheck.LOG])
def test_ph13_other_modes_refuse_nobody_and_read_no_models(phones, fleet, check):
    fleet.change(user_agent_check=check)
    fleet.add_phone()

    assert phones.ask(FILE, User_Agent=OTHER_MAC).status == 200
    assert phones.fetching._safeguards._catalogs is None


def test_ph13_right_user_agent_is_not_enough(phones, fleet):
    fleet.change(user_agent_check=UserAgentCheck.REFUSE)
    fleet.add_phone()

    assert phones.ask(FILE, login=None, User_Agent=MINE).status == 401


def test_ph13_models_of_an_administrator_fit_the_phone_that_they_extend(phones, fleet, config):
    fleet.change(user_agent_check=UserAgentCheck.REFUSE)
    folder = config.user_provisioning_dir / "models.d"
    folder.mkdir(parents=True)
    (folder / "lobby.ini").write_text("[acme-lobby]\nextends = yealink-t54w\nlabel = Lobby\n")
    fleet.change_device(fleet.add_phone(), model="acme-lobby")

    assert phones.ask(FILE, User_Agent=MINE).status == 200
    assert phones.ask(FILE, User_Agent=OTHER_MAC).status == 404
