"""Which tile store is a log's own: each store has an id, and the database keeps the one that it publishes into.

Every process names its tile store itself. Two that name different ones (a path on each host's own disk, a service that
somebody started by hand) would each publish what the other lacks, and both stores would show checkpoints without their
tiles. So a store gets a random id in its file ``store-id`` when it is first used, and another store than the log's is
refused. Moving a log to another one is done on purpose: ``seedproof ledger move-tiles``.
"""

from __future__ import annotations

import contextlib
import re
import secrets
from typing import TYPE_CHECKING

from sqlalchemy import select, update

from ledger.models import PublishedRow
from provenance.errors import LedgerFault

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from ledger.tilestore import TileStore

__all__ = ["STORE_ID_PATH", "check_store_id", "identify", "take_store"]

STORE_ID_PATH = "store-id"
"""Where the id stands, beside the tiles: 32 hexadecimal digits and a newline."""

_ID = re.compile(rb"([0-9a-f]{32})\n")


def identify(store: TileStore, *, create: bool) -> str | None:
    """The store's id, which it gets now with ``create``, if it has none.

    Raises:
        LedgerFault: what stands there is none, or the store cannot be used.
    """
    data = store.get(STORE_ID_PATH)
    if data is None and create:
        with contextlib.suppress(LedgerFault):  # another process was faster; else the next line says what is wrong
            store.put_new(STORE_ID_PATH, f"{secrets.token_hex(16)}\n".encode())
        data = store.get(STORE_ID_PATH)
    if data is None:
        if create:
            raise LedgerFault("tiles: the store keeps nothing that is put into it; check its disk, or keys and rights")
        return None
    found = _ID.fullmatch(data)
    if found is None:
        raise LedgerFault(f"tiles: the store's {STORE_ID_PATH} is damaged; restore that file from the store's backup")
    return found[1].decode()


def check_store_id(connection: Connection, mine: str | None) -> None:
    """Refuse to go on with another store than the one that the log publishes into, if that is known.

    Raises:
        LedgerFault: it is another one.
    """
    row = connection.execute(select(PublishedRow.store).where(PublishedRow.id == 1)).one_or_none()
    if row is not None and row[0] is not None and row[0] != mine:
        raise LedgerFault(
            "tiles: this is not the store that the log publishes into (its id is "
            f"{(mine or 'missing')[:8]}, the log's {str(row[0])[:8]}); start with --tiles of that store. If that one "
            "is lost or the log is to move here, stop its services and run seedproof ledger move-tiles"
        )


def take_store(connection: Connection, mine: str) -> None:
    """From now on the log publishes into this store, and every process that has another one open is refused."""
    connection.execute(update(PublishedRow).where(PublishedRow.id == 1).values(store=mine))
