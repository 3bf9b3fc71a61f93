"""Each device with credentials of its own (security PH-04, PH-08, PH-09)."""

from datetime import timedelta

import pytest

from tests.webprov.serving.fleet import MAC, basic, wait_for
from tests.webprov.serving.test_http import curl
from webprov.changes.owncredentials import devices_waiting, end_fetched, end_own, let_start_over, renew_credentials
from webprov.enums import Protocol
from webprov.rights import CONSOLE
from webprov.serving.askers import Asker, Proven, Reason
from webprov.serving.devicelogins import DeviceLogins
from webprov.serving.guessing import Kind
from webprov.store.models import Device, utc_now

FILE = f"/provisioning/{MAC.lower()}.cfg"
COMMON = "/provisioning/y000000000096.cfg"


def name(number: int) -> str:
    return f"805ec000{number:04x}"


def own(number: int) -> str:
    return basic(name(number), f"own-password-{number}")


def add(fleet, number: int, **values) -> int:
    fleet.add_file(f"{name(number)}.cfg", b"mine", device_id=add_row(fleet, number, **values))
    return number


def add_row(fleet, number: int, **values) -> int:
    mac = name(number).upper()
    login = {"prov_user": name(number), "prov_password": f"own-password-{number}"}
    return fleet.add_device(mac, shared_names="y000000000096.cfg", **{**login, **values})


@pytest.fixture
def many(phones):
    """Four devices of two tenants that use their own credentials, and what they share."""
    fleet = phones.fleet
    fleet.change(device_credentials=True)
    for number in range(4):
        add(fleet, number, tenant="acme" if number < 2 else "other", own_login_at=utc_now())
    fleet.add_file("y000000000096.cfg", b"shared", owner="_yealink-t5")
    fleet.add_file("y000000000058.cfg", b"not theirs", owner="_yealink-t2")
    for tenant in ("acme", "other"):
        fleet.add_file(f"CONTACTS/{tenant}/yealink.xml", b"<x/>", owner=f"CONTACTS/{tenant}")
    fleet.add_asset("Config/logo.png", b"png")
    wait_for(lambda: phones.fetching._assets.find("config/logo.png"))
    return phones


def test_ph08_every_device_opens_its_own_files_alone(many):
    numbers = range(20)
    for number in numbers[4:]:
        add(many.fleet, number, own_login_at=utc_now())
    wait_for(lambda: many.ask(f"/provisioning/{name(19)}.cfg", login=own(19)).status == 200)

    found = {
        (who, whose): many.ask(f"/provisioning/{name(whose)}.cfg", login=own(who)).constant
        for who in numbers
        for whose in numbers
        if who == whose or (who + whose) % 3 == 0
    }

    assert {pair for pair, answer in found.items() if answer[0] == 200} == {(n, n) for n in numbers}
    assert len({answer for (who, whose), answer in found.items() if who != whose}) == 1


def test_ph08_a_device_opens_shared_files_of_its_model_contacts_of_its_tenant_and_assets(many):
    opened = {
        path: many.ask(f"/provisioning/{path}", login=own(0)).status
        for path in (
            "y000000000096.cfg",
            "y000000000058.cfg",
            "CONTACTS/acme/yealink.xml",
            "CONTACTS/other/yealink.xml",
            "config/logo.png",
        )
    }

    assert list(opened.values()) == [200, 404, 200, 404, 200]
    assert {fetch.reason for fetch in many.settle() if fetch.status == 404} == {"belongs to another device"}


def test_ph08_shared_credentials_no_longer_open_files_of_devices_that_use_their_own(many):
    waiting = add(many.fleet, 9)

    assert many.ask(f"/provisioning/{name(0)}.cfg").constant == many.ask("/provisioning/nothing").constant
    assert many.ask(f"/provisioning/{name(waiting)}.cfg").status == 200
    assert many.ask(COMMON).status == 200
    assert [many.ask(f"/provisioning/CONTACTS/{tenant}/yealink.xml").status for tenant in ("acme", "other")] == [
        200,
        404,
    ]
    assert "device has credentials of its own" in {fetch.reason for fetch in many.settle()}


@pytest.mark.parametrize("option", ["--basic", "--digest", "--anyauth"])
def test_curl_signs_in_as_a_device_by_basic_and_digest(many, option):
    path = f"/provisioning/{name(1)}.cfg"

    assert curl(many, path, option, login=f"{name(1)}:own-password-1") == (200, "mine")
    assert curl(many, path, option, login=f"{name(0)}:own-password-0")[0] == 404
    assert curl(many, path, option, login=f"{name(1)}:own-password-0")[0] == 401


def test_ftp_takes_the_devices_own_too(many):
    gatekeeper = many.fetching.gatekeeper
    source = gatekeeper.source(Protocol.FTP, "127.0.0.1")

    verdict = gatekeeper.check_ftp(source, name(2), "own-password-2")

    assert (verdict.passed, verdict.identity.proven) == (True, Proven.DEVICE)
    assert gatekeeper.check_ftp(source, name(2), "own-password-1").reason is Reason.WRONG_CREDENTIALS
    asker = Asker(Protocol.FTP, source, "", verdict.identity)
    assert many.fetching.fetch_file(f"{name(2)}.cfg", asker).content == b"mine"
    assert not many.fetching.fetch_file(f"{name(3)}.cfg", asker).found


def test_tftp_proves_nothing_and_opens_what_shared_credentials_would(many):
    many.fleet.change(tftp_networks="127.0.0.0/8")
    waiting = add(many.fleet, 9)
    wait_for(lambda: many.ask(f"/provisioning/{name(waiting)}.cfg").status == 200)
    source = many.fetching.gatekeeper.source(Protocol.TFTP, "127.0.0.1")
    asker = Asker(Protocol.TFTP, source)

    assert many.fetching.gatekeeper.check_tftp(source).passed
    assert many.fetching.fetch_file(f"{name(waiting)}.cfg", asker).found
    assert not many.fetching.fetch_file(f"{name(0)}.cfg", asker).found


def test_own_credentials_count_for_nothing_while_the_setting_is_off(phones):
    add(phones.fleet, 0)

    assert phones.ask(f"/provisioning/{name(0)}.cfg", login=own(0)).status == 401
    assert phones.ask(f"/provisioning/{name(0)}.cfg").status == 200


def test_own_credentials_of_a_disabled_device_open_nothing(many):
    add(many.fleet, 9, enabled=False)

    assert many.ask(COMMON, login=own(9)).status == 401


def test_ph09_turned_on_the_shared_ones_hold_until_the_device_has_used_its_own(phones):
    add(phones.fleet, 0)
    path = f"/provisioning/{name(0)}.cfg"
    phones.fleet.change(device_credentials=True)
    wait_for(lambda: phones.fetching.gatekeeper.rules.settings.device_credentials)
    with phones.fleet.instance.sessions() as session:
        assert devices_waiting(session) == 1

    before = phones.ask(path).status
    first = phones.ask(path, login=own(0)).status
    phones.fetching._own_logins.settle(5)

    wait_for(lambda: phones.ask(path).status == 404)
    assert (before, first, phones.ask(path, login=own(0)).status) == (200, 200, 200)
    with phones.fleet.instance.sessions() as session:
        assert devices_waiting(session) == 0


def test_ph09_a_refused_try_with_own_credentials_ends_nothing(many):
    add(many.fleet, 9)
    path = f"/provisioning/{name(9)}.cfg"

    many.ask(f"/provisioning/{name(0)}.cfg", login=own(9))
    many.fetching._own_logins.settle(5)

    assert many.ask(path).status == 200


def test_ph09_renewed_the_previous_pair_holds_until_the_new_one_is_used(many):
    path = f"/provisioning/{name(0)}.cfg"
    assert many.ask(path, login=own(0)).status == 200
    with many.fleet.instance.sessions() as session:
        renew_credentials(session, [name(0).upper()], CONSOLE)
        device = session.query(Device).filter_by(mac=name(0).upper()).one()
        renewed = basic(device.prov_user, device.prov_password)
        assert len(device.prov_password) >= 22
        assert device.version == 2

    wait_for(lambda: many.ask(path, login=renewed, method="HEAD").status == 200)
    assert many.ask(path).status == 404
    many.fetching._own_logins.settle(5)

    wait_for(lambda: many.ask(path, login=own(0)).status == 401)
    assert many.ask(path, login=renewed).status == 200


def test_ph09_renewed_twice_the_pair_that_the_phone_knows_stays_good(many):
    path = f"/provisioning/{name(0)}.cfg"
    for _ in range(2):
        with many.fleet.instance.sessions() as session:
            renew_credentials(session, [name(0).upper()], CONSOLE)

    wait_for(lambda: many.fetching.gatekeeper._logins.of(name(0))[-1].current is False)
    assert many.ask(path, login=own(0)).status == 200


def test_a_reset_phone_may_start_over_with_the_shared_credentials(many):
    path = f"/provisioning/{name(0)}.cfg"
    assert many.ask(path).status == 404
    with many.fleet.instance.sessions() as session:
        let_start_over(session, name(0).upper(), CONSOLE)

    wait_for(lambda: many.ask(path).status == 200)
    assert many.ask(path, login=own(0)).status == 200
    many.fetching._own_logins.settle(5)
    wait_for(lambda: many.ask(path).status == 404)


@pytest.fixture
def fetched(phones):
    """A device that fetched its new file with the shared credentials a quarter of an hour ago."""
    phones.fleet.change(device_credentials=True)
    ago = utc_now() - timedelta(minutes=15)
    device_id = add_row(phones.fleet, 0, fetched_revision=1, last_fetch_at=ago, last_fetch_protocol="http")
    settings = phones.fleet.settings.version
    phones.fleet.change_device(
        device_id, provisioned_at=ago - timedelta(minutes=1), rendered_settings=settings, rendered_device=1
    )
    return phones, device_id


def test_ph09_who_fetched_the_new_file_needs_the_old_credentials_no_more(fetched):
    phones, device_id = fetched
    with phones.fleet.instance.sessions() as session:
        assert end_fetched(session) == 1
        assert end_fetched(session) == 0
        assert session.get(Device, device_id).own_login_at is not None


@pytest.mark.parametrize(
    "change", [{"last_fetch_protocol": "tftp"}, {"fetched_revision": 0}, {"rendered_settings": 0}, {"version": 2}]
)
def test_ph09_who_has_not_needs_them_still(fetched, change):
    phones, device_id = fetched
    phones.fleet.change_device(device_id, **change)

    with phones.fleet.instance.sessions() as session:
        assert end_fetched(session) == 0


def test_turned_off_again_own_credentials_hold_until_the_phone_has_fetched(fetched):
    phones, device_id = fetched
    phones.fleet.change_device(device_id, own_login_at=utc_now())
    phones.fleet.change(device_credentials=False)
    phones.fleet.add_file(f"{name(0)}.cfg", b"mine", device_id=device_id)
    path = f"/provisioning/{name(0)}.cfg"
    wait_for(lambda: phones.ask(path).status == 200)
    assert phones.ask(path, login=own(0)).status == 200
    phones.settle()
    with phones.fleet.instance.sessions() as session:
        assert end_own(session) == 0

    long_ago = utc_now().replace(year=2025)
    phones.fleet.change_device(
        device_id,
        rendered_settings=phones.fleet.settings.version,
        provisioned_at=long_ago,
        last_fetch_at=long_ago.replace(second=(long_ago.second + 1) % 60, minute=59, hour=23),
    )
    with phones.fleet.instance.sessions() as session:
        assert end_own(session) == 1


def test_ph04_wrong_passwords_for_a_device_put_its_account_out_everywhere_but_at_home(many):
    path = f"/provisioning/{name(0)}.cfg"
    many.fleet.change_device(1, last_fetch_address="127.0.0.7")
    for number in range(20):
        many.ask(path, login=basic(name(0), f"no-{number}"), source=f"127.0.1.{number + 1}")
    gatekeeper = many.fetching.gatekeeper
    wait_for(lambda: gatekeeper._guesses.is_out("device 1", Kind.ACCOUNT))

    assert many.ask(path, login=own(0), source="127.0.0.8").status == 401
    assert many.ask(path, login=own(0), source="127.0.0.7").status == 200
    assert many.ask(f"/provisioning/{name(1)}.cfg", login=own(1), source="127.0.0.8").status == 200


def test_ph01_a_device_that_proves_itself_is_served_while_its_source_is_out(many):
    path = f"/provisioning/{name(0)}.cfg"
    for number in range(20):
        many.ask(path, login=basic("phones", f"no-{number}"), source="127.0.0.9")
    for number in range(11):
        many.ask(f"/provisioning/805ec01000{number:02}.cfg", source="127.0.0.10")
    wait_for(lambda: many.ask(COMMON, source="127.0.0.10").status == 404)

    assert many.ask(COMMON, source="127.0.0.9").status == 401
    assert [many.ask(path, login=own(0), source=source).status for source in ("127.0.0.9", "127.0.0.10")] == [200, 200]


def test_wrong_passwords_for_the_shared_user_put_no_account_out(many):
    for number in range(30):
        many.ask(COMMON, login=basic(many.fleet.settings.http_user, f"no-{number}"), source=f"127.0.1.{number + 1}")

    assert many.ask(COMMON).status == 200


def test_sign_ins_are_read_once_and_bounded(many, monkeypatch):
    monkeypatch.setattr("webprov.serving.devicelogins._REMEMBERED", 100)
    logins = DeviceLogins(many.fleet.instance.engine, many.fetching._watch)

    for number in range(250):
        logins.of(f"nobody-{number}")

    assert logins.of(name(0)) is logins.of(name(0))
    assert len(logins._known) <= 100
