"""A witness that looks by itself: it reads a log's tiles and cosigns what continues what it has seen."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ledger.contradiction import InconsistencyError, keep_evidence
from ledger.older import PATIENCE, newest_checkpoint, refuse_older
from ledger.tiled import MissingTileFault
from provenance import merkle
from provenance.errors import ForgedError, InvalidError

if TYPE_CHECKING:
    from ledger.tiled import TiledLog
    from ledger.witness import Seen, Witness
    from provenance.checkpoint import Checkpoint

__all__ = ["observe"]


def observe(witness: Witness, tiled: TiledLog, *, patience: float = PATIENCE) -> tuple[Checkpoint, bytes]:
    """The log's newest checkpoint and the witness's lines over it, if it continues the last one.

    Raises:
        OlderStateError: less is shown than was cosigned, even after ``patience`` seconds.
        InconsistencyError: it does not continue what was cosigned; both checkpoints are kept beside the memory.
        LedgerFault: the service or the memory cannot be reached.
    """
    tiled.forget()
    before = witness.seen(tiled.keys[0].name)
    try:
        checkpoint = newest_checkpoint(tiled, 0 if before is None else before.size, patience=patience)
    except InvalidError as error:
        raise InconsistencyError(f"checkpoint: {error}") from error
    seen = witness.seen(checkpoint.origin)
    if seen is not None and refuse_older(tiled, seen.size, seen.root, checkpoint):
        where = keep_evidence(witness.path, tiled.keys, seen.note, checkpoint)
        raise InconsistencyError(
            f"fork: the tree of {seen.size} entries that the log has signed before did not begin with that of "
            f"{checkpoint.size} which it shows now; {where}"
        )
    try:
        return checkpoint, witness.accept(checkpoint, _path(tiled, seen, checkpoint), seen)
    except ForgedError as error:
        if seen is None or not _tiles_lead_there(tiled, checkpoint):
            raise InconsistencyError(f"the tiles do not prove the checkpoint: {error}") from error
        where = keep_evidence(witness.path, tiled.keys, seen.note, checkpoint)
        raise InconsistencyError(
            f"fork: the tree of {checkpoint.size} entries does not continue that of {seen.size} which the log has "
            f"signed before; {where}"
        ) from error
    except (InvalidError, MissingTileFault) as error:
        raise InconsistencyError(f"the tiles do not prove the checkpoint: {error}") from error


def _path(tiled: TiledLog, seen: Seen | None, checkpoint: Checkpoint) -> list[bytes]:
    if seen is None or seen.size in (0, checkpoint.size):
        return []
    return tiled.consistency_path(seen.size, checkpoint)


def _tiles_lead_there(tiled: TiledLog, checkpoint: Checkpoint) -> bool:
    """Whether what is shown really is the tree that was signed: only then is it the log that contradicts itself."""
    return merkle.tree_root(tiled.nodes(checkpoint.size), checkpoint.size) == checkpoint.root
