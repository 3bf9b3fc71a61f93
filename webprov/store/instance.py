"""Opening an instance folder: its database, its key, what a first start puts there."""

import hashlib
import importlib
import os
import secrets
from dataclasses import dataclass

from sqlalchemy import Engine, func, select
from sqlalchemy.orm import Session, sessionmaker

from webprov.config import Config
from webprov.errors import KeyFileError, StorageError
from webprov.store.database import bump, is_current, is_empty, open_engine, writing
from webprov.store.models import InstanceFact, SettingsRecord, User
from webprov.store.secrets import Keyring, keyring, open_keyring, same_secret, unlock
from webprov.store.settings import first_settings, store_settings

_FOLDERS = ("provisioning", "user_provisioning", "uploads", "tls", "scripts")
_KEY_CHECK = "webprov"


@dataclass(frozen=True)
class Instance:
    """An opened instance: how it is deployed, its database and a maker of sessions."""

    config: Config
    engine: Engine
    sessions: sessionmaker[Session]

    def close(self) -> None:
        """Give the database connections back."""
        self.engine.dispose()


def open_instance(config: Config) -> Instance:
    """Open the instance, making or migrating what is missing: folders, key file, tables, first settings.

    Raises KeyFileError for a key file that does not fit (security SE-01), ConfigError for a database of a newer
    webprov, StorageError where nothing can be written.
    """
    make_folders(config)
    unlock(open_keyring(config.key_file, create=is_empty(config.database_url)))
    engine = open_engine(config.database_url)
    if not is_current(engine):
        importlib.import_module("webprov.store.migrating").migrate(engine)
    instance = Instance(config, engine, sessionmaker(engine, info={"queue_url": config.queue_url}))
    with instance.sessions() as session:
        check_key(session, keyring())
        _first_settings(session)
    return instance


def make_folders(config: Config) -> None:
    """Make what is missing of the instance's folders; raises StorageError.

    Files made from now on are not for others (security FS-02).
    """
    os.umask(0o027)
    try:
        for folder in (config.instance, *(config.instance / name for name in _FOLDERS)):
            folder.mkdir(mode=0o750, parents=True, exist_ok=True)
    except OSError as e:
        raise StorageError(f"{config.instance} cannot be used: {e.strerror}. Choose another WEBPROV_INSTANCE.") from e


def check_key(session: Session, ring: Keyring) -> None:
    """Make sure that the secrets in the database are opened by `ring`; raises KeyFileError."""
    fact = session.get(InstanceFact, "key_check")
    if fact is None:
        with writing(session):
            if session.get(InstanceFact, "key_check") is None:
                session.add(InstanceFact(name="key_check", value=ring.encrypt(_KEY_CHECK)))
    elif ring.decrypt(fact.value) != _KEY_CHECK:
        raise KeyFileError("The key file does not belong to this database. Put back the secret.key that does.")


def renew_key_check(session: Session, ring: Keyring) -> int:
    """Encrypt with the current key what `check_key` looks at; 1 where it was not yet, else 0."""
    fact = session.get_one(InstanceFact, "key_check")
    before, fact.value = fact.value, ring.renew(fact.value)
    return int(fact.value != before)


def _first_settings(session: Session) -> None:
    if session.get(SettingsRecord, 1) is None:
        with writing(session):
            if session.get(SettingsRecord, 1) is None:
                store_settings(session, first_settings(), by="")
                bump(session, "settings")


def new_setup_token(session: Session) -> str | None:
    """A fresh one-time token for the set-up page, or None when somebody can sign in already (security UI-13).

    Only its hash is kept; a token made earlier stops working.
    """
    if has_users(session):
        return None
    token = secrets.token_urlsafe(18)
    with writing(session):
        session.merge(InstanceFact(name="setup_token", value=_hash(token)))
    return token


def setup_token_fits(session: Session, token: str) -> bool:
    """Whether `token` is the one printed last and nobody has used it."""
    fact = session.get(InstanceFact, "setup_token")
    return not has_users(session) and fact is not None and same_secret(_hash(token.strip()), fact.value)


def has_users(session: Session) -> bool:
    """Whether the first administrator exists."""
    return bool(session.scalar(select(func.count()).select_from(User)))


def _hash(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()
