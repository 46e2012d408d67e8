"""Which tile store a log publishes into: a second one beside it would lack what the first one has."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("published", sa.Column("store", sa.String(64), nullable=True))


def downgrade() -> None:
    op.drop_column("published", "store")
