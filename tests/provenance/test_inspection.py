"""What inspect tells about a receipt, honest or not."""

import json

from provenance.followup import format_follow_up
from provenance.inspection import describe
from provenance.receipt import format_receipt, make_receipt, parse_receipt
from tests.support.entrylog import EntryLog
from tests.support.follow import key
from tests.support.trust import attest
from tests.support.works import make_work


def test_a_receipt_with_attestations_some_of_which_are_junk():
    said = format_follow_up(attest(make_work(1)))

    def staple(receipt):
        plain = parse_receipt(receipt)
        return format_receipt(make_receipt(plain.index, plain.path, plain.checkpoint.note, (), [said, b"junk"]))

    shown = describe(make_work(1, log=EntryLog(), staple=staple))["authorship"]["receipt"]
    json.dumps(shown)
    assert (shown["log"], shown["index"], shown["size"], shown["signed_by"]) == (
        "log.example/1",
        0,
        1,
        ["log.example/1"],
    )
    good, bad = shown["attestations"]
    assert (good["kind"], good["verdict"], good["notary"]["key"]) == ("attestation", "regenerated", key("nina").hex())
    assert "not JSON" in bad["unreadable"]


def test_without_a_receipt():
    assert describe(make_work(1))["authorship"]["receipt"] is None
