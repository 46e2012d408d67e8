"""The full check of a log: every leaf, proof, column, tile and checkpoint, recomputed from the entries alone."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import func, select

from ledger.admission import LEAF_COLUMNS, check_in_log, entry_keys, leaf_row, prepare
from ledger.database import reading
from ledger.edge import Edge
from ledger.keyindex import count_keys, stored_keys
from ledger.lookup import find_entry
from ledger.models import Cosignature, Leaf, Stamp, TileRow
from ledger.sequencer import current_state
from ledger.storeaudit import StoreAudit
from ledger.tree import StoredTree, TileCache
from provenance.checkpoint import open_checkpoint
from provenance.entry import parse_any
from provenance.errors import InvalidError, LedgerFault, UnsupportedVersionError
from provenance.merkle import leaf_hash
from provenance.terminal import printable
from provenance.tiles import FULL_WIDTH

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from sqlalchemy import Connection, Engine, Row

    from ledger.admission import Prepared
    from ledger.edge import FullTile
    from ledger.sequencer import State
    from ledger.tilestore import TileStore
    from provenance.checkpoint import VerifierKey
    from provenance.entry import AnyEntry

    Progress = Callable[[int, int], None]

__all__ = ["check_log"]

_MOST = 1_000
"""Problems that are listed; a log with more is damaged beyond what a list can tell."""


def check_log(
    engine: Engine, keys: Sequence[VerifierKey], progress: Progress | None = None, store: TileStore | None = None
) -> list[str]:
    """What is wrong with the log, one line each; empty when all of it verifies. Reads everything once.

    With ``store`` every tile, bundle and the checkpoint there are compared as well.

    Raises:
        LedgerFault: the database cannot be read at all.
    """
    with reading(engine) as connection:
        try:
            state = current_state(connection, keys, None)
        except LedgerFault as fault:
            return [str(fault)]
        shown = StoreAudit(store, keys, state.head.size) if store else None
        found = _check_leaves(connection, state, shown, progress)
        found += _check_notes(connection, state, keys)
        if connection.dialect.name == "sqlite":
            result = connection.exec_driver_sql("PRAGMA integrity_check(1)").scalar_one()
            found += [] if result == "ok" else [f"SQLite: {printable(' '.join(str(result).split()))}"]
    return found[:_MOST]


def _check_leaves(
    connection: Connection, state: State, shown: StoreAudit | None, progress: Progress | None
) -> list[str]:
    head, edge = state.head, Edge()
    found: list[str] = []
    count = connection.execute(select(func.count()).select_from(Leaf)).scalar_one()
    if count != head.size:
        found.append(f"{count} entries are stored, the checkpoint says {head.size}")
    tiles, keys = 0, list[int | None]()
    for start in range(0, head.size, FULL_WIDTH):
        end = min(start + FULL_WIDTH, head.size)
        rows = connection.execute(
            select(Leaf.__table__).where(Leaf.leaf_index >= start, Leaf.leaf_index < end).order_by(Leaf.leaf_index)
        ).all()
        indices = [row.leaf_index for row in rows]
        if indices != list(range(start, end)):
            missing = sorted(set(range(start, end)) - set(indices))
            return [*found, f"entry {missing[0]} is missing"]
        prepared = [_check_leaf(connection, row, head.origin, found) for row in rows]
        keys.append(_check_keys(connection, start, prepared, found))
        edge, full = edge.extended([leaf_hash(row.entry) for row in rows])
        tiles += len(full)
        found += [line for tile in full for line in _check_tile(connection, tile)]
        if shown:
            shown.see([row.entry for row in rows], edge, full)
        if progress:
            progress(end, head.size)
    if edge.root != head.root:
        found.append("the entries do not give the root that the checkpoint signs")
    if connection.execute(select(func.count()).select_from(TileRow)).scalar_one() != tiles:
        found.append("the stored tree is not the tree of the entries: it has other tiles")
    if None not in keys and count_keys(connection) != sum(filter(None, keys)):
        found.append("there are other keys, by which entries are looked up, than those of the entries")
    return found + (shown.finish() if shown else [])


def _check_leaf(connection: Connection, row: Row[tuple[object, ...]], origin: str, found: list[str]) -> Prepared | None:
    index = row.leaf_index
    try:
        prepared = prepare(row.entry)
    except (InvalidError, UnsupportedVersionError) as error:
        found.append(f"entry {index}: {error}")
        return None
    for name, value in zip(LEAF_COLUMNS, leaf_row(index, prepared), strict=True):
        if getattr(row, name) != value:
            found.append(f"entry {index}: the column {name} does not follow from the entry")
    if prepared.entry.claim is None:
        try:
            check_in_log(
                prepared.entry,
                lambda identifier: _before(connection, identifier, index),
                lambda _slot: None,
                lambda _claim: 0,
                origin=origin,
                index=index,
            )
        except InvalidError as error:
            found.append(f"entry {index}: {error}")
    return prepared


def _before(connection: Connection, identifier: bytes, index: int) -> AnyEntry | None:
    logged = find_entry(connection, identifier)
    return parse_any(logged.entry) if logged is not None and logged.index < index else None


def _check_keys(
    connection: Connection, start: int, prepared: Sequence[Prepared | None], found: list[str]
) -> int | None:
    """How many rows the entries from ``start`` on have in the tables of keys; None where one is unreadable."""
    wanted = {
        index: [(key, index) for key in entry_keys(item.entry)] for index, item in enumerate(prepared, start) if item
    }
    pairs = [pair for keys in wanted.values() for pair in keys]
    missing = set(pairs) - stored_keys(connection, pairs)
    found += [
        f"entry {index}: the keys that it is looked up by do not follow from the entry"
        for index, keys in wanted.items()
        if not missing.isdisjoint(keys)
    ]
    return len(pairs) if len(wanted) == len(prepared) else None


def _check_tile(connection: Connection, tile: FullTile) -> list[str]:
    statement = select(TileRow.__table__).where(TileRow.level == tile.level, TileRow.position == tile.position)
    row = connection.execute(statement).one_or_none()
    if row is None or tuple(row) != tile.row():
        return [f"the stored tree is not the tree of the entries: tile {tile.position} of level {tile.level}"]
    return []


def _check_notes(connection: Connection, state: State, keys: Sequence[VerifierKey]) -> list[str]:
    """Stamped and cosigned checkpoints must be ours, and of this very tree. Whether the others' signatures count is for
    whoever trusts them.
    """
    tree, found = StoredTree(connection, state.edge, TileCache()), []
    rows = [*connection.execute(select(Stamp.size, Stamp.authority, Stamp.note))]
    rows += connection.execute(select(Cosignature.size, Cosignature.witness, Cosignature.note))
    for size, who, note in rows:
        try:
            checkpoint = open_checkpoint(note, keys)
            if checkpoint.size != size or tree.root(size) != checkpoint.root:
                found.append(f"the checkpoint of size {size} that {who} stamped or cosigned is not of this tree")
        except (InvalidError, LedgerFault) as error:
            found.append(f"the checkpoint of size {size} that {who} stamped or cosigned: {error}")
    return found
