"""What others have signed about this log's checkpoints: timestamps of authorities, cosignatures of witnesses.

A receipt shows an early checkpoint with its leaf that authorities have stamped, since that bounds the leaf's time best:
of the first few the one that most of them have stamped, so that one worthless token, which happened to come first,
does not stand in the way of the others. Else it shows the newest one that is published, or cosigned if that one is not
yet. Timestamps and cosignatures are over the text of a checkpoint, so one may be added without spoiling the other.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlalchemy import Connection, delete, func, insert, select
from sqlalchemy.dialects import postgresql, sqlite

from ledger.models import Cosignature, Stamp
from ledger.timestamping import MAX_STORED_TOKEN
from provenance.errors import InvalidError, LedgerFault
from provenance.note import MAX_SIGNATURES, parse_signatures, split_note
from provenance.receipt import MAX_TIMESTAMPS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ledger.sequencer import TreeHead

__all__ = [
    "StampRow",
    "add_cosignature",
    "add_stamp",
    "checkpoint_for",
    "cosignature_lines",
    "last_stamped",
    "newest_cosigned",
    "stamps_of",
    "with_lines",
]


_FIRST_STAMPED = 4
"""Stamped checkpoints among which a receipt chooses: some minutes of the log, as it is stamped by default."""


@dataclass(frozen=True)
class StampRow:
    """One RFC 3161 token (DER) over the checkpoint ``note`` of ``size`` leaves, by the authority at this URL."""

    size: int
    authority: str
    note: bytes
    token: bytes


def add_stamp(connection: Connection, stamp: StampRow) -> bool:
    """Keep a token; False when this authority's for this size is there already."""
    values = {"size": stamp.size, "authority": stamp.authority, "note": stamp.note, "token": stamp.token}
    once = postgresql.insert if connection.dialect.name == "postgresql" else sqlite.insert
    row = once(Stamp).values(**values).on_conflict_do_nothing(index_elements=[Stamp.size, Stamp.authority])
    return connection.execute(row.returning(Stamp.id)).first() is not None


def stamps_of(connection: Connection, size: int) -> list[StampRow]:
    """The tokens over the checkpoint of this size, oldest first."""
    statement = (
        select(Stamp.size, Stamp.authority, Stamp.note, Stamp.token).where(Stamp.size == size).order_by(Stamp.id)
    )
    return [StampRow(*row) for row in connection.execute(statement)]


def last_stamped(connection: Connection, authority: str) -> int:
    """The largest size that this authority has stamped, 0 if none."""
    return connection.execute(select(func.max(Stamp.size)).where(Stamp.authority == authority)).scalar() or 0


def add_cosignature(connection: Connection, size: int, note: bytes, line: bytes) -> bool:
    """Keep a witness's line over ``note``; its older ones go unless their checkpoint is stamped. False if it is there.

    Raises:
        InvalidError: it is not exactly one signature line, or one of the log itself.
    """
    witness = _witness(note, line)
    present = select(Cosignature.size).where(Cosignature.size == size, Cosignature.witness == witness)
    if connection.execute(present).first() is not None:
        return False
    stamped = select(Stamp.size).where(Stamp.size == Cosignature.size).exists()
    connection.execute(delete(Cosignature).where(Cosignature.witness == witness, Cosignature.size < size, ~stamped))
    connection.execute(insert(Cosignature).values(size=size, witness=witness, note=note, line=line))
    return True


def cosignature_lines(connection: Connection, size: int) -> list[bytes]:
    """The lines over the checkpoint of this size."""
    statement = select(Cosignature.line).where(Cosignature.size == size).order_by(Cosignature.witness)
    return list(connection.execute(statement).scalars())


def newest_cosigned(connection: Connection) -> dict[str, int]:
    """Name of each witness -> the largest size that it has cosigned."""
    statement = select(Cosignature.witness, func.max(Cosignature.size)).group_by(Cosignature.witness)
    found: dict[str, int] = {}
    for witness, size in connection.execute(statement):
        name = witness.rpartition("+")[0]
        found[name] = max(size, found.get(name, 0))
    return found


def with_lines(note: bytes, lines: Sequence[bytes]) -> bytes:
    """The note with these signature lines, less those that it has and those beyond the limit of a note."""
    room = MAX_SIGNATURES - len(split_note(note)[1])
    new = [line for line in dict.fromkeys(lines) if b"\n" + line not in note]
    return note + b"".join(new[: max(0, room)])


def checkpoint_for(connection: Connection, index: int, newest: TreeHead) -> tuple[int, bytes, list[bytes]]:
    """Size, note with cosignatures, and tokens of the checkpoint that a receipt for this leaf shows."""
    size = _stamped_size(connection, index, newest.size)
    if size is not None:
        stamps = stamps_of(connection, size)
        return size, with_lines(stamps[0].note, cosignature_lines(connection, size)), _fitting(stamps)
    lines = cosignature_lines(connection, newest.size)
    if not lines:
        cosigned = select(func.max(Cosignature.size)).where(Cosignature.size > index, Cosignature.size <= newest.size)
        size = connection.execute(cosigned).scalar()
        if size is not None:
            note = connection.execute(select(Cosignature.note).where(Cosignature.size == size).limit(1)).scalar_one()
            return size, with_lines(note, cosignature_lines(connection, size)), []
    return newest.size, with_lines(newest.note, lines), []


def _stamped_size(connection: Connection, index: int, newest: int) -> int | None:
    """The checkpoint to show of the first few that have the leaf and are stamped, if there are any."""
    largest = connection.execute(select(func.max(Stamp.size)).where(Stamp.size > index)).scalar()
    if largest is not None and not isinstance(largest, int):  # SQLite keeps what is written, and sorts text last
        raise LedgerFault("ledger: a stored timestamp has no number as its size; the database was tampered with")
    statement = (
        select(Stamp.size, func.count())
        .where(Stamp.size > index, Stamp.size <= newest)
        .group_by(Stamp.size)
        .order_by(Stamp.size)
        .limit(_FIRST_STAMPED)
    )
    found = connection.execute(statement).all()
    return max(found, key=lambda row: (row[1], -row[0]))[0] if found else None


def _fitting(stamps: Sequence[StampRow]) -> list[bytes]:
    """As many of the tokens as a receipt can carry."""
    tokens: list[bytes] = []
    for stamp in stamps[:MAX_TIMESTAMPS]:
        if sum(map(len, tokens)) + len(stamp.token) <= MAX_STORED_TOKEN:
            tokens.append(stamp.token)
    return tokens


def _witness(note: bytes, line: bytes) -> str:
    try:
        signatures = parse_signatures(line.decode())
    except UnicodeDecodeError as error:
        raise InvalidError("cosignature: not UTF-8") from error
    if len(signatures) != 1 or signatures[0].name == note.split(b"\n", 1)[0].decode():
        raise InvalidError("cosignature: must be one signature line of somebody else than the log itself")
    return f"{signatures[0].name}+{signatures[0].key_id.hex()}"
