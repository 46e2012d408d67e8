"""``seedproof ledger serve`` and ``seedproof ledger api-key``: run the log as a service."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import click

from provenance.errors import UsageError
from provenance.terminal import note, write_json

if TYPE_CHECKING:
    from collections.abc import Callable

    from ledger.log import Log

__all__ = ["api_key", "serve"]

_DATABASE = click.option(
    "--database", required=True, metavar="URL", help="sqlite:///FILE or postgresql+psycopg://USER@HOST/NAME."
)
_KEY = click.option(
    "--key",
    "key_file",
    type=click.Path(path_type=Path),
    help="The log's signing keys; beside a SQLite file by default.",
)
_MAX_PORT = 65_535
_MAX_NAME = 100

T = TypeVar("T")


@click.command(epilog="Example: seedproof ledger serve --database sqlite:///claims.db --tiles claims.tiles")
@_DATABASE
@_KEY
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
    blob_quota: int,
    connections: int,
    proxies: tuple[str, ...],
) -> None:
    """Serve a log over HTTP; one that does not exist is begun.

    Says "listening on http://..." on stderr when requests are answered; everything after that is a journal of JSON
    lines. SIGTERM ends it: what was accepted is logged and published. TLS is for a reverse proxy (docs/operating.md).
    """
    from ledger.cosigning import check_witness
    from ledger.server.process import announce, listen, open_settings
    from ledger.server.process import serve as run
    from ledger.server.settings import Patience, Settings, Witness
    from ledger.timestamping import check_authority_url, read_roots

    host, port = _address(address)
    _check_database(database)
    if len(witnesses) != len(witness_keys):
        raise UsageError("give each --witness its --witness-key, in the same order")
    for url, key in zip(witnesses, witness_keys, strict=True):
        check_witness(url, key)
    for url in authorities:
        check_authority_url(url)
    for proxy in proxies:
        _check_proxy(proxy)
    settings = Settings(
        database=database,
        key_file=key_file,
        tiles=tiles or _beside(database),
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
    )
    log = open_settings(settings, create=not read_only)
    listener = listen(host, port)
    run(settings, log, listener, verbose=verbose, ready=lambda: announce(listener))


@click.group("api-key", epilog="Example: seedproof ledger api-key add gallery --database sqlite:///claims.db")
def api_key() -> None:
    """Keys for those who may submit to a service that asks for keys. Only their hashes are stored."""


@api_key.command(epilog="Example: seedproof ledger api-key add gallery --database sqlite:///claims.db")
@click.argument("name")
@_DATABASE
@_KEY
def add(name: str, database: str, key_file: Path | None) -> None:
    """Make a key and show it, once; a key of the same name is replaced."""
    from ledger.server.doorkeeper import key_digest, make_key

    key = make_key()
    _with_log(database, key_file, lambda log: log.add_api_key(_name(name), key_digest(key)))
    click.echo(key)
    note("this is shown once; whoever has it may submit, as Authorization: Bearer KEY")


@api_key.command(epilog="Example: seedproof ledger api-key remove gallery --database sqlite:///claims.db")
@click.argument("name")
@_DATABASE
@_KEY
def remove(name: str, database: str, key_file: Path | None) -> None:
    """Remove a key; services notice within seconds."""
    if not _with_log(database, key_file, lambda log: log.remove_api_key(name)):
        raise UsageError(f"there is no key named {name[:60]!r}; see: seedproof ledger api-key list")


@api_key.command("list", epilog="Example: seedproof ledger api-key list --database sqlite:///claims.db")
@_DATABASE
@_KEY
@click.option("--json", "as_json", is_flag=True, help="Write the result as JSON.")
def list_keys(database: str, key_file: Path | None, as_json: bool) -> None:
    """Names of the keys."""
    names = sorted(_with_log(database, key_file, lambda log: log.api_keys()))
    if as_json:
        write_json({"version": 1, "keys": names})
        return
    for name in names:
        click.echo(name)


def _with_log(database: str, key_file: Path | None, act: Callable[[Log], T]) -> T:
    """Do something with an existing log that nobody need serve."""
    from ledger.log import open_log

    _check_database(database)
    log = open_log(database, key_file=key_file, read_only=True)  # of the log itself nothing is written or published
    try:
        return act(log)
    finally:
        log.close()


def _address(text: str) -> tuple[str, int]:
    host, _, port = text.rpartition(":")
    if not host or not port.isascii() or not port.isdigit() or int(port) > _MAX_PORT:
        raise UsageError(f"--listen {text[:100]!r}: give HOST:PORT, such as 127.0.0.1:8700 or [::1]:8700")
    return host.strip("[]"), int(port)


def _beside(database: str) -> str | None:
    """The folder of tiles beside a SQLite file."""
    path = database.removeprefix("sqlite:///")
    return None if "://" in path else f"{path}.tiles"


def _check_database(database: str) -> None:
    """No password in the arguments: every user of the machine can read them."""
    credentials, at, _ = database.partition("://")[2].partition("@")
    if (at and credentials.partition(":")[2]) or "password" in database.partition("?")[2].lower():
        raise UsageError("--database: no password in the address, others could read it there; put it into ~/.pgpass")


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


def _name(text: str) -> str:
    from provenance.display import require_plain_text
    from provenance.errors import InvalidError

    try:
        return require_plain_text(text, "the name of a key", limit=_MAX_NAME)
    except InvalidError as error:
        raise UsageError(str(error)) from error
