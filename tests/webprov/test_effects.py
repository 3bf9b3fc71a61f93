import pytest

from tests.factories import MAC, make_device, make_tenant, small_config
from webprov.changes.settings import save_settings
from webprov.effects import affected, compare, sample
from webprov.previews import preview_device
from webprov.provisioning import provision_device
from webprov.rights import CONSOLE
from webprov.settingsinput import draft_settings
from webprov.site import SiteLoader
from webprov.store.devicedata import CustomValue, read_device
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

    save_settings(session, flat, CONSOLE)

    now = site.loader.load(session)
    found = [
        any(file.differs for file in preview_device(session, now, read_device(session, mac), reveal=False))
        for mac in (MAC, "805EC0000002", "805EC0000003")
    ]
    assert foreseen == sum(found)


def test_sample_shows_the_lines_that_change_without_secrets(session, site):
    found = what(site, server_address="new.example", http_password=SECRET)

    differences = sample(session, site, found, affected(session, site, found))

    assert [(difference.model, difference.labels) for difference in differences] == [
        ("Testphone Desk", ["Desk 1"]),
        ("Testphone Lobby", ["Lobby"]),
    ]
    old = site.settings.server_address
    assert lines(differences[0])["805ec0000001.cfg"] == [
        f"server = {old}",
        f"url = http://phones:__masked__@{old}:8081/provisioning",
        "server = new.example",
        "url = http://phones:__masked__@new.example:8081/provisioning",
    ]
    assert lines(differences[0])["common.cfg"] == [f"ntp = {old}", "ntp = new.example"]
    assert SECRET not in repr(differences)
    assert site.settings.http_password not in repr(differences)


def test_compare_groups_devices_whose_files_change_alike(session, site):
    groups, compared = compare(session, site, what(site, server_address="new.example"))

    assert compared == 3
    assert [(group.model, group.macs) for group in groups] == [
        ("Testphone Desk", [MAC, "805EC0000002"]),
        ("Testphone Lobby", ["805EC0000003"]),
    ]


def test_compare_says_who_keeps_their_files_and_who_cannot_be_rendered(session, site, config):
    kept, _ = compare(session, site, what(site, phone_networks="10.0.0.0/8"))
    (config.templates_dir / "test" / "phone.cfg").write_text(
        "## format: text\n% if PROTO == 'https':\n${NO_SUCH}\n% endif\n"
    )
    broken = site.loader.load(session)

    failed, _ = compare(session, broken, what(broken, ntp_server="a.example"))

    assert [(group.is_none, len(group.macs)) for group in kept] == [(True, 3)]
    assert "NO_SUCH" in failed[0].error


def test_files_that_move_say_where_to(session, site):
    groups, _ = compare(session, site, what(site, mode="external", external_server="dms.example"))

    moves = {file.path: file.moved_to for file in groups[0].files}
    assert moves["805ec0000001-info.xml"] == "test-desk/805ec0000001-info.xml"


def models(site, text, file="models.d/webprov.ini"):
    return what_if_files(site, site.drafted(models={site.config.user_provisioning_dir / file: text}))


def counted(session, site, change):
    return {(group.tenant, group.model): group.new_files for group in affected(session, site, change)}


def test_a_model_of_one_tenant_affects_only_its_devices(session, site):
    change = models(site, "[_deskphone]\ntemplate_2 =\n", "acme/models.d/webprov.ini")

    assert counted(session, site, change) == {("acme", "test-desk"): 2, ("globex", "test-lobby"): 0}
    [shown] = sample(session, site, change, affected(session, site, change))
    assert list(lines(shown)) == [f"{MAC.lower()}-info.xml"]


def test_a_model_that_goes_is_told_per_device(session, site):
    change = models(site, "[test-desk]\nlines = many\n")

    [group, _] = affected(session, site, change)
    [shown] = sample(session, site, change, [group])
    assert (group.model, group.new_files) == ("test-desk", 2)
    assert shown.error == "The model “test-desk” is missing; devices that have files keep them."


def test_a_template_affects_the_devices_whose_files_bring_it_in(session, site, config):
    path = config.user_provisioning_dir / "test" / "line.cfg"
    change = what_if_files(site, site.drafted(template=(path, b"## format: text\nuser=${USERID}\n")))

    assert sum(counted(session, site, change).values()) == 3
    groups, compared = compare(session, site, change)
    assert compared == 3
    assert any("user=1000" in text for text in lines(groups[0])[f"{MAC.lower()}.cfg"])
    assert not path.exists()


def test_a_template_that_heals_a_model_shows_what_comes(session, site, config):
    path = config.templates_dir / "test" / "line.cfg"
    good = path.read_bytes()
    path.write_text("## format: text\n${NOWHERE}\n")
    broken = site.loader.load(session)

    change = what_if_files(broken, broken.drafted(template=(config.user_provisioning_dir / "test/line.cfg", good)))

    [shown, *_] = sample(session, broken, change, affected(session, broken, change))
    assert "account.1.user = 1000" in lines(shown)[f"{MAC.lower()}.cfg"]


def test_a_global_variable_affects_those_whose_templates_name_it(session, site, config):
    path = config.templates_dir / "test" / "phone.cfg"
    path.write_text(path.read_text() + "syslog = ${LOG_HOST}\npin = ${MENU_PIN}\n")
    saved = what_if_variables(site.system, {"LOG_HOST": CustomValue("log.example"), "MENU_PIN": CustomValue("1", True)})
    site = site.loader.load(session)

    assert sum(counted(session, site, saved).values()) == 3
    assert sum(counted(session, site, what_if_variables(site.system, {"OTHER": CustomValue("x")})).values()) == 0
    assert saved.draft.variables["MENU_PIN"].value != "1"
