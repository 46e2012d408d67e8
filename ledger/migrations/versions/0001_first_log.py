"""The first log: head, leaves, authors, nodes, stamps."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

BIG = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
HASH = sa.LargeBinary(32)


def upgrade() -> None:
    op.create_table(
        "head",
        sa.Column("id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("origin", sa.String(255), nullable=False),
        sa.Column("size", BIG, nullable=False),
        sa.Column("root", HASH, nullable=False),
        sa.Column("note", sa.LargeBinary(), nullable=False),
        sa.CheckConstraint("id = 1", name=op.f("ck_head_one_row")),
        sa.CheckConstraint("size >= 0", name=op.f("ck_head_size")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_head")),
    )
    op.create_table(
        "leaves",
        sa.Column("leaf_index", BIG, autoincrement=False, nullable=False),
        sa.Column("entry", sa.LargeBinary(), nullable=False),
        sa.Column("leaf_hash", HASH, nullable=False),
        sa.Column("claim_id", HASH, nullable=False),
        sa.Column("commitment", HASH, nullable=False),
        sa.Column("pixels", HASH, nullable=False),
        sa.Column("latent", HASH, nullable=False),
        sa.PrimaryKeyConstraint("leaf_index", name=op.f("pk_leaves")),
        sa.UniqueConstraint("claim_id", name=op.f("uq_leaves_claim_id")),
    )
    for column in ("commitment", "pixels", "latent"):
        op.create_index(op.f(f"ix_leaves_{column}"), "leaves", [column])
    op.create_table(
        "authors",
        sa.Column("key", HASH, nullable=False),
        sa.Column("leaf_index", BIG, nullable=False),
        sa.ForeignKeyConstraint(["leaf_index"], ["leaves.leaf_index"], name=op.f("fk_authors_leaf_index_leaves")),
        sa.PrimaryKeyConstraint("key", "leaf_index", name=op.f("pk_authors")),
    )
    op.create_table(
        "nodes",
        sa.Column("level", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("position", BIG, autoincrement=False, nullable=False),
        sa.Column("hash", HASH, nullable=False),
        sa.PrimaryKeyConstraint("level", "position", name=op.f("pk_nodes")),
    )
    op.create_table(
        "stamps",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("size", BIG, nullable=False),
        sa.Column("authority", sa.String(2048), nullable=False),
        sa.Column("note", sa.LargeBinary(), nullable=False),
        sa.Column("token", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_stamps")),
    )
    op.create_index("ix_stamps_size_authority", "stamps", ["size", "authority"], unique=True)


def downgrade() -> None:
    for table in ("stamps", "nodes", "authors", "leaves", "head"):
        op.drop_table(table)
