"""Receipts out of a log: inclusion in a checkpoint that everybody can see, with what others have signed about it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import select

from ledger.database import stored_data
from ledger.evidence import checkpoint_for
from ledger.lookup import entry_at
from ledger.models import Leaf, prefix
from ledger.timestamping import MAX_STORED_TOKEN
from provenance.entry import parse_any
from provenance.errors import LedgerFault
from provenance.receipt import MAX_ATTESTATION_BYTES, MAX_ATTESTATIONS, check_receipt, format_receipt, make_receipt

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy import Connection

    from ledger.sequencer import TreeHead
    from ledger.tree import StoredTree
    from provenance.checkpoint import VerifierKey

__all__ = ["NotPublishedFault", "make_log_receipt"]

_LOOKED_AT = 32


class NotPublishedFault(LedgerFault):
    """The entry is logged and durable, but in no published checkpoint yet; ``retry_after`` is in seconds."""

    def __init__(self, index: int, retry_after: float = 1.0) -> None:
        super().__init__(f"ledger: entry {index} is logged and not published yet; ask again in a moment")
        self.retry_after = retry_after


def make_log_receipt(
    connection: Connection, tree: StoredTree, index: int, newest: TreeHead, keys: Sequence[VerifierKey]
) -> bytes:
    """A canonical receipt for the leaf at ``index``; ``newest`` is the newest published checkpoint. It was checked.

    Raises:
        NotPublishedFault: the leaf is not in ``newest``. LedgerFault: the log is damaged.
    """
    if index >= newest.size:
        raise NotPublishedFault(index)
    entry = entry_at(connection, index)
    size, note, tokens = checkpoint_for(connection, index, newest)
    attestations = _attestations(connection, index, sum(map(len, tokens)))
    with stored_data():
        receipt = make_receipt(index, tree.inclusion_path(index, size), note, tokens, attestations)
        check_receipt(receipt, entry, keys)
    return format_receipt(receipt)


def _attestations(connection: Connection, index: int, taken: int) -> list[bytes]:
    """Entries of the kind attestation about the claim at ``index``: the first ones, as many as find room."""
    about = select(Leaf.entry_id).where(Leaf.leaf_index == index)
    claim = connection.execute(about).scalar_one()
    statement = select(Leaf.leaf_index).where(Leaf.subject == prefix(claim), Leaf.kind == "attestation")
    entries: list[bytes] = []
    for found in connection.execute(statement.order_by(Leaf.leaf_index).limit(_LOOKED_AT)).scalars().all():
        entry = entry_at(connection, found)
        taken += len(entry)
        fits = len(entry) <= MAX_ATTESTATION_BYTES and taken <= MAX_STORED_TOKEN
        if fits and len(entries) < MAX_ATTESTATIONS and parse_any(entry).subject == claim:
            entries.append(entry)
    return entries
