"""``seedproof ledger api-key``: who may submit to a service that asks for keys."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

import click

from ledger.cli_database import refuse_password
from ledger.cli_serve import DATABASE, KEY
from provenance.errors import UsageError
from provenance.terminal import note, write_json

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from ledger.log import Log

__all__ = ["api_key"]

_MAX_NAME = 100

T = TypeVar("T")


@click.group("api-key", epilog="Example: seedproof ledger api-key add gallery --database sqlite:///claims.db")
def api_key() -> None:
    """Keys for those who may submit to a service that asks for keys. Only their hashes are stored."""


@api_key.command(epilog="Example: seedproof ledger api-key add gallery --database sqlite:///claims.db")
@click.argument("name")
@DATABASE
@KEY
def add(name: str, database: str, key_file: Path | None) -> None:
    """Make a key and show it, once; a key of the same name is replaced."""
    from ledger.server.doorkeeper import key_digest, make_key

    key = make_key()
    _with_log(database, key_file, lambda log: log.add_api_key(_name(name), key_digest(key)))
    click.echo(key)
    note("this is shown once; whoever has it may submit, as Authorization: Bearer KEY")


@api_key.command(epilog="Example: seedproof ledger api-key remove gallery --database sqlite:///claims.db")
@click.argument("name")
@DATABASE
@KEY
def remove(name: str, database: str, key_file: Path | None) -> None:
    """Remove a key; services notice within seconds."""
    if not _with_log(database, key_file, lambda log: log.remove_api_key(name)):
        raise UsageError(f"there is no key named {name[:60]!r}; see: seedproof ledger api-key list")


@api_key.command("list", epilog="Example: seedproof ledger api-key list --database sqlite:///claims.db")
@DATABASE
@KEY
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

    log = open_log(
        refuse_password(database), key_file=key_file, read_only=True
    )  # of the log itself nothing is written or published
    try:
        return act(log)
    finally:
        log.close()


def _name(text: str) -> str:
    from provenance.display import require_plain_text
    from provenance.errors import InvalidError

    try:
        return require_plain_text(text, "the name of a key", limit=_MAX_NAME)
    except InvalidError as error:
        raise UsageError(str(error)) from error
