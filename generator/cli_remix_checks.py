"""What ``remix`` and its siblings find out before a model is loaded: whose latents, how many ancestors, which terms."""

from __future__ import annotations

from typing import TYPE_CHECKING

from provenance.errors import UsageError
from provenance.terminal import note

if TYPE_CHECKING:
    from collections.abc import Sequence

    from generator.cli_remix_options import Asked
    from generator.models import InstalledModel
    from generator.remix.derive import Derivation
    from generator.remix.opened import Opened
    from provenance.policy import ModelTrust

__all__ = ["check_bounds", "check_models", "remark_on_corner", "remark_on_prompts", "respect_terms"]


def check_models(opened: Sequence[Opened], installed: InstalledModel) -> None:
    """Whether the works' latents are this model's.

    Raises:
        UsageError: one is another model's.
    """
    for each in opened:
        recipe = each.material.recipe
        if recipe is not None and recipe.model.digest != installed.identity.digest:
            raise UsageError(
                f"{each.carried.title} was made by {recipe.model.name!r} ({recipe.model.digest.hex()[:16]}...), whose "
                f"latents mean nothing to {installed.identity.name!r}; name its own model with --model"
            )


def remark_on_prompts(installed: InstalledModel, prompt: str, asked: Asked) -> None:
    """Which words the model does not know, as ``create`` says."""
    from generator.vocabulary import prompt_remarks

    for remark in (
        *prompt_remarks(installed.folder, prompt),
        *prompt_remarks(installed.folder, asked.negative, "--negative"),
    ):
        note(f"note: {remark}")


def remark_on_corner(work: Derivation, trust: ModelTrust | None) -> None:
    """Why ``verify`` will say *claimed* of what could be more: parameters that nobody measured, as ``create`` says."""
    from provenance.measured import why_unmeasured

    corner = why_unmeasured(work.job, work.opened[0].source.latent.shape, work.job.prompt, trust)
    if corner is not None and work.operation.invertible:
        note(f"note: {corner}, so verify will say at most: claimed")


def check_bounds(opened: Sequence[Opened]) -> None:
    """Whether anybody would read what is made of these works.

    Raises:
        UsageError: nobody would.
    """
    from generator.remix.bounds import why_too_large

    reason = why_too_large(opened) if opened else None
    if reason is not None:
        raise UsageError(reason)


def respect_terms(opened: Sequence[Opened], own: bytes, asked: Asked) -> None:
    """Say what the works' authors allow; ``own`` is the user's author key.

    Raises:
        UsageError: one allows no derivatives, and the user does not insist.
    """
    for each in opened:
        claim = each.claim
        if claim is None or own in claim.authors or claim.terms.derivation == "allowed":
            continue
        notice = f" ({claim.terms.notice})" if claim.terms.notice else ""
        if claim.terms.derivation == "notAllowed" and not asked.despite_terms:
            raise UsageError(
                f"the author of {each.carried.title} allows no derivatives{notice}; --despite-terms goes on, and every "
                "verifier will see it"
            )
        says = "allows no derivatives" if claim.terms.derivation == "notAllowed" else "wants to be asked first"
        note(f"note: the author of {each.carried.title} {says}{notice}")
