"""Grinding for a picture: the best of many own seeds, by the noise that the victim's latent already holds.

What stops it: chance. The best of n seeds follows the tail of ``provenance.correlation`` (step 7), whose threshold is
2^-128; and the seed that is best by correlation still makes another picture (step 9).
"""

import hashlib
import math

import numpy as np

from provenance.commitment import commit, seed
from provenance.correlation import REQUIRED_BITS, idct2, log2_false_accept, threshold, whiten
from provenance.noise import gaussian
from tests.attacks.redteam.lab import attempt as judged
from tests.attacks.redteam.painter import calibration, latent_of, painted, stolen
from tests.attacks.redteam.threat import Threat

MOST = 14
"""log2 of the seeds that are tried for one picture."""


def grind(work, known, keys):
    """Best (plain, whitened) cosines after 1, 2, 4... of the ``keys`` (secret scalars), and the best key of all."""
    x = latent_of(work)
    plain, white = x.ravel(), idct2(whiten(x, known.whitening)).ravel()
    rows = np.stack([plain / np.linalg.norm(plain), white / np.linalg.norm(white)])
    cosines = np.empty((2, len(keys)))
    for place, key in enumerate(keys):
        noise = gaussian(seed(commit(key)), work.recipe.shape).ravel().astype(np.float64)
        cosines[:, place] = rows @ noise / np.linalg.norm(noise)
    best = np.maximum.accumulate(cosines, axis=1)
    return best[:, [2**k - 1 for k in range(int(math.log2(len(keys))) + 1)]], int(np.argmax(cosines[1]))


def expected_best(n, d):
    """The median of the best cosine of n fresh seeds in d dimensions: where the tail is 1 - 2^(-1/n)."""
    return threshold(d, -math.log2(-math.expm1(-math.log(2.0) / n)))


def key_of(i, number):
    """The thief's ``number``-th key for attempt ``i``."""
    return b"\0" + hashlib.sha256(f"red team/grind/{i}/{number}".encode()).digest()[1:]


def attempt(lab, i, most=MOST):
    work, known = painted(lab, i), calibration(lab)
    keys = [key_of(i, number) for number in range(2**most)]
    best, chosen = grind(work, known, keys)
    d = work.integers.size
    figures = {f"whitened_2^{k}": best[1, k] for k in range(0, most + 1, 2)}
    figures |= {
        "plain": best[0, -1],
        "whitened": best[1, -1],
        "expected": expected_best(2**most, d),
        "needed": threshold(d),
        "bits_reached": -log2_false_accept(best[1, -1], d),
        "log2_keys_needed": float(REQUIRED_BITS),
    }
    cheat = stolen(lab, work, i)
    secret = keys[chosen]
    forged = cheat.with_(
        secret=secret,
        recipe=stolen(lab, work, i, seed=seed(commit(secret))).recipe,
        nonce=hashlib.sha256(secret).digest(),
    )
    return judged(lambda: lab.verify(forged.sign(), pooled=True), figures)


THREAT = Threat(
    name="grinding-pictures",
    title="Grind own seeds until one fits the victim's picture",
    knowledge="the published file, the calibration",
    budget=f"2^{MOST} keys for each picture",
    method="plain and whitened correlation of the victim's latent with the noise of each key; the best key claims the picture",
    kind="picture",
    attempt=attempt,
    success=frozenset({"authentic", "consistent"}),
)
