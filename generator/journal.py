"""Works begun and not yet finished, so that a crash between claim and file loses nothing.

One JSON file per work in the state folder, named by the work's public nonce, mode 0600. It holds the nonce and the
job, and no secret: a sealed prompt stands in it in its encrypted form. ``create`` with the same job finds it, uses the
same nonce, and so makes the same Y, the same picture and the same claim, which the log answers with its first entry.
"""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

from provenance.encoding import Fields, Json, canonical, parse_json
from provenance.errors import InvalidError, UsageError
from provenance.files import read_bounded, write_atomic

if TYPE_CHECKING:
    from pathlib import Path

    from provenance.home import Home

__all__ = ["Begun", "begin", "finish", "unfinished"]

_LIMIT = 131_072


@dataclass(frozen=True)
class Begun:
    """A work in the making: its nonce (32 bytes), fingerprint of the job, output path, sealed opening if any."""

    nonce: bytes
    job: str
    output: str
    sealed: bytes | None
    commitment: bytes | None


def begin(home: Home, work: Begun) -> None:
    """Record a work before anything is generated.

    Raises:
        OutputError: the journal cannot be written; then nothing else should be.
    """
    value: dict[str, Json] = {
        "kind": "journal",
        "v": 1,
        "nonce": work.nonce.hex(),
        "job": work.job,
        "output": work.output,
        "sealed": None if work.sealed is None else work.sealed.hex(),
        "commitment": None if work.commitment is None else work.commitment.hex(),
    }
    write_atomic(home.make(home.journal) / f"{work.nonce.hex()}.json", canonical(value), mode=0o600)


def finish(home: Home, work: Begun) -> None:
    """Forget a work whose file is written."""
    with contextlib.suppress(FileNotFoundError):
        (home.journal / f"{work.nonce.hex()}.json").unlink()


def unfinished(home: Home, job: str, output: str) -> Begun | None:
    """The unfinished work with the same job and output, if there is one. Unreadable records are left alone."""
    if not home.journal.is_dir():
        return None
    for path in sorted(home.journal.glob("*.json")):
        with contextlib.suppress(InvalidError, UsageError):
            work = _read(path)
            if (work.job, work.output) == (job, output):
                return work
    return None


def _read(path: Path) -> Begun:
    with Fields(parse_json(read_bounded(path, "journal", limit=_LIMIT), "journal", limit=_LIMIT), "journal") as fields:
        fields.version("journal")
        return Begun(
            nonce=fields.binary("nonce", size=32),
            job=fields.text("job", limit=64),
            output=fields.text("output", limit=4096),
            sealed=fields.binary("sealed") if fields.optional("sealed") else None,
            commitment=fields.binary("commitment", size=32) if fields.optional("commitment") else None,
        )
