"""Which keys a service's log may sign with: those of the policy, else those that it had when it was first met.

A service that no policy names is believed at first, and its keys are written into ``known-logs.txt``, a line ``address
verifier-key`` for each. From then on it must be that log: another key under the same address is a fault and never
taken over, since it may be another log, shown to this user alone. Nor is the name of a log that the user knows from a
policy or from another address, under a key that is not that log's. Verification knows such a log by its key, and takes
its word about no time (``provenance.policy.load_policy``).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from provenance.errors import InvalidError, LedgerFault, OutputError, UsageError
from provenance.files import read_bounded, write_atomic
from provenance.home import find_home
from provenance.note import VerifierKey
from provenance.notekey import KeyType
from provenance.policy import load_policy
from provenance.terminal import note

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["MAX_KEYS_BYTES", "read_offered", "trusted_keys"]

MAX_KEYS_BYTES = 65_536
"""Of a service's list of keys; one of ML-DSA-44 has 1.8 KB as text."""

_MAX_FILE_BYTES = 2**20
_MAX_KEYS = 16


def read_offered(data: bytes) -> list[VerifierKey]:
    """The keys that a service says its log signs with, in its order; kinds unknown here are left out.

    Raises:
        LedgerFault: there is none that a log can have, or they bear several names.
    """
    keys = []
    for line in data.decode("utf-8", "replace").splitlines()[:_MAX_KEYS]:
        try:
            key = VerifierKey.parse(line)
        except InvalidError:
            continue
        if key.kind is not KeyType.COSIGNATURE:
            keys.append(key)
    if len({key.name for key in keys}) != 1:
        raise LedgerFault("the service names no key of its log that this program knows, or keys of several logs")
    return keys


def trusted_keys(address: str, offered: Sequence[VerifierKey]) -> tuple[VerifierKey, ...]:
    """Those keys that checkpoints from this address must be signed by one of.

    Raises:
        LedgerFault: the log at this address had other keys, or bears the name of another one that is known; or the list
            cannot be read or written.
        UsageError: a policy of the user's cannot be read.
    """
    known = [trust.key for trust in load_policy(find_home()).logs]
    if any(key in known for key in offered):
        return tuple(key for key in known if key.name == offered[0].name)
    if any(key.name == offered[0].name for key in known):
        raise LedgerFault(
            f"ledger {address}: offers another key for {offered[0].name} than the policy has for that log"
        )
    pinned = _read(address)
    if not pinned:
        keys = _introduced(address, offered)
        _append(address, keys)
        note(f"{address}: met for the first time; from now on it must be the log {keys[0].name}")
        return keys
    if any(key in pinned for key in offered):
        return tuple(pinned)
    raise LedgerFault(
        f"ledger {address}: its key has changed; it was {pinned[0].format()[:200]} and is now "
        f"{offered[0].format()[:200]}. If its operator says why, take the old line out of {find_home().known_logs}"
    )


def _introduced(address: str, offered: Sequence[VerifierKey]) -> tuple[VerifierKey, ...]:
    """The keys to believe at first contact: all, but of a log that was met elsewhere those that it had there."""
    elsewhere = [(place, key) for place, key in _pinned() if key.name == offered[0].name]
    if not elsewhere:
        return tuple(offered)
    keys = tuple(key for key in offered if any(key == known for _, known in elsewhere))
    if not keys:
        raise LedgerFault(
            f"ledger {address}: calls itself {offered[0].name}, the log that was met at {elsewhere[0][0]} under "
            "another key; one of the two is not that log. If it is the other one, take its line out of "
            f"{find_home().known_logs}"
        )
    return keys


def _read(address: str) -> list[VerifierKey]:
    return [key for place, key in _pinned() if place == address]


def _pinned() -> list[tuple[str, VerifierKey]]:
    """All lines of the list: an address and a key."""
    try:
        parts = [line.partition(" ") for line in _lines() if line.strip()]
        return [(place, VerifierKey.parse(text)) for place, _, text in parts]
    except InvalidError as error:
        raise LedgerFault(f"{find_home().known_logs}: {error}; mend the line or take it out") from error


def _lines() -> list[str]:
    path = find_home().known_logs
    try:
        if not path.exists():
            return []
        return read_bounded(path, "known logs", limit=_MAX_FILE_BYTES).decode().splitlines()
    except (OSError, UsageError, UnicodeDecodeError) as error:
        raise LedgerFault(f"cannot read {path}: {error}") from error


def _append(address: str, keys: Sequence[VerifierKey]) -> None:
    home = find_home()
    text = "".join(f"{line}\n" for line in (*_lines(), *(f"{address} {key.format()}" for key in keys)))
    try:
        home.make(home.config)
        write_atomic(home.known_logs, text.encode(), mode=0o600)
    except OutputError as error:
        raise LedgerFault(f"cannot remember the key of {address}: {error}") from error
