"""What an operator can set, and the bounds that he need not think about, each with its reason."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from provenance.claim import MAX_ENTRY_BYTES

if TYPE_CHECKING:
    from pathlib import Path

__all__ = [
    "BLOB_COST_BYTES",
    "ENTRY_COST",
    "IDLE_SECONDS",
    "LOG_SECONDS",
    "MAX_BLOB_BYTES",
    "MAX_BODY_BYTES",
    "MAX_HEADER_BYTES",
    "MAX_PAGE",
    "MAX_PAGE_BYTES",
    "STOP_SECONDS",
    "Patience",
    "Settings",
    "Witness",
]

MAX_BODY_BYTES = MAX_ENTRY_BYTES
"""Longest body of a submission: an entry must fit into a bundle of tlog-tiles."""

MAX_BLOB_BYTES = 8 * 2**20
"""Longest recipe or stored latent; a latent of SD-class size has 30 KB, the largest that is read 8 MiB unpacked."""

BLOB_COST_BYTES = 65_536
"""Bytes of a blob that count as one more submission of its client."""

MAX_HEADER_BYTES = 16_384
"""Request line and header fields together; a grant of 16 owners has 6 KB in hex."""

IDLE_SECONDS = 75
"""How long a connection is kept open between requests; longer than the 60 seconds of common proxies."""

LOG_SECONDS = 10.0
"""How long a submission waits to be logged; a batch takes some 0.05. It may still be logged after this."""

STOP_SECONDS = 10
"""How long requests may take to end after SIGTERM; what is accepted is logged and published whatever happens."""

MAX_PAGE = 200
"""Most entries of one answer: some 200 KB, and some 50 ms of a thread, during which others get their turn."""

ENTRY_COST = 0.25
"""What an entry on a page takes of a client's read rate: finding it is a quarter of the work of another request."""

MAX_PAGE_BYTES = 4 * 2**20
"""An answer ends after the entry that crosses this; a page of the largest entries would have 64 MB."""


@dataclass(frozen=True)
class Patience:
    """Seconds that a client has.

    Attributes:
        header: from the connection, or the first byte of a later request, until the header is whole.
        body: from there until the body is whole: 64 KB over the slowest mobile link, 8 MB at 3.3 Mbit/s.
        send: to take a part of the answer, or to acknowledge one; a bundle can have 16 MB.
    """

    header: float = 10.0
    body: float = 20.0
    send: float = 60.0


@dataclass(frozen=True)
class Witness:
    """A witness that is asked for cosignatures: where, and its verifier key."""

    url: str
    key: str


@dataclass(frozen=True)
class Settings:
    """One service. Rates are per client address and worker process, in requests a second; None sets no bound.

    Attributes:
        database, key_file, tiles, origin, read_only: see ``ledger.log.open_log``.
        workers: processes that serve; each has its own connection to the database.
        connections: most open connections of one worker; further ones are told to come back.
        write_rate, read_rate: what a client may do all the time; for a moment ten times as much.
        blob_quota: bytes of all blobs together: they stand in the log's own database, whose disk must not fill.
        proxies: addresses of reverse proxies whose X-Forwarded-For names the client.
        authorities: RFC 3161 authorities that stamp checkpoints, at most one in ``stamp_every`` seconds;
            where ``timestamp_roots`` (PEM) are given, their tokens must chain to one of these.
        require_witness: whether a witness that does not answer at start keeps the service from starting.
    """

    database: str
    key_file: Path | None = None
    tiles: str | None = None
    origin: str | None = None
    read_only: bool = False
    workers: int = 1
    connections: int = 1_024
    require_api_key: bool = False
    write_rate: float | None = 50.0
    read_rate: float | None = 1_000.0
    blob_quota: int | None = 4 * 2**30
    proxies: tuple[str, ...] = ()
    authorities: tuple[str, ...] = ()
    timestamp_roots: tuple[bytes, ...] = ()
    stamp_every: float = 60.0
    witnesses: tuple[Witness, ...] = ()
    require_witness: bool = False
    patience: Patience = field(default_factory=Patience)
