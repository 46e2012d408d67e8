"""Works begun and not yet finished, so that a crash between claim and file loses nothing.

One JSON file per work in the state folder, named by the work's public nonce, mode 0600. It holds the nonce and the
job, and no secret: a sealed prompt stands in it in its encrypted form. ``create`` with the same job finds it, uses the
same nonce, and so makes the same Y, the same picture and the same claim, which the log answers with its first entry.
Of a picture that is sampled together with others a second file, ``.latent``, holds what was made, before it is claimed.
"""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

from provenance.claim import read_steps
from provenance.encoding import Fields, Json, canonical, decimal_string, parse_json
from provenance.errors import InvalidError, UsageError
from provenance.files import read_bounded, write_atomic
from provenance.storedlatent import decode_latent, encode_latent

if TYPE_CHECKING:
    from decimal import Decimal
    from pathlib import Path

    import numpy as np
    from numpy.typing import NDArray

    from provenance.home import Home

__all__ = ["Begun", "Made", "begin", "finish", "keep_latent", "kept_latent", "records"]

_LIMIT = 131_072
_LATENT_LIMIT = 2**25
"""Twice, in hex, what the largest latent has: 8 MiB, and a little."""


@dataclass(frozen=True)
class Begun:
    """A work in the making: its nonce (32 bytes), fingerprint of the job, output path, sealed opening if any."""

    nonce: bytes
    job: str
    output: str
    sealed: bytes | None
    commitment: bytes | None


@dataclass(frozen=True, eq=False)
class Made:
    """A latent that was sampled: int16 (C, h, w) and its steps, streams drawn beyond the first, pictures together."""

    integers: NDArray[np.int16]
    steps: tuple[Decimal, ...]
    draws: int
    batch: int


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
    for kind in ("json", "latent"):
        with contextlib.suppress(FileNotFoundError):
            (home.journal / f"{work.nonce.hex()}.{kind}").unlink()


def records(home: Home) -> dict[tuple[str, str], Begun]:
    """Every unfinished work by its job and output. Unreadable records are left alone."""
    found: dict[tuple[str, str], Begun] = {}
    if home.journal.is_dir():
        for path in sorted(home.journal.glob("*.json")):
            with contextlib.suppress(InvalidError, UsageError):
                work = _read(path)
                found.setdefault((work.job, work.output), work)
    return found


def keep_latent(home: Home, work: Begun, made: Made) -> None:
    """Record a latent before it is claimed: sampled in another batch it could come out another by a rounding.

    Raises:
        OutputError: the journal cannot be written.
    """
    value: dict[str, Json] = {
        "kind": "journal-latent",
        "v": 1,
        "batch": made.batch,
        "draws": made.draws,
        "steps": [decimal_string(step) for step in made.steps],
        "latent": encode_latent(made.integers).hex(),
    }
    write_atomic(home.make(home.journal) / f"{work.nonce.hex()}.latent", canonical(value), mode=0o600)


def kept_latent(home: Home, work: Begun) -> Made | None:
    """What :func:`keep_latent` recorded of a work; None where there is nothing that can be read."""
    path = home.journal / f"{work.nonce.hex()}.latent"
    with contextlib.suppress(InvalidError, UsageError):
        data = read_bounded(path, "journal", limit=_LATENT_LIMIT)
        with Fields(parse_json(data, "journal", limit=_LATENT_LIMIT), "journal") as fields:
            fields.version("journal-latent")
            integers = decode_latent(fields.binary("latent", limit=_LATENT_LIMIT))
            return Made(
                integers=integers,
                steps=read_steps(fields, len(integers)),
                draws=fields.integer("draws"),
                batch=fields.integer("batch", low=1),
            )
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
