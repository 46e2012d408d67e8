"""The vectors of follow-ups: the generator still writes them, our readers take and refuse what they say, ids and signatures
hold when computed by other means, and histories are replayed as they say."""

import hashlib
import json
import subprocess
import sys
from pathlib import Path

import pytest

from provenance import curve
from provenance.entry import KINDS, check_any, parse_any
from provenance.errors import InvalidError, UnsupportedVersionError
from provenance.followup import format_follow_up
from provenance.grant import check_grant, format_grant, parse_grant
from provenance.offer import check_offer, format_offer, parse_offer
from provenance.ownership import Indexed, replay

ROOT = Path(__file__).parents[1]
FILE = ROOT / "tests" / "vectors" / "follow-ups-v1.json"
VECTORS = json.loads(FILE.read_text())


def th(tag, message):
    prefix = hashlib.sha256(tag.encode()).digest()
    return hashlib.sha256(prefix + prefix + message).digest()


def test_the_generator_still_writes_this_file(tmp_path):
    command = [sys.executable, ROOT / "tools" / "make_follow_vectors.py", tmp_path / "new.json"]
    subprocess.run(command, check=True)
    assert (tmp_path / "new.json").read_bytes() == FILE.read_bytes()


def test_every_kind_is_there():
    assert {item["kind"] for item in VECTORS["follow_ups"]} == set(KINDS) - {"claim"}


@pytest.mark.parametrize("item", VECTORS["follow_ups"], ids=lambda item: item["kind"])
def test_follow_ups(item):
    entry = parse_any(item["entry"].encode())
    check_any(entry, second_opinion=True)
    assert format_follow_up(entry.content).decode() == item["entry"]
    assert entry.kind == item["kind"]
    assert entry.id.hex() == item["id"] == th("seedproof/v1/entry", item["body"].encode()).hex()
    assert (entry.subject.hex(), entry.slot.hex()) == (item["subject"], item["slot"])
    assert json.loads(item["entry"])["body"] == json.loads(item["body"])
    for signature in item["signatures"]:
        message = th(signature["tag"], entry.id)
        assert curve.verify_independently(
            bytes.fromhex(signature["key"]), message, bytes.fromhex(signature["signature"])
        )
        assert signature["signature"] in item["entry"]


def test_slots_by_other_means():
    slots = {item["kind"]: item["slot"] for item in VECTORS["follow_ups"] if "differs" not in item["body"]}
    bodies = {item["kind"]: json.loads(item["body"]) for item in VECTORS["follow_ups"] if "differs" not in item["body"]}
    assert slots["transfer"] == bodies["transfer"]["prev"]
    assert slots["revocation"] == bodies["revocation"]["prev"]
    for kind, rest in (
        ("attribution", bytes.fromhex(bodies["attribution"]["claim"])),
        ("key-revocation", bytes.fromhex(bodies["key-revocation"]["key"]["key"]) + b"vectors.seedproof.example/log"),
        ("attestation", bytes.fromhex(bodies["attestation"]["claim"] + bodies["attestation"]["notary"]["key"])),
    ):
        assert slots[kind] == th("seedproof/v1/slot", kind.encode() + b"\n" + rest).hex()


def test_offer_and_grant():
    grant = parse_grant(VECTORS["grant"]["grant"].encode())
    owners = [bytes.fromhex(key) for key in VECTORS["grant"]["owners"]]
    assert format_grant(grant).decode() == VECTORS["grant"]["grant"]
    check_grant(grant, owners, second_opinion=True)
    offer = parse_offer(VECTORS["offer"].encode())
    assert format_offer(offer).decode() == VECTORS["offer"]
    check_offer(offer, owners)


@pytest.mark.parametrize("item", VECTORS["histories"], ids=lambda item: item["name"])
def test_histories(item):
    entries = [Indexed(index, parse_any(text.encode())) for index, text in enumerate(item["entries"])]
    (claim,) = [entry for entry in entries if entry.entry.kind == "claim"]
    revocations = [entry for entry in entries if entry.entry.kind == "key-revocation"]
    others = [entry for entry in entries if entry not in (claim, *revocations)]
    found = replay(claim, others, revocations, log=item["log"])
    assert [key.hex() for key in found.owners] == item["owners"]
    assert found.head.hex() == item["head"]
    assert [entry.index for entry in found.chain] == item["chain"]
    assert (found.author and found.author.hex()) == item["author"]
    assert [entry.index for entry in found.attestations] == item["attestations"]
    assert [[entry.index, entry.key.hex()] for entry in found.contested] == item["contested"]
    assert [entry.index for entry in found.void] == item["void"]


@pytest.mark.parametrize("case", VECTORS["refused"], ids=lambda case: case["why"])
def test_refused(case):
    family = {"invalid": InvalidError, "unsupported": UnsupportedVersionError}[case["family"]]
    with pytest.raises(family):
        parse_any(case["text"].encode())
