"""Backups of a log, restoring them, and catching up with the tiles that were published since.

A backup is a SQLite log, whatever the database is: every row as it was at one moment, checked as it is written. Signing
keys are not in it. Restoring fills an empty database and then takes from the tile store what was published after the
backup: the same entries in the same order give the same tree, so that nothing that anybody has seen is lost and
nothing is signed twice. Blobs and API keys are not restored: some may have been withdrawn since.
With the tiles alone, and the keys, a log is made again from nothing.
"""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy import insert, select

from ledger import keys
from ledger.admission import prepare
from ledger.audit import check_log
from ledger.database import insert_rows, migrate, open_engine, reading, resolve, writing
from ledger.models import Base
from ledger.newest import check_not_older, newest_path, read_newest
from ledger.recovery import read_shown
from ledger.sequencer import Accepted, append, begin, current_state, read_head
from ledger.storeid import identify, take_store
from ledger.tilestore import open_store
from ledger.tree import StoredTree, TileCache
from provenance.errors import InvalidError, LedgerFault, UsageError
from provenance.tiles import bundles_of, parse_bundle

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from sqlalchemy import Connection, Table

    from ledger.log import Log
    from ledger.sequencer import State
    from ledger.tilestore import TileStore
    from provenance.checkpoint import Checkpoint, NoteSigner, VerifierKey

    Progress = Callable[[int, int], None]

__all__ = ["back_up", "restore"]

_CHUNK = 2_000
_REVOCABLE = ("blobs", "api_keys")
"""Tables that a restore leaves empty: what was withdrawn or removed after the backup must not come back with it."""


def back_up(log: Log, target: Path, verifiers: Sequence[VerifierKey]) -> int:
    """Write a backup to ``target``, which must not exist, while the log goes on; the number of entries in it.

    Raises:
        UsageError: the target exists. LedgerFault: the log is damaged, or the backup cannot be written.
    """
    if target.exists():
        raise UsageError(f"{target} exists; choose another name")
    with _folder_beside(target) as folder:
        made = Path(folder) / "backup.db"
        engine = open_engine(made)
        try:
            with reading(log.engine) as source, writing(engine) as sink:
                migrate(sink)
                _copy_all(source, sink)
                head = read_head(sink)
            problems = check_log(engine, verifiers)
            with engine.connect() as connection:
                connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")
        finally:
            engine.dispose()
        if problems or head is None:
            raise LedgerFault(f"the backup does not hold: {(problems or ['no head'])[0]}; run seedproof ledger fsck")
        _put_in_place(made, target)
    return head.size


def restore(
    backup: Path | None, database: str, key_file: Path | None, tiles: str | None, progress: Progress | None = None
) -> tuple[int, int]:
    """Fill an empty database from a backup and the tile store: the entries of the backup, and those of the log now.

    Raises:
        UsageError: neither a backup nor tiles. LedgerFault: the database has a log, or what it is restored from does
            not hold, or is older than what the log has signed and nothing newer can be had.
    """
    if backup is None and tiles is None:
        raise UsageError("name a backup, or the tiles, or both")
    place = resolve(database)
    key_file = key_file or (keys.key_path(place.path) if place.path else None)
    if key_file is None:
        raise UsageError("name the file with the log's signing keys")
    signers, verifiers = keys.load_keys(key_file), keys.load_verifiers(key_file)
    store = open_store(tiles) if tiles else None
    shown = read_shown(store, verifiers) if store else None
    seen = read_newest(newest_path(place.path or key_file), verifiers)
    _check_backup(backup, verifiers)
    if place.path is not None:
        place.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    engine = open_engine(database)
    try:
        with writing(engine) as connection:
            migrate(connection)
            if read_head(connection) is not None:
                raise LedgerFault(f"ledger {place}: there is a log; only an empty database can be restored into")
            _fill(connection, backup, signers)
            state = current_state(connection, verifiers, None)
            before = state.head.size
            if store is not None and shown is not None and shown.size > before:
                state = _catch_up(connection, state, store, shown, signers, progress)
            for trace, who in ((shown, "the tile store shows"), (seen, "this log has signed")):
                check_not_older(trace, StoredTree(connection, state.edge, TileCache()), state.head.size, who)
            store_id = None if store is None else identify(store, create=True)
            if store_id is not None:  # the operator names it: the one that the backup knew may be gone
                take_store(connection, store_id)
        problems = check_log(engine, verifiers)
    finally:
        engine.dispose()
    if problems:
        raise LedgerFault(f"ledger {place}: was restored, but does not hold: {problems[0]}; run seedproof ledger fsck")
    return before, state.head.size


def _check_backup(backup: Path | None, verifiers: Sequence[VerifierKey]) -> None:
    if backup is None:
        return
    if not backup.is_file():
        raise UsageError(f"there is no backup at {backup}")
    engine = open_engine(backup)
    try:
        problems = check_log(engine, verifiers)
    finally:
        engine.dispose()
    if problems:
        raise LedgerFault(f"backup {backup}: {problems[0]}; nothing was restored")


def _fill(connection: Connection, backup: Path | None, signers: Sequence[NoteSigner]) -> None:
    if backup is None:
        begin(connection, signers[0].name, signers)
        return
    engine = open_engine(backup)
    try:
        with reading(engine) as source:
            _copy_all(source, connection, without=_REVOCABLE)
    finally:
        engine.dispose()


def _catch_up(
    connection: Connection,
    state: State,
    store: TileStore,
    shown: Checkpoint,
    signers: Sequence[NoteSigner],
    progress: Progress | None,
) -> State:
    """Log again, in their order, the entries that the store has beyond the head."""
    for tile in bundles_of(state.head.size, shown.size):
        data = store.get(tile.path)
        try:
            entries = parse_bundle(data or b"", tile.width)
            batch = [prepare(entry) for entry in entries[state.head.size - tile.index * 256 :]]
        except InvalidError as error:
            raise LedgerFault(f"tiles: {tile.path} does not hold: {error}; nothing was restored") from error
        start = state.head.size
        outcomes, state = append(connection, signers, state, batch)
        places = [item.index if isinstance(item, Accepted) else -1 for item in outcomes]
        if places != list(range(start, start + len(batch))):
            raise LedgerFault(f"tiles: {tile.path} holds entries that are not of this log; nothing was restored")
        if progress:
            progress(state.head.size, shown.size)
    if state.head.root != shown.root:
        raise LedgerFault("tiles: the entries there do not give the root of the checkpoint; nothing was restored")
    return state


def _copy_all(source: Connection, sink: Connection, without: Sequence[str] = ()) -> None:
    for table in Base.metadata.sorted_tables:
        if table.name not in without:
            _copy(source, sink, table)


def _copy(source: Connection, sink: Connection, table: Table) -> None:
    names = [column.name for column in table.columns]
    rows = source.execution_options(yield_per=_CHUNK).execute(select(table))
    for part in rows.partitions():
        if table.name == "stamps":  # its ids come from the database, which must know which ones are taken
            sink.execute(insert(table), [{n: v for n, v in row._asdict().items() if n != "id"} for row in part])
        else:
            insert_rows(sink, table, names, [tuple(row) for row in part])


def _folder_beside(target: Path) -> tempfile.TemporaryDirectory[str]:
    try:
        return tempfile.TemporaryDirectory(prefix=".backup.", dir=target.parent)
    except OSError as error:
        raise LedgerFault(f"cannot write to {target.parent}: {error.strerror or error}") from error


def _put_in_place(made: Path, target: Path) -> None:
    try:
        with made.open("rb") as file:
            os.fsync(file.fileno())
        made.chmod(0o600)
        os.link(made, target)
    except OSError as error:
        raise LedgerFault(f"cannot write {target}: {error.strerror or error}") from error
