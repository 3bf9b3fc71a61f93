"""Backup and restore of a real fleet: security DB-05."""

import shutil
import tarfile
from contextlib import ExitStack
from pathlib import Path

import pytest
from sqlalchemy import create_engine, func, inspect, select, text

from tests.postgresql import fresh_postgresql
from tests.webprov.backups.packing import contents, repack
from tests.webprov.store.goback import downgrade
from webprov.backups import archive
from webprov.backups.archive import write_backup
from webprov.backups.restoring import check_backup, restore_backup
from webprov.config import load_config
from webprov.demo import fill_demo
from webprov.errors import BackupError, StorageError
from webprov.provisioning import provision_devices
from webprov.site import SiteLoader
from webprov.store.database import writing
from webprov.store.devicedata import read_devices
from webprov.store.instance import open_instance
from webprov.store.models import ChangeRecord, Device, FetchRecord, utc_now

COUNTED = (Device, FetchRecord)


def counts(instance):
    with instance.sessions() as session:
        return [session.scalar(select(func.count()).select_from(model)) for model in COUNTED]


def check_same(config, demo) -> None:
    """Whether the restored instance holds the demo: the same rows, and the same bytes when rendered again."""
    instance, loader = open_instance(config), SiteLoader(config)
    try:
        assert counts(instance) == counts(demo)
        with instance.sessions() as session:
            found = read_devices(session)
            results = provision_devices(session, loader.load(session), [device.id for device in found])
        with demo.sessions() as session:
            assert [str(device) for device in found] == [str(device) for device in read_devices(session)]
        assert {(result.error, result.written) for result in results} == {("", ())}
    finally:
        instance.close()


def test_a_restored_instance_has_the_same_rows_and_files_and_renders_the_same_bytes(demo, backup, config):
    restored = restore_backup(config, backup)

    assert backup.stat().st_mode & 0o777 == 0o600
    assert contents(config.instance) == contents(demo.config.instance)
    assert (restored.summary.devices, restored.set_aside, restored.remark) == (60, None, "")
    assert restored.summary.files == len(contents(demo.config.instance)) - 1
    assert (config.instance / "secret.key").stat().st_mode & 0o777 == 0o600
    assert (config.instance / "scripts/push").stat().st_mode & 0o777 == 0o750
    assert not list(config.instance.rglob(".*.tmp")) + list((config.instance / "tmp").iterdir())
    assert not [path for path in config.instance.rglob("*") if path.stat().st_mode & 0o007]
    check_same(config, demo)


def test_a_backup_and_a_restore_are_in_the_trail(demo, backup, config):
    restore_backup(config, backup)

    instance = open_instance(config)
    with demo.sessions() as here, instance.sessions() as there:
        query = select(ChangeRecord.action, ChangeRecord.thing).order_by(ChangeRecord.id.desc()).limit(1)
        assert here.execute(query).one() == ("make", "backup")
        assert there.execute(query).one() == ("restore", "backup")
    instance.close()


def test_what_stood_there_is_set_aside(demo, backup, config):
    instance = open_instance(config)
    (config.instance / "webprov.cfg").write_text("WEBPROV_LOG_LEVEL = debug\n")
    (config.provisioning_dir / "mine.cfg").write_text("mine")
    key = config.key_file.read_bytes()
    instance.close()

    restored = restore_backup(config, backup)

    assert restored.set_aside
    assert restored.set_aside.stat().st_mode & 0o777 == 0o700
    assert (restored.set_aside / "provisioning/mine.cfg").read_text() == "mine"
    assert (restored.set_aside / "secret.key").read_bytes() == key
    assert (restored.set_aside / "webprov.sqlite3").exists()
    assert (config.instance / "webprov.cfg").read_text() == "WEBPROV_LOG_LEVEL = debug\n"
    check_same(config, demo)


def test_a_sealed_backup_needs_its_passphrase(demo, tmp_path, config):
    file = tmp_path / "sealed.backup"
    write_backup(demo, file, passphrase="seven quiet lamps")

    for passphrase, sentence in (("", "is sealed"), ("seven quiet lamp", "does not open")):
        with pytest.raises(BackupError, match=sentence):
            restore_backup(config, file, passphrase=passphrase)
    assert not config.key_file.exists()
    assert check_backup(config, file, passphrase="seven quiet lamps").summary.devices == 60
    assert not config.key_file.exists()
    restore_backup(config, file, passphrase="seven quiet lamps")
    check_same(config, demo)


def test_firmware_can_be_left_out(demo, tmp_path, config):
    file = tmp_path / "light.backup"
    write_backup(demo, file, firmware=False)

    restore_backup(config, file)

    left_out = contents(demo.config.instance).keys() - contents(config.instance).keys()
    assert left_out
    assert {name.split("/")[1].partition("-")[0] for name in left_out} == {"FIRMWARE"}


def test_a_backup_replaces_no_file_and_leaves_nothing_where_it_fails(demo, tmp_path, monkeypatch):
    old = tmp_path / "old.backup"
    old.write_text("old")
    with pytest.raises(StorageError, match="exists already"):
        write_backup(demo, old)
    monkeypatch.setattr(
        tarfile.TarFile, "addfile", lambda *_: (_ for _ in ()).throw(OSError(28, "No space left on device"))
    )
    with pytest.raises(StorageError, match="No space left on device"):
        write_backup(demo, tmp_path / "new.backup")
    with pytest.raises(StorageError, match=r"There is no folder .*nowhere"):
        write_backup(demo, tmp_path / "nowhere" / "new.backup")

    assert {path.name for path in tmp_path.iterdir()} == {"old.backup"}
    assert old.read_text() == "old"


def test_a_backup_of_an_earlier_version_is_brought_to_this_one(tmp_path, config):
    old = load_config({"WEBPROV_INSTANCE": str(tmp_path / "old")})
    instance = open_instance(old)
    with instance.sessions() as session:
        fill_demo(session, SiteLoader(old))
    before = counts(instance)
    downgrade(instance.engine, "0016")
    backup = tmp_path / "old.backup"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("webprov.backups.archive.record_change", lambda *_: None)
        write_backup(instance, backup)
    instance.close()

    restore_backup(config, backup)

    restored = open_instance(config)
    assert counts(restored) == before
    restored.close()


@pytest.mark.parametrize("database", ["sqlite", "postgresql"])
def test_a_backup_is_of_one_moment(backup, config, tmp_path, monkeypatch, database):
    whole = archive._Bag.add_lines

    def add_lines(*given):
        """Somebody fetches a file while the backup is made."""
        with instance.sessions() as session, writing(session):
            session.add(FetchRecord(at=utc_now(), protocol="http", address="x", path="x", status=200))
        whole(*given)

    with ExitStack() as stack:
        url = stack.enter_context(fresh_postgresql()) if database == "postgresql" else ""
        used = load_config({"WEBPROV_INSTANCE": str(tmp_path / "used"), "WEBPROV_DATABASE_URL": url})
        restore_backup(used, backup)
        instance = open_instance(used)
        stack.callback(instance.close)
        before = counts(instance)
        monkeypatch.setattr(archive._Bag, "add_lines", add_lines)
        write_backup(instance, tmp_path / "used.backup")
        assert counts(instance) != before

    restore_backup(config, tmp_path / "used.backup")
    restored = open_instance(config)
    assert counts(restored) == before
    restored.close()


def test_db07_from_sqlite_to_postgresql_and_back(demo, backup, config, tmp_path):
    with fresh_postgresql() as url:
        moved = load_config({"WEBPROV_INSTANCE": str(tmp_path / "moved"), "WEBPROV_DATABASE_URL": url})
        restore_backup(moved, backup)
        check_same(moved, demo)
        with pytest.raises(StorageError, match="is not empty"):
            restore_backup(moved, backup)
        instance = open_instance(moved)
        with instance.sessions() as session:  # new rows come after those restored
            session.add(
                FetchRecord(
                    at=session.scalar(select(FetchRecord.at)), protocol="http", address="x", path="x", status=200
                )
            )
            session.commit()
        write_backup(instance, tmp_path / "moved.backup")
        before = counts(instance)
        instance.close()

    restore_backup(config, tmp_path / "moved.backup")
    back = open_instance(config)
    assert counts(back) == before == [counts(demo)[0], counts(demo)[1] + 1]
    back.close()


def test_a_database_is_empty_again_where_the_tables_do_not_fit(backup, tmp_path):
    spoiled = tmp_path / "spoiled.backup"
    repack(backup, spoiled, replace={"database/lines.jsonl": b'{"id":"plain"}\n'})
    with fresh_postgresql() as url:
        config = load_config({"WEBPROV_INSTANCE": str(tmp_path / "moved"), "WEBPROV_DATABASE_URL": url})
        with pytest.raises(BackupError, match="columns of “lines”"):
            restore_backup(config, spoiled)
        restore_backup(config, backup)


def test_what_somebody_else_keeps_in_the_database_stays(backup, tmp_path):
    with fresh_postgresql() as url:
        config = load_config({"WEBPROV_INSTANCE": str(tmp_path / "moved"), "WEBPROV_DATABASE_URL": url})
        engine = create_engine(url)
        with engine.begin() as connection:
            connection.execute(text("CREATE TABLE users (name varchar)"))
        with pytest.raises(StorageError, match="is not empty"):
            restore_backup(config, backup)
        assert inspect(engine).get_table_names() == ["users"]
        engine.dispose()


def test_a_database_that_does_not_answer_is_named_without_its_password(backup, tmp_path):
    url = "postgresql+psycopg://webprov:hush@127.0.0.1:1/webprov"
    config = load_config({"WEBPROV_INSTANCE": str(tmp_path / "moved"), "WEBPROV_DATABASE_URL": url})
    with pytest.raises(StorageError, match=r"127\.0\.0\.1:1/webprov cannot be used") as refused:
        restore_backup(config, backup)
    assert "hush" not in str(refused.value)


@pytest.mark.parametrize("works", range(9))
def test_what_cannot_be_moved_is_moved_back_altogether(backup, config, monkeypatch, works):
    instance = open_instance(config)
    (config.provisioning_dir / "mine.cfg").write_text("mine")
    (config.instance / "scripts").rmdir()
    (config.instance / "scripts").symlink_to("/opt/nowhere")
    instance.close()
    before = everything(config.instance)
    left = iter(range(works))
    whole = shutil.move

    def move(source, target):
        if next(left, None) is None and not str(source).startswith(str(config.instance / "before-restore-")):
            monkeypatch.setattr(shutil, "move", whole)
            raise OSError(16, "Device or resource busy", str(source))
        return whole(source, target)

    monkeypatch.setattr(shutil, "move", move)
    with pytest.raises(StorageError, match="Device or resource busy"):
        restore_backup(config, backup)

    assert everything(config.instance) == before
    restore_backup(config, backup)
    assert (config.instance / "scripts/push").exists()


def everything(folder: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(folder)): path.read_bytes() if path.is_file() else b""
        for path in folder.rglob("*")
        if path.name != "tmp"
    }


@pytest.mark.parametrize(
    ("here", "given", "taken", "beside"),
    [
        ("", "WEBPROV_LOG_LEVEL = debug", True, False),
        ("WEBPROV_LOG_LEVEL = debug", "WEBPROV_LOG_LEVEL = debug", True, False),
        ("WEBPROV_LOG_LEVEL = info", "WEBPROV_LOG_LEVEL = debug", False, True),
        ("", "WEBPROV_DATABASE_URL = sqlite:////elsewhere.sqlite3", False, True),
        ("", "nonsense", False, True),
    ],
)
def test_the_configuration_of_another_machine_is_taken_over_where_it_fits(
    backup, config, tmp_path, here, given, taken, beside
):
    file = tmp_path / "with.backup"
    repack(backup, file, add={"files/webprov.cfg": given.encode()})
    config.instance.mkdir()
    if here:
        (config.instance / "webprov.cfg").write_text(here)

    remark = restore_backup(config, file).remark

    assert (
        (config.instance / "webprov.cfg").exists() and (config.instance / "webprov.cfg").read_text() == given
    ) is taken
    assert (config.instance / "webprov.cfg.from-backup").exists() is beside is bool(remark)
