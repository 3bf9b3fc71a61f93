"""Bringing the tables to this version of webprov. Imported only where that is due: Alembic takes its time (P9)."""

from alembic import command
from alembic.config import Config as AlembicConfig
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Engine

from webprov.errors import ConfigError
from webprov.store.database import MIGRATIONS


def migrate(engine: Engine) -> None:
    """Bring the tables to this version of webprov; raises ConfigError for a database of a newer one."""
    config = AlembicConfig()
    config.set_main_option("script_location", str(MIGRATIONS))
    known = {script.revision for script in ScriptDirectory.from_config(config).walk_revisions()}
    with engine.connect().execution_options(webprov_writes=True) as connection, connection.begin():
        present = MigrationContext.configure(connection).get_current_revision()
        if present and present not in known:
            raise ConfigError(f"The database was made by a newer webprov (revision {present}). Install that version.")
        config.attributes["connection"] = connection
        command.upgrade(config, "head")
