"""The tables as lines of JSON, so that a backup made with SQLite can be restored to PostgreSQL, and the reverse.

The first line of a table names its columns and what they hold; each further line is a row. Values stay as they are
stored: secrets are still encrypted.
"""

import base64
import json
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import datetime
from itertools import islice
from typing import Any

from sqlalchemy import Connection, DateTime, Integer, LargeBinary, MetaData, Table, func, select
from sqlalchemy.exc import SAWarning

from webprov.errors import BackupError

_NOT_KEPT = frozenset({"alembic_version", "leases"})
"""Who leads the workers at present means nothing elsewhere; the revision is said by the backup itself."""
_ROWS_AT_ONCE = 2_000


def read_tables(connection: Connection) -> dict[str, Iterator[bytes]]:
    """The lines of every table, those first that others refer to; to be read within one transaction."""
    return {table.name: _lines(connection, table) for table in _tables(connection).values()}


def _lines(connection: Connection, table: Table) -> Iterator[bytes]:
    """Ordered by key, so that the same rows give the same lines."""
    yield _line({column.name: _kind(column.type) for column in table.columns})
    out = [_OUT[_kind(column.type)] for column in table.columns]
    rows = connection.execution_options(yield_per=_ROWS_AT_ONCE).execute(select(table).order_by(*table.primary_key))
    for row in rows:
        yield _line([value if value is None else write(value) for write, value in zip(out, row, strict=True)])


def fill_tables(connection: Connection, found: Mapping[str, Iterable[bytes]]) -> None:
    """Fill the tables of a fresh database of the same revision with such lines, in the transaction that runs.

    Raises BackupError for what no backup of webprov holds.
    """
    tables = _tables(connection)
    for table in reversed(tables.values()):  # what making them has put there
        connection.execute(table.delete())
    if found.keys() != tables.keys():
        raise BackupError(f"The backup holds other tables than webprov: {', '.join(found.keys() ^ tables.keys())}.")
    for name, table in tables.items():
        try:
            _fill(connection, table, iter(found[name]))
        except (ValueError, TypeError, KeyError) as e:
            raise BackupError(f"A row of “{name}” cannot be read: {e}.") from e
    if connection.dialect.name == "postgresql":
        _number_on(connection, tables.values())


def _fill(connection: Connection, table: Table, lines: Iterator[bytes]) -> None:
    kinds = json.loads(next(lines, b"null"))
    if kinds != {column.name: _kind(column.type) for column in table.columns}:
        raise BackupError(f"The columns of “{table.name}” are not those of webprov.")
    into = [_IN[kind] for kind in kinds.values()]

    def row(line: bytes) -> dict[str, Any]:
        values = zip(kinds, into, json.loads(line), strict=True)
        return {name: None if value is None else read(value) for name, read, value in values}

    while batch := [row(line) for line in islice(lines, _ROWS_AT_ONCE)]:
        connection.execute(table.insert(), batch)


def _number_on(connection: Connection, tables: Iterable[Table]) -> None:
    """Let new rows be numbered after those that are there; SQLite does so by itself."""
    for table in tables:
        key = list(table.primary_key)
        if len(key) == 1 and isinstance(key[0].type, Integer):
            sequence = connection.scalar(select(func.pg_get_serial_sequence(table.name, key[0].name)))
            highest = connection.scalar(select(func.max(key[0])))
            if sequence and highest:
                connection.execute(select(func.setval(sequence, highest)))


def drop_tables(connection: Connection) -> None:
    """Leave an empty database behind."""
    _reflected(connection).drop_all(connection)


def _tables(connection: Connection) -> dict[str, Table]:
    """As they are, not as this version's models say: a backup may be of an earlier one."""
    found = _reflected(connection).sorted_tables
    return {table.name: table for table in found if table.name not in _NOT_KEPT}


def _reflected(connection: Connection) -> MetaData:
    metadata = MetaData()
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Skipped unsupported reflection", SAWarning)  # of an index: no column is lost
        metadata.reflect(connection)
    return metadata


def _kind(type_: Any) -> str:
    return "time" if isinstance(type_, DateTime) else "bytes" if isinstance(type_, LargeBinary) else "plain"


def _line(value: Any) -> bytes:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode() + b"\n"


_OUT: dict[str, Callable[[Any], Any]] = {
    "time": datetime.isoformat,
    "bytes": lambda value: base64.b64encode(value).decode(),
    "plain": lambda value: value,
}
_IN: dict[str, Callable[[Any], Any]] = {
    "time": datetime.fromisoformat,
    "bytes": lambda text: base64.b64decode(text, validate=True),
    "plain": lambda value: value,
}
