"""Receipts: an entry stands in a log, at this index of this checkpoint (docs/protocol.md, section 10).

A receipt is canonical JSON around a C2SP tlog-proof, RFC 3161 timestamps over its checkpoint, and attestations::

    receipt = {"kind":"receipt","v":1,"proof":str,
               "timestamps":[hex, ...],           at most 8
               "attestations":[hex, ...]}         1 to 8 canonical entries; left out when there are none

    proof   = "c2sp.org/tlog-proof@v1" newline
              "index " index newline                     decimal without sign or leading zeros, below the tree size
              (base64 of 32 bytes, newline) ...          RFC 6962 inclusion path from the leaf's sibling upwards
              newline
              checkpoint                                 a signed note, see provenance.checkpoint

We write no ``extra`` line and refuse one: it would be unauthenticated. ``format_receipt(parse_receipt(x)) == x``.

A log that we do not know is no forgery. :func:`check_receipt` then still checks the inclusion, under a root that nobody
whom we know vouches for, and says ``known=False``. A known log's name without that log's signature *is* one, where the
policy names the log. The keys that services named when they were met vouch for what they signed, and for no name.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from provenance.checkpoint import Checkpoint, VerifierKey, open_checkpoint, parse_checkpoint, parse_size
from provenance.encoding import Fields, Json, canonical, parse_canonical, parse_hex
from provenance.errors import EncodingError, ForgedError, LimitError
from provenance.merkle import HASH_SIZE, check_inclusion, leaf_hash
from provenance.note import MAX_NOTE_BYTES, format_base64, parse_base64

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = [
    "MAX_ATTESTATIONS",
    "MAX_ATTESTATION_BYTES",
    "MAX_RECEIPT_BYTES",
    "MAX_TIMESTAMPS",
    "Receipt",
    "ReceiptCheck",
    "check_receipt",
    "format_receipt",
    "make_receipt",
    "parse_receipt",
]

MAX_RECEIPT_BYTES = 65_536
"""The bound of every document; a receipt without timestamps has about 1 KB, a timestamp adds twice its 2 to 8 KB."""

MAX_TIMESTAMPS = 8
"""More authorities than that add no trust; each token costs a chain of certificates to check."""

MAX_ATTESTATIONS = 8
"""As with timestamps: a policy that trusts more notaries than that can ask the log."""

MAX_ATTESTATION_BYTES = 4_096
"""One attestation entry has about 1 KB."""

MAX_PATH = 63
"""Longest inclusion path: a tree has fewer than 2^63 leaves."""

_HEADER = "c2sp.org/tlog-proof@v1"
_MAX_PROOF = MAX_NOTE_BYTES + 4_096


@dataclass(frozen=True)
class Receipt:
    """A parsed receipt, nothing of it checked yet: ``checkpoint`` is unauthenticated.

    ``path`` holds 32-byte hashes, ``timestamps`` the DER of RFC 3161 tokens over ``checkpoint.note``, ``attestations``
    canonical log entries (provenance.entry), signed by their notaries and so independent of any log's word.
    """

    index: int
    path: tuple[bytes, ...]
    checkpoint: Checkpoint
    timestamps: tuple[bytes, ...] = ()
    attestations: tuple[bytes, ...] = ()


@dataclass(frozen=True)
class ReceiptCheck:
    """What a receipt proves: the entry is leaf ``index`` of the tree of ``size`` leaves that ``note`` signs.

    ``key`` is the trusted key that signed, None when no trusted key has this log's name (``known`` is False): then
    anybody could have made this log, and only the inclusion under ``root`` has been checked.
    """

    log: str
    index: int
    size: int
    root: bytes
    note: bytes
    key: VerifierKey | None
    timestamps: tuple[bytes, ...]
    attestations: tuple[bytes, ...] = ()

    @property
    def known(self) -> bool:
        """Whether a key that the caller trusts signed the checkpoint."""
        return self.key is not None


def make_receipt(
    index: int,
    path: Sequence[bytes],
    note: bytes,
    timestamps: Sequence[bytes] = (),
    attestations: Sequence[bytes] = (),
) -> Receipt:
    """A receipt from the parts that a log has: an inclusion path in the tree of the checkpoint ``note``.

    Raises:
        EncodingError, LimitError: parts that no reader would accept.
    """
    receipt = Receipt(index, tuple(path), parse_checkpoint(note), tuple(timestamps), tuple(attestations))
    return parse_receipt(format_receipt(receipt))


def format_receipt(receipt: Receipt) -> bytes:
    """Canonical bytes of a receipt."""
    lines = [_HEADER, f"index {receipt.index}", *map(format_base64, receipt.path), "", ""]
    value: dict[str, Json] = {
        "kind": "receipt",
        "v": 1,
        "proof": "\n".join(lines) + receipt.checkpoint.note.decode(),
        "timestamps": [token.hex() for token in receipt.timestamps],
    }
    if receipt.attestations:
        value["attestations"] = [entry.hex() for entry in receipt.attestations]
    return canonical(value)


def parse_receipt(data: bytes) -> Receipt:
    """The receipt whose canonical bytes these are. Nothing is authenticated here.

    Raises:
        EncodingError, LimitError: not a canonical receipt. UnsupportedVersionError: another version.
    """
    value = parse_canonical(data, "receipt", limit=MAX_RECEIPT_BYTES)
    with Fields(value, "receipt") as fields:
        fields.version("receipt")
        proof = fields.text("proof", limit=_MAX_PROOF)
        timestamps = fields.array("timestamps", parse_hex, limit=MAX_TIMESTAMPS)
        attestations: tuple[bytes, ...] = ()
        if isinstance(value, dict) and "attestations" in value:
            attestations = fields.array("attestations", _attestation, limit=MAX_ATTESTATIONS, low=1)
    index, path, note = _parse_proof(proof)
    return Receipt(index, path, parse_checkpoint(note), timestamps, attestations)


def check_receipt(
    receipt: Receipt, entry: bytes, keys: Sequence[VerifierKey], *, met: Sequence[VerifierKey] = ()
) -> ReceiptCheck:
    """Check that ``entry`` (canonical bytes, the leaf) is in the log, and whether one of ``keys`` is that log's.

    A log that ``keys`` do not name may be known by one of ``met``, under which nothing is a forgery.

    The timestamps and attestations are the caller's to check: they need authorities and notaries, and may fail one by
    one.

    Raises:
        ForgedError: the inclusion does not hold, the index is beyond the tree, or the checkpoint bears the name of one
            of ``keys`` and not its signature.
        EncodingError, LimitError: the receipt was not made by :func:`parse_receipt` or :func:`make_receipt`.
    """
    note = receipt.checkpoint.note
    checkpoint = parse_checkpoint(note)  # never trust the fields beside the bytes that were signed
    key = None
    if any(key.name == checkpoint.origin for key in keys):
        key = open_checkpoint(note, keys).signed_by[0]
    elif met:
        key = _met(note, met)
    check_inclusion(leaf_hash(entry), receipt.index, checkpoint.size, receipt.path, checkpoint.root)
    return ReceiptCheck(
        log=checkpoint.origin,
        index=receipt.index,
        size=checkpoint.size,
        root=checkpoint.root,
        note=note,
        key=key,
        timestamps=receipt.timestamps,
        attestations=receipt.attestations,
    )


def _met(note: bytes, met: Sequence[VerifierKey]) -> VerifierKey | None:
    for key in met:
        with suppress(ForgedError):
            return open_checkpoint(note, [key]).signed_by[0]
    return None


def _attestation(value: object, where: str) -> bytes:
    return parse_hex(value, where, limit=MAX_ATTESTATION_BYTES)


def _parse_proof(proof: str) -> tuple[int, tuple[bytes, ...], bytes]:
    head, gap, note = proof.partition("\n\n")
    lines = head.split("\n")
    if not gap or lines[0] != _HEADER:
        raise EncodingError(f"receipt: the proof must start with {_HEADER} and have a checkpoint after an empty line")
    if len(lines) == 1 or not lines[1].startswith("index "):
        raise EncodingError("receipt: the second line of the proof must be its index")
    if len(lines) - 2 > MAX_PATH:
        raise LimitError(f"receipt: an inclusion path has at most {MAX_PATH} hashes")
    index = parse_size(lines[1].removeprefix("index "), "receipt: index")
    path = tuple(parse_base64(line, "receipt: inclusion path", size=HASH_SIZE) for line in lines[2:])
    return index, path, note.encode()
