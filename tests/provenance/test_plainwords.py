"""Plain words first, the code in brackets: for every code a sentence, and nothing lost."""

import pytest

from provenance.plainwords import explain_codes, explain_damage
from provenance.report import Verdict
from provenance.verify import Depth
from tests.attacks.test_verdicts import failed_at
from tests.support.forge import judge, made


@pytest.mark.parametrize(
    ("codes", "told"),
    [
        (["assertion.dataHash.mismatch"], "the file was changed after it was signed (assertion.dataHash.mismatch)"),
        (["assertion.json.invalid"], "a statement in the manifest is damaged (assertion.json.invalid)"),
        (
            ["claim.missing", "claim.missing"],
            "the manifest lacks a part that it must have, or that part is damaged (claim.missing)",
        ),
        (["new.code"], "something in the manifest does not hold (new.code)"),
        ([], "something in the manifest does not hold (no reason given)"),
    ],
)
def test_a_sentence_for_every_code(codes, told):
    assert explain_codes(codes) == told


def test_one_sentence_for_several_codes_of_its_kind():
    told = explain_codes(["timeStamp.mismatch", "claimSignature.mismatch", "timeStamp.untrusted"])
    assert told.startswith("the timestamp of the signature does not hold (timeStamp.mismatch, timeStamp.untrusted); ")
    assert told.endswith("signed with another key (claimSignature.mismatch)")


def test_changed_and_cut_files_are_told_plainly():
    data = made().sign()
    changed = bytearray(data)
    changed[data.index(b"IDAT") + 40] ^= 1
    report = judge(bytes(changed), depth=Depth.QUICK)
    assert failed_at(report, 1)
    assert "the file was changed after it was signed (assertion.dataHash.mismatch)" in report.reason
    report = judge(data[:-100], depth=Depth.QUICK)
    assert report.verdict is Verdict.INVALID
    assert report.reason.startswith("the file is damaged or cut off")
    assert explain_damage("x").endswith("(x)")
