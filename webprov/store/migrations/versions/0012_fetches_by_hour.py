"""Fetches by hour"""

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None

_REFUSALS = (
    "network not allowed",
    "network not allowed by the tenant",
    "wrong credentials",
    "no client certificate",
    "client certificate of no known device",
    "locked out",
    "belongs to another device",
    "device has credentials of its own",
)


def upgrade() -> None:
    hours = op.create_table(
        "fetch_hours",
        sa.Column("hour", sa.String(), nullable=False),
        sa.Column("tenant_id", sa.Integer(), nullable=False),
        sa.Column("sent", sa.Integer(), nullable=False),
        sa.Column("unchanged", sa.Integer(), nullable=False),
        sa.Column("refused", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("hour", "tenant_id", name=op.f("pk_fetch_hours")),
    )
    op.execute(hours.insert().from_select([column.name for column in hours.columns], _counted()))


def downgrade() -> None:
    op.drop_table("fetch_hours")


def _counted() -> sa.Select[tuple[object, ...]]:
    """What is remembered of requests so far, counted."""
    fetches = sa.table("fetches", *(sa.column(name) for name in ("at", "device_id", "reason")))
    devices = sa.table("devices", sa.column("id"), sa.column("tenant_id"))
    hour = sa.func.substr(sa.cast(fetches.c.at, sa.String), 1, 13)
    tenant = sa.func.coalesce(devices.c.tenant_id, 0)

    def count(condition: sa.ColumnElement[bool]) -> sa.ColumnElement[int]:
        return sa.func.sum(sa.case((condition, 1), else_=0))

    counts = (
        count(fetches.c.reason == ""),
        count(fetches.c.reason == "unchanged"),
        count(fetches.c.reason.in_(_REFUSALS)),
    )
    source = fetches.outerjoin(devices, devices.c.id == fetches.c.device_id)
    return sa.select(hour, tenant, *counts).select_from(source).group_by(hour, tenant)
