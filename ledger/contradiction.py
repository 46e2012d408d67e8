"""When a log contradicts itself: the exception for it, and the file that proves it to others.

::

    evidence = {"kind":"evidence","v":1,"keys":[verifier key,...],"checkpoints":[note,note]}

Two checkpoints that one key has signed and that cannot both be of one growing tree convince everybody, whoever shows
them. Which of the two trees is the honest one they do not say.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from provenance.encoding import Json, canonical
from provenance.errors import InvalidError, OutputError
from provenance.files import write_atomic

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from provenance.checkpoint import Checkpoint
    from provenance.note import VerifierKey

__all__ = ["InconsistencyError", "keep_evidence"]


class InconsistencyError(InvalidError):
    """A log that contradicts itself or lacks what it signed. It does not prove who changed it, unless its key did."""


def keep_evidence(beside: Path, keys: Sequence[VerifierKey], before: bytes, now: Checkpoint) -> str:
    """Write both notes to a file beside ``beside``; returns where, as the end of a sentence."""
    path = beside.with_name(f"{beside.name}.evidence-{now.size}-{now.root.hex()[:16]}.json")
    document: dict[str, Json] = {
        "kind": "evidence",
        "v": 1,
        "keys": [key.format() for key in keys],
        "checkpoints": [before.decode(), now.note.decode()],
    }
    try:
        write_atomic(path, canonical(document))
    except OutputError as error:
        return f"the signed checkpoints could not be kept: {error}"
    return f"both signed checkpoints are in {path}"
