"""The fetch log: unknown phones, use of protocols, indexes for its filters"""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "unknown_phones",
        sa.Column("mac", sa.String(), nullable=False),
        sa.Column("first_seen_at", sa.DateTime(), nullable=False),
        sa.Column("last_seen_at", sa.DateTime(), nullable=False),
        sa.Column("count", sa.Integer(), nullable=False),
        sa.Column("protocol", sa.String(), nullable=False),
        sa.Column("reason", sa.String(), nullable=False),
        sa.Column("user_agent", sa.String(), nullable=False),
        sa.Column("addresses", sa.JSON(), nullable=False),
        sa.Column("paths", sa.JSON(), nullable=False),
        sa.Column("source", sa.String(), nullable=False),
        sa.Column("ignored_by", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("mac", name=op.f("pk_unknown_phones")),
    )
    with op.batch_alter_table("unknown_phones", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_unknown_phones_last_seen_at"), ["last_seen_at"], unique=False)
        batch_op.create_index(batch_op.f("ix_unknown_phones_source"), ["source"], unique=False)
    op.create_table(
        "fetch_days",
        sa.Column("day", sa.String(), nullable=False),
        sa.Column("protocol", sa.String(), nullable=False),
        sa.Column("count", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("day", "protocol", name=op.f("pk_fetch_days")),
    )
    op.drop_index("ix_fetches_mac", "fetches")
    op.drop_index("ix_fetches_device_id", "fetches")
    op.create_index("ix_fetches_mac_at", "fetches", ["mac", "at"])
    op.create_index("ix_fetches_device_id_at", "fetches", ["device_id", "at"])
    op.create_index("ix_fetches_address_at", "fetches", ["address", "at"])


def downgrade() -> None:
    op.drop_index("ix_fetches_address_at", "fetches")
    op.drop_index("ix_fetches_device_id_at", "fetches")
    op.drop_index("ix_fetches_mac_at", "fetches")
    op.create_index("ix_fetches_device_id", "fetches", ["device_id"])
    op.create_index("ix_fetches_mac", "fetches", ["mac"])
    op.drop_table("fetch_days")
    op.drop_table("unknown_phones")
