"""Image-to-image at low strength: the model paints the victim's picture anew from a little of the thief's noise.

What stops it: claimed as text-to-image, the thief's seed makes another picture (step 9); with the prompt sealed the
latent holds too little of his noise to be *consistent* unless so much is put in that it is another picture (step 7).
Named as what it is, a remix: the report names the victim's claim as what it was made from (step 12), and where wrong
seeds come as close it proves no authorship at all.
"""

from dataclasses import replace
from decimal import Decimal

import numpy as np
import torch

from generator.sampler import sample_flow_euler
from provenance.claim import LatentRef, claim_id
from provenance.correlation import cosine, whitened_cosine
from provenance.latent import latent_digest
from provenance.noise import gaussian
from provenance.operation import Operation, Source
from provenance.ports import Material
from provenance.storedlatent import encode_latent
from tests.attacks.redteam.lab import attempt as judged
from tests.attacks.redteam.painter import (
    VICTIMS,
    bits,
    calibration,
    latent_of,
    painted,
    psnr,
    sealed,
    stolen,
    with_latent,
)
from tests.attacks.redteam.threat import Threat, chance
from tests.support.forge import encode_png, sign_picture
from tests.support.remixes import Parent, Remix

STRENGTHS = (0.02, 0.05, 0.1, 0.2, 0.3)
STEPS_RUN = 4


def repaint(lab, work, noise, strength):
    """The victim's latent noised to ``strength`` and painted from there: float (C, H, W)."""
    recipe = work.recipe
    pipeline = lab.pooled.inner._pipeline(recipe)._pipeline
    start = (1 - strength) * latent_of(work) + strength * noise
    with torch.inference_mode():
        field = pipeline._field(1, recipe.prompt.text, recipe.prompt.negative, float(recipe.guidance))
        sigmas = np.linspace(strength, 0.0, STEPS_RUN + 1).tolist()
        return sample_flow_euler(field, torch.from_numpy(start[None].astype(np.float32)), sigmas)[0].numpy()


def as_original(lab, i):
    """Every second with the prompt sealed."""
    strength = chance("image-to-image", i).choice(STRENGTHS)
    work, known = painted(lab, i), calibration(lab)
    cheat = stolen(lab, work, i)
    noise = gaussian(cheat.recipe.seed, work.recipe.shape)
    forged = with_latent(lab, cheat, repaint(lab, work, noise, strength))
    kept, hidden = latent_of(forged).astype(np.float32), i // VICTIMS % 2 == 1
    figures = {
        "strength": strength,
        "sealed": hidden,
        "psnr": psnr(forged.rgb, work.rgb),
        "whitened_bits": bits(whitened_cosine(kept, noise, known.whitening), kept.size),
        "latent_cosine": cosine(kept, latent_of(work)),
    }
    return judged(lambda: lab.verify(sealed(forged).sign() if hidden else forged.sign(), pooled=True), figures)


def as_remix(lab, i):
    """Honest about what it is. The break would be a report that does not name the victim's claim."""
    strength = Decimal(str(chance("remix", i).choice((0.1, 0.2, 0.3))))
    work = painted(lab, i)
    recipe = work.recipe
    source = Source(claim_id(work.claim), LatentRef(latent_digest(work.integers), recipe.shape, recipe.latent_steps))
    operation = Operation("image-to-image", {"strength": strength}, (source,))
    made = stolen(lab, work, i, operation=operation, parents=operation.parents)
    material = Material(latent_of(work).astype(np.float32), recipe, recipe.prompt)
    (latent,) = lab.pooled.regenerate(made.recipe, recipe.prompt, [made.recipe.seed], (material,))
    made = with_latent(lab, made, latent)
    data = sign_picture(
        encode_png(made.rgb),
        "image/png",
        made.assertion,
        encode_latent(made.integers),
        made.credentials,
        title="remix",
        training_mining={},
        remix=Remix("image-to-image", (Parent("parent.png", "image/png", file=work.sign()),)),
    )
    named = {}

    def look():
        report = lab.verify(data, pooled=True, deep=True)
        named["named"] = float(report.derived and report.derived_from == (claim_id(work.claim),))
        good = str(report.verdict) in ("authentic", "consistent")
        return report if named["named"] else "as an original" if good else report

    found = judged(look, {"strength": float(strength), "psnr": psnr(made.rgb, work.rgb)})
    verdict = "authentic, derived" if found.verdict == "authentic" else found.verdict
    return replace(found, verdict=verdict, figures={**found.figures, **named})


THREATS = (
    Threat(
        name="image-to-image",
        title="A near copy by image-to-image at low strength, claimed as an original",
        knowledge="the published file, the model",
        budget="seconds",
        method=f"strengths of {', '.join(map(str, STRENGTHS))} with own noise; prompt open, or sealed",
        kind="picture",
        attempt=as_original,
        success=frozenset({"authentic", "consistent"}),
    ),
    Threat(
        name="remix-of-a-victim",
        title="The same, honestly claimed as a remix at low strength",
        knowledge="the published file, the model",
        budget="seconds",
        method="strengths of 0.1 to 0.3; a report that does not name the victim's claim as the parent is a break",
        kind="picture",
        attempt=as_remix,
        success=frozenset({"authentic", "as an original"}),
    ),
)
