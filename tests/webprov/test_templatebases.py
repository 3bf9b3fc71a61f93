import pytest
from sqlalchemy import select

from tests.factories import TEMPLATES, make_tenant, small_config
from webprov.changes.templates import mark_compared, save_template
from webprov.checkup import check_up
from webprov.rights import CONSOLE
from webprov.site import SiteLoader
from webprov.store.templaterecords import TemplateBase
from webprov.templatebases import bases_duty, note_bases, overrides_behind, upgraded
from webprov.templatefiles import find_template

NAME = "test/line.cfg"
OLD = TEMPLATES["line.cfg"]


@pytest.fixture
def config(tmp_path):
    return small_config(tmp_path)


@pytest.fixture
def site(config, session):
    make_tenant(session)
    return SiteLoader(config).load(session)


@pytest.fixture
def by_hand(config):
    """Writes an override as people do, past all pages."""

    def write(text, tenant="", name=NAME):
        path = config.user_provisioning_dir / tenant / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        return path

    return write


def ship(config, text):
    (config.templates_dir / NAME).write_text(text)


def bases(session):
    return {(row.tenant, row.name): row.text for row in session.scalars(select(TemplateBase))}


def added(session, site, tenant=""):
    file = find_template(site, NAME, ["acme"]).winner(tenant)
    return [row.text for row in upgraded(session, site, file) if row.kind == "added"]


@pytest.mark.parametrize("tenant", ["", "acme"])
def test_an_upgrade_below_a_file_made_by_hand_is_told(session, site, config, by_hand, tenant):
    by_hand(OLD + "# ours\n", tenant)
    note_bases(session, site, ())

    ship(config, OLD + "new.key = 1\n")
    note_bases(session, site, ())

    assert bases(session) == {(tenant, NAME): OLD}
    assert added(session, site, tenant) == ["new.key = 1"]
    assert [(file.tenant, file.name) for file in overrides_behind(session, site)] == [(tenant, NAME)]
    assert any(NAME in one.what and "shipped file has changed" in one.remedy for one in check_up(session, site))
    mark_compared(session, site, NAME, tenant, CONSOLE)
    assert overrides_behind(session, site) == []


def test_a_file_of_ones_own_name_has_no_base(session, site, by_hand):
    by_hand("## format: text\n", name="test/ours.cfg")

    assert note_bases(session, site, ()) == set()
    assert bases(session) == {}


def test_what_a_page_noted_stays(session, site, config):
    save_template(session, site, NAME, "", OLD + "# ours\n", CONSOLE)
    ship(config, OLD + "new.key = 1\n")

    note_bases(session, site, ())

    assert bases(session) == {("", NAME): OLD}


def test_a_file_that_is_replaced_keeps_its_base_and_one_that_is_gone_does_not(session, site, config, by_hand):
    path = by_hand(OLD)
    note_bases(session, site, ())
    path.unlink()
    gone = note_bases(session, site, ())
    by_hand(OLD)
    back = note_bases(session, site, gone)
    path.unlink()
    gone_again = note_bases(session, site, back)

    assert (gone, back, gone_again) == ({("", NAME)}, set(), {("", NAME)})
    assert bases(session) == {("", NAME): OLD}
    note_bases(session, site, gone_again)
    assert bases(session) == {}


def test_one_that_comes_back_later_starts_from_what_is_shipped_then(session, site, config, by_hand):
    path = by_hand(OLD)
    note_bases(session, site, ())
    path.unlink()
    note_bases(session, site, note_bases(session, site, ()))
    ship(config, OLD + "new.key = 1\n")

    by_hand(OLD + "new.key = 1\n# ours\n")
    note_bases(session, site, ())

    assert added(session, site) == []


def test_nothing_is_written_where_nothing_is_new(session, site, by_hand, monkeypatch):
    by_hand(OLD)
    note_bases(session, site, ())
    monkeypatch.setattr("webprov.templatebases.writing", None)

    assert note_bases(session, site, ()) == set()


def test_a_shipped_file_that_an_upgrade_removes_is_told(session, site, config, by_hand):
    by_hand(OLD)
    note_bases(session, site, ())
    (config.templates_dir / NAME).unlink()

    note_bases(session, site, {("", NAME)})

    file = find_template(site, NAME, []).winner("")
    assert all(row.kind == "removed" for row in upgraded(session, site, file))
    assert bases(session) == {("", NAME): OLD}


def test_the_worker_sees_to_it_turn_by_turn(instance, session, site, by_hand):
    duty, path = bases_duty(SiteLoader(instance.config)), by_hand(OLD)
    duty.turn(session, None)
    noted = bases(session)
    path.unlink()

    for _ in range(2):
        duty.turn(session, None)

    assert noted == {("", NAME): OLD}
    assert bases(session) == {}
