"""Write the vectors of follow-ups: ``python tools/make_follow_vectors.py tests/vectors/follow-ups-v1.json``.

One entry of each kind with every signature in it, an offer and a grant, histories with what a replay must make of them,
and entries that a reader must refuse. All randomness is replaced by fixed bytes; nobody may use these secrets.
"""

from __future__ import annotations

import hashlib
import json
import sys
from decimal import Decimal
from pathlib import Path
from typing import Any

from btclib_secp256k1 import ssa

from provenance.claim import Claim, Entry, LatentRef, Output, Terms, claim_id, format_claim, format_entry
from provenance.curve import public_key
from provenance.encoding import Json, canonical
from provenance.entry import parse_any
from provenance.followup import FollowUp, Proofs, body_id, format_follow_up
from provenance.followup_body import (
    Attestation,
    Attribution,
    Figures,
    KeyRevocation,
    Revocation,
    Transfer,
    body_json,
)
from provenance.grant import Grant, SignedGrant, format_grant
from provenance.hashing import Tag, tagged_hash
from provenance.offer import Offer, format_offer
from provenance.ownership import Indexed, replay

LOG = "vectors.seedproof.example/log"
PEOPLE = ("ann", "bob", "carol", "dave", "nina", "mallory")


def fixed(label: str) -> bytes:
    """32 bytes that stand for random ones; the first is zero, so that they are a scalar as well."""
    return b"\x00" + hashlib.sha256(f"seedproof follow-up vectors: {label}".encode()).digest()[1:]


def key(name: str) -> bytes:
    """Somebody's public key."""
    return public_key(fixed(name))


def sign(purpose: Tag, name: str, identifier: bytes) -> bytes:
    """A BIP-340 signature with fixed auxiliary randomness, for vectors alone."""
    return ssa.sign(tagged_hash(purpose, identifier), fixed(name), fixed(f"aux {purpose}"))


def claimed(work: str, *authors: str) -> bytes:
    """The entry of a claim by these authors, anonymous without any."""
    claim = Claim(
        Y=key(work),
        index=0,
        nonce=fixed(f"nonce {work}"),
        authors=tuple(map(key, authors)),
        recipe=fixed("recipe"),
        outputs=(Output("pixels", fixed("pixels")),),
        latent=LatentRef(fixed("latent"), (4, 8, 8), (Decimal("0.5"),) * 4),
        parents=(),
        terms=Terms(),
    )
    identifier = claim_id(claim)
    signatures = tuple(sign(Tag.AUTHOR, name, identifier) for name in authors)
    return format_entry(Entry(claim, sign(Tag.POSSESSION, work, identifier), signatures))


def transfer(claim: bytes, prev: bytes, sellers: list[str], to: str) -> FollowUp:
    """A transfer, accepted."""
    body = Transfer(claim, prev, key(to))
    identifier = body_id(body)
    owners = tuple(sign(Tag.TRANSFER_OFFER, name, identifier) for name in sellers)
    return FollowUp(body, Proofs(sign(Tag.TRANSFER_ACCEPT, to, identifier), owners))


def revocation(claim: bytes, prev: bytes, owners: list[str]) -> FollowUp:
    """A revocation."""
    body = Revocation(claim, prev, "mistake", "d\u2019accord \U0001f642")
    return FollowUp(body, Proofs(owners=tuple(sign(Tag.REVOCATION, name, body_id(body)) for name in owners)))


def attribution(claim: bytes, work: str, author: str) -> FollowUp:
    """An attribution."""
    body = Attribution(claim, key(author))
    identifier = body_id(body)
    return FollowUp(
        body, Proofs(sign(Tag.ATTRIBUTION, author, identifier), (), sign(Tag.ATTRIBUTION, work, identifier))
    )


def key_revocation(name: str, from_index: int, log: str = LOG) -> FollowUp:
    """A key-revocation."""
    body = KeyRevocation(key(name), log, from_index, "key-compromised")
    return FollowUp(body, Proofs(sign(Tag.KEY_REVOCATION, name, body_id(body))))


def attestation(claim: bytes, notary: str = "nina", verdict: str = "regenerated") -> FollowUp:
    """An attestation."""
    figures = Figures(Decimal("0.0125"), Decimal("3.5"), Decimal("0.05"), None, 213, None)
    calibration = fixed("calibration") if notary == "nina" else None
    body = Attestation(
        claim, key(notary), fixed("recipe"), fixed("model"), calibration, verdict, figures, "vectors 1.0"
    )
    return FollowUp(body, Proofs(sign(Tag.ATTESTATION, notary, body_id(body))))


NAMED = {
    "attribution": ("author", Tag.ATTRIBUTION),
    "transfer": ("accept", Tag.TRANSFER_ACCEPT),
    "key-revocation": ("key", Tag.KEY_REVOCATION),
    "attestation": ("notary", Tag.ATTESTATION),
}


def describe(made: FollowUp, owners: list[str], work: str) -> dict[str, Any]:
    """One entry, its id and slot, and every signature in it with its tag and key."""
    entry = parse_any(format_follow_up(made))
    signatures: list[tuple[Tag, bytes, bytes]] = []
    if made.body.kind in NAMED:
        signatures.append((NAMED[made.body.kind][1], entry.keys[0], made.proofs.named))
    tag = Tag.TRANSFER_OFFER if made.body.kind == "transfer" else Tag.REVOCATION
    signatures += [(tag, key(name), value) for name, value in zip(owners, made.proofs.owners, strict=True)]
    if made.proofs.possession:
        signatures.append((Tag.ATTRIBUTION, key(work), made.proofs.possession))
    return {
        "kind": entry.kind,
        "entry": entry.data.decode(),
        "body": canonical(body_json(made.body)).decode(),
        "id": entry.id.hex(),
        "subject": entry.subject.hex(),
        "slot": None if entry.slot is None else entry.slot.hex(),
        "signatures": [{"tag": str(tag), "key": k.hex(), "signature": value.hex()} for tag, k, value in signatures],
    }


def history(name: str, *entries: bytes | FollowUp) -> dict[str, Any]:
    """A log with these entries, one of which is the claim, and what a replay makes of it."""
    data = [item if isinstance(item, bytes) else format_follow_up(item) for item in entries]
    items = [Indexed(index, parse_any(value)) for index, value in enumerate(data)]
    claim = next(item for item in items if item.entry.kind == "claim")
    revocations = [item for item in items if item.entry.kind == "key-revocation"]
    others = [item for item in items if item.entry.kind not in ("claim", "key-revocation")]
    found = replay(claim, others, revocations, log=LOG)
    return {
        "name": name,
        "log": LOG,
        "entries": [value.decode() for value in data],
        "owners": [owner.hex() for owner in found.owners],
        "head": found.head.hex(),
        "chain": [item.index for item in found.chain],
        "author": None if found.author is None else found.author.hex(),
        "attestations": [item.index for item in found.attestations],
        "contested": [[item.index, item.key.hex()] for item in found.contested],
        "void": [item.index for item in found.void],
    }


def make_histories() -> list[dict[str, Any]]:
    """Honest ones, and those of a log that takes everything."""
    pair, solo, hidden = claimed("work", "ann", "bob"), claimed("work", "ann"), claimed("work")
    pair_id, solo_id, hidden_id = (parse_any(entry).id for entry in (pair, solo, hidden))
    together = transfer(pair_id, pair_id, ["ann", "bob"], "carol")
    sold = transfer(solo_id, solo_id, ["ann"], "bob")
    again = transfer(solo_id, body_id(sold.body), ["bob"], "carol")
    theft = transfer(solo_id, solo_id, ["mallory"], "mallory")
    owned_by_work = transfer(hidden_id, hidden_id, ["work"], "bob")
    return [
        history("nothing happened", pair),
        history("two authors sell together", pair, together),
        history("one of two authors sells", pair, transfer(pair_id, pair_id, ["ann"], "carol")),
        history("two authors sign in the wrong order", pair, transfer(pair_id, pair_id, ["bob", "ann"], "carol")),
        history("sold, sold on, revoked", solo, sold, again, revocation(solo_id, body_id(again.body), ["carol"])),
        history("sold twice", solo, sold, transfer(solo_id, solo_id, ["ann"], "dave"), again),
        history("revoked after the sale", solo, sold, revocation(solo_id, solo_id, ["ann"])),
        history("sold after the revocation", solo, revocation(solo_id, solo_id, ["ann"]), sold),
        history(
            "stolen, and sold on by the thief", solo, theft, transfer(solo_id, body_id(theft.body), ["mallory"], "dave")
        ),
        history("a transfer before its claim", sold, solo),
        history("about another claim", solo, together),
        history(
            "attributed twice", hidden, attribution(hidden_id, "work", "ann"), attribution(hidden_id, "work", "bob")
        ),
        history("an anonymous work is sold", hidden, owned_by_work, attribution(hidden_id, "work", "ann")),
        history("a claim with authors is attributed", solo, attribution(solo_id, "work", "bob")),
        history("attested twice by one notary", solo, attestation(solo_id), attestation(solo_id, "nina", "differs")),
        history("attested by two notaries", solo, attestation(solo_id), attestation(solo_id, "dave")),
        history("key revoked from after the sale on", solo, sold, key_revocation("ann", 2)),
        history("key revoked from before the sale on", solo, sold, key_revocation("ann", 1)),
        history("key revoked from the claim on", solo, key_revocation("ann", 0)),
        history("sold with a key that was revoked before", solo, key_revocation("ann", 1), sold),
        history("claimed with a key that was revoked before", key_revocation("ann", 0), solo),
        history(
            "the work's own key is revoked", hidden, key_revocation("work", 1), attribution(hidden_id, "work", "ann")
        ),
        history("a notary's key is revoked", solo, attestation(solo_id), key_revocation("nina", 1)),
        history("a key is revoked twice", solo, sold, key_revocation("ann", 2), key_revocation("ann", 0)),
        history("a key is revoked in another log", solo, sold, key_revocation("ann", 0, "other.example")),
        history("a buyer's key is revoked", solo, sold, key_revocation("bob", 0)),
    ]


def make_refused(described: list[dict[str, Any]]) -> list[dict[str, str]]:
    """Entries with one thing wrong."""
    refused = []
    for item in described:
        honest = json.loads(item["entry"])
        body, proofs = honest["body"], honest["proofs"]
        for why, changed, family in (
            ("unknown field", honest | {"more": 1}, "invalid"),
            ("unknown field in the body", honest | {"body": body | {"more": 1}}, "invalid"),
            ("unknown field in the proofs", honest | {"proofs": proofs | {"more": "00" * 64}}, "invalid"),
            ("no proofs", honest | {"proofs": {}}, "invalid"),
            ("another kind in the body", honest | {"body": body | {"kind": "claim"}}, "invalid"),
            ("unknown version", honest | {"v": 2}, "unsupported"),
            ("unknown version of the body", honest | {"body": body | {"v": 2}}, "unsupported"),
            ("unknown kind", honest | {"kind": "gift"}, "unsupported"),
        ):
            refused.append({"why": f"{item['kind']}: {why}", "family": family, "text": canonical(changed).decode()})
        spaced = item["entry"].replace(",", ", ", 1)
        refused.append({"why": f"{item['kind']}: not canonical", "family": "invalid", "text": spaced})
    return refused


def make_vectors() -> str:
    """The text of the file."""
    claim, hidden = claimed("work", "ann", "bob"), claimed("hidden")
    identifier, hidden_id = parse_any(claim).id, parse_any(hidden).id
    body = Transfer(identifier, identifier, key("carol"))
    owners = tuple(sign(Tag.TRANSFER_OFFER, name, body_id(body)) for name in ("ann", "bob"))
    described = [
        describe(attribution(hidden_id, "hidden", "ann"), [], "hidden"),
        describe(transfer(identifier, identifier, ["ann", "bob"], "carol"), ["ann", "bob"], ""),
        describe(revocation(identifier, identifier, ["ann", "bob"]), ["ann", "bob"], ""),
        describe(key_revocation("ann", 7), [], ""),
        describe(attestation(identifier), [], ""),
        describe(attestation(identifier, "dave", "differs"), [], ""),
    ]
    document = {
        "about": "Vectors of follow-ups of the Seedproof protocol, version 1; written by tools/make_follow_vectors.py.",
        "keys": {name: key(name).hex() for name in (*PEOPLE, "work", "hidden")},
        "claims": [
            {
                "entry": entry.decode(),
                "claim": format_claim(parse_claim_of(entry)).decode(),
                "id": parse_any(entry).id.hex(),
            }
            for entry in (claim, hidden)
        ],
        "follow_ups": described,
        "offer": format_offer(Offer(body, owners)).decode(),
        "grant": make_grant(identifier),
        "histories": make_histories(),
        "refused": make_refused(described),
    }
    return json.dumps(document, indent=1, ensure_ascii=True) + "\n"


def parse_claim_of(entry: bytes) -> Claim:
    """The claim in an entry."""
    claim = parse_any(entry).claim
    if claim is None:
        raise TypeError("no claim")
    return claim


def make_grant(claim: bytes) -> dict[str, Json]:
    """A grant, its body, its id, and the keys of its owners."""
    grant = Grant(claim, fixed("recipe"), "publish", LOG, 1_800_000_000)
    plain = json.loads(format_grant(SignedGrant(grant, (bytes(64),))))["body"]
    identifier = tagged_hash(Tag.ENTRY, canonical(plain))
    owners = tuple(sign(Tag.GRANT, name, identifier) for name in ("ann", "bob"))
    return {
        "grant": format_grant(SignedGrant(grant, owners)).decode(),
        "id": identifier.hex(),
        "owners": [key("ann").hex(), key("bob").hex()],
    }


if __name__ == "__main__":
    Path(sys.argv[1]).write_text(make_vectors(), encoding="utf-8")
