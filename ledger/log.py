"""A log: everything that a service, the command line or a test does with one, behind one class.

A log is a database (SQLite or PostgreSQL), a file with its signing keys, and, where it is served, a store of tiles::

    log = open_log("postgresql+psycopg://host/name", key_file=path, tiles="/var/lib/seedproof/tiles", create=True)
    prepared = prepare(data)                       parses and checks every signature; no database
    [accepted] = log.submit_batch([prepared])      durable when it returns; the head is signed
    log.publish()                                  tiles, then the checkpoint: now everybody can see it
    log.receipt(accepted.index)                    inclusion in a published checkpoint

Several processes may have one log open at once, each for itself; the database decides whose batch comes first. A
``Log`` may be shared between threads.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from ledger import keys
from ledger.admission import Prepared, prepare
from ledger.database import is_current, is_known, migrate, open_engine, reading, resolve, writing
from ledger.evidence import StampRow
from ledger.keychange import load_successions
from ledger.lookup import MAX_RESULTS
from ledger.newest import newest_path, read_newest
from ledger.opened import Log
from ledger.receipts import NotPublishedFault
from ledger.recovery import check_place, check_stored, read_shown
from ledger.sequencer import Accepted, Published, TreeHead, begin, current_state, read_head
from ledger.storeid import check_store_id, identify, take_store
from ledger.tilestore import open_store
from ledger.tree import StoredTree, TileCache
from provenance.errors import LedgerFault

if TYPE_CHECKING:
    from sqlalchemy import Engine

    from ledger.database import Place
    from ledger.tilestore import TileStore
    from provenance.checkpoint import NoteSigner

__all__ = [
    "MAX_RESULTS",
    "Accepted",
    "Log",
    "NotPublishedFault",
    "Prepared",
    "Published",
    "StampRow",
    "TreeHead",
    "open_log",
    "prepare",
]


def open_log(
    database: str | Path,
    *,
    key_file: Path | None = None,
    tiles: str | None = None,
    origin: str | None = None,
    create: bool = False,
    read_only: bool = False,
    move: bool = False,
) -> Log:
    """Open a log; with ``create`` one that is not there is begun.

    Args:
        database: a path or ``sqlite:///path``, or ``postgresql+psycopg://user@host/name``.
        key_file: its signing keys, mode 0600; by default ``<database>.key`` beside a SQLite file.
        tiles: a folder, ``s3://bucket/prefix`` (and what else obstore opens) or ``memory://``; without one the log is
            embedded: nothing is served, and what is logged counts as published.
        origin: the name of a log that is begun; later it must be that name, or None.
        create: begin the log when it is not there; one with tiles gets an ML-DSA-44 key beside its Ed25519 key.
        read_only: never writes and needs no private key: the key file may hold verifier keys.
        move: the log publishes into this store of tiles from now on, and into no other (:mod:`ledger.storeid`).

    Raises:
        LedgerFault: it is missing, something else, from a newer program, without its key, does not verify, is older
            than what it has published or what lies beside it, or publishes into another store.
    """
    place = resolve(database)
    if key_file is None and place.path is None:
        raise LedgerFault(f"ledger {place}: name the file with its signing keys; only a SQLite log has one beside it")
    key_file = key_file or keys.key_path(place.path or Path())
    has_key = key_file.exists()  # asked before the database: it settles only after the database is durable
    if place.path is not None:
        check_place(place.path, create=create and not read_only, has_key=has_key)
    engine = open_engine(place.path or place.url.render_as_string(hide_password=False))
    try:
        with reading(engine) as connection:
            head = read_head(connection) if is_current(connection) else None
        if head is None:
            head = _begin(engine, place, key_file, origin, create=create, served=tiles is not None, read_only=read_only)
        keys.check_origin(key_file, origin or head.origin, head.origin)
        return _settle(place, engine, key_file, head.origin, tiles, read_only=read_only, move=move)
    except BaseException:
        engine.dispose()
        raise


def _begin(
    engine: Engine, place: Place, key_file: Path, origin: str | None, *, create: bool, served: bool, read_only: bool
) -> TreeHead:
    """The head of a log whose tables are missing or of an earlier revision; of a new log, under the write lock."""
    if read_only:
        raise LedgerFault(f"ledger {place}: is not there, or was written by an older program; open it for writing once")
    with writing(engine) as connection:
        if connection.dialect.name == "postgresql" and not create and not is_known(connection):
            raise LedgerFault(f"there is no ledger at {place}; name an existing one")
        migrate(connection)
        head = read_head(connection)
        if head is not None:
            return head
        if key_file.exists():  # settled keys say that there was a log already
            raise LedgerFault(f"ledger {place} is empty but has a key: its content was lost; restore it from a backup")
        if not create:
            raise LedgerFault(f"ledger {place} was never finished; create a work to begin it")
        signers = keys.make_pending_keys(key_file, origin, post_quantum=served)
        return begin(connection, signers[0].name, signers)


def _settle(
    place: Place, engine: Engine, key_file: Path, origin: str, tiles: str | None, *, read_only: bool, move: bool
) -> Log:
    signers: tuple[NoteSigner, ...] = ()
    if read_only:
        verifiers = keys.load_verifiers(key_file)
        keys.check_origin(key_file, verifiers[0].name, origin)
    else:
        signers = keys.settle_keys(key_file, origin)
        verifiers = keys.load_verifiers(key_file)
    store = None if tiles is None else open_store(tiles)
    newest = newest_path(place.path or key_file)
    # Both before the database: others may be appending, and these must not be newer than what they are held against.
    seen = read_newest(newest, verifiers)
    shown = read_shown(store, verifiers) if store else None
    cache = TileCache()
    with reading(engine) as connection:
        state = current_state(connection, verifiers, None)
        check_stored(connection, state, StoredTree(connection, state.edge, cache), seen, shown)
    store_id = _identify(engine, store, read_only=read_only, move=move) if store else None
    successions = load_successions(key_file, origin)
    log = Log(place, engine, verifiers, signers, store, newest, state, cache, successions, store_id)
    if log.needs_signing:
        log.sign_again()
    if store is not None and not read_only:
        log.publish_from(shown.size if shown else 0)
    return log


def _identify(engine: Engine, store: TileStore, *, read_only: bool, move: bool) -> str | None:
    """The id of the store, which must be the log's own, or becomes it."""
    if not move:
        with reading(engine) as connection:
            check_store_id(connection, identify(store, create=False))
    if read_only:
        return identify(store, create=False)
    found = identify(store, create=True)
    if move and found is not None:
        with writing(engine) as connection:
            take_store(connection, found)
    return found
