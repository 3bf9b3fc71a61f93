"""Earlier tables, for tests of migrations."""

from alembic import command
from alembic.config import Config as AlembicConfig
from sqlalchemy import Engine

from webprov.store.database import MIGRATIONS


def downgrade(engine: Engine, revision: str) -> None:
    """Take the tables back to an earlier revision."""
    config = AlembicConfig()
    config.set_main_option("script_location", str(MIGRATIONS))
    with engine.connect().execution_options(webprov_writes=True) as connection, connection.begin():
        config.attributes["connection"] = connection
        command.downgrade(config, revision)
