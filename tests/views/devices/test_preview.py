import html
import re

import pytest
from sqlalchemy import select

from tests.factories import make_device
from tests.pages import PASSWORD, error_at, post
from webprov.changes.devices import change_device
from webprov.changes.settings import save_settings
from webprov.changes.variables import VariableScope, set_variables
from webprov.deviceinput import parse_device
from webprov.enums import Role
from webprov.provisioning import provision_device
from webprov.rights import CONSOLE
from webprov.site import SiteLoader
from webprov.store.models import ChangeRecord, Tenant

MINE, FOREIGN = "805EC0000001", "805EC0000002"
SECRET = "R=#*2cN-D39A"


@pytest.fixture
def provisioned(devices, session, site):
    provision_device(session, site, MINE)


@pytest.mark.parametrize("view", ["now", "disk", "difference"])
def test_files_are_shown_with_secrets_hidden(support, provisioned, view):
    page = support.get(f"/devices/{MINE}/preview?file=805ec0000001.cfg&view={view}").text

    assert SECRET not in html.unescape(page)
    assert "__masked__" not in page
    assert "805ec0000001-info.xml" in page
    assert "common.cfg" in page


@pytest.mark.parametrize("view", ["now", "disk"])
def test_variables_that_are_secrets_are_hidden(support, devices, session, config, view):
    template = config.templates_dir / "test" / "phone.cfg"
    template.write_text(template.read_text() + "ring = ${RING}\nmenu = ${MENU_PIN}\nsite = ${SITE}\n")
    values = {"RING": "plain-3", "MENU_PIN": "canary-4", "SITE": "canary-5"}
    set_variables(session, VariableScope(), values, CONSOLE, secret={"SITE": True})
    provision_device(session, SiteLoader(config).load(session), MINE)

    page = html.unescape(support.get(f"/devices/{MINE}/preview?file=805ec0000001.cfg&view={view}").text)

    assert "ring = plain-3" in page
    assert "canary" not in page


def test_a_line_of_a_file_has_an_address(support, provisioned):
    page = support.get(f"/devices/{MINE}/preview?file=805ec0000001.cfg").text

    assert 'id="L4"' in page
    assert 'account.1.password = <span class="wp-secret">' in page


def test_the_difference_shows_both_sides_and_counts_what_is_alike(support, provisioned, session, site):
    change_device(session, site, MINE, parse_device({"mac": MINE, "key2_type": "park", "key2_value": "702"}), CONSOLE)

    page = support.get(f"/devices/{MINE}/preview?file=805ec0000001.cfg&view=difference").text

    assert "+1 −1" in page
    assert "key.2 = 0,701" in page
    assert "key.2 = 0,702" in page
    assert "5 lines alike" in page


def test_a_secret_that_changed_is_told_but_not_shown(support, provisioned, session, site):
    change_device(session, site, MINE, parse_device({"mac": MINE, "line1_password": "another-secret"}), CONSOLE)

    page = support.get(f"/devices/{MINE}/preview?file=805ec0000001.cfg&view=difference").text

    assert "Only secrets differ" in page
    assert "another-secret" not in page


def test_files_that_do_not_exist_are_not_found(support, provisioned):
    assert support.get(f"/devices/{MINE}/preview?file=../../secret.key").status_code == 404


def test_a_file_that_cannot_be_rendered_says_why(support, provisioned, config):
    (config.templates_dir / "test" / "info.xml").write_text("## format: text\n${NOBODY_DEFINES_THIS}\n")

    page = support.get(f"/devices/{MINE}/preview").text

    assert "NOBODY_DEFINES_THIS" in page
    assert "what is on disk is kept" in page


def test_revealing_asks_for_the_own_password_and_is_recorded(admin, provisioned, session):
    address = f"/devices/{MINE}/preview?file=805ec0000001.cfg&view=now"
    refused = post(admin, address, own_password="wrong")
    shown = post(admin, address, own_password=PASSWORD)

    assert refused.status_code == 422
    assert "do not fit" in error_at(refused, "own_password")
    assert SECRET not in html.unescape(refused.text)
    assert SECRET in html.unescape(shown.text)
    assert shown.headers["Refresh"].startswith("60; url=/devices/")
    assert shown.headers["Cache-Control"] == "no-store"
    assert SECRET not in html.unescape(admin.get(address).text)
    session.rollback()
    records = session.scalars(select(ChangeRecord).where(ChangeRecord.action == "reveal secrets")).all()
    assert [(record.name, record.user_name) for record in records] == [(MINE, "Miriam Kumar")]


@pytest.mark.parametrize("who", ["keeper", "support"])
def test_nobody_else_reveals(who, provisioned, request):
    client = request.getfixturevalue(who)

    assert post(client, f"/devices/{MINE}/preview", own_password=PASSWORD).status_code == 403
    assert post(client, f"/devices/{MINE}/preview/download", file="805ec0000001.cfg").status_code == 403
    assert "Reveal secrets" not in client.get(f"/devices/{MINE}/preview").text


def test_a_file_is_downloaded_only_after_revealing(admin, provisioned, config):
    early = post(admin, f"/devices/{MINE}/preview/download", file="805ec0000001.cfg")
    post(admin, f"/devices/{MINE}/preview?file=805ec0000001.cfg", own_password=PASSWORD)
    answer = post(admin, f"/devices/{MINE}/preview/download", file="805ec0000001.cfg")
    other = post(admin, f"/devices/{FOREIGN}/preview/download", file="805ec0000002.cfg")

    assert early.status_code == other.status_code == 302
    assert answer.data == (config.provisioning_dir / "805ec0000001.cfg").read_bytes()
    assert answer.headers["Content-Disposition"] == "attachment; filename=805ec0000001.cfg"


def test_text_of_files_stays_text(support, session, site):
    make_device(session, site, line1_display_name="<script>alert(1)</script>")

    assert "<script>alert" not in support.get(f"/devices/{MINE}/preview").text


def test_files_say_whether_they_have_reached_the_dms(admin, session, config, devices, faults, storage):
    save_settings(session, storage.settings(s3_endpoint=faults.endpoint), CONSOLE)
    waiting = admin.get(f"/devices/{MINE}/preview").text
    post(admin, f"/devices/{MINE}/provision")
    there = admin.get(f"/devices/{MINE}/preview").text
    faults.fails(403, "AccessDenied")
    save_settings(session, {"server_address": "other.example"}, CONSOLE)
    post(admin, f"/devices/{MINE}/provision")
    told, failing = (admin.get(f"/devices/{MINE}/preview?file=805ec0000001.cfg").text for _ in range(2))

    assert "Not uploaded yet" in waiting
    assert "Uploaded" in there
    assert "Not delivered to the DMS: These keys may not write to “acme-phones”." in told
    assert "Not delivered since" in failing
    assert "These keys may not write to “acme-phones”." in failing
    assert "Uploaded" not in failing


def test_files_show_how_the_script_ended(admin, session, config, devices):
    script = config.script_dirs[-1] / "push.sh"
    script.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
    script.write_text("#!/bin/sh\necho '<b>no room</b>'\nexit 3\n")
    script.chmod(0o755)
    typed = {"mode": "external", "external_server": "dms.example", "transport": "script", "script_path": str(script)}
    save_settings(session, typed, CONSOLE, script_dirs=config.script_dirs)

    before = admin.get(f"/devices/{MINE}/preview").text
    post(admin, f"/devices/{MINE}/provision")
    after = admin.get(f"/devices/{MINE}/preview").text

    assert "Script has not run yet" in before
    assert "Script ended with 3" in after
    assert "&lt;b&gt;no room&lt;/b&gt;" in after
    assert "push.sh ended with exit code 3." in after


def origins(page):
    cells = re.findall(r'<td class="wp-origin[^"]*">(.*?)</td><td class="wp-text">(.*?)</td>', page)
    return {re.sub(r"<.*?>", "", html.unescape(text)).partition(" =")[0]: word for word, text in cells}


def why(page):
    panel = page.partition('id="why"')[2].partition(">")[2].partition("</aside>")[0]
    return " ".join(re.sub(r"<.*?>", " ", html.unescape(panel)).split())


def test_each_line_says_whose_value_stands_in_it(support, provisioned):
    words = origins(support.get(f"/devices/{MINE}/preview?file=805ec0000001.cfg").text)

    assert words["server"] == "Settings"
    assert words["label"] == "Device"
    assert words["account.1.user"] == "Line 1"
    assert words["key.2"] == "Key 2"


def test_a_chosen_line_tells_its_template_its_variables_and_where_to_change_them(admin, provisioned):
    page = admin.get(f"/devices/{MINE}/preview?file=805ec0000001.cfg&line=5").text

    assert "account.1.user" in page.partition('class="wp-chosen"')[2][:400]
    assert why(page).startswith("Why line 5 is here Template test/line.cfg , line 2 Text there account.${LINE}.user")
    assert "USERID line 1" in why(page)
    assert f"/devices/{MINE}/#lines-heading" in page
    assert "/templates/test/line.cfg/" in page


def test_a_chosen_line_hides_secrets_and_pages_of_others(sign_in, session, provisioned):
    acme = session.scalar(select(Tenant.id).where(Tenant.name == "acme"))
    tenant_admin = sign_in(Role.TENANT_ADMINISTRATOR, acme, name="Pál")

    page = tenant_admin.get(f"/devices/{MINE}/preview?file=805ec0000001.cfg&line=6").text

    assert "PASSWORD line 1" in why(page)
    assert SECRET not in html.unescape(page)
    assert "/templates/" not in page.partition('id="why"')[2].partition("</aside>")[0]


def test_lines_of_shared_files_are_explained_and_impossible_ones_harmless(support, provisioned):
    shared = support.get(f"/devices/{MINE}/preview?file=common.cfg&line=1").text
    beyond = support.get(f"/devices/{MINE}/preview?file=common.cfg&line=99999")

    assert "NTP_SERVER" in why(shared)
    assert beyond.status_code == 200
