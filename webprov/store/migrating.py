"""Bringing the tables to this version of webprov. Imported only where that is due: Alembic takes its time (P9)."""

import logging
import os
import sqlite3
from contextlib import closing
from pathlib import Path

from alembic import command
from alembic.config import Config as AlembicConfig
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Engine

from webprov.errors import ConfigError, StorageError
from webprov.store.database import MIGRATIONS

log = logging.getLogger(__name__)


def migrate(engine: Engine, to: str = "head") -> None:
    """Bring the tables to this version of webprov, or to the earlier revision `to`; raises ConfigError for a database,
    or a revision, of a newer one."""
    config = AlembicConfig()
    config.set_main_option("script_location", str(MIGRATIONS))
    scripts = ScriptDirectory.from_config(config)
    known = {script.revision for script in scripts.walk_revisions()}
    with engine.connect().execution_options(webprov_writes=True) as connection, connection.begin():
        present = MigrationContext.configure(connection).get_current_revision()
        for revision in (present, to):
            if revision and revision != "head" and revision not in known:
                raise ConfigError(f"The tables are of a newer webprov (revision {revision}). Install that version.")
        if present and to == "head" and present != scripts.get_current_head():
            _keep_copy(engine, present)
        config.attributes["connection"] = connection
        command.upgrade(config, to)


def _keep_copy(engine: Engine, revision: str) -> None:
    """Keep an SQLite database as it is beside itself, in the place of a copy kept earlier (security DB-06).

    Whoever has to go back puts the copy in its place and installs the version that it belongs to.
    """
    if engine.dialect.name != "sqlite" or not engine.url.database:
        return
    path = Path(engine.url.database)
    copy = path.with_name(f"{path.name}.before-upgrade")
    part = copy.with_name(f".{copy.name}.tmp")
    try:
        part.unlink(missing_ok=True)
        os.close(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600))
        with closing(sqlite3.connect(path)) as source, closing(sqlite3.connect(part)) as target:
            source.backup(target)
        part.replace(copy)
    except (OSError, sqlite3.Error) as e:
        part.unlink(missing_ok=True)
        raise StorageError(
            f"The database could not be copied to {copy} before the upgrade: {e}. Make room; nothing was changed."
        ) from e
    log.info("The tables of revision %s are kept in %s", revision, copy)
