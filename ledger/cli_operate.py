"""``seedproof ledger fsck|backup|restore|rotate-key``: what keeps a log."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import TYPE_CHECKING

import click

from ledger.cli_database import refuse_password, tiles_there
from provenance.errors import LedgerFault, UsageError
from provenance.home import find_home
from provenance.terminal import ProgressLine, note, write_json

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    Progress = Callable[[int, int], None]

__all__ = ["backup", "fsck", "restore", "rotate_key"]

_DATABASE = click.option(
    "--database",
    "--ledger",
    "location",
    metavar="PATH|URL",
    help="The log's database: a path, sqlite:///PATH or postgresql+psycopg://USER@HOST/NAME; by default your own log.",
)
_KEY = click.option(
    "--key", "key_file", type=click.Path(path_type=Path), help="Its keys; by default beside a SQLite file."
)
_TILES = click.option(
    "--tiles",
    metavar="FOLDER|URL",
    help="Its tile store, if it is served: the folder beside a SQLite file, if there is one, by default.",
)
_JSON = click.option("--json", "as_json", is_flag=True, help="Write the result as JSON.")


@click.command(epilog="Example: seedproof ledger fsck --database gallery.db --tiles gallery.tiles")
@_DATABASE
@_KEY
@_TILES
@_JSON
def fsck(location: str | None, key_file: Path | None, tiles: str | None, as_json: bool) -> None:
    """Check every entry, proof and hash of the log, and every tile. Exit code 4 when something does not hold.

    Nothing is written; verifier keys suffice. The service may go on meanwhile.
    """
    from ledger.audit import check_log
    from ledger.log import open_log
    from provenance.note import VerifierKey

    place = _place(location)
    tiles = tiles or tiles_there(place)
    opened = open_log(place, key_file=key_file, tiles=tiles, read_only=True)
    try:
        keys = [VerifierKey.parse(key) for key in opened.verifier_keys]
        with _progress("checking entries") as show:
            problems = check_log(opened.engine, keys, show, opened.store)
        size = None if problems else opened.head().size
    finally:
        opened.close()
    if as_json:
        write_json({"version": 1, "ledger": opened.location, "entries": size, "problems": problems})
    for problem in problems:
        note(problem)
    if problems:
        raise LedgerFault(f"{opened.location}: {len(problems)} problems; restore it from a backup of its newest state")
    if not as_json:
        click.echo(f"{opened.location}: all {size} entries hold{f', and the tiles in {tiles}' if tiles else ''}")


@click.command(epilog="Example: seedproof ledger backup --database gallery.db -o gallery-2026-11-22.backup")
@_DATABASE
@_KEY
@click.option("-o", "--output", "target", required=True, type=click.Path(path_type=Path), help="File to write.")
@_JSON
def backup(location: str | None, key_file: Path | None, target: Path, as_json: bool) -> None:
    """Copy the log as it is at one moment into a file, and check the copy. The service may go on meanwhile.

    The file is a SQLite log, whatever the database is. The signing keys are not in it: keep them apart.
    """
    from ledger.backup import back_up
    from ledger.log import open_log
    from provenance.note import VerifierKey

    opened = open_log(_place(location), key_file=key_file, read_only=True)
    try:
        size = back_up(opened, target, [VerifierKey.parse(key) for key in opened.verifier_keys])
    finally:
        opened.close()
    if as_json:
        write_json({"version": 1, "ledger": opened.location, "backup": str(target), "entries": size})
        return
    note(f"{target}: all {size} entries of {opened.location} hold; its keys are not in it, keep them apart")


@click.command(epilog="Example: seedproof ledger restore gallery.backup --database gallery.db --tiles gallery.tiles")
@click.argument("file", required=False, type=click.Path(path_type=Path))
@click.option(
    "--database",
    "location",
    required=True,
    metavar="PATH|URL",
    help="An empty database; a missing SQLite file is made.",
)
@_KEY
@_TILES
@_JSON
def restore(file: Path | None, location: str, key_file: Path | None, tiles: str | None, as_json: bool) -> None:
    """Fill an empty database from the backup FILE, and with what the tile store has published since.

    Blobs and API keys are left out, since some may have been withdrawn after the backup: owners publish theirs again.
    Without FILE everything comes out of the tiles. The log's keys must be in their place. An older state than the log
    has shown is refused: going on from there would sign a fork.
    """
    from ledger.backup import restore as restore_log

    place = _place(location)
    with _progress("taking entries from the tiles") as show:
        before, size = restore_log(file, place, key_file, tiles or tiles_there(place), show)
    if as_json:
        write_json({"version": 1, "entries_of_backup": before, "entries": size})
        return
    note(f"{size} entries restored, {size - before} of them out of the tiles; all of them hold")


@click.command("rotate-key", epilog="Example: seedproof ledger rotate-key --database gallery.db")
@_DATABASE
@_KEY
@click.option("--retire", is_flag=True, help="Destroy the secrets of the older keys, some weeks after the new came.")
@_JSON
def rotate_key(location: str | None, key_file: Path | None, retire: bool, as_json: bool) -> None:
    """Give the log new signing keys beside the old ones, or (--retire) end the old ones.

    First add: from its next start the service signs with all keys. The old ones have signed that the new ones may,
    which is kept in KEYFILE.successions and served: clients who know an old key learn the new ones by themselves, at
    their next contact; policies are changed by their owners. Later retire: the service signs with the new keys alone,
    and clients forget the old ones. Old verifier keys stay in the key file, so that what they signed can be checked.
    """
    from ledger import keychange, keys
    from ledger.log import open_log

    place = _place(location)
    log = open_log(place, key_file=key_file)  # the keys are this log's, and it holds
    size = log.head().size
    log.close()
    path = key_file or keys.key_path(Path(place.removeprefix("sqlite:///")).expanduser().absolute())
    before = keys.load_verifiers(path)
    if retire:
        leaving = keychange.retire_keys(path, size=size)
        log = open_log(place, key_file=path)
        log.sign_again()
        log.close()
        changed = [key.format() for key in leaving]
    else:
        served = len({signer.kind for signer in keys.load_keys(path)}) > 1
        added = [signer.verifier_key for signer in keychange.add_keys(path, size=size, post_quantum=served)]
        keys.remember_successors(before, added)
        changed = [key.format() for key in added]
    if as_json:
        write_json({"version": 1, "key_file": str(path), "retired" if retire else "added": changed})
        return
    for line in changed:
        click.echo(line)
    note(f"{path}: {len(changed)} keys {'retired' if retire else 'added'}; start the service again to use it")
    note(f"copy {keychange.succession_path(path)} to every host that serves this log, and publish the verifier keys")


def _place(location: str | None) -> str:
    if location is None:
        return str(find_home().ledger)
    if location.startswith(("http://", "https://")):
        raise UsageError("this is the operator's command: name the log's database, not its address")
    return refuse_password(location)


@contextlib.contextmanager
def _progress(label: str) -> Iterator[Progress]:
    line = ProgressLine()
    try:
        yield lambda done, total: line(done, total, label)
    finally:
        line.clear()
