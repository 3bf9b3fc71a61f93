import html
import re

import pytest
from sqlalchemy import select

from tests.pages import error_at, post, token
from webprov.changes.devices import change_device
from webprov.deviceinput import parse_device
from webprov.rights import CONSOLE
from webprov.store.devicedata import read_device
from webprov.store.models import ChangeRecord, Device

MINE, FOREIGN, FRESH = "805EC0000001", "805EC0000002", "805EC0000009"
NEW = {
    "mac": "80-5e-c0-00-00-09",
    "model": "testphone desk",
    "tenant": "acme",
    "label": "Reception",
    "line1_row": "line-n1",
    "line1_userid": "1009",
    "line1_display_name": "Eva Holm",
    "secret_line-n1": "typed-password-1",
}


def posted(page: str) -> dict[str, str]:
    """The named fields of the form on that page, as a browser would send them."""
    found = re.findall(r'<input[^>]*\bname="([^"]+)"[^>]*>', page)
    values = {name: re.search(rf'<input[^>]*\bname="{re.escape(name)}"[^>]*>', page)[0] for name in found}
    texts = {name: re.search(r'\bvalue="([^"]*)"', tag) for name, tag in values.items()}
    selects = re.findall(r'<select[^>]*name="([^"]+)".*?<option value="([^"]*)" selected', page, re.DOTALL)
    return {name: html.unescape(match[1]) if match else "" for name, match in texts.items()} | dict(selects)


def rows_after(client, page: str, action: str, **typed: str) -> str:
    """What htmx gets when the button `action` is pressed on that page."""
    fields = posted(page) | typed | {"action": action, "csrf_token": token(client)}
    path = "/devices/new/rows" if "new/rows" in page else f"/devices/{MINE}/rows"
    answer = client.post(path, data=fields, headers={"HX-Request": "true"})
    assert answer.status_code == 200, answer.text
    return answer.text


def fresh(session) -> None:
    session.rollback()  # what it read before stays as it was


def stored(session, mac):
    fresh(session)
    return read_device(session, mac)


def test_a_phone_is_added_on_one_page_and_has_its_files_at_once(admin, session, site, config):
    answer = post(admin, "/devices/new", **NEW)

    assert answer.headers["Location"] == f"/devices/{FRESH}/"
    assert "Reception added." in admin.get(f"/devices/{FRESH}/").text
    device = stored(session, FRESH)
    assert (device.model, device.label, device.tenant.name) == ("test-desk", "Reception", "acme")
    assert (device.lines[0].userid, device.lines[0].password) == ("1009", "typed-password-1")
    text = (config.provisioning_dir / "805ec0000009.cfg").read_text()
    assert "account.1.name = Eva Holm" in text


def test_the_page_for_a_new_phone_takes_mac_and_model_from_its_address(admin, site):
    page = admin.get("/devices/new?mac=805EC0000009&model=test-desk").text

    assert 'value="805EC0000009"' in page
    assert 'value="test-desk"' in page


@pytest.mark.parametrize(
    ("field", "typed", "sentence"),
    [
        ("mac", "80:5E", "is not a MAC address"),
        ("mac", "80:5E:C0:00:00:01", "is already in use by “Desk 1” in acme"),
        ("model", "phone", "fits Testphone Desk, Testphone Lobby"),
        ("model", "nokia", "There is no model “nokia”"),
        ("model", "", "Choose the model"),
        ("tenant", "", "Choose the tenant"),
    ],
)
def test_a_refused_phone_keeps_what_was_typed(admin, devices, session, field, typed, sentence):
    answer = post(admin, "/devices/new", **NEW | {field: typed})

    assert answer.status_code == 422
    assert sentence in html.unescape(error_at(answer, field))
    assert 'value="Eva Holm"' in answer.text
    assert "typed-password-1" not in answer.text
    assert "Type it again" in answer.text
    fresh(session)
    assert session.scalar(select(Device).where(Device.mac == FRESH)) is None


def test_a_foreign_mac_is_in_use_but_not_said_where(keeper, devices):
    answer = post(keeper, "/devices/new", **NEW | {"mac": FOREIGN})

    assert "already in use." in error_at(answer, "mac")
    assert "globex" not in answer.text


def test_a_tenant_administrator_cannot_add_elsewhere(keeper, devices, session):
    answer = post(keeper, "/devices/new", **NEW | {"tenant": "globex"})

    assert answer.status_code == 422
    fresh(session)
    assert session.scalar(select(Device).where(Device.mac == FRESH)) is None


def test_errors_of_rows_stand_at_their_fields(admin, site):
    typed = NEW | {"line1_label": "a\nb", "key1_row": "key-n1", "key1_type": "", "key1_value": "7", "key1_line": "x"}

    answer = post(admin, "/devices/new", **typed)

    assert "Leave out the line break" in error_at(answer, "line-n1-label")
    assert "Choose what this key does" in error_at(answer, "key-n1-type")
    assert "number of a line" in error_at(answer, "key-n1-line")
    assert 'href="#line-n1-label"' in answer.text


def test_lines_and_keys_are_shown_without_passwords(admin, devices):
    page = admin.get(f"/devices/{MINE}/").text

    assert "Ada Müller" in page
    assert "R=#*2cN-D39A" not in html.unescape(page)
    assert "Busy lamp" in page


def test_rows_change_without_losing_what_was_typed(admin, devices, session):
    page = rows_after(admin, admin.get(f"/devices/{MINE}/").text, "add line")
    typed = {"line2_userid": "1002", "line2_display_name": "Bo", "secret_line-n1": "second-secret-2"}
    page = rows_after(admin, page, "up line-n1", **typed)
    fields = posted(page) | {"csrf_token": token(admin), "secret_line-n1": "second-secret-2"}

    answer = admin.post(f"/devices/{MINE}/", data=fields)

    assert answer.status_code == 302, answer.text
    first, second = stored(session, MINE).lines
    assert (first.userid, first.display_name, first.password) == ("1002", "Bo", "second-secret-2")
    assert (second.userid, second.password) == ("1000", "R=#*2cN-D39A")


def test_a_deleted_row_comes_back_with_undo(admin, devices, session):
    page = rows_after(admin, admin.get(f"/devices/{MINE}/").text, "delete key-w1")
    assert "Key 1 deleted" in page
    page = rows_after(admin, page, "undo key-w1")

    admin.post(f"/devices/{MINE}/", data=posted(page) | {"csrf_token": token(admin)})

    assert [(key.number, key.value) for key in stored(session, MINE).keys] == [(1, "1001"), (2, "701")]


def test_a_deleted_row_is_gone_once_saved(admin, devices, session):
    page = rows_after(admin, admin.get(f"/devices/{MINE}/").text, "delete key-w1")

    admin.post(f"/devices/{MINE}/", data=posted(page) | {"csrf_token": token(admin)})

    assert [key.number for key in stored(session, MINE).keys] == [2]


def test_row_buttons_work_without_htmx(admin, devices):
    fields = posted(admin.get(f"/devices/{MINE}/").text) | {"action": "edit line-w1", "csrf_token": token(admin)}

    answer = admin.post(f"/devices/{MINE}/rows", data=fields)

    assert "<!doctype html>" in answer.text
    assert 'id="line-w1-display_name"' in answer.text


def test_more_lines_and_keys_than_the_model_has_are_warned_about(admin, devices, session, site):
    given = parse_device({"mac": MINE, "line3_userid": "1003", "key9_type": "blf"})
    change_device(session, site, MINE, given, CONSOLE)

    page = admin.get(f"/devices/{MINE}/").text

    assert "The Testphone Desk has 2 lines." in page
    assert "has no key 9" in page


def test_keys_that_do_the_same_are_pointed_out(admin, devices, session, site):
    change_device(session, site, MINE, parse_device({"mac": MINE, "key3_type": "blf", "key3_value": "1001"}), CONSOLE)

    assert "same as key 1" in admin.get(f"/devices/{MINE}/").text


def test_the_second_of_two_editors_is_told_who_was_quicker(admin, devices, session, site):
    fields = posted(admin.get(f"/devices/{MINE}/").text) | {"line1_display_name": "Late", "csrf_token": token(admin)}
    change_device(session, site, MINE, parse_device({"mac": MINE, "label": "Desk one"}), CONSOLE)

    answer = admin.post(f"/devices/{MINE}/", data=fields)

    assert answer.status_code == 409
    assert "console changed this device since you opened it" in answer.text
    assert "Late" in answer.text
    assert stored(session, MINE).lines[0].display_name == "Ada Müller"


def test_saving_names_what_was_written_and_records_who(admin, devices, session):
    fields = posted(admin.get(f"/devices/{MINE}/").text) | {"line1_display_name": "Ada Lind"}
    admin.post(f"/devices/{MINE}/", data=fields | {"csrf_token": token(admin)})

    page = admin.get(f"/devices/{MINE}/").text

    assert "Saved. 2 files written: " in page
    assert "805ec0000001-info.xml" in page
    fresh(session)
    changed = session.scalar(select(ChangeRecord).where(ChangeRecord.action == "change", ChangeRecord.name == MINE))
    assert changed.fields["line1_display_name"] == ["Ada Müller", "Ada Lind"]
    assert changed.user_name == "Miriam Kumar"


def test_a_device_that_cannot_be_rendered_is_saved_and_says_so(admin, devices, config):
    (config.templates_dir / "test" / "line.cfg").write_text("## format: text\n${NOBODY_DEFINES_THIS}\n")
    fields = posted(admin.get(f"/devices/{MINE}/").text) | {"line1_display_name": "Ada Lind"}

    admin.post(f"/devices/{MINE}/", data=fields | {"csrf_token": token(admin)})

    page = admin.get(f"/devices/{MINE}/").text
    assert "NOBODY_DEFINES_THIS" in page
    assert "keeps its old files" in page


@pytest.mark.parametrize("mac", [FOREIGN, "805EC00000FF", "nonsense"])
@pytest.mark.parametrize("tab", ["", "phone", "variables", "preview", "fetches", "changes", "check-sync", "delete"])
def test_foreign_and_missing_devices_are_alike(keeper, devices, mac, tab):
    answer = keeper.get(f"/devices/{mac}/{tab}")

    assert answer.status_code == 404
    assert "globex" not in answer.text


@pytest.mark.parametrize("path", ["", "rows", "phone", "provision", "check-sync", "enabled"])
def test_foreign_devices_take_no_posts(keeper, devices, session, path):
    version = session.scalar(select(Device.version).where(Device.mac == FOREIGN))

    answer = post(keeper, f"/devices/{FOREIGN}/{path}", label="taken", enabled="off")

    assert answer.status_code == 404
    fresh(session)
    assert session.scalar(select(Device.version).where(Device.mac == FOREIGN)) == version


@pytest.mark.parametrize("path", [f"{MINE}/", f"{MINE}/rows", f"{MINE}/phone", f"{MINE}/enabled", "new", "new/rows"])
def test_support_may_look_but_not_edit(support, devices, path):
    assert post(support, f"/devices/{path}").status_code == 403


def test_support_sees_no_button_that_edits(support, devices):
    page = support.get(f"/devices/{MINE}/").text

    assert "Ada Müller" in page
    assert "Add line" not in page
    assert "Delete" not in page


@pytest.mark.parametrize("path", ["", "rows", "phone", "provision", "check-sync", "enabled", "preview"])
def test_posts_without_a_token_change_nothing(admin, devices, session, path):
    assert admin.post(f"/devices/{MINE}/{path}", data={"label": "x"}).status_code == 400


def test_hostile_text_in_every_field_stays_text(admin, site):
    hostile = '"><script>alert(1)</script>'
    names = ("userid", "auth_id", "display_name", "extension", "first_name", "last_name", "label", "voicemail")
    typed = NEW | {f"line1_{name}": hostile for name in names} | {"label": hostile}
    typed |= {"key1_row": "key-n1", "key1_type": "blf", "key1_value": hostile, "key1_label": hostile}

    post(admin, "/devices/new", **typed)

    for tab in ("", "phone", "variables", "preview", "preview?view=difference", "changes", "check-sync", "delete"):
        assert "<script>alert" not in admin.get(f"/devices/{FRESH}/{tab}").text, tab
    assert "<script>alert" not in post(admin, "/devices/new", **typed).text
