"""Files appear whole or not at all, and none outside their folder (security FS-01, FS-07)."""

import os
import resource
import stat

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.properties import examples
from webprov.delivery.filestore import FileStore
from webprov.errors import StorageError

HOSTILE = [
    "../outside.cfg", "/etc/passwd", "a/../../x", "a//b", ".", "..", "", ".hidden", "a/.hidden", "a\\..\\b", "x\0.cfg",
    "a/", "/", "./x",
]  # fmt: skip


@pytest.fixture
def store(tmp_path):
    root = tmp_path / "provisioning"
    root.mkdir()
    return FileStore(root)


def test_write_puts_files_in_place_and_names_only_what_changed(store):
    first = store.write({"a.cfg": b"one", "segment/b.cfg": b"two"})
    second = store.write({"a.cfg": b"one", "segment/b.cfg": b"three"})

    assert first == ["a.cfg", "segment/b.cfg"]
    assert second == ["segment/b.cfg"]
    assert (store.root / "segment/b.cfg").read_bytes() == b"three"


def test_write_leaves_nothing_for_others(store):
    old = os.umask(0o027)
    try:
        store.write({"segment/a.cfg": b"secret"})
    finally:
        os.umask(old)

    modes = [stat.S_IMODE(path.stat().st_mode) & 0o007 for path in store.root.rglob("*")]
    assert modes == [0, 0]


def test_write_does_not_touch_the_time_of_unchanged_files(store):
    store.write({"a.cfg": b"one"})
    os.utime(store.root / "a.cfg", (1, 1))

    store.write({"a.cfg": b"one"})

    assert (store.root / "a.cfg").stat().st_mtime == 1


@pytest.mark.parametrize("name", HOSTILE)
def test_names_never_leave_the_root_nor_hide_in_it(store, name):
    with pytest.raises(StorageError):
        store.write({name: b"x"})
    with pytest.raises(StorageError):
        store.read(name)
    with pytest.raises(StorageError):
        store.remove([name])


@examples(200, 20_000)
@given(st.text(max_size=12) | st.text(alphabet="a./\\\0\n% é", max_size=8))
def test_fs01_no_text_at_all_is_the_name_of_a_file_elsewhere(store, name):
    try:
        path = store.path(name)
    except StorageError:
        return

    assert str(path) == f"{store.root}/{name}"
    assert os.path.realpath(path) == str(path)
    assert list(path.relative_to(store.root).parts) == name.split("/")


def test_symbolic_links_are_neither_read_nor_written_through(store, tmp_path):
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "secret").write_bytes(b"canary")
    (store.root / "link").symlink_to(outside)
    (store.root / "file.cfg").symlink_to(outside / "secret")

    assert store.read("file.cfg") is None
    with pytest.raises(StorageError, match="symbolic link"):
        store.read("link/secret")
    store.write({"file.cfg": b"new"})

    assert (outside / "secret").read_bytes() == b"canary"
    assert store.read("file.cfg") == b"new"


def test_an_error_leaves_every_old_file_and_no_leftover(store):
    store.write({"a.cfg": b"old", "b.cfg": b"old"})
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, hard))  # the second file does not fit
    try:
        with pytest.raises(StorageError, match="old files are still in place"):
            store.write({"a.cfg": b"new", "b.cfg": b"x" * 5000})
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))

    assert {path.name: path.read_bytes() for path in store.root.iterdir()} == {"a.cfg": b"old", "b.cfg": b"old"}


@pytest.mark.parametrize("nth", [1, 2, 3, 4, 5])
@pytest.mark.parametrize("call", ["open", "fsync", "rename"])
def test_a_failure_of_the_nth_call_never_tears_a_file(store, monkeypatch, call, nth):
    store.write({"a.cfg": b"old", "b.cfg": b"old"})
    real, count = getattr(os, call), []

    def failing(*args, **kwargs):
        count.append(args)
        if len(count) == nth:
            raise OSError(5, "Input/output error")
        return real(*args, **kwargs)

    monkeypatch.setattr(os, call, failing)
    try:
        store.write({"a.cfg": b"new", "b.cfg": b"new"})
    except StorageError as e:
        assert "input/output error" in str(e)  # noqa: PT017
    monkeypatch.undo()

    assert sorted(path.name for path in store.root.iterdir()) == ["a.cfg", "b.cfg"]
    assert {store.read("a.cfg"), store.read("b.cfg")} <= {b"old", b"new"}


def test_remove_forgets_files_and_empty_folders(store):
    store.write({"segment/a.cfg": b"x", "segment/b.cfg": b"x"})

    store.remove(["segment/a.cfg", "gone.cfg"])
    assert (store.root / "segment").is_dir()
    store.remove(["segment/b.cfg"])

    assert list(store.root.iterdir()) == []


def test_sweep_removes_only_old_leftovers(store):
    old, new = store.root / ".a.cfg.0123.tmp", store.root / ".b.cfg.4567.tmp"
    old.write_bytes(b"")
    new.write_bytes(b"")
    os.utime(old, (1, 1))

    assert store.sweep() == 1
    assert not old.exists()
    assert new.exists()
