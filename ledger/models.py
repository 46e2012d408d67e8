"""Tables of a log's database. ``migrations`` create them; a test keeps the two alike.

==========  ========================================================================================================
head        one row: how many leaves there are, their root, and the signed checkpoint that says so
leaves      the entries by index, with their leaf hash and what they are looked up by
authors     which author keys stand in which leaf
nodes       hashes of the complete subtrees above the leaves (``provenance.merkle``); they never change
stamps      RFC 3161 tokens over checkpoints
==========  ========================================================================================================

Only the head row is ever updated, from one size to a larger one. Nothing is deleted.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import BigInteger, CheckConstraint, ForeignKey, Index, Integer, LargeBinary, MetaData, String
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column
from sqlalchemy.types import TypeDecorator

from provenance.errors import LedgerFault

if TYPE_CHECKING:
    from sqlalchemy import Dialect

__all__ = ["Author", "Base", "Head", "Leaf", "Node", "Stamp"]


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
    """The newest tree. ``note`` is the checkpoint over ``size`` and ``root``, signed by the log's key."""

    __tablename__ = "head"
    __table_args__ = (CheckConstraint("id = 1", name="one_row"), CheckConstraint("size >= 0", name="size"))

    id: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    origin: Mapped[str] = mapped_column(String(255))
    size: Mapped[int] = mapped_column(_BIG)
    root: Mapped[bytes] = mapped_column(_HASH)
    note: Mapped[bytes] = mapped_column(Blob)


class Leaf(Base):
    """One entry. ``entry`` is the truth; the other columns follow from it, for looking it up."""

    __tablename__ = "leaves"

    leaf_index: Mapped[int] = mapped_column(_BIG, primary_key=True, autoincrement=False)
    entry: Mapped[bytes] = mapped_column(Blob)
    leaf_hash: Mapped[bytes] = mapped_column(_HASH)
    claim_id: Mapped[bytes] = mapped_column(_HASH, unique=True)
    commitment: Mapped[bytes] = mapped_column(_HASH, index=True)
    pixels: Mapped[bytes] = mapped_column(_HASH, index=True)
    latent: Mapped[bytes] = mapped_column(_HASH, index=True)


class Author(Base):
    """An author key of a leaf. The key comes first, since that is what is searched."""

    __tablename__ = "authors"

    key: Mapped[bytes] = mapped_column(_HASH, primary_key=True)
    leaf_index: Mapped[int] = mapped_column(_BIG, ForeignKey("leaves.leaf_index"), primary_key=True)


class Node(Base):
    """Hash over the leaves [position 2^level, (position+1) 2^level), level >= 1; level 0 is in ``leaves``."""

    __tablename__ = "nodes"

    level: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    position: Mapped[int] = mapped_column(_BIG, primary_key=True, autoincrement=False)
    hash: Mapped[bytes] = mapped_column(_HASH)


class Stamp(Base):
    """A timestamp token (DER) that the authority at this URL gave over ``note``, the checkpoint of ``size`` leaves."""

    __tablename__ = "stamps"
    __table_args__ = (Index("ix_stamps_size_authority", "size", "authority", unique=True),)

    id: Mapped[int] = mapped_column(Integer, primary_key=True)
    size: Mapped[int] = mapped_column(_BIG)
    authority: Mapped[str] = mapped_column(String(2048))
    note: Mapped[bytes] = mapped_column(Blob)
    token: Mapped[bytes] = mapped_column(Blob)
