"""Stolen secret: the thief has the victim's master, so he can sign and derive whatever the victim could.

What stops it once the victim has logged a key-revocation: what the key signs from then on is void or disputed for whoever
asks that log (provenance.ownership, rule 3). What nothing stops is measured beside it: before the revocation, and for a
verifier who asks no log, the thief's work *is* the victim's by every test there is.
"""

import hashlib
from dataclasses import replace

from provenance.claim import Terms, claim_id, format_entry
from provenance.commitment import commit, seed
from provenance.curve import public_key
from provenance.derivation import derive_author, derive_work
from provenance.errors import SeedproofError
from provenance.followup import sign_key_revocation, sign_revocation
from provenance.followup_body import KeyRevocation, Revocation, Transfer
from provenance.history import read_history
from provenance.latent import dequantise, quantise
from provenance.offer import accept_offer, make_offer
from provenance.policy import LogTrust
from tests.attacks.redteam.lab import signed_as_logged
from tests.attacks.redteam.threat import Outcome, Threat, chance
from tests.support.entrylog import EntryLog

POOL = 16
"""Stolen works of each kind; the claims over them differ in every attempt, the pictures among these."""


def new_work(lab, dice, victim):
    """A new picture in the victim's name, with the victim's secrets: nothing about it is false but the hand."""
    nonce = hashlib.sha256(f"stolen {dice.randrange(POOL)}".encode()).digest()
    secret = derive_work(lab.victim, nonce)
    recipe = replace(lab.work(victim).recipe, seed=seed(commit(secret)))
    (latent,) = lab.pooled.regenerate(recipe, recipe.prompt, [recipe.seed])
    integers = quantise(latent, recipe.latent_steps)
    rgb = lab.pooled.decode(recipe, dequantise(integers, recipe.latent_steps))
    terms = Terms(notice=f"{dice.getrandbits(40)}")
    return lab.work(victim).with_(
        secret=secret, nonce=nonce, recipe=recipe, integers=integers, rgb=rgb, terms=terms, receipt=None
    )


def log_of(lab, dice, victim):
    """A log with some of the victim's works in it, the chosen one among them."""
    log = EntryLog()
    for number in {victim, dice.randrange(lab.count)}:
        log.submit(format_entry(lab.work(number).entry))
    return log


def revoke(lab, log, from_index=None):
    author = derive_author(lab.victim)
    from_index = log.size if from_index is None else from_index
    log.submit(
        sign_key_revocation(KeyRevocation(public_key(author), log.origin, from_index, "key-compromised"), author)
    )


def judge(lab, work, log, dice, *, ask=True):
    policy = replace(lab.policy, logs=(LogTrust(log.signer.verifier_key, independent=False),))
    return lab.judge(signed_as_logged(work, log), pooled=True, ledger=log if ask else None, policy=policy)


# --- after the revocation ----------------------------------------------------------------------------------------------


def attempt_revoked(lab, i):
    dice = chance("stolen-revoked", i)
    victim = dice.randrange(lab.count)
    log = log_of(lab, dice, victim)
    way = i % 4
    if way == 3:  # claimed before the report, which reaches back to the theft
        work = new_work(lab, dice, victim)
        stolen_at = log.size
        log.submit(format_entry(work.entry))
        revoke(lab, log, stolen_at)
        return named(judge(lab, work, log, dice), way)
    revoke(lab, log)
    if way == 0:  # a new work, logged after the report; perhaps after a revocation of the thief's own making
        if dice.random() < 0.5:
            _quietly(lambda: revoke(lab, log, dice.choice((0, log.size, log.size + 10**6))))
        work = new_work(lab, dice, victim)
        log.append(format_entry(work.entry))
        return named(judge(lab, work, log, dice), way)
    if way == 1:  # an old work claimed once more, with other terms
        work = lab.work(victim).with_(terms=Terms("allowed", "allowed", f"free {dice.getrandbits(30)}"))
        log.append(format_entry(work.entry))
        return named(judge(lab, work, log, dice), way)
    return named(sell(lab, log, dice, victim), way)


def sell(lab, log, dice, victim):
    """The victim's work is sold to the thief, or revoked, with the stolen key."""
    work = lab.work(victim)
    identifier = claim_id(work.claim)
    before = read_history(identifier, log).ownership.owners
    body = Transfer(identifier, identifier, public_key(lab.thief_author))
    author = derive_author(lab.victim)
    made = accept_offer(make_offer(body, [author]), lab.thief_author)
    if dice.random() < 0.4:
        made = sign_revocation(Revocation(identifier, identifier, "withdrawn", "gone"), [author])
    append = log.submit if dice.random() < 0.5 else log.append  # a log that takes everything changes nothing
    _quietly(lambda: append(made))
    ownership = read_history(identifier, log).ownership
    if ownership.owners != before or ownership.revoked is not None:
        return Outcome("owner changed", {}, "")
    return Outcome("invalid", {}, "the log's history: void after the key's revocation")


def _quietly(act):
    try:
        act()
    except SeedproofError:
        return


def named(outcome, way):
    return replace(outcome, figures={**outcome.figures, "way": way})


# --- before it, and for those who do not ask -----------------------------------------------------------------------------


def attempt_before(lab, i):
    dice = chance("stolen-before", i)
    victim = dice.randrange(lab.count)
    log = log_of(lab, dice, victim)
    work = new_work(lab, dice, victim)
    log.submit(format_entry(work.entry))
    return judge(lab, work, log, dice)


def attempt_offline(lab, i):
    dice = chance("stolen-offline", i)
    victim = dice.randrange(lab.count)
    log = log_of(lab, dice, victim)
    revoke(lab, log)
    work = new_work(lab, dice, victim)
    log.append(format_entry(work.entry))
    return judge(lab, work, log, dice, ask=False)


KNOWS = "the victim's master secret"
THREATS = (
    Threat(
        name="stolen-revoked",
        title="Use a stolen secret after its owner has reported it",
        knowledge=KNOWS,
        budget="one run of the model",
        method="new works in the victim's name (16 pictures of each prompt, a claim of its own for each attempt), logged after the report or before it; old ones claimed again; the victim's work sold or revoked; a second report of the thief's own; against a verifier who asks the log",
        kind="cheap",
        attempt=attempt_revoked,
        success=frozenset({"authentic", "consistent", "claimed", "owner changed"}),
    ),
    Threat(
        name="stolen-unreported",
        title="Use a stolen secret before its owner notices",
        knowledge=KNOWS,
        budget="one run of the model",
        method="a new work in the victim's name",
        kind="cheap",
        attempt=attempt_before,
        prevented=False,
    ),
    Threat(
        name="stolen-offline",
        title="Use a reported secret before a verifier who asks no log",
        knowledge=KNOWS,
        budget="one run of the model",
        method="a new work in the victim's name, made after the report",
        kind="cheap",
        attempt=attempt_offline,
        prevented=False,
    ),
)
