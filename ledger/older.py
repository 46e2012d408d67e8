"""A checkpoint that is smaller than one that was seen before: an older state of the same tree, or another tree?

An honest log has signed many checkpoints, and shows an older one where a replica lags, a cache is slow, or an earlier
state of the service came back. So whoever watches asks again for some seconds first. Then the smaller tree is held
against the larger one: if it is how that one began, this is an older state, which accuses nobody; if it is not, the log
has signed two trees that contradict each other.
"""

from __future__ import annotations

import time
from dataclasses import replace
from typing import TYPE_CHECKING

from ledger.contradiction import InconsistencyError
from ledger.tiled import MissingTileFault
from provenance import merkle
from provenance.errors import InvalidError
from provenance.tiles import FULL_WIDTH

if TYPE_CHECKING:
    from ledger.edge import Edge
    from ledger.tiled import TiledLog
    from provenance.checkpoint import Checkpoint

__all__ = ["PATIENCE", "OlderStateError", "newest_checkpoint", "refuse_older"]

PATIENCE = 10.0
"""Seconds for which a log that shows less than it has shown is asked again."""

_POLL = 0.5


class OlderStateError(InconsistencyError):
    """A log shows less than it has shown before. It proves no contradiction: what is shown is how the tree began, or
    not enough is shown to tell.
    """


def newest_checkpoint(tiled: TiledLog, seen: int, *, patience: float = PATIENCE) -> Checkpoint:
    """The newest checkpoint; one of fewer than ``seen`` entries only if nothing larger comes for ``patience`` seconds.

    Raises:
        LedgerFault, InvalidError: see ``TiledLog.checkpoint``.
    """
    end = time.monotonic() + patience
    checkpoint = tiled.checkpoint()
    while checkpoint.size < seen and (left := end - time.monotonic()) > 0:
        time.sleep(min(_POLL, left))
        checkpoint = tiled.checkpoint()
    return checkpoint


def refuse_older(tiled: TiledLog, size: int, root: bytes, checkpoint: Checkpoint, edge: Edge | None = None) -> bool:
    """Refuse a checkpoint that is an older state of the tree of ``size`` entries with this ``root``.

    ``edge`` is that tree's, where it is at hand. Returns False for every other checkpoint, but True for a smaller one
    that is of another tree: then the log contradicts itself.

    Raises:
        OlderStateError: it is an older state, or no tiles are shown that could tell. LedgerFault: the log is away.
    """
    if checkpoint.size >= size:
        return False
    began = _root_at(tiled, size, root, checkpoint.size, edge)
    if began is not None and began != checkpoint.root:
        return True
    doubt = "" if began is not None else ", and not the tiles that would tell whether it is one"
    raise OlderStateError(
        f"older: the log shows an older state of {checkpoint.size} entries{doubt}; it has signed {size} before. A "
        "replica that lags or a cache does that, too; look again before you accuse anybody"
    )


def _root_at(tiled: TiledLog, size: int, root: bytes, at: int, edge: Edge | None) -> bytes | None:
    """The root that the tree had when it had ``at`` entries; None where that cannot be told."""
    if at == 0:
        return merkle.EMPTY_ROOT
    if edge is not None and at >= size // FULL_WIDTH * FULL_WIDTH:
        return replace(edge, size=at, rows=(edge.rows[0][: at % FULL_WIDTH], *edge.rows[1:])).root
    nodes = tiled.nodes(size)
    try:
        began = merkle.tree_root(nodes, at)
        merkle.check_consistency(at, size, began, root, merkle.consistency_path(nodes, at, size))
    except (InvalidError, MissingTileFault):
        return None
    return began
