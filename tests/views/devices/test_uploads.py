import pytest
from sqlalchemy import select

from tests.pages import post
from webprov.store.database import writing
from webprov.store.models import ChangeRecord, Device
from webprov.store.uploadrecords import UploadRecord

MINE, FOREIGN = "805EC0000001", "805EC0000002"


@pytest.fixture
def sent(session, devices, config):
    """A log that the phone Desk 1 sent; its address."""
    folder = config.uploads_dir / MINE
    folder.mkdir(parents=True)
    (folder / "boot.log").write_bytes(b"line <b>one</b>\n\x1b[31mred\ttab\nsip.password=secret\n")
    with writing(session):
        device = session.scalar(select(Device).where(Device.mac == MINE))
        record = UploadRecord(
            device_id=device.id, path="boot.log", path_key="boot.log", size=52, source="192.0.2.7", protocol="http"
        )
        session.add(record)
    address = f"/devices/{MINE}/uploads/{record.id}"
    session.rollback()
    return address


def test_uploads_are_listed_opened_as_text_and_recorded(admin, sent, session):
    listed = admin.get(f"/devices/{MINE}/uploads").text
    opened = admin.get(sent).text

    assert "boot.log" in listed
    assert "from 192.0.2.7" in listed
    assert "line &lt;b&gt;one&lt;/b&gt;" in opened
    assert "\x1b" not in opened
    assert "\\x1b[31mred" in opened
    assert session.query(ChangeRecord).filter_by(thing="upload").one().action == "open"


def test_download_is_never_something_to_run(admin, sent):
    answer = admin.get(f"{sent}/download")

    assert answer.mimetype == "application/octet-stream"
    assert answer.headers["Content-Disposition"] == f"attachment; filename={MINE}-boot.log"
    assert answer.data.endswith(b"sip.password=secret\n")
    answer.close()


def test_binary_and_lost_files_say_so(admin, sent, config):
    (config.uploads_dir / MINE / "boot.log").write_bytes(b"\0\1")
    assert "This is no text" in admin.get(sent).text

    (config.uploads_dir / MINE / "boot.log").unlink()
    (config.uploads_dir / MINE / "boot.log").symlink_to(config.key_file)
    assert admin.get(sent).status_code == 404
    assert admin.get(f"{sent}/download").status_code == 404


def test_deleting_takes_file_and_record(admin, sent, session, config):
    post(admin, f"{sent}/delete")

    assert session.query(UploadRecord).count() == 0
    assert not (config.uploads_dir / MINE / "boot.log").exists()
    assert "boot.log is deleted." in admin.get(f"/devices/{MINE}/uploads").text


def test_contents_are_for_administrators_alone(support, keeper, sent, session):
    for person in (support, keeper):
        assert "boot.log" in person.get(f"/devices/{MINE}/uploads").text
        assert person.get(sent).status_code == 403
        assert person.get(f"{sent}/download").status_code == 403
    assert post(support, f"{sent}/delete").status_code == 403
    assert session.query(UploadRecord).count() == 1


def test_uploads_of_other_devices_are_not_there(admin, keeper, sent):
    elsewhere = sent.replace(MINE, FOREIGN)

    assert admin.get(elsewhere).status_code == 404
    assert post(admin, f"{elsewhere}/delete").status_code == 404
    assert keeper.get(f"/devices/{FOREIGN}/uploads").status_code == 404
    assert admin.get(sent[:-1] + "999").status_code == 404


def test_tab_is_there_only_where_something_can_come(admin, devices):
    assert ">Uploads" not in admin.get(f"/devices/{MINE}/").text
    assert "This model sends nothing." in admin.get(f"/devices/{MINE}/uploads").text
