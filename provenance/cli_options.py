"""Options that several commands share: where the passphrase or the 24 words come from, which certificate signs."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from provenance.errors import UsageError
from provenance.home import find_home

if TYPE_CHECKING:
    from collections.abc import Callable

    from provenance.credentials import Credentials
    from provenance.keystore import Secrets
    from provenance.master import Master

__all__ = [
    "folder_option",
    "keystore_options",
    "models_option",
    "policy_option",
    "unlock_author",
    "unlock_master",
    "words_options",
]

Command = TypeVar("Command", bound="Callable[..., Any]")


folder_option = click.option(
    "--dir",
    "folders",
    multiple=True,
    type=click.Path(path_type=Path),
    metavar="FOLDER",
    help="Look in the pictures of this folder for ancestors that FILE does not carry; may be repeated.",
)

policy_option = click.option(
    "--policy", "policy_file", type=click.Path(path_type=Path), help="Trust this policy in addition to the default."
)

models_option = click.option(
    "--model",
    "models",
    multiple=True,
    metavar="FOLDER",
    help="Also look for models, and for adapter files (.safetensors), here; may be repeated.",
)


def keystore_options(command: Command) -> Command:
    """Add ``--passphrase-file``."""
    return click.option(
        "--passphrase-file",
        type=click.Path(path_type=Path),
        help="Read the keystore's passphrase from this file (or from the one named by SEEDPROOF_PASSPHRASE_FILE).",
    )(command)


def words_options(command: Command) -> Command:
    """Add ``--words`` and ``--words-file``, which stand in for a keystore."""
    command = click.option(
        "--words-file", type=click.Path(path_type=Path), help="Use the 24 words in this file instead of the keystore."
    )(command)
    return click.option("--words", is_flag=True, help="Ask for the 24 words instead of using the keystore.")(command)


def unlock_author(
    passphrase_file: Path | None, *, cert: Path | None = None, key: Path | None = None
) -> tuple[Secrets, Credentials]:
    """The keystore's secrets, and the certificate that signs: the user's own where he names one, else the keystore's.

    Raises:
        MissingKeysError, WrongPassphraseError, CorruptKeystoreError: see provenance.keystore.
        UsageError: one of ``cert`` and ``key`` without the other, or a pair that does not match.
    """
    from provenance.credentials import Credentials, load_credentials
    from provenance.unlock import unlock

    if (cert is None) != (key is None):
        raise UsageError("--cert and --key belong together")
    secrets = unlock(find_home().keystore, passphrase_file)
    if cert is not None and key is not None:
        return secrets, load_credentials(cert, key)
    return secrets, Credentials(
        secrets.certificate_chain, secrets.certificate_key, secrets.root_certificate, secrets.root_key
    )


def unlock_master(passphrase_file: Path | None, *, words: bool, words_file: Path | None) -> Master:
    """The master from the keystore, or from the 24 words: in a file, typed without echo, or piped in."""
    from provenance.cli_words import read_words
    from provenance.master import master_from_words
    from provenance.unlock import unlock

    if words or words_file is not None:
        return master_from_words(read_words(words_file))
    return unlock(find_home().keystore, passphrase_file).master
