"""Devices' own credentials, networks of tenants, uploads"""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("devices", schema=None) as batch_op:
        batch_op.add_column(sa.Column("previous_user", sa.String(), nullable=False, server_default=""))
        batch_op.add_column(sa.Column("previous_password", sa.Text(), nullable=False, server_default=""))
        batch_op.add_column(sa.Column("own_login_at", sa.DateTime(), nullable=True))
        batch_op.add_column(sa.Column("shared_names", sa.String(), nullable=False, server_default=""))
        batch_op.add_column(sa.Column("upload_names", sa.String(), nullable=False, server_default=""))
        batch_op.create_index(batch_op.f("ix_devices_prov_user"), ["prov_user"], unique=False)
        batch_op.create_index(batch_op.f("ix_devices_previous_user"), ["previous_user"], unique=False)
    with op.batch_alter_table("tenants", schema=None) as batch_op:
        batch_op.add_column(sa.Column("networks", sa.String(), nullable=False, server_default=""))
    op.create_table(
        "uploads",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("device_id", sa.Integer(), nullable=False),
        sa.Column("path", sa.String(), nullable=False),
        sa.Column("path_key", sa.String(), nullable=False),
        sa.Column("size", sa.Integer(), nullable=False),
        sa.Column("source", sa.String(), nullable=False),
        sa.Column("protocol", sa.String(), nullable=False),
        sa.Column("at", sa.DateTime(), nullable=False),
        sa.ForeignKeyConstraint(
            ["device_id"], ["devices.id"], name=op.f("fk_uploads_device_id_devices"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_uploads")),
        sa.UniqueConstraint("device_id", "path_key", name=op.f("uq_uploads_device_id_path_key")),
    )


def downgrade() -> None:
    op.drop_table("uploads")
    with op.batch_alter_table("tenants", schema=None) as batch_op:
        batch_op.drop_column("networks")
    with op.batch_alter_table("devices", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_devices_previous_user"))
        batch_op.drop_index(batch_op.f("ix_devices_prov_user"))
        batch_op.drop_column("upload_names")
        batch_op.drop_column("shared_names")
        batch_op.drop_column("own_login_at")
        batch_op.drop_column("previous_password")
        batch_op.drop_column("previous_user")
