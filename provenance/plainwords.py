"""What is wrong with a file: first in words that need no specification, then in the terms of C2PA in brackets."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["explain_codes", "explain_damage"]

_CODES = {
    "assertion.dataHash.mismatch": "the file was changed after it was signed",
    "assertion.bmffHash.mismatch": "the file was changed after it was signed",
    "assertion.boxesHash.mismatch": "the file was changed after it was signed",
    "assertion.hashedURI.mismatch": "a statement in the manifest was changed after it was signed",
    "assertion.missing": "a statement that was signed is missing from the manifest",
    "assertion.undeclared": "a statement was added that nobody signed",
    "assertion.action": "the manifest tells a history that contradicts itself",
    "assertion": "a statement in the manifest is damaged",
    "claim": "the manifest lacks a part that it must have, or that part is damaged",
    "claimSignature.missing": "the manifest's signature is missing or damaged",
    "claimSignature.mismatch": "the manifest was changed after it was signed, or signed with another key",
    "claimSignature": "the manifest's signature does not hold",
    "signingCredential.expired": "the signer's certificate has run out",
    "signingCredential.revoked": "the signer's certificate was revoked",
    "signingCredential.ocsp": "the signer's certificate was revoked, or that could not be found out",
    "signingCredential.invalid": "the signer's certificate is not one that may sign pictures",
    "signingCredential": "the signer's certificate is not accepted",
    "timeStamp": "the timestamp of the signature does not hold",
    "ingredient": "what the manifest says about an earlier picture does not hold",
    "manifest": "the manifest refers to another one that is missing or of the wrong kind",
    "algorithm": "the manifest uses a signature or hash that is not known here",
}
"""By C2PA failure code (C2PA 2.2, section 15), or by its first parts where one sentence does for a family."""

_UNKNOWN = "something in the manifest does not hold"


def explain_codes(codes: Sequence[str]) -> str:
    """``the file was changed after it was signed (assertion.dataHash.mismatch)``, each code once."""
    sentences: dict[str, list[str]] = {}
    for code in dict.fromkeys(codes):
        sentences.setdefault(_sentence(code), []).append(code)
    told = [f"{sentence} ({', '.join(found)})" for sentence, found in sentences.items()]
    return "; ".join(told) or f"{_UNKNOWN} (no reason given)"


def explain_damage(reason: str) -> str:
    """The same for a file whose manifest cannot be read at all; ``reason`` is what the reader said."""
    return f"the file is damaged or cut off, or it was changed after it was signed ({reason})"


def _sentence(code: str) -> str:
    parts = code.split(".")
    for length in range(len(parts), 0, -1):
        found = _CODES.get(".".join(parts[:length]))
        if found is not None:
            return found
    return _UNKNOWN
