"""Who owns a work: a claim and what its log has about it, replayed in log order, from nothing but signatures.

The log runs it at submission, verifiers run it again over what a log tells them: a log can hide entries, but it cannot
make one count that does not. The rules:

1. Of entries with one ``slot`` (see provenance.entry) the first counts. Chained entries must continue the chain's end.
2. An entry that does not apply (another claim's, stale, forged, not by the owner) is *void*: reported, without effect.
3. A key-revocation counts in the log that it names if its ``from_index`` is not beyond its own index, the first such
   one for its key: a thief's revocation "from far ahead on" would else keep the owner's out. With its own index r and
   its ``from_index`` f, what that key signed at index i is

       void        i > r and i >= f       everybody could know
       contested   f <= i < r             a claim, a transfer, an attribution: it stands, and nobody should rely on it
       void        f <= i < r             an attestation: nothing is lost by not counting it
       untouched   i < f

   Without the middle rule a seller could take a sold work back: by saying, after the sale, that his key was stolen
   before it. With it he can cast doubt on the sale (the verdict is *disputed*), and gains nothing.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from provenance.entry import AnyEntry, check_any, check_beside, check_place, needs_owner, owners_after
from provenance.errors import InvalidError
from provenance.followup import FollowUp
from provenance.followup_body import Attestation, Attribution, KeyRevocation, Revocation, Transfer

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["Contest", "Indexed", "Ownership", "Void", "keys_involved", "replay", "revocation_reason"]


@dataclass(frozen=True)
class Indexed:
    """An entry and the index at which its log has it."""

    index: int
    entry: AnyEntry


@dataclass(frozen=True)
class Void:
    """An entry that a log has and that has no effect, and why."""

    index: int
    kind: str
    reason: str


@dataclass(frozen=True)
class Contest:
    """An entry (or the claim itself) that was signed by a key which was later said to have been stolen before."""

    index: int
    kind: str
    key: bytes
    from_index: int


@dataclass(frozen=True)
class Ownership:
    """How a work stands after everything that its log has.

    Attributes:
        owners: the keys that may sell or revoke it, together; none after a revocation.
        head: id of the newest chained entry (at first the claim id): the ``prev`` of the next one.
        chain: the transfers and the revocation that count, in order.
        author: who came forward as the author of an anonymous claim.
        attestations: those that count; whether to trust their notaries is the policy's to say.
        contested: what stands and is in doubt.
        revoked_keys: of the keys that were asked about, those that were revoked in this log.
        void: what has no effect.
    """

    owners: tuple[bytes, ...]
    head: bytes
    chain: tuple[Indexed, ...] = ()
    author: bytes | None = None
    attestations: tuple[Indexed, ...] = ()
    contested: tuple[Contest, ...] = ()
    revoked_keys: tuple[bytes, ...] = ()
    void: tuple[Void, ...] = ()

    @property
    def transferred(self) -> bool:
        """Whether the work has changed hands since it was claimed."""
        return any(item.entry.kind == "transfer" for item in self.chain)

    @property
    def revoked(self) -> Indexed | None:
        """The revocation, if the work was revoked."""
        return self.chain[-1] if self.chain and self.chain[-1].entry.kind == "revocation" else None


def replay(
    claim: Indexed,
    follow_ups: Iterable[Indexed],
    key_revocations: Iterable[Indexed] = (),
    *,
    log: str,
    second_opinion: bool = True,
) -> Ownership:
    """The ownership that follows from a checked ``claim`` and the entries that the log of this origin has about it.

    Order and repetitions of the input do not matter, and entries about anything else are void.

    Raises:
        InvalidError: two different entries are said to have one index. DisagreementError: see provenance.proof.
    """
    found = _in_order(follow_ups)
    replaying = _Replay(claim, second_opinion=second_opinion)
    for item in _in_order(key_revocations):
        replaying.revoke_key(item, log)
    replaying.contest(claim, _signers(claim.entry, claim.entry, ()))
    for item in found:
        replaying.apply(item)
    return replaying.result()


def keys_involved(claim: AnyEntry, follow_ups: Iterable[Indexed]) -> tuple[bytes, ...]:
    """The keys whose revocations :func:`replay` has to know: of the claim, its buyers, its author.

    Those of the notaries whom the caller trusts come on top.
    """
    keys = dict.fromkeys(_signers(claim, claim, ()))
    for item in follow_ups:
        if item.entry.kind in ("transfer", "attribution"):
            keys.update(dict.fromkeys(item.entry.keys))
    return tuple(keys)


def revocation_reason(item: Indexed) -> str:
    """Why the owners revoked the work: the reason, and their note if they left one."""
    body = _body(item.entry)
    if not isinstance(body, Revocation):
        raise TypeError(f"a {item.entry.kind} revokes nothing")
    return f"{body.reason}: {body.note}" if body.note else body.reason


@dataclass
class _Replay:
    """The state while entries are applied one by one."""

    claim: Indexed
    second_opinion: bool = field(kw_only=True)

    def __post_init__(self) -> None:
        self.newest = self.claim.entry
        self.chain: list[Indexed] = []
        self.author: bytes | None = None
        self.attestations: list[Indexed] = []
        self.contested: list[Contest] = []
        self.void: list[Void] = []
        self.slots: dict[bytes, int] = {}
        self.revoked_keys: dict[bytes, tuple[int, int]] = {}

    def revoke_key(self, item: Indexed, log: str) -> None:
        """Count a key-revocation, if it is the first one for its key in this log."""
        try:
            body = _body(item.entry)
            if not isinstance(body, KeyRevocation):
                raise InvalidError("it revokes no key")
            check_any(item.entry, second_opinion=self.second_opinion)
            check_place(item.entry, log=log, index=item.index)
            if body.key in self.revoked_keys:
                raise InvalidError(f"entry {self.revoked_keys[body.key][1]} has revoked this key before")
        except InvalidError as error:
            self.void.append(Void(item.index, item.entry.kind, str(error)))
            return
        self.revoked_keys[body.key] = (body.from_index, item.index)

    def apply(self, item: Indexed) -> None:
        """Let one follow-up take effect, or write down why it has none."""
        try:
            signers = self._check(item)
        except InvalidError as error:
            self.void.append(Void(item.index, item.entry.kind, str(error)))
            return
        if item.entry.slot is not None:
            self.slots[item.entry.slot] = item.index
        self.contest(item, signers)
        body = _body(item.entry)
        if isinstance(body, Attribution):
            self.author = body.author
        elif isinstance(body, Attestation):
            self.attestations.append(item)
        else:
            self.chain.append(item)
            self.newest = item.entry

    def contest(self, item: Indexed, signers: Iterable[bytes]) -> None:
        """Note which of the keys that signed ``item`` are said to have been stolen by then."""
        for key in signers:
            from_index, _ = self.revoked_keys.get(key, (item.index + 1, 0))
            if item.index >= from_index:
                self.contested.append(Contest(item.index, item.entry.kind, key, from_index))

    def result(self) -> Ownership:
        """What it has come to."""
        return Ownership(
            owners=owners_after(self.newest),
            head=self.newest.id,
            chain=tuple(self.chain),
            author=self.author,
            attestations=tuple(self.attestations),
            contested=tuple(self.contested),
            revoked_keys=tuple(self.revoked_keys),
            void=tuple(sorted(self.void, key=lambda item: item.index)),
        )

    def _check(self, item: Indexed) -> tuple[bytes, ...]:
        """The keys that signed an entry which applies."""
        entry = item.entry
        if not needs_owner(entry) or entry.subject != self.claim.entry.id:
            raise InvalidError("it is not about this claim")
        if item.index <= self.claim.index:
            raise InvalidError("it stands before its claim")
        if entry.slot in self.slots:
            raise InvalidError(f"entry {self.slots[entry.slot]} came first")
        if entry.prev is not None and entry.prev != self.newest.id:
            raise InvalidError("it does not follow the newest entry of the chain")
        check_any(entry, second_opinion=self.second_opinion)
        check_beside(entry, self.claim.entry, self.newest, second_opinion=self.second_opinion)
        signers = _signers(entry, self.claim.entry, owners_after(self.newest))
        for key in signers:
            if key in self.revoked_keys:
                from_index, at = self.revoked_keys[key]
                if item.index >= from_index and (item.index > at or entry.kind == "attestation"):
                    raise InvalidError(f"entry {at} has revoked the key {key.hex()[:16]} that signed it")
        return signers


def _in_order(items: Iterable[Indexed]) -> list[Indexed]:
    by_index: dict[int, Indexed] = {}
    for item in items:
        if by_index.setdefault(item.index, item).entry.data != item.entry.data:
            raise InvalidError(f"the log shows two different entries at index {item.index}")
    return [by_index[index] for index in sorted(by_index)]


def _signers(entry: AnyEntry, claim: AnyEntry, owners: tuple[bytes, ...]) -> tuple[bytes, ...]:
    """The keys whose theft would make an entry doubtful: a buyer's acceptance takes nothing from anybody."""
    body = _body(entry)
    if isinstance(body, Transfer | Revocation):
        return owners
    possession = (claim.claim.Y,) if claim.claim is not None and not isinstance(body, Attestation) else ()
    return (*possession, *entry.keys)


def _body(entry: AnyEntry) -> object:
    return entry.content.body if isinstance(entry.content, FollowUp) else None
