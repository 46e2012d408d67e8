"""Who has signed this log's state lately: the newest checkpoints that witnesses cosigned and authorities stamped.

A busy log's newest checkpoint is cosigned only a moment later, and a quiet one grows no more: witnesses are asked to
state again, with a new time, that they have seen nothing newer. Of one witness and one checkpoint the newest counts.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import select, update

from ledger.evidence import cosignature_lines, stamps_of, with_lines
from ledger.models import Cosignature, Stamp
from ledger.timestamping import MAX_STORED_TOKEN
from provenance.cosignature import stated_time
from provenance.errors import EncodingError
from provenance.note import parse_signatures
from provenance.receipt import MAX_TIMESTAMPS

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from provenance.note import Signature

__all__ = ["newest_vouched", "renew_cosignature"]

_LOOKED_AT = 64
_STAMPED = 2
_MOST = 6


def newest_vouched(connection: Connection, published: int) -> list[tuple[bytes, list[bytes]]]:
    """Notes with cosignatures, each with its tokens, newest first: the last of each witness, the last stamped ones.

    Of checkpoints of at most ``published`` leaves, six of them at most.
    """
    cosigned = select(Cosignature.witness, Cosignature.size).where(Cosignature.size <= published)
    rows = connection.execute(cosigned.order_by(Cosignature.size.desc()).limit(_LOOKED_AT))
    by_witness: dict[str, int] = {}
    for witness, size in rows:
        by_witness.setdefault(witness, size)
    stamped = select(Stamp.size).where(Stamp.size <= published).order_by(Stamp.size.desc()).limit(_LOOKED_AT)
    stamped_sizes = list(dict.fromkeys(connection.execute(stamped).scalars()))[:_STAMPED]
    sizes = sorted({*by_witness.values(), *stamped_sizes}, reverse=True)[:_MOST]
    return [_checkpoint(connection, size) for size in sizes]


def renew_cosignature(connection: Connection, size: int, line: bytes) -> bool:
    """Put a witness's line in the place of its own over the same checkpoint if it states a later time; True if it did.

    Raises:
        InvalidError: it is not one signature line.
    """
    new = _single(line)
    witness = f"{new.name}+{new.key_id.hex()}"
    mine = (Cosignature.size == size, Cosignature.witness == witness)
    present = connection.execute(select(Cosignature.line).where(*mine)).scalar_one_or_none()
    if present is None or stated_time(new) <= stated_time(_single(present)):
        return False
    connection.execute(update(Cosignature).where(*mine).values(line=line))
    return True


def _checkpoint(connection: Connection, size: int) -> tuple[bytes, list[bytes]]:
    stamps = stamps_of(connection, size)
    note = (
        stamps[0].note
        if stamps
        else connection.execute(select(Cosignature.note).where(Cosignature.size == size).limit(1)).scalar_one()
    )
    tokens: list[bytes] = []
    for stamp in stamps[-MAX_TIMESTAMPS:]:
        if sum(map(len, tokens)) + len(stamp.token) <= MAX_STORED_TOKEN:
            tokens.append(stamp.token)
    return with_lines(note, cosignature_lines(connection, size)), tokens


def _single(line: bytes) -> Signature:
    try:
        found = parse_signatures(line.decode())
    except UnicodeDecodeError as error:
        raise EncodingError("cosignature: not UTF-8") from error
    if len(found) != 1:
        raise EncodingError("cosignature: must be one signature line")
    return found[0]
