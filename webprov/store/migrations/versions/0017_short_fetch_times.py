"""A quicker fetch log: times as numbers, a third of the size; MACs indexed where no device stands for them"""

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None

_INDEXES = {"at": ["at"], "device_id_at": ["device_id", "at"], "address_at": ["address", "at"]}


def upgrade() -> None:
    if op.get_bind().dialect.name == "postgresql":
        number = "CAST(EXTRACT(EPOCH FROM at) * 1000000 AS BIGINT)"
        op.alter_column("fetches", "at", type_=sa.BigInteger(), postgresql_using=number)
        op.drop_index("ix_fetches_mac_at", "fetches")
        _index_macs("device_id IS NULL")
        return
    number = "CAST(strftime('%s', substr(at, 1, 19)) AS INTEGER) * 1000000 + CAST(substr(at, 21, 6) AS INTEGER)"
    _copy(sa.BigInteger(), number)
    _index_macs("device_id IS NULL")


def downgrade() -> None:
    if op.get_bind().dialect.name == "postgresql":
        time = "TIMESTAMP '1970-01-01' + at * INTERVAL '1 microsecond'"
        op.alter_column("fetches", "at", type_=sa.DateTime(), postgresql_using=time)
        op.drop_index("ix_fetches_mac_at", "fetches")
        _index_macs(None)
        return
    _copy(sa.DateTime(), "strftime('%Y-%m-%d %H:%M:%S', at / 1000000, 'unixepoch') || printf('.%06d', at % 1000000)")
    _index_macs(None)


def _copy(kind: sa.types.TypeEngine[Any], at: str) -> None:
    """Make the table anew with its time of another type (SQLite changes none in place); nothing refers to it."""
    table = op.create_table(
        "fetches_anew",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("at", kind, nullable=False),
        sa.Column("protocol", sa.String(), nullable=False),
        sa.Column("address", sa.String(), nullable=False),
        sa.Column("user_agent", sa.String(), nullable=False),
        sa.Column("path", sa.String(), nullable=False),
        sa.Column("mac", sa.String(), nullable=False),
        sa.Column("device_id", sa.Integer(), nullable=True),
        sa.Column("status", sa.Integer(), nullable=False),
        sa.Column("reason", sa.String(), nullable=False),
        sa.Column("size", sa.Integer(), nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["device_id"], ["devices.id"], name=op.f("fk_fetches_device_id_devices"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_fetches")),
    )
    names = [column.name for column in table.columns]
    values: list[Any] = [sa.literal_column(at) if name == "at" else sa.column(name) for name in names]
    op.execute(table.insert().from_select(names, sa.select(*values).select_from(sa.table("fetches"))))
    op.drop_table("fetches")
    op.rename_table("fetches_anew", "fetches")
    for name, columns in _INDEXES.items():
        op.create_index(f"ix_fetches_{name}", "fetches", columns)


def _index_macs(only: str | None) -> None:
    where = sa.text(only) if only else None
    op.create_index("ix_fetches_mac_at", "fetches", ["mac", "at"], sqlite_where=where, postgresql_where=where)
