"""``seedproof publish``: take a claim to a log, and the log's receipt into the file or beside it."""

from __future__ import annotations

import stat
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from ledger.opening import open_any
from provenance.cli_options import keystore_options, unlock_author
from provenance.cli_verify import read_picture_file
from provenance.errors import UsageError
from provenance.terminal import note, write_json

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ledger.client import RemoteLedger
    from ledger.publish import Publication
    from provenance.credentials import Credentials
    from provenance.keystore import Secrets
    from provenance.ports import Ledger

__all__ = ["publish"]


@click.command(epilog="Example: seedproof publish hills.png --ledger https://ledger.example --with-recipe")
@click.argument("file", type=click.Path(path_type=Path))
@click.option(
    "--ledger",
    "location",
    metavar="PATH|URL",
    required=True,
    help="The log that takes the claim; a file that is missing becomes a new one of your own.",
)
@click.option("--refresh", is_flag=True, help="Only fetch a receipt that proves more than the one in FILE.")
@click.option(
    "--sidecar", is_flag=True, help="Leave FILE as it is; write FILE.seedproof.json beside it. Needs no keys."
)
@click.option(
    "--with-recipe", is_flag=True, help="Let everybody read the recipe at the service, notaries first of all."
)
@click.option("--with-latent", is_flag=True, help="Let everybody read the stored latent at the service.")
@click.option("--withdraw", is_flag=True, help="Take recipe and latent back from the service; nothing else is done.")
@click.option(
    "--stamp", "authorities", multiple=True, metavar="URL", help="RFC 3161 authority that stamps the log's checkpoint."
)
@click.option("--cert", type=click.Path(path_type=Path), help="Your own C2PA certificate chain (PEM).")
@click.option("--key", type=click.Path(path_type=Path), help="Its private key (PEM, mode 0600).")
@click.option("--tsa", metavar="URL", help="RFC 3161 authority that stamps the C2PA signature.")
@click.option("--json", "as_json", is_flag=True, help="Write the result as JSON.")
@keystore_options
def publish(
    file: Path,
    location: str,
    refresh: bool,
    sidecar: bool,
    with_recipe: bool,
    with_latent: bool,
    withdraw: bool,
    authorities: tuple[str, ...],
    cert: Path | None,
    key: Path | None,
    tsa: str | None,
    as_json: bool,
    passphrase_file: Path | None,
) -> None:
    """Put the claim of FILE into another log, and the log's receipt into FILE. The picture itself stays as it is.

    A file holds one receipt: the new one replaces the old one with its timestamps, so keep a copy where you need both.
    Done again it fetches a newer receipt; with --refresh only one with more timestamps, cosignatures or attestations.
    The receipt of a log that others use too shows there when an anonymous work was published. A symbolic link stays
    one; the file behind it is written.
    """
    from ledger.publish import receipt_remarks
    from provenance.files import check_writable
    from provenance.sidecar import sidecar_path

    blobs = [kind for kind, wanted in (("recipe", with_recipe), ("latent", with_latent)) if wanted]
    _check_options(location, authorities, bool(blobs) or withdraw)
    if withdraw and (blobs or refresh or sidecar):
        raise UsageError("--withdraw goes with no other option but --ledger")
    data, target = read_picture_file(file), file.resolve()
    check_writable(sidecar_path(file) if sidecar else target, overwrite=True)
    author = None if sidecar and not blobs else unlock_author(passphrase_file, cert=cert, key=key)
    if "://" not in location and not Path(location).expanduser().exists():
        note(f"{location} is missing: it becomes a new log of your own")
    opened = open_any(location, create="://" not in location)
    try:
        if withdraw and author is not None:
            _withdraw(data, opened, author[0])
            return
        if sidecar or author is None:
            made = _beside(file, data, opened, authorities, refresh=refresh)
        else:
            made = _into(data, opened, *author, tsa, authorities, target=target, refresh=refresh)
        if author is not None:
            _give(data, opened, author[0], blobs)
    finally:
        opened.close()
    for remark in receipt_remarks(made):
        note(f"{file}: {remark}")
    _tell(file, opened, made, blobs, as_json=as_json)


def _check_options(location: str, authorities: Sequence[str], needs_service: bool) -> None:
    if authorities and "://" in location:
        raise UsageError("--stamp is for local logs; a service has its own checkpoints stamped")
    if needs_service and "://" not in location:
        raise UsageError("recipes and latents are kept by services; name one with --ledger http://...")


def _into(
    data: bytes,
    opened: Ledger,
    secrets: Secrets,
    credentials: Credentials,
    tsa: str | None,
    authorities: Sequence[str],
    *,
    target: Path,
    refresh: bool,
) -> Publication:
    """Publish, and write the file."""
    from ledger.publish import publish_picture
    from provenance.files import write_atomic
    from provenance.home import find_home
    from provenance.policy import load_policy

    made = publish_picture(
        data,
        opened,
        secrets.master,
        credentials,
        now=datetime.now(UTC),
        tsa_url=tsa,
        before_receipt=lambda: _stamp(opened, authorities),
        trust=load_policy(find_home()),
        refresh=refresh,
    )
    if made.data is not None:
        write_atomic(target, made.data, mode=stat.S_IMODE(target.stat().st_mode))
    return made


def _beside(file: Path, data: bytes, opened: Ledger, authorities: Sequence[str], *, refresh: bool) -> Publication:
    """Publish, and write the sidecar."""
    from ledger.publish import publish_beside
    from provenance.files import read_bounded, write_atomic
    from provenance.home import find_home
    from provenance.policy import load_policy
    from provenance.sidecar import MAX_SIDECAR_BYTES, sidecar_path

    path = sidecar_path(file)
    made = publish_beside(
        data,
        opened,
        read_bounded(path, "sidecar", limit=MAX_SIDECAR_BYTES) if path.exists() else None,
        now=datetime.now(UTC),
        before_receipt=lambda: _stamp(opened, authorities),
        trust=load_policy(find_home()),
        refresh=refresh,
    )
    if made.data is not None:
        write_atomic(path, made.data)
    return made


def _give(data: bytes, opened: Ledger, secrets: Secrets, kinds: Sequence[str]) -> None:
    """Let the service have recipe or latent."""
    if not kinds:
        return
    from ledger.blobs import publish_blob
    from ledger.work import read_work

    work = read_work(data, datetime.now(UTC))
    content = {"recipe": work.assertion.recipe, "latent": work.latent}
    for kind in kinds:
        publish_blob(_service(opened), work.claim, kind, content[kind], secrets.master, datetime.now(UTC))


def _withdraw(data: bytes, opened: Ledger, secrets: Secrets) -> None:
    from ledger.blobs import KINDS, withdraw_blob
    from ledger.work import read_work

    work = read_work(data, datetime.now(UTC))
    taken = [
        kind for kind in KINDS if withdraw_blob(_service(opened), work.claim, kind, secrets.master, datetime.now(UTC))
    ]
    note(f"{opened.location}: {' and '.join(taken) or 'nothing'} taken back; the claim stays logged")


def _service(opened: Ledger) -> RemoteLedger:
    from ledger.client import RemoteLedger

    if not isinstance(opened, RemoteLedger):
        raise UsageError(f"{opened.location} is no service that keeps recipes and latents")
    return opened


def _stamp(opened: Ledger, authorities: Sequence[str]) -> None:
    """Ask each authority; one that does not deliver is a warning."""
    from ledger.local import LocalLedger

    if authorities and isinstance(opened, LocalLedger):
        for warning in opened.stamp(authorities):
            note(f"warning: {warning}")


def _tell(file: Path, opened: Ledger, made: Publication, blobs: Sequence[str], *, as_json: bool) -> None:
    if as_json:
        write_json(
            {
                "version": 1,
                "path": str(file),
                "claim_id": made.claim_id.hex(),
                "ledger": opened.location,
                "index_in_log": made.logged.index,
                "known_before": made.known_before,
                "changed": made.data is not None,
                "published": list(blobs),
            }
        )
        return
    again = ", where it stood already" if made.known_before else ""
    note(f"{file}: claim {made.claim_id.hex()[:16]}... is entry {made.logged.index} of {opened.location}{again}")
    if blobs:
        note(f"{opened.location}: lets everybody read its {' and '.join(blobs)}; publish --withdraw takes that back")
