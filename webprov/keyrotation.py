"""A new key for the secrets at rest (security SE-01): each is encrypted with it, then the former one is dropped.

The key file holds both meanwhile, so that whatever breaks off, everything still opens and the next rotation ends it.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import Column, LargeBinary, Table, Text, bindparam, select, tuple_, type_coerce, update
from sqlalchemy.orm import Session

from webprov import importfiles
from webprov.audit import CHANGED, record_change
from webprov.errors import KeyFileError, StorageError
from webprov.rights import CONSOLE
from webprov.store.database import writing
from webprov.store.instance import Instance, check_key, renew_key_check
from webprov.store.models import Base
from webprov.store.secrets import Keyring, Sealed, Secret, keyring, new_key, read_keys, unlock, write_keys

_AT_ONCE = 500


@dataclass(frozen=True, slots=True)
class Rotation:
    """What was encrypted anew, and where the former keys lie."""

    secrets: int
    former: Path


def rotate_key(instance: Instance) -> Rotation:
    """Give the instance a new key; nobody may serve or change it meanwhile.

    The former keys are kept beside the key file: copies of the database made before need them. Raises StorageError
    where a file cannot be written, KeyFileError for a secret that no key opens; all is as readable as before then.
    """
    path = instance.config.key_file
    former = path.with_name(f"{path.name}.before-rotation")
    keys = [new_key(), *read_keys(path)]
    try:
        earlier = read_keys(former) if former.exists() else []
        write_keys(former, list(dict.fromkeys([*keys[1:], *earlier])))
        write_keys(path, keys)
        unlock(Keyring(keys))
        with instance.sessions() as session:
            with writing(session):
                count = _renew_tables(session) + renew_key_check(session, keyring())
                record_change(session, CONSOLE, "change", "key", path.name, fields={path.name: CHANGED})
            count += importfiles.renew(instance.config)
            unlock(Keyring(keys[:1]))
            check_key(session, keyring())
        write_keys(path, keys[:1])
    except OSError as e:
        raise StorageError(f"{e.filename or path} cannot be written: {e.strerror}. Everything opens as before.") from e
    return Rotation(count, former)


def _renew_tables(session: Session) -> int:
    return sum(_renew(session, table, column) for table in Base.metadata.sorted_tables for column in _sealed(table))


def _sealed(table: Table) -> list[Column[Any]]:
    return [column for column in table.columns if isinstance(column.type, Secret | Sealed)]


def _renew(session: Session, table: Table, column: Column[Any]) -> int:
    """Encrypt a column anew, a piece at a time; how many values were not yet encrypted with the current key."""
    ring, key = keyring(), list(table.primary_key)
    raw: Any = type_coerce(column, LargeBinary if isinstance(column.type, Sealed) else Text)
    renew: Any = ring.reseal if isinstance(column.type, Sealed) else ring.renew
    rows = select(*key, raw.label("value")).where(raw.is_not(None)).order_by(*key).limit(_AT_ONCE)
    here = (part == bindparam(f"key_{number}") for number, part in enumerate(key))
    change = update(table).where(*here).values({column: bindparam("fresh", type_=raw.type)})
    count, last = 0, None
    while found := session.execute(rows if last is None else rows.where(tuple_(*key) > last)).all():
        last = tuple(found[-1][:-1])
        changed = []
        for *place, value in found:
            try:
                fresh = renew(value) if value else value
            except (ValueError, KeyFileError) as e:
                raise KeyFileError(f"A value of {column} is opened by no key. Everything else opens as before.") from e
            if fresh != value:
                changed.append({f"key_{number}": part for number, part in enumerate(place)} | {"fresh": fresh})
        if changed:
            session.connection().execute(change, changed)
            count += len(changed)
    return count
