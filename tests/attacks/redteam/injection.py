"""Noise injection: the victim's picture with as much of the thief's own noise in it as the statistical tests ask for.

What stops it: regeneration (step 9), since the thief's seed makes another picture. Where the thief seals his prompt,
nobody can regenerate: the verdict is then *consistent*, which says of itself that it is no use against this; the
dispute with the victim's claim decides it: by the victim's noise in the thief's latent (``provenance.dispute``, 4), and
where the thief has taken that out too, since the victim's picture was made again and his is too near a copy of it.
"""

from dataclasses import replace

import numpy as np

from provenance.correlation import REQUIRED_BITS, cosine, threshold, whitened_cosine
from provenance.dispute import compare_claims
from provenance.latent import dequantise
from provenance.noise import gaussian
from provenance.report import STATEMENTS, Verdict
from provenance.settle import Outcome as Dispute
from provenance.side import read_side
from provenance.verify import Request
from tests.attacks.redteam.inject import DIRECTIONS, reach, replace_noise
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
from tests.attacks.redteam.threat import Outcome, Threat, chance

GOALS = (0.0, 0.06, 0.12, 0.18, 0.24)
"""Beyond the cosine that 2^-128 needs: up to what honest pictures have."""

DRAWS = 4


def forge(lab, name, i, *, take_out=None):
    """(the victim's work, the thief's with his noise in it, figures); grid of victims, directions and goals."""
    dice = chance(name, i)
    work, known = painted(lab, i % VICTIMS), calibration(lab)
    cheat = stolen(lab, work, i)
    goal = threshold(work.integers.size) + 0.002 + dice.choice(GOALS)
    way = dice.choice(DIRECTIONS) if take_out is None else "least"
    own, victims = gaussian(cheat.recipe.seed, work.recipe.shape), gaussian(work.recipe.seed, work.recipe.shape)
    if take_out:
        left = dice.choice((0.25, 0.1, 0.0))
        latent, strength, taken = replace_noise(latent_of(work), own, victims, known, goal, left)
    else:
        (latent, strength), taken = reach(latent_of(work), own, known, goal, way), 0.0
    forged = with_latent(lab, cheat, latent)
    kept = dequantise(forged.integers, known.steps)
    return (
        work,
        forged,
        {
            "way": DIRECTIONS.index(way),
            "strength": strength,
            "taken": taken,
            "psnr": psnr(forged.rgb, work.rgb),
            "plain_bits": bits(cosine(kept, own), kept.size),
            "whitened_cosine": whitened_cosine(kept, own, known.whitening),
            "victims_cosine": whitened_cosine(kept, victims, known.whitening),
        },
    )


def against_regeneration(lab, i):
    _, forged, figures = forge(lab, "injection", i)
    seen = {}

    def look():
        report = lab.verify(forged.sign(), pooled=True)
        nine = next(check for check in report.checks if check.step == 9)
        if isinstance(nine.figures.get("inversion_false_accept_log2"), float):
            seen["inversion_bits"] = max(0.0, -nine.figures["inversion_false_accept_log2"])
            seen["distance"] = float(nine.figures["distance"])
        return report

    found = judged(look, figures)
    return replace(found, figures={**found.figures, **seen})


def without_regeneration(lab, i):
    """*consistent* without the warning is a break as well."""
    _, forged, figures = forge(lab, "injection-sealed", i)

    def look():
        report = lab.verify(sealed(forged).sign(), pooled=True)
        warned = "repaints" in STATEMENTS[Verdict.CONSISTENT] and "no regeneration" in report.reason
        figures["said_to_be_faint"] = float("fainter" in report.reason)
        return report if report.verdict is not Verdict.CONSISTENT or warned else "unwarned"

    found = judged(look, figures)
    return replace(found, figures={**found.figures, **figures})


def before_the_dispute(lab, i, take_out):
    work, forged, figures = forge(lab, "injection-erased" if take_out else "injection-dispute", i, take_out=take_out)
    order = (work, sealed(forged)) if i % 2 == 0 else (sealed(forged), work)
    found = compare_claims(*sides(lab, order), request(lab), draws=DRAWS)
    mine, his = (found.of_a, found.of_b) if i % 2 == 0 else (found.of_b, found.of_a)
    near = mine.comparison.rank if mine.comparison is not None and mine.comparison.rank is not None else None
    figures |= {
        "victims_bits": mine.bits,
        "thiefs_bits": his.bits,
        "linked": float(mine.bits >= REQUIRED_BITS),
    }
    if near is not None:
        figures |= {"likeness": near.tested, "nearest_likeness": near.nearest}
    if mine.restored is not None:
        figures |= {"restored": mine.restored.bits, "from_nothing": mine.restored.from_nothing}
    winner = Dispute.A if i % 2 == 0 else Dispute.B
    verdict = "unmasked" if found.outcome is winner else f"dispute: {found.outcome}"
    return Outcome(verdict, figures, found.reason.split(":")[0][:60].replace(" A ", " ").replace(" B ", " "))


def sides(lab, works):
    return [
        read_side(letter, f"{letter}.png", work.sign(), request(lab)) for letter, work in zip("AB", works, strict=True)
    ]


def request(lab):
    return Request(policy=lab.policy, now=lab.now, regenerator=lab.pooled, entropy=b"red team")


_LOST = frozenset({f"dispute: {outcome}" for outcome in Dispute})
_KNOWLEDGE = "the published file, the calibration"

THREATS = (
    Threat(
        name="injection",
        title="Own noise injected into the victim's latent, prompt open",
        knowledge=_KNOWLEDGE,
        budget="seconds",
        method="plain, whitening-shaped and least-damage directions up to cosines of honest pictures; verified with regeneration",
        kind="picture",
        attempt=against_regeneration,
        success=frozenset({"authentic", "consistent"}),
    ),
    Threat(
        name="injection-sealed",
        title="The same with the prompt sealed, so that nobody can regenerate",
        knowledge=_KNOWLEDGE,
        budget="seconds",
        method="as injection; a consistent that does not warn counts as a break, one that warns is what is promised",
        kind="picture",
        attempt=without_regeneration,
        success=frozenset({"authentic", "unwarned"}),
    ),
    Threat(
        name="injection-dispute",
        title="The sealed injection in a dispute with the victim's claim",
        knowledge=_KNOWLEDGE,
        budget="seconds",
        method="seedproof dispute in both orders; anything but the victim's explaining both is a break",
        kind="picture",
        attempt=lambda lab, i: before_the_dispute(lab, i, None),
        success=_LOST,
        edition=3,
    ),
    Threat(
        name="injection-erased",
        title="Own noise in, the victim's noise out, prompt sealed, in a dispute",
        knowledge=f"{_KNOWLEDGE}, the victim's public seed",
        budget="seconds",
        method="least-damage steps towards the own and away from the victim's noise until the cross-correlation finds neither",
        kind="picture",
        attempt=lambda lab, i: before_the_dispute(lab, i, True),
        success=_LOST,
        edition=7,
    ),
)


def everything(lab, work, forged):
    """What each statistical test makes of one forgery, for the curve: bits of plain, whitened and inverted latent."""
    known, kept = calibration(lab), latent_of(forged).astype(np.float32)
    own = gaussian(forged.recipe.seed, forged.recipe.shape)
    back = lab.pooled.invert(forged.recipe, forged.recipe.prompt, kept)
    return {
        "psnr": psnr(forged.rgb, work.rgb),
        "plain": bits(cosine(kept, own), kept.size),
        "whitened": bits(whitened_cosine(kept, own, known.whitening), kept.size),
        "whitened_cosine": whitened_cosine(kept, own, known.whitening),
        "inverted": bits(cosine(back, own), kept.size),
    }
