import html
import io
import re

import pytest

from tests.factories import MAC, make_device, make_tenant, small_config
from tests.pages import post, token
from webprov.enums import Role
from webprov.site import SiteLoader

HTMX = {"HX-Request": "true"}
NAME = "test/line.cfg"
EDIT = f"/templates/edit?name={NAME}&scope="
GOOD = "## format: keyvalue comment=# quote=none encoding=utf-8\nuser = ${USERID}\npassword = ${PASSWORD}\n"


@pytest.fixture
def config(tmp_path):
    return small_config(tmp_path)


@pytest.fixture
def devices(config, session):
    """A desk of acme and one of globex."""
    make_tenant(session)
    make_tenant(session, "globex")
    site = SiteLoader(config).load(session)
    make_device(session, site, label="<i>Desk</i>")
    make_device(session, site, "805EC0000003", tenant="globex", label="Other")


@pytest.fixture
def user(config):
    return config.user_provisioning_dir


def seen(client, page=EDIT):
    return re.search(r'name="seen" type="hidden" value="([^"]*)"', client.get(page).text)[1]


def save(client, text, page=EDIT, **typed):
    typed.setdefault("seen", seen(client, page))
    return post(client, page, page, text=text, **typed)


def asked(client, action, text, headers=HTMX, **more):
    data = {"csrf_token": token(client), "text": text, **more}
    return client.post(EDIT.replace("edit", action, 1), data=data, headers=headers)


def test_index_lists_files_by_scope_with_models_and_refusals(admin, devices, user):
    (user / "acme" / "test").mkdir(parents=True)
    (user / "acme" / NAME).write_text(GOOD)
    (user / "test").mkdir()
    (user / "test" / "bad.cfg").write_text("## format: text\n<% import os %>\n")

    page = admin.get("/templates/").text

    assert "1 template cannot be used" in page.replace("</strong>", "")
    assert "Tenant acme" in page
    assert "Testphone Desk" in page
    assert "line 2: Python code (&lt;% … %&gt;)" in page
    assert "Wins for acme" in admin.get("/templates/?tenant=acme").text
    assert [name in admin.get("/templates/?state=changed").text for name in (NAME, "test/key.cfg")] == [True, False]
    assert [name in admin.get("/templates/?state=unused").text for name in ("test/bad.cfg", NAME)] == [True, False]
    assert "No template fits these filters." in admin.get("/templates/?q=%3Cscript%3E").text


def test_a_template_shows_the_file_that_wins_and_the_others(admin, devices, user):
    (user / "acme" / "test").mkdir(parents=True)
    (user / "acme" / NAME).write_text(GOOD + "# <b>ours</b>\n")

    assert "counts for all tenants" in admin.get(f"/templates/{NAME}/").text
    assert "# &lt;b&gt;ours&lt;/b&gt;" in admin.get(f"/templates/{NAME}/?tenant=acme").text
    assert "&lt;b&gt;ours" not in admin.get(f"/templates/{NAME}/?scope=:shipped").text
    assert "# &lt;b&gt;ours&lt;/b&gt;" in admin.get(f"/templates/{NAME}/?scope=acme&tab=difference").text
    assert admin.get("/templates/none.cfg/").status_code == 404
    assert admin.get(f"/templates/{NAME}/?scope=nobody").status_code == 404


def test_saving_writes_the_file_and_offers_to_provision(admin, devices, user):
    answer = save(admin, GOOD.replace("\n", "\r\n"))
    page = admin.get(answer.location).text

    assert (user / NAME).read_text() == GOOD
    assert "Saved." in page
    for text in ("2 devices have", "Provision 1 of acme", "Provision 1 of globex", "Provision 2 devices"):
        assert text in page, text


def test_a_tenants_file_is_its_own(admin, devices, user):
    save(admin, GOOD, EDIT + "acme")

    assert (user / "acme" / NAME).read_text() == GOOD
    assert not (user / NAME).exists()


def test_a_refused_text_stays_in_the_editor_and_is_not_written(admin, devices, user):
    answer = save(admin, GOOD + "<% import os %>\n")

    assert answer.status_code == 422
    assert 'data-line="4"' in answer.text
    assert "import os" in answer.text
    assert not (user / NAME).exists()


def test_while_typing_the_gate_speaks_and_a_device_is_rendered_without_secrets(admin, devices, user):
    right = asked(admin, "check", GOOD + "label = ${DEVICE_LABEL}\n")
    wrong = asked(admin, "check", GOOD + "${MAC.uper()}\n")
    unknown = asked(admin, "check", GOOD + "x = ${REG_SERVR}\n")

    assert right.text.lstrip().startswith('<div id="template-check">')
    assert "user = 1000" in right.text
    assert "label = &lt;i&gt;Desk&lt;/i&gt;" in right.text
    assert "R=#*2cN-D39A" not in html.unescape(right.text)
    assert 'class="wp-secret"' in right.text
    assert 'data-line="4"' in wrong.text
    assert "Did you mean REG_SERVER?" in unknown.text
    assert "This device could not be provisioned" in unknown.text
    assert not (user / NAME).exists()


def test_the_preview_is_that_of_the_chosen_device_and_can_show_what_changes(admin, devices):
    other = asked(admin, "check", GOOD, device="805EC0000003", view="difference")
    found = asked(admin, "check", GOOD, find="Other")

    assert "805ec0000003.cfg" in other.text
    assert '<tr class="wp-added">' in other.text
    assert "Other" in re.search(r'<select[^>]*id="device".*?</select>', found.text, re.S)[0]


def test_without_scripts_the_page_checks_and_previews_too(admin, devices):
    answer = asked(admin, "check", GOOD, headers=None)

    assert "<html" in answer.text
    assert "user = 1000" in answer.text


def test_effect_counts_tenants_and_compares(admin, devices, user):
    part = asked(admin, "effect", GOOD)

    assert "2 of 2 devices get different files." in part.text
    assert f"/devices/{MAC}/" in part.text
    assert "hx-trigger" not in part.text
    assert not (user / NAME).exists()


def test_two_people_at_once(admin, devices, user):
    old = seen(admin)
    save(admin, GOOD)

    answer = save(admin, GOOD + "# mine\n", seen=old)

    assert answer.status_code == 422
    assert "Somebody else changed this file" in answer.text
    again = re.search(r'name="seen" type="hidden" value="([^"]*)"', answer.text)[1]
    assert save(admin, GOOD + "# mine\n", seen=again).status_code == 302
    assert (user / NAME).read_text().endswith("# mine\n")


def test_an_earlier_version_is_opened_and_saved(admin, devices, user):
    save(admin, GOOD)
    save(admin, GOOD + "# second\n")
    page = admin.get(f"/templates/{NAME}/?scope=:all&tab=versions").text
    link = html.unescape(re.search(r'href="([^"]+version=\d+)"', page)[1])

    opened = admin.get(link)

    assert "This is an earlier version" in opened.text
    assert "# second" not in opened.text
    assert admin.get(link.replace("scope=", "scope=acme")).status_code == 404


def test_returning_to_shipped_asks_and_removes(admin, devices, user):
    save(admin, GOOD)
    page = f"/templates/return?name={NAME}&scope="

    assert "get different files" in admin.get(page).text
    assert post(admin, page, page, seen="other").location.startswith("/templates/return")
    assert post(admin, page, page, seen=seen(admin)).location == f"/templates/{NAME}/"
    assert not (user / NAME).exists()


def test_an_upgrade_is_marked_with_its_differences(admin, devices, config):
    save(admin, GOOD)
    (config.templates_dir / NAME).write_text(GOOD + "fresh = 1\n")

    page = admin.get(f"/templates/{NAME}/?scope=:all&tab=upgrade").text

    assert "The shipped file has changed" in page
    assert "fresh = 1" in page
    post(admin, f"/templates/compared?name={NAME}&scope=")
    assert "The shipped file has changed" not in admin.get(f"/templates/{NAME}/?scope=:all").text


def test_the_list_tells_which_shipped_files_have_changed(admin, devices, config):
    save(admin, GOOD)
    before = admin.get("/templates/").text
    (config.templates_dir / NAME).write_text(GOOD + "fresh = 1\n")

    after, narrowed = admin.get("/templates/").text, admin.get("/templates/?state=upgraded").text

    assert 'id="behind"' not in before
    assert "The shipped file below 1 template of yours has changed." in after
    assert "All tenants: the shipped file has changed" in narrowed
    assert "test/phone.cfg" not in narrowed
    assert "No template fits" in admin.get("/templates/?state=upgraded&q=phone").text


def test_files_go_up_into_the_editor_and_down_as_they_are(admin, devices, user):
    def upload(content):
        data = {"csrf_token": token(admin), "file": (io.BytesIO(content), "x.cfg")}
        return admin.post(f"/templates/upload?name={NAME}&scope=", data=data, content_type="multipart/form-data")

    up, wrong = upload(GOOD.encode() + b"# <b>up</b>\n"), upload(b"\xff\xfe")
    down = admin.get(f"/templates/download?name={NAME}&scope=:shipped")

    assert "# &lt;b&gt;up&lt;/b&gt;" in up.text
    assert wrong.status_code == 302
    assert "not UTF-8" in admin.get(wrong.location).text
    assert down.data.startswith(b"## format: keyvalue")
    assert "line.cfg" in down.headers["Content-Disposition"]
    assert not user.exists() or not any(user.iterdir())


@pytest.mark.parametrize("name", ["../evil.cfg", ".hidden", "acme/x.cfg", "models.txt", "", "test/../x"])
def test_new_files_need_a_name(admin, devices, user, name):
    answer = post(admin, "/templates/new", "/templates/new", name=name)

    assert answer.status_code == 422
    assert 'id="name-error"' in answer.text


def test_a_new_file_opens_in_the_editor(admin, devices, user):
    answer = post(admin, "/templates/new", "/templates/new", name="test/extra.cfg", scope="acme")

    page = admin.get(answer.location)

    assert "No model uses this file yet" in page.text
    assert save(admin, GOOD, answer.location).status_code == 302
    assert (user / "acme/test/extra.cfg").is_file()


@pytest.mark.parametrize("page", [EDIT, "/templates/new", f"/templates/return?name={NAME}"])
def test_support_reads_and_only_administrators_change(sign_in, devices, page):
    sam = sign_in(Role.SUPPORT, name="Sam")

    assert sam.get("/templates/").status_code == 200
    assert "Change for" not in sam.get(f"/templates/{NAME}/").text
    assert sam.get(page).status_code == 403


@pytest.mark.parametrize("name", ["../x", "/etc/passwd", ".x", "a%00b", ""])
def test_what_is_no_name_is_not_found(admin, devices, name):
    assert admin.get(f"/templates/edit?name={name}&scope=").status_code == 404
    assert admin.get(f"/templates/download?name={name}").status_code == 404
    assert admin.get(f"/templates/edit?name={NAME}&scope=nobody").status_code == 404
