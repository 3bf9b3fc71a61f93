"""Provisioning windows of single devices"""

import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("devices", schema=None) as batch_op:
        batch_op.add_column(sa.Column("provisioning_window", sa.String(), nullable=False, server_default=""))
        batch_op.create_index(batch_op.f("ix_devices_provisioning_window"), ["provisioning_window"], unique=False)


def downgrade() -> None:
    # not as a batch: that would make the table anew, and what refers to devices would go with the old one
    op.drop_index(op.f("ix_devices_provisioning_window"), table_name="devices")
    op.drop_column("devices", "provisioning_window")
