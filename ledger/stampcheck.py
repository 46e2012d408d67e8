"""What a service shows as timestamps over one of its checkpoints (GET /v1/stamps/{size}): are they over it?

Whether an authority is to be trusted, and what its time is worth, is for those to say who check receipts.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from provenance.checkpoint import open_checkpoint
from provenance.encoding import parse_hex, parse_json
from provenance.errors import EncodingError, ForgedError, LedgerFault
from provenance.timeevidence import stamped_text
from provenance.timestamp import imprint_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ledger.transport import Transport
    from provenance.checkpoint import Checkpoint
    from provenance.note import VerifierKey

__all__ = ["check_stamps"]

_MAX_BYTES = 2**20
_MAX_TOKENS = 64
_OK, _NOT_FOUND = 200, 404


def check_stamps(transport: Transport, checkpoint: Checkpoint, keys: Sequence[VerifierKey]) -> int:
    """How many tokens there are over this checkpoint.

    Raises:
        InvalidError: one is over something else, or the note beside them is another tree's.
        LedgerFault: the service does not answer.
    """
    answer = transport.request("GET", f"/v1/stamps/{checkpoint.size}", limit=_MAX_BYTES)
    if answer.status == _NOT_FOUND:
        return 0
    if answer.status != _OK:
        raise LedgerFault(f"ledger {transport.base}: its timestamps are answered with status {answer.status}")
    document = parse_json(answer.body, "timestamps", limit=_MAX_BYTES)
    tokens = document.get("timestamps") if isinstance(document, dict) else None
    if not isinstance(document, dict) or not isinstance(tokens, list) or len(tokens) > _MAX_TOKENS:
        raise EncodingError(f"the answer is no list of at most {_MAX_TOKENS} timestamps")
    if not tokens:
        return 0
    note = document.get("note")
    if not isinstance(note, str):
        raise EncodingError("the checkpoint that was stamped is missing")
    stamped = open_checkpoint(note.encode(), keys)
    if (stamped.size, stamped.root) != (checkpoint.size, checkpoint.root):
        raise ForgedError("the checkpoint that was stamped is of another tree")
    possible = {hashlib.sha256(data).digest() for data in (stamped.note, stamped_text(stamped.note))}
    for item in tokens:
        text = item.get("token") if isinstance(item, dict) else None
        if imprint_of(parse_hex(text, "token", limit=_MAX_BYTES)) not in possible:
            raise ForgedError("a timestamp is over something else than this checkpoint")
    return len(tokens)
