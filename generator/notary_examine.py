"""What a notary finds out about one claim: is its picture made by its seed, as verify's steps 6 to 9 see it?

A notary has the claim, its recipe and its latent, and not the picture. So where verify compares pixels within rounding
(step 8), a notary must find the very pixels with the claim's digest (:mod:`generator.notary_pixels`): where it cannot,
because the picture is another one or this machine rounds too differently, the claim is left undecided.

Nothing that a stranger wrote costs work before it was checked: digests, shapes, the seed, the model and the bounds of
``generator.regenerate`` come first.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING

from generator.notary_pixels import claimed_pixels
from provenance.commitment import seed
from provenance.correlation import REQUIRED_BITS
from provenance.errors import InvalidError, NotFiniteError, UnsupportedVersionError
from provenance.followup_body import Figures
from provenance.latent import dequantise, latent_digest
from provenance.link import Link, Subject, check_correlation, check_regeneration
from provenance.measured import UNBOUNDED, why_unmeasured
from provenance.recipe import Prompt, parse_recipe, recipe_digest
from provenance.storedlatent import decode_latent

if TYPE_CHECKING:
    from generator.notary_pixels import Decoder
    from provenance.claim import Claim
    from provenance.policy import Policy
    from provenance.ports import Progress
    from provenance.recipe import Recipe
    from provenance.report import Check

__all__ = ["Finding", "Undecided", "examine", "why_not"]


class Undecided(Exception):  # noqa: N818 - an outcome, not a failure
    """This notary will not say anything about the claim; the message is why, in one line."""


@dataclass(frozen=True)
class Finding:
    """``regenerated`` or ``differs``, with the figures, the model and the calibration that the thresholds come from."""

    verdict: str
    figures: Figures
    model: bytes
    calibration: bytes


def why_not(claim: Claim, recipe: Recipe, policy: Policy, regenerator: Decoder) -> str | None:
    """Why this notary does not examine a claim with this recipe, or None. Does no work."""
    if recipe_digest(recipe) != claim.recipe:
        return "the recipe is not the claimed one"
    if (recipe.shape, recipe.latent_steps) != (claim.latent.shape, claim.latent.steps):
        return "recipe and claim disagree about the latent's shape or steps"
    if recipe.parents != claim.parents:
        return "recipe and claim disagree about the parents"
    if recipe.parents or recipe.operation is not None:
        return "a derived work: it is not made from its seed and prompt alone"
    if recipe.seed != seed(claim.Y, claim.index):
        return "the recipe's seed is not H(Y, index) of the claim"
    if recipe.sealed:
        return "the prompt is sealed"
    bound = None if recipe.setup is None else recipe.setup.why_not_authentic
    if bound is not None:
        return f"{bound}, which could turn any seed into any picture"
    trust = policy.models.get(recipe.model.digest)
    if trust is None:
        return f"the model {recipe.model.name!r} is not in this notary's policy"
    calibration = trust.calibration(recipe.shape)
    if calibration is None or calibration.steps != recipe.latent_steps:
        return "the policy has no calibration for this model, size and quantisation"
    if calibration.region is None:
        return UNBOUNDED
    unmeasured = why_unmeasured(
        recipe, recipe.shape, recipe.prompt if isinstance(recipe.prompt, Prompt) else None, trust
    )
    if unmeasured is not None:
        return unmeasured
    return regenerator.why_not(recipe)


def examine(
    claim: Claim,
    recipe_bytes: bytes,
    latent_bytes: bytes,
    policy: Policy,
    regenerator: Decoder,
    *,
    entropy: bytes,
    progress: Progress | None = None,
) -> Finding:
    """Make the picture again and judge, as verify does at steps 7 to 9.

    Raises:
        Undecided: the claim is not for this notary, or it cannot tell.
        EnvironmentFault: the machine failed; try again later.
    """
    try:
        recipe = parse_recipe(recipe_bytes)
        reason = why_not(claim, recipe, policy, regenerator)
        if reason is not None:
            raise Undecided(reason)
        integers = decode_latent(latent_bytes)
        if integers.shape != recipe.shape or latent_digest(integers) != claim.latent.digest:
            raise Undecided("the latent is not the claimed one")
        pixels = claimed_pixels(claim.pixels, recipe, dequantise(integers, recipe.latent_steps), regenerator)
        if pixels is None:
            raise Undecided("the latent does not decode to the claimed pixels here: another picture, or other rounding")
        subject = Subject(claim, recipe, integers, pixels, policy.models.get(recipe.model.digest))
        return _judge(subject, regenerator, entropy, progress)
    except (InvalidError, UnsupportedVersionError, NotFiniteError) as error:
        raise Undecided(str(error)) from error


def _judge(subject: Subject, regenerator: Decoder, entropy: bytes, progress: Progress | None) -> Finding:
    prompt = subject.recipe.prompt
    if not isinstance(prompt, Prompt):
        raise Undecided("the prompt is sealed")
    correlation = check_correlation(subject)
    regeneration = check_regeneration(subject, prompt, regenerator, entropy, progress)
    figures = _figures(correlation.check, regeneration.check)
    linked = max(figures.correlation_bits or 0, figures.inversion_bits or 0) >= REQUIRED_BITS
    if regeneration.link is Link.BROKEN:
        verdict = "differs"
    elif regeneration.link is Link.HOLDS and linked:
        verdict = "regenerated"
    elif regeneration.link is Link.HOLDS:
        raise Undecided("regenerated, but seed and latent are not linked strongly enough")
    else:
        raise Undecided(regeneration.check.detail)
    return Finding(verdict, figures, subject.recipe.model.digest, _calibration_id(subject))


def _figures(correlation: Check, regeneration: Check) -> Figures:
    measured = regeneration.figures
    return Figures(
        distance=_decimal(measured["distance"]),
        nearest_wrong=_decimal(measured["nearest_wrong_distance"]),
        accept=_decimal(measured["accept"]),
        reject=_decimal(measured["reject"]),
        correlation_bits=_bits(correlation.figures["false_accept_log2"]),
        inversion_bits=_bits(measured["inversion_false_accept_log2"]),
    )


def _decimal(value: object) -> Decimal | None:
    """A figure of the report as the decimal that it is written as; None where it is not finite."""
    return Decimal(repr(value)) if isinstance(value, int | float) else None


def _bits(log2: object) -> int | None:
    """Whole bits of evidence, rounded down; a seed that fits worse than a random one has none."""
    return max(0, int(-log2)) if isinstance(log2, int | float) else None


def _calibration_id(subject: Subject) -> bytes:
    pins = {} if subject.model is None else subject.model.pins
    if subject.recipe.shape not in pins:
        raise Undecided("the policy does not say which calibration it uses")
    return pins[subject.recipe.shape]
