"""Honest follow-ups for tests, by people who are named; ``secret("author", name)`` is a person's key."""

from decimal import Decimal

from provenance.commitment import commit
from provenance.followup import attribute, sign_attestation, sign_key_revocation, sign_revocation
from provenance.followup_body import Attestation, Attribution, Figures, KeyRevocation, Revocation, Transfer
from provenance.offer import accept_offer, make_offer
from tests.support.entries import digest, secret

LOG = "log.example/1"


def key(name):
    return commit(secret("author", name))


def secrets(*names):
    return [secret("author", name) for name in names]


def offer(claim, prev, *sellers, to):
    return make_offer(Transfer(claim, prev, key(to)), secrets(*sellers))


def transfer(claim, prev, *sellers, to):
    return accept_offer(offer(claim, prev, *sellers, to=to), secret("author", to))


def revocation(claim, prev, *owners, reason="mistake", note=""):
    return sign_revocation(Revocation(claim, prev, reason, note), secrets(*owners))


def attribution(claim, work, author):
    return attribute(Attribution(claim, key(author)), secret("work", work), secret("author", author))


def key_revocation(name, from_index, *, log=LOG, reason="key-compromised"):
    return sign_key_revocation(KeyRevocation(key(name), log, from_index, reason), secret("author", name))


FIGURES = Figures(Decimal("0.01"), Decimal("3.5"), Decimal("0.05"), Decimal("0.5"), 200, 900)


def attestation(claim, notary="nina", *, recipe=None, verdict="regenerated", figures=FIGURES, **changes):
    fields = {
        "claim": claim,
        "notary": key(notary),
        "recipe": digest("recipe", "a") if recipe is None else recipe,
        "model": digest("model"),
        "calibration": digest("calibration"),
        "verdict": verdict,
        "figures": figures,
        "software": "seedproof 0.1.0",
    }
    return sign_attestation(Attestation(**fields | changes), secret("author", notary))
