"""One claimed work out of a file, a manifest, a bundle or a log, with everything about it checked that needs no model.

A work is known by the id of its claim, which is computed here from the claim's bytes: nobody can name a work what it is
not. ``faults`` are what should hold and does not; ``remarks`` are what a reader should know all the same.

    bundle = "SPW1" || u32be length || log entry || u32be length || recipe || stored latent      (protocol section 20)

A bundle is how a parent that came from a log, without a file, is kept in the manifest of its derivative.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from provenance import proof
from provenance.assertion import parse_assertion
from provenance.claim import MAX_ENTRY_BYTES, Entry, claim_id, format_entry, parse_claim, parse_entry
from provenance.errors import EncodingError, ForgedError, InvalidError, LedgerFault
from provenance.hashing import Tag
from provenance.integrity import check_authors, check_possession, check_recipe, check_seed
from provenance.latent import latent_digest
from provenance.plainwords import explain_codes
from provenance.ports import BlobSource
from provenance.recipe import MAX_RECIPE_BYTES, format_recipe, parse_recipe
from provenance.report import Status
from provenance.storedlatent import decode_latent

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from provenance.claim import Claim
    from provenance.ingredient import Ingredient
    from provenance.ports import Ledger
    from provenance.recipe import Recipe

__all__ = [
    "Origin",
    "Work",
    "examine",
    "format_bundle",
    "work_of_bundle",
    "work_of_ingredient",
    "work_of_ledger",
]

Origin = Literal["file", "embedded", "ledger"]
"""Where a work was found."""

_MAGIC = b"SPW1"
_LENGTH = 4
MAX_LATENT_BYTES = 16 * 2**20


@dataclass(frozen=True)
class Work:
    """A claim with its proofs, its recipe and, where they are at hand, the integers of its latent (int16, C H W)."""

    identifier: bytes
    entry: Entry
    recipe: Recipe
    integers: NDArray[np.int16] | None
    origin: Origin
    title: str = ""
    receipt: bytes | None = None
    faults: tuple[str, ...] = ()
    remarks: tuple[str, ...] = field(default=())

    @property
    def claim(self) -> Claim:
        """The claim."""
        return self.entry.claim

    @property
    def named(self) -> str:
        """How messages name it."""
        return self.identifier.hex()[:16]


def examine(
    entry: Entry,
    recipe: Recipe,
    stored: bytes | None,
    *,
    origin: Origin,
    title: str = "",
    receipt: bytes | None = None,
    faults: tuple[str, ...] = (),
    remarks: tuple[str, ...] = (),
) -> Work:
    """Steps 3 to 6 over a work whose picture is not at hand; what does not hold joins ``faults``."""
    claim = entry.claim
    checks = (check_recipe(claim, recipe), check_possession(entry), check_authors(entry), check_seed(claim, recipe))
    broken = [check.detail for check in checks if check is not None and check.status is Status.FAIL]
    integers = None
    if stored is not None:
        try:
            integers = decode_latent(stored)
        except InvalidError as error:
            broken.append(f"stored latent: {error}")
        else:
            if integers.shape != claim.latent.shape or latent_digest(integers) != claim.latent.digest:
                broken.append("the stored latent is not the one that was claimed")
                integers = None
    return Work(claim_id(claim), entry, recipe, integers, origin, title, receipt, (*faults, *broken), remarks)


def work_of_ingredient(ingredient: Ingredient) -> Work | None:
    """The work in a manifest below the active one, None where it holds no assertion of ours.

    Raises:
        InvalidError: an assertion that cannot be read. UnsupportedVersionError: one of a newer program.
    """
    if ingredient.assertion is None:
        return None
    assertion = parse_assertion(ingredient.assertion)
    claim, recipe = parse_claim(assertion.claim), parse_recipe(assertion.recipe)
    remarks = [explain_codes([code]) for code in ingredient.failures if _excusable(code)]
    failures = [code for code in ingredient.failures if not _excusable(code)]
    key = claim.authors[0] if claim.authors else claim.Y
    try:
        if ingredient.certificate_der is None:
            raise ForgedError("no certificate")
        digest = hashlib.sha256(ingredient.certificate_der).digest()
        proof.check(Tag.CONTAINER, key, digest, assertion.container, "container signature", second_opinion=False)
    except ForgedError:
        remarks.append("its manifest was signed by somebody its author does not vouch for")
    return examine(
        Entry(claim, assertion.possession, assertion.authors),
        recipe,
        ingredient.latent,
        origin="embedded",
        title=ingredient.title or "",
        receipt=assertion.receipt,
        faults=(explain_codes(failures),) if failures else (),
        remarks=tuple(remarks),
    )


def format_bundle(entry: Entry, recipe: Recipe, stored: bytes) -> bytes:
    """A work without its file: log entry, recipe, and latent in its stored form."""
    parts = (format_entry(entry), format_recipe(recipe))
    return _MAGIC + b"".join(len(part).to_bytes(_LENGTH, "big") + part for part in parts) + stored


def work_of_bundle(data: bytes) -> Work:
    """Inverse of :func:`format_bundle`.

    Raises:
        InvalidError: it cannot be read. UnsupportedVersionError: a claim or recipe of a newer program.
    """
    if data[: len(_MAGIC)] != _MAGIC:
        raise EncodingError("work: not a bundled work (SPW1)")
    entry, at = _part(data, len(_MAGIC), MAX_ENTRY_BYTES)
    recipe, at = _part(data, at, MAX_RECIPE_BYTES)
    return examine(parse_entry(entry), parse_recipe(recipe), data[at:], origin="embedded", title="from a log")


def work_of_ledger(identifier: bytes, ledger: Ledger) -> tuple[Work, bytes] | None:
    """The work as a log has it, and its latent in the stored form; None where the log lacks claim, recipe or latent.

    Raises:
        LedgerFault: the log is away. InvalidError, UnsupportedVersionError: what it has cannot be read.
    """
    logged = ledger.find(identifier)
    if logged is None or not isinstance(ledger, BlobSource):
        return None
    entry = parse_entry(logged.entry)
    if claim_id(entry.claim) != identifier:
        raise LedgerFault(f"{ledger.location}: answered with another claim than was asked for")
    recipe = ledger.get_blob(entry.claim.recipe, limit=MAX_RECIPE_BYTES)
    stored = ledger.get_blob(entry.claim.latent.digest, limit=MAX_LATENT_BYTES)
    if recipe is None or stored is None:
        return None
    return examine(entry, parse_recipe(recipe), stored, origin="ledger", title=ledger.location), stored


def _part(data: bytes, at: int, limit: int) -> tuple[bytes, int]:
    length = int.from_bytes(data[at : at + _LENGTH], "big")
    start = at + _LENGTH
    if length > limit or start + length > len(data):
        raise EncodingError("work: a part is cut off or too long")
    return data[start : start + length], start + length


def _excusable(code: str) -> bool:
    """A certificate that ran out, or a time that nobody vouches for, says nothing against what was signed."""
    return code == "signingCredential.expired" or code.startswith("timeStamp.")
