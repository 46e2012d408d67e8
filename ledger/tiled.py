"""Reading a log as its tiles show it, believing nothing but its signed checkpoints (C2SP tlog-tiles).

A hash out of a tile counts once it leads to the root of a checkpoint that the log's key has signed, an entry once its
leaf hash does. Tiles never change, so they are kept; a partial one that is gone was replaced by a fuller one.
"""

from __future__ import annotations

from collections import OrderedDict
from typing import TYPE_CHECKING

from provenance import merkle
from provenance.checkpoint import Checkpoint, open_checkpoint
from provenance.errors import ForgedError, LedgerFault
from provenance.note import MAX_NOTE_BYTES
from provenance.tiles import (
    CHECKPOINT_PATH,
    FULL_WIDTH,
    MAX_BUNDLE_BYTES,
    MAX_TILE_BYTES,
    Tile,
    parse_bundle,
    parse_tile,
    tile_nodes,
    tile_width,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from ledger.transport import Transport
    from provenance.merkle import Nodes
    from provenance.note import VerifierKey

__all__ = ["LOG_PREFIX", "MissingTileFault", "TiledLog"]

LOG_PREFIX = "/log/"
"""Where a service has its tiles and its checkpoint."""

_KEPT_TILES = 1_024
_NOT_FOUND = (404, 410)
_OK = 200


class MissingTileFault(LedgerFault):
    """A tile that a signed checkpoint needs is not served: lost, or kept back."""


class TiledLog:
    """A served log, read through ``transport``. Its checkpoints must be signed by one of ``keys``.

    ``learn`` gives the keys that are known by now: the log may change its keys while somebody watches it.
    """

    def __init__(
        self,
        transport: Transport,
        keys: Sequence[VerifierKey],
        learn: Callable[[], Sequence[VerifierKey]] | None = None,
    ) -> None:
        self._transport = transport
        self._keys = tuple(keys)
        self._learn = learn
        self._tiles: OrderedDict[Tile, list[bytes]] = OrderedDict()

    @property
    def location(self) -> str:
        """The service's address."""
        return self._transport.base

    @property
    def transport(self) -> Transport:
        """How the service is asked."""
        return self._transport

    @property
    def keys(self) -> tuple[VerifierKey, ...]:
        """The keys that may sign its checkpoints."""
        return self._keys

    def checkpoint(self) -> Checkpoint:
        """The newest checkpoint, its signature checked.

        Raises:
            LedgerFault: there is none, or no answer. InvalidError: it is none, or not signed by the log's key.
        """
        data = self._fetch(CHECKPOINT_PATH, MAX_NOTE_BYTES)
        if data is None:
            raise LedgerFault(f"ledger {self.location}: has published no checkpoint yet")
        try:
            return open_checkpoint(data, self._keys)
        except ForgedError:
            if not self.learn():
                raise
            return open_checkpoint(data, self._keys)

    def learn(self) -> bool:
        """Whether the log's known keys vouch for others by now, which are those that may sign from here on."""
        try:
            keys = self._keys if self._learn is None else tuple(self._learn())
        except LedgerFault:  # the service says nothing that holds: what is known stays
            return False
        changed, self._keys = keys != self._keys, keys
        return changed

    def nodes(self, size: int) -> Nodes:
        """The complete subtrees of the tree of ``size`` leaves, as :mod:`provenance.merkle` wants them; unproved.

        Calling it raises LedgerFault where a tile is missing, InvalidError where one is malformed.
        """
        return tile_nodes(self.hashes, size)

    def hashes(self, tile: Tile) -> list[bytes]:
        """The hashes of one tile, unproved."""
        kept = self._tiles.get(tile)
        if kept is None:
            kept = parse_tile(self._read(tile, MAX_TILE_BYTES), tile.width)
            self._tiles[tile] = kept
            if len(self._tiles) > _KEPT_TILES:
                self._tiles.popitem(last=False)
        return kept

    def entries(self, tile: Tile) -> list[bytes]:
        """The entries of one bundle, unproved."""
        return parse_bundle(self._read(tile, MAX_BUNDLE_BYTES), tile.width)

    def entry(self, index: int, checkpoint: Checkpoint) -> bytes:
        """The entry at ``index``, proved to stand there in the checkpoint's tree."""
        bundle, offset = divmod(index, FULL_WIDTH)
        entry = self.entries(Tile(None, bundle, tile_width(0, bundle, checkpoint.size)))[offset]
        self.prove(entry, index, checkpoint)
        return entry

    def prove(self, entry: bytes, index: int, checkpoint: Checkpoint) -> None:
        """Check through the tiles that ``entry`` stands at ``index`` in the checkpoint's tree.

        Raises:
            ForgedError: it does not. LedgerFault: a tile is missing.
        """
        path = merkle.inclusion_path(self.nodes(checkpoint.size), index, checkpoint.size)
        merkle.check_inclusion(merkle.leaf_hash(entry), index, checkpoint.size, path, checkpoint.root)

    def consistency_path(self, first: int, checkpoint: Checkpoint) -> list[bytes]:
        """That the tree of ``first`` leaves is a prefix of the checkpoint's, as the tiles show it; unproved."""
        return merkle.consistency_path(self.nodes(checkpoint.size), first, checkpoint.size)

    def forget(self) -> None:
        """Read every tile anew from now on."""
        self._tiles.clear()

    def _read(self, tile: Tile, limit: int) -> bytes:
        """The bytes of a tile; where a partial one is gone, as much of the full one (tlog-tiles, partial tiles)."""
        data = self._fetch(tile.path, limit)
        if data is not None:
            return data
        whole = None if tile.width == FULL_WIDTH else self._fetch(tile.full.path, limit)
        if whole is None:
            raise MissingTileFault(f"ledger {self.location}: {tile.path} is missing, though a checkpoint needs it")
        return self._cut(whole, tile)

    def _cut(self, whole: bytes, tile: Tile) -> bytes:
        if tile.level is not None:
            parse_tile(whole, FULL_WIDTH)
            return whole[: tile.width * merkle.HASH_SIZE]
        entries = parse_bundle(whole, FULL_WIDTH)[: tile.width]
        return whole[: sum(2 + len(entry) for entry in entries)]

    def _fetch(self, path: str, limit: int) -> bytes | None:
        answer = self._transport.request("GET", LOG_PREFIX + path, limit=limit)
        if answer.status in _NOT_FOUND:
            return None
        if answer.status != _OK:
            raise LedgerFault(f"ledger {self.location}: {path} is answered with status {answer.status}")
        return answer.body
