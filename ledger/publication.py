"""Publishing: bringing the tile store to the head, tiles first, the checkpoint last.

What a checkpoint promises is there before it. Every step may be done twice, by one process after a crash or by two at
once, with the same outcome: tiles have one content, and a checkpoint never gives way to an older one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import Connection, CursorResult, insert, or_, select, update

from ledger.lookup import entries_between
from ledger.models import PublishedRow
from ledger.sequencer import TreeHead
from ledger.storeid import check_store_id
from provenance.tiles import (
    FULL_WIDTH,
    TILE_HEIGHT,
    Tile,
    bundles_of,
    format_bundle,
    format_tile,
    new_tiles,
    tile_width,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ledger.tilestore import TileStore
    from ledger.tree import StoredTree

__all__ = ["put_tiles", "read_published", "record_published", "remove_partial", "tile_data"]


def read_published(connection: Connection, origin: str) -> TreeHead | None:
    """The newest tree that the store shows, as the database remembers it."""
    statement = select(PublishedRow.size, PublishedRow.root, PublishedRow.note).where(PublishedRow.id == 1)
    row = connection.execute(statement).one_or_none()
    return None if row is None else TreeHead(origin, *row)


def put_tiles(connection: Connection, tree: StoredTree, store: TileStore, old: int, size: int) -> None:
    """Put what a log of ``size`` leaves has and one of ``old`` leaves lacks: entry bundles and tiles of hashes."""
    for tile in (*bundles_of(old, size), *new_tiles(old, size)):
        store.put_new(tile.path, tile_data(connection, tree, tile))


def tile_data(connection: Connection, tree: StoredTree, tile: Tile) -> bytes:
    """The content of a tile or bundle.

    Raises:
        LedgerFault: the log has no such tile, or is damaged.
    """
    if tile.level is not None:
        return format_tile(tree.hashes(tile))
    start = tile.index * FULL_WIDTH
    return format_bundle(entries_between(connection, start, start + tile.width))


def record_published(connection: Connection, new: TreeHead, store: str | None) -> None:
    """Remember what the store with this id shows; never an older tree than what is remembered.

    Raises:
        LedgerFault: the log publishes into another store by now.
    """
    values = {"size": new.size, "root": new.root, "note": new.note, "store": store}
    mine = or_(PublishedRow.store.is_(None), PublishedRow.store == store)
    result: CursorResult[tuple[object, ...]] = connection.execute(
        update(PublishedRow).where(PublishedRow.id == 1, PublishedRow.size <= new.size, mine).values(**values)
    )
    if result.rowcount == 0:
        check_store_id(connection, store)
        if connection.execute(select(PublishedRow.id)).first() is None:
            connection.execute(insert(PublishedRow).values(id=1, **values))


def remove_partial(store: TileStore, old: int, size: int) -> None:
    """Remove the partial tiles of the tree of ``old`` leaves that are full in that of ``size`` leaves."""
    for tile in _partial(old):
        if tile_width(tile.level or 0, tile.index, size) == FULL_WIDTH:
            store.remove_partial(tile)


def _partial(size: int) -> Iterator[Tile]:
    level = 0
    while count := size >> TILE_HEIGHT * level:
        if count % FULL_WIDTH:
            yield Tile(level, count // FULL_WIDTH)
            if level == 0:
                yield Tile(None, count // FULL_WIDTH)
        level += 1
