"""The database: engine, transactions, counters (security DB-03, DB-06)."""

import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from operator import itemgetter
from pathlib import Path
from typing import Any

from sqlalchemy import (
    Connection,
    Dialect,
    Engine,
    Insert,
    Update,
    bindparam,
    create_engine,
    event,
    inspect,
    select,
    text,
)
from sqlalchemy.engine import make_url
from sqlalchemy.orm import Session

from webprov.store.models import Counter, UtcDateTime

MIGRATIONS = Path(__file__).parent / "migrations"
"""Alembic's folder; each file of `versions/` begins with its revision, and they grow."""


def open_engine(url: str) -> Engine:
    """An engine whose SQLite connections use WAL, foreign keys and a busy time-out of 10 s."""
    engine = create_engine(url)
    prepare_engine(engine)
    return engine


def prepare_engine(engine: Engine) -> None:
    """Give an engine made elsewhere (by Flask-SQLAlchemy) the same connection rules."""
    if engine.dialect.name == "sqlite":
        event.listen(engine, "connect", _on_sqlite_connect)
        event.listen(engine, "begin", _on_sqlite_begin)


def _on_sqlite_connect(connection: sqlite3.Connection, _record: Any) -> None:
    connection.isolation_level = None  # the begin event decides between BEGIN and BEGIN IMMEDIATE
    for pragma in ("journal_mode=WAL", "synchronous=NORMAL", "busy_timeout=10000", "foreign_keys=ON"):
        connection.execute(f"PRAGMA {pragma}")


def _on_sqlite_begin(connection: Connection) -> None:
    writes = connection.get_execution_options().get("webprov_writes", False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


@contextmanager
def writing(session: Session) -> Iterator[None]:
    """One write transaction: committed at the end, rolled back on any error.

    It ends what the session has read so far and takes SQLite's write lock first, so that two writers wait for each
    other instead of failing in the middle. Rows read before are refreshed on their next use.
    """
    session.commit()
    session.connection(execution_options={"webprov_writes": True})
    try:
        yield
        session.commit()
    except BaseException:
        session.rollback()
        raise


@contextmanager
def reading(session: Session) -> Iterator[None]:
    """One read transaction of its own: it sees what is stored now, and holds nobody up."""
    session.commit()
    try:
        yield
    finally:
        session.rollback()


class BulkStatement:
    """An insert or update for many rows, compiled once: rows go to the driver as they are.

    `names` are its parameters, in the order of each row's values; these must be what the driver stores (`time_value`
    makes times so). Three times as fast as handing rows to SQLAlchemy, which looks at each value.
    """

    def __init__(self, dialect: Dialect, statement: Insert | Update, names: Sequence[str]) -> None:
        columns = list(names) if isinstance(statement, Insert) else None
        compiled = statement.compile(dialect=dialect, column_keys=columns)
        order = getattr(compiled, "positiontup", None)
        self._sql = str(compiled)
        self._positions = [names.index(name) for name in order] if order else None
        self._names = tuple(names)

    def execute(self, connection: Connection, rows: Sequence[tuple[Any, ...]]) -> None:
        """Run it for every row."""
        if not rows:
            return
        if self._positions is None:
            named = [dict(zip(self._names, row, strict=True)) for row in rows]
            connection.exec_driver_sql(self._sql, named)
        elif self._positions == list(range(len(self._names))):
            connection.exec_driver_sql(self._sql, list(rows))
        else:
            connection.exec_driver_sql(self._sql, list(map(itemgetter(*self._positions), rows)))


def time_value(dialect: Dialect) -> Callable[[datetime], Any]:
    """What the driver stores for an aware time."""
    process = UtcDateTime().dialect_impl(dialect).bind_processor(dialect)
    return process or (lambda at: at)


def row_maker(dialect: Dialect, table: Any, names: Sequence[str]) -> Callable[[Sequence[Any]], tuple[Any, ...]]:
    """Makes what the driver stores of values of the columns `names`, for a BulkStatement: secrets encrypted, times and
    JSON as the database has them."""
    impls = [table.c[name].type.dialect_impl(dialect) for name in names]
    found = [(place, impl.bind_processor(dialect)) for place, impl in enumerate(impls)]
    processors = [(place, process) for place, process in found if process]

    def make(values: Sequence[Any]) -> tuple[Any, ...]:
        row = list(values)
        for place, process in processors:
            row[place] = process(row[place])
        return tuple(row)

    return make


def is_current(engine: Engine) -> bool:
    """Whether the tables are those of this version of webprov: then Alembic need not even be imported (P9)."""
    newest = max(path.name.partition("_")[0] for path in MIGRATIONS.glob("versions/[0-9]*.py"))
    with engine.connect() as connection:
        if not inspect(connection).has_table("alembic_version"):
            return False
        return bool(connection.scalar(text("SELECT version_num FROM alembic_version")) == newest)


def is_empty(url: str) -> bool:
    """Whether nothing has been stored under `url` yet: an SQLite file that is not there, a database without tables."""
    parsed = make_url(url)
    if parsed.get_backend_name() == "sqlite":
        return not Path(parsed.database or "").exists()
    engine = open_engine(url)
    try:
        return not inspect(engine).has_table("alembic_version")
    finally:
        engine.dispose()


def bump(session: Session, name: str) -> int:
    """Make the counter `name` grow by one and return it; inside a write transaction."""
    counter = session.get(Counter, name) or Counter(name=name, value=0)
    counter.value += 1
    session.add(counter)
    return counter.value


def count_of(session: Session, name: str) -> int:
    """The counter's value; 0 before its first change."""
    return counts_of(session, name)[0]


_COUNTS = select(Counter.name, Counter.value).where(Counter.name.in_(bindparam("names", expanding=True)))


def counts_of(session: Session, *names: str) -> tuple[int, ...]:
    """As `count_of`, for several at once."""
    found: dict[str, int] = {row.name: row.value for row in session.execute(_COUNTS, {"names": names})}
    return tuple(found.get(name, 0) for name in names)
