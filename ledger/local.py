"""The embedded log: a SQLite file and a key beside it, behind the port ``provenance.ports.Ledger``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy import func, insert, select

from ledger import keys
from ledger.database import is_current, is_missing, migrate, open_engine, reading, stored_data, writing
from ledger.models import Author, Leaf, Stamp
from ledger.newest import check_not_older, read_newest, remember_newest
from ledger.sequencer import append, begin, check_head, prepare, read_head
from ledger.timestamping import MAX_STORED_TOKEN, fetch_token
from provenance.errors import LedgerFault
from provenance.merkle import leaf_hash
from provenance.ports import LoggedEntry
from provenance.receipt import MAX_TIMESTAMPS, check_receipt, format_receipt, make_receipt

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy import Connection, Engine

    from ledger.sequencer import TreeHead
    from provenance.checkpoint import Checkpoint, NoteSigner

__all__ = ["MAX_RESULTS", "LocalLedger", "open_ledger"]

MAX_RESULTS = 1_000
"""Most entries that one search returns."""


def open_ledger(location: str, *, create: bool) -> LocalLedger:
    """The log in the SQLite file at ``location``; with ``create`` it is made when it is missing.

    A log that is opened with ``create`` is the user's own: its key is added to ``own-logs.txt``.

    Raises:
        LedgerFault: it is missing, something else, from a newer program, without its key, or it does not verify.
    """
    if "://" in location:
        raise LedgerFault(f"ledger {location[:200]}: only a file can be opened, not an address")
    path = Path(location).expanduser().absolute()
    has_key = keys.key_path(path).exists()  # asked before the database: it settles only after the database is durable
    _check_place(path, create=create, has_key=has_key)
    engine = open_engine(path)
    try:
        with reading(engine) as connection:
            head = read_head(connection) if is_current(connection) else None
        if head is None:
            with writing(engine) as connection:
                migrate(connection)
                head = read_head(connection) or _begin(connection, path, create=create)
        signer = keys.settle_key(path, head.origin)
        if create:
            keys.remember_own_log(signer.verifier_key)
        seen = read_newest(path, signer.verifier_key)
        with reading(engine) as connection:
            _check_stored(connection, signer, seen)
    except BaseException:
        engine.dispose()
        raise
    return LocalLedger(path, engine, signer)


class LocalLedger:
    """An open log; see ``provenance.ports.Ledger`` for what each method promises. May be shared between threads."""

    def __init__(self, path: Path, engine: Engine, signer: NoteSigner) -> None:
        self._path = path
        self._engine = engine
        self._signer = signer

    @property
    def location(self) -> str:
        """The path of the database file."""
        return str(self._path)

    @property
    def verifier_key(self) -> str:
        """The log's key as ``name+keyid+base64``."""
        return self._signer.verifier_key.format()

    @property
    def engine(self) -> Engine:
        """The database, for the audit."""
        return self._engine

    def submit(self, entry: bytes) -> LoggedEntry:
        """Append an entry durably, or return the one that was logged first for its claim."""
        return self.submit_batch([entry])[0]

    def submit_batch(self, entries: Sequence[bytes]) -> list[LoggedEntry]:
        """Append entries in one transaction: all or none."""
        batch = [prepare(entry) for entry in entries]
        with writing(self._engine) as connection:
            logged, note = append(connection, self._signer, batch)
        remember_newest(self._path, note)
        return logged

    def head(self) -> TreeHead:
        """The newest tree, checked."""
        with reading(self._engine) as connection:
            return check_head(connection, self._signer.verifier_key)[0]

    def receipt(self, index: int) -> bytes:
        """A receipt in the first timestamped checkpoint that has this leaf, else in the newest one.

        It has been checked: a damaged log hands out none.
        """
        with reading(self._engine) as connection:
            head, tree = check_head(connection, self._signer.verifier_key)
            if not 0 <= index < head.size:
                raise LedgerFault(f"ledger {self._path}: has {head.size} entries and so no entry {index}")
            entry = _entry(connection, index)
            size, note, tokens = _stamped(connection, index) or (head.size, head.note, [])
            with stored_data():
                receipt = make_receipt(index, tree.inclusion_path(index, size), note, tokens)
                check_receipt(receipt, entry, [self._signer.verifier_key])
            return format_receipt(receipt)

    def find(self, claim_id: bytes) -> LoggedEntry | None:
        """The entry whose claim has this id."""
        with reading(self._engine) as connection:
            found = connection.execute(select(Leaf.leaf_index).where(Leaf.claim_id == claim_id)).scalar_one_or_none()
            return None if found is None else LoggedEntry(found, _entry(connection, found))

    def search(
        self,
        *,
        commitment: bytes | None = None,
        pixels: bytes | None = None,
        latent: bytes | None = None,
        author: bytes | None = None,
        after: int = -1,
    ) -> Sequence[LoggedEntry]:
        """Entries that match every given criterion, in log order, beyond ``after``; at most MAX_RESULTS."""
        statement = select(Leaf.leaf_index).where(Leaf.leaf_index > after).order_by(Leaf.leaf_index).limit(MAX_RESULTS)
        for column, wanted in ((Leaf.commitment, commitment), (Leaf.pixels, pixels), (Leaf.latent, latent)):
            if wanted is not None:
                statement = statement.where(column == wanted)
        if author is not None:
            statement = statement.join(Author, Author.leaf_index == Leaf.leaf_index).where(Author.key == author)
        with reading(self._engine) as connection:
            return [LoggedEntry(i, _entry(connection, i)) for i in connection.execute(statement).scalars()]

    def follow_ups(self, subject: bytes, *, after: int = -1) -> Sequence[LoggedEntry]:  # noqa: ARG002 - version 1 logs claims only
        """None: version 1 logs claims only."""
        return []

    def stamp(self, authorities: Sequence[str], *, timeout: float = 10.0) -> list[str]:
        """Have the newest checkpoint timestamped by each of these URLs, so that later receipts carry the tokens.

        Returns one line of warning for each authority that did not deliver: a log must not stop because one is down.
        """
        head, warnings = self.head(), []
        for url in authorities:
            try:
                if head.size == 0:
                    raise LedgerFault(f"timestamp authority {url}: not asked, the log is empty")
                self._keep_stamp(head, url, fetch_token(url, head.note, timeout=timeout))
            except LedgerFault as fault:
                warnings.append(str(fault))
        return warnings

    def close(self) -> None:
        """Release the file."""
        self._engine.dispose()

    def _keep_stamp(self, head: TreeHead, url: str, token: bytes) -> None:
        present = select(Stamp.id).where(Stamp.size == head.size, Stamp.authority == url)
        with writing(self._engine) as connection:
            if connection.execute(present).first() is None:
                values = {"size": head.size, "authority": url, "note": head.note, "token": token}
                connection.execute(insert(Stamp).values(**values))


def _check_place(path: Path, *, create: bool, has_key: bool) -> None:
    if not is_missing(path):
        return
    if has_key:
        raise LedgerFault(
            f"ledger {path} is gone but its key is there: restore the database from a backup. To begin another log, "
            "choose another file name; beginning anew with this key would fork the log"
        )
    if not create:
        raise LedgerFault(f"there is no ledger at {path}; name an existing one, or create a work to begin one")
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise LedgerFault(f"cannot create {path.parent} for the ledger: {error.strerror or error}") from error


def _begin(connection: Connection, path: Path, *, create: bool) -> TreeHead:
    """The head of a new log, under the write lock. A settled key says that there was a log already."""
    if keys.key_path(path).exists():
        raise LedgerFault(f"ledger {path} is empty but has a key: its content was lost; restore it from a backup")
    if not create:
        raise LedgerFault(f"ledger {path} was never finished; create a work to begin it")
    return begin(connection, keys.make_pending_key(path))


def _check_stored(connection: Connection, signer: NoteSigner, seen: Checkpoint | None) -> None:
    """The checks at opening: the head holds, and exactly its leaves are there. ``ledger fsck`` checks every byte."""
    head, tree = check_head(connection, signer.verifier_key)
    check_not_older(seen, head, tree)
    count, last = connection.execute(select(func.count(), func.max(Leaf.leaf_index)).select_from(Leaf)).one()
    if count != head.size or (count and last != head.size - 1):
        raise LedgerFault(f"ledger: {count} entries are stored, the checkpoint says {head.size}; entries were lost")


def _entry(connection: Connection, index: int) -> bytes:
    row = connection.execute(select(Leaf.entry, Leaf.leaf_hash).where(Leaf.leaf_index == index)).one_or_none()
    if row is None or leaf_hash(row.entry) != row.leaf_hash:
        raise LedgerFault(f"ledger: entry {index} is not what was logged; the database is damaged")
    return bytes(row.entry)


def _stamped(connection: Connection, index: int) -> tuple[int, bytes, list[bytes]] | None:
    """Size, note and tokens of the first timestamped checkpoint with this leaf: it bounds the leaf's time best."""
    first = select(Stamp.size).where(Stamp.size > index).order_by(Stamp.size).limit(1)
    size = connection.execute(first).scalar_one_or_none()
    if size is None:
        return None
    statement = select(Stamp.note, Stamp.token).where(Stamp.size == size).order_by(Stamp.id).limit(MAX_TIMESTAMPS)
    rows = connection.execute(statement).all()
    tokens: list[bytes] = []
    for row in rows:
        if sum(map(len, tokens)) + len(row.token) <= MAX_STORED_TOKEN and row.note == rows[0].note:
            tokens.append(row.token)
    return size, rows[0].note, tokens
