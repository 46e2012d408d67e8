"""Front-running: the thief sees a picture before its author logs it, and logs a claim over it first.

What stops it: the log judges nothing and takes both; a claim that is older disputes another only where it is shown to be
authentic (provenance.rivals), and the thief's seed makes another picture (step 9). What is counted as a break is both:
the thief's file found authentic or consistent, and the victim's file found anything else than authentic.
"""

from dataclasses import replace

from provenance.claim import Terms, format_entry
from provenance.commitment import commit, seed
from provenance.policy import LogTrust
from tests.attacks.redteam.lab import signed_as_logged
from tests.attacks.redteam.threat import Outcome, Threat, chance
from tests.support.entrylog import EntryLog


def attempt(lab, i):
    dice = chance("front-running", i)
    victim = dice.randrange(lab.count)
    work = lab.work(victim)
    number = dice.getrandbits(30)
    recipe = replace(work.recipe, seed=seed(commit(lab.thief_secret(number))))
    terms = Terms(notice=f"mine {dice.getrandbits(40)}")
    way = i % 4
    thief = lab.thiefs(number, victim, recipe=recipe, terms=terms)
    if way == 1:  # anonymous
        thief = thief.with_(author_secrets=())
    elif way == 2:  # under the victim's own recipe, which names the victim's seed
        thief = thief.with_(recipe=work.recipe)
    log = EntryLog()
    for _ in range(dice.randrange(0, 3)):  # several claims of the thief's
        log.append(format_entry(thief.with_(terms=Terms(notice=str(dice.getrandbits(40)))).entry))
    if way == 3:  # the victim's own entry, submitted by the thief: the victim's is a duplicate then
        log.submit(format_entry(work.entry))
    log.submit(format_entry(thief.entry))
    log.submit(format_entry(work.entry))
    policy = replace(lab.policy, logs=(LogTrust(log.signer.verifier_key, independent=False),))
    how = {"pooled": True, "ledger": log, "policy": policy}
    his = lab.judge(signed_as_logged(thief, log), **how)
    hers = lab.judge(lab.file(victim), **how)
    figures = {**his.figures, "way": way}
    if his.verdict in ("authentic", "consistent", "crash"):
        return Outcome(his.verdict, figures, his.stopped)
    if hers.verdict != "authentic":
        return Outcome(f"victim {hers.verdict}", figures, hers.stopped)
    return Outcome(his.verdict, figures, his.stopped)


THREAT = Threat(
    name="front-running",
    title="Log a claim over the picture before its author does",
    knowledge="the finished file before it is logged",
    budget="a key, milliseconds",
    method="claims with an own seed, anonymous ones, ones with the victim's seed, several at once, or the victim's own entry submitted early; then the victim logs, and both files are verified against that log",
    kind="cheap",
    attempt=attempt,
    edition=2,
    success=frozenset(
        {
            "authentic",
            "consistent",
            *(f"victim {word}" for word in ("disputed", "invalid", "claimed", "consistent", "refused")),
        }
    ),
)
