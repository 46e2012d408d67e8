"""An index of what is logged about a claim or key without attestations: anybody can log those, in any number.

The migration of the tile store's id comes after this one.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    where = sa.text("kind <> 'attestation' AND subject IS NOT NULL")
    op.create_index(
        "ix_leaves_chained", "leaves", ["subject", "leaf_index"], sqlite_where=where, postgresql_where=where
    )


def downgrade() -> None:
    op.drop_index("ix_leaves_chained", "leaves")
