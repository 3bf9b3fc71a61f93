import hashlib
import io
from dataclasses import replace

import pytest
from werkzeug.datastructures import FileStorage
from werkzeug.test import encode_multipart

from tests.factories import make_device, make_tenant, small_config
from tests.pages import post, token
from webprov.enums import Role
from webprov.site import SiteLoader
from webprov.store.models import ChangeRecord

ROM = "FIRMWARE-test-big/big-1.2.rom"


@pytest.fixture
def config(tmp_path):
    config = small_config(tmp_path)
    with (config.models_dir / "test.ini").open("a") as file:
        file.write("\n[test-big]\nextends = _deskphone\nlabel = Big\nfirmware = big-1.2.rom\n")
    return replace(config, upload_limit_bytes=5 * 1024 * 1024)


@pytest.fixture
def big(session, config):
    """A device whose model names a firmware file."""
    make_tenant(session)
    make_device(session, SiteLoader(config).load(session), model="test-big")


def send(client, content: bytes, name: str = "big-1.2.rom", *, headers=None, **values: str):
    data = {"csrf_token": token(client), "file": FileStorage(io.BytesIO(content), name), **values}
    boundary, body = encode_multipart(data)
    form = f'multipart/form-data; boundary="{boundary}"'
    return client.post("/firmware/upload", data=body, content_type=form, headers=headers)


def test_index_says_which_firmware_is_missing_and_who_would_load_it(admin, big):
    page = " ".join(admin.get("/firmware/").text.split())

    assert "Not there" in page
    assert ROM in page
    assert "1 device loads it" in page
    assert "free" in page


def test_uploaded_firmware_is_there_with_its_checksum(admin, big, config, session):
    content = b"firmware" * 400_000  # more than a form may hold

    answer = send(admin, content, folder="FIRMWARE-test-big", wanted="big-1.2.rom")

    assert answer.status_code == 302
    assert (config.provisioning_dir / ROM).read_bytes() == content
    page = admin.get("/firmware/").text
    assert f"SHA-256 {hashlib.sha256(content).hexdigest()}" in page
    assert "There" in page
    assert session.query(ChangeRecord).filter_by(thing="file").one().user_name == "Miriam Kumar"


def test_firmware_of_another_name_is_kept_with_a_warning(admin, big):
    send(admin, b"x", "Downloads/big-1.3.rom", folder="FIRMWARE-test-big", wanted="big-1.2.rom")

    assert "phones will not load big-1.3.rom" in admin.get("/firmware/").text


def test_upload_by_script_moves_on_and_a_refusal_is_a_sentence(admin):
    script = {"HX-Request": "true"}

    done = send(admin, b"x", "a.wav", headers=script, folder="Config")
    refused = send(admin, b"x", "a.bak", headers=script, folder="Config")

    assert done.headers["HX-Redirect"] == "/firmware/?folder=Config"
    assert refused.status_code == 422
    assert "would not be served" in refused.text
    assert "<html" not in refused.text


@pytest.mark.parametrize(
    ("folder", "name", "sentence"),
    [
        ("../..", "x.rom", "cannot be the name of a file"),
        ("CONTACTS", "x.xml", "webprov writes its own files"),
        ("Config", "", "Choose a file first."),
    ],
)
def test_refused_upload_keeps_the_page_and_says_why(admin, folder, name, sentence):
    answer = send(admin, b"x", name, folder=folder)

    assert answer.status_code == 422
    assert sentence in answer.text
    assert "Firmware of models in use" in answer.text


def test_too_large_a_file_gets_a_page_that_says_the_limit(admin, config):
    answer = send(admin, b"x" * (6 * 1024 * 1024), "a.rom", folder="Config")

    assert answer.status_code == 413
    assert "This page takes files of up to 5 MiB." in answer.text
    assert not (config.provisioning_dir / "Config").exists()
    assert admin.post("/firmware/delete", data={"name": "x" * (3 * 1024 * 1024)}).status_code == 413


def test_files_are_browsed_and_deleted_after_a_question(admin, config, session):
    send(admin, b"tune", "ring 1.wav", folder="Config/tones")

    assert "Config/" in admin.get("/firmware/").text
    assert "ring 1.wav" in admin.get("/firmware/?folder=Config/tones").text
    asked = admin.get("/firmware/delete?name=Config/tones/ring 1.wav").text
    assert "Delete Config/tones/ring 1.wav?" in asked
    post(admin, "/firmware/delete", name="Config/tones/ring 1.wav")
    assert not (config.provisioning_dir / "Config").exists()
    assert admin.get("/firmware/?folder=Config/tones").status_code == 404
    assert "no such file" in admin.get("/firmware/delete?name=Config/tones/ring 1.wav").text


def test_deleting_firmware_says_who_would_load_it(admin, big):
    send(admin, b"x", folder="FIRMWARE-test-big")

    assert "1 device of model Big would load it." in " ".join(admin.get(f"/firmware/delete?name={ROM}").text.split())


def test_checksum_is_worked_out_on_request(admin):
    send(admin, b"tune", "a.wav", folder="Config")
    digest = hashlib.sha256(b"tune").hexdigest()

    partial = admin.get("/firmware/checksum?name=Config/a.wav", headers={"HX-Request": "true"}).text
    assert digest in partial
    assert "<html" not in partial
    assert admin.get("/firmware/checksum?name=Config/a.wav").headers["Location"] == "/firmware/?folder=Config"
    assert admin.get("/firmware/checksum?name=../secret.key").status_code == 404


@pytest.mark.parametrize("role", [Role.SUPPORT, Role.TENANT_ADMINISTRATOR])
def test_only_administrators_touch_files(sign_in, tenants, config, role):
    person = sign_in(role, tenants["acme"])

    assert person.get("/firmware/").status_code == 403
    assert send(person, b"x" * (3 * 1024 * 1024), "a.wav", folder="Config").status_code in (403, 413)
    assert post(person, "/firmware/delete", name="Config/a.wav").status_code == 403
    assert not (config.provisioning_dir / "Config").exists()
