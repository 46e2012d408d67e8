"""What an author's program does with a finished picture: claim it, prove it, wrap it.

The order of making is claim -> log receipt -> manifest with the receipt inside -> signed file. The claim binds pixels
and not file bytes, so there is no circle, and the manifest can be rebuilt later around a new receipt.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

from provenance import proof
from provenance.assertion import Assertion
from provenance.claim import Claim, Entry, LatentRef, Output, Terms, claim_id, format_claim, parse_entry
from provenance.credentials import leaf_der
from provenance.derivation import derive_author
from provenance.errors import InvalidError, LedgerFault, UsageError
from provenance.hashing import Tag
from provenance.latent import latent_digest
from provenance.manifest_write import sign_picture
from provenance.note import VerifierKey
from provenance.pixels import pixel_digest
from provenance.ports import BatchLedger
from provenance.receipt import check_receipt, parse_receipt
from provenance.recipe import Recipe, format_recipe, recipe_digest
from provenance.storedlatent import encode_latent

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    import numpy as np
    from numpy.typing import NDArray

    from provenance.credentials import Credentials
    from provenance.manifest_parents import Remix
    from provenance.master import Master
    from provenance.ports import Ledger, LoggedEntry

__all__ = ["Wrapping", "make_claim", "parse_terms", "prove_claim", "submit_claim", "submit_claims", "wrap"]

_PERMISSION = {"yes": "allowed", "no": "notAllowed", "ask": "constrained"}


def make_claim(
    *,
    Y: bytes,
    nonce: bytes | None,
    index: int,
    authors: tuple[bytes, ...],
    recipe: Recipe,
    integers: NDArray[np.int16],
    rgb: NDArray[np.uint8],
    terms: Terms,
) -> Claim:
    """The claim over one picture: uint8 (H, W, 3) pixels decoded from int16 (C, H, W) latent integers."""
    return Claim(
        Y=Y,
        index=index,
        nonce=nonce,
        authors=authors,
        recipe=recipe_digest(recipe),
        outputs=(Output("pixels", pixel_digest(rgb)),),
        latent=LatentRef(latent_digest(integers), recipe.shape, recipe.latent_steps),
        parents=recipe.parents,
        terms=terms,
    )


def prove_claim(claim: Claim, work_secret: bytes, author_secrets: tuple[bytes, ...]) -> Entry:
    """Sign the claim by P and by each author, in the claim's order."""
    identifier = claim_id(claim)
    return Entry(
        claim,
        proof.prove(Tag.POSSESSION, work_secret, identifier),
        tuple(proof.prove(Tag.AUTHOR, secret, identifier) for secret in author_secrets),
    )


def submit_claim(
    ledger: Ledger, entry: bytes, before_receipt: Callable[[], None] | None = None
) -> tuple[LoggedEntry, bytes]:
    """Log an entry and get its receipt, checked under the ledger's own key; both belong together in a manifest.

    Where the claim was logged already, the entry of then comes back with the proofs of then: those are what the receipt
    is about. ``before_receipt`` is called in between, for instance to have the checkpoint timestamped.

    Raises:
        InvalidError: the entry's proofs do not hold.
        LedgerFault: the log cannot take it, or answered something else than was asked.
    """
    logged = ledger.submit(entry)
    if before_receipt is not None:
        before_receipt()
    return logged, _receipt(ledger, entry, logged)


def submit_claims(ledger: Ledger, entries: Sequence[bytes]) -> list[tuple[LoggedEntry, bytes]]:
    """As :func:`submit_claim` for several, in one transaction where the ledger can."""
    logged: Sequence[LoggedEntry]
    if isinstance(ledger, BatchLedger):
        logged = ledger.submit_batch(entries)
    else:
        logged = [ledger.submit(entry) for entry in entries]
    if len(logged) != len(entries):
        raise LedgerFault(f"{ledger.location}: answered about {len(logged)} of {len(entries)} claims")
    return [(each, _receipt(ledger, entry, each)) for entry, each in zip(entries, logged, strict=True)]


def _receipt(ledger: Ledger, entry: bytes, logged: LoggedEntry) -> bytes:
    """The receipt of a claim that was logged, checked."""
    receipt = ledger.receipt(logged.index)
    try:
        same = logged.entry == entry or claim_id(parse_entry(logged.entry).claim) == claim_id(parse_entry(entry).claim)
        keys = [VerifierKey.parse(key) for key in ledger.verifier_keys]
        check = check_receipt(parse_receipt(receipt), logged.entry, keys)
    except InvalidError as error:
        raise LedgerFault(f"{ledger.location}: its receipt does not hold: {error}") from error
    if not same or not check.known or check.index != logged.index:
        raise LedgerFault(f"{ledger.location}: answered about another claim, or in another log's name")
    return receipt


@dataclass(frozen=True)
class Wrapping:
    """Everything that goes around the pixels of one file.

    Attributes:
        entry: the claim with the proofs that stand in the log (or will).
        receipt: canonical receipt, or None for a claim that no log has seen.
        sealed: the encrypted opening of a sealed prompt, or None.
        environment: device, libraries, threads; explains, is not hashed.
        title: shown by viewers.
        remix: of a derived picture, the operation in words and what the manifest carries of its sources.
    """

    entry: Entry
    recipe: Recipe
    integers: NDArray[np.int16]
    receipt: bytes | None
    sealed: bytes | None
    environment: Mapping[str, str]
    title: str
    remix: Remix | None = None


def wrap(
    image: bytes,
    media_type: str,
    wrapping: Wrapping,
    credentials: Credentials,
    *,
    master: Master | None,
    work_secret: bytes,
    tsa_url: str | None = None,
) -> bytes:
    """The signed file: ``image`` with the assertion, the stored latent and the signer's certificate vouched for.

    Raises:
        EnvironmentFault: the signature could not be made (a timestamp authority is down, for instance).
    """
    claim = wrapping.entry.claim
    vouching = derive_author(master) if claim.authors and master is not None else work_secret
    assertion = Assertion(
        claim=format_claim(claim),
        recipe=format_recipe(wrapping.recipe),
        possession=wrapping.entry.possession,
        authors=wrapping.entry.authors,
        container=proof.prove(Tag.CONTAINER, vouching, hashlib.sha256(leaf_der(credentials)).digest()),
        receipt=wrapping.receipt,
        sealed=wrapping.sealed,
        environment=json.dumps(dict(wrapping.environment), sort_keys=True),
    )
    return sign_picture(
        image,
        media_type,
        assertion,
        encode_latent(wrapping.integers),
        credentials,
        title=wrapping.title,
        training_mining=training_mining(claim.terms),
        tsa_url=tsa_url,
        remix=wrapping.remix,
    )


def training_mining(terms: Terms) -> dict[str, str]:
    """The claim's training terms as entries of ``cawg.training-mining`` (CAWG Training and Data Mining 1.1)."""
    uses = ("cawg.ai_generative_training", "cawg.ai_training", "cawg.data_mining")
    return dict.fromkeys((*uses, "cawg.ai_inference"), terms.training)


def parse_terms(text: str) -> Terms:
    """Terms from ``training=no,derivation=ask,notice=...``; each yes, no or ask; the notice comes last.

    Raises:
        UsageError: another word.
    """
    values = {"training": "no", "derivation": "ask", "notice": ""}
    head, mark, notice = text.partition("notice=")
    if mark:
        values["notice"] = notice
    for part in filter(None, (piece.strip() for piece in head.split(","))):
        name, _, value = part.partition("=")
        if name not in ("training", "derivation") or value not in _PERMISSION:
            raise UsageError(f"--terms: {part!r} is not training=yes|no|ask or derivation=yes|no|ask")
        values[name] = value
    if len(values["notice"]) > 1000:  # noqa: PLR2004 - the claim's limit
        raise UsageError("--terms: the notice is longer than 1,000 characters")
    return Terms(_PERMISSION[values["training"]], _PERMISSION[values["derivation"]], values["notice"])
