import html
import re

import pytest

from tests.factories import MAC, make_device, make_tenant, small_config
from tests.pages import error_at, post
from webprov.enums import Role
from webprov.provisioning import provision_device
from webprov.site import SiteLoader

HTMX = {"HX-Request": "true"}
EDIT = "/models/edit?key=test-desk"
TEXT = EDIT + "&as=text"


@pytest.fixture
def config(tmp_path):
    return small_config(tmp_path)


@pytest.fixture
def devices(config, session):
    """Two desks of acme with files, one of globex without."""
    make_tenant(session)
    make_tenant(session, "globex")
    site = SiteLoader(config).load(session)
    make_device(session, site)
    make_device(session, site, "805EC0000002", label="Desk 2")
    make_device(session, site, "805EC0000003", tenant="globex", label="Other")
    for mac in (MAC, "805EC0000002"):
        provision_device(session, site, mac)


@pytest.fixture
def file(config):
    return config.user_provisioning_dir / "models.d" / "webprov.ini"


def seen(client, page):
    return re.search(r'name="seen" value="([^"]*)"', client.get(page).text)[1]


def save(client, page, **typed):
    typed.setdefault("seen", seen(client, page))
    return post(client, page, page, **typed)


def test_a_field_is_written_alone_and_inherited_again(admin, devices, file):
    answer = save(admin, EDIT, lines="4", label="Testphone Desk")

    assert answer.location == "/models/test-desk/"
    assert file.read_text() == "[test-desk]\nlines = 4\n"
    assert "Otherwise: 2." in admin.get(EDIT).text
    save(admin, EDIT, lines="2")
    assert admin.get("/models/test-desk/").status_code == 200
    assert "lines" not in file.read_text()


def test_the_page_of_the_model_offers_to_provision_after_saving(admin, devices):
    page = admin.get(save(admin, EDIT, lines="4").location).text

    assert "Saved." in page
    assert "3 devices have" in page
    for text in ("Provision Desk 1 first", "Provision 2 of acme", "Provision 1 of globex", "Provision 3 devices"):
        assert text in page, text


def test_errors_stand_at_their_fields(admin, devices, file):
    answer = save(admin, EDIT, lines="many", modules="3", firmware="../x")

    assert answer.status_code == 422
    assert "is not a number" in error_at(answer, "lines")
    assert "3x60" in error_at(answer, "modules")
    assert error_at(answer, "firmware")
    assert 'value="many"' in answer.text
    assert not file.exists()


def test_a_fault_that_only_the_whole_shows_stands_at_its_field(admin, devices, file):
    answer = save(admin, EDIT, translation_map="nowhere")

    assert answer.status_code == 422
    assert "nowhere" in error_at(answer, "translation_map")


def test_the_section_as_text_names_the_line(admin, devices, file):
    answer = save(admin, TEXT, body="lines = 3\nlabl = x")

    assert answer.status_code == 422
    assert "Line 2: There is no key “labl”. Did you mean label?" in answer.text
    assert "labl = x" in answer.text
    save(admin, TEXT, body="# ours\r\nlines = 3\r\n")
    assert file.read_text() == "[test-desk]\n# ours\nlines = 3\n"


def test_while_typing_faults_and_reach_are_told(admin, devices, file):
    wrong = post(admin, "/models/check?key=test-desk&as=text", TEXT, body="x = 1")
    alike = post(admin, "/models/check?key=test-desk&as=text", TEXT, body="lines = 1")
    right = post(admin, "/models/check?key=test-desk&as=text", TEXT, body="template_1 = test/common.cfg -> ${mac}.cfg")

    assert 'data-line="1"' in wrong.text
    assert "No device gets new files." in alike.text
    assert right.text.count("<div") == 1
    assert "3 devices get new files." in right.text
    assert not file.exists()


def test_effect_shows_keys_tenants_and_lines_of_files(admin, devices, file):
    token = {"csrf_token": re.search(r'csrf_token" value="([^"]+)"', admin.get(TEXT).text)[1]}
    body = {**token, "body": "template_1 = test/common.cfg -> ${mac}.cfg"}

    part = admin.post("/models/effect?key=test-desk&as=text", data=body, headers=HTMX)
    whole = admin.post("/models/effect?key=test-desk&as=text", data=body)

    assert part.text.lstrip().startswith('<div id="model-effect">')
    assert "ntp = " in part.text
    assert "3 of 3 devices get different files." in whole.text
    assert "<html" in whole.text
    assert not file.exists()


def test_who_comes_second_sees_the_difference_and_may_save_again(admin, devices, file):
    old = seen(admin, TEXT)
    save(admin, TEXT, body="lines = 3")

    answer = save(admin, TEXT, body="lines = 4", seen=old)

    assert answer.status_code == 422
    assert "Somebody else changed this section" in answer.text
    assert file.read_text().endswith("lines = 3\n")
    again = re.search(r'name="seen" value="([^"]*)"', answer.text)[1]
    assert save(admin, TEXT, body="lines = 4", seen=again).status_code == 302
    assert file.read_text().endswith("lines = 4\n")


def test_a_tenants_override_is_made_and_removed(admin, devices, config):
    page = EDIT + "&scope=acme"
    save(admin, page, lines="1")
    ask = admin.get("/models/return?key=test-desk&scope=acme")

    assert "lines" in ask.text
    assert "as it is shipped" in ask.text
    post(admin, "/models/return?key=test-desk&scope=acme", "/models/return?key=test-desk&scope=acme")
    assert not any(config.user_provisioning_dir.rglob("*.ini"))


def test_a_new_model_is_a_copy_that_inherits(admin, devices, file):
    page = admin.get("/models/new?from=test-desk")
    body = html.unescape(re.search(r"<textarea[^>]*>(.*?)</textarea>", page.text, re.S)[1]).strip()

    taken = post(admin, "/models/new", "/models/new", key="test-desk", body=body)
    wrong = post(admin, "/models/new", "/models/new", key="door", body="lines = 1")
    made = post(admin, "/models/new", "/models/new", key="acme <b>door", body=body)

    assert "There is a model test-desk already." in error_at(taken, "key")
    assert "[door] has no " in html.unescape(wrong.text)
    assert made.status_code == 302
    assert file.read_text() == "[acme <b>door]\nextends = test-desk\nlabel = Testphone Desk copy\n"
    assert "acme &lt;b&gt;door" in admin.get("/models/").text


@pytest.mark.parametrize("page", [EDIT, TEXT, "/models/new", "/models/return?key=test-desk"])
def test_only_administrators_change_models(sign_in, devices, page):
    assert sign_in(Role.SUPPORT, name="Sam").get(page).status_code == 403


@pytest.mark.parametrize("page", ["/models/edit?key=none", "/models/edit?key=test-desk&scope=nobody", "/models/edit"])
def test_what_is_not_there_cannot_be_changed(admin, devices, page):
    assert admin.get(page).status_code == 404
