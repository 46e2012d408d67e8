"""Keys and signatures of another kind: what a careless curve library, or a careless caller, would let through.

What stops it: BIP-340's conditions (the key is an x-coordinate of the curve below p, R is no infinity and has an even y,
r < p, s < n), checked by libsecp256k1 and py_ecc, who must agree; keys and signatures of exactly 32 and 64 bytes.
"""

import hashlib

from provenance import curve, proof
from provenance.claim import claim_id
from provenance.hashing import Tag, tagged_hash
from tests.attacks.redteam.lab import attempt as judged
from tests.attacks.redteam.threat import Threat, chance, scalar

P = 2**256 - 2**32 - 977
N = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141


def attempt(lab, i):
    dice = chance("curves", i)
    work = lab.work(dice.randrange(lab.count))
    identifier = claim_id(work.claim)
    way = WAYS[i % len(WAYS)]
    key, signature = way(dice, work, identifier)
    if (key, signature) == (work.claim.Y, work.assertion.possession):
        signature = bytes(64)
    for tag, honest in ((Tag.POSSESSION, work.assertion.possession),):
        assert signature != honest or key != work.claim.Y, tag

    def check():
        proof.check(Tag.POSSESSION, key, identifier, signature, "possession")
        return "authentic"

    return judged(check, {"way": i % len(WAYS)})


def number(value, size=32):
    return (value % 2 ** (8 * size)).to_bytes(size, "big")


def other_encodings(dice, work, identifier):
    """The right key and signature in SEC 1's, DER's or other people's clothes, or cut, or doubled."""
    Y, honest = work.claim.Y, work.assertion.possession
    keys = (b"\x02" + Y, b"\x03" + Y, b"\x04" + Y + Y, Y[:31], b"\0" + Y, Y[::-1], b"")
    signatures = (honest + b"\x01", honest[:63], b"\x30\x44" + honest, honest[32:] + honest[:32], honest[::-1])
    return (dice.choice(keys), honest) if dice.random() < 0.5 else (Y, dice.choice(signatures))


def no_point(dice, work, identifier):
    """A key that is no point, with R = s G: holds for whoever takes a failed lift for the identity."""
    s = dice.randrange(1, N)
    keys = (0, P, N, 2**256 - 1, P + dice.randrange(1, 2**31), not_on_curve(dice))
    return number(dice.choice(keys)), curve.public_key(number(s)) + number(dice.choice((s, N - s)))


def not_on_curve(dice):
    while True:
        x = dice.randrange(1, P)
        if pow((pow(x, 3, P) + 7) % P, (P - 1) // 2, P) != 1:
            return x


def no_point_in_the_signature(dice, work, identifier):
    """The thief's key for which s G = e P, so that R is the identity, or out of range, or no x-coordinate."""
    d = dice.randrange(1, N)
    key = curve.public_key(number(d))
    r = dice.choice((bytes(32), number(P), number(N), b"\xff" * 32, number(not_on_curve(dice))))
    e = challenge(r, key, tagged_hash(Tag.POSSESSION, identifier))
    return key, r + number(dice.choice((e * d % N, (N - e) * d % N, e * (N - d) % N)))


def out_of_range(dice, work, identifier):
    """The victim's signature with s or r beyond the order, or negated."""
    r, s = work.assertion.possession[:32], int.from_bytes(work.assertion.possession[32:], "big")
    s = dice.choice((N - s, s + N, 0, N, 2**256 - 1, s ^ 1 << dice.randrange(256)))
    return work.claim.Y, dice.choice((r, number(int.from_bytes(r, "big") + P))) + number(s)


def odd_nonce(dice, work, identifier):
    """A signature by an own key whose R has an odd y, or whose key was not negated when it should have been."""
    d, k = dice.randrange(1, N), dice.randrange(1, N)
    key, r = curve.public_key(number(d)), curve.public_key(number(k))
    e = challenge(r, key, tagged_hash(Tag.POSSESSION, identifier))
    candidates = [number((a * k + b * e * d) % N) for a in (1, -1) for b in (1, -1)]
    wrong = [s for s in candidates if not curve.verify(key, tagged_hash(Tag.POSSESSION, identifier), r + s)]
    return key, r + dice.choice(wrong)


def other_message(dice, work, identifier):
    """A genuine signature of the victim's secret, over the bare id, or under another hash, version or order of it."""
    tag = str(Tag.POSSESSION)
    double = hashlib.sha256(hashlib.sha256(tag.encode()).digest() + identifier).digest()
    messages = (
        identifier,
        hashlib.sha256(identifier).digest(),
        hashlib.sha256(tag.encode() + identifier).digest(),
        double,
        plain(tag.replace("v1", dice.choice(("v0", "v2", "V1", "v1 "))), identifier),
        plain(tag, identifier[::-1]),
        plain(identifier.hex(), tag.encode()),
        tagged_hash(dice.choice([each for each in Tag if each is not Tag.POSSESSION]), identifier),
    )
    return work.claim.Y, curve.sign(work.secret, dice.choice(messages))


def other_curve(dice, work, identifier):
    """A valid signature of another scheme, by a key whose bytes pass for one of ours."""
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.asymmetric import ec, ed25519, utils

    message = tagged_hash(Tag.POSSESSION, identifier)
    if dice.random() < 0.4:
        key = ed25519.Ed25519PrivateKey.from_private_bytes(dice.randbytes(32))
        return key.public_key().public_bytes_raw(), key.sign(message)
    name = dice.choice((ec.SECP256R1, ec.SECP256K1, ec.BrainpoolP256R1))()
    key = ec.derive_private_key(int.from_bytes(scalar("curve", dice.random())[1:], "big"), name)
    r, s = utils.decode_dss_signature(key.sign(message, ec.ECDSA(hashes.SHA256())))
    return number(key.public_key().public_numbers().x), number(r) + number(s)


def challenge(r, key, message):
    return int.from_bytes(plain("BIP0340/challenge", r + key + message), "big") % N


def plain(tag, message):
    digest = hashlib.sha256(tag.encode()).digest()
    return hashlib.sha256(digest + digest + message).digest()


WAYS = (
    other_encodings,
    no_point,
    no_point_in_the_signature,
    out_of_range,
    odd_nonce,
    other_message,
    other_curve,
)

THREAT = Threat(
    name="curves",
    title="Keys and signatures of another kind",
    knowledge="the victim's signatures, own keys on this and other curves, and signatures by the victim over other messages",
    budget="microseconds",
    method="other encodings; keys that are no point; R at infinity; numbers beyond the order; odd y; the victim's own signatures under other tags, hashes and versions; ECDSA and Ed25519",
    kind="cheap",
    attempt=attempt,
)
