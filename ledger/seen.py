"""The newest tree that this user has seen of each log, so that an older state, or another tree, is noticed later.

A file for each log in ``state/logs`` of the user's folders, with the newest checkpoint whose tree was found to continue
the one before. Its name follows from the log's, whatever the address: mirrors of one log must show one tree. It is
forgotten when a log of that name is met as a new one (:mod:`ledger.pins`).
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from ledger.contradiction import keep_evidence
from ledger.older import OlderStateError, refuse_older
from ledger.tiled import MissingTileFault
from provenance import merkle
from provenance.checkpoint import parse_checkpoint
from provenance.errors import ForgedError, InvalidError, LedgerFault, OutputError, UsageError
from provenance.files import read_bounded, write_atomic
from provenance.home import find_home
from provenance.note import MAX_NOTE_BYTES
from provenance.terminal import note

if TYPE_CHECKING:
    from ledger.tiled import TiledLog
    from provenance.checkpoint import Checkpoint

__all__ = ["Seen", "check_continues"]


class Seen:
    """What this user has seen of the log with this name."""

    def __init__(self, origin: str) -> None:
        self.path = find_home().state / "logs" / f"{hashlib.sha256(origin.encode()).hexdigest()[:32]}.checkpoint"

    def read(self) -> Checkpoint | None:
        """The newest checkpoint, None before the first. It was checked when it was kept.

        Raises:
            LedgerFault: the file is damaged.
        """
        try:
            return parse_checkpoint(read_bounded(self.path, "checkpoint", limit=MAX_NOTE_BYTES))
        except (InvalidError, UsageError) as error:
            if not self.path.exists():
                return None
            raise LedgerFault(f"{self.path}: {error}; delete it, if you know no reason for that") from error

    def keep(self, checkpoint: Checkpoint) -> None:
        """Remember a checkpoint that continues the last one, unless somebody has kept a newer one meanwhile."""
        try:
            known = self.read()
            if known is None or known.size < checkpoint.size:
                find_home().make(self.path.parent)
                write_atomic(self.path, checkpoint.note, mode=0o600)
        except (OutputError, LedgerFault) as error:
            note(f"warning: what was seen of {checkpoint.origin} cannot be remembered: {error}")

    def forget(self) -> None:
        """Begin anew: this is another log under the same name."""
        try:
            self.path.unlink(missing_ok=True)
        except OSError as error:
            raise LedgerFault(f"cannot delete {self.path}: {error.strerror or error}") from error


def check_continues(tiled: TiledLog, before: Checkpoint, now: Checkpoint, seen: Seen) -> None:
    """Check through the tiles that the tree of ``now`` continues that of ``before``, which was shown earlier.

    Raises:
        LedgerFault: it is older, another tree, or the tiles do not say so. Two trees are kept as evidence.
    """
    where = f"ledger {tiled.location}"
    try:
        if refuse_older(tiled, before.size, before.root, now) or not _continues(tiled, before, now):
            kept = keep_evidence(seen.path, tiled.keys, before.note, now)
            raise LedgerFault(
                f"{where}: contradicts itself: its tree of {now.size} entries is no part of one with the {before.size} "
                f"that were seen before; {kept}. Do not rely on this log; ask its operator (what was seen is in "
                f"{seen.path})"
            )
    except OlderStateError as error:
        raise LedgerFault(
            f"{where}: shows {now.size} entries, though {before.size} were seen before: an older state, from a cache "
            "or a copy that lags, or a log that was set back. Try again later; if it stays so, ask its operator "
            f"({seen.path} has what was seen)"
        ) from error
    except (InvalidError, MissingTileFault) as error:
        raise LedgerFault(f"{where}: its tiles do not prove the checkpoint of {now.size} entries: {error}") from error


def _continues(tiled: TiledLog, before: Checkpoint, now: Checkpoint) -> bool:
    """False only if tiles that lead to the root of ``now`` say so.

    Raises:
        InvalidError, MissingTileFault: they lead nowhere, or are not there.
    """
    if before.size == 0:
        return True
    if before.size == now.size:
        return before.root == now.root
    try:
        path = tiled.consistency_path(before.size, now)
        merkle.check_consistency(before.size, now.size, before.root, now.root, path)
    except ForgedError:
        if merkle.tree_root(tiled.nodes(now.size), now.size) != now.root:
            raise
        return False
    return True
