"""Works begun and not yet finished, so that a crash between claim and file loses nothing.

One JSON file per work in the state folder, named by the work's public nonce, mode 0600. It holds the nonce and the
job, and no secret: a sealed prompt stands in it in its encrypted form. ``create`` with the same job finds it, uses the
same nonce, and so makes the same Y, the same picture and the same claim, which the log answers with its first entry.
Of pictures that are sampled together one more file, ``.latents``, holds what was made before any of it is claimed.
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
    from collections.abc import Mapping
    from decimal import Decimal
    from pathlib import Path

    import numpy as np
    from numpy.typing import NDArray

    from provenance.home import Home

__all__ = ["MAX_BATCH", "Begun", "Made", "begin", "finish", "keep_latents", "kept_latents", "records"]

MAX_BATCH = 64
"""Most pictures that are sampled together."""

_LIMIT = 131_072
_LATENTS = ".latents"
_LATENTS_LIMIT = 2**28
"""A batch of 64 latents of the largest pictures that are made, packed and in hex, has half of that."""


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
    home.make(home.journal)
    write_atomic(_record(home, work.nonce), canonical(value), mode=0o600)


def finish(home: Home, work: Begun) -> None:
    """Forget a work whose file is written."""
    with contextlib.suppress(FileNotFoundError):
        _record(home, work.nonce).unlink()


def records(home: Home) -> dict[tuple[str, str], Begun]:
    """Every unfinished work by its job and output. Unreadable records are left alone."""
    found: dict[tuple[str, str], Begun] = {}
    if home.journal.is_dir():
        for path in sorted(home.journal.glob("*.json")):
            with contextlib.suppress(InvalidError, UsageError):
                work = _read(path)
                found.setdefault((work.job, work.output), work)
    return found


def keep_latents(home: Home, made: Mapping[bytes, Made]) -> None:
    """Record the latents of a batch, by their works' nonces, before any is claimed.

    Sampled in another batch they could come out other ones, by a rounding.

    Raises:
        OutputError: the journal cannot be written.
    """
    listed: list[Json] = [
        {
            "nonce": nonce.hex(),
            "batch": each.batch,
            "draws": each.draws,
            "steps": [decimal_string(step) for step in each.steps],
            "latent": encode_latent(each.integers).hex(),
        }
        for nonce, each in made.items()
    ]
    path = home.make(home.journal) / f"{next(iter(made)).hex()}{_LATENTS}"
    write_atomic(path, canonical({"kind": "journal-latents", "v": 1, "made": listed}), mode=0o600)


def kept_latents(home: Home) -> dict[bytes, Made]:
    """What :func:`keep_latents` recorded of unfinished works, by their nonces; what cannot be read is left out.

    A record all of whose works are finished is removed.
    """
    found: dict[bytes, Made] = {}
    for path in sorted(home.journal.glob(f"*{_LATENTS}")):
        with contextlib.suppress(InvalidError, UsageError):
            made = {nonce: each for nonce, each in _read_made(path).items() if _record(home, nonce).exists()}
            found |= made
            if not made:
                path.unlink(missing_ok=True)
    return found


def _record(home: Home, nonce: bytes) -> Path:
    return home.journal / f"{nonce.hex()}.json"


def _read_made(path: Path) -> dict[bytes, Made]:
    data = read_bounded(path, "journal", limit=_LATENTS_LIMIT)
    with Fields(parse_json(data, "journal", limit=_LATENTS_LIMIT), "journal") as fields:
        fields.version("journal-latents")
        return dict(fields.array("made", _read_one, limit=MAX_BATCH))


def _read_one(value: object, where: str) -> tuple[bytes, Made]:
    with Fields(value, where) as fields:
        integers = decode_latent(fields.binary("latent", limit=_LATENTS_LIMIT))
        steps = read_steps(fields, len(integers))
        made = Made(integers, steps, draws=fields.integer("draws"), batch=fields.integer("batch", low=1))
        return fields.binary("nonce", size=32), made


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
