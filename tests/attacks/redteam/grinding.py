"""Seed grinding: trying keys until F(P), or what it makes of the noise, is what the thief wants.

The model: a k-bit coincidence costs 2^k tries of F, geometrically distributed; the best of N keys has a correlation that
one key reaches with probability 1/N, so log2 N bits. Both are tried at a reduced size and held against the model. What
stops it: 256 bits of seed (step 6), 128 bits demanded of the correlation (step 7, provenance.correlation).
"""

import hashlib
import math
from dataclasses import replace
from time import process_time

from provenance.commitment import commit, seed
from provenance.correlation import cosine, dct2, log2_false_accept, whiten
from provenance.noise import gaussian
from provenance.recipe import Opening, opening_commitment
from tests.attacks.redteam.threat import Threat, chance

SMALL = range(8, 17)
LARGE = range(17, 21)
EVERY = 50
"""Every 50th attempt is one of the large sizes, which take up to half a minute."""


def bits_of(i):
    return LARGE[i // EVERY % len(LARGE)] if i % EVERY == EVERY - 1 else SMALL[i % len(SMALL)]


def attempt_digest(lab, i):
    """Search a key whose seed agrees with the victim's in k bits, and claim the victim's picture with it."""
    dice, k = chance("grinding-seed", i), bits_of(i)
    victim = dice.randrange(lab.count)
    work = lab.work(victim)
    wanted = int.from_bytes(work.recipe.seed, "big") >> (256 - k)
    start, tries, began = dice.randbytes(31), 0, process_time()
    secret = b""
    while True:
        tries += 1
        secret = b"\0" + hashlib.sha256(start + tries.to_bytes(8, "big")).digest()[1:]
        if int.from_bytes(seed(commit(secret)), "big") >> (256 - k) == wanted:
            break
    spent = process_time() - began
    ground = lab.thiefs(0, victim, secret=secret, nonce=hashlib.sha256(secret).digest())
    outcome = lab.judge(ground.sign(), regenerate=False)  # the victim's recipe, which names the victim's whole seed
    figures = {"bits": k, "tries": tries, "tries_by_model": tries / 2**k, "tries_per_second": tries / max(spent, 1e-3)}
    return replace(outcome, figures={**outcome.figures, **figures})


def attempt_link(lab, i):
    """The best of N own keys for the victim's latent, by the correlation of step 7.

    The prompt is sealed, so that the verifier can decode and not regenerate: nothing but the correlation stands there.
    """
    dice = chance("grinding-link", i)
    count = 2 ** (4 + i % 6)
    victim = dice.randrange(lab.count)
    target, scale = whitened(lab, victim)
    shape = lab.work(victim).recipe.shape
    start = dice.randbytes(31)
    best, key = -1.0, b""
    for number in range(count):
        secret = b"\0" + hashlib.sha256(start + number.to_bytes(8, "big")).digest()[1:]
        c = cosine(target, dct2(gaussian(seed(commit(secret)), shape)))
        if c > best:
            best, key = c, secret
    hidden = opening_commitment(Opening(bytes(32), lab.work(victim).recipe.prompt))
    recipe = replace(lab.work(victim).recipe, seed=seed(commit(key)), prompt=hidden)
    ground = lab.thiefs(0, victim, secret=key, nonce=hashlib.sha256(key).digest(), recipe=recipe)
    outcome = lab.judge(ground.sign(), pooled=True)
    bits = -log2_false_accept(best, scale)
    figures = {
        "keys_log2": math.log2(count),
        "bits": bits,
        "bits_beyond_model": bits - math.log2(count),
        "cosine": best,
    }
    return replace(outcome, figures={**outcome.figures, **figures})


_WHITENED = {}


def whitened(lab, victim):
    """(the victim's whitened latent, its dimensions): what step 7 compares noise with."""
    name = lab.folder, victim
    if name not in _WHITENED:
        from provenance.latent import dequantise

        work = lab.work(victim)
        whitening = lab.policy.models[lab.model].calibration(work.recipe.shape).whitening
        latent = dequantise(work.integers, work.recipe.latent_steps)
        _WHITENED[name] = whiten(latent, whitening), math.prod(work.recipe.shape)
    return _WHITENED[name]


BREAKS = frozenset({"authentic", "consistent"})

THREATS = (
    Threat(
        name="grinding-seed",
        title="Grind keys until the seed is the victim's",
        knowledge="the victim's seed",
        budget="2^8 to 2^20 keys, on one core",
        method="the first key whose seed agrees with the victim's in k bits; tries_by_model is tries / 2^k, whose mean is 1 if the model holds. The whole seed would take 2^256 tries, any of 2^128 published ones 2^128",
        kind="cheap",
        attempt=attempt_digest,
        success=BREAKS | {"claimed"},
    ),
    Threat(
        name="grinding-link",
        title="Grind keys until the noise correlates with the victim's latent",
        knowledge="the victim's latent and the calibration",
        budget="2^4 to 2^9 keys each, on one core",
        method="the best of N keys by the whitened correlation, with a sealed prompt, so that nobody can regenerate; bits_beyond_model is what it reached beyond log2 N. The 128 bits that are demanded take 2^128 keys",
        kind="cheap",
        attempt=attempt_link,
        success=BREAKS,
    ),
)
