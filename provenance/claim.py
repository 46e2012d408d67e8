"""The statement that is signed and logged, its id, and the log entry that carries it with its proofs.

A claim says: whoever knows P with Y = P*G made these pixels, from the noise of seed H(Y, index), by this recipe. The
claim is identified by the tagged hash of its canonical bytes; signatures are evidence beside it and identify nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from provenance import proof
from provenance.encoding import Fields, Json, canonical, decimal_string, parse_canonical, parse_decimal, parse_hex
from provenance.errors import EncodingError, ForgedError
from provenance.hashing import Tag, tagged_hash

__all__ = [
    "MAX_ENTRY_BYTES",
    "Claim",
    "Entry",
    "LatentRef",
    "Output",
    "Terms",
    "check_entry",
    "claim_id",
    "format_claim",
    "format_entry",
    "latent_from_json",
    "latent_to_json",
    "parse_claim",
    "parse_entry",
]

MAX_ENTRY_BYTES = 65_535
"""A log entry's length must fit into the u16 of an entry bundle (C2SP tlog-tiles)."""

MAX_AUTHORS = 16
MAX_PARENTS = 64
MAX_CHANNELS = 64
MAX_SIDE = 1024
MAX_VALUES = 2**22
"""Bounds of a latent: 64 channels, 1,024 by 1,024, four million values; SDXL at 1024 px has 65,536."""

MIN_VALUES = 16
"""Fewest values of a latent; no picture has so few, and an angle needs two."""

SMALLEST_STEP, LARGEST_STEP = Decimal("0.000001"), Decimal(1_000_000)
"""Range of quantisation steps; latents are of order one."""

_BEFORE_BODY, _AFTER_BODY = b'{"body":', b',"kind":"claim","proofs":{'
"""What stands around the claim in a canonical entry; after it only hexadecimal digits can follow."""

TERMS = ("allowed", "notAllowed", "constrained")


@dataclass(frozen=True)
class Terms:
    """What the author allows: ``training`` and ``derivation`` are allowed, notAllowed or constrained."""

    training: str = "notAllowed"
    derivation: str = "constrained"
    notice: str = ""


@dataclass(frozen=True)
class Output:
    """One thing that was made, by digest. Version 1 knows the kind ``pixels``."""

    kind: str
    digest: bytes


@dataclass(frozen=True)
class LatentRef:
    """The stored latent: digest of its integers, shape (C, H, W), and one quantisation step per channel."""

    digest: bytes
    shape: tuple[int, int, int]
    steps: tuple[Decimal, ...]


@dataclass(frozen=True)
class Claim:
    """See docs/protocol.md, section 8. ``nonce`` is None for keys that were not derived from a master."""

    Y: bytes
    index: int
    nonce: bytes | None
    authors: tuple[bytes, ...]
    recipe: bytes
    outputs: tuple[Output, ...]
    latent: LatentRef
    parents: tuple[bytes, ...]
    terms: Terms

    @property
    def pixels(self) -> bytes:
        """Digest of the one picture that version 1 claims."""
        return self.outputs[0].digest


@dataclass(frozen=True)
class Entry:
    """A claim with its proofs: 64-byte BIP-340 signatures of possession and of each author, in the claim's order."""

    claim: Claim
    possession: bytes
    authors: tuple[bytes, ...]


def entry_claim_id(data: bytes) -> bytes:
    """The claim id from the bytes of an entry that :func:`parse_entry` accepts: its body lies there as it is hashed."""
    return tagged_hash(Tag.CLAIM, data[len(_BEFORE_BODY) : data.rindex(_AFTER_BODY)])


def claim_id(claim: Claim) -> bytes:
    """tagged_hash("seedproof/v1/claim", canonical bytes), 32 bytes."""
    return tagged_hash(Tag.CLAIM, format_claim(claim))


def format_claim(claim: Claim) -> bytes:
    """Canonical bytes of a claim."""
    return canonical(_claim_json(claim))


def parse_claim(data: bytes) -> Claim:
    """The claim whose canonical bytes these are.

    Raises:
        EncodingError, LimitError: not a canonical claim. UnsupportedVersionError: another version.
    """
    return _read_claim(parse_canonical(data, "claim", limit=MAX_ENTRY_BYTES))


def format_entry(entry: Entry) -> bytes:
    """Canonical bytes of a log entry: the leaf.

    Raises:
        EncodingError: longer than a log can store.
    """
    data = canonical(
        {
            "kind": "claim",
            "v": 1,
            "body": _claim_json(entry.claim),
            "proofs": {"possession": entry.possession.hex(), "authors": [s.hex() for s in entry.authors]},
        }
    )
    if len(data) > MAX_ENTRY_BYTES:
        raise EncodingError(f"log entry: {len(data)} bytes do not fit into {MAX_ENTRY_BYTES}; shorten the notice")
    return data


def parse_entry(data: bytes) -> Entry:
    """The entry whose canonical bytes these are; its proofs are not checked here.

    Raises:
        EncodingError, LimitError: not a canonical entry. UnsupportedVersionError: another version.
    """
    return read_entry(parse_canonical(data, "log entry", limit=MAX_ENTRY_BYTES))


def read_entry(value: Json) -> Entry:
    """As :func:`parse_entry`, of a value that was parsed canonically already."""
    with Fields(value, "log entry") as fields:
        fields.version("claim")
        claim = _read_claim(fields.take("body"))
        with fields.object("proofs") as proofs:
            possession = proofs.binary("possession", size=64)
            authors = proofs.array("authors", _signature, limit=MAX_AUTHORS)
    if len(authors) != len(claim.authors):
        raise EncodingError(f"log entry: {len(claim.authors)} authors but {len(authors)} author signatures")
    return Entry(claim, possession, authors)


def check_entry(entry: Entry, *, second_opinion: bool, identifier: bytes | None = None) -> None:
    """Check possession and every author's signature. ``identifier`` is the claim's id, where the caller has it already.

    Raises:
        ForgedError: one does not hold; the message says which. DisagreementError: see provenance.proof.
    """
    identifier = claim_id(entry.claim) if identifier is None else identifier
    proof.check(
        Tag.POSSESSION,
        entry.claim.Y,
        identifier,
        entry.possession,
        "proof of possession",
        second_opinion=second_opinion,
    )
    if len(entry.authors) != len(entry.claim.authors):
        raise ForgedError("author signatures: not one for each author of the claim")
    for position, (key, signature) in enumerate(zip(entry.claim.authors, entry.authors, strict=True)):
        what = f"signature of author {position + 1}"
        proof.check(Tag.AUTHOR, key, identifier, signature, what, second_opinion=second_opinion)


def _claim_json(claim: Claim) -> dict[str, Json]:
    return {
        "kind": "claim",
        "v": 1,
        "Y": claim.Y.hex(),
        "index": claim.index,
        "derivation": None if claim.nonce is None else {"nonce": claim.nonce.hex()},
        "authors": [{"scheme": "bip340", "key": key.hex()} for key in claim.authors],
        "recipe": claim.recipe.hex(),
        "outputs": [{"kind": output.kind, "digest": output.digest.hex()} for output in claim.outputs],
        "latent": latent_to_json(claim.latent),
        "parents": [parent.hex() for parent in claim.parents],
        "terms": {
            "training": claim.terms.training,
            "derivation": claim.terms.derivation,
            "notice": claim.terms.notice,
        },
    }


def _read_claim(value: object) -> Claim:
    with Fields(value, "claim") as fields:
        fields.version("claim")
        Y = fields.binary("Y", size=32)
        index = fields.integer("index", high=2**32 - 1)
        nonce = None
        if fields.optional("derivation"):
            with fields.object("derivation") as derivation:
                nonce = derivation.binary("nonce", size=32)
        claim = Claim(
            Y=Y,
            index=index,
            nonce=nonce,
            authors=fields.array("authors", _author, limit=MAX_AUTHORS),
            recipe=fields.binary("recipe", size=32),
            outputs=fields.array("outputs", _output, limit=1, low=1),
            latent=latent_from_json(fields.object("latent")),
            parents=fields.array("parents", digest_item, limit=MAX_PARENTS),
            terms=_read_terms(fields.object("terms")),
        )
    if len(set(claim.authors)) != len(claim.authors):
        raise EncodingError("claim: an author stands twice")
    return claim


def _read_terms(fields: Fields) -> Terms:
    with fields:
        return Terms(
            training=fields.choice("training", TERMS),
            derivation=fields.choice("derivation", TERMS),
            notice=fields.text("notice", limit=1000),
        )


def latent_to_json(latent: LatentRef) -> dict[str, Json]:
    """A reference to a stored latent as it stands in claims, and in recipes that start from one."""
    return {
        "digest": latent.digest.hex(),
        "shape": list(latent.shape),
        "steps": [decimal_string(step) for step in latent.steps],
    }


def latent_from_json(fields: Fields) -> LatentRef:
    """Inverse of :func:`latent_to_json`.

    Raises:
        EncodingError, LimitError: it is none, or beyond the bounds of a latent.
    """
    with fields:
        digest = fields.binary("digest", size=32)
        shape = read_shape(fields)
        return LatentRef(digest, shape, read_steps(fields, shape[0]))


def read_shape(fields: Fields) -> tuple[int, int, int]:
    """The field ``shape`` [C, H, W] within the bounds of a latent (also used by recipes)."""
    numbers = fields.array("shape", _size_item, limit=3, low=3)
    channels, height, width = numbers
    if channels * height * width < MIN_VALUES:
        raise EncodingError(f"{fields.what}: a latent of {channels * height * width} values cannot carry a link")
    if channels > MAX_CHANNELS or max(height, width) > MAX_SIDE or channels * height * width > MAX_VALUES:
        raise EncodingError(f"{fields.what}: shape {list(numbers)} is beyond {MAX_CHANNELS} x {MAX_SIDE} x {MAX_SIDE}")
    return channels, height, width


def read_steps(fields: Fields, channels: int) -> tuple[Decimal, ...]:
    """The field ``steps``: one positive decimal per channel (also used by recipes)."""
    steps = fields.array("steps", parse_decimal, limit=MAX_CHANNELS, low=1)
    if len(steps) != channels:
        raise EncodingError(f"{fields.what}: {len(steps)} steps for {channels} channels")
    if not all(SMALLEST_STEP <= step <= LARGEST_STEP for step in steps):
        raise EncodingError(f"{fields.what}: a step must lie between {SMALLEST_STEP} and {LARGEST_STEP}")
    return steps


def digest_item(value: object, where: str) -> bytes:
    """One 32-byte digest in an array."""
    return parse_hex(value, where, size=32)


def _signature(value: object, where: str) -> bytes:
    return parse_hex(value, where, size=64)


def _size_item(value: object, where: str) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or not 1 <= value <= MAX_SIDE:
        raise EncodingError(f"{where}: must be an integer from 1 to {MAX_SIDE}")
    return value


def _author(value: object, where: str) -> bytes:
    with Fields(value, where) as fields:
        fields.choice("scheme", ("bip340",))
        return fields.binary("key", size=32)


def _output(value: object, where: str) -> Output:
    with Fields(value, where) as fields:
        return Output(fields.choice("kind", ("pixels",)), fields.binary("digest", size=32))
