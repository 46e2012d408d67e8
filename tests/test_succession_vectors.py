"""Vectors of successions: written again they are the same, and a second reader, made from docs/protocol.md, agrees."""

import base64
import hashlib
import json
from pathlib import Path

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from provenance.errors import InvalidError
from provenance.notekey import VerifierKey
from provenance.succession import follow, parse_successions
from tools.make_succession_vectors import vectors

FILE = json.loads((Path(__file__).parent / "vectors" / "successions-v1.json").read_text("utf-8"))


class RefusedError(Exception):
    pass


def read(note):
    """The text of a note with its lines, and keyid -> signature of those under each name."""
    text, gap, tail = note.rpartition("\n\n")
    if not gap or not tail.endswith("\n"):
        raise RefusedError
    signatures = {}
    for line in tail[:-1].split("\n"):
        _, name, blob = line.split(" ")
        data = base64.b64decode(blob, validate=True)
        signatures[name, data[:4].hex()] = data[4:]
    return text + "\n", signatures


def signed_by(key, text, signatures):
    name, keyid, material = key.split("+", 2)
    if (name, keyid) not in signatures:
        return False
    try:
        public = Ed25519PublicKey.from_public_bytes(base64.b64decode(material)[1:])
        public.verify(signatures[name, keyid], text.encode())
    except InvalidSignature as error:
        raise RefusedError from error
    return True


def followed(document, known):
    """By the words of docs/protocol.md, section 17, for keys of type 01 alone."""
    keys, before, origins = list(known), -1, set()
    for note in json.loads(document)["notes"]:
        text, signatures = read(note)
        lines = text.split("\n")[:-1]
        if len(lines) < 5:
            raise RefusedError
        rest = "".join(f"{line}\n" for line in lines[3:])
        digest = base64.b64encode(hashlib.sha256(rest.encode()).digest()).decode()
        present = [line[4:] for line in lines[4:] if line.startswith("key ")]
        origins.add(lines[3])
        if lines[0] != "seedproof/v1/keys" or lines[2] != digest or not present or int(lines[1]) < before:
            raise RefusedError
        before = int(lines[1])
        if origins != {keys[0].partition("+")[0]}:
            raise RefusedError
        if signed_by(keys[0], text, signatures):
            keys = present
    return keys


def test_the_file_is_what_the_tool_writes():
    assert vectors() == FILE


@pytest.mark.parametrize("case", FILE["followed"], ids=lambda case: case["name"])
def test_who_follows(case):
    known = [VerifierKey.parse(key) for key in case["known"]]
    found = follow(known, parse_successions(case["document"].encode()))
    assert [key.format() for key in found] == case["keys"] == followed(case["document"], case["known"])


@pytest.mark.parametrize("case", FILE["refused"], ids=lambda case: case["name"])
def test_what_is_refused(case):
    known = [VerifierKey.parse(key) for key in case["known"]]
    with pytest.raises(InvalidError):
        follow(known, parse_successions(case["document"].encode()))
    with pytest.raises((RefusedError, ValueError)):
        followed(case["document"], case["known"])
