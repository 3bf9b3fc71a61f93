from datetime import UTC, datetime

from sqlalchemy import bindparam, insert, select, update

from webprov.store.database import _AT_ONCE, BulkStatement, time_value, writing
from webprov.store.models import FetchRecord

TABLE = FetchRecord.__table__
NAMES = ("path", "at", "protocol", "address", "user_agent", "mac", "status", "reason", "size", "revision")


def test_bulk_statements_write_rows_whatever_the_order_of_their_values(session):
    dialect = session.get_bind().dialect
    at = datetime(2026, 11, 23, 1, 2, 3, 450_000, tzinfo=UTC)
    row = ("x.cfg", time_value(dialect)(at), "http", "10.0.0.1", "", "", 200, "", 7, 1)
    add = BulkStatement(dialect, insert(TABLE), NAMES)
    change = BulkStatement(
        dialect,
        update(TABLE).where(TABLE.c.path == bindparam("name")).values(size=bindparam("length")),
        ("name", "length"),
    )

    with writing(session):
        add.execute(session.connection(), [row, ("y.cfg", *row[1:])])
        add.execute(session.connection(), [])
        change.execute(session.connection(), [("y.cfg", 9)])

    records = session.scalars(select(FetchRecord).order_by(FetchRecord.id)).all()
    assert [(record.path, record.size, record.status, record.at) for record in records] == [
        ("x.cfg", 7, 200, at),
        ("y.cfg", 9, 200, at),
    ]


def test_more_rows_than_one_statement_takes_are_all_written(session):
    dialect = session.get_bind().dialect
    at = time_value(dialect)(datetime(2026, 11, 23, tzinfo=UTC))
    rows = [(f"{number}.cfg", at, "http", "10.0.0.1", "", "", 200, "", 0, 1) for number in range(_AT_ONCE * 2 + 1)]
    change = BulkStatement(
        dialect,
        update(TABLE).where(TABLE.c.path == bindparam("name")).values(size=bindparam("length"), mac=bindparam("mac")),
        ("name", "mac", "length"),
    )

    with writing(session):
        BulkStatement(dialect, insert(TABLE), NAMES).execute(session.connection(), rows)
        change.execute(session.connection(), [(row[0], "A", number) for number, row in enumerate(rows)])

    found = session.execute(select(FetchRecord.path, FetchRecord.size, FetchRecord.mac).order_by(FetchRecord.id)).all()
    assert found == [(row[0], number, "A") for number, row in enumerate(rows)]
