"""The master secret: 32 random bytes from which everything else is derived, and the 24 words that are its backup.

The words are BIP-39's English encoding of the 32 bytes as entropy plus an 8-bit checksum. The words *are* the master:
no BIP-39 seed derivation takes place, and there is no second password (docs/protocol.md, section 2).
"""

from __future__ import annotations

import hmac
import re
import secrets
from functools import cache
from typing import NoReturn, final

from mnemonic import Mnemonic

from provenance.errors import UsageError

__all__ = ["MASTER_SIZE", "WORD_COUNT", "Master", "master_from_words", "new_master", "words"]

MASTER_SIZE = 32
WORD_COUNT = 24

_NUMBER = re.compile(r"[0-9]{1,2}[.):]?", re.ASCII)


@final
class Master:
    """32 secret bytes that show up in no repr, log, traceback or pickle. :meth:`reveal` hands them out by name."""

    __slots__ = ("__secret",)

    def __init__(self, secret: bytes) -> None:
        if len(secret) != MASTER_SIZE:
            raise ValueError(f"a master has {MASTER_SIZE} bytes, not {len(secret)}")
        object.__setattr__(self, "_Master__secret", bytes(secret))

    def reveal(self) -> bytes:
        """The 32 bytes, for derivation and for the keystore's encryption."""
        return self.__secret  # type: ignore[attr-defined,no-any-return]

    def __repr__(self) -> str:
        return "Master(hidden)"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Master) and hmac.compare_digest(self.reveal(), other.reveal())

    def __hash__(self) -> int:
        return hash(Master)  # the same for all: a hash of the secret would tell about it

    def __setattr__(self, name: str, value: object) -> NoReturn:
        raise AttributeError("a master does not change")

    def __delattr__(self, name: str) -> NoReturn:
        raise AttributeError("a master does not change")

    def __reduce__(self) -> NoReturn:
        raise TypeError("a master is neither copied nor pickled: it would lie about in the clear")


def new_master() -> Master:
    """A fresh master from the operating system's randomness."""
    return Master(secrets.token_bytes(MASTER_SIZE))


def words(master: Master) -> str:
    """The 24 English words, separated by single spaces."""
    return str(_english().to_mnemonic(master.reveal()))


def master_from_words(text: str) -> Master:
    """The master that 24 words encode. Letter case, extra white space, line ends and numbers ("7.") do not matter.

    Raises:
        UsageError: another number of words, a word that is not in the list (its position is told, no word is ever
            repeated in the message), or a checksum that does not hold.
    """
    found = [word for word in text.lower().split() if not _NUMBER.fullmatch(word)]
    if len(found) != WORD_COUNT:
        raise UsageError(f"words: {WORD_COUNT} are needed, there are {len(found)}")
    known = frozenset(_english().wordlist)
    unknown = [str(position) for position, word in enumerate(found, 1) if word not in known]
    if unknown:
        raise UsageError(f"words: not in the BIP-39 English list: number {', '.join(unknown)}; check the spelling")
    normal = " ".join(found)
    if not _english().check(normal):
        raise UsageError("words: all are in the list but the checksum does not hold: one is wrong, or two are swapped")
    return Master(bytes(_english().to_entropy(normal)))


@cache
def _english() -> Mnemonic:
    return Mnemonic("english")
