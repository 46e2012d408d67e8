"""Which keys a service's log may sign with: those of the policy, else those that it had when it was first met.

A service that no policy names is believed at first, and its keys are written into ``known-logs.txt``, a line ``address
verifier-key`` for each, newest first. From then on it must be that log: another key under the same address is a fault
and never taken over, since it may be another log, shown to this user alone, unless the newest known keys have signed
that it succeeds them (``provenance.succession``): then the lines are replaced, and one line on stderr says so. Nor is
the name of a log that the user knows from a policy or from another address, under a key that is not that log's. What a
policy names is changed by its owner alone. Verification knows a log that was met by its key, and takes its word about
no time (``provenance.policy.load_policy``).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ledger.seen import Seen
from ledger.tiled import LOG_PREFIX
from provenance.errors import InvalidError, LedgerFault, OutputError, UnsupportedVersionError, UsageError
from provenance.files import read_bounded, write_atomic
from provenance.home import find_home
from provenance.note import VerifierKey
from provenance.notekey import KeyType
from provenance.policy import load_policy
from provenance.succession import MAX_SUCCESSIONS_BYTES, follow, parse_successions
from provenance.terminal import note

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from ledger.transport import Transport
    from provenance.succession import Succession

    Chain = Callable[[], Sequence[Succession]]

__all__ = ["keys_at", "read_chain", "read_offered", "trusted_keys"]

_MAX_OFFER_BYTES = 65_536
"""Of a service's list of keys; one of ML-DSA-44 has 1.8 KB as text."""

_MAX_FILE_BYTES = 2**20
_MAX_KEYS = 16
_OK = 200


def keys_at(transport: Transport) -> tuple[VerifierKey, ...]:
    """The keys that are to be believed at this address now: see :func:`trusted_keys`.

    Raises:
        LedgerFault: it is no service of a log, or not the log that it was.
    """
    address = transport.base
    answer = transport.request("GET", LOG_PREFIX + "vkey", limit=_MAX_OFFER_BYTES)
    if answer.status != _OK:
        raise LedgerFault(f"ledger {address}: is no ledger of seedproof (status {answer.status} for its key)")

    def chain() -> Sequence[Succession]:
        shown = transport.request("GET", LOG_PREFIX + "keys", limit=MAX_SUCCESSIONS_BYTES)
        return read_chain(address, shown.body) if shown.status == _OK else ()

    return trusted_keys(address, read_offered(answer.body), chain)


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


def read_chain(address: str, data: bytes) -> tuple[Succession, ...]:
    """What a service shows as the successions of its log's keys; nothing of it is believed yet.

    Raises:
        LedgerFault: it is not in order, or from a newer program.
    """
    try:
        return parse_successions(data)
    except (InvalidError, UnsupportedVersionError) as error:
        raise LedgerFault(f"ledger {address}: what it says about its change of keys does not hold: {error}") from error


def trusted_keys(address: str, offered: Sequence[VerifierKey], chain: Chain = tuple) -> tuple[VerifierKey, ...]:
    """Those keys that checkpoints from this address must be signed by one of, newest first.

    ``chain`` gives the successions that the service shows; it is called only where its keys are not those known.

    Raises:
        LedgerFault: the log at this address had other keys, or bears the name of another one that is known; or the list
            cannot be read or written.
        UsageError: a policy of the user's cannot be read.
    """
    named = tuple(trust.key for trust in load_policy(find_home()).logs if trust.key.name == offered[0].name)
    if named:
        return _of_policy(address, named, offered, chain)
    pinned = _read(address)
    if not pinned:
        keys = _introduced(address, offered, chain)
        _write([*_pinned(), *((address, key) for key in keys)], address)
        if not any(key.name == keys[0].name for place, key in _pinned() if place != address):
            Seen(keys[0].name).forget()  # by an earlier log of this name, whose lines somebody took out
        note(f"{address}: met for the first time; from now on it must be the log {keys[0].name}")
        return keys
    keys = _followed(address, pinned, offered, chain)
    if keys != pinned:
        _replace(pinned, keys)
        note(f"{address}: {_described(pinned, keys)}; the known keys of {keys[0].name} have signed that")
    if any(key in keys for key in offered):
        return keys
    raise LedgerFault(
        f"ledger {address}: its key has changed, and no known key vouches for the new one; it was "
        f"{keys[0].format()[:200]} and is now {offered[0].format()[:200]}. Do not rely on this log until its operator "
        f"has told you why by another way; then take the lines of this address out of {find_home().known_logs}"
    )


def _of_policy(
    address: str, named: tuple[VerifierKey, ...], offered: Sequence[VerifierKey], chain: Chain
) -> tuple[VerifierKey, ...]:
    """The policy's keys for this log. Its owner is told of their successors; nobody else changes what it says."""
    known = any(key in named for key in offered)
    newer = [] if set(offered) <= set(named) else _vouched_for(address, named, offered, chain)
    if newer:
        keys = " and ".join(key.format() for key in newer)
        told = (
            f"the keys of {named[0].name} in your policy vouch for a new one; put it beside them in your policy: {keys}"
        )
        if not known:
            raise LedgerFault(f"ledger {address}: {told}")
        note(f"{address}: {told}")
    if known:
        return named
    raise LedgerFault(f"ledger {address}: offers another key for {offered[0].name} than the policy has for that log")


def _vouched_for(
    address: str, named: tuple[VerifierKey, ...], offered: Sequence[VerifierKey], chain: Chain
) -> list[VerifierKey]:
    """Offered keys that the policy does not name, of kinds that it does, to which one of those it names leads."""
    kinds = {key.kind for key in named}
    found = [_followed(address, (key,), offered, chain) for key in named]  # each by itself: a policy has no order
    return [key for key in offered if key not in named and key.kind in kinds and any(key in keys for keys in found)]


def _introduced(address: str, offered: Sequence[VerifierKey], chain: Chain) -> tuple[VerifierKey, ...]:
    """The keys to believe at first contact: all, but of a log that was met elsewhere those that follow from there."""
    elsewhere = next(((place, key) for place, key in _pinned() if key.name == offered[0].name), None)
    if elsewhere is None:
        return tuple(offered)
    known = _followed(address, _read(elsewhere[0]), offered, chain)
    keys = tuple(key for key in known if key in offered)
    if not keys:
        raise LedgerFault(
            f"ledger {address}: calls itself {offered[0].name}, the log that was met at {elsewhere[0]} under "
            "another key; one of the two is not that log. If it is the other one, take its line out of "
            f"{find_home().known_logs}"
        )
    return keys


def _followed(
    address: str, known: tuple[VerifierKey, ...], offered: Sequence[VerifierKey], chain: Chain
) -> tuple[VerifierKey, ...]:
    """What follows from ``known``, which need not be asked for where nothing else is offered."""
    if set(offered) == set(known):
        return known
    try:
        return follow(known, chain())
    except InvalidError as error:
        raise LedgerFault(f"ledger {address}: its change of keys does not hold: {error}") from error


def _described(old: Sequence[VerifierKey], new: Sequence[VerifierKey]) -> str:
    """What changed, as a part of a sentence."""
    said = (("learned", set(new) - set(old)), ("retired", set(old) - set(new)))
    return " and ".join(f"{len(keys)} keys {word}" for word, keys in said if keys) or "its keys have another order"


def _replace(old: tuple[VerifierKey, ...], new: Sequence[VerifierKey]) -> None:
    """Put ``new`` in the place of ``old`` at every address that had those."""
    kept = _pinned()
    places = [place for place in dict.fromkeys(place for place, _ in kept) if _read(place) == old]
    rest = [(place, key) for place, key in kept if place not in places]
    _write([*rest, *((place, key) for place in places for key in new)], places[0])


def _read(address: str) -> tuple[VerifierKey, ...]:
    return tuple(key for place, key in _pinned() if place == address)


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


def _write(lines: Sequence[tuple[str, VerifierKey]], address: str) -> None:
    home = find_home()
    text = "".join(f"{place} {key.format()}\n" for place, key in lines)
    try:
        home.make(home.config)
        write_atomic(home.known_logs, text.encode(), mode=0o600)
    except OutputError as error:
        raise LedgerFault(f"cannot remember the keys of {address}: {error}") from error
