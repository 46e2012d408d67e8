"""Framing: a picture that the victim would be ashamed of, made from the victim's own public seed.

The seed is public, so anybody can make such a picture, and it regenerates. What stops it: nobody but the victim can prove
possession of P for the new claim (step 4), or sign it as its author (step 5); one tag for each purpose, so that no
signature of the victim's for anything else is of use.
"""

from dataclasses import replace

from provenance import proof
from provenance.claim import claim_id, format_claim
from provenance.commitment import commit, seed
from provenance.hashing import Tag
from provenance.latent import dequantise, quantise
from provenance.recipe import format_recipe
from tests.attacks.redteam.threat import Threat, chance, scalar

ORDER = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141
ABUSE = "a storm over a rocky coast at night"


def attempt(lab, i):
    """All of the abuse is genuine but the proofs; the thief has every signature that the victim ever published."""
    dice = chance("framing", i)
    victim = dice.randrange(lab.count)
    work = lab.work(victim)
    by_name = dice.random() < 0.3  # the thief's own key and seed: the victim is named as the author alone
    abuse = picture(lab, work, lab.thief_secret() if by_name else None)
    anonymous = not by_name and dice.random() < 0.3
    claim = replace(abuse.claim, authors=() if anonymous else work.claim.authors)
    identifier = claim_id(claim)

    def forge(purpose):
        return SIGNATURES[dice.randrange(len(SIGNATURES))](lab, dice, work, purpose, identifier)

    assertion = replace(
        work.assertion,
        claim=format_claim(claim),
        recipe=format_recipe(abuse.recipe),
        possession=proof.prove(Tag.POSSESSION, abuse.secret, identifier) if by_name else forge(Tag.POSSESSION),
        authors=tuple(forge(Tag.AUTHOR) for _ in claim.authors),
        receipt=None,
    )
    return lab.judge(abuse.sign(assertion=assertion, credentials=lab.thief_credentials), pooled=True)


def picture(lab, work, secret=None):
    """What the victim's seed, or that of the thief's ``secret``, makes of the thief's prompt, on the bench."""
    recipe = replace(work.recipe, prompt=replace(work.recipe.prompt, text=ABUSE))
    if secret is not None:
        recipe = replace(recipe, seed=seed(commit(secret)))
    (latent,) = lab.pooled.regenerate(recipe, recipe.prompt, [recipe.seed])
    integers = quantise(latent, recipe.latent_steps)
    rgb = lab.pooled.decode(recipe, dequantise(integers, recipe.latent_steps))
    return work.with_(recipe=recipe, integers=integers, rgb=rgb, receipt=None, secret=secret or work.secret)


# --- what can be put where the victim's signature belongs -------------------------------------------------------------


def replayed(lab, dice, work, purpose, identifier):
    """One that the victim made for his own claim."""
    return dice.choice((work.assertion.possession, work.assertion.authors[0], work.assertion.container))


def thiefs(lab, dice, work, purpose, identifier):
    return proof.prove(purpose, dice.choice((lab.thief_secret(), lab.thief_author)), identifier)


def other_purpose(lab, dice, work, purpose, identifier):
    """The victim did sign this very identifier, for something else: he was asked to answer a challenge, say."""
    others = sorted(proof.PURPOSES - {purpose})
    if purpose is Tag.AUTHOR:
        return proof.prove(dice.choice(others), work.author_secrets[0], identifier)
    return proof.prove(dice.choice(others), work.secret, identifier)


def wrong_hand(lab, dice, work, purpose, identifier):
    """The victim's other secret signed it: the author's for the work's, or the reverse."""
    return proof.prove(purpose, work.secret if purpose is Tag.AUTHOR else work.author_secrets[0], identifier)


def malleated(lab, dice, work, purpose, identifier):
    """One of the victim's with s negated, shifted or its halves exchanged."""
    honest = replayed(lab, dice, work, purpose, identifier)
    s = int.from_bytes(honest[32:], "big")
    changed = dice.choice((ORDER - s, (s + ORDER) % 2**256, s ^ 1, 0, dice.getrandbits(256)))
    return dice.choice((honest[:32] + changed.to_bytes(32, "big"), honest[32:] + honest[:32]))


def chance_bytes(lab, dice, work, purpose, identifier):
    return dice.choice((dice.randbytes(64), bytes(64), b"\xff" * 64, work.claim.Y * 2))


def related(lab, dice, work, purpose, identifier):
    """By a key that is related to nothing but looks like it: of a small secret, or of the identifier itself."""
    return proof.prove(purpose, dice.choice((bytes(31) + b"\x01", scalar(identifier.hex()))), identifier)


SIGNATURES = (replayed, thiefs, other_purpose, wrong_hand, malleated, chance_bytes, related)

THREAT = Threat(
    name="framing",
    title="Make an abusive picture from the victim's public seed and pin it on the victim",
    knowledge="all that the victim published, and signatures by the victim for other purposes over the very claim",
    budget="one run of the model, milliseconds for each claim",
    method="the picture is genuine (it regenerates from the victim's seed); the victim's proofs are replayed, malleated, made by other keys, taken from other purposes, left out, or guessed",
    kind="cheap",
    attempt=attempt,
    success=frozenset({"authentic", "consistent", "claimed", "disputed"}),
    edition=2,
)
