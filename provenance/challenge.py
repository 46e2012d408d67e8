"""A live proof: "sign this now, for me", and its answer (docs/protocol.md, section 12).

    challenge = {"kind":"challenge","v":1,"claim":hex32,"Y":hex32,"nonce":hex32 or null,"audience":str,
                 "prover":str or null,"random":hex32,"expires":"YYYY-MM-DDTHH:MM:SSZ"}
    id        = TH("seedproof/v1/challenge-id", canonical challenge)
    response  = {"kind":"response","v":1,"challenge":hex32,"signature":hex64}

The signature is a proof for the purpose ``challenge`` under Y. It cannot be shown to somebody else (audience), shown
later (expires), or passed on by a middleman unseen (prover: whoever reads a name that is not his must refuse).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from provenance import proof
from provenance.curve import KEY_SIZE, SIGNATURE_SIZE, public_key
from provenance.display import require_plain_text
from provenance.encoding import Fields, canonical, format_hex, parse_json
from provenance.errors import ChallengeError, EncodingError, ForgedError, InvalidError, UsageError
from provenance.hashing import DIGEST_SIZE, Tag, tagged_hash

__all__ = [
    "NAME_LIMIT",
    "RANDOM_SIZE",
    "Challenge",
    "Response",
    "challenge_id",
    "check_response",
    "format_challenge",
    "format_response",
    "new_challenge",
    "parse_challenge",
    "parse_response",
    "respond",
]

NAME_LIMIT = 200
"""Code points of an audience or a prover: enough for a web address, and still read at one glance."""

RANDOM_SIZE = 32
NONCE_SIZE = 32

_TIME = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}Z", re.ASCII)


@dataclass(frozen=True)
class Challenge:
    """One question to one prover.

    Sizes in bytes: claim 32, Y 32, nonce 32 or None (the claim's derivation nonce), random 32. ``expires`` is a whole
    second in UTC.

    Raises:
        EncodingError, LimitError: a value that the protocol does not allow; so no such challenge ever exists.
    """

    claim: bytes
    Y: bytes
    nonce: bytes | None
    audience: str
    prover: str | None
    random: bytes
    expires: datetime

    def __post_init__(self) -> None:
        _require_size("challenge: claim", self.claim, DIGEST_SIZE)
        _require_size("challenge: Y", self.Y, KEY_SIZE)
        _require_size("challenge: random", self.random, RANDOM_SIZE)
        if self.nonce is not None:
            _require_size("challenge: nonce", self.nonce, NONCE_SIZE)
        require_plain_text(self.audience, "challenge: audience", limit=NAME_LIMIT)
        if self.prover is not None:
            require_plain_text(self.prover, "challenge: prover", limit=NAME_LIMIT)
        if self.expires.utcoffset() != timedelta(0) or self.expires.microsecond:
            raise EncodingError("challenge: expires must be a whole second in UTC")


@dataclass(frozen=True)
class Response:
    """The answer: the id of the challenge (32 bytes) and the signature (64 bytes)."""

    challenge: bytes
    signature: bytes

    def __post_init__(self) -> None:
        _require_size("response: challenge", self.challenge, DIGEST_SIZE)
        _require_size("response: signature", self.signature, SIGNATURE_SIZE)


def parse_challenge(data: bytes) -> Challenge:
    """The challenge in a JSON document, however formatted.

    Raises:
        EncodingError, LimitError: not a challenge.
        UnsupportedVersionError: a newer one.
    """
    with Fields(parse_json(data, "challenge"), "challenge") as f:
        f.version("challenge")
        claim = f.binary("claim", size=DIGEST_SIZE)
        key = f.binary("Y", size=KEY_SIZE)
        nonce = f.binary("nonce", size=NONCE_SIZE) if f.optional("nonce") else None
        audience = f.text("audience", limit=NAME_LIMIT, low=1)
        prover = f.text("prover", limit=NAME_LIMIT, low=1) if f.optional("prover") else None
        random = f.binary("random", size=RANDOM_SIZE)
        expires = _parse_time(f.text("expires", limit=20))
    return Challenge(claim, key, nonce, audience, prover, random, expires)


def format_challenge(challenge: Challenge) -> bytes:
    """The canonical bytes, which are also what is hashed; ``parse_challenge`` reads them back to an equal value."""
    return canonical(
        {
            "kind": "challenge",
            "v": 1,
            "claim": format_hex(challenge.claim),
            "Y": format_hex(challenge.Y),
            "nonce": None if challenge.nonce is None else format_hex(challenge.nonce),
            "audience": challenge.audience,
            "prover": challenge.prover,
            "random": format_hex(challenge.random),
            "expires": _format_time(challenge.expires),
        }
    )


def challenge_id(challenge: Challenge) -> bytes:
    """32 bytes that stand for every field of the challenge."""
    return tagged_hash(Tag.CHALLENGE_ID, format_challenge(challenge))


def parse_response(data: bytes) -> Response:
    """The response in a JSON document, however formatted.

    Raises:
        EncodingError, LimitError: not a response.
        UnsupportedVersionError: a newer one.
    """
    with Fields(parse_json(data, "response"), "response") as f:
        f.version("response")
        challenge = f.binary("challenge", size=DIGEST_SIZE)
        signature = f.binary("signature", size=SIGNATURE_SIZE)
    return Response(challenge, signature)


def format_response(response: Response) -> bytes:
    """The canonical bytes; ``parse_response`` reads them back to an equal value."""
    return canonical(
        {
            "kind": "response",
            "v": 1,
            "challenge": format_hex(response.challenge),
            "signature": format_hex(response.signature),
        }
    )


def new_challenge(
    claim_id: bytes, Y: bytes, nonce: bytes | None, audience: str, prover: str | None, expires: datetime, random: bytes
) -> Challenge:
    """A challenge to whoever made the picture of ``claim_id``; ``random`` is 32 fresh random bytes.

    ``expires`` is any aware datetime; fractions of a second are cut off.

    Raises:
        UsageError: a name or a time that cannot stand in a challenge.
    """
    if expires.tzinfo is None:
        raise UsageError("challenge: the expiry needs a time zone")
    try:
        return Challenge(claim_id, Y, nonce, audience, prover, random, expires.astimezone(UTC).replace(microsecond=0))
    except InvalidError as error:
        raise UsageError(str(error)) from error


def respond(challenge: Challenge, secret: bytes, now: datetime) -> Response:
    """Prove to the challenge's audience, for this once, that we hold the secret of the work (32 bytes).

    Show ``audience`` and ``prover`` to the holder and ask first: whoever reads a name that is not his is being relayed.

    Raises:
        ChallengeError: it has expired.
        UsageError: the secret is another work's, so this master did not make the picture in question.
    """
    _require_unexpired(challenge, now)
    if public_key(secret) != challenge.Y:
        raise UsageError("this master did not make this work: the secret derived from it has another public key")
    identifier = challenge_id(challenge)
    return Response(identifier, proof.prove(Tag.CHALLENGE, secret, identifier))


def check_response(
    challenge: Challenge,
    response: Response,
    now: datetime,
    *,
    audience: str | None = None,
    claim_id: bytes | None = None,
) -> None:
    """Return if the response answers this challenge in time. Pass your own name and the claim that you asked about.

    The caller must have made the challenge himself and must not accept a second response to it.

    Raises:
        ChallengeError: made for another audience, about another picture, an answer to another challenge, expired, or
            not signed by the secret behind Y.
        DisagreementError: as :func:`provenance.proof.check`.
    """
    if audience is not None and challenge.audience != audience:
        raise ChallengeError(f"challenge: made for the audience {challenge.audience!r}, not for {audience!r}")
    if claim_id is not None and challenge.claim != claim_id:
        raise ChallengeError(f"challenge: about another picture, claim {format_hex(challenge.claim)}")
    identifier = challenge_id(challenge)
    if response.challenge != identifier:
        raise ChallengeError("response: answers another challenge")
    _require_unexpired(challenge, now)
    try:
        proof.check(Tag.CHALLENGE, challenge.Y, identifier, response.signature, "response")
    except ForgedError as error:
        raise ChallengeError(f"{error}; whoever answered does not hold the secret of this work") from error


def _require_unexpired(challenge: Challenge, now: datetime) -> None:
    if now.tzinfo is None:
        raise ValueError("the time must be aware of its zone")
    if now >= challenge.expires:
        raise ChallengeError(f"challenge: expired at {_format_time(challenge.expires)}; ask for a new one")


def _require_size(what: str, value: bytes, size: int) -> None:
    if len(value) != size:
        raise EncodingError(f"{what} must have {size} bytes, it has {len(value)}")


def _format_time(time: datetime) -> str:
    return f"{time.year:04}-{time.month:02}-{time.day:02}T{time.hour:02}:{time.minute:02}:{time.second:02}Z"


def _parse_time(text: str) -> datetime:
    if not _TIME.fullmatch(text):  # strptime alone would take single digits
        raise EncodingError('challenge: expires must look like "2026-01-31T23:59:59Z"')
    try:
        return datetime.strptime(text, "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC)
    except ValueError as error:
        raise EncodingError("challenge: expires is no day of the calendar or no time of the day") from error
