"""``seedproof keys``: make a keystore, get it back from its 24 words, look at it, check it.

The words are shown once when they are made, and again only on request. They are read from a prompt without echo, a
file or a pipe, never from the command line. An existing keystore is never overwritten.
"""

from __future__ import annotations

import json
import os
import secrets as randomness
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from provenance import curve
from provenance.cli_words import read_words, refuse_arguments, word_table
from provenance.errors import CorruptKeystoreError, DisagreementError, UsageError
from provenance.files import write_atomic
from provenance.home import Home, find_home
from provenance.keystore import (
    Master,
    Secrets,
    author_key,
    certificate_chain,
    derive_author,
    master_from_words,
    needs_passphrase,
    new_master,
    read_keystore,
    seal_keystore,
    words,
    write_keystore,
)
from provenance.passphrase import get_passphrase, remember_passphrase
from provenance.unlock import unlock, warn_exposed

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["keys"]

_FILE = click.Path(dir_okay=False, path_type=Path)

_passphrase_file = click.option(
    "--passphrase-file",
    type=_FILE,
    help="Read the passphrase from this file (or from the one named by SEEDPROOF_PASSPHRASE_FILE).",
)
_json = click.option("--json", "as_json", is_flag=True, help="Write the result as JSON.")


def _storing(command: Callable[..., None]) -> Callable[..., None]:
    """Options of the commands that write a keystore."""
    for option in reversed(
        (
            click.option(
                "--no-passphrase", is_flag=True, help="Leave the keystore unencrypted, for machines without a user."
            ),
            _passphrase_file,
            click.option(
                "--remember", is_flag=True, help="Store the passphrase in the keyring of the operating system."
            ),
            click.option("--name", help="Name in the signing certificate, for viewers; anybody can take any name."),
            _json,
        )
    ):
        command = option(command)
    return command


@click.group(epilog='Example: seedproof keys new --name "Ada Lovelace"')
def keys() -> None:
    """Your keystore: the master secret behind all your works, and the certificate that signs files.

    It is the file keystore.json in the data folder of the user (on Linux ~/.local/share/seedproof), or in the folder
    data under SEEDPROOF_HOME; seedproof keys show says where.
    """


@keys.command(epilog='Example: seedproof keys new --name "Ada Lovelace"')
@_storing
def new(**options: Any) -> None:
    """Make a keystore and show its 24 words, once."""
    home = _vacant_home()
    _store(home, new_master(), show_words=True, **options)


@keys.command(
    short_help="Make the keystore again from its 24 words.",
    epilog="Example: seedproof keys recover --words-file /media/usb/words.txt",
    context_settings={"allow_extra_args": True},
)
@click.option("--words-file", type=_FILE, help="Read the 24 words from FILE; else from a pipe or a prompt.")
@_storing
@click.pass_context
def recover(context: click.Context, /, words_file: Path | None, **options: Any) -> None:
    """Make the keystore again from its 24 words, with a new signing certificate."""
    refuse_arguments(context)
    home = _vacant_home()
    _store(home, master_from_words(read_words(words_file)), show_words=False, **options)


@keys.command(epilog="Example: seedproof keys show --words")
@click.option("--words", "show_words", is_flag=True, help="Show the 24 words as well, after the passphrase.")
@_passphrase_file
@_json
def show(show_words: bool, passphrase_file: Path | None, as_json: bool) -> None:
    """Show the author key and the certificate."""
    home = find_home()
    data = read_keystore(home.keystore)
    report = _describe(home, data)
    if show_words:
        text = words(unlock(home.keystore, passphrase_file).master)
        if as_json:
            report["words"] = text
        else:
            click.echo(word_table(text))
    _print(report, as_json=as_json)


@keys.command(
    short_help="Try that the keystore opens and signs, and compare its words.",
    epilog="Example: seedproof keys check --words-file /media/usb/words.txt",
    context_settings={"allow_extra_args": True},
)
@click.option("--words", "ask_words", is_flag=True, help="Ask for the written-down words, or read them from a pipe.")
@click.option("--words-file", type=_FILE, help="Compare with the words in FILE.")
@_passphrase_file
@_json
@click.pass_context
def check(
    context: click.Context, /, ask_words: bool, words_file: Path | None, passphrase_file: Path | None, as_json: bool
) -> None:
    """Open the keystore, derive everything again, sign a test message, and compare the written-down words."""
    refuse_arguments(context)
    home = find_home()
    secrets = unlock(home.keystore, passphrase_file)  # this also compares the author key
    _check_signing(secrets)
    _check_certificate(secrets)
    compared = ask_words or words_file is not None
    if compared and master_from_words(read_words(words_file)) != secrets.master:
        raise UsageError("words: they are 24 proper words, but of another master than this keystore's")
    if not home.root_certificate.is_file():
        click.echo(f"note: {home.root_certificate} is missing; viewers do not need it, you may", err=True)
    report = _describe(home, read_keystore(home.keystore))
    _print({**report, "opens": True, "signs": True, "words_match": True if compared else None}, as_json=as_json)


def _vacant_home() -> Home:
    home = find_home()
    if os.path.lexists(home.keystore):
        raise UsageError(
            f"there is a keystore already at {home.keystore}; it is never overwritten. "
            "Make sure that you have its words, then move it away yourself"
        )
    return home


def _store(
    home: Home,
    master: Master,
    *,
    show_words: bool,
    no_passphrase: bool,
    passphrase_file: Path | None,
    remember: bool,
    name: str | None,
    as_json: bool,
) -> None:
    if no_passphrase and (passphrase_file is not None or remember):
        raise UsageError("--no-passphrase excludes --passphrase-file and --remember")
    from provenance.credentials import new_credentials  # X.509 takes a while to import

    author = curve.public_key(derive_author(master)).hex()
    if not no_passphrase:
        warn_exposed(passphrase_file)
    passphrase = None if no_passphrase else get_passphrase(passphrase_file, prompt="New passphrase: ", confirm=True)
    made = new_credentials(name or f"Seedproof author {author[:8]}", datetime.now(UTC))
    data = seal_keystore(Secrets(master, made.chain_pem, made.key_pem, made.root_pem, made.root_key_pem), passphrase)
    home.make(home.keystore.parent)
    write_keystore(home.keystore, data)
    if show_words:  # at once: whatever fails from here on, the words have been seen
        click.echo(word_table(words(master)), err=as_json)
    write_atomic(home.root_certificate, made.root_pem)
    if remember and not (passphrase and remember_passphrase(passphrase, author)):
        click.echo("note: no keyring took the passphrase; it will be asked for", err=True)
    if no_passphrase:
        click.echo("note: not encrypted; whoever reads the file can sign as you", err=True)
    _print(_describe(home, data), as_json=as_json)


def _describe(home: Home, data: bytes) -> dict[str, Any]:
    from cryptography.x509.oid import NameOID

    from provenance.credentials import Credentials

    leaf = Credentials(certificate_chain(data), b"", b"", b"").leaf
    names = leaf.subject.get_attributes_for_oid(NameOID.COMMON_NAME)
    return {
        "author": author_key(data).hex(),
        "keystore": str(home.keystore),
        "encrypted": needs_passphrase(data),
        "certificate": str(names[0].value) if names else leaf.subject.rfc4514_string(),
        "certificate_expires": leaf.not_valid_after_utc.strftime("%Y-%m-%dT%H:%M:%SZ"),
        "root_certificate": str(home.root_certificate),
    }


def _check_signing(secrets: Secrets) -> None:
    secret, message = derive_author(secrets.master), randomness.token_bytes(32)
    key, signature = curve.public_key(secret), curve.sign(secret, message)
    if not (curve.verify(key, message, signature) and curve.verify_independently(key, message, signature)):
        raise DisagreementError("a test signature does not verify on this machine; do not sign with it")


def _check_certificate(secrets: Secrets) -> None:
    from provenance.credentials import Credentials

    held = Credentials(secrets.certificate_chain, secrets.certificate_key, secrets.root_certificate, secrets.root_key)
    if held.leaf.public_key() != held.key.public_key():
        raise CorruptKeystoreError("keystore: the certificate is not of the key beside it; run: seedproof keys recover")


def _print(report: dict[str, Any], *, as_json: bool) -> None:
    if as_json:
        click.echo(json.dumps(report, indent=2))
        return
    width = max(map(len, report))
    for name, value in report.items():
        shown = {True: "yes", False: "no", None: "not asked"}.get(value, value) if not isinstance(value, str) else value
        click.echo(f"{name.replace('_', ' '):<{width}}  {shown}")
