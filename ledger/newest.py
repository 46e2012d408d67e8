"""The newest checkpoint, kept in a file beside the database, so that an older copy of the database is noticed.

A backup that is put back, or a write-ahead log that somebody deletes, leaves a database that is sound in itself and
older than what the log has signed. To go on from there would sign a second, other tree of the same size: a fork. The
file ``<database>.newest`` (``<key file>.newest`` for PostgreSQL) is a hint and no protection: who can replace the
database can delete it. It is written after the commit and not synced, so after a power cut it may lag behind, which
does no harm.
"""

from __future__ import annotations

import contextlib
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from provenance.checkpoint import open_checkpoint, parse_checkpoint
from provenance.cosignature import stated_time
from provenance.errors import InvalidError, LedgerFault, SeedproofError
from provenance.files import read_bounded
from provenance.note import MAX_NOTE_BYTES, split_note

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ledger.tree import StoredTree
    from provenance.checkpoint import Checkpoint, VerifierKey

__all__ = ["ForkFault", "check_not_older", "newest_path", "read_newest", "remember_newest", "supersedes"]


class ForkFault(LedgerFault):
    """Somebody has seen a checkpoint of this log that its database does not continue; going on would sign a fork."""


def newest_path(beside: Path) -> Path:
    """Where the newest checkpoint stands: beside the database's file, or the key file of a database elsewhere."""
    return beside.with_name(beside.name + ".newest")


def remember_newest(target: Path, note: bytes) -> None:
    """Replace the file by this checkpoint, unless it has a later one of this log, which another process has kept.

    A failure is none of the entry's, which is durable already.
    """
    with contextlib.suppress(OSError):
        if not _is_newer(note, target):
            return
        with tempfile.NamedTemporaryFile(prefix=f".{target.name}.", dir=target.parent, delete=False) as file:
            file.write(note)
        try:
            Path(file.name).replace(target)
        except OSError:
            Path(file.name).unlink()


def _is_newer(note: bytes, target: Path) -> bool:
    """Whether the file has no checkpoint of this log that is larger."""
    try:
        present = parse_checkpoint(read_bounded(target, "newest checkpoint", limit=MAX_NOTE_BYTES))
    except SeedproofError:
        return True
    new = parse_checkpoint(note)
    return present.origin != new.origin or present.size <= new.size


def read_newest(path: Path, keys: Sequence[VerifierKey]) -> Checkpoint | None:
    """The remembered checkpoint; None when the file is missing, damaged or another log's, which says nothing.

    To be read *before* the database: others may be appending, and the file must not be newer than what it is held
    against.
    """
    try:
        return open_checkpoint(read_bounded(path, "newest checkpoint", limit=MAX_NOTE_BYTES), keys)
    except SeedproofError:
        return None


def check_not_older(seen: Checkpoint | None, tree: StoredTree, size: int, who: str = "this log has signed") -> None:
    """Refuse a database of ``size`` entries that is older than a checkpoint seen elsewhere, or of another tree.

    Raises:
        ForkFault: it is.
    """
    if seen is None:
        return
    if seen.size > size:
        raise ForkFault(
            f"ledger: the database has {size} entries, but {who} {seen.size}: an older copy was put back. Restore the "
            "newest backup or state; going on from here would fork the log"
        )
    if tree.root(seen.size) != seen.root:
        raise ForkFault(f"ledger: the database is not the tree of which {who} {seen.size} entries: a fork")


def supersedes(note: bytes, present: bytes | None) -> bool:
    """Whether a checkpoint may take the place of the present one; one that cannot be read is none.

    Of one tree the one with more cosignatures stays, or with later ones, unless the log has changed its keys: then the
    new ones must show.

    Raises:
        LedgerFault: both are of one size and not of one tree, or of two logs.
    """
    if present is None:
        return True
    new = parse_checkpoint(note)
    try:
        old = parse_checkpoint(present)
    except InvalidError:
        return True
    if old.origin != new.origin or (old.size == new.size and old.root != new.root):
        raise LedgerFault(
            "ledger: the tile store shows another log, or another tree of this size; nothing was published"
        )
    if old.size != new.size:
        return old.size < new.size
    if len(present) < len(note):
        return True
    lines, before = _times(note), _times(present)
    renewed = lines.keys() == before.keys() and sum(lines.values()) > sum(before.values())
    return renewed or any(name == new.origin and (name, key_id) not in before for name, key_id in lines)


def _times(note: bytes) -> dict[tuple[str, bytes], int]:
    """Name and id of every key that signed -> the time that it states."""
    return {(line.name, line.key_id): stated_time(line) for line in split_note(note)[1]}
