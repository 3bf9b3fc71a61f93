import html
import re
from datetime import timedelta

import pytest
from sqlalchemy import select

from tests.factories import make_fetch
from tests.pages import error_at, post
from webprov.changes.devices import change_device
from webprov.changes.settings import save_settings
from webprov.deviceinput import parse_device
from webprov.enums import Role
from webprov.rights import CONSOLE
from webprov.store.database import writing
from webprov.store.models import ChangeRecord, Device, FetchRecord, utc_now
from webprov.store.windowrecords import DeviceWindow, closing_time

MINE, FOREIGN, OTHER = "805EC0000001", "805EC0000002", "805EC0000009"


def device(session, mac: str = MINE) -> Device | None:
    session.rollback()
    return session.scalar(select(Device).where(Device.mac == mac))


def typed(session, **changed: str) -> dict[str, str]:
    """What the Phone tab posts, with some of it changed."""
    stored = device(session)
    return {"mac": MINE, "model": "Testphone Desk", "tenant": "acme", "label": "Desk 1", "enabled": "y",
            "version": str(stored.version), "timezone": "", "language": "", "override": "", "prov_user": "x",
            **changed}  # fmt: skip


def test_the_phone_tab_shows_everything_but_passwords(admin, devices, session):
    page = html.unescape(admin.get(f"/devices/{MINE}/phone").text)

    assert device(session).admin_password not in page
    assert device(session).prov_password not in page
    assert 'value="Testphone Desk"' in page
    assert "Type it again" not in page


def test_saving_the_phone_keeps_lines_and_passwords(admin, devices, session):
    before = device(session).admin_password

    post(
        admin,
        f"/devices/{MINE}/phone",
        **typed(session, label="Front desk", timezone="europe/berlin", override="a = 1"),
    )

    stored = device(session)
    assert (stored.label, stored.timezone, stored.override) == ("Front desk", "Europe/Berlin", "a = 1")
    assert stored.admin_password == before
    assert len(stored.lines) == 1
    assert len(stored.keys) == 2


def test_another_mac_replaces_the_phone(admin, devices, session, config):
    post(admin, f"/devices/{MINE}/provision")

    answer = post(admin, f"/devices/{MINE}/phone", **typed(session, mac="80:5e:c0:00:00:09"))

    assert answer.headers["Location"] == f"/devices/{OTHER}/phone"
    assert device(session, OTHER).lines[0].userid == "1000"
    assert (config.provisioning_dir / "805ec0000009.cfg").exists()
    assert not (config.provisioning_dir / "805ec0000001.cfg").exists()


@pytest.mark.parametrize(
    ("name", "text", "sentence"),
    [
        ("mac", FOREIGN, "already in use by “Desk 2” in globex"),
        ("model", "nokia", "There is no model"),
        ("timezone", "Mars/Base", "Mars/Base"),
        ("language", "klingon!", "klingon"),
        ("tenant", "nobody", "There is no tenant"),
        ("provisioning_window", "sometimes", "is not known here"),
    ],
)
def test_a_refused_phone_tab_keeps_what_was_typed(admin, devices, session, name, text, sentence):
    answer = post(admin, f"/devices/{MINE}/phone", **typed(session, label="Kept", **{name: text}))

    assert answer.status_code == 422
    assert sentence in html.unescape(error_at(answer, name))
    assert 'value="Kept"' in answer.text
    assert device(session).label == "Desk 1"


def test_ph06_a_device_chooses_its_own_window_which_opens_it(admin, devices, session):
    with writing(session):
        session.add(DeviceWindow(device_id=device(session).id, closes_at=utc_now()))
    page = f"/devices/{MINE}/phone"
    before = admin.get(page).text

    post(admin, page, **typed(session, provisioning_window="first-fetch"))

    after = admin.get(page).text
    assert (device(session).provisioning_window, closing_time(session, device(session).id)) == ("first-fetch", None)
    assert "As the settings say: always" in before
    assert "May fetch" not in before
    assert "until it has, and a day after" in after
    assert "chosen for this device" in after
    assert '<option selected value="first-fetch">' in after
    assert "Let fetch again" in admin.get("/devices/").text


def test_ph06_a_device_stays_open_where_the_settings_close(admin, devices, session):
    save_settings(session, {"provisioning_window": "first-fetch"}, CONSOLE)
    page = f"/devices/{MINE}/phone"
    assert "As the settings say: until a day after the fetch" in admin.get(page).text

    post(admin, page, **typed(session, provisioning_window="always"))

    assert "always <small" in admin.get(page).text
    session.rollback()
    changes = session.scalars(select(ChangeRecord).where(ChangeRecord.thing == "device")).all()
    assert ["", "always"] in [change.fields.get("provisioning_window") for change in changes]


def test_the_second_of_two_editors_is_told(admin, devices, session, site):
    late = typed(session, label="Late")
    change_device(session, site, MINE, parse_device({"mac": MINE, "label": "First"}), CONSOLE)

    answer = post(admin, f"/devices/{MINE}/phone", **late)

    assert "Somebody else changed this device" in answer.text
    assert device(session).label == "First"


def test_ui04_an_administrator_moves_a_device_a_tenant_administrator_does_not(admin, keeper, devices, session):
    refused = post(keeper, f"/devices/{MINE}/phone", **typed(session, tenant="globex"))
    post(admin, f"/devices/{MINE}/phone", **typed(session, tenant="globex"))

    assert refused.status_code == 422
    assert device(session).tenant.name == "globex"


def test_switching_off_withdraws_the_files(admin, devices, session, config):
    post(admin, f"/devices/{MINE}/provision")
    fields = typed(session)
    del fields["enabled"]

    post(admin, f"/devices/{MINE}/phone", **fields)

    assert not device(session).enabled
    assert not (config.provisioning_dir / "805ec0000001.cfg").exists()


def test_variables_show_values_and_their_origin_without_secrets(support, devices, session):
    page = html.unescape(support.get(f"/devices/{MINE}/variables?line=1").text)

    assert "USERID" in page
    assert "label of the device" in page
    assert "R=#*2cN-D39A" not in page
    assert device(session).admin_password not in page
    assert "__masked__" not in page


def test_variables_are_filtered_and_odd_numbers_ignored(support, devices):
    page = support.get(f"/devices/{MINE}/variables?q=device_label").text

    assert "DEVICE_LABEL" in page
    assert "CODECS" not in page
    assert support.get(f"/devices/{MINE}/variables?line=99&key=%C2%B2").status_code == 200


def test_a_missing_model_is_said_on_every_tab(admin, devices, session):
    device(session).model = "gone"
    session.commit()

    for tab in ("", "phone", "variables", "preview", "fetches", "changes"):
        assert "Model missing" in admin.get(f"/devices/{MINE}/{tab}").text


def test_fetches_and_changes_are_those_of_the_device(support, devices, session):
    moment = utc_now() - timedelta(minutes=5)
    for mac, path in ((MINE, "mine<b>.cfg"), (FOREIGN, "foreign.cfg")):
        session.add(FetchRecord(at=moment, protocol="http", address="10.0.0.9", path=path, mac=mac, status=200,
                                user_agent="<i>phone", device_id=device(session, mac).id))  # fmt: skip
        session.commit()

    fetches = support.get(f"/devices/{MINE}/fetches").text
    changes = support.get(f"/devices/{MINE}/changes").text

    assert "mine&lt;b&gt;.cfg" in fetches
    assert "foreign.cfg" not in fetches
    assert "line1_password" in changes
    assert "Desk 2" not in changes


def test_own_variables_are_set_and_the_files_made_at_once(admin, devices, session):
    address = f"/devices/{MINE}/variables/own/"

    answer = post(admin, address, name="SYSLOG_HOST", value="log.example")

    assert answer.status_code == 302
    shown = admin.get(address).text
    assert "log.example" in shown
    assert "No template" in shown
    assert "log.example" in admin.get(f"/devices/{MINE}/variables?q=SYSLOG_HOST").text
    assert device(session).provisioned_at is not None


def test_own_variables_of_a_foreign_device_are_not_there(keeper, devices):
    assert keeper.get(f"/devices/{MINE}/variables/own/").status_code == 200
    assert keeper.get(f"/devices/{FOREIGN}/variables/own/").status_code == 404
    assert post(keeper, f"/devices/{FOREIGN}/variables/own/", name="A", value="1").status_code == 404


def test_support_reads_own_variables_but_sets_none(sign_in, devices):
    support = sign_in(Role.SUPPORT, name="Noor")
    address = f"/devices/{MINE}/variables/own/"

    assert support.get(address).status_code == 200
    assert post(support, address, name="A", value="1").status_code == 403


def test_fetches_tell_the_story_of_the_phone(admin, session, devices):
    phone = device(session)
    phone.revision = 9
    make_fetch(session, phone, path="/provisioning/common.cfg", revision=0)
    make_fetch(session, phone, reason="wrong credentials", status=401)
    make_fetch(session, phone, revision=7, user_agent="Testphone 1")

    page = admin.get(f"/devices/{MINE}/fetches").text

    text = " ".join(re.sub(r"<[^>]+>", " ", page).split())
    assert "wrong password" in text
    assert "got it revision 7, current is 9" in text
    assert "common.cfg Served: got it HTTP" in text


def test_page_says_when_the_phone_is_another_one(admin, session, devices, config):
    with (config.models_dir / "test.ini").open("a") as file:
        file.write(
            "\n[test-agent]\nextends = _deskphone\nlabel = Agent\nuser_agent = Tester {model} {firmware} {mac}\n"
        )
    with writing(session):
        session.scalar(select(Device).where(Device.mac == MINE)).user_agent = "Tester agent 1.2.3 805ec0000001"

    page = admin.get(f"/devices/{MINE}/fetches").text

    assert "The phone calls itself Agent." in page
    assert "It is entered as Testphone Desk" in page
    save_settings(session, {"user_agent_check": "off"}, CONSOLE)
    assert "calls itself" not in admin.get(f"/devices/{MINE}/fetches").text
