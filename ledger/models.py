"""Tables of a log's database. ``migrations`` create them; a test keeps the two alike.

============  ======================================================================================================
head          one row: how many leaves there are, their root, and the signed checkpoint that says so
leaves        the entries by index, with their leaf hash and what they are looked up by
keys          what stands in which leaf: author, owner and notary keys; of claims Y, pixels, latent
recent_keys   the same of the newest leaves, and ``new_keys`` of the very newest (:mod:`ledger.keyindex`)
tiles         the full hash tiles (``provenance.tiles``), which never change
published     one row: the newest checkpoint that the tile store shows
stamps        RFC 3161 tokens over checkpoints
cosignatures  witnesses' signature lines over checkpoints
blobs         recipes and latents that their owners publish, and ``grants``, the last grant used for each
api_keys      SHA-256 of the keys that an operator gave out
============  ======================================================================================================

Digests are looked up by eight bytes of their SHA-256 as a signed integer: such an index stays small, and what it finds
is compared with the entry itself. The first eight bytes of a digest itself would not do: who claims pixels or a latent
may write what he likes there, and thousands of claims that differ only behind them would be read for one answer.
Only ``entry_id`` and ``slot`` are whole, since the database keeps them unique. What a claim names is looked up in
``keys``, where a Y, pixels and a latent of the same bytes differ (:func:`key_of`); its columns tell the same once more.

Of the log itself only the head row is ever updated, from one size to a larger one, and nothing is deleted.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from sqlalchemy import BigInteger, Boolean, CheckConstraint, Index, Integer, LargeBinary, MetaData, String, text
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column
from sqlalchemy.types import TypeDecorator

from provenance.errors import LedgerFault

if TYPE_CHECKING:
    from sqlalchemy import Dialect

__all__ = [
    "ApiKey",
    "Base",
    "BlobRow",
    "Cosignature",
    "Grant",
    "Head",
    "Key",
    "Leaf",
    "NewKey",
    "PublishedRow",
    "RecentKey",
    "Stamp",
    "TileRow",
    "key_of",
    "prefix",
]


def prefix(digest: bytes) -> int:
    """First eight bytes of a digest's SHA-256 as a signed 64-bit integer: what it is looked up by."""
    return int.from_bytes(hashlib.sha256(digest).digest()[:8], "big", signed=True)


def key_of(what: str, digest: bytes) -> int:
    """What a claim's ``commitment``, ``pixels`` or ``latent`` is looked up by in ``keys``."""
    return prefix(digest) ^ prefix(what.encode())


class Blob(TypeDecorator[bytes]):
    """Bytes, checked when they are read: SQLite lets anybody who edits the file put a text into a blob's column."""

    impl = LargeBinary
    cache_ok = True

    def process_result_value(self, value: object, dialect: Dialect) -> bytes | None:  # noqa: ARG002 - their signature
        """Refuse another type."""
        if value is None or isinstance(value, bytes):
            return value
        raise LedgerFault("ledger: a column of bytes holds something else; the database was tampered with")


class Count(TypeDecorator[int]):
    """A 64-bit integer, checked when it is read, for the same reason."""

    # SQLite keeps an INTEGER primary key as the row id itself; a BIGINT would cost a second index.
    impl = BigInteger().with_variant(Integer(), "sqlite")
    cache_ok = True

    def process_result_value(self, value: object, dialect: Dialect) -> int | None:  # noqa: ARG002 - their signature
        """Refuse another type."""
        if value is None or isinstance(value, int):
            return value
        raise LedgerFault("ledger: a column of numbers holds something else; the database was tampered with")


_BIG = Count()
_HASH = Blob(32)


def _index(column: str, *more: str, unique: bool = False) -> Index:
    """An index over the leaves that have a value in this column."""
    condition = text(f"{column} IS NOT NULL")
    return Index(
        f"ix_leaves_{column}", column, *more, unique=unique, sqlite_where=condition, postgresql_where=condition
    )


_NO_ATTESTATION = text("kind <> 'attestation' AND subject IS NOT NULL")
_CHAINED = Index(
    "ix_leaves_chained", "subject", "leaf_index", sqlite_where=_NO_ATTESTATION, postgresql_where=_NO_ATTESTATION
)
"""Anybody may log attestations, in any number: what else is about a claim must be found behind a million of them."""


class Base(DeclarativeBase):
    """Metadata with a naming convention, so that every constraint has the same name in every database."""

    metadata = MetaData(
        naming_convention={
            "ix": "ix_%(column_0_label)s",
            "uq": "uq_%(table_name)s_%(column_0_name)s",
            "ck": "ck_%(table_name)s_%(constraint_name)s",
            "fk": "fk_%(table_name)s_%(column_0_name)s_%(referred_table_name)s",
            "pk": "pk_%(table_name)s",
        }
    )


class Head(Base):
    """The newest tree. ``note`` is the checkpoint over ``size`` and ``root``, signed by the log's keys."""

    __tablename__ = "head"
    __table_args__ = (CheckConstraint("id = 1", name="one_row"), CheckConstraint("size >= 0", name="size"))

    id: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    origin: Mapped[str] = mapped_column(String(255))
    size: Mapped[int] = mapped_column(_BIG)
    root: Mapped[bytes] = mapped_column(_HASH)
    note: Mapped[bytes] = mapped_column(Blob)


class Leaf(Base):
    """One entry. ``entry`` is the truth; the other columns follow from it, for looking it up.

    ``commitment``, ``pixels`` and ``latent`` are of claims, ``subject`` of follow-ups.
    """

    __tablename__ = "leaves"
    __table_args__ = (
        _index("subject", "leaf_index"),
        _CHAINED,
        _index("slot", unique=True),
    )

    leaf_index: Mapped[int] = mapped_column(_BIG, primary_key=True, autoincrement=False)
    kind: Mapped[str] = mapped_column(String(32))
    entry_id: Mapped[bytes] = mapped_column(_HASH, unique=True)
    leaf_hash: Mapped[bytes] = mapped_column(_HASH)
    commitment: Mapped[int | None] = mapped_column(_BIG)
    pixels: Mapped[int | None] = mapped_column(_BIG)
    latent: Mapped[int | None] = mapped_column(_BIG)
    subject: Mapped[int | None] = mapped_column(_BIG)
    slot: Mapped[bytes | None] = mapped_column(_HASH)
    entry: Mapped[bytes] = mapped_column(Blob)


class _KeyColumns:
    __table_args__ = ({"sqlite_with_rowid": False},)

    key: Mapped[int] = mapped_column(_BIG, primary_key=True, autoincrement=False)
    leaf_index: Mapped[int] = mapped_column(_BIG, primary_key=True, autoincrement=False)


class Key(_KeyColumns, Base):
    """What a leaf is looked up by: the prefix of a key, or :func:`key_of` what a claim names."""

    __tablename__ = "keys"


class RecentKey(_KeyColumns, Base):
    """Those that were not moved into ``keys`` yet."""

    __tablename__ = "recent_keys"


class NewKey(_KeyColumns, Base):
    """Those that were not moved into ``recent_keys`` yet."""

    __tablename__ = "new_keys"


class TileRow(Base):
    """A full tile: the 256 ``hashes`` at tree level 8 ``level`` from 256 ``position`` on, and the root over them.

    ``middle`` are the 16 hashes four levels above, so that a proof hashes 30 times for a tile and not 255 times.
    """

    __tablename__ = "tiles"

    level: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    position: Mapped[int] = mapped_column(_BIG, primary_key=True, autoincrement=False)
    root: Mapped[bytes] = mapped_column(_HASH)
    middle: Mapped[bytes] = mapped_column(Blob)
    hashes: Mapped[bytes] = mapped_column(Blob)


class PublishedRow(Base):
    """The newest checkpoint in the tile store, with the cosignatures that it shows; ``store`` is that one's id."""

    __tablename__ = "published"
    __table_args__ = (CheckConstraint("id = 1", name="one_row"),)

    id: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    size: Mapped[int] = mapped_column(_BIG)
    root: Mapped[bytes] = mapped_column(_HASH)
    note: Mapped[bytes] = mapped_column(Blob)
    store: Mapped[str | None] = mapped_column(String(64))


class Stamp(Base):
    """A timestamp token (DER) that the authority at this URL gave over ``note``, the checkpoint of ``size`` leaves."""

    __tablename__ = "stamps"
    __table_args__ = (Index("ix_stamps_size_authority", "size", "authority", unique=True),)

    id: Mapped[int] = mapped_column(Integer, primary_key=True)
    size: Mapped[int] = mapped_column(_BIG)
    authority: Mapped[str] = mapped_column(String(2048))
    note: Mapped[bytes] = mapped_column(Blob)
    token: Mapped[bytes] = mapped_column(Blob)


class Cosignature(Base):
    """A witness's signature ``line`` over ``note``, the checkpoint of ``size`` leaves; ``witness`` is name+keyid."""

    __tablename__ = "cosignatures"

    size: Mapped[int] = mapped_column(_BIG, primary_key=True, autoincrement=False)
    witness: Mapped[str] = mapped_column(String(300), primary_key=True)
    note: Mapped[bytes] = mapped_column(Blob)
    line: Mapped[bytes] = mapped_column(Blob)


class BlobRow(Base):
    """A recipe or latent by its digest. ``size`` is what it counts for: its bytes, and 4,096 at least."""

    __tablename__ = "blobs"
    __table_args__ = (Index("ix_blobs_size", "size"),)

    digest: Mapped[bytes] = mapped_column(_HASH, primary_key=True)
    kind: Mapped[str] = mapped_column(String(32))
    size: Mapped[int] = mapped_column(_BIG)
    data: Mapped[bytes] = mapped_column(Blob)


class Grant(Base):
    """The highest serial of a grant that was used for a claim's blob: an older grant is spent.

    ``published`` while the claim's owners want the blob read; it is kept as long as one claim does.
    """

    __tablename__ = "grants"
    __table_args__ = (Index("ix_grants_digest", "digest"),)

    claim: Mapped[bytes] = mapped_column(_HASH, primary_key=True)
    digest: Mapped[bytes] = mapped_column(_HASH, primary_key=True)
    serial: Mapped[int] = mapped_column(_BIG)
    published: Mapped[bool] = mapped_column(Boolean)


class ApiKey(Base):
    """SHA-256 of an API key, under the name that the operator gave it."""

    __tablename__ = "api_keys"

    name: Mapped[str] = mapped_column(String(200), primary_key=True)
    digest: Mapped[bytes] = mapped_column(_HASH, unique=True)
