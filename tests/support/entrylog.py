"""A log of entries in memory, behind the port: it checks and orders as a real one does, and can be told to cheat."""

from provenance import merkle
from provenance.checkpoint import sign_checkpoint
from provenance.claim import Claim
from provenance.entry import check_any, check_beside, check_place, needs_owner, parse_any
from provenance.errors import ConflictError, LedgerFault
from provenance.followup import FollowUp, format_follow_up
from provenance.ownership import Indexed, keys_involved, replay
from provenance.ports import LoggedEntry
from provenance.receipt import format_receipt, make_receipt
from tests.support.logs import signer


class EntryLog:
    """``append`` logs without any check: what a cheating operator would do."""

    location = "memory"

    def __init__(self, name="log.example/1", seed=1):
        self.signer = signer(name, seed)
        self.entries = []

    @property
    def origin(self):
        return self.signer.name

    @property
    def verifier_key(self):
        return self.signer.verifier_key.format()

    @property
    def verifier_keys(self):
        return (self.verifier_key,)

    @property
    def size(self):
        return len(self.entries)

    def vouched(self):
        return None

    def append(self, entry):
        self.entries.append(parse_any(_bytes(entry)))
        return LoggedEntry(len(self.entries) - 1, self.entries[-1].data)

    def submit(self, entry):
        parsed = parse_any(_bytes(entry))
        known = self.find(parsed.id)
        if known is not None:
            return known
        check_any(parsed, second_opinion=False)
        check_place(parsed, log=self.origin, index=len(self.entries))
        if needs_owner(parsed):
            check_beside(parsed, self._at(parsed.subject), self._at(parsed.prev), second_opinion=False)
        for index, other in enumerate(self.entries):
            if parsed.slot is not None and other.slot == parsed.slot:
                raise ConflictError(f"entry {index} came first", index)
        return self.append(parsed.data)

    def receipt(self, index):
        hashes = [merkle.leaf_hash(entry.data) for entry in self.entries]
        if not 0 <= index < len(hashes):
            raise LedgerFault("no such entry")
        note = sign_checkpoint(self.origin, len(hashes), merkle.root(hashes), self.signer)
        return format_receipt(
            make_receipt(index, merkle.inclusion_path(merkle.nodes_of(hashes), index, len(hashes)), note)
        )

    def find(self, entry_id):
        return next((LoggedEntry(i, e.data) for i, e in enumerate(self.entries) if e.id == entry_id), None)

    def search(self, *, commitment=None, pixels=None, latent=None, author=None, after=-1):
        def wanted(claim: Claim):
            return (
                commitment in (None, claim.Y)
                and pixels in (None, claim.pixels)
                and latent in (None, claim.latent.digest)
                and (author is None or author in claim.authors)
            )

        found = [(i, e) for i, e in enumerate(self.entries) if i > after and e.claim is not None and wanted(e.claim)]
        return [LoggedEntry(i, e.data) for i, e in found]

    def follow_ups(self, subject, *, kind=None, notary=None, after=-1):
        found = [(i, e) for i, e in enumerate(self.entries) if i > after and e.claim is None and e.subject == subject]
        if kind is not None:
            found = [(i, e) for i, e in found if (e.kind == "attestation") == (kind == "attestation")]
        return [LoggedEntry(i, e.data) for i, e in found if notary is None or notary in e.keys]

    def close(self):
        pass

    def replayed(self, claim_id):
        """The ownership of a claim as this log has it."""
        claim = self.find(claim_id)
        follow_ups = indexed(self.follow_ups(claim_id))
        revocations = [
            item for key in keys_involved(parse_any(claim.entry), follow_ups) for item in indexed(self.follow_ups(key))
        ]
        return replay(
            Indexed(claim.index, parse_any(claim.entry)), follow_ups, revocations, log=self.origin, second_opinion=False
        )

    def _at(self, entry_id):
        return next((entry for entry in self.entries if entry.id == entry_id), None)


def indexed(logged):
    return [Indexed(item.index, parse_any(item.entry)) for item in logged]


def _bytes(entry):
    return format_follow_up(entry) if isinstance(entry, FollowUp) else entry
