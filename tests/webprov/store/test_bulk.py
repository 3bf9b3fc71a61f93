from datetime import UTC, datetime

from sqlalchemy import bindparam, insert, select, update

from webprov.store.database import BulkStatement, writing
from webprov.store.models import FetchRecord

TABLE = FetchRecord.__table__
NAMES = ("path", "at", "protocol", "address", "user_agent", "mac", "status", "reason", "size", "revision")


def test_bulk_statements_write_rows_whatever_the_order_of_their_values(session):
    dialect = session.get_bind().dialect
    at = datetime(2026, 11, 23, 1, 2, 3, 450_000, tzinfo=UTC)
    row = ("x.cfg", 1_795_395_723_450_000, "http", "10.0.0.1", "", "", 200, "", 7, 1)
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
