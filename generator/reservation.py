"""A seed set aside for a picture that another program will sample: the file between ``seed`` and ``attach``.

    {"kind":"reservation","v":1,"for":"comfyui"|"diffusers","nonce":hex32,"seed":hex32,
     "model":hex32 digest,"width":int,"height":int,"shape":[C,h,w],
     "prompt":str,"negative":str,"steps":int,"guidance":decimal,"scheduler":str or null}

It holds no secret: the nonce is public, and only the keystore that drew it can derive P from it. What the user really
used in the other program (prompt, steps, guidance, scheduler) may be corrected in it before ``attach``.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

from provenance.claim import read_shape
from provenance.encoding import Fields, Json, decimal_string, parse_json
from provenance.errors import UsageError
from provenance.recipe import MAX_PICTURE_SIDE, MAX_PROMPT, MAX_STEPS, Prompt

if TYPE_CHECKING:
    from decimal import Decimal

__all__ = ["PROGRAMS", "Reservation", "format_reservation", "parse_reservation"]

PROGRAMS = ("comfyui", "diffusers")
"""Programs that take initial noise from a file."""


@dataclass(frozen=True)
class Reservation:
    """See the module. ``scheduler`` is a name of ``--scheduler``, None for the model's own."""

    program: str
    nonce: bytes
    seed: bytes
    model: bytes
    width: int
    height: int
    shape: tuple[int, int, int]
    prompt: Prompt
    steps: int
    guidance: Decimal
    scheduler: str | None


def format_reservation(found: Reservation) -> bytes:
    """Indented JSON, since people edit it."""
    value: dict[str, Json] = {
        "kind": "reservation",
        "v": 1,
        "for": found.program,
        "nonce": found.nonce.hex(),
        "seed": found.seed.hex(),
        "model": found.model.hex(),
        "width": found.width,
        "height": found.height,
        "shape": list(found.shape),
        "prompt": found.prompt.text,
        "negative": found.prompt.negative,
        "steps": found.steps,
        "guidance": decimal_string(found.guidance),
        "scheduler": found.scheduler,
    }
    return (json.dumps(value, indent=2, ensure_ascii=False) + "\n").encode()


def parse_reservation(data: bytes) -> Reservation:
    """From JSON of any formatting.

    Raises:
        EncodingError, LimitError, UnsupportedVersionError: it is none.
    """
    with Fields(parse_json(data, "reservation"), "reservation") as fields:
        fields.version("reservation")
        return Reservation(
            program=fields.choice("for", PROGRAMS),
            nonce=fields.binary("nonce", size=32),
            seed=fields.binary("seed", size=32),
            model=fields.binary("model", size=32),
            width=fields.integer("width", low=1, high=MAX_PICTURE_SIDE),
            height=fields.integer("height", low=1, high=MAX_PICTURE_SIDE),
            shape=read_shape(fields),
            prompt=Prompt(fields.text("prompt", limit=MAX_PROMPT), fields.text("negative", limit=MAX_PROMPT)),
            steps=fields.integer("steps", low=1, high=MAX_STEPS),
            guidance=_not_negative(fields.decimal("guidance")),
            scheduler=fields.text("scheduler", limit=100) if fields.optional("scheduler") else None,
        )


def _not_negative(value: Decimal) -> Decimal:
    if value < 0:
        raise UsageError("reservation: guidance must not be negative")
    return value
