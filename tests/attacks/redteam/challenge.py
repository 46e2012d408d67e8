"""Replayed challenges: somebody who cannot answer shows an answer that was given to another question.

What stops it: the response signs the challenge's id, in which every field stands (provenance.challenge); audience, claim
and expiry are compared with the verifier's own; the tag of challenges serves nothing else.
"""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from provenance import proof
from provenance.challenge import Challenge, Response, challenge_id, check_response, parse_response, respond
from provenance.claim import claim_id
from provenance.hashing import Tag
from tests.attacks.redteam.lab import attempt as judged
from tests.attacks.redteam.threat import Threat, chance

NOW = datetime(2026, 11, 21, 12, 0, 0, tzinfo=UTC)
AUDIENCES = ("museum.example", "gallery.example", "Museum.example", "museum.example.")
PROVERS = ("Vera", "Theo", None)


def attempt(lab, i):
    """The victim answers one challenge honestly; the thief has the transcript and is asked another one."""
    dice = chance("replayed-challenge", i)
    work = lab.work(dice.randrange(lab.count))
    first = ask(dice, work)
    answer = respond(first, work.secret, first.expires - timedelta(seconds=1))
    asked, now = first, first.expires - timedelta(seconds=dice.randrange(1, 3000))
    way = dice.randrange(5)
    if way == 0:  # another verifier, or the same one with a fresh question
        asked = ask(dice, work)
        asked = replace(asked, **{name: getattr(first, name) for name in ("expires",) if dice.random() < 0.5})
    elif way == 1:  # the same question with one field changed
        asked = replace(first, **dice.choice(CHANGES)(dice, lab, first))
    elif way == 2:  # too late
        now = first.expires + timedelta(seconds=dice.choice((0, 1, 86_400, dice.randrange(10**8))))
    elif way == 3:  # a signature by the victim for another purpose over this very id
        purpose = dice.choice(sorted(proof.PURPOSES - {Tag.CHALLENGE}))
        answer = Response(challenge_id(first), proof.prove(purpose, work.secret, challenge_id(first)))
    else:  # by the thief's own key, or by the author's instead of the work's
        signer = dice.choice((lab.thief_secret(), lab.thief_author, work.author_secrets[0]))
        answer = Response(challenge_id(first), proof.prove(Tag.CHALLENGE, signer, challenge_id(first)))
    if way < 2 and dice.random() < 0.7:
        answer = Response(challenge_id(asked), answer.signature)  # the id is rewritten, the signature is what it is
    expected = {"audience": asked.audience, "claim_id": asked.claim}

    def check():
        check_response(asked, parse_response(format_again(answer)), now, **expected)
        return "authentic"

    outcome = judged(check, {"way": way})
    return outcome if outcome.stopped else replace(outcome, stopped="")


def ask(dice, work):
    return Challenge(
        claim_id(work.claim),
        work.claim.Y,
        dice.choice((work.nonce, None)),
        dice.choice(AUDIENCES),
        dice.choice(PROVERS),
        dice.randbytes(32),
        NOW + timedelta(seconds=dice.randrange(3600, 7200)),
    )


def format_again(response):
    from provenance.challenge import format_response

    return format_response(response)


CHANGES = (
    lambda dice, lab, first: {"claim": claim_id(lab.thiefs(dice.getrandbits(20)).claim)},
    lambda dice, lab, first: {"Y": lab.thiefs(dice.getrandbits(20)).claim.Y},
    lambda dice, lab, first: {"nonce": dice.randbytes(32)},
    lambda dice, lab, first: {"audience": first.audience + " "},
    lambda dice, lab, first: {"prover": "Mallory"},
    lambda dice, lab, first: {"random": dice.randbytes(32)},
    lambda dice, lab, first: {"expires": first.expires + timedelta(seconds=dice.randrange(1, 10**7))},
)

THREAT = Threat(
    name="replayed-challenge",
    title="Answer a challenge with a transcript",
    knowledge="the victim's answers to other challenges, and signatures for other purposes over this one's id",
    budget="microseconds",
    method="answers replayed to another verifier, to a fresh or changed question, after expiry; signatures for other purposes; answers by other keys",
    kind="cheap",
    attempt=attempt,
)
