import pytest
from sqlalchemy import select

from tests.factories import MAC, make_device, make_tenant, small_config
from webprov.changes.settings import save_settings
from webprov.changes.variables import VariableScope, set_variables
from webprov.effects import EffectCount, Glance, affected, count_for, glance
from webprov.previews import preview_device
from webprov.provisioning import provision_device
from webprov.rights import CONSOLE
from webprov.settingsinput import draft_settings
from webprov.site import SiteLoader
from webprov.store.devicedata import CustomValue, read_device
from webprov.store.models import Device, Tenant
from webprov.whatif import what_if, what_if_files, what_if_variables

SECRET = "brand-new-canary-1"


@pytest.fixture
def config(tmp_path):
    return small_config(tmp_path)


@pytest.fixture
def site(config, session):
    """Desks 1 and 2 of acme, a lobby phone of globex with a registrar of its own, and one that is disabled."""
    make_tenant(session)
    make_tenant(session, "globex", registrar="sip.globex.example", timezone="Europe/Berlin")
    loader = SiteLoader(config, recheck_seconds=0)
    site = loader.load(session)
    make_device(session, site)
    make_device(session, site, "805EC0000002", label="Desk 2")
    make_device(session, site, "805EC0000003", tenant="globex", model="test-lobby", label="Lobby")
    make_device(session, site, "805EC0000004", enabled="off", label="Off")
    return loader.load(session)


def what(site, clear=(), **flat):
    return what_if(site.system, draft_settings(flat, site.settings, clear=clear))


def counts(session, site, **flat):
    return {(group.tenant, group.label): group.new_files for group in affected(session, site, what(site, **flat))}


def lines(difference):
    """The changed lines of each file."""
    return {file.path: [row.text for row in file.rows if row.kind in ("added", "removed")] for file in difference.files}


def test_affected_counts_devices_whose_templates_use_what_changes(session, site):
    desks, lobby = ("acme", "Testphone Desk"), ("globex", "Testphone Lobby")

    assert counts(session, site, http_password=SECRET) == {desks: 2, lobby: 1}
    assert counts(session, site, ntp_server="ntp.example") == {desks: 2, lobby: 1}  # by the shared file
    assert counts(session, site, sip_proxy="sbc.example") == {desks: 0, lobby: 0}  # no template asks for it
    assert counts(session, site, phone_networks="10.0.0.0/8") == {desks: 0, lobby: 0}
    assert counts(session, site, mode="external", external_server="dms.example") == {desks: 2, lobby: 1}


@pytest.mark.parametrize(
    "flat",
    [
        {"server_address": "new.example"},
        {"http_port": "8099", "ntp_server": "ntp.example"},
        {"http_user": "other"},
        {"timezone": "Europe/Berlin"},
        {"backup_registrar": "two.example"},
    ],
)
def test_who_gets_new_files_is_who_differs_once_it_is_saved(session, site, flat):
    for mac in (MAC, "805EC0000002", "805EC0000003"):
        provision_device(session, site, mac)
    foreseen = sum(counts(session, site, **flat).values())
    counted = counted_out(session, site, what(site, **flat)).changed

    save_settings(session, flat, CONSOLE)

    now = site.loader.load(session)
    found = [
        any(file.differs for file in preview_device(session, now, read_device(session, mac), reveal=False))
        for mac in (MAC, "805EC0000002", "805EC0000003")
    ]
    assert foreseen == counted == sum(found)


def counted_out(session, site, change):
    return count_for(session, site, change, 60)


def test_groups_show_the_lines_that_change_without_secrets(session, site):
    found = counted_out(session, site, what(site, server_address="new.example", http_password=SECRET))

    assert [(dict(group.models), group.labels) for group in found.groups] == [
        ({"Testphone Desk": 2}, ["Desk 1", "Desk 2"]),
        ({"Testphone Lobby": 1}, ["Lobby"]),
    ]
    old = site.settings.server_address
    assert lines(found.groups[0])["805ec0000001.cfg"] == [
        f"server = {old}",
        f"url = http://phones:__masked__@{old}:8081/provisioning",
        "server = new.example",
        "url = http://phones:__masked__@new.example:8081/provisioning",
    ]
    assert lines(found.groups[0])["common.cfg"] == [f"ntp = {old}", "ntp = new.example"]
    assert SECRET not in repr(found.groups)
    assert site.settings.http_password not in repr(found.groups)


def test_a_count_tells_tenants_and_models(session, site):
    found = counted_out(session, site, what(site, server_address="new.example"))

    assert (found.changed, found.total, found.is_done) == (3, 3, True)
    assert [(row.tenant, row.label, row.devices, row.differing) for row in found.tallies] == [
        ("acme", "Testphone Desk", 2, 2),
        ("globex", "Testphone Lobby", 1, 1),
    ]
    assert [(row.tenant, row.differing) for row in found.summed("tenant")] == [("acme", 2), ("globex", 1)]
    assert [(row.label, row.differing) for row in found.summed("model")] == [
        ("Testphone Desk", 2),
        ("Testphone Lobby", 1),
    ]


def test_a_count_goes_on_where_it_stopped_and_begins_with_every_kind(session, site):
    count = EffectCount(session, site, what(site, server_address="new.example"))

    count.go_on(session, 0)
    first = (count.compared, count.changed, count.is_done)
    count.go_on(session, 0)
    kinds = [dict(group.models) for group in count.groups]
    count.go_on(session, 60)

    assert first == (1, 1, False)
    assert kinds == [{"Testphone Desk": 1}, {"Testphone Lobby": 1}]
    assert (count.compared, count.changed, count.is_done) == (3, 3, True)


def test_who_cannot_be_rendered_before_or_after_keeps_the_files(session, site, config):
    (config.templates_dir / "test" / "phone.cfg").write_text(
        "## format: text\n${NTP_SERVER}\n% if PROTO == 'https':\n${NO_SUCH}\n% endif\n"
    )
    broken = site.loader.load(session)

    found = counted_out(session, broken, what(broken, ntp_server="a.example"))

    assert found.concerned == 3
    assert (found.changed, found.groups) == (0, [])


def test_who_fails_for_another_reason_gets_nothing_new(session, site, config):
    (config.templates_dir / "test" / "info.xml").write_text("## format: xml encoding=utf-8\n<a>${NO_SUCH}</a>\n")
    broken = site.loader.load(session)
    for mac in (MAC, "805EC0000002", "805EC0000003"):
        provision_device(session, broken, mac)

    found = counted_out(session, broken, what(broken, server_address="new.example"))

    assert (found.concerned, found.changed) == (3, 0)


def test_a_glance_is_exact_where_that_is_quickly_told(session, site, config, monkeypatch):
    text = (config.templates_dir / "test" / "line.cfg").read_text()
    rare = template(site, "line.cfg", text + "% if USERID == '2002':\nrare = 1\n% endif\n")
    comment = template(site, "line.cfg", text + "## nothing\n")

    assert glance(session, site, rare, 60) == Glance(0, is_exact=True)
    monkeypatch.setattr("webprov.effects._MOST_AT_A_GLANCE", 2)
    assert glance(session, site, rare, 60) == Glance(3, is_exact=False)
    assert glance(session, site, comment, 60) == Glance(0, is_exact=True)


def test_files_that_move_say_where_to(session, site):
    found = counted_out(session, site, what(site, mode="external", external_server="dms.example"))

    moves = {file.path: file.moved_to for file in found.groups[0].files}
    assert moves["805ec0000001-info.xml"] == "test-desk/805ec0000001-info.xml"


def models(site, text, file="models.d/webprov.ini"):
    return what_if_files(site, site.drafted(models={site.config.user_provisioning_dir / file: text}))


def counted(session, site, change):
    return {(group.tenant, group.model): group.new_files for group in affected(session, site, change)}


def test_a_model_of_one_tenant_affects_only_its_devices(session, site):
    change = models(site, "[_deskphone]\ntemplate_2 =\n", "acme/models.d/webprov.ini")

    assert counted(session, site, change) == {("acme", "test-desk"): 2, ("globex", "test-lobby"): 0}
    [shown] = counted_out(session, site, change).groups
    assert list(lines(shown)) == [f"{MAC.lower()}-info.xml"]


def test_a_model_that_goes_is_told_per_device(session, site):
    change = models(site, "[test-desk]\nlines = many\n")

    [shown] = counted_out(session, site, change).groups
    assert (dict(shown.models), shown.devices) == ({"Testphone Desk": 2}, 2)
    assert shown.error == "The model “test-desk” is missing; devices that have files keep them."


def test_a_template_affects_the_devices_whose_files_bring_it_in(session, site, config):
    path = config.user_provisioning_dir / "test" / "line.cfg"
    change = what_if_files(site, site.drafted(template=(path, b"## format: text\nuser=${USERID}\n")))

    assert sum(counted(session, site, change).values()) == 3
    found = counted_out(session, site, change)
    assert found.changed == 3
    assert any("user=1000" in text for text in lines(found.groups[0])[f"{MAC.lower()}.cfg"])
    assert not path.exists()


def test_a_template_that_heals_a_model_shows_what_comes(session, site, config):
    path = config.templates_dir / "test" / "line.cfg"
    good = path.read_bytes()
    path.write_text("## format: text\n${NOWHERE}\n")
    broken = site.loader.load(session)

    change = what_if_files(broken, broken.drafted(template=(config.user_provisioning_dir / "test/line.cfg", good)))

    [shown, *_] = counted_out(session, broken, change).groups
    assert "account.1.user = 1000" in lines(shown)[f"{MAC.lower()}.cfg"]


def test_a_global_variable_affects_those_whose_templates_name_it(session, site, config):
    path = config.templates_dir / "test" / "phone.cfg"
    path.write_text(path.read_text() + "syslog = ${LOG_HOST}\npin = ${MENU_PIN}\n")
    saved = what_if_variables(site.system, {"LOG_HOST": CustomValue("log.example"), "MENU_PIN": CustomValue("1", True)})
    site = site.loader.load(session)

    assert sum(counted(session, site, saved).values()) == 3
    assert sum(counted(session, site, what_if_variables(site.system, {"OTHER": CustomValue("x")})).values()) == 0
    assert saved.draft.variables["MENU_PIN"].value != "1"


def template(site, name, text):
    path = site.config.user_provisioning_dir / "test" / name
    return what_if_files(site, site.drafted(template=(path, text.encode())))


def test_a_comment_makes_files_stale_but_changes_no_byte(session, site, config):
    text = (config.templates_dir / "test" / "line.cfg").read_text()

    found = EffectCount(session, site, template(site, "line.cfg", text + "## for those who read this\n"))

    assert (found.concerned, found.total, found.changed) == (3, 0, 0)


def test_bytes_are_compared_not_what_is_used(session, site, config):
    text = (config.templates_dir / "test" / "line.cfg").read_text()
    rare = text + "% if USERID == '2002':\nrare = 1\n% endif\n"
    make_device(session, site, "805EC0000005", line1_userid="2002", label="Rare")

    found = counted_out(session, site, template(site, "line.cfg", rare))

    assert (found.concerned, found.total, found.changed) == (4, 4, 1)
    assert found.groups[0].labels == ["Rare"]


def test_changes_that_differ_by_the_devices_own_values_are_one_group(session, site, config):
    text = (config.templates_dir / "test" / "line.cfg").read_text()
    own = "line.${LINE}.${USERID}.${mac} = ${PASSWORD}\n"
    more = {"line2_userid": "3003", "line2_password": "pa55&word"}
    make_device(session, site, "805EC0000005", line1_userid="3002", line1_password="other<canary", **more)

    found = counted_out(session, site, template(site, "line.cfg", text + own))

    assert [(group.devices, group.labels) for group in found.groups] == [(4, ["Desk 1", "Lobby", "Desk 2"])]
    assert "canary" not in repr(found.groups)


def test_changes_to_other_values_are_groups_of_their_own(session, site, config):
    path = config.templates_dir / "test" / "phone.cfg"
    path.write_text(path.read_text() + "park = ${DEFAULT_PARKEXT}${PROXY_SERVER}\n")
    site = site.loader.load(session)

    found = counted_out(session, site, template(site, "phone.cfg", path.read_text() + "reg = ${REG_SERVER}\n"))

    assert sorted(group.devices for group in found.groups) == [1, 2]


def test_only_hidden_values_differing_is_told(session, site, config):
    text = (config.templates_dir / "test" / "line.cfg").read_text()

    found = counted_out(session, site, template(site, "line.cfg", text.replace("${PASSWORD}", "${PASSWORD[:3]}")))

    shown = [file for group in found.groups for file in group.files]
    assert found.changed == 3
    assert "R=#" not in repr(found.groups)
    assert all(not row.text.endswith("2cN-D39A") for file in shown for row in file.rows)


def test_groups_are_bounded_and_the_count_is_not(session, site, config, monkeypatch):
    monkeypatch.setattr("webprov.differences.MOST_GROUPS", 1)
    found = counted_out(session, site, what(site, server_address="new.example"))

    assert (found.changed, len(found.groups), found.ungrouped) == (3, 1, 1)


def own_variables(site, session, changes, *, tenant="", mac=""):
    number = session.scalar(select(Tenant.id).where(Tenant.name == tenant)) if tenant else None
    device = session.scalar(select(Device.id).where(Device.mac == mac)) if mac else None
    return what_if_variables(site.system, changes, tenant_id=number, device_id=device)


@pytest.fixture
def logging_site(session, site, config):
    path = config.templates_dir / "test" / "phone.cfg"
    path.write_text(path.read_text() + "syslog = ${LOG_HOST}\n")
    values = {"LOG_HOST": "log.example"}
    set_variables(session, VariableScope(), values, CONSOLE)
    device = session.scalar(select(Device).where(Device.mac == "805EC0000002"))
    set_variables(session, VariableScope(device=device), {"LOG_HOST": "desk.example"}, CONSOLE)
    return site.loader.load(session)


def test_a_tenants_variable_reaches_its_devices_that_have_none_of_their_own(session, logging_site):
    change = own_variables(logging_site, session, {"LOG_HOST": CustomValue("acme.example")}, tenant="acme")

    found = counted_out(session, logging_site, change)

    assert (found.devices, found.concerned, found.changed) == (2, 2, 1)
    assert lines(found.groups[0]) == {f"{MAC.lower()}.cfg": ["syslog = log.example", "syslog = acme.example"]}


def test_a_devices_variable_reaches_it_alone_and_falls_back_when_it_goes(session, logging_site):
    change = own_variables(logging_site, session, {"LOG_HOST": None}, mac="805EC0000002")

    found = counted_out(session, logging_site, change)

    assert (found.devices, found.changed) == (1, 1)
    assert lines(found.groups[0]) == {"805ec0000002.cfg": ["syslog = desk.example", "syslog = log.example"]}


def test_a_secret_of_a_tenant_is_never_shown(session, logging_site):
    change = own_variables(logging_site, session, {"LOG_HOST": CustomValue("canary-9", secret=True)}, tenant="globex")

    found = counted_out(session, logging_site, change)

    assert lines(found.groups[0]) == {"805ec0000003.cfg": ["syslog = log.example", "syslog = __masked__"]}
    assert "canary" not in repr((found.groups, change))


def test_a_variable_that_others_are_made_of_counts(session, site, config):
    path = config.templates_dir / "test" / "line.cfg"
    path.write_text(path.read_text() + "voice = ${VOICEMAIL}\n")
    site = site.loader.load(session)

    found = counted_out(session, site, what_if_variables(site.system, {"VOICEMAIL_NUMBER": CustomValue("*98")}))

    assert found.changed == 3
