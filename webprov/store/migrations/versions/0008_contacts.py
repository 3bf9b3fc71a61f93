"""Contacts and their directories"""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

_TEXTS = (
    "first_name", "last_name", "company", "group_name", "extension", "work", "mobile", "home", "other", "email",
    "sort_key", "search_text",
)  # fmt: skip


def upgrade() -> None:
    op.create_table(
        "contacts",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("tenant_id", sa.Integer(), nullable=False),
        *(sa.Column(name, sa.String(), nullable=False) for name in _TEXTS),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_contacts")),
        sa.ForeignKeyConstraint(
            ["tenant_id"], ["tenants.id"], name=op.f("fk_contacts_tenant_id_tenants"), ondelete="CASCADE"
        ),
    )
    op.create_index("ix_contacts_tenant_id_sort_key", "contacts", ["tenant_id", "sort_key"])
    op.create_index("ix_contacts_tenant_id_group_name", "contacts", ["tenant_id", "group_name"])
    op.create_table(
        "directories",
        sa.Column("tenant_id", sa.Integer(), nullable=False),
        sa.Column("includes_lines", sa.Boolean(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("built_version", sa.Integer(), nullable=False),
        sa.Column("built_at", sa.DateTime(), nullable=True),
        sa.Column("inputs", sa.String(), nullable=False),
        sa.Column("error", sa.String(), nullable=False),
        sa.Column("warnings", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("tenant_id", name=op.f("pk_directories")),
        sa.ForeignKeyConstraint(
            ["tenant_id"], ["tenants.id"], name=op.f("fk_directories_tenant_id_tenants"), ondelete="CASCADE"
        ),
    )


def downgrade() -> None:
    op.drop_table("directories")
    op.drop_table("contacts")
