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
    assert "Added for</span> acme" in answer.text
    assert "Shipped, changed for</span> all tenants" in changed.text
    assert labels(admin.get("/models/?q=door&tenant=globex")) == []


@pytest.mark.parametrize(
    ("scope", "expected"),
    [("global", ["Yealink T54W lobby"]), ("tenant", ["Acme &lt;b&gt;Door&lt;/b&gt;"]), ("nowhere", [])],
)
def test_index_filters_by_scope(admin, own, scope, expected):
    assert labels(admin.get(f"/models/?from={scope}")) == expected


def test_a_refused_section_leads_to_where_it_can_be_corrected(admin, own, sign_in):
    address = "/models/edit?key=broken&amp;scope=&amp;as=text"

    assert address in admin.get("/models/").text
    assert address not in sign_in(Role.SUPPORT, name="Noor").get("/models/").text
    assert "lines = many" in admin.get("/models/edit?key=broken&as=text").text


def test_refusals_stand_above_with_file_line_and_reason(admin, own):
    page = admin.get("/models/").text
    note = re.search(r'id="refusals".*?</ul>', page, re.S)[0]

    assert "models.txt" in note
    assert "broken" in note
    assert "bad.cfg:2" in note


def test_devices_are_counted_and_linked(admin, session, tenants):
    session.add(Device(mac="805EC0000001", tenant_id=tenants["acme"], model="yealink-t54w", label="<i>Desk</i>"))
    session.commit()

    index, page = admin.get("/models/?q=t54w").text, admin.get("/models/yealink-t54w/?tab=devices").text

    assert 'href="/devices/?model=yealink-t54w">1</a>' in index
    assert "&lt;i&gt;Desk&lt;/i&gt;" in page
    assert "No device uses it." in admin.get("/models/yealink-t54w/?tenant=globex&tab=devices").text


def test_tabs_tell_files_boot_sequence_address_and_commands(admin):
    general = admin.get("/models/yealink-t54w/").text
    files = admin.get("/models/yealink-t54w/?tab=files").text

    for text in ("models.d/yealink.ini:", "Copy", "Yealink SIP-"):
        assert text in general, text
    for text in ("yealink/desk-phone.cfg", "${mac}.cfg", "y000000000096.cfg", "Boot sequence", "can do without"):
        assert text in files, text
    assert "This model runs no commands." in admin.get("/models/yealink-t54w/?tab=commands").text


def test_all_keys_say_which_section_file_and_line_states_them(admin, own):
    page = admin.get("/models/yealink-t54w/?tab=effective").text
    row = re.search(r"<tr>\s*<th[^>]*><code>label</code>.*?</tr>", page, re.S)[0]
    family = re.search(r"<tr>\s*<th[^>]*><code>brand</code>.*?</tr>", page, re.S)[0]

    assert "was Yealink T54W" in row
    assert "All tenants" in row
    assert "user_provisioning/models.txt:2" in row
    assert "inherited" in family
    assert 'href="/models/edit?key=_yealink' in family


def test_show_is_that_of_the_chosen_tenant(admin, own):
    assert admin.get("/models/acme-door/").status_code == 404
    assert admin.get("/models/acme-door/?tenant=globex").status_code == 404
    assert "Acme &lt;b&gt;Door" in admin.get("/models/acme-door/?tenant=acme").text


def test_people_of_a_tenant_see_their_models_and_change_none(sign_in, tenants, config):
    user = config.user_provisioning_dir
    for tenant in tenants:
        (user / tenant).mkdir(parents=True)
        door = f"[{tenant}-door]\nextends = yealink-t54w\nlabel = {tenant} door\noverride = pin=canary-1\n"
        (user / tenant / "models.txt").write_text(f"{door}[{tenant}-bad]\nlines = x\n")
    pal = sign_in(Role.TENANT_ADMINISTRATOR, tenants["acme"], name="Pál")

    index, page = pal.get("/models/?q=door").text, pal.get("/models/acme-door/?tab=effective").text

    assert "acme door" in index
    assert "acme-bad" in index
    assert "globex" not in index
    assert "canary" not in page
    assert "/templates/" not in pal.get("/models/acme-door/?tab=files").text
    assert "Add model" not in index
    assert pal.get("/models/edit?key=acme-door&scope=acme").status_code == 403
    assert pal.get("/models/globex-door/?tenant=globex").status_code == 404


def test_what_may_be_secret_is_for_administrators(admin, sign_in, own, config):
    (config.user_provisioning_dir / "models.d").mkdir()
    (config.user_provisioning_dir / "models.d" / "x.ini").write_text("[yealink-t46u]\nset_MENU_PASSWORD = canary-1\n")

    assert "canary-1" in admin.get("/models/yealink-t46u/?tab=effective").text
    assert "canary-1" not in sign_in(Role.SUPPORT, name="Noor").get("/models/yealink-t46u/?tab=effective").text


def test_many_refusals_leave_room_for_the_list(admin, own, config):
    heirs = "".join(f"[heir-{n}]\nextends = broken\n" for n in range(30))
    (config.user_provisioning_dir / "models.txt").write_text(heirs + "[broken]\nlines = many\n")

    note = re.search(r'id="refusals".*?</details>', admin.get("/models/").text, re.S)[0]

    assert note.index("<b>broken</b>") < note.index("<b>heir-0</b>")
    assert "22 more</summary>" in note
