"""What claims name is looked up in ``keys``, which has two smaller tables before it, instead of in three indices."""

from __future__ import annotations

import hashlib

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

BIG = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
NAMED = ("commitment", "pixels", "latent")
NEW_TABLES = ("recent_keys", "new_keys")


def upgrade() -> None:
    for table in NEW_TABLES:
        op.create_table(
            table,
            sa.Column("key", BIG, autoincrement=False, nullable=False),
            sa.Column("leaf_index", BIG, autoincrement=False, nullable=False),
            sa.PrimaryKeyConstraint("key", "leaf_index", name=op.f(f"pk_{table}")),
            sqlite_with_rowid=False,
        )
    for column in NAMED:
        op.execute(
            f"INSERT INTO keys (key, leaf_index) SELECT {_key(column)} AS named, leaf_index FROM leaves "  # noqa: S608
            f"WHERE {column} IS NOT NULL ORDER BY named"
        )
        op.drop_index(f"ix_leaves_{column}", "leaves")


def downgrade() -> None:
    for table in NEW_TABLES:
        op.execute(f"INSERT INTO keys (key, leaf_index) SELECT key, leaf_index FROM {table}")  # noqa: S608
        op.drop_table(table)
    named = ", ".join(map(_key, NAMED))
    op.execute(
        "DELETE FROM keys WHERE EXISTS "  # noqa: S608
        f"(SELECT 1 FROM leaves WHERE leaves.leaf_index = keys.leaf_index AND keys.key IN ({named}))"
    )
    for column in NAMED:
        where = sa.text(f"{column} IS NOT NULL")
        op.create_index(
            f"ix_leaves_{column}", "leaves", [column, "leaf_index"], sqlite_where=where, postgresql_where=where
        )


def _key(column: str) -> str:
    """What ``ledger.models.key_of`` gives, in SQL: the exclusive or of the column and of a number for its name."""
    number = int.from_bytes(hashlib.sha256(column.encode()).digest()[:8], "big", signed=True)
    return f"(({column} | ({number})) - ({column} & ({number})))"
