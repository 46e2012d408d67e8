"""Write tests/vectors/successions-v1.json: how a log's keys change, who follows whom, and what must be refused.

python tools/make_succession_vectors.py tests/vectors/successions-v1.json

Keys are of type 01 with the secrets 32 times 1, 2, 3, ..., so that everything is the same each time.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from provenance.note import sign_note
from provenance.notekey import NoteSigner
from provenance.succession import follow, parse_successions, sign_succession

ORIGIN = "log.example.org/2026"


def signer(number: int, name: str = ORIGIN) -> NoteSigner:
    """The key with this number."""
    return NoteSigner(name, Ed25519PrivateKey.from_private_bytes(bytes([number]) * 32))


def key(number: int, name: str = ORIGIN) -> str:
    """Its verifier key."""
    return signer(number, name).verifier_key.format()


def succession(size: int, keys: list[int], retired: list[int], signers: list[int], name: str = ORIGIN) -> str:
    """One note: from ``size`` leaves on ``keys`` sign and ``retired`` do not, say ``signers``."""
    present, past = ([signer(one, name).verifier_key for one in numbers] for numbers in (keys, retired))
    return sign_succession(size, present, past, [signer(one, name) for one in signers]).decode()


ADDED = succession(1_000, [2, 1], [], [1])
RETIRED = succession(1_200, [2], [1], [2, 1])
AGAIN = succession(5_000, [3, 2], [1], [2])
LAST = succession(5_100, [3], [2, 1], [3, 2])
STOLEN = succession(1_100, [9], [], [1])

CHAINS = {
    "one change": [ADDED, RETIRED],
    "two changes": [ADDED, RETIRED, AGAIN, LAST],
    "the second change alone": [AGAIN, LAST],
    "an old key that was stolen, after its successor": [ADDED, STOLEN],
    "an old key that was stolen, instead of its successor": [STOLEN],
    "a stranger": [succession(1_000, [8], [], [8])],
    "none": [],
}


def document(notes: list[str]) -> str:
    """What a log serves."""
    return json.dumps({"kind": "successions", "v": 1, "notes": notes})


def vectors() -> dict[str, object]:
    """The content of the file."""
    followed = []
    for name, notes in CHAINS.items():
        for known in ([1], [2, 1], [2], [3]):
            keys = follow([signer(one).verifier_key for one in known], parse_successions(document(notes).encode()))
            followed.append(
                {
                    "name": name,
                    "document": document(notes),
                    "known": [key(one) for one in known],
                    "keys": [found.format() for found in keys],
                }
            )
    moved = ADDED.replace("\n1000\n", "\n1001\n", 1)
    foreign = succession(1_000, [2, 1], [], [1], "other.example.org/1")
    lines = ADDED.split("\n")
    bad = {
        "cut": [ADDED[:-9]],
        "another size": [moved],
        "another digest": ["\n".join([*lines[:2], lines[2].swapcase(), *lines[3:]])],
        "another log's": [foreign],
        "two logs": [ADDED, foreign],
        "not in order": [AGAIN, RETIRED],
        "no key": [sign_note("\n".join([*lines[:4], ""]), signer(1)).decode()],
        "a checkpoint": [sign_note(f"{ORIGIN}\n1\n{lines[2]}\n", signer(1)).decode()],
    }
    refused = [{"name": name, "document": document(notes), "known": [key(1)]} for name, notes in bad.items()]
    return {"followed": followed, "refused": refused}


if __name__ == "__main__":
    text = json.dumps(vectors(), indent=1, ensure_ascii=False)
    Path(sys.argv[1]).write_text(f"{text}\n", encoding="utf-8")
