"""``seedproof ledger serve``: run the log as a service."""

from __future__ import annotations

from pathlib import Path

import click

from ledger.cli_database import refuse_password, tiles_beside
from provenance.errors import UsageError
from provenance.terminal import note

__all__ = ["DATABASE", "KEY", "serve"]

DATABASE = click.option(
    "--database", required=True, metavar="URL", help="sqlite:///FILE or postgresql+psycopg://USER@HOST/NAME."
)
KEY = click.option(
    "--key",
    "key_file",
    type=click.Path(path_type=Path),
    help="The log's signing keys; beside a SQLite file by default.",
)
_MAX_PORT = 65_535


@click.command(epilog="Example: seedproof ledger serve --database sqlite:///claims.db --tiles claims.tiles")
@DATABASE
@KEY
@click.option(
    "--tiles",
    metavar="FOLDER|URL",
    help="Where tiles are published: a folder (default: beside the SQLite file) or s3://bucket/prefix.",
)
@click.option(
    "--origin", metavar="NAME", help="Name of a new log, such as log.example.org/2026; a log is never renamed."
)
@click.option(
    "--listen",
    "address",
    default="127.0.0.1:8700",
    show_default=True,
    metavar="HOST:PORT",
    help="Port 0 takes a free one.",
)
@click.option("--workers", type=click.IntRange(1, 64), default=1, show_default=True, help="Processes that serve.")
@click.option("--read-only", is_flag=True, help="Answer readers alone; needs no private key.")
@click.option(
    "--timestamp",
    "authorities",
    multiple=True,
    metavar="URL",
    help="RFC 3161 authority that stamps checkpoints; repeatable.",
)
@click.option(
    "--timestamp-root",
    "timestamp_roots",
    multiple=True,
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Root certificate (PEM) that timestamps must chain to; repeatable. By default any that holds is kept.",
)
@click.option(
    "--timestamp-every", type=click.FloatRange(0.2, 86_400), default=60.0, show_default=True, metavar="SECONDS"
)
@click.option(
    "--witness",
    "witnesses",
    multiple=True,
    metavar="URL",
    help="Witness that cosigns checkpoints; repeatable, each with its --witness-key.",
)
@click.option(
    "--witness-key",
    "witness_keys",
    multiple=True,
    metavar="VKEY",
    help="Verifier key of the witness at the same place.",
)
@click.option("--require-witness", is_flag=True, help="Do not start while a witness is away: see docs/operating.md.")
@click.option(
    "--allow-unsafe-database",
    is_flag=True,
    help="Serve from a PostgreSQL that may lose what it has confirmed (fsync or full_page_writes off).",
)
@click.option("--require-api-key", is_flag=True, help="Take entries only with a key of: seedproof ledger api-key add.")
@click.option(
    "--write-rate",
    type=click.FloatRange(0),
    default=50.0,
    show_default=True,
    metavar="N",
    help="Submissions a second from one address and worker; 0 for no bound.",
)
@click.option(
    "--read-rate",
    type=click.FloatRange(0),
    default=1_000.0,
    show_default=True,
    metavar="N",
    help="The same for reading.",
)
@click.option(
    "--blob-quota",
    type=click.IntRange(0),
    default=4_096,
    show_default=True,
    metavar="MIB",
    help="Room for all published recipes and latents together, in the log's database; 0 for no bound.",
)
@click.option(
    "--connections",
    type=click.IntRange(1, 65_536),
    default=1_024,
    show_default=True,
    help="Most open connections of a worker.",
)
@click.option(
    "--proxy",
    "proxies",
    multiple=True,
    metavar="ADDRESS",
    help="Reverse proxy whose X-Forwarded-For is believed; repeatable.",
)
@click.option(
    "--patience",
    type=(click.FloatRange(0.1, 3_600), click.FloatRange(0.1, 3_600), click.FloatRange(0.1, 3_600)),
    default=(10.0, 20.0, 60.0),
    show_default=True,
    metavar="HEADER BODY SEND",
    help="Seconds that a client has to send header and body, and to take the answer.",
)
@click.option("--verbose", is_flag=True, help="One line of journal for each request; never an address.")
def serve(
    address: str,
    write_rate: float,
    read_rate: float,
    timestamp_every: float,
    witnesses: tuple[str, ...],
    witness_keys: tuple[str, ...],
    patience: tuple[float, float, float],
    verbose: bool,
    database: str,
    tiles: str | None,
    read_only: bool,
    key_file: Path | None,
    origin: str | None,
    workers: int,
    authorities: tuple[str, ...],
    timestamp_roots: tuple[Path, ...],
    require_api_key: bool,
    require_witness: bool,
    allow_unsafe_database: bool,
    blob_quota: int,
    connections: int,
    proxies: tuple[str, ...],
) -> None:
    """Serve a log over HTTP; one that does not exist is begun.

    Says "listening on http://..." on stderr when requests are answered; everything after that is a journal of JSON
    lines. SIGTERM ends it: what was accepted is logged and published. TLS is for a reverse proxy (docs/operating.md).
    """
    from ledger.cosigning import check_witness
    from ledger.database import require_durable
    from ledger.server.process import announce, listen, open_settings
    from ledger.server.process import serve as run
    from ledger.server.settings import Patience, Settings, Witness
    from ledger.timestamping import check_authority_url, read_roots

    host, port = _address(address)
    refuse_password(database)
    if len(witnesses) != len(witness_keys):
        raise UsageError("give each --witness its --witness-key, in the same order")
    for url, key in zip(witnesses, witness_keys, strict=True):
        check_witness(url, key)
    for url in authorities:
        check_authority_url(url)
    for proxy in proxies:
        _check_proxy(proxy)
    if require_witness and not witnesses:
        raise UsageError("--require-witness needs a --witness")
    if authorities and not timestamp_roots:
        note("warning: without --timestamp-root the token of whoever answers for a timestamp authority is kept")
    settings = Settings(
        database=database,
        key_file=key_file,
        tiles=tiles or tiles_beside(database),
        origin=origin,
        read_only=read_only,
        workers=workers,
        connections=connections,
        require_api_key=require_api_key,
        write_rate=write_rate or None,
        read_rate=read_rate or None,
        blob_quota=blob_quota * 2**20 or None,
        proxies=proxies,
        authorities=authorities,
        timestamp_roots=tuple(read_roots(path) for path in timestamp_roots),
        stamp_every=timestamp_every,
        patience=Patience(*patience),
        witnesses=tuple(Witness(url, key) for url, key in zip(witnesses, witness_keys, strict=True)),
        require_witness=require_witness,
    )
    if not read_only:
        require_durable(database, allow=allow_unsafe_database)
    log = open_settings(settings, create=not read_only)
    listener = listen(host, port)
    run(settings, log, listener, verbose=verbose, ready=lambda: announce(listener))


def _address(text: str) -> tuple[str, int]:
    host, _, port = text.rpartition(":")
    if not host or not port.isascii() or not port.isdigit() or int(port) > _MAX_PORT:
        raise UsageError(f"--listen {text[:100]!r}: give HOST:PORT, such as 127.0.0.1:8700 or [::1]:8700")
    return host.strip("[]"), int(port)


def _check_proxy(text: str) -> None:
    """An address or a network, and not everybody: who is believed may call himself what he likes, and has no rate."""
    from ipaddress import ip_network

    try:
        everybody = ip_network(text).prefixlen == 0
    except ValueError:
        everybody = True
    if everybody:
        raise UsageError(
            f"--proxy {text[:60]!r}: give the address of the reverse proxy, such as 127.0.0.1 or 10.0.0.0/24"
        )
