"""Inversion: the victim's latent is run back to its noise, and then a key is looked for whose noise is that one.

What stops it: noise is a hash of the key. The best of n keys comes as near as the best of n random vectors does, to a
cosine of about sqrt(2 ln n / d), and what is needed lies beyond 2^128 keys (step 7) and, so that the picture comes out
again, beyond anything (step 9): ``log2_keys_regenerate`` says by how much.
"""

import hashlib

import numpy as np

from provenance.commitment import commit, seed
from provenance.correlation import cosine, log2_false_accept, threshold
from provenance.latent import cell_distance
from provenance.noise import gaussian
from tests.attacks.redteam.grinding_pictures import expected_best, key_of
from tests.attacks.redteam.lab import attempt as judged
from tests.attacks.redteam.painter import VICTIMS, calibration, latent_of, painted, stolen
from tests.attacks.redteam.threat import Threat

KEYS = 2**13
BLENDS = (0.999, 0.99, 0.95)
"""Cosines with the inverted noise at which the picture is made again, to see how near a key would have to come."""


def search(target, shape, keys):
    """(cosine, position) of the key whose noise is nearest to ``target`` (C, H, W)."""
    wanted = target.ravel().astype(np.float64)
    wanted /= np.linalg.norm(wanted)
    best, place = -1.0, 0
    for number, key in enumerate(keys):
        noise = gaussian(seed(commit(key)), shape).ravel().astype(np.float64)
        found = float(wanted @ noise) / float(np.linalg.norm(noise))
        if found > best:
            best, place = found, number
    return best, place


def turned(target, other, share):
    """Noise of the same length whose cosine with ``target`` is ``share``, turned towards ``other``."""
    a = target.ravel().astype(np.float64)
    b = other.ravel().astype(np.float64)
    b -= a * float(a @ b) / float(a @ a)
    mixed = share * a / np.linalg.norm(a) + np.sqrt(1 - share**2) * b / np.linalg.norm(b)
    return (mixed * np.linalg.norm(a)).reshape(target.shape).astype(np.float32)


def distance_from(lab, work, noise):
    """Steps between the victim's latent and what the sampler makes of this noise; no seed leads to it."""
    recipe = work.recipe
    made = lab.pooled.inner._pipeline(recipe).sample(
        noise[None], recipe.prompt.text, recipe.prompt.negative, steps=recipe.steps, guidance=float(recipe.guidance)
    )[0]
    return cell_distance(made, work.integers, recipe.latent_steps)


def attempt(lab, i, keys=KEYS):
    work, known = painted(lab, i), calibration(lab)
    shape, d = work.recipe.shape, work.integers.size
    found = lab.pooled.invert(work.recipe, work.recipe.prompt, latent_of(work).astype(np.float32))
    tried = [key_of(f"inversion {i}", number) for number in range(keys)]
    best, place = search(found, shape, tried)
    secret = tried[place]
    figures = {
        "inverted_to_victims_noise": cosine(found, gaussian(work.recipe.seed, shape)),
        "best": best,
        "expected": expected_best(keys, d),
        "needed_2^-128": threshold(d),
        "reject": known.thresholds.reject,
    }
    if i < VICTIMS:  # a figure of the picture, not of the key
        fresh = gaussian(hashlib.sha256(f"red team/turn {i}".encode()).digest(), shape)
        figures |= {f"distance_at_{share}": distance_from(lab, work, turned(found, fresh, share)) for share in BLENDS}
        far = [share for share in BLENDS if figures[f"distance_at_{share}"] > known.thresholds.reject]
        if far:
            figures["log2_keys_regenerate_at_least"] = -log2_false_accept(max(far), d)
    cheat = stolen(lab, work, i, seed=seed(commit(secret))).with_(secret=secret, nonce=hashlib.sha256(secret).digest())
    return judged(lambda: lab.verify(cheat.sign(), pooled=True), figures)


THREAT = Threat(
    name="inversion",
    title="Invert the victim's picture to noise, then search a key for it",
    knowledge="the published file, the model",
    budget=f"{KEYS} keys for each picture",
    method="the sampler run backwards; the key whose noise is nearest claims the picture",
    kind="picture",
    attempt=attempt,
    edition=2,
    success=frozenset({"authentic", "consistent"}),
)
