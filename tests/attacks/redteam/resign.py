"""Re-sign: the thief strips the victim's signature and signs the picture again with keys of his own.

What stops it: an own Y with the victim's seed fails step 6 (seed = H(Y, index)); an own seed makes another picture, so
step 9 fails (regeneration); an own latent does not decode to the pixels (step 8); the victim's proofs do not hold for
another claim (steps 4 and 5).
"""

from dataclasses import replace

from provenance.commitment import commit, seed
from tests.attacks.redteam.lab import signed_by
from tests.attacks.redteam.threat import Threat, chance


def own_seed(lab, dice, victim):
    """Own key, own seed, the victim's latent and pixels: everything is in order but where the picture comes from."""
    number = dice.getrandbits(30)
    secret = lab.thief_secret(number)
    recipe = replace(lab.work(victim).recipe, seed=seed(commit(secret)))
    return lab.thiefs(number, victim, recipe=recipe).sign()


def victims_seed(lab, dice, victim):
    """Own key beside the victim's recipe, which names the victim's seed."""
    return lab.thiefs(dice.getrandbits(30), victim, index=dice.choice((0, 0, 1, dice.getrandbits(32)))).sign()


def victims_commitment(lab, dice, victim):
    """The victim's Y with proofs by the thief."""
    work = lab.work(victim)
    thief = lab.thiefs(dice.getrandbits(30), victim)
    kept = {name: getattr(work.assertion, name) for name in ("possession", "authors") if dice.random() < 0.5}
    return thief.sign(assertion=replace(thief.assertion, claim=work.assertion.claim, **kept))


def mixed(lab, dice, victim):
    """Each part of the assertion from the victim's file, or from the thief's own over the same picture."""
    mine, his = lab.thiefs(dice.getrandbits(30), victim), lab.work(victim)
    names = ("claim", "recipe", "possession", "authors", "container", "receipt")
    chosen = {name: getattr(his.assertion, name) for name in names if dice.random() < 0.5}
    return mine.sign(assertion=signed_by(mine, **chosen))


WAYS = (own_seed, victims_seed, victims_commitment, mixed)


def attempt(lab, i):
    dice = chance("resign", i)
    victim = dice.randrange(lab.count)
    outcome = lab.judge(WAYS[i % len(WAYS)](lab, dice, victim), pooled=True, victim=victim)
    return replace(outcome, figures={**outcome.figures, "way": i % len(WAYS)})


THREAT = Threat(
    name="resign",
    title="Sign the victim's picture again with an own key",
    knowledge="the published file",
    budget="a key, milliseconds",
    method="own key with own seed; own key with the victim's seed; the victim's commitment with own proofs; parts of both manifests mixed",
    kind="cheap",
    attempt=attempt,
    edition=2,
)
