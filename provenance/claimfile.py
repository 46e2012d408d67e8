"""A claim that travels without its picture: all that it takes to check it and to make its picture again.

::

    claim file = {"kind":"claim-file","v":1,
                  "entry":<log entry>,              the claim with its proofs (protocol section 10)
                  "recipe":<recipe>,                its digest stands in the claim
                  "latent":<hex of the stored form> its integers' digest stands in the claim
                  "receipt":<receipt> or null,
                  "opening":<opening> or null}      of a sealed prompt, where the author gives it with the claim

Canonical JSON, at most MAX_CLAIM_FILE_BYTES. ``format_claim_file(parse_claim_file(x)) == x``. Parsing checks forms;
whether the parts belong together and prove anything is for :mod:`provenance.claimcheck`.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

from provenance.claim import Entry, format_entry, parse_entry
from provenance.encoding import Fields, Json, canonical, parse_canonical, parse_hex
from provenance.errors import EncodingError
from provenance.receipt import parse_receipt
from provenance.recipe import Opening, Recipe, format_opening, format_recipe, parse_opening, parse_recipe
from provenance.storedlatent import MAX_VALUES, decode_latent

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

__all__ = ["MAX_CLAIM_FILE_BYTES", "ClaimFile", "format_claim_file", "looks_like_claim_file", "parse_claim_file"]

MAX_LATENT_BYTES = 2 * MAX_VALUES + 4_096
"""A stored latent that zstd could not make smaller."""

MAX_CLAIM_FILE_BYTES = 2 * MAX_LATENT_BYTES + 262_144
"""The latent as hex, and four documents of 64 KiB at most; with the house model a claim file has about 7 KB."""

_START = b'{"entry":'


@dataclass(frozen=True, eq=False)
class ClaimFile:
    """A parsed claim file, nothing of it checked: ``latent`` is the stored form, ``receipt`` canonical bytes."""

    entry: Entry
    recipe: Recipe
    latent: bytes
    receipt: bytes | None = None
    opening: Opening | None = None

    @property
    def integers(self) -> NDArray[np.int16]:
        """The stored latent, (C, H, W).

        Raises:
            EncodingError, LimitError: it is none.
        """
        return decode_latent(self.latent)


def looks_like_claim_file(data: bytes) -> bool:
    """Whether these bytes begin as every claim file does and no picture can."""
    return data.startswith(_START)


def format_claim_file(file: ClaimFile) -> bytes:
    """Canonical bytes."""
    document: dict[str, Json] = {
        "kind": "claim-file",
        "v": 1,
        "entry": json.loads(format_entry(file.entry)),
        "recipe": json.loads(format_recipe(file.recipe)),
        "latent": file.latent.hex(),
        "receipt": None if file.receipt is None else json.loads(file.receipt),
        "opening": None if file.opening is None else json.loads(format_opening(file.opening)),
    }
    return canonical(document)


def parse_claim_file(data: bytes) -> ClaimFile:
    """The claim file in these bytes.

    Raises:
        EncodingError, LimitError: it is none, or not canonical. UnsupportedVersionError: it, or a part, is newer.
    """
    with Fields(parse_canonical(data, "claim file", limit=MAX_CLAIM_FILE_BYTES), "claim file") as fields:
        fields.version("claim-file")
        entry = parse_entry(_part(fields, "entry"))
        recipe = parse_recipe(_part(fields, "recipe"))
        latent = parse_hex(fields.take("latent"), "claim file: latent", limit=MAX_LATENT_BYTES)
        receipt = _part(fields, "receipt") if fields.optional("receipt") else None
        opening = parse_opening(_part(fields, "opening")) if fields.optional("opening") else None
    if receipt is not None:
        parse_receipt(receipt)
    return ClaimFile(entry, recipe, latent, receipt, opening)


def _part(fields: Fields, name: str) -> bytes:
    value = fields.take(name)
    if not isinstance(value, dict):
        raise EncodingError(f"claim file: {name} must be an object")
    return canonical(cast("dict[str, Json]", value))
