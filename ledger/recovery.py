"""What is looked at when a log is opened, before anything is signed: is the database whole, and is it the newest?

A log that goes on from an older state signs a second tree of the same size: a fork, which nobody can take back. So the
head is compared with every later trace of it: the file beside the database, and the checkpoint in the tile store.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import Connection, func, select

from ledger.database import is_missing
from ledger.models import Leaf
from ledger.newest import check_not_older
from provenance.checkpoint import Checkpoint, open_checkpoint
from provenance.errors import InvalidError, LedgerFault

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from ledger.sequencer import State
    from ledger.tilestore import TileStore
    from ledger.tree import StoredTree
    from provenance.checkpoint import VerifierKey

__all__ = ["check_place", "check_stored", "read_shown"]

_COUNTED = 1_000_000


def check_place(path: Path, *, create: bool, has_key: bool) -> None:
    """Refuse to begin a SQLite log that was there before; make its folder when it may begin.

    Raises:
        LedgerFault: the file is missing and its key is there, or it is not to be created.
    """
    if not is_missing(path):
        return
    if has_key:
        raise LedgerFault(
            f"ledger {path} is gone but its key is there: restore the database from a backup. To begin another log, "
            "choose another file name; beginning anew with this key would fork the log"
        )
    if not create:
        raise LedgerFault(
            f"there is no ledger at {path}; name an existing one with --ledger, or create a work to begin one"
        )
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise LedgerFault(f"cannot create {path.parent} for the ledger: {error.strerror or error}") from error


def read_shown(store: TileStore, keys: Sequence[VerifierKey]) -> Checkpoint | None:
    """The checkpoint in the tile store, which must be this log's. To be read before the database.

    Raises:
        LedgerFault: it is another log's, or damaged.
    """
    note = store.get_checkpoint()
    if note is None:
        return None
    try:
        return open_checkpoint(note, keys)
    except InvalidError as error:
        raise LedgerFault(f"tiles: the checkpoint there is not this log's, or is damaged: {error}") from error


def check_stored(
    connection: Connection, state: State, tree: StoredTree, seen: Checkpoint | None, shown: Checkpoint | None
) -> None:
    """Exactly the head's leaves are there, and the head is not older than what was ``seen`` beside it or is ``shown``.

    ``seedproof ledger fsck`` checks every byte.

    Raises:
        LedgerFault: entries were lost, or an older copy was put back.
    """
    check_not_older(seen, tree, state.head.size)
    check_not_older(shown, tree, state.head.size, "the tile store shows")
    size = state.head.size
    last = connection.execute(select(func.max(Leaf.leaf_index))).scalar()
    count = 0 if last is None else last + 1
    if size <= _COUNTED:  # a large log is not counted at every start
        count = connection.execute(select(func.count()).select_from(Leaf)).scalar_one()
    if count != size or (size and last != size - 1):
        raise LedgerFault(f"ledger: {count} entries are stored, the checkpoint says {size}; entries were lost")
