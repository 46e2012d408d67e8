"""A picture that another program sampled from our noise: quantise its latent, render it here, claim it.

The noise came from ``seed``, so the latent carries it; that is what a verifier can find (correlation, inversion). He
does not make the picture again: no program repeats another one's arithmetic. So such a work is *consistent* at most.
"""

from __future__ import annotations

import os
from dataclasses import replace
from typing import TYPE_CHECKING

from generator.create import Picture, describe, quantised, sign_and_write
from generator.journal import Begun
from generator.models import check_unchanged
from generator.noisefile import from_program
from generator.reservation import Reservation
from provenance.commitment import commit, seed
from provenance.correlation import REQUIRED_BITS, cosine, threshold
from provenance.derivation import derive_prompt_key, derive_work
from provenance.errors import UsageError
from provenance.files import check_writable
from provenance.noise import gaussian
from provenance.recipe import Opening, opening_commitment, seal

if TYPE_CHECKING:
    from collections.abc import Mapping

    import numpy as np
    from numpy.typing import NDArray

    from generator.jobs import Created, Job, Studio
    from generator.models import InstalledModel
    from provenance.master import Master
    from provenance.recipe import Prompt, Recipe

__all__ = ["attach", "is_linked", "reserve"]


def reserve(master: Master, program: str, model: InstalledModel, job: Job, shape: tuple[int, int, int]) -> Reservation:
    """Set a fresh seed aside for a picture that is to be sampled elsewhere."""
    nonce = os.urandom(32)
    return Reservation(
        program=program,
        nonce=nonce,
        seed=seed(commit(derive_work(master, nonce))),
        model=model.identity.digest,
        width=job.width,
        height=job.height,
        shape=shape,
        prompt=job.prompt,
        steps=job.steps,
        guidance=job.guidance,
        scheduler=job.sampling[0] if job.sampling else None,
    )


def attach(
    found: Reservation, latent: NDArray[np.float32], job: Job, studio: Studio, kept_text: Mapping[str, str]
) -> tuple[Created, bool]:
    """Claim the picture of a final latent, in the units of the program that made it. Tells whether the link shows.

    Raises:
        UsageError: a reservation of another keystore or model, or a latent of another shape.
        OutputError, LedgerFault, EnvironmentFault: as ``create``.
    """
    check_writable(job.output, overwrite=job.overwrite)
    runtime = studio.runtime
    if seed(commit(derive_work(studio.master, found.nonce))) != found.seed:
        raise UsageError("this seed was set aside with another keystore, or the file was changed")
    if found.model != studio.model.identity.digest:
        raise UsageError(
            f"the seed was set aside for a model with digest {found.model.hex()[:16]}..., this one has "
            f"{studio.model.identity.digest.hex()[:16]}..."
        )
    if runtime.latent_shape(found.width, found.height) != found.shape or runtime.setup is None:
        raise UsageError("the reservation's size does not fit this model")
    integers, steps, rgb = quantised(from_program(latent, found, studio.model), studio)
    check_unchanged(studio.model)
    shown: Prompt | bytes = found.prompt
    sealed = None
    if job.seal_prompt:
        opening = Opening(os.urandom(32), found.prompt)
        sealed = seal(opening, derive_prompt_key(studio.master, found.nonce), 0)
        shown = opening_commitment(opening)
    recipe = replace(
        describe(found, studio, shown, found.seed, steps), setup=replace(runtime.setup, draws=0, attached=True)
    )
    work = Begun(found.nonce, "", str(job.output.absolute()), sealed, shown if isinstance(shown, bytes) else None)
    made = sign_and_write(job, studio, work, Picture(recipe, integers, rgb, kept_text), resumed=False)
    return made, is_linked(integers, recipe, found, studio)


def is_linked(integers: NDArray[np.int16], recipe: Recipe, found: Reservation, studio: Studio) -> bool:
    """Whether correlation or inversion shows the reserved noise in the latent, as a verifier will look for it."""
    import math

    from provenance.latent import dequantise

    values = dequantise(integers, recipe.latent_steps)
    noise = gaussian(found.seed, found.shape)
    needed = threshold(math.prod(found.shape), REQUIRED_BITS)
    if cosine(values, noise) >= needed:
        return True
    back = studio.runtime.invert(
        values[None], found.prompt.text, found.prompt.negative, steps=found.steps, guidance=float(found.guidance)
    )
    return back is not None and cosine(back[0], noise) >= needed
