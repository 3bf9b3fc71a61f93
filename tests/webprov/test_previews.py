import pytest

from tests.factories import MAC, TEMPLATES, make_device, make_tenant, small_config
from webprov.changes.devices import change_device
from webprov.changes.settings import save_settings
from webprov.deviceinput import parse_device
from webprov.errors import NotFound
from webprov.previews import DiffKind, DiffRow, diff_rows, preview_device, preview_variables
from webprov.provisioning import provision_device
from webprov.rights import CONSOLE
from webprov.site import SiteLoader
from webprov.store.devicedata import read_device

SECRET = "R=#*2cN-D39A"  # what the factory gives line 1


@pytest.fixture
def config(tmp_path):
    return small_config(tmp_path)


@pytest.fixture
def load(config, session):
    loader = SiteLoader(config, recheck_seconds=0)
    return lambda: loader.load(session)


@pytest.fixture
def device(session, load):
    make_tenant(session)
    return make_device(session, load())


def previews(session, load, *, reveal=False):
    found = preview_device(session, load(), read_device(session, MAC), reveal=reveal)
    return {preview.path: preview for preview in found}


def change(session, load, **flat):
    change_device(session, load(), MAC, parse_device({"mac": MAC, **flat}), CONSOLE)


def test_a_device_never_provisioned_has_files_only_as_rendered_now(session, load, device):
    found = previews(session, load)

    assert list(found) == ["805ec0000001.cfg", "805ec0000001-info.xml", "common.cfg"]
    assert [preview.shared for preview in found.values()] == [False, False, True]
    assert all(preview.on_disk is None and preview.differs for preview in found.values())
    assert "label = Desk 1\n" in found["805ec0000001.cfg"].now


def test_a_provisioned_device_does_not_differ(session, load, device):
    provision_device(session, load(), MAC)

    for reveal in (False, True):
        found = previews(session, load, reveal=reveal).values()
        assert not any(preview.differs or preview.difference for preview in found)
        assert all(preview.now == preview.on_disk for preview in found)


def test_secrets_are_masked_unless_revealed(session, load, device):
    provision_device(session, load(), MAC)

    hidden = previews(session, load)["805ec0000001.cfg"]
    shown = previews(session, load, reveal=True)["805ec0000001.cfg"]

    assert SECRET not in repr(hidden)
    assert device.admin_password not in repr(hidden)
    assert f"password = {SECRET}\n" in shown.now
    assert f"password = {SECRET}\n" in shown.on_disk


def test_a_changed_label_shows_as_two_lines(session, load, device):
    provision_device(session, load(), MAC)
    change(session, load, label="Lobby")

    rows = previews(session, load)["805ec0000001.cfg"].difference

    assert [(row.kind, row.text) for row in rows if row.kind not in (DiffKind.SAME, DiffKind.GAP)] == [
        (DiffKind.REMOVED, "label = Desk 1"),
        (DiffKind.ADDED, "label = Lobby"),
    ]


def test_a_changed_secret_differs_though_the_masked_texts_are_equal(session, load, device):
    provision_device(session, load(), MAC)
    change(session, load, line1_password="another-one")

    found = previews(session, load)["805ec0000001.cfg"]

    assert found.differs
    assert found.difference == []


def test_what_cannot_be_rendered_shows_the_sentence_and_what_is_on_disk(config, session, load, device):
    provision_device(session, load(), MAC)
    (config.templates_dir / "test" / "phone.cfg").write_text(TEMPLATES["phone.cfg"] + "${NO_SUCH}\n")

    found = previews(session, load)["805ec0000001.cfg"]

    assert found.now is None
    assert "NO_SUCH" in found.error
    assert "label = Desk 1" in found.on_disk


def test_a_missing_model_without_files_is_one_preview_with_the_sentence(config, session, load, device):
    (config.models_dir / "test.ini").write_text("")

    found = previews(session, load)

    assert list(found) == [""]
    assert "missing" in found[""].error
    with pytest.raises(NotFound):
        preview_variables(load(), read_device(session, MAC), reveal=False)


def test_external_files_are_found_below_their_segment(session, load, device):
    save_settings(session, {"mode": "external", "external_server": "dms.acme.example"}, CONSOLE)
    provision_device(session, load(), MAC)

    found = previews(session, load)

    assert not any(preview.differs for preview in found.values())


def test_preview_variables_are_masked_unless_revealed(session, load, device):
    data = read_device(session, MAC)

    hidden = preview_variables(load(), data, reveal=False).explain("PASSWORD", line=1)
    shown = preview_variables(load(), data, reveal=True).explain("PASSWORD", line=1)

    assert SECRET not in repr(hidden)
    assert shown.value == SECRET


def test_diff_rows_number_both_sides_and_leave_out_what_is_far():
    old = "\n".join("abcdefghij")

    rows = diff_rows(old, old.replace("f", "F\nG"))

    assert rows[0] == DiffRow(DiffKind.GAP, None, None, "")
    assert rows[1] == DiffRow(DiffKind.SAME, 3, 3, "c")
    assert [row for row in rows if row.kind in (DiffKind.REMOVED, DiffKind.ADDED)] == [
        DiffRow(DiffKind.REMOVED, 6, None, "f"),
        DiffRow(DiffKind.ADDED, None, 6, "F"),
        DiffRow(DiffKind.ADDED, None, 7, "G"),
    ]
    assert rows[-1] == DiffRow(DiffKind.GAP, None, None, "")
    assert diff_rows(old, old) == []
