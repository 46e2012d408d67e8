"""Swapped parts: pieces of several genuine files put together.

What stops it: the digests of step 3 (recipe, latent, pixels), the proofs over the claim id (4, 5), the receipt's
inclusion proof (10), and the hard binding of C2PA (1). An exchange that leaves everything of one claim together is no
forgery: the verdict is then the victim's own.
"""

from dataclasses import replace

from provenance.claim import format_entry
from provenance.manifest_write import sign_picture
from provenance.pixels import encode_png
from provenance.sidecar import format_sidecar, make_sidecar
from provenance.storedlatent import encode_latent
from tests.attacks.redteam.threat import Threat, chance
from tests.support.pictures import join, split, with_store_of

NAMES = ("claim", "recipe", "possession", "authors", "container", "receipt", "sealed", "environment")


def store(lab, dice, a, b):
    """The whole manifest store of one file in another."""
    return with_store_of(lab.file(b), lab.file(a))


def chunks(lab, dice, a, b):
    """Single PNG chunks exchanged between two signed files."""
    parts = split(lab.file(a))
    others = split(lab.file(b))
    for place in range(1, min(len(parts), len(others)) - 1):
        if dice.random() < 0.5:
            parts[place] = others[place]
    return join(parts)


def assertion(lab, dice, a, b):
    """Parts of the assertion, the latent and the pixels each from one of two works, signed by the thief."""
    mine, other = lab.work(a), lab.work(b)
    of = lambda: mine if dice.random() < 0.5 else other  # noqa: E731
    mixed = replace(mine.assertion, **{name: getattr(of().assertion, name) for name in NAMES})
    return sign_picture(
        encode_png(of().rgb),
        "image/png",
        mixed,
        encode_latent(of().integers),
        lab.thief_credentials,
        title="work",
        training_mining={},
    )


def two(lab, dice, a, b):
    """Everything of one work but a single part of another."""
    mine, other = lab.work(a), lab.work(b)
    what = dice.choice((*NAMES[:6], "latent", "pixels"))
    mixed = replace(mine.assertion, **{what: getattr(other.assertion, what)}) if what in NAMES else mine.assertion
    return mine.sign(
        assertion=mixed,
        credentials=lab.thief_credentials,
        latent=encode_latent(other.integers) if what == "latent" else None,
        image=encode_png(other.rgb) if what == "pixels" else None,
    )


WAYS = (store, chunks, assertion, two)


def attempt(lab, i):
    dice = chance("swapped", i)
    a = dice.randrange(lab.count)
    b = (a + dice.randrange(1, max(2, lab.count))) % lab.count
    if a == b:  # a lab with one work: the other one is the thief's own
        return _alone(lab, dice, a)
    data = WAYS[i % len(WAYS)](lab, dice, a, b)
    sidecar = None
    if dice.random() < 0.3:  # and the entry and receipt of the other work beside the file
        other = lab.work(b)
        sidecar = format_sidecar(make_sidecar(format_entry(other.entry), other.receipt))
    outcome = lab.judge(data, pooled=True, victim=a, sidecar=sidecar)
    if outcome.verdict == "authentic":
        again = lab.judge(data, pooled=True, victim=b, sidecar=sidecar)
        outcome = again
    return replace(outcome, figures={**outcome.figures, "way": i % len(WAYS)})


def _alone(lab, dice, a):
    mine, thief = lab.work(a), lab.thiefs(dice.getrandbits(20), a)
    what = dice.choice(("claim", "possession", "authors"))
    return lab.judge(
        mine.sign(assertion=replace(mine.assertion, **{what: getattr(thief.assertion, what)})), pooled=True
    )


THREAT = Threat(
    name="swapped",
    title="Put parts of several genuine files together",
    knowledge="several published files of one author",
    budget="milliseconds",
    method="the manifest store of another file; single PNG chunks; parts of the assertion, latent and pixels at random, or a single one; another work's entry and receipt beside the file",
    kind="cheap",
    attempt=attempt,
)
