"""Entries of any kind, hash tiles instead of single nodes, and what a served log keeps beside its entries."""

from __future__ import annotations

import hashlib
import json
from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

BIG = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
HASH = sa.LargeBinary(32)
CHUNK = 500
WIDTH = 256
NEW_TABLES = ("api_keys", "grants", "blobs", "cosignatures", "published", "tiles", "keys")


def upgrade() -> None:
    _set_aside("leaves", "authors", "nodes")
    _create_leaves()
    _create_beside()
    _copy_entries()
    _drop_old("authors", "leaves", "nodes")


def downgrade() -> None:
    bind = op.get_bind()
    others = bind.execute(sa.text("SELECT count(*) FROM leaves WHERE kind <> 'claim'")).scalar_one()
    if others:
        raise _fault(f"the log holds {others} entries that the older program does not know; nothing was changed")
    _refuse_to_lose(bind)
    for table in NEW_TABLES:
        if table not in ("keys", "tiles"):
            op.drop_table(table)
    _set_aside("leaves", "keys", "tiles")
    _create_first_leaves()
    _copy_back()
    _drop_old("keys", "leaves", "tiles")


def _refuse_to_lose(bind: sa.Connection) -> None:
    """Withdrawn blobs would come back with grants that are forgotten, so nothing of this goes without a word."""
    named = {
        "blobs": "published recipes and latents",
        "grants": "grants",
        "api_keys": "API keys",
        "cosignatures": "cosignatures",
    }
    counts = {name: bind.execute(sa.text(f"SELECT count(*) FROM {name}")).scalar_one() for name in named}  # noqa: S608
    lost = [f"{count} {named[name]}" for name, count in counts.items() if count]
    config = op.get_context().config
    if lost and not (config is not None and config.attributes.get("lose")):
        raise _fault(
            f"going back to revision 0001 would lose {', '.join(lost)}; nothing was changed. To insist, empty "
            f"{', '.join(name for name, count in counts.items() if count)} first, or pass lose=True to database.migrate"
        )


def _fault(message: str) -> Exception:
    from provenance.errors import LedgerFault

    return LedgerFault(f"ledger: {message}")


def _set_aside(*tables: str) -> None:
    """Rename tables, and drop or rename what else would bear the names of their successors."""
    bind = op.get_bind()
    for table in tables:
        inspector = sa.inspect(bind)
        for index in inspector.get_indexes(table):
            if not index.get("duplicates_constraint"):
                op.drop_index(str(index["name"]), table)
        if bind.dialect.name == "postgresql":
            constraints: list[Any] = [inspector.get_pk_constraint(table), *inspector.get_unique_constraints(table)]
            for constraint in [*constraints, *inspector.get_foreign_keys(table)]:
                name = constraint["name"]
                op.execute(f'ALTER TABLE {table} RENAME CONSTRAINT "{name}" TO "old_{name}"')
        op.rename_table(table, f"old_{table}")


def _drop_old(*tables: str) -> None:
    for table in tables:
        op.drop_table(f"old_{table}")


def _create_leaves() -> None:
    op.create_table(
        "leaves",
        sa.Column("leaf_index", BIG, autoincrement=False, nullable=False),
        sa.Column("kind", sa.String(32), nullable=False),
        sa.Column("entry_id", HASH, nullable=False),
        sa.Column("leaf_hash", HASH, nullable=False),
        sa.Column("commitment", BIG, nullable=True),
        sa.Column("pixels", BIG, nullable=True),
        sa.Column("latent", BIG, nullable=True),
        sa.Column("subject", BIG, nullable=True),
        sa.Column("slot", HASH, nullable=True),
        sa.Column("entry", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("leaf_index", name=op.f("pk_leaves")),
        sa.UniqueConstraint("entry_id", name=op.f("uq_leaves_entry_id")),
    )
    for column in ("commitment", "pixels", "latent", "subject"):
        where = sa.text(f"{column} IS NOT NULL")
        op.create_index(
            f"ix_leaves_{column}", "leaves", [column, "leaf_index"], sqlite_where=where, postgresql_where=where
        )
    where = sa.text("slot IS NOT NULL")
    op.create_index("ix_leaves_slot", "leaves", ["slot"], unique=True, sqlite_where=where, postgresql_where=where)


def _create_beside() -> None:
    op.create_table(
        "keys",
        sa.Column("key", BIG, autoincrement=False, nullable=False),
        sa.Column("leaf_index", BIG, autoincrement=False, nullable=False),
        sa.PrimaryKeyConstraint("key", "leaf_index", name=op.f("pk_keys")),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "tiles",
        sa.Column("level", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("position", BIG, autoincrement=False, nullable=False),
        sa.Column("root", HASH, nullable=False),
        sa.Column("middle", sa.LargeBinary(), nullable=False),
        sa.Column("hashes", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("level", "position", name=op.f("pk_tiles")),
    )
    op.create_table(
        "published",
        sa.Column("id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("size", BIG, nullable=False),
        sa.Column("root", HASH, nullable=False),
        sa.Column("note", sa.LargeBinary(), nullable=False),
        sa.CheckConstraint("id = 1", name=op.f("ck_published_one_row")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_published")),
    )
    op.create_table(
        "cosignatures",
        sa.Column("size", BIG, autoincrement=False, nullable=False),
        sa.Column("witness", sa.String(300), nullable=False),
        sa.Column("note", sa.LargeBinary(), nullable=False),
        sa.Column("line", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("size", "witness", name=op.f("pk_cosignatures")),
    )
    op.create_table(
        "blobs",
        sa.Column("digest", HASH, nullable=False),
        sa.Column("kind", sa.String(32), nullable=False),
        sa.Column("size", BIG, nullable=False),
        sa.Column("data", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("digest", name=op.f("pk_blobs")),
    )
    op.create_index("ix_blobs_size", "blobs", ["size"])
    op.create_table(
        "grants",
        sa.Column("claim", HASH, nullable=False),
        sa.Column("digest", HASH, nullable=False),
        sa.Column("serial", BIG, nullable=False),
        sa.Column("published", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("claim", "digest", name=op.f("pk_grants")),
    )
    op.create_index("ix_grants_digest", "grants", ["digest"])
    op.create_table(
        "api_keys",
        sa.Column("name", sa.String(200), nullable=False),
        sa.Column("digest", HASH, nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_api_keys")),
        sa.UniqueConstraint("digest", name=op.f("uq_api_keys_digest")),
    )


def _create_first_leaves() -> None:
    """Leaves, authors and nodes as revision 0001 has them."""
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


def _copy_entries() -> None:
    bind = op.get_bind()
    leaves = _table("leaves", "leaf_index kind entry_id leaf_hash commitment pixels latent subject slot entry")
    keys = _table("keys", "key leaf_index")
    tiles = _Tiles(bind)
    for row in _rows(bind, "old_leaves", "leaf_index entry leaf_hash claim_id commitment pixels latent"):
        columns = {name: _prefix(row[name]) for name in ("commitment", "pixels", "latent")}
        same = {name: row[name] for name in ("leaf_index", "leaf_hash", "entry")}
        bind.execute(sa.insert(leaves), {**same, **columns, "kind": "claim", "entry_id": row["claim_id"]})
        tiles.add(0, row["leaf_hash"])
    for key, index in bind.execute(sa.text("SELECT key, leaf_index FROM old_authors")).all():
        bind.execute(sa.insert(keys), {"key": _prefix(key), "leaf_index": index})


def _copy_back() -> None:
    bind = op.get_bind()
    leaves = _table("leaves", "leaf_index entry leaf_hash claim_id commitment pixels latent")
    authors = _table("authors", "key leaf_index")
    nodes = _table("nodes", "level position hash")
    stack: list[tuple[int, bytes]] = []
    for row in _rows(bind, "old_leaves", "leaf_index entry_id leaf_hash entry"):
        body = json.loads(row["entry"])["body"]
        wanted = {
            "commitment": body["Y"],
            "pixels": body["outputs"][0]["digest"],
            "latent": body["latent"]["digest"],
        }
        columns = {name: bytes.fromhex(value) for name, value in wanted.items()}
        same = {name: row[name] for name in ("leaf_index", "leaf_hash", "entry")}
        bind.execute(sa.insert(leaves), {**same, **columns, "claim_id": row["entry_id"]})
        for author in body["authors"]:
            bind.execute(sa.insert(authors), {"key": bytes.fromhex(author["key"]), "leaf_index": row["leaf_index"]})
        level, value = 0, row["leaf_hash"]
        while stack and stack[-1][0] == level:
            value = _node(stack.pop()[1], value)
            level += 1
            position = row["leaf_index"] >> level
            bind.execute(sa.insert(nodes), {"level": level, "position": position, "hash": value})
        stack.append((level, value))


class _Tiles:
    """Full tiles from the leaf hashes, in order."""

    def __init__(self, bind: sa.Connection) -> None:
        self._bind = bind
        self._table = _table("tiles", "level position root middle hashes")
        self._rows: dict[int, list[bytes]] = {}
        self._count: dict[int, int] = {}

    def add(self, level: int, value: bytes) -> None:
        row = self._rows.setdefault(level, [])
        row.append(value)
        if len(row) < WIDTH:
            return
        position = self._count.get(level, 0)
        self._count[level] = position + 1
        rows = [list(row)]
        while len(rows[-1]) > 1:
            rows.append([_node(rows[-1][i], rows[-1][i + 1]) for i in range(0, len(rows[-1]), 2)])
        root = rows[-1][0]
        values = {"level": level, "position": position, "root": root, "middle": b"".join(rows[4])}
        values["hashes"] = b"".join(row)
        self._bind.execute(sa.insert(self._table), values)
        row.clear()
        self.add(level + 1, root)


def _rows(bind: sa.Connection, table: str, columns: str) -> Any:
    """All rows by index, a chunk at a time."""
    names = columns.split()
    after = -1
    statement = sa.text(
        f"SELECT {', '.join(names)} FROM {table} WHERE leaf_index > :after ORDER BY leaf_index LIMIT {CHUNK}"  # noqa: S608
    )
    while found := bind.execute(statement, {"after": after}).all():
        for row in found:
            yield dict(zip(names, row, strict=True))
        after = found[-1][names.index("leaf_index")]


def _table(name: str, columns: str) -> sa.TableClause:
    return sa.table(name, *(sa.column(column) for column in columns.split()))


def _prefix(digest: bytes) -> int:
    return int.from_bytes(hashlib.sha256(digest).digest()[:8], "big", signed=True)


def _node(left: bytes, right: bytes) -> bytes:
    return hashlib.sha256(b"\x01" + left + right).digest()
