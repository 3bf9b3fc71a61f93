import pytest

from tests.factories import MAC, TEMPLATES, make_device, make_tenant, small_config
from webprov.changes.devices import change_device
from webprov.changes.templates import save_template
from webprov.comparisons import against_device, against_fetched, against_revision, against_shipped, compared
from webprov.deviceinput import parse_device
from webprov.errors import NotFound
from webprov.previews import preview_device
from webprov.provisioning import provision_device
from webprov.rights import CONSOLE
from webprov.site import SiteLoader
from webprov.store.database import writing
from webprov.store.devicedata import read_device
from webprov.store.models import Device

SECRET = "R=#*2cN-D39A"  # what the factory gives line 1
FILE, SHARED = "805ec0000001.cfg", "common.cfg"
OTHER = "805EC00000AB"


@pytest.fixture
def config(tmp_path):
    return small_config(tmp_path)


@pytest.fixture
def load(config, session):
    loader = SiteLoader(config, recheck_seconds=0)
    return lambda: loader.load(session)


@pytest.fixture
def device(session, load):
    """Revision 1 has the label "old", the present one "new"."""
    make_tenant(session)
    device = make_device(session, load(), label="old")
    provision_device(session, load(), MAC)
    change(session, load, label="new")
    provision_device(session, load(), MAC)
    return device


def change(session, load, **flat):
    change_device(session, load(), MAC, parse_device({"mac": MAC, **flat}), CONSOLE)


def previews(session, load, *, reveal=False):
    return preview_device(session, load(), read_device(session, MAC), reveal=reveal)


def seen(found, side, path=FILE):
    return compared(next(preview for preview in found if preview.path == path), side)


def changed_lines(preview):
    return [(row.kind.value, row.text) for row in preview.difference if row.kind.value in ("added", "removed")]


@pytest.mark.parametrize("reveal", [False, True])
def test_an_earlier_revision_is_masked_unless_revealed(session, load, device, reveal):
    found = previews(session, load, reveal=reveal)

    side = against_revision(session, device, 1, found, reveal=reveal)

    preview = seen(found, side)
    assert changed_lines(preview) == [("removed", "label = old"), ("added", "label = new")]
    assert (SECRET in preview.on_disk) is reveal
    assert not seen(found, side, SHARED).differs  # no part of a revision: compared with the disk


def test_a_secret_that_changed_since_a_revision_differs_without_a_line(session, load, device):
    change(session, load, label="old", line1_password="another-one")
    found = previews(session, load)

    preview = seen(found, against_revision(session, device, 1, found, reveal=False))

    assert preview.differs
    assert changed_lines(preview) == []


def test_what_the_phone_fetched_last_is_found_by_its_revision(session, load, device):
    found = previews(session, load)
    sides = {}
    for number in (0, 1, 2, 9):
        with writing(session):
            session.get(Device, device.id).fetched_revision = number
        sides[number] = against_fetched(session, session.get(Device, device.id), found, reveal=False)

    assert "not fetched" in sides[0].missing
    assert "label = old\n" in seen(found, sides[1]).on_disk
    assert not seen(found, sides[2]).differs
    assert "Revision 9" in sides[9].missing


def test_another_device_is_compared_without_secrets_file_by_file(session, load, device):
    make_device(session, load(), OTHER, label="new", line1_userid="2000", line1_password="quite-another")
    found = previews(session, load)

    side = against_device(session, load(), read_device(session, MAC), read_device(session, OTHER))

    preview = seen(found, side)
    assert ("removed", "account.1.user = 2000") in changed_lines(preview)
    assert "quite-another" not in repr(side)
    assert not any("password" in text for _, text in changed_lines(preview))
    assert "805ec00000ab" in seen(found, side, "805ec0000001-info.xml").on_disk


def test_the_shipped_templates_are_those_without_any_of_ones_own(session, load, device):
    text = TEMPLATES["phone.cfg"].replace("label = ${LABEL}", "label = Our ${LABEL}")
    save_template(session, load(), "test/phone.cfg", "", text, CONSOLE)
    found = previews(session, load)

    preview = seen(found, against_shipped(load(), read_device(session, MAC), reveal=False))

    assert changed_lines(preview) == [("removed", "label = new"), ("added", "label = Our new")]
    assert SECRET not in repr(preview)


def test_a_model_of_ones_own_is_not_shipped(config, session, load, device):
    own = config.user_provisioning_dir / "models.txt"
    own.write_text("[our-phone]\nextends = test-desk\nlabel = Ours\n")
    change(session, load, model="our-phone")

    assert "not shipped" in against_shipped(load(), read_device(session, MAC), reveal=False).missing


def test_a_revision_that_is_gone_cannot_be_compared(session, load, device):
    with pytest.raises(NotFound):
        against_revision(session, device, 7, [], reveal=False)
