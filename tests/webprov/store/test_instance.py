import os
import stat
import subprocess
import sys

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import text

from webprov.errors import ConfigError, KeyFileError
from webprov.store.database import MIGRATIONS
from webprov.store.instance import new_setup_token, open_instance, setup_token_fits
from webprov.store.models import Base, User
from webprov.store.settings import load_settings


def test_open_instance_makes_key_database_and_first_settings(config, instance, session):
    settings = load_settings(session)

    assert stat.S_IMODE(config.key_file.stat().st_mode) == 0o600
    assert settings.version == 1
    assert len(settings.http_password) == 22
    assert settings.http_password != settings.ftp_password
    assert settings.http_password.encode() not in (config.instance / "webprov.sqlite3").read_bytes()


def test_nothing_of_the_instance_is_for_others(config, instance):
    modes = {path: stat.S_IMODE(path.stat().st_mode) for path in [config.instance, *config.instance.rglob("*")]}

    assert {path: oct(mode) for path, mode in modes.items() if mode & 0o007} == {}


def test_open_instance_again_keeps_everything(config, instance, session):
    before = load_settings(session)

    again = open_instance(config)

    with again.sessions() as other:
        assert load_settings(other) == before
    again.close()


def test_open_instance_refuses_a_foreign_key(config, instance):
    instance.close()
    config.key_file.unlink()
    with pytest.raises(KeyFileError, match="is missing"):
        open_instance(config)

    config.key_file.write_text("MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=\n")
    config.key_file.chmod(0o600)
    with pytest.raises(KeyFileError, match=r"secret\.key"):
        open_instance(config)


@pytest.mark.parametrize("content", ["dev\n", "", "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n"])
def test_open_instance_refuses_a_weak_key(config, content):
    config.instance.mkdir()
    config.key_file.touch(mode=0o600)
    config.key_file.write_text(content)

    with pytest.raises(KeyFileError, match="does not hold keys"):
        open_instance(config)


def test_open_instance_refuses_a_key_that_others_can_read(config, instance):
    config.key_file.chmod(0o644)

    with pytest.raises(KeyFileError, match="chmod 600"):
        open_instance(config)


def test_db06_open_instance_refuses_a_newer_database(config, instance):
    with instance.engine.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))

    with pytest.raises(ConfigError, match="newer webprov"):
        open_instance(config)


@pytest.mark.filterwarnings("ignore:.*expression-based index")
def test_migrations_make_the_tables_of_the_models(instance):
    with instance.engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        differences = [d for d in compare_metadata(context, Base.metadata) if "uq_custom_variables_scope" not in str(d)]

    assert differences == []


def test_setup_token_works_once_and_until_the_first_user(session):
    first = new_setup_token(session)
    second = new_setup_token(session)

    assert not setup_token_fits(session, first)
    assert setup_token_fits(session, second)
    assert not setup_token_fits(session, "")
    session.add(User(name="noor", password_hash="x", role="administrator"))
    session.commit()
    assert not setup_token_fits(session, second)
    assert new_setup_token(session) is None


def test_umask_is_forced(instance):
    current = os.umask(0o027)

    assert current == 0o027


def test_an_instance_of_this_version_is_opened_without_alembic(config, instance):
    instance.close()
    seen = "import sys; from webprov.config import load_config; from webprov.store.instance import open_instance; "
    code = f"{seen}open_instance(load_config()).close(); print('alembic' in sys.modules)"

    env = {**os.environ, "WEBPROV_INSTANCE": str(config.instance)}
    found = subprocess.run([sys.executable, "-c", code], env=env, capture_output=True, text=True, check=True)

    assert found.stdout == "False\n"


def test_file_names_of_migrations_begin_with_their_revision():
    for path in MIGRATIONS.glob("versions/[0-9]*.py"):
        assert f'revision = "{path.name.partition("_")[0]}"\n' in path.read_text()
