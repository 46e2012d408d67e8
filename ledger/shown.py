"""What a service shows of its log, held against what was seen of it before (:mod:`ledger.seen`).

A checkpoint that is smaller than one that was seen is asked for again for some seconds: behind one address may stand
copies that lag a little. One that is larger must continue what was seen, as the tiles prove it.

``GET /v1/vouched`` answers with checkpoints that others have signed lately::

    {"checkpoints":[{"note":str,"timestamps":[hex,...]},...]}     at most 8; DER of RFC 3161 tokens over each
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ledger.older import newest_checkpoint
from ledger.seen import Seen, check_continues
from provenance import merkle
from provenance.checkpoint import open_checkpoint
from provenance.encoding import Json, parse_hex, parse_json
from provenance.errors import EncodingError, ForgedError, LedgerFault
from provenance.note import MAX_NOTE_BYTES
from provenance.ports import Vouched
from provenance.receipt import MAX_TIMESTAMPS
from provenance.timestamp import MAX_TOKEN_BYTES

if TYPE_CHECKING:
    from ledger.tiled import TiledLog
    from provenance.checkpoint import Checkpoint

__all__ = ["Shown"]

_PATIENCE = 5.0
_MAX_ITEMS = 8
_MAX_BYTES = 2 * 2**20
_OK, _NOT_FOUND = 200, (404, 410)


class Shown:
    """The tree that ``tiled`` shows to this user. Methods raise InvalidError where what is shown does not hold."""

    def __init__(self, tiled: TiledLog) -> None:
        self._tiled = tiled
        self._seen = Seen(tiled.keys[0].name)
        self._newest: Checkpoint | None = None

    def newest(self) -> Checkpoint:
        """The newest checkpoint that was asked for here.

        Raises:
            LedgerFault: it does not continue what was seen before, or none can be had.
        """
        return self._newest or self.refresh()

    def refresh(self, beyond: int = -1) -> Checkpoint:
        """The newest checkpoint, asked for now. One of ``beyond`` leaves or fewer is looked at and not relied on.

        Raises:
            LedgerFault: see :meth:`newest`.
        """
        known = self._newest or self._seen.read()
        checkpoint = newest_checkpoint(self._tiled, 0 if known is None else known.size, patience=_PATIENCE)
        if checkpoint.size > beyond:
            self._rely_on(checkpoint, known)
        return checkpoint

    def vouched(self) -> tuple[Vouched, ...]:
        """Checkpoints that others have signed, the newest one of all first: the tree shown now continues each.

        Raises:
            LedgerFault: the service is away, or speaks of trees that it does not show.
        """
        head = self.refresh()
        found = [Vouched(head.note)]
        for note, timestamps in self._ask():
            checkpoint = open_checkpoint(note, self._tiled.keys)
            if checkpoint.size > head.size:
                head = self.refresh()
            if not 0 < checkpoint.size <= head.size:
                raise ForgedError(f"speaks of {checkpoint.size} entries, and its checkpoint has {head.size}")
            path = [] if checkpoint.size == head.size else self._tiled.consistency_path(checkpoint.size, head)
            merkle.check_consistency(checkpoint.size, head.size, checkpoint.root, head.root, path)
            found.append(Vouched(note, timestamps))
        return tuple(found)

    def _rely_on(self, checkpoint: Checkpoint, known: Checkpoint | None) -> None:
        if known is not None and (known.size, known.root) != (checkpoint.size, checkpoint.root):
            check_continues(self._tiled, known, checkpoint, self._seen)
        self._newest = checkpoint
        if known is None or known.size < checkpoint.size:
            self._seen.keep(checkpoint)

    def _ask(self) -> list[tuple[bytes, tuple[bytes, ...]]]:
        answer = self._tiled.transport.request("GET", "/v1/vouched", limit=_MAX_BYTES)
        if answer.status in _NOT_FOUND:  # a service of another kind
            return []
        if answer.status != _OK:
            raise LedgerFault(f"ledger {self._tiled.location}: who vouches for it is answered with {answer.status}")
        document = parse_json(answer.body, "answer", limit=_MAX_BYTES)
        items = document.get("checkpoints") if isinstance(document, dict) else None
        if not isinstance(items, list) or len(items) > _MAX_ITEMS:
            raise EncodingError(f"answer: must be a list of at most {_MAX_ITEMS} checkpoints")
        return [_read(item) for item in items]


def _read(item: Json) -> tuple[bytes, tuple[bytes, ...]]:
    note = item.get("note") if isinstance(item, dict) else None
    tokens = item.get("timestamps") if isinstance(item, dict) else None
    if not isinstance(note, str) or len(note) > MAX_NOTE_BYTES:
        raise EncodingError("answer: a checkpoint must be a note")
    if not isinstance(tokens, list) or len(tokens) > MAX_TIMESTAMPS:
        raise EncodingError(f"answer: a checkpoint has at most {MAX_TIMESTAMPS} timestamps")
    return note.encode(), tuple(parse_hex(token, "answer: timestamp", limit=MAX_TOKEN_BYTES) for token in tokens)
