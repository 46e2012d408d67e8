"""Two sides of a dispute over works by the real house model, and the tricks of thieves."""

import functools
from dataclasses import replace
from datetime import UTC, datetime

import numpy as np

from provenance.claimfile import ClaimFile, format_claim_file
from provenance.commitment import commit, seed
from provenance.dispute import compare_claims
from provenance.latent import dequantise, quantise
from provenance.side import read_side
from provenance.storedlatent import encode_latent
from provenance.verify import Depth, Request
from tests.support.forge import policy, regenerator

NOW = datetime.now(UTC)


def request(**changes):
    fields = {"policy": policy(), "now": NOW, "regenerator": regenerator(), "entropy": b"test"}
    return Request(**fields | changes)


def quick(**changes):
    return request(depth=Depth.QUICK, regenerator=None, **changes)


@functools.lru_cache(maxsize=32)
def _side(letter, data):
    return read_side(letter, f"{letter.lower()}.png", data, request())


def settle(a, b, *, asked=None, openings=(), draws=1):
    """The dispute between the bytes of two files; sides are kept, since each costs a regeneration."""
    if asked is None and not openings:
        return compare_claims(_side("A", a), _side("B", b), request(), draws=draws)
    asked = asked or request()
    sides = [read_side(letter, f"{letter.lower()}.png", data, asked, openings) for letter, data in (("A", a), ("B", b))]
    return compare_claims(*sides, asked, draws=draws)


def claim_file(work, *, opening=None, **changes):
    """Bytes of the claim file of a work on the workbench."""
    file = ClaimFile(work.entry, work.recipe, work.latent or encode_latent(work.integers), work.receipt, opening)
    return format_claim_file(replace(file, **changes))


def taken_over(victim, thief, **changes):
    """The victim's picture and latent, claimed by the thief with a seed of his own."""
    return victim.with_(
        secret=thief.secret,
        author_secrets=thief.author_secrets,
        credentials=thief.credentials,
        nonce=thief.nonce,
        recipe=replace(victim.recipe, seed=seed(commit(thief.secret))),
        **changes,
    )


def with_latent(work, latent):
    """The work with another latent, and the picture that it decodes to."""
    integers = quantise(latent.astype(np.float32), work.recipe.latent_steps)
    rgb = regenerator().decode(work.recipe, dequantise(integers, work.recipe.latent_steps))
    return work.with_(integers=integers, rgb=rgb)
