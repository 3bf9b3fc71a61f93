import os

import pytest

from webprov.delivery.assets import TOP, SyncSource, asset_sources, contact_sources, folder_state, foreign_in_segments
from webprov.errors import StorageError


@pytest.fixture
def root(tmp_path):
    """Generated and shared things side by side."""
    for name in (
        "CONTACTS/acme/yealink.xml",
        "CONTACTS/globex/yealink.xml",
        "Config/common.cfg",
        "FIRMWARE-desk/desk.rom",
        "PROFILES/a/b.xml",
        "test-desk/805ec0000001.cfg",
        "cfg/805ec0000002.cfg",
        "805ec0000003.cfg",
        "logo.png",
        "805ec0000009.cfg",
        ".hidden/secret",
        ".805ec.tmp",
    ):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(name)
    (tmp_path / "etc").symlink_to("/etc")
    (tmp_path / "passwd").symlink_to("/etc/passwd")
    return tmp_path


OWNED = {"cfg", "805ec0000003.cfg"}


def test_every_directory_that_is_not_generated_is_an_asset(root):
    found = asset_sources(root, OWNED, {"test-desk"}, {})

    assert [source.path for source in found] == ["Config", "FIRMWARE-desk", "PROFILES", TOP]
    assert found[-1].names == {"logo.png"}


def test_directories_named_like_a_segment_are_never_assets(root):
    (root / "Test-LOBBY").mkdir()

    assert "Test-LOBBY" not in [source.path for source in asset_sources(root, OWNED, {"test-desk", "test-lobby"}, {})]


def test_firmware_goes_once_more_under_the_segments_that_use_it(root):
    found = asset_sources(root, OWNED, {"test-desk"}, {"test-desk": "FIRMWARE-desk", "test-lobby": "FIRMWARE-none"})

    assert {source.path: source.folder for source in found}["test-desk/FIRMWARE-desk"] == root / "FIRMWARE-desk"
    assert not any("FIRMWARE-none" in source.path for source in found)


def test_each_tenant_has_a_directory_of_contacts(root):
    assert [source.path for source in contact_sources(root)] == ["CONTACTS/acme", "CONTACTS/globex"]


def test_nothing_is_an_asset_where_there_is_no_directory(tmp_path):
    assert asset_sources(tmp_path / "none", set(), set(), {}) == []
    assert folder_state(SyncSource("x", tmp_path / "none")).files == 0


def test_a_state_tells_every_change_but_links_and_hidden_files(root):
    source = SyncSource("PROFILES", root / "PROFILES")
    before = folder_state(source)
    (root / "PROFILES" / "link").symlink_to("/etc")
    (root / "PROFILES" / ".x.tmp").write_text("half")
    assert folder_state(source) == before
    assert (before.files, before.size) == (1, len("PROFILES/a/b.xml"))

    for change in (
        lambda: (root / "PROFILES/new").write_text("1"),
        lambda: (root / "PROFILES/new").write_text("22"),
        lambda: os.utime(root / "PROFILES/new", ns=(1, 1)),
        lambda: (root / "PROFILES/new").rename(root / "PROFILES/newer"),
        lambda: (root / "PROFILES/newer").unlink(),
    ):
        state = folder_state(source)
        change()
        assert folder_state(source).digest != state.digest
    assert folder_state(source) == before


def test_files_made_by_hand_in_generated_folders_are_named(root):
    (root / "test-desk" / "mine.rom").write_text("x")

    assert foreign_in_segments(root, {"test-desk"}, {"test-desk/805ec0000001.cfg"}) == ["test-desk/mine.rom"]


def test_a_folder_that_cannot_be_read_is_no_empty_folder(root, monkeypatch):
    def refuse(path):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(os, "scandir", refuse)

    with pytest.raises(StorageError, match="PROFILES cannot be read: permission denied"):
        folder_state(SyncSource("PROFILES", root / "PROFILES"))
