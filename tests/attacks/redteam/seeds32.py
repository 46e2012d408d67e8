"""Truncated seeds: what happens to everybody who feeds a long seed to ``torch.Generator``, and not to us.

torch's CPU generator is an mt19937 that keeps the low 32 bits of ``manual_seed``: seeds that agree in them make the same
noise, bit for bit. So a scheme that hands it a hash gives real second preimages away: any other upper half will do, and
2^32 keys hit a given victim. What stops it here: all 256 bits key ChaCha20 (provenance.noise), no draw is torch's.
"""

import hashlib
from dataclasses import replace
from time import process_time

import numpy as np

from provenance.commitment import commit, seed
from provenance.noise import gaussian
from tests.attacks.redteam.threat import Outcome, Threat, chance, scalar

SHAPE = (4, 8, 8)


def torch_noise(number):
    import torch

    return torch.randn(SHAPE, generator=torch.Generator().manual_seed(number)).numpy()


def attempt_upper_half(lab, i):
    """A second 64-bit seed with the same low half: for torch the same noise, for ours another."""
    dice = chance("seeds-upper-half", i)
    whole = dice.randbytes(32)
    other = bytearray(whole)
    for place in dice.sample(range(28), dice.choice((1, 4, 28))):  # the last four bytes are the low 32 bits
        other[place] ^= dice.randrange(1, 256)
    first, second = (int.from_bytes(value[-8:], "big") for value in (whole, other))
    second ^= dice.randrange(1, 2**31) << 32 if first == second else 0
    torch_same = np.array_equal(torch_noise(first), torch_noise(second))
    ours, theirs = gaussian(whole, SHAPE), gaussian(bytes(other), SHAPE)
    figures = {"torch_same_noise": float(torch_same), "our_equal_values": float((ours == theirs).mean())}
    return Outcome(
        "same noise" if np.array_equal(ours, theirs) else "other noise", figures, "all 256 bits key ChaCha20"
    )


BATCH = 2**16
"""Keys of thieves and of victims in one attempt: 2^32 pairs, so one coincidence of 32 bits on average."""


def attempt_birthday(lab, i):
    """Pairs of different secrets, a victim's and a thief's, whose seeds agree in the 32 bits that torch keeps."""
    began = process_time()
    low = {}
    for number in range(BATCH):
        low.setdefault(seed_of("victim", i, number)[-4:], number)
    hits = []
    for number in range(BATCH):
        mine = seed_of("thief", i, number)
        if mine[-4:] in low:
            hits.append((mine, seed_of("victim", i, low[mine[-4:]])))
    torch_same = [np.array_equal(*(torch_noise(int.from_bytes(s[-8:], "big")) for s in pair)) for pair in hits]
    ours_same = [np.array_equal(*(gaussian(s, SHAPE) for s in pair)) for pair in hits]
    figures = {
        "second_preimages_for_torch": sum(torch_same),
        "second_preimages_for_ours": sum(ours_same),
        "keys_per_second": 2 * BATCH / (process_time() - began),
    }
    return Outcome("same noise" if any(ours_same) else "other noise", figures, "all 256 bits key ChaCha20")


def seed_of(who, batch, number):
    return seed(commit(scalar(who, batch, number)))


def attempt_claim(lab, i):
    """A key whose seed agrees with the victim's in k low bits, with the victim's whole file around it, against verify."""
    dice = chance("seeds-truncated-claim", i)
    victim = dice.randrange(lab.count)
    work = lab.work(victim)
    k = 8 + i % 5
    wanted, tries = int.from_bytes(work.recipe.seed, "big") % 2**k, 0
    start = dice.randbytes(31)
    while True:
        tries += 1
        secret = b"\0" + hashlib.sha256(start + tries.to_bytes(8, "big")).digest()[1:]
        mine = seed(commit(secret))
        if int.from_bytes(mine, "big") % 2**k == wanted:
            break
    chosen = dice.choice((mine, work.recipe.seed, bytes(28) + mine[-4:], bytes(28) + work.recipe.seed[-4:]))
    thief = lab.thiefs(0, victim, secret=secret, nonce=start + b"\0", recipe=replace(work.recipe, seed=chosen))
    outcome = lab.judge(thief.sign(), regenerate=False)
    return replace(outcome, figures={**outcome.figures, "bits": k, "tries": tries})


THREATS = (
    Threat(
        name="seeds-upper-half",
        title="Second preimages of torch.Generator: another upper half of the seed",
        knowledge="the victim's seed",
        budget="one bit",
        method="two seeds that differ in their upper 28 bytes alone: torch.Generator makes the same noise of them (torch_same_noise), ours does not",
        kind="cheap",
        attempt=attempt_upper_half,
        success=frozenset({"same noise"}),
    ),
    Threat(
        name="seeds-birthday",
        title="Second preimages of torch.Generator: different keys",
        knowledge="the seeds of 65,536 works",
        budget="131,072 keys",
        method="keys of thieves and victims whose seeds agree in the 32 bits that torch keeps: the same noise for torch, another for ours. One given victim costs 2^32 keys, at the measured rate",
        kind="optimised",
        attempt=attempt_birthday,
        success=frozenset({"same noise"}),
    ),
    Threat(
        name="seeds-truncated-claim",
        title="Claim the victim's picture with a seed that agrees in its low bits",
        knowledge="the published file",
        budget="2^8 to 2^12 keys",
        method="the own seed, the victim's, or either cut to 32 bits, in the recipe beside an own key; against a verifier without a model",
        kind="cheap",
        attempt=attempt_claim,
        success=frozenset({"authentic", "consistent"}),
    ),
)
