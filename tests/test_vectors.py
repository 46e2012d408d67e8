"""The protocol's vectors: the generator still writes this file, our readers take and refuse what it says, and values hold
when computed with other means (hashlib, hmac, py_ecc)."""

import hashlib
import hmac
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from provenance import curve
from provenance.challenge import (
    challenge_id,
    check_response,
    format_challenge,
    format_response,
    parse_challenge,
    parse_response,
)
from provenance.claim import check_entry, claim_id, format_claim, format_entry, parse_claim, parse_entry
from provenance.commitment import commit
from provenance.encoding import canonical, parse_canonical, parse_json
from provenance.errors import InvalidError, UnsupportedVersionError
from provenance.hashing import Tag, tagged_hash
from provenance.note import VerifierKey
from provenance.receipt import check_receipt, format_receipt, parse_receipt
from provenance.recipe import (
    format_opening,
    format_recipe,
    open_sealed,
    opening_commitment,
    parse_opening,
    parse_recipe,
    recipe_digest,
)
from provenance.storedlatent import decode_latent

secp256k1 = curve._py_ecc()  # imported by our function, which keeps the recursion limit

ROOT = Path(__file__).parents[1]
FILE = ROOT / "tests" / "vectors" / "seedproof-v1.json"
VECTORS = json.loads(FILE.read_text())
WORKS = VECTORS["works"]
works = pytest.mark.parametrize("work", WORKS, ids=[work["name"] for work in WORKS])


def th(tag, message):
    prefix = hashlib.sha256(tag.encode()).digest()
    return hashlib.sha256(prefix + prefix + message).hexdigest()


def hkdf(master, salt, info):
    key = hmac.digest(salt or bytes(32), master, "sha256")
    return hmac.digest(key, info + b"\x01", "sha256")


def test_the_generator_still_writes_this_file(tmp_path):
    subprocess.run([sys.executable, ROOT / "tools" / "make_vectors.py", tmp_path / "new.json"], check=True)
    assert (tmp_path / "new.json").read_bytes() == FILE.read_bytes()


@works
def test_secrets_commitment_and_seed_by_other_means(work):
    master, nonce = bytes.fromhex(work["master"]), bytes.fromhex(work["nonce"])
    P = hkdf(master, nonce, b"seedproof/v1/kdf/work" + bytes(4))
    assert P.hex() == work["P"]
    assert hkdf(master, b"", b"seedproof/v1/kdf/author" + bytes(4)).hex() == work["author_secret"]
    assert hkdf(master, nonce, b"seedproof/v1/kdf/prompt").hex() == work["prompt_key"]
    x, y = secp256k1.privtopub(P)
    assert f"{x:064x}" == work["Y"]
    assert secp256k1.privtopub(bytes.fromhex(work["n_minus_P"])) == (x, secp256k1.P - y)
    assert commit(bytes.fromhex(work["n_minus_P"])).hex() == work["Y"]
    assert f"{secp256k1.privtopub(bytes.fromhex(work['author_secret']))[0]:064x}" == work["author_key"]
    assert th("seedproof/v1/seed", bytes.fromhex(work["Y"]) + work["index"].to_bytes(4, "big")) == work["S"]


@works
def test_identifiers_by_other_means(work):
    assert th("seedproof/v1/claim", work["claim"].encode()) == work["claim_id"]
    assert th("seedproof/v1/recipe", work["recipe"].encode()) == work["recipe_digest"]
    assert th("seedproof/v1/challenge-id", work["challenge"].encode()) == work["challenge_id"]
    pixels = work["pixels"]
    size = pixels["width"].to_bytes(4, "big") + pixels["height"].to_bytes(4, "big")
    assert th("seedproof/v1/pixels", size + bytes.fromhex(pixels["rgb"])) == pixels["digest"]
    count = 8 * 16 * 16
    q = b"".join(
        ((7919 * i + 12345 * work["latent"]["w"]) % 4001 - 2000).to_bytes(2, "little", signed=True)
        for i in range(count)
    )
    shape = b"".join(n.to_bytes(4, "big") for n in (8, 16, 16))
    assert th("seedproof/v1/latent", shape + q) == work["latent"]["digest"]
    assert decode_latent(bytes.fromhex(work["latent"]["stored"])).astype("<i2").tobytes() == q
    assert hashlib.sha256(b"\0" + work["entry"].encode()).hexdigest() == work["leaf_hash"]
    claim, recipe = json.loads(work["claim"]), json.loads(work["recipe"])
    assert (claim["recipe"], claim["Y"], claim["index"]) == (work["recipe_digest"], work["Y"], work["index"])
    assert claim["outputs"][0]["digest"] == pixels["digest"]
    assert claim["latent"]["digest"] == work["latent"]["digest"]
    assert (recipe["noise"]["seed"], recipe["parents"]) == (work["S"], claim["parents"])


@works
def test_noise_ends_belong_to_the_stream(work):
    for stream in work["noise"]:
        ends = np.frombuffer(bytes.fromhex("".join(stream["first"] + stream["last"])), "<f4")
        assert np.isfinite(ends).all()
        assert np.abs(ends).max() < 4.5
    assert work["noise"][0]["sha256"] != work["noise"][1]["sha256"]


@works
def test_our_readers_take_every_object_and_write_it_again(work):
    entry = parse_entry(work["entry"].encode())
    assert format_entry(entry).decode() == work["entry"]
    check_entry(entry, second_opinion=True)
    claim = parse_claim(work["claim"].encode())
    assert format_claim(claim).decode() == work["claim"]
    assert claim == entry.claim
    assert claim_id(claim).hex() == work["claim_id"]
    recipe = parse_recipe(work["recipe"].encode())
    assert format_recipe(recipe).decode() == work["recipe"]
    assert recipe_digest(recipe) == claim.recipe
    challenge = parse_challenge(work["challenge"].encode())
    response = parse_response(work["response"].encode())
    assert (format_challenge(challenge).decode(), format_response(response).decode()) == (
        work["challenge"],
        work["response"],
    )
    assert challenge_id(challenge).hex() == work["challenge_id"]
    check_response(
        challenge, response, challenge.expires.replace(year=2029), audience="museum.example", claim_id=claim_id(claim)
    )


@works
def test_receipts_lead_to_the_signed_root(work):
    log = VECTORS["log"]
    receipt = parse_receipt(work["receipt"].encode())
    assert format_receipt(receipt).decode() == work["receipt"]
    found = check_receipt(receipt, work["entry"].encode(), [VerifierKey.parse(log["verifier_key"])])
    assert (found.known, found.index, found.size, found.root.hex()) == (True, work["leaf_index"], 5, log["root"])


def test_the_root_by_hand():
    log = VECTORS["log"]
    a, b, c, d, e = (bytes.fromhex(value) for value in log["leaf_hashes"])

    def node(left, right):
        return hashlib.sha256(b"\1" + left + right).digest()

    assert node(node(node(a, b), node(c, d)), e).hex() == log["root"]
    assert hashlib.sha256(b"\0" + log["fillers"]["1"].encode()).digest() == b


def test_the_sealed_prompt_opens():
    (work,) = (work for work in WORKS if work["sealed"])
    opening = parse_opening(work["opening"].encode())
    commitment = parse_recipe(work["recipe"].encode()).prompt
    assert format_opening(opening).decode() == work["opening"]
    assert opening_commitment(opening) == commitment
    assert th("seedproof/v1/prompt", work["opening"].encode()) == commitment.hex()
    sealed = bytes.fromhex(work["sealed"])
    assert len(sealed) % 512 == 16
    assert open_sealed(sealed, bytes.fromhex(work["prompt_key"]), work["index"], commitment) == opening


@pytest.mark.parametrize("case", VECTORS["signatures"], ids=lambda case: case["why"])
def test_signatures(case):
    key, signature = bytes.fromhex(case["key"]), bytes.fromhex(case["signature"])
    message = tagged_hash(Tag(case["tag"]), bytes.fromhex(case["id"]))
    assert message.hex() == th(case["tag"], bytes.fromhex(case["id"]))
    assert curve.verify(key, message, signature) is case["holds"]
    assert curve.verify_independently(key, message, signature) is case["holds"]


@pytest.mark.parametrize("case", VECTORS["canonical"], ids=lambda case: case["text"][:20])
def test_canonical_form(case):
    form = case["canonical"].encode()
    assert canonical(parse_json(case["text"].encode(), "vector")) == form
    assert canonical(parse_canonical(form, "vector")) == form


READERS = {
    "claim": parse_claim,
    "recipe": parse_recipe,
    "entry": parse_entry,
    "receipt": parse_receipt,
    "challenge": parse_challenge,
    "response": parse_response,
    "opening": parse_opening,
}


@pytest.mark.parametrize("case", VECTORS["refused"], ids=lambda case: f"{case['object']}: {case['why']}")
def test_refused(case):
    family = {"invalid": InvalidError, "unsupported": UnsupportedVersionError}[case["family"]]
    with pytest.raises(family):
        READERS[case["object"]](case["text"].encode("utf-8"))


def test_there_are_refusals_for_every_reader():
    assert {case["object"] for case in VECTORS["refused"]} == set(READERS)
    assert len(VECTORS["refused"]) > 150
