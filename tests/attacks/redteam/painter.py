"""What the threats share that need pictures: honest works over many prompts, and the same under a thief's key."""

import hashlib
import math
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import numpy as np

from generator.models import house_model, native_size, scheduler_of
from generator.setups import HOUSE_GUIDANCE, HOUSE_STEPS
from provenance.commitment import commit, seed
from provenance.correlation import log2_false_accept
from provenance.derivation import derive_author, derive_work
from provenance.latent import dequantise, quantise
from provenance.recipe import Opening, Prompt, Recipe, opening_commitment
from tests.support.forge import Bench

PROMPTS = (Path(__file__).parents[3] / "benchmarks" / "prompts.txt").read_text(encoding="utf-8").splitlines()
VICTIMS = 30
"""Works of the victim that are attacked in turn, each with a prompt of its own."""


def calibration(lab):
    """The policy's calibration of the house model."""
    return next(iter(lab.policy.models[lab.model].calibrations.values()))


def recipe_for(lab, prompt, own_seed, **changes):
    """The recipe of ``seedproof create PROMPT`` with the house model."""
    model, known = house_model(), calibration(lab)
    side = native_size(model.folder)
    base = Recipe(
        model=model.identity,
        scheduler=scheduler_of(model),
        steps=HOUSE_STEPS,
        guidance=Decimal(HOUSE_GUIDANCE),
        prompt=Prompt(prompt),
        max_tokens=32,
        width=side,
        height=side,
        dtype="float32",
        seed=own_seed,
        shape=known.shape,
        latent_steps=known.steps,
    )
    return replace(base, **changes)


def painted(lab, number):
    """The ``number``-th honest work of the victim, made once and kept in the lab's folder."""
    number %= VICTIMS
    nonce = hashlib.sha256(f"red team/painted/{number}".encode()).digest()
    secret = derive_work(lab.victim, nonce)
    recipe = recipe_for(lab, PROMPTS[number % len(PROMPTS)], seed(commit(secret)))
    return paint(lab, recipe, secret, (derive_author(lab.victim),), lab.victim_credentials, nonce)


def thiefs_own(lab, number, prompt):
    """An honest work of the thief: his key, his seed, his picture."""
    secret = lab.thief_secret(number)
    nonce = hashlib.sha256(secret).digest()
    recipe = recipe_for(lab, prompt, seed(commit(secret)))
    return paint(lab, recipe, secret, (lab.thief_author,), lab.thief_credentials, nonce)


def paint(lab, recipe, secret, authors, credentials, nonce):
    """Run the recipe and lay everything out on the workbench."""
    (latent,) = lab.pooled.regenerate(recipe, recipe.prompt, [recipe.seed])
    integers = quantise(latent, recipe.latent_steps)
    rgb = lab.pooled.decode(recipe, dequantise(integers, recipe.latent_steps))
    return Bench(secret, authors, credentials, recipe, integers, rgb, nonce)


def stolen(lab, work, number, **recipe_changes):
    """Latent and pixels of ``work`` under the thief's ``number``-th key, with his own seed in the recipe."""
    secret = lab.thief_secret(number)
    recipe = replace(work.recipe, **{"seed": seed(commit(secret)), **recipe_changes})
    nonce = hashlib.sha256(secret).digest()
    return Bench(secret, (lab.thief_author,), lab.thief_credentials, recipe, work.integers, work.rgb, nonce)


def sealed(work):
    """The same work with its prompt sealed, so that nobody can regenerate it whom its author does not help."""
    if work.recipe.sealed:
        return work
    opening = Opening(hashlib.sha256(work.nonce).digest(), work.recipe.prompt)
    return work.with_(recipe=replace(work.recipe, prompt=opening_commitment(opening)))


def with_latent(lab, work, latent):
    """The work with another float latent (C, H, W), quantised, and the picture that it decodes to."""
    integers = quantise(latent.astype(np.float32), work.recipe.latent_steps)
    rgb = lab.pooled.inner.decode(work.recipe, dequantise(integers, work.recipe.latent_steps))
    return work.with_(integers=integers, rgb=rgb)


def latent_of(work):
    """Its stored latent, float64 (C, H, W)."""
    return dequantise(work.integers, work.recipe.latent_steps).astype(np.float64)


def psnr(a, b):
    """Peak signal-to-noise ratio of two pictures in dB; 99 where they are the same."""
    error = float(np.mean(np.square(a.astype(np.float64) - b.astype(np.float64))))
    return 99.0 if error == 0.0 else min(99.0, 10.0 * math.log10(255.0**2 / error))


def bits(cosine, d):
    """-log2 of a fresh seed's chance of this cosine, finite."""
    return min(-log2_false_accept(cosine, d), float(d))
