"""Earlier revisions of devices' files"""

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("devices", schema=None) as batch_op:
        batch_op.add_column(sa.Column("revision_at", sa.DateTime(), nullable=True))
        batch_op.add_column(sa.Column("revision_cause", sa.String(), nullable=False, server_default=""))
        batch_op.add_column(sa.Column("revision_for", sa.String(), nullable=False, server_default=""))
        batch_op.add_column(sa.Column("restored_revision", sa.Integer(), nullable=False, server_default="0"))
    op.execute("UPDATE devices SET revision_for = mac || '/' || tenant_id WHERE revision > 0")
    op.create_table(
        "file_revisions",
        sa.Column("device_id", sa.Integer(), nullable=False),
        sa.Column("revision", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("made_for", sa.String(), nullable=False),
        sa.Column("made_at", sa.DateTime(), nullable=True),
        sa.Column("cause", sa.String(), nullable=False),
        sa.Column("replaced_at", sa.DateTime(), nullable=False),
        sa.Column("rendered_settings", sa.Integer(), nullable=False),
        sa.Column("rendered_variables", sa.Integer(), nullable=False),
        sa.Column("rendered_tenant", sa.Integer(), nullable=False),
        sa.Column("rendered_device", sa.Integer(), nullable=False),
        sa.Column("rendered_model", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(
            ["device_id"], ["devices.id"], name=op.f("fk_file_revisions_device_id_devices"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("device_id", "revision", name=op.f("pk_file_revisions")),
    )
    op.create_table(
        "revision_files",
        sa.Column("device_id", sa.Integer(), nullable=False),
        sa.Column("revision", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("segment", sa.String(), nullable=False),
        sa.Column("path", sa.String(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("sha256", sa.String(), nullable=False),
        sa.Column("size", sa.Integer(), nullable=False),
        sa.Column("masked", sa.LargeBinary(), nullable=False),
        sa.Column("sealed", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(
            ["device_id", "revision"],
            ["file_revisions.device_id", "file_revisions.revision"],
            name=op.f("fk_revision_files_device_id_file_revisions"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("device_id", "revision", "segment", "path", name=op.f("pk_revision_files")),
    )


def downgrade() -> None:
    op.drop_table("revision_files")
    op.drop_table("file_revisions")
    # not as a batch: that would make the table anew, and what refers to devices would go with the old one
    for name in ("restored_revision", "revision_for", "revision_cause", "revision_at"):
        op.drop_column("devices", name)
