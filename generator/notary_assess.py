"""What a notary finds about one claim: whether it is his to examine, and what came out when he did.

Everything that he needs is asked of the log in this order: his own earlier attestation, the recipe, the latent.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from generator.notary_examine import Finding, Undecided, examine, why_not
from generator.notary_log import attested_at
from provenance.errors import EnvironmentFault, InvalidError, LedgerFault, UnsupportedVersionError
from provenance.recipe import MAX_RECIPE_BYTES, parse_recipe

if TYPE_CHECKING:
    from generator.notary_log import Library
    from generator.notary_pixels import Decoder
    from provenance.claim import Claim
    from provenance.entry import AnyEntry
    from provenance.policy import Policy
    from provenance.ports import Progress

__all__ = ["MAX_LATENT_BYTES", "KnownError", "NotYetError", "assess"]

MAX_LATENT_BYTES = 2**23
"""A stored latent, as services take them."""


class NotYetError(Exception):
    """Look again later; the message is why."""


class KnownError(Exception):
    """Attested before, at ``index``."""

    def __init__(self, index: int) -> None:
        super().__init__(index)
        self.index = index


def assess(
    ledger: Library,
    notary: bytes,
    entry: AnyEntry,
    claim: Claim,
    policy: Policy,
    regenerator: Decoder,
    *,
    progress: Progress | None = None,
) -> Finding:
    """Make the picture of a claim again, unless ``notary`` has attested it before.

    Raises:
        KnownError: he has. NotYetError: its recipe or latent is not published, or this machine is in trouble.
        Undecided: it is no claim that he can examine, and will not become one.
        LedgerFault: the log is away.
    """
    before = attested_at(ledger, entry.id, notary)
    if before is not None:
        raise KnownError(before)
    recipe = ledger.get_blob(claim.recipe, limit=MAX_RECIPE_BYTES)
    if recipe is None:
        raise NotYetError("its recipe is not published")
    try:
        reason = why_not(claim, parse_recipe(recipe), policy, regenerator)
    except (InvalidError, UnsupportedVersionError) as error:
        raise Undecided(str(error)) from error
    if reason is not None:
        raise Undecided(reason)
    latent = ledger.get_blob(claim.latent.digest, limit=MAX_LATENT_BYTES)
    if latent is None:
        raise NotYetError("its latent is not published")
    try:
        return examine(claim, recipe, latent, policy, regenerator, entropy=os.urandom(32), progress=progress)
    except LedgerFault:
        raise
    except (EnvironmentFault, MemoryError) as error:  # this machine's trouble: it may be over tomorrow
        raise NotYetError(str(error) or "out of memory") from error
