"""A policy that makes the works of tests.support.works authentic by the word of notaries, and those notaries."""

from decimal import Decimal

import numpy as np

from provenance.assertion import parse_assertion
from provenance.calibration import Calibration, Thresholds, Whitening
from provenance.claim import claim_id, parse_claim
from provenance.followup import format_follow_up
from provenance.followup_body import Figures
from provenance.manifest import read_container
from provenance.pixels import media_type_of
from provenance.policy import LogTrust, ModelTrust, NotaryTrust, Policy
from provenance.region import Region
from provenance.verify import Depth, Request, verify
from tests.support.entries import digest
from tests.support.follow import attestation, key
from tests.support.pictures import NOW
from tests.support.works import SHAPE, STEPS

MODEL = bytes(32)
ANYWHERE = Region((1, 1_000), (Decimal(0), Decimal(1_000)), (0, 10_000))
"""For models of numpy: every recipe was measured."""

CALIBRATION = digest("calibration")
GOOD = Figures(Decimal("0.01"), Decimal("3.5"), Decimal("0.05"), Decimal("0.5"), 140, 20)


def policy(*logs, notaries=("nina",), required=1, steps=STEPS, **changes):
    zeros = np.zeros(SHAPE, np.float32)
    calibration = Calibration(MODEL, SHAPE, steps, Whitening(zeros, zeros + 1), Thresholds(0.05, 0.5), "{}", ANYWHERE)
    return Policy(
        models={MODEL: ModelTrust("test model", MODEL, {SHAPE: calibration}, {SHAPE: CALIBRATION})},
        logs=tuple(LogTrust(log.signer.verifier_key, independent=True) for log in logs),
        notaries=tuple(NotaryTrust(name, key(name)) for name in notaries),
        notaries_required=required,
        **changes,
    )


def claim_of(data):
    container = read_container(data, media_type_of(data), anchors_pem=None)
    return parse_claim(parse_assertion(container.assertion).claim)


def id_of(data):
    return claim_id(claim_of(data))


def attest(data, notary="nina", **changes):
    """An honest notary's attestation of a signed picture, before the changes."""
    fields = {"recipe": claim_of(data).recipe, "model": MODEL, "calibration": CALIBRATION, "figures": GOOD}
    return attestation(id_of(data), notary, **fields | changes)


def entry_of(made):
    return format_follow_up(made)


def judge(data, trust, *, ledger=None, **changes):
    return verify(data, Request(policy=trust, now=NOW, depth=Depth.QUICK, ledger=ledger, **changes))


def step(report, number):
    return next(check for check in report.checks if check.step == number)
