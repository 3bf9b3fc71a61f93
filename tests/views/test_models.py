import re

import pytest

from webprov.enums import Role
from webprov.store.models import Device


def labels(answer):
    return re.findall(r'class="wp-first"><a href="[^"]+">([^<]+)</a>', answer.text)


@pytest.fixture
def own(config, tenants):
    """A model that only acme has, one changed for all, one that is refused, and a template that is."""
    folder = config.user_provisioning_dir
    (folder / "acme").mkdir(parents=True)
    (folder / "acme" / "models.txt").write_text(
        "[acme-door]\nextends = yealink-t54w\nlabel = Acme <b>Door</b>\nlines = 1\n"
    )
    (folder / "models.txt").write_text("[yealink-t54w]\nlabel = Yealink T54W lobby\n[broken]\nlines = many\n")
    (folder / "bad.cfg").write_text("## format: text\n<% import os %>\n")


def test_index_lists_what_is_shipped(admin):
    answer = admin.get("/models/?q=yealink+t54w")

    assert labels(answer) == ["Yealink T54W"]
    assert "Shipped" in answer.text
    assert "refusals" not in answer.text


def test_index_filters_by_brand_and_says_when_nothing_fits(admin):
    assert all(label.startswith("Grandstream") for label in labels(admin.get("/models/?brand=Grandstream")))
    assert "No model fits these filters." in admin.get("/models/?q=%3Cscript%3E").text
    assert "<script>" not in re.sub(r"<script src[^>]+>", "", admin.get("/models/?q=%3Cscript%3E").text)


def test_scopes_stand_beside_each_model(admin, own):
    answer = admin.get("/models/?q=door")
    changed = admin.get("/models/?q=lobby")

    assert "Acme &lt;b&gt;Door&lt;/b&gt;" in answer.text
    assert "Tenant acme" in answer.text
    assert "Changed here" in changed.text
    assert labels(admin.get("/models/?q=door&tenant=globex")) == []


def test_refusals_stand_above_with_file_line_and_reason(admin, own):
    page = admin.get("/models/").text
    note = re.search(r'id="refusals".*?</ul>', page, re.S)[0]

    assert "models.txt" in note
    assert "broken" in note
    assert "bad.cfg:2" in note


def test_devices_are_counted_and_linked(admin, session, tenants):
    session.add(Device(mac="805EC0000001", tenant_id=tenants["acme"], model="yealink-t54w", label="<i>Desk</i>"))
    session.commit()

    index, page = admin.get("/models/?q=t54w").text, admin.get("/models/yealink-t54w/").text

    assert 'href="/devices/?model=yealink-t54w">1</a>' in index
    assert "&lt;i&gt;Desk&lt;/i&gt;" in page
    assert "No device uses it." in admin.get("/models/yealink-t54w/?tenant=globex").text


def test_show_tells_files_boot_sequence_and_address(admin):
    page = admin.get("/models/yealink-t54w/").text

    for text in ("yealink/phone.cfg", "${mac}.cfg", "y000000000096.cfg", "models.d/yealink.ini:", "Copy"):
        assert text in page, text
    assert page.index("${mac}.boot") < page.index("Boot sequence") or "can do without" in page


def test_show_is_that_of_the_chosen_tenant(admin, own):
    assert admin.get("/models/acme-door/").status_code == 404
    assert admin.get("/models/acme-door/?tenant=globex").status_code == 404
    assert "Acme &lt;b&gt;Door" in admin.get("/models/acme-door/?tenant=acme").text


def test_support_reads_models_and_tenant_administrators_do_not(sign_in, tenants):
    assert sign_in(Role.SUPPORT, name="Noor").get("/models/").status_code == 200
    assert sign_in(Role.TENANT_ADMINISTRATOR, tenants["acme"], name="Pál").get("/models/").status_code == 403
