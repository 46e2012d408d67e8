"""Exceptions, sorted by who is to blame, with the exit code of the command line and what each does *not* prove.

A message says what was wrong, where, and what to do next, in one line. Only these exceptions leave our parsers.

====================  =========  =================================================================================
family                exit code  what it does not prove
====================  =========  =================================================================================
InvalidError          1          that the author cheated: anybody on the way may have changed the bytes
UsageError            2          anything about the picture: the caller asked for something that cannot be asked
UnprovedError         3          that the picture is not ours: a manifest can be stripped
EnvironmentFault      4          that the picture is bad: this machine lacks what it would take to tell
====================  =========  =================================================================================
"""

from __future__ import annotations

__all__ = [
    "ChallengeError",
    "ConflictError",
    "CorruptKeystoreError",
    "DisagreementError",
    "EncodingError",
    "EnvironmentFault",
    "ForgedError",
    "InterruptedFault",
    "InvalidError",
    "LedgerFault",
    "LimitError",
    "MissingKeysError",
    "MissingModelError",
    "NotFiniteError",
    "OutputError",
    "SealedError",
    "SeedproofError",
    "UnprovedError",
    "UnsupportedVersionError",
    "UsageError",
    "WrongPassphraseError",
]


class SeedproofError(Exception):
    """Root of everything that Seedproof raises on purpose. ``exit_code`` is what the command line returns."""

    exit_code = 4


# --- the file or the peer is to blame -------------------------------------------------------------------------------


class InvalidError(SeedproofError):
    """A file or a peer's message is not what it must be. It does not prove who changed it."""

    exit_code = 1


class EncodingError(InvalidError):
    """Bytes that are no canonical encoding: truncated, duplicate keys, floats, unknown fields, wrong types."""


class LimitError(InvalidError):
    """A length beyond a named limit. It does not prove malice: the limit may be too low for an honest giant."""


class ForgedError(InvalidError):
    """A signature, digest or inclusion proof that does not hold. It does not prove who forged it."""


class ChallengeError(InvalidError):
    """A response that does not answer the challenge: expired, another audience, another picture, another key."""


class SealedError(InvalidError):
    """An opening that does not open the sealed prompt: wrong salt, wrong text, wrong key."""


class ConflictError(InvalidError):
    """An entry came second where a log takes one: the work was sold, revoked, or attributed before.

    It does not prove bad faith: two honest programs may have raced. ``index`` is where the first one stands.
    """

    def __init__(self, message: str, index: int) -> None:
        super().__init__(message)
        self.index = index


class UnprovedError(SeedproofError):
    """Nothing of ours is active in the file. It does not prove that there never was: manifests can be stripped."""

    exit_code = 3


# --- the caller is to blame -----------------------------------------------------------------------------------------


class UsageError(SeedproofError):
    """The caller asked for something impossible: bad argument, missing option, refused confirmation."""

    exit_code = 2


class MissingKeysError(UsageError):
    """No keystore where one is needed; the message says how to make one."""


class WrongPassphraseError(UsageError):
    """An undamaged keystore that this passphrase does not open."""


class OutputError(UsageError):
    """The output cannot be written. What stood there before stands there still."""


class InterruptedFault(SeedproofError):  # noqa: N818 - "InterruptedError" is a builtin
    """The user pressed Ctrl-C; the message says what was finished by then."""

    exit_code = 130


# --- the machine is to blame ----------------------------------------------------------------------------------------


class EnvironmentFault(SeedproofError):  # noqa: N818 - "EnvironmentError" is a builtin alias of OSError
    """This machine cannot do it now. It says nothing about the picture."""

    exit_code = 4


class UnsupportedVersionError(EnvironmentFault):
    """A version newer than this program. Never evidence that something is invalid: update and try again."""


class MissingModelError(EnvironmentFault):
    """The model that the recipe names is not on this machine, or has other digests here."""


class NotFiniteError(EnvironmentFault):
    """The model produced NaN or infinity here. It does not prove that it does so elsewhere, or for another seed."""


class CorruptKeystoreError(EnvironmentFault):
    """A keystore that is damaged or readable by others; the message tells which."""


class MemoryFault(EnvironmentFault):
    """Memory ran out. Less at a time may do."""


class LedgerFault(EnvironmentFault):
    """The ledger is missing, busy, or answered something that does not verify."""


class DisagreementError(EnvironmentFault):
    """libsecp256k1 and py_ecc disagree about one proof. Fail closed: one of the two is broken."""
