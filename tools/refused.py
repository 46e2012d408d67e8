"""Inputs that a reader must refuse, each one edit away from a valid object; a part of the test vectors.

``family`` is what it must be refused as: ``invalid``, or ``unsupported`` for a version that the reader does not know.
"""

from __future__ import annotations

import json
from functools import reduce
from typing import Any

import rfc8785

__all__ = ["make_refused"]

_HEX = "ab" * 32
_STRICT = ("claim", "recipe", "entry", "receipt")
_ALL = (*_STRICT, "challenge", "response", "opening")

# object, what is wrong, path of the edited value, new value
_EDITS: tuple[tuple[str, str, tuple[str | int, ...], Any], ...] = (
    ("claim", "uppercase hex", ("Y",), _HEX.upper()),
    ("claim", "hex of 31 bytes", ("Y",), "ab" * 31),
    ("claim", "hex with a prefix", ("recipe",), "0x" + "ab" * 31),
    ("claim", "a number for hex", ("Y",), 1),
    ("claim", "an index of 33 bits", ("index",), 2**32),
    ("claim", "an index below 0", ("index",), -1),
    ("claim", "true for an index", ("index",), True),
    ("claim", "a nonce of 16 bytes", ("derivation", "nonce"), "ab" * 16),
    ("claim", "an unknown field further down", ("derivation", "counter"), 0),
    ("claim", "no derivation object", ("derivation",), _HEX),
    ("claim", "another signature scheme", ("authors", 0, "scheme"), "ed25519"),
    ("claim", "17 authors", ("authors",), [{"scheme": "bip340", "key": f"{i:064x}"} for i in range(17)]),
    ("claim", "no output", ("outputs",), []),
    ("claim", "two outputs", ("outputs",), [{"kind": "pixels", "digest": _HEX}] * 2),
    ("claim", "another kind of output", ("outputs", 0, "kind"), "video"),
    ("claim", "a shape of two numbers", ("latent", "shape"), [8, 16]),
    ("claim", "65 channels", ("latent", "shape", 0), 65),
    ("claim", "a side of 0", ("latent", "shape", 1), 0),
    ("claim", "a side of 1,025", ("latent", "shape", 2), 1025),
    ("claim", "a step too few", ("latent", "steps"), ["0.5"] * 7),
    ("claim", "a step that is a number", ("latent", "steps", 0), 1),
    ("claim", "a step of zero", ("latent", "steps", 0), "0"),
    ("claim", "a step below zero", ("latent", "steps", 0), "-0.5"),
    ("claim", "65 parents", ("parents",), [f"{i:064x}" for i in range(65)]),
    ("claim", "another word in the terms", ("terms", "training"), "yes"),
    ("claim", "a notice of 1,001 characters", ("terms", "notice"), "n" * 1001),
    ("recipe", "decimal 2.0", ("guidance",), "2.0"),
    ("recipe", "decimal +2", ("guidance",), "+2"),
    ("recipe", "decimal 02", ("guidance",), "02"),
    ("recipe", "decimal 2e0", ("guidance",), "2e0"),
    ("recipe", "decimal .5", ("guidance",), ".5"),
    ("recipe", "decimal 2.", ("guidance",), "2."),
    ("recipe", "decimal -0", ("guidance",), "-0"),
    ("recipe", "decimal with a space", ("guidance",), " 2"),
    ("recipe", "decimal in Arabic digits", ("guidance",), "\u0662"),
    ("recipe", "decimal of 41 digits", ("guidance",), "1" * 41),
    ("recipe", "decimal of 41 places", ("guidance",), "0." + "1" * 41),
    ("recipe", "NaN", ("guidance",), "NaN"),
    ("recipe", "stream 1", ("noise", "stream"), 1),
    ("recipe", "a batch of two", ("batch",), 2),
    ("recipe", "another dtype", ("dtype",), "float8"),
    ("recipe", "another truncation", ("truncation", "rule"), "keep-last"),
    ("recipe", "a prompt both open and sealed", ("prompt", "sealed"), _HEX),
    ("recipe", "a prompt without a negative", ("prompt",), {"text": "x"}),
    ("recipe", "a model without components", ("model", "components"), []),
    ("recipe", "a reversed name", ("model", "name"), "model\u202elanif"),
    ("recipe", "a configuration that is no object", ("scheduler", "config"), []),
    ("recipe", "nested beyond 16", ("scheduler", "config", "a"), reduce(lambda x, _: [x], range(14), [])),
    ("entry", "a claim as text", ("body",), "{}"),
    ("entry", "an author's signature too few", ("proofs", "authors"), []),
    ("entry", "a possession proof of 63 bytes", ("proofs", "possession"), "ab" * 63),
    ("receipt", "a timestamp in uppercase hex", ("timestamps",), ["AB"]),
    ("receipt", "nine timestamps", ("timestamps",), ["ab"] * 9),
    ("receipt", "an empty proof", ("proof",), ""),
    ("challenge", "a day that is none", ("expires",), "2030-02-30T00:00:00Z"),
    ("challenge", "a time zone", ("expires",), "2030-01-01T00:00:00+00:00"),
    ("challenge", "an audience on two lines", ("audience",), "museum\nexample"),
    ("challenge", "an empty audience", ("audience",), ""),
    ("response", "a signature of 65 bytes", ("signature",), "ab" * 65),
    ("opening", "a salt of 16 bytes", ("salt",), "ab" * 16),
    ("opening", "a text of 10,001 characters", ("text",), "x" * 10_001),
)
# object, what is wrong, old text, new text: places where the value would otherwise be welcome
_RETYPED = (
    ("claim", "a lone surrogate", '"notice":""', '"notice":"\\ud800"'),
    ("opening", "a lone surrogate", '"text":"', '"text":"\\udfff'),
    ("recipe", "a lone surrogate in a key", '"trailing"', '"\\ud83d"'),
    ("recipe", "an integer of 2^53", "[1,2,3]", "[9007199254740992]"),
    ("recipe", "an integer of 100 digits", "[1,2,3]", f"[{'1' * 100}]"),
    ("recipe", "a float", "[1,2,3]", "[1.5]"),
    ("recipe", "a float without a fraction", "[1,2,3]", "[1.0]"),
    ("recipe", "minus zero", "[1,2,3]", "[-0]"),
    ("recipe", "NaN without quotes", "[1,2,3]", "[NaN]"),
    ("recipe", "Infinity", "[1,2,3]", "[-Infinity]"),
    ("recipe", "a key twice further down", '"trailing":true', '"trailing":true,"trailing":true'),
    ("recipe", "keys unsorted further down", '"trailing":true', '"trailing":true,"a":true'),
    ("challenge", "a key twice further down", '"prover":', '"audience":"museum.example","prover":'),
    ("opening", "a raw control character", '"text":"', '"text":"\u0001'),
)
_NEWER = (
    *((kind, ("v",)) for kind in _ALL),
    ("entry", ("body", "v")),
    *(("recipe", (part, "v")) for part in ("algorithm", "noise", "latent", "pixels")),
)
_RECEIPT_EDITS = (
    ("an index with a leading zero", "index 0\n", "index 00\n"),
    ("an index with a sign", "index 0\n", "index +0\n"),
    ("an extra line", "index 0\n", "extra AAAA\nindex 0\n"),
    ("another proof format", "tlog-proof@v1", "tlog-proof@v2"),
    ("base64 that is not canonical", "=\n", "\n"),
    ("a checkpoint with an extension line", "=\n\n\u2014", "=\nextension\n\n\u2014"),
    ("a tree size with a leading zero", "\n5\n", "\n05\n"),
)


def make_refused(works: list[dict[str, Any]]) -> list[dict[str, str]]:
    """All of them, from the vectors' works: the first one, and the sealed one for the opening."""
    valid = {kind: works[1 if kind == "opening" else 0][kind] for kind in _ALL}
    found: list[dict[str, str]] = []

    def refuse(kind: str, why: str, text: str, family: str = "invalid") -> None:
        if text == valid[kind]:
            raise ValueError(f"{kind}: {why!r} changes nothing")
        found.append({"object": kind, "why": why, "text": text, "family": family})

    for kind in _STRICT:
        refuse(kind, "white space", valid[kind].replace(",", ", ", 1))
        refuse(kind, "a newline at the end", valid[kind] + "\n")
        refuse(kind, "keys in another order", json.dumps(dict(reversed(json.loads(valid[kind]).items()))))
        refuse(kind, "a letter written as an escape", valid[kind].replace('"kind"', '"\\u006bind"'))
    for kind in _ALL:
        refuse(kind, "a byte order mark", "\ufeff" + valid[kind])
        refuse(kind, "cut off", valid[kind][:-1])
        refuse(kind, "something behind it", valid[kind] + "{}")
        refuse(kind, "a key twice", valid[kind][:-1] + ',"v":1}')
        refuse(kind, "a version as float", valid[kind].replace('"v":1}', '"v":1.0}').replace('"v":1,', '"v":1.0,'))
        refuse(kind, "a version with an exponent", _last(valid[kind], '"v":1', '"v":1e0'))
        refuse(kind, "an unknown field", _edited(valid[kind], ("x",), None))
        refuse(
            kind,
            "a missing field",
            rfc8785.dumps({k: v for k, v in json.loads(valid[kind]).items() if k != "v"}).decode(),
        )
        refuse(kind, "a version that is text", _edited(valid[kind], ("v",), "1"))
        refuse(kind, "another kind", _edited(valid[kind], ("kind",), "picture"))
        refuse(kind, "an array", f"[{valid[kind]}]")
    for kind, why, path, value in _EDITS:
        refuse(kind, why, _edited(valid[kind], path, value))
    for kind, why, old, new in _RETYPED:
        refuse(kind, why, valid[kind].replace(old, new, 1))
    for kind, path in _NEWER:
        refuse(kind, f"a newer version: {'.'.join(path)}", _edited(valid[kind], path, 2), "unsupported")
    newer = _edited(_edited(valid["recipe"], ("algorithm", "v"), 2), ("algorithm", "strength"), "0.5")
    refuse("recipe", "a newer algorithm with a field more", newer, "unsupported")
    proof = json.loads(valid["receipt"])["proof"]
    for why, old, new in _RECEIPT_EDITS:
        refuse("receipt", why, _edited(valid["receipt"], ("proof",), proof.replace(old, new, 1)))
    return found


def _edited(text: str, path: tuple[str | int, ...], value: Any) -> str:
    document = json.loads(text)
    *way, last = path
    reduce(lambda place, step: place[step], way, document)[last] = value
    return rfc8785.dumps(document).decode()


def _last(text: str, old: str, new: str) -> str:
    head, _, tail = text.rpartition(old)
    return head + new + tail
