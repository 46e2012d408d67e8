"""The victim's picture, transformed as people and platforms do it, brought to the verifier beside a claim of the thief.

What stops it: a claim over the victim's latent with the thief's seed is false in itself (step 9), whatever the picture;
a claim over pixels of the transformed copy and a latent estimated from them likewise; and the thief's own honest work
explains the copy no better than wrong seeds do (step 14), nor is its noise in it (step 15).
"""

from dataclasses import replace

import cv2
import numpy as np

from provenance.anypicture import GivenPicture
from provenance.claimcheck import work_of_claim_file
from provenance.claimfile import ClaimFile
from provenance.copyreport import report_on_copy
from provenance.storedlatent import encode_latent
from provenance.verify import Request
from tests.attacks.redteam.lab import attempt as judged
from tests.attacks.redteam.painter import calibration, painted, psnr, stolen, thiefs_own, with_latent
from tests.attacks.redteam.threat import Threat, chance
from tests.support import landscapes as do

DRAWS = 2
"""Wrong seeds; fewer make the thief's task easier."""


def upscaled(rgb):
    height, width = rgb.shape[:2]
    return cv2.resize(rgb, (2 * width, 2 * height), interpolation=cv2.INTER_CUBIC)


def turned_right(rgb):
    return np.rot90(rgb).copy()


TRANSFORMATIONS = {
    "as it is": lambda a: a.copy(),
    "JPEG 95": lambda a: do.jpeg(a, 95),
    "JPEG 50": lambda a: do.jpeg(a, 50),
    "JPEG twice": lambda a: do.jpeg(do.jpeg(a, 85), 70),
    "resize 50 %": lambda a: do.scaled(a, 0.5),
    "upscaled": upscaled,
    "crop 10 %": lambda a: do.cropped(a, 0.10),
    "turn by 3 degrees": lambda a: do.turned(a, 3),
    "turn by 90 degrees": turned_right,
    "mirrored": do.mirrored,
    "like a platform": do.like_a_platform,
}


def over_the_victims_latent(lab, i, shown):
    return stolen(lab, painted(lab, i), i), shown


def over_an_estimated_latent(lab, i, shown):
    """The thief finds a latent for the transformed pixels and claims what it decodes to, which he also shows."""
    work = painted(lab, i)
    recipe, known = work.recipe, calibration(lab)
    fitted = cv2.resize(shown, (recipe.width, recipe.height), interpolation=cv2.INTER_AREA).astype(np.float32)
    seen = np.ones(fitted.shape[:2], np.bool_)
    latent = lab.pooled.inner.estimate(recipe, fitted, seen, known.whitening, scale=1.0)
    forged = with_latent(lab, stolen(lab, work, i), latent)
    return forged, forged.rgb


def over_his_own_work(lab, i, shown):
    return thiefs_own(lab, i, painted(lab, i).recipe.prompt.text), shown


WAYS = (over_the_victims_latent, over_his_own_work, over_an_estimated_latent)


def attempt(lab, i):
    dice = chance("reencode", i)
    name = dice.choice(list(TRANSFORMATIONS))
    work = painted(lab, i)
    shown = TRANSFORMATIONS[name](work.rgb)
    claimant, shown = WAYS[i % len(WAYS)](lab, i, shown)
    figures = {"way": i % len(WAYS), "transformation": list(TRANSFORMATIONS).index(name)}
    if shown.shape == work.rgb.shape:
        figures["psnr"] = psnr(shown, work.rgb)
    seen = {}

    def look():
        file = ClaimFile(claimant.entry, claimant.recipe, encode_latent(claimant.integers), None, None)
        asked = Request(policy=lab.policy, now=lab.now, regenerator=lab.pooled, entropy=b"red team")
        given = GivenPicture(shown, "PNG" if name != "JPEG 50" else "JPEG")
        report, comparison, _ = report_on_copy(
            [work_of_claim_file(file)], given, asked, draws=DRAWS, where="claim file"
        )
        if comparison is not None and comparison.rank is not None:
            seen.update(likeness=comparison.rank.tested, nearest_likeness=comparison.rank.nearest)
        if comparison is not None and comparison.noise is not None:
            seen["net_bits"] = comparison.noise.net
        return report

    found = judged(look, figures)
    return replace(found, figures={**found.figures, **seen})


THREAT = Threat(
    name="reencode",
    title="The victim's picture transformed, shown beside a claim of the thief",
    knowledge="the published file, the model",
    budget="minutes",
    method="; ".join(TRANSFORMATIONS)
    + "; claimed over the victim's latent, an estimated one, or the thief's own work of the same prompt",
    kind="picture",
    attempt=attempt,
    success=frozenset({"authentic", "consistent"}),
    edition=2,
)
