import pytest
from sqlalchemy import select

from tests.factories import make_tenant, small_config
from webprov.changes.models import draft_model, save_model, section_body
from webprov.enums import Role
from webprov.errors import Conflict, InvalidInput, InvalidValue, NotAllowed, NotFound
from webprov.rights import CONSOLE, Actor
from webprov.site import SiteLoader
from webprov.store.models import ChangeRecord


@pytest.fixture
def config(tmp_path):
    return small_config(tmp_path)


@pytest.fixture
def site(config, session):
    make_tenant(session)
    return SiteLoader(config, recheck_seconds=3600).load(session)


@pytest.fixture
def user(config):
    return config.user_provisioning_dir


def saved(session, site, key, body, tenant="", **more):
    save_model(session, site, key, tenant, body, CONSOLE, **more)
    return site.loader.load(session)


def test_only_what_changes_is_written_and_it_counts_at_once(session, site, user):
    now = saved(session, site, "test-desk", "lines = 3")

    assert (user / "models.d/webprov.ini").read_text() == "[test-desk]\nlines = 3\n"
    assert (now.catalog.model("test-desk").lines, now.catalog.model("test-desk").keys) == (3, 4)


def test_a_tenants_override_is_its_own(session, site, user):
    now = saved(session, site, "test-desk", "lines = 3", "acme")

    assert (user / "acme/models.d/webprov.ini").is_file()
    assert now.catalog.model("test-desk", "acme").lines == 3
    assert now.catalog.model("test-desk").lines == 2


def test_a_section_stays_in_the_file_that_has_it_and_the_rest_as_it_was(session, site, user):
    user.mkdir(exist_ok=True)
    by_hand = "# ours\n[test-lobby]\nkeys=1   ; odd\n\n[test-desk]\nlines=9\n"
    (user / "models.txt").write_text(by_hand)

    saved(session, site.loader.load(session), "test-desk", "lines = 3")

    assert (user / "models.txt").read_text() == by_hand.replace("lines=9", "lines = 3")
    assert not (user / "models.d").exists()


def test_returning_to_shipped_takes_the_section_and_an_empty_file_away(session, site, user):
    now = saved(session, site, "test-desk", "lines = 3")

    now = saved(session, now, "test-desk", None)

    assert now.catalog.model("test-desk").lines == 2
    assert not (user / "models.d/webprov.ini").exists()


@pytest.mark.parametrize(
    ("body", "line", "sentence"),
    [
        ("keys = 1\nlines = many", 2, "“many” is not a number"),
        ("labl = x", 1, "Did you mean label?"),
        ("lines = 1\nlines = 2", 2, "stands in line"),
        ("lines = 1\n[other]\nlines = 2", 2, "another section"),
        ("template_1 = test/none.cfg -> ${mac}.cfg", 1, "test/none.cfg"),
        ("extends = _nowhere", 1, "no section [_nowhere]"),
        ("translation_map = nowhere", 1, "nowhere"),
    ],
)
def test_faults_name_the_line_of_the_section_and_nothing_is_written(session, site, user, body, line, sentence):
    [fault] = draft_model(site, "test-desk", "", body).faults

    assert fault.line == line
    assert sentence in fault.sentence
    with pytest.raises(InvalidInput):
        save_model(session, site, "test-desk", "", body, CONSOLE)
    assert not user.exists() or not any(user.rglob("*.ini"))


def test_a_family_that_would_cost_other_models_is_refused(site):
    faults = draft_model(site, "_deskphone", "", "template_1 = test/none.cfg -> ${mac}.cfg").faults

    assert any("It would no longer be possible to use [test-" in fault.sentence or fault.line == 1 for fault in faults)


def test_who_comes_second_is_told(session, site):
    seen = draft_model(site, "test-desk", "", "lines = 3").seen
    now = saved(session, site, "test-desk", "lines = 4", seen=seen)

    with pytest.raises(Conflict):
        save_model(session, now, "test-desk", "", "lines = 5", CONSOLE, seen=seen)
    assert section_body(now, "test-desk", "") == "lines = 4"


def test_changes_are_recorded_without_what_may_be_secret(session, site):
    saved(session, site, "test-desk", "lines = 3\noverride = pin=canary-1\nset_MENU_PASSWORD = canary-2", "acme")

    record = session.scalars(select(ChangeRecord).where(ChangeRecord.thing == "model")).one()
    assert (record.action, record.name, record.fields["lines"]) == ("create", "test-desk", ["", "3"])
    assert record.tenant_id
    assert "canary" not in str(record.fields)


@pytest.mark.parametrize("key", ["", " a", "a]b", "a\nb", "x" * 101])
def test_a_key_that_no_section_can_have_is_refused(site, key):
    with pytest.raises(InvalidValue):
        draft_model(site, key, "", "label = x")


def test_links_and_unreadable_files_are_left_to_people(session, site, user, tmp_path):
    (user / "models.d").mkdir(parents=True)
    (user / "models.d/webprov.ini").symlink_to(tmp_path / "elsewhere.ini")

    with pytest.raises(InvalidValue, match="symbolic link"):
        draft_model(site, "test-desk", "", "lines = 3")
    (user / "models.d/webprov.ini").unlink()
    (user / "models.d/webprov.ini").write_bytes(b"\xff[a]\n")
    with pytest.raises(InvalidValue, match="not UTF-8"):
        draft_model(site, "test-desk", "", "lines = 3")


def test_only_administrators_change_models(session, site):
    with pytest.raises(NotAllowed):
        save_model(session, site, "test-desk", "", "lines = 3", Actor("Sam", Role.SUPPORT))
    with pytest.raises(NotFound):
        save_model(session, site, "test-desk", "nobody", "lines = 3", CONSOLE)


def test_other_processes_use_a_saved_model_at_once(session, site, config):
    other = SiteLoader(config, recheck_seconds=3600)
    before = other.load(session)

    saved(session, site, "test-desk", "lines = 3")

    assert before.current(session).catalog.model("test-desk").lines == 3
    assert other.load(session).catalog.model("test-desk").lines == 3
