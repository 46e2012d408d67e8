"""The stored tree: complete subtrees in a database, read where a proof needs them and written once.

A tree of n leaves is read in O(log n) for its root and for any path, also as it was at any earlier size, and grows by
O(log n) hashes. :class:`StoredTree` lives for one transaction.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import insert, select

from ledger.models import Leaf, Node
from provenance import merkle
from provenance.errors import LedgerFault

if TYPE_CHECKING:
    from sqlalchemy import Connection

__all__ = ["StoredTree"]


class StoredTree:
    """Complete subtrees by (level, position), through a cache that also holds what is not written yet."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._cache: dict[tuple[int, int], bytes] = {}
        self._new: list[tuple[int, int, bytes]] = []

    def node(self, level: int, position: int) -> bytes:
        """The hash of one complete subtree.

        Raises:
            LedgerFault: it is missing, or is no hash.
        """
        found = self._cache.get((level, position))
        if found is None:
            found = self._read(level, position)
            self._cache[level, position] = found
        return found

    def root(self, size: int) -> bytes:
        """Root of the first ``size`` leaves."""
        return merkle.tree_root(self.node, size)

    def inclusion_path(self, index: int, size: int) -> list[bytes]:
        """Path of the leaf ``index`` in the tree of the first ``size`` leaves."""
        return merkle.inclusion_path(self.node, index, size)

    def append(self, index: int, leaf: bytes) -> None:
        """Add the leaf hash at ``index``, which must be the present size; :meth:`write` stores the nodes."""
        for level, position, value in merkle.appended_nodes(self.node, index, leaf):
            self._cache[level, position] = value
            if level > 0:
                self._new.append((level, position, value))

    def write(self) -> None:
        """Insert the nodes that the appended leaves completed."""
        if self._new:
            rows = [{"level": level, "position": position, "hash": value} for level, position, value in self._new]
            self._connection.execute(insert(Node), rows)
            self._new = []

    def _read(self, level: int, position: int) -> bytes:
        statement = (
            select(Leaf.leaf_hash).where(Leaf.leaf_index == position)
            if level == 0
            else select(Node.hash).where(Node.level == level, Node.position == position)
        )
        found = self._connection.execute(statement).scalar_one_or_none()
        if not isinstance(found, bytes) or len(found) != merkle.HASH_SIZE:
            raise LedgerFault(f"ledger: the tree has no node {position} at level {level}; the database is damaged")
        return found
