"""Replaying a log from its tiles, as somebody who trusts nothing but arithmetic and signatures.

A round, from the last sound tree (or from nothing) to the newest checkpoint:

1. the checkpoint is signed by the log, and not smaller than the last one (``ledger.older``);
2. the last tree is a prefix of the new one (*fork*);
3. every new entry is canonical, its proofs hold, it fits what stands before it, and it stands there once;
4. entries and tiles of every level agree, and lead to the root that the checkpoint signs;
5. timestamps and cosignatures that the service shows for this checkpoint are over it.

What does not hold is an :class:`InconsistencyError` with one line that names the place. Of a fork both checkpoints are
kept in a file: signed by one key and contradicting each other, they convince everybody. An older state is no such
contradiction: see ``ledger.older``.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ledger.contradiction import InconsistencyError, keep_evidence
from ledger.edge import Edge
from ledger.older import PATIENCE, newest_checkpoint, refuse_older
from ledger.stampcheck import check_stamps
from ledger.tiled import MissingTileFault
from provenance import merkle
from provenance.cosignature import open_cosignatures
from provenance.entry import check_any, check_beside, check_place, needs_owner, parse_any
from provenance.errors import EnvironmentFault, InvalidError
from provenance.tiles import FULL_WIDTH, TILE_HEIGHT, Tile, bundles_of, tile_width

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from ledger.monitorstate import Kept, MonitorState
    from ledger.tiled import TiledLog
    from provenance.checkpoint import Checkpoint
    from provenance.entry import AnyEntry
    from provenance.note import VerifierKey

__all__ = ["InconsistencyError", "Monitor", "Round"]

_KEPT_CLAIMS = 4_096


@dataclass(frozen=True)
class Round:
    """A sound round: ``added`` entries more than in the last one; ``stamps`` and ``witnesses`` of this checkpoint."""

    checkpoint: Checkpoint
    added: int
    stamps: int
    witnesses: tuple[str, ...]


class Monitor:
    """Checks one log, whose keys ``tiled`` knows. ``witnesses``: keys of witnesses whose cosignatures are checked."""

    def __init__(
        self,
        tiled: TiledLog,
        state: MonitorState,
        *,
        witnesses: Sequence[VerifierKey] = (),
        progress: Callable[[int, int], None] | None = None,
        patience: float = PATIENCE,
    ) -> None:
        self._patience = patience
        self._tiled = tiled
        self._state = state
        self._witnesses = tuple(witnesses)
        self._progress = progress
        self._claims: OrderedDict[bytes, AnyEntry] = OrderedDict()

    def check(self, *, anew: bool = False) -> Round:
        """One round; with ``anew`` from the first entry on, though the last sound tree is known.

        Raises:
            OlderStateError: less is shown than before, even after some seconds.
            InconsistencyError: something else does not hold; the last sound tree stays what it was.
            LedgerFault: the service or the state cannot be reached. UnsupportedVersionError: an entry is newer than
                this program.
        """
        kept = self._state.kept()
        anew = anew or kept is None
        self._tiled.forget()
        self._claims.clear()
        try:
            checkpoint = newest_checkpoint(self._tiled, 0 if kept is None else kept.size, patience=self._patience)
        except InvalidError as error:
            raise InconsistencyError(f"checkpoint: {error}") from error
        if kept is not None:
            self._compare(kept, checkpoint)
        start = Edge() if anew or kept is None else kept.edge
        with self._state.round(anew=anew):
            edge = self._replay(start, checkpoint, kept)
            self._state.keep(checkpoint, edge)
        stamps = self._check_stamps(checkpoint)
        cosigned = self._cosigned(checkpoint)
        return Round(checkpoint, checkpoint.size - (0 if kept is None else kept.size), stamps, cosigned)

    # --- 1 and 2: against what was seen before ----------------------------------------------------------------------

    def _compare(self, kept: Kept, checkpoint: Checkpoint) -> None:
        if checkpoint.origin != kept.origin:
            raise InconsistencyError(f"checkpoint: of {checkpoint.origin}, but this state is about {kept.origin}")
        if refuse_older(self._tiled, kept.size, kept.root, checkpoint, kept.edge):
            where = self._keep_evidence(kept, checkpoint)
            raise InconsistencyError(
                f"fork: the tree of {kept.size} entries that the log has signed before did not begin with that of "
                f"{checkpoint.size} which it shows now; {where}"
            )
        if checkpoint.size == kept.size and checkpoint.root != kept.root:
            where = self._keep_evidence(kept, checkpoint)
            raise InconsistencyError(f"fork: the log has signed two trees of {kept.size} entries; {where}")
        if 0 < kept.size < checkpoint.size and not self._continues(kept, checkpoint):
            where = self._keep_evidence(kept, checkpoint)
            raise InconsistencyError(
                f"fork: the tree of {checkpoint.size} entries does not continue that of {kept.size} which the log has "
                f"signed before; {where}"
            )

    def _continues(self, kept: Kept, checkpoint: Checkpoint) -> bool:
        """False only if tiles that lead to the checkpoint's root say so; what else is wrong the replay finds."""
        nodes = self._tiled.nodes(checkpoint.size)
        try:
            path = merkle.consistency_path(nodes, kept.size, checkpoint.size)
            merkle.check_consistency(kept.size, checkpoint.size, kept.root, checkpoint.root, path)
        except (InvalidError, MissingTileFault):
            try:
                return merkle.tree_root(nodes, checkpoint.size) != checkpoint.root
            except (InvalidError, MissingTileFault):
                return True
        return True

    def _keep_evidence(self, kept: Kept, checkpoint: Checkpoint) -> str:
        return keep_evidence(self._state.path, self._tiled.keys, kept.note, checkpoint)

    # --- 3 and 4: entries and tiles ---------------------------------------------------------------------------------

    def _replay(self, edge: Edge, checkpoint: Checkpoint, kept: Kept | None) -> Edge:
        for bundle in bundles_of(edge.size, checkpoint.size):
            entries = self._read(bundle, self._tiled.entries)
            hashes = [merkle.leaf_hash(entry) for entry in entries]
            first, known = bundle.index * FULL_WIDTH, edge.size - bundle.index * FULL_WIDTH
            for offset in range(known):
                if edge.rows[0][offset] != hashes[offset]:
                    raise InconsistencyError(f"entry {first + offset} is not the one that stood there before")
            self._agree(Tile(0, bundle.index, bundle.width), hashes)
            if kept is not None and edge.size < kept.size <= first + len(hashes):
                self._meet(edge.extended(hashes[known : kept.size - first])[0], kept, checkpoint)
            for offset in range(known, len(entries)):
                self._judge(first + offset, entries[offset], checkpoint)
            edge, full = edge.extended(hashes[known:])
            for made in full:
                if made.level:
                    self._agree(Tile(made.level, made.position), made.hashes)
            if self._progress:
                self._progress(edge.size, checkpoint.size)
        for level, row in enumerate(edge.rows):
            if level and row:
                self._agree(Tile(level, (edge.size >> TILE_HEIGHT * level) // FULL_WIDTH, len(row)), row)
        if edge.root != checkpoint.root:
            raise InconsistencyError(
                f"the entries do not give the root that the checkpoint of {checkpoint.size} entries signs"
            )
        return edge

    def _meet(self, edge: Edge, kept: Kept, checkpoint: Checkpoint) -> None:
        """Replayed from the first entry, the last sound tree must come by again."""
        if edge.root != kept.root:
            where = self._keep_evidence(kept, checkpoint)
            raise InconsistencyError(
                f"fork: the first {kept.size} entries are not those of the tree that the log has signed before; {where}"
            )

    def _agree(self, tile: Tile, hashes: Sequence[bytes]) -> None:
        """The tile that the service shows must have these hashes, which follow from the entries."""
        found = self._read(tile, self._tiled.hashes)
        wrong = [tile.index * FULL_WIDTH + i for i, value in enumerate(hashes) if found[i] != value]
        if wrong:
            below = f"entry {wrong[0]}" if not tile.level else Tile(tile.level - 1, wrong[0]).path
            more = f", and {len(wrong) - 1} more like that" if len(wrong) > 1 else ""
            raise InconsistencyError(f"{tile.path}: a hash is not that of {below}{more}")

    def _read(self, tile: Tile, read: Callable[[Tile], list[bytes]]) -> list[bytes]:
        try:
            return read(tile)
        except (InvalidError, MissingTileFault) as error:
            raise InconsistencyError(f"{tile.path}: {error}") from error

    def _judge(self, index: int, data: bytes, checkpoint: Checkpoint) -> None:
        try:
            entry = parse_any(data)
            check_any(entry, second_opinion=False)
            check_place(entry, log=checkpoint.origin, index=index)
            if needs_owner(entry):
                before = None if entry.prev is None else self._earlier(entry.prev, checkpoint.size)
                check_beside(entry, self._earlier(entry.subject, checkpoint.size), before, second_opinion=False)
        except InvalidError as error:
            raise InconsistencyError(f"entry {index}: {error}") from error
        except EnvironmentFault as error:
            raise type(error)(f"entry {index}: {error}") from error
        earlier = self._state.add(entry.id, entry.slot, index)
        if earlier is not None:
            raise InconsistencyError(f"entry {index}: its place is taken by entry {earlier}; it must not be logged")
        self._remember(entry)

    def _earlier(self, entry_id: bytes, size: int) -> AnyEntry | None:
        """An entry that was judged before, by its id; read again where it is no longer at hand."""
        found = self._claims.get(entry_id)
        if found is not None:
            return found
        index = self._state.index_of(entry_id)
        if index is None:
            return None
        bundle, offset = divmod(index, FULL_WIDTH)
        entry = parse_any(self._read(Tile(None, bundle, tile_width(0, bundle, size)), self._tiled.entries)[offset])
        if entry.id != entry_id:
            raise InconsistencyError(f"entry {index} is not the one that stood there before")
        self._remember(entry)
        return entry

    def _remember(self, entry: AnyEntry) -> None:
        self._claims[entry.id] = entry
        if len(self._claims) > _KEPT_CLAIMS:
            self._claims.popitem(last=False)

    # --- 5: what is beside the checkpoint ---------------------------------------------------------------------------

    def _check_stamps(self, checkpoint: Checkpoint) -> int:
        try:
            return check_stamps(self._tiled.transport, checkpoint, self._tiled.keys)
        except InvalidError as error:
            raise InconsistencyError(f"timestamps of {checkpoint.size} entries: {error}") from error

    def _cosigned(self, checkpoint: Checkpoint) -> tuple[str, ...]:
        try:
            found = open_cosignatures(checkpoint.note, self._witnesses)
        except InvalidError as error:
            raise InconsistencyError(f"checkpoint of {checkpoint.size} entries: {error}") from error
        return tuple(cosignature.key.name for cosignature in found)
