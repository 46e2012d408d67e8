"""The check of a tile store beside its database: what the log's entries give must stand there, byte for byte."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ledger.edge import Edge
from provenance.checkpoint import open_checkpoint
from provenance.errors import InvalidError, LedgerFault
from provenance.merkle import leaf_hash
from provenance.tiles import FULL_WIDTH, Tile, format_bundle, format_tile, tile_width

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ledger.edge import FullTile
    from ledger.tilestore import TileStore
    from provenance.checkpoint import Checkpoint, VerifierKey

__all__ = ["StoreAudit"]


class StoreAudit:
    """Sees the entries in pages of 256 and compares what the store has for them, up to its checkpoint."""

    def __init__(self, store: TileStore, keys: Sequence[VerifierKey], size: int) -> None:
        self._store = store
        self._problems: list[str] = []
        self._checkpoint = self._open(keys, size)
        self._seen = 0
        self._root: bytes | None = None
        self._edge = Edge()

    def see(self, entries: Sequence[bytes], edge: Edge, full: Sequence[FullTile]) -> None:
        """The next entries, the edge after them, and the tiles that they filled."""
        shown = self._checkpoint.size if self._checkpoint else 0
        for tile in full:
            if tile_width(tile.level, tile.position, shown) == FULL_WIDTH:
                self._compare(Tile(tile.level, tile.position), format_tile(tile.hashes))
        start, self._seen = self._seen, self._seen + len(entries)
        within = list(entries[: max(0, shown - start)])
        if within:
            self._compare(Tile(None, start // FULL_WIDTH, len(within)), format_bundle(within))
            if self._seen >= shown:
                self._finish_edge(within)
        self._edge = edge

    def finish(self) -> list[str]:
        """What is wrong, one line each."""
        if self._checkpoint is not None and self._checkpoint.size and self._root != self._checkpoint.root:
            self._problems.append("the checkpoint in the tile store is not of the tree of the entries")
        return self._problems

    def _finish_edge(self, within: Sequence[bytes]) -> None:
        """The partial tiles of the shown tree, whose last entries these are."""
        last, _ = self._edge.extended([leaf_hash(entry) for entry in within])
        self._root = last.root
        for level, row in enumerate(last.rows):
            if row:
                index = (last.size >> 8 * level) // FULL_WIDTH
                self._compare(Tile(level, index, len(row)), format_tile(row))

    def _compare(self, tile: Tile, expected: bytes) -> None:
        found = self._store.get(tile.path)
        if found is None:
            self._problems.append(f"the tile store lacks {tile.path}")
        elif found != expected:
            self._problems.append(f"the tile store has another content of {tile.path}")

    def _open(self, keys: Sequence[VerifierKey], size: int) -> Checkpoint | None:
        note = self._store.get_checkpoint()
        if note is None:
            self._problems.append("the tile store has no checkpoint")
            return None
        try:
            checkpoint = open_checkpoint(note, keys)
            if checkpoint.size > size:
                raise LedgerFault(f"it has {checkpoint.size} entries, the database {size}")
        except (InvalidError, LedgerFault) as error:
            self._problems.append(f"the checkpoint in the tile store: {error}")
            return None
        return checkpoint
