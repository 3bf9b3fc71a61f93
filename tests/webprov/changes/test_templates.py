import pytest
from sqlalchemy import select, text

from tests.factories import TEMPLATES, make_tenant, small_config
from webprov.changes.templates import (
    draft_template,
    find_version,
    mark_compared,
    save_template,
    tenant_names,
    versions_of,
)
from webprov.enums import Role
from webprov.errors import Conflict, InvalidInput, InvalidValue, NotAllowed, NotFound
from webprov.rights import CONSOLE, Actor
from webprov.site import SiteLoader
from webprov.store.models import ChangeRecord
from webprov.templatebases import upgraded
from webprov.templatefiles import find_template, list_templates

NAME = "test/line.cfg"
GOOD = "## format: keyvalue comment=# quote=none encoding=utf-8\nuser = ${USERID}\n"


@pytest.fixture
def config(tmp_path):
    return small_config(tmp_path)


@pytest.fixture
def site(config, session):
    make_tenant(session)
    return SiteLoader(config, recheck_seconds=0).load(session)


@pytest.fixture
def user(config):
    return config.user_provisioning_dir


def save(session, site, body, name=NAME, tenant="", **more):
    return save_template(session, site, name, tenant, body, CONSOLE, **more)


def winner(session, site, tenant, name=NAME):
    found = find_template(site, name, tenant_names(session))
    return found.winner(tenant).scope.value


def test_the_narrowest_file_wins(session, site, user):
    save(session, site, GOOD)
    save(session, site, GOOD.replace("user", "name"), tenant="acme")

    assert (user / NAME).read_text() == GOOD
    assert (user / "acme" / NAME).is_file()
    assert [winner(session, site, tenant) for tenant in ("acme", "globex", "")] == ["tenant", "global", "global"]
    save(session, site, None, tenant="acme")
    save(session, site, None)
    assert winner(session, site, "acme") == "shipped"
    assert not (user / "acme").exists()


def test_models_that_use_a_template_are_found_through_includes(session, site, config):
    (config.templates_dir / "test" / "line.cfg").write_text(GOOD + '<%include file="test/more.cfg"/>\n')
    (config.templates_dir / "test" / "more.cfg").write_text("## format: text\n${NOT(\n")

    found = {one.name: one for one in list_templates(site, [])}

    assert [model.key for model in found["test/more.cfg"].models] == ["test-desk", "test-lobby"]
    assert found["test/more.cfg"].refused(found["test/more.cfg"].files[0])


@pytest.mark.parametrize(
    ("body", "line", "words"),
    [
        (GOOD + "<% import os %>\n", 3, "Python code"),
        (GOOD + "% if USERID:\n", 3, ""),
        (GOOD + "${MAC.uper()}\n", 3, "upper"),
        (GOOD + '<%include file="test/none.cfg"/>\n', 3, "test/none.cfg"),
        (GOOD + '<%include file="test/line.cfg"/>\n', 3, "circle"),
        (GOOD + "x" * 600_000, 0, "131072 characters"),
    ],
)
def test_what_the_gate_refuses_is_not_written(session, site, user, body, line, words):
    [fault, *_] = draft_template(session, site, NAME, "", body).faults

    assert fault.line == line
    assert words in fault.sentence
    with pytest.raises(InvalidInput):
        save(session, site, body)
    assert not (user / NAME).exists()


def test_a_name_that_nothing_defines_is_doubted(session, site):
    draft = draft_template(session, site, NAME, "", GOOD + "x = ${REG_SERVR}\n")

    assert draft.faults == ()
    assert [(note.line, "Did you mean REG_SERVER?" in note.sentence) for note in draft.doubts] == [(3, True)]


def test_a_template_that_others_bring_in_may_not_break_them(session, site, config):
    main = config.templates_dir / "test" / "phone.cfg"
    main.write_text(main.read_text() + '% for line in LINE_SLOTS:\n<%include file="test/part.cfg"/>\n% endfor\n')
    (config.templates_dir / "test" / "part.cfg").write_text("## format: text\nx\n")
    deep = "## format: text\n% for a in LINE_SLOTS:\n% for b in KEY_SLOTS:\nx\n% endfor\n% endfor\n"

    [fault] = draft_template(session, site, "test/part.cfg", "", deep).faults

    assert "test/phone.cfg could no longer be used" in fault.sentence


@pytest.mark.parametrize(
    "name", ["../x.cfg", "/etc/passwd", "a/../b", ".hidden", "test/.x", "", "a//b", "a\\b", "x" * 300, "models.d/x.ini",
             "models.txt", "acme/phone.cfg", "test", "a\nb", "x~"],
)  # fmt: skip
def test_names_that_no_template_can_have_are_refused(session, site, user, name):
    (user / "test").mkdir()

    with pytest.raises(InvalidValue):
        draft_template(session, site, name, "", GOOD)


def test_links_are_never_followed(session, site, user, tmp_path):
    (tmp_path / "outside").mkdir()
    (user / "linked").symlink_to(tmp_path / "outside")
    (user / "test").mkdir()
    (user / NAME).symlink_to(tmp_path / "outside" / "x.cfg")

    for name in ("linked/x.cfg", NAME):
        with pytest.raises(InvalidValue, match="symbolic link"):
            save(session, site, GOOD, name)
    assert list((tmp_path / "outside").iterdir()) == []


def test_the_last_three_versions_are_kept_and_encrypted(session, site):
    for number in range(6):
        save(session, site, f"{GOOD}pin = canary-{number}\n")

    kept = versions_of(session, NAME, "")
    assert [version.text[-9:-1] for version in kept] == ["canary-4", "canary-3", "canary-2"]
    assert find_version(session, NAME, "", kept[0].id) is kept[0]
    with pytest.raises(NotFound):
        find_version(session, NAME, "acme", kept[0].id)
    assert "canary" not in str(session.execute(text("SELECT * FROM template_versions")).all())


def test_an_upgrade_under_an_override_is_told_until_it_was_compared(session, site, config):
    save(session, site, GOOD)
    file = find_template(site, NAME, []).winner("")
    assert upgraded(session, site, file) == []

    (config.templates_dir / NAME).write_text(TEMPLATES["line.cfg"] + "new.key = 1\n")

    assert [row.text for row in upgraded(session, site, file) if row.kind == "added"] == ["new.key = 1"]
    mark_compared(session, site, NAME, "", CONSOLE)
    assert upgraded(session, site, file) == []


def test_who_comes_second_is_told(session, site, user):
    seen = draft_template(session, site, NAME, "", GOOD).seen
    (user / "test").mkdir()
    (user / NAME).write_text(GOOD + "# by hand\n")

    with pytest.raises(Conflict):
        save(session, site, GOOD, seen=seen)
    assert (user / NAME).read_text().endswith("# by hand\n")


def test_changes_are_recorded_with_their_versions(session, site):
    save(session, site, GOOD, tenant="acme")

    record = session.scalars(select(ChangeRecord).where(ChangeRecord.thing == "template")).one()
    assert (record.action, record.name, record.tenant_id is not None) == ("create", NAME, True)
    assert record.fields["version"][0] == ""
    assert len(record.fields["version"][1]) == 12


def test_only_administrators_change_templates(session, site):
    with pytest.raises(NotAllowed):
        save_template(session, site, NAME, "", GOOD, Actor("Sam", Role.SUPPORT))
