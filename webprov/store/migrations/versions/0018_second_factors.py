"""Second factors of people"""

import sqlalchemy as sa
from alembic import op

revision = "0018"
down_revision = "0017"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("users", sa.Column("totp_secret", sa.Text(), server_default="", nullable=False))
    op.add_column("users", sa.Column("totp_step", sa.Integer(), server_default="0", nullable=False))
    op.add_column("users", sa.Column("recovery_codes", sa.JSON(), server_default="[]", nullable=False))


def downgrade() -> None:
    for column in ("recovery_codes", "totp_step", "totp_secret"):
        op.drop_column("users", column)
