"""Half precision: a recipe in bfloat16 may come out differently on other hardware, so its distance is judged gently.

The thief grinds own seeds until one makes a picture that is only nearer to the victim's than wrong seeds' are, injects
that seed's noise into the victim's latent, and writes bfloat16 into the recipe, hoping for *inconclusive*.

What stops it: step 9 of ``provenance.link``: what is no nearer than an eighth of the way to wrong seeds links nothing.
"""

from dataclasses import replace

import numpy as np
import torch

from provenance.commitment import commit, seed
from provenance.correlation import threshold
from provenance.latent import cell_distance
from provenance.noise import gaussian
from tests.attacks.redteam.grinding_pictures import key_of
from tests.attacks.redteam.inject import reach
from tests.attacks.redteam.lab import attempt as judged
from tests.attacks.redteam.painter import calibration, latent_of, painted, psnr, stolen, with_latent
from tests.attacks.redteam.threat import Threat

SEEDS, BATCH = 96, 12


def corner(known):
    """Where seeds are least apart within the calibrated region: the fewest steps and the strongest guidance."""
    return {"steps": known.region.steps[0], "guidance": known.region.guidance[1]}


def grind(lab, work, keys, *, steps, guidance):
    """(key, distance) of the own seed whose picture is nearest to the victim's, in float32 and in batches."""
    pipeline, recipe = lab.pooled.inner._pipeline(work.recipe)._pipeline, work.recipe
    found = []
    for place in range(0, len(keys), BATCH):
        some = keys[place : place + BATCH]
        noise = torch.from_numpy(np.stack([gaussian(seed(commit(key)), recipe.shape) for key in some]))
        with torch.inference_mode():
            made = pipeline.sample(noise, recipe.prompt.text, "", steps=steps, guidance=float(guidance)).numpy()
        found += [
            (cell_distance(each, work.integers, recipe.latent_steps), key) for each, key in zip(made, some, strict=True)
        ]
    distance, key = min(found)
    return key, distance


def attempt(lab, i, seeds=SEEDS):
    work, known = painted(lab, i), calibration(lab)
    recipe = corner(known)
    secret, nearest = grind(lab, work, [key_of(f"half {i}", number) for number in range(seeds)], **recipe)
    own_seed = seed(commit(secret))
    cheat = stolen(lab, work, i, seed=own_seed, dtype="bfloat16", **recipe)
    own = gaussian(own_seed, work.recipe.shape)
    latent, _ = reach(latent_of(work), own, known, threshold(work.integers.size) + 0.002)
    forged = with_latent(lab, cheat.with_(secret=secret), latent)
    seen = {}

    def look():
        report = lab.verify(forged.sign(), pooled=True)
        nine = next(check for check in report.checks if check.step == 9).figures
        seen.update({name: float(nine[name]) for name in ("distance", "nearest_wrong_distance") if name in nine})
        return report

    found = judged(look, {"psnr": psnr(forged.rgb, work.rgb), "nearest": nearest})
    return replace(found, figures={**found.figures, **seen})


THREAT = Threat(
    name="half-precision",
    title="A recipe in bfloat16, the nearest of many own seeds, and its noise injected",
    knowledge="the published file, the calibration, the model",
    budget=f"{SEEDS} pictures",
    method="own seeds ground at the fewest steps and the strongest guidance that the calibration covers; the nearest seed's noise injected; verified with regeneration",
    kind="optimised",
    attempt=attempt,
    edition=3,
    success=frozenset({"authentic", "consistent"}),
)
