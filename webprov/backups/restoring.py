"""A backup back into an instance: unpacked and opened beside it first, put in its place only when all is well.

What stood there is not deleted but set aside in `before-restore-<time>/`. A backup is code as much as data (templates,
scripts): restore only what you trust.
"""

import os
import secrets
import shutil
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

from sqlalchemy import URL, func, inspect, select
from sqlalchemy.engine import make_url
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from webprov.audit import record_change
from webprov.backups.archive import CONFIG, FOLDERS, KEY, Summary
from webprov.backups.tables import drop_tables, fill_tables
from webprov.backups.unpacking import Unpacked, unpacked
from webprov.config import Config, load_config
from webprov.errors import BackupError, KeyFileError, StorageError, WebprovError
from webprov.rights import CONSOLE
from webprov.store.database import open_engine, writing
from webprov.store.instance import check_key
from webprov.store.migrating import migrate
from webprov.store.models import Device, utc_now
from webprov.store.secrets import keyring, open_keyring, unlock

_LONGEST_LINE = 64 * 1024 * 1024


@dataclass(frozen=True)
class Restored:
    """What a restore came to: what is in the backup, when and by which webprov it was made, where the former instance
    lies (None: there was none, or nothing was changed), and what else there is to say."""

    summary: Summary
    made_at: datetime
    version: str
    set_aside: Path | None = None
    remark: str = ""


def check_backup(config: Config, file: Path, *, passphrase: str = "") -> Restored:
    """Unpack `file` beside the instance, open what comes out with its own key, and remove it again; raises as
    `restore_backup` does."""
    with unpacked(config, file, passphrase) as found:
        return _restored(found, _fill_database(found, f"sqlite:///{found.folder / 'checked.sqlite3'}"))


def restore_backup(config: Config, file: Path, *, passphrase: str = "") -> Restored:
    """Put the instance of `file` in the place of that of `config`, which nobody may be serving.

    Raises BackupError for what is no whole backup, StorageError where something cannot be read or written; the instance
    is as it was then. A database other than SQLite has to be empty.
    """
    target = make_url(config.database_url)
    with unpacked(config, file, passphrase) as found:
        moves: dict[Path, Path] = {}
        if target.get_backend_name() == "sqlite":
            fresh = found.folder / "restored.sqlite3"
            devices = _fill_database(found, f"sqlite:///{fresh}")
            moves[Path(target.database or "")] = fresh
        else:
            _refuse_tables(target)
            devices = _fill_database(found, config.database_url)
        moves |= {config.instance / name: found.folder / name for name in (*FOLDERS, KEY)}
        remark = _place_config(config, found, moves)
        try:
            set_aside = _exchange(config.instance, moves)
        except OSError:
            if target.get_backend_name() != "sqlite":
                _drop_tables(config.database_url)
            raise
        return replace(_restored(found, devices), set_aside=set_aside, remark=remark)


def _restored(found: Unpacked, devices: int) -> Restored:
    return Restored(Summary(devices, found.files, found.size), found.made_at, found.version)


def _fill_database(found: Unpacked, url: str) -> int:
    """Make the database at `url`, empty so far, from the tables and bring it to this version; how many devices.

    It is empty again where that does not work.
    """
    engine = open_engine(url)
    try:
        unlock(open_keyring(found.folder / KEY, create=False))
        migrate(engine, found.revision)
        with engine.connect().execution_options(webprov_writes=True) as connection, connection.begin():
            fill_tables(connection, {name: _lines(path) for name, path in found.tables.items()})
        migrate(engine)
        with Session(engine) as session:
            check_key(session, keyring())
            with writing(session):
                record_change(session, CONSOLE, "restore", "backup", f"{found.made_at:%Y-%m-%d %H:%M} UTC")
            return session.scalar(select(func.count()).select_from(Device)) or 0
    except (WebprovError, SQLAlchemyError) as e:
        _drop_tables(url)
        if isinstance(e, KeyFileError):
            raise BackupError("The backup is damaged: it does not hold the key that opens its secrets.") from e
        if isinstance(e, SQLAlchemyError):
            raise BackupError(f"The tables cannot be filled: {str(e).splitlines()[0][:300]}") from e
        raise
    finally:
        engine.dispose()


def _refuse_tables(target: URL) -> None:
    """Raise StorageError where anything is in the database: what goes wrong later could not be told from it."""
    engine = open_engine(target.render_as_string(hide_password=False))
    try:
        names = inspect(engine).get_table_names()
    except SQLAlchemyError as e:
        raise StorageError(f"{target!r} cannot be used: {str(e).splitlines()[0][:300]}") from e
    finally:
        engine.dispose()
    if names:
        raise StorageError(f"{target!r} is not empty, and a restore deletes nothing. Name an empty database.")


def _drop_tables(url: str) -> None:
    engine = open_engine(url)
    with suppress(SQLAlchemyError), engine.begin() as connection:
        drop_tables(connection)
    engine.dispose()


def _lines(path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        yield from iter(lambda: file.readline(_LONGEST_LINE), b"")


def _place_config(config: Config, found: Unpacked, moves: dict[Path, Path]) -> str:
    """Take over `webprov.cfg` where this machine has none and it names the same database; what to say otherwise."""
    given, here = found.folder / CONFIG, config.instance / CONFIG
    if not given.exists() or (here.exists() and here.read_bytes() == given.read_bytes()):
        return ""
    if not here.exists() and _names_database(given, config):
        moves[here] = given
        return ""
    beside = config.instance / f"{CONFIG}.from-backup"
    moves[beside] = given
    return f"The backup's {CONFIG} is not this machine's. It lies in {beside}: take over what you need."


def _names_database(file: Path, config: Config) -> bool:
    try:
        given = load_config({"WEBPROV_INSTANCE": str(file.parent)}).database_url
    except WebprovError:
        return False
    return given.replace(str(file.parent), str(config.instance)) == config.database_url


def _exchange(instance: Path, moves: dict[Path, Path]) -> Path | None:
    """Put each new thing in its place, what stood there into a folder beside; that folder, if anything did.

    All or nothing: where one cannot be moved (a mount, say), those before are moved back.
    """
    aside = instance / f"before-restore-{utc_now():%Y%m%d-%H%M%S}-{secrets.token_hex(2)}"
    aside.mkdir(mode=0o700)
    os.sync()
    done: list[tuple[Path, Path]] = []
    try:
        for old, new in moves.items():
            parts = [old, *(old.with_name(old.name + ending) for ending in ("-wal", "-shm"))]
            for source, target in [*((part, aside / part.name) for part in parts if _is_there(part)), (new, old)]:
                shutil.move(source, target)
                done.append((source, target))
    except OSError:
        for source, target in reversed(done):
            shutil.move(target, source)
        aside.rmdir()
        raise
    for folder in aside.iterdir():
        if folder.is_dir() and not folder.is_symlink() and not any(folder.iterdir()):
            folder.rmdir()
    if any(aside.iterdir()):
        return aside
    aside.rmdir()
    return None


def _is_there(path: Path) -> bool:
    return path.exists() or path.is_symlink()
