"""Successions: a log's keys say which keys sign from now on, so that a change of keys breaks nobody's trust.

A succession is a signed note (:mod:`provenance.note`) whose text has these lines, sixteen keys at most::

    seedproof/v1/keys
    size                       leaves of the log when its keys changed: decimal without sign or leading zeros
    digest                     base64 of SHA-256 over the lines below, each with its newline
    origin                     name of the log, and of every key
    key vkey                   signs from now on, newest first; one at least, the first of type 01
    retired vkey               signed before and does not any more, newest first; may be missing

It is signed by the keys that signed checkpoints before the change. The first three lines have the form of a checkpoint,
since a key of type 06 signs nothing else; no checkpoint of the log can have them, whose first line is its origin.

Whoever knows keys of the log follows its successions in their order (:func:`follow`): one counts only if the newest key
of a kind that he knows has signed it. So a key that was stolen after its successor became known gives nothing to the
thief; one that was stolen before can name any successor, which no note can help.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

from provenance.encoding import Fields, canonical, parse_json
from provenance.errors import EncodingError, ForgedError, LimitError
from provenance.notation import check_name, format_base64, parse_base64, parse_size
from provenance.note import MAX_NOTE_BYTES, check_signatures, sign_note, split_note
from provenance.notekey import KeyType, NoteSigner, VerifierKey

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = [
    "MAX_SUCCESSIONS",
    "MAX_SUCCESSIONS_BYTES",
    "MAX_SUCCESSION_KEYS",
    "Succession",
    "follow",
    "format_successions",
    "leading_keys",
    "parse_succession",
    "parse_successions",
    "sign_succession",
]

MAX_SUCCESSION_KEYS = 16
"""Present and retired keys together, as many as a log's key file holds."""

MAX_SUCCESSIONS = 32
"""The newest ones that a log shows; who slept through more must learn its keys by another way."""

MAX_SUCCESSIONS_BYTES = 2**20
"""Of all of them together; one with two keys of each kind has some 15 KB."""

_HEADER = "seedproof/v1/keys"
_OF_LOGS = (KeyType.ED25519, KeyType.MLDSA44)
_FIXED_LINES = 4


@dataclass(frozen=True)
class Succession:
    """What one note says, unauthenticated: from ``size`` leaves on ``keys`` sign for ``origin``, ``retired`` do not."""

    origin: str
    size: int
    keys: tuple[VerifierKey, ...]
    retired: tuple[VerifierKey, ...]
    note: bytes


def sign_succession(
    size: int, keys: Sequence[VerifierKey], retired: Sequence[VerifierKey], signers: Sequence[NoteSigner]
) -> bytes:
    """The note that ``signers``, who signed until now, leave behind: from now on ``keys`` sign, newest first.

    Raises:
        EncodingError, LimitError: what no reader would accept.
    """
    origin = keys[0].name if keys else ""
    lines = [origin, *(f"key {key.format()}" for key in keys), *(f"retired {key.format()}" for key in retired)]
    rest = "".join(f"{line}\n" for line in lines)
    note = sign_note(f"{_HEADER}\n{size}\n{_digest(rest)}\n{rest}", signers)
    parse_succession(note)
    return note


def parse_succession(note: bytes) -> Succession:
    """What a succession says, unauthenticated.

    Raises:
        EncodingError, LimitError: not one in the grammar above.
    """
    text, _ = split_note(note)
    header, _, below = text.partition("\n")
    if header != _HEADER:
        raise EncodingError(f"succession: must begin with {_HEADER}")
    lines = text.split("\n")[:-1]
    if len(lines) <= _FIXED_LINES:
        raise EncodingError("succession: must have a size, a digest, an origin, and a line for each key")
    size = parse_size(lines[1], "succession: size")
    parse_base64(lines[2], "succession: digest", size=hashlib.sha256().digest_size)
    if lines[2] != _digest(below.split("\n", 2)[2]):
        raise ForgedError("succession: its digest is not that of its keys")
    origin = lines[3]
    check_name(origin, "succession: origin")
    keys, retired = _parse_keys(lines[_FIXED_LINES:], origin)
    return Succession(origin, size, keys, retired, note)


def leading_keys(keys: Sequence[VerifierKey]) -> tuple[VerifierKey, ...]:
    """Of keys in their order, newest first, the first one of each kind: those that may name successors."""
    found: dict[KeyType, VerifierKey] = {}
    for key in keys:
        found.setdefault(key.kind, key)
    return tuple(found.values())


def follow(known: Sequence[VerifierKey], chain: Sequence[Succession]) -> tuple[VerifierKey, ...]:
    """The keys of the log whose keys were ``known`` (newest first), after those successions that lead on from them.

    One that none of the newest known keys has signed is passed over: it may be older than what is known, or nobody's.

    Raises:
        ForgedError: one is another log's, or bears the name of a known key and not its signature.
    """
    keys = tuple(known)
    for succession in chain:
        if succession.origin != keys[0].name:
            raise ForgedError(f"succession: of the log {succession.origin[:100]}, not of {keys[0].name}")
        text, signatures = split_note(succession.note)
        if check_signatures(text, signatures, leading_keys(keys)):
            keys = parse_succession(succession.note).keys  # never trust the fields beside the bytes that were signed
    return keys


def format_successions(notes: Sequence[bytes]) -> bytes:
    """The document with a log's newest successions, oldest first; earlier ones than find room are left out."""
    room, kept = MAX_SUCCESSIONS_BYTES - 1_024, list[bytes]()
    for note in reversed(notes[-MAX_SUCCESSIONS:]):
        room -= len(canonical(note.decode()))
        if room < 0:
            break
        kept.insert(0, note)
    return canonical({"kind": "successions", "v": 1, "notes": [note.decode() for note in kept]})


def parse_successions(data: bytes) -> tuple[Succession, ...]:
    """The successions in a document of any formatting, oldest first, all of one log; nothing is authenticated.

    Raises:
        EncodingError, LimitError: it is none, or they are not in order. UnsupportedVersionError: another version.
    """
    value = parse_json(data, "successions", limit=MAX_SUCCESSIONS_BYTES)
    with Fields(value, "successions") as fields:
        fields.version("successions")
        chain = fields.array("notes", _item, limit=MAX_SUCCESSIONS)
    if len({item.origin for item in chain}) > 1:
        raise EncodingError("successions: of several logs")
    if any(later.size < earlier.size for earlier, later in pairwise(chain)):
        raise EncodingError("successions: not in the order in which the keys changed")
    return chain


def _item(value: object, where: str) -> Succession:
    if not isinstance(value, str) or len(value) > MAX_NOTE_BYTES:
        raise EncodingError(f"{where}: must be a note of at most {MAX_NOTE_BYTES} bytes")
    return parse_succession(value.encode())


def _parse_keys(lines: Sequence[str], origin: str) -> tuple[tuple[VerifierKey, ...], tuple[VerifierKey, ...]]:
    if len(lines) > MAX_SUCCESSION_KEYS:
        raise LimitError(f"succession: more than {MAX_SUCCESSION_KEYS} keys")
    present, retired = list[VerifierKey](), list[VerifierKey]()
    for line in lines:
        word, _, text = line.partition(" ")
        if word not in ("key", "retired") or (word == "key" and retired):
            raise EncodingError("succession: each line below the origin must be a key; the retired ones come last")
        (present if word == "key" else retired).append(VerifierKey.parse(text))
    every = [*present, *retired]
    if any(key.name != origin or key.kind not in _OF_LOGS for key in every) or len(set(every)) != len(every):
        raise EncodingError("succession: its keys must be the log's, of types 01 and 06, each once")
    if not present or present[0].kind is not KeyType.ED25519:
        raise EncodingError("succession: must name a key that signs, first one of type 01")
    return tuple(present), tuple(retired)


def _digest(lines: str) -> str:
    return format_base64(hashlib.sha256(lines.encode()).digest())
