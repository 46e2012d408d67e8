"""Write the protocol's test vectors: ``python tools/make_vectors.py tests/vectors/seedproof-v1.json``.

Three works go the whole way from the master secret to the answered challenge. All randomness is replaced by fixed
bytes, so that every run writes the same file; nobody may use these secrets for anything else. Objects are their exact
canonical text. ``refused`` lists inputs that a reader must refuse, ``signatures`` ones that must hold or fail.
"""

from __future__ import annotations

import hashlib
import json
import struct
import sys
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
from btclib_secp256k1 import ssa
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from refused import make_refused

from provenance.authoring import make_claim
from provenance.challenge import Challenge, Response, challenge_id, format_challenge, format_response
from provenance.checkpoint import sign_checkpoint
from provenance.claim import Entry, Terms, claim_id, format_claim, format_entry
from provenance.commitment import commit, seed
from provenance.derivation import derive_author, derive_prompt_key, derive_work
from provenance.hashing import Tag, tagged_hash
from provenance.latent import latent_digest
from provenance.master import Master, words
from provenance.merkle import inclusion_path, leaf_hash, nodes_of, root
from provenance.noise import TABLE_SHA256, gaussian
from provenance.note import NoteSigner
from provenance.pixels import pixel_digest
from provenance.receipt import format_receipt, make_receipt
from provenance.recipe import (
    Component,
    Model,
    Opening,
    Prompt,
    Recipe,
    Scheduler,
    format_opening,
    format_recipe,
    opening_commitment,
    recipe_digest,
    seal,
)

# RFC 8785: keys by UTF-16 code units, the shortest escapes, no white space.
CANONICAL = (
    ('{"v": 1, "a": "\u00e9"}', '{"a":"\u00e9","v":1}'),
    (
        '{"\ufb33":1, "\\ud83d\\ude00":2, "\u20ac":3, "1":4, "\\r":5}',
        '{"\\r":5,"1":4,"\u20ac":3,"\U0001f600":2,"\ufb33":1}',
    ),
    ('["\\u0041\\/\\u000f\\n\\u2028\\"\\\\"]', '["A/\\u000f\\n\u2028\\"\\\\"]'),
    (
        "[9007199254740991, -9007199254740991, 0, true, false, null, [], {}]",
        "[9007199254740991,-9007199254740991,0,true,false,null,[],{}]",
    ),
)

ORDER = 0xFFFFFFFF_FFFFFFFF_FFFFFFFF_FFFFFFFE_BAAEDCE6_AF48A03B_BFD25E8C_D0364141
SHAPE = (8, 16, 16)
STEPS = tuple(map(Decimal, ("0.125", "0.25", "0.1", "1", "0.0625", "0.333333", "0.000001", "1000000")))
FORMULA = "q[i] = (7919 * i + 12345 * w) mod 4001 - 2000, i in C order, w the number of the work"
LOG = NoteSigner(
    "vectors.seedproof.example/log", Ed25519PrivateKey.from_private_bytes(b"seedproof vectors: log".ljust(32))
)
FILLERS = {1: b"filler, the second leaf", 4: b"filler, the last leaf"}
LEAF_OF_WORK = (0, 2, 3)
EXPIRES = datetime(2030, 1, 2, 3, 4, 5, tzinfo=UTC)


DEFAULT_TERMS = Terms()


@dataclass(frozen=True)
class Plan:
    """What distinguishes the works."""

    name: str
    prompt: Prompt
    index: int = 0
    sealed: bool = False
    anonymous: bool = False
    prover: str | None = None
    terms: Terms = DEFAULT_TERMS
    parents: int = 0


PLANS = (
    Plan("normal", Prompt("a lighthouse at dusk, oil on canvas", "people"), prover="Ada Example"),
    Plan("sealed prompt", Prompt('known to its author: "quotes", a \\ and a\ttab'), sealed=True, parents=2),
    Plan(
        "anonymous, index above 0, Unicode prompt",
        Prompt("cafe\u0301 \u00e9 \u6d77\u8fb9 \u05d0\u05d1 \U0001f30a \u2028 \u0001 \u007f </script>", ""),
        index=7,
        anonymous=True,
        terms=Terms("allowed", "allowed", "d\u2019accord \U0001f642"),
    ),
)


def fixed(label: str) -> bytes:
    """32 bytes that stand for random ones."""
    return hashlib.sha256(f"seedproof vectors: {label}".encode()).digest()


def sign(purpose: Tag, secret: bytes, identifier: bytes) -> bytes:
    """A BIP-340 signature with fixed auxiliary randomness, for vectors alone."""
    return ssa.sign(tagged_hash(purpose, identifier), secret, fixed(f"aux {purpose}"))


def integers(w: int) -> np.ndarray[Any, np.dtype[np.int16]]:
    """The latent of work ``w``; see FORMULA."""
    i = np.arange(np.prod(SHAPE), dtype=np.int64)
    return ((7919 * i + 12345 * w) % 4001 - 2000).astype(np.int16).reshape(SHAPE)


def stored(q: np.ndarray[Any, np.dtype[np.int16]], predictor: int) -> bytes:
    """A stored form whose zstd frame holds one raw block: the same bytes whatever the version of zstd."""
    residual = q.astype(np.int64)
    if predictor in (1, 3):
        residual = np.diff(residual, axis=2, prepend=0)
    if predictor in (2, 3):
        residual = np.diff(residual, axis=1, prepend=0)
    signed = (residual + 2**15) % 2**16 - 2**15
    zigzag = np.where(signed < 0, -2 * signed - 1, 2 * signed).astype("<u2").reshape(-1)
    packed = (zigzag & 0xFF).astype(np.uint8).tobytes() + (zigzag >> 8).astype(np.uint8).tobytes()
    header = b"\x28\xb5\x2f\xfd\x60" + struct.pack("<H", len(packed) - 256)
    return (
        b"SPL1"
        + struct.pack(">BIII", predictor, *q.shape)
        + header
        + (len(packed) << 3 | 1).to_bytes(3, "little")
        + packed
    )


def noise(key: bytes, stream: int) -> dict[str, Any]:
    """Both ends of a stream of SHAPE and the digest of the whole, as little-endian float32."""
    values = gaussian(key, SHAPE, stream=stream).astype("<f4").reshape(-1)
    return {
        "stream": stream,
        "shape": list(SHAPE),
        "first": [v.tobytes().hex() for v in values[:8]],
        "last": [v.tobytes().hex() for v in values[-8:]],
        "sha256": hashlib.sha256(values.tobytes()).hexdigest(),
    }


def make_recipe(plan: Plan, prompt: Prompt | bytes, key: bytes) -> Recipe:
    """A recipe of an imaginary model."""
    return Recipe(
        model=Model("vector model", fixed("model"), (Component("unet", fixed("unet")), Component("vae", fixed("vae")))),
        scheduler=Scheduler("EulerDiscreteScheduler", '{"beta_end":"0.012","timesteps":[1,2,3],"trailing":true}'),
        steps=24,
        guidance=Decimal("7.5"),
        prompt=prompt,
        max_tokens=77,
        width=128,
        height=128,
        dtype="bfloat16",
        seed=key,
        shape=SHAPE,
        latent_steps=STEPS,
        parents=tuple(fixed(f"parent {i}") for i in range(plan.parents)),
    )


def make_work(w: int, plan: Plan) -> tuple[dict[str, Any], bytes]:
    """Work ``w`` up to its log entry; and the entry."""
    master, nonce = Master(fixed(f"master {w}")), fixed(f"nonce {w}")
    P, a = derive_work(master, nonce), derive_author(master)
    Y = commit(P)
    S = seed(Y, plan.index)
    opening = Opening(fixed(f"salt {w}"), plan.prompt)
    recipe = make_recipe(plan, opening_commitment(opening) if plan.sealed else plan.prompt, S)
    q = integers(w)
    rgb = ((np.arange(36) * 37 + 11 * w) % 256).astype(np.uint8).reshape(3, 4, 3)
    claim = make_claim(
        Y=Y,
        nonce=nonce,
        index=plan.index,
        authors=() if plan.anonymous else (commit(a),),
        recipe=recipe,
        integers=q,
        rgb=rgb,
        terms=plan.terms,
    )
    identifier = claim_id(claim)
    certificate = f"stands for the DER of certificate {w}".encode()
    container = sign(Tag.CONTAINER, P if plan.anonymous else a, hashlib.sha256(certificate).digest())
    authors = () if plan.anonymous else (sign(Tag.AUTHOR, a, identifier),)
    entry = Entry(claim, sign(Tag.POSSESSION, P, identifier), authors)
    data = format_entry(entry)
    challenge = Challenge(identifier, Y, nonce, "museum.example", plan.prover, fixed(f"random {w}"), EXPIRES)
    asked = challenge_id(challenge)
    return {
        "name": plan.name,
        "master": master.reveal().hex(),
        "words": words(master),
        "nonce": nonce.hex(),
        "index": plan.index,
        "P": P.hex(),
        "n_minus_P": (ORDER - int.from_bytes(P, "big")).to_bytes(32, "big").hex(),
        "Y": Y.hex(),
        "author_secret": a.hex(),
        "author_key": commit(a).hex(),
        "S": S.hex(),
        "noise": [noise(S, 0), noise(S, 1)],
        "opening": format_opening(opening).decode() if plan.sealed else None,
        "prompt_key": derive_prompt_key(master, nonce).hex(),
        "sealed": seal(opening, derive_prompt_key(master, nonce), plan.index).hex() if plan.sealed else None,
        "recipe": format_recipe(recipe).decode(),
        "recipe_digest": recipe_digest(recipe).hex(),
        "latent": {"w": w, "digest": latent_digest(q).hex(), "stored": stored(q, (3, 1, 2)[w]).hex()},
        "pixels": {"width": 4, "height": 3, "rgb": rgb.tobytes().hex(), "digest": pixel_digest(rgb).hex()},
        "claim": format_claim(claim).decode(),
        "claim_id": identifier.hex(),
        "possession": entry.possession.hex(),
        "authors": [signature.hex() for signature in authors],
        "certificate": certificate.hex(),
        "container": container.hex(),
        "entry": data.decode(),
        "leaf_hash": leaf_hash(data).hex(),
        "leaf_index": LEAF_OF_WORK[w],
        "challenge": format_challenge(challenge).decode(),
        "challenge_id": asked.hex(),
        "response": format_response(Response(asked, sign(Tag.CHALLENGE, P, asked))).decode(),
    }, data


def make_signatures(work: dict[str, Any]) -> list[dict[str, Any]]:
    """Signatures over one claim id: one that holds, and what must not."""
    good, Y, identifier = bytes.fromhex(work["possession"]), work["Y"], work["claim_id"]
    s = int.from_bytes(good[32:], "big")
    cases = [
        ("holds", Y, Tag.POSSESSION, good, True),
        ("made for another purpose", Y, Tag.AUTHOR, good, False),
        ("another key", work["author_key"], Tag.POSSESSION, good, False),
        ("s negated", Y, Tag.POSSESSION, good[:32] + (ORDER - s).to_bytes(32, "big"), False),
        ("s not below the order", Y, Tag.POSSESSION, good[:32] + ORDER.to_bytes(32, "big"), False),
        ("R not on the curve", Y, Tag.POSSESSION, bytes(31) + b"\x05" + good[32:], False),
        ("key not on the curve", "00" * 31 + "05", Tag.POSSESSION, good, False),
        ("all zeros", Y, Tag.POSSESSION, bytes(64), False),
    ]
    return [
        {"why": why, "key": key, "tag": str(tag), "id": identifier, "signature": signature.hex(), "holds": holds}
        for why, key, tag, signature, holds in cases
    ]


def main() -> None:
    """Write the file."""
    Path(sys.argv[1]).write_text(make_vectors(), encoding="utf-8")


def make_vectors() -> str:
    """The text of the file."""
    made = [make_work(w, plan) for w, plan in enumerate(PLANS)]
    works = [work for work, _ in made]
    leaves = FILLERS | {index: entry for index, (_, entry) in zip(LEAF_OF_WORK, made, strict=True)}
    hashes = [leaf_hash(leaves[index]) for index in range(len(leaves))]
    checkpoint = sign_checkpoint(LOG.name, len(hashes), root(hashes), LOG)
    for work in works:
        path = inclusion_path(nodes_of(hashes), work["leaf_index"], len(hashes))
        work["receipt"] = format_receipt(make_receipt(work["leaf_index"], path, checkpoint)).decode()
    document = {
        "about": "Test vectors of the Seedproof protocol, version 1; written by tools/make_vectors.py.",
        "noise_table_sha256": TABLE_SHA256,
        "latent_formula": FORMULA,
        "canonical": [{"text": text, "canonical": form} for text, form in CANONICAL],
        "works": works,
        "log": {
            "name": LOG.name,
            "secret": LOG.private_key.private_bytes_raw().hex(),
            "verifier_key": LOG.verifier_key.format(),
            "leaf_hashes": [value.hex() for value in hashes],
            "fillers": {str(index): leaf.decode() for index, leaf in FILLERS.items()},
            "root": root(hashes).hex(),
            "checkpoint": checkpoint.decode(),
        },
        "signatures": make_signatures(works[0]),
        "refused": make_refused(works),
    }
    return json.dumps(document, indent=1, ensure_ascii=True) + "\n"


if __name__ == "__main__":
    main()
