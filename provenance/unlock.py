"""From the keystore on disk to its secrets, asking for the passphrase only where one is needed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from provenance.keystore import Secrets, author_key, needs_passphrase, open_keystore, read_keystore
from provenance.passphrase import exposed_file, get_passphrase
from provenance.terminal import note

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["unlock", "warn_exposed"]


def unlock(keystore: Path, passphrase_file: Path | None = None) -> Secrets:
    """Read and open the keystore file, with a passphrase from where :mod:`provenance.passphrase` looks for it.

    Raises:
        MissingKeysError, WrongPassphraseError, UsageError: what the caller can mend.
        CorruptKeystoreError, UnsupportedVersionError: what he cannot.
    """
    data = read_keystore(keystore)
    if not needs_passphrase(data):
        return open_keystore(data, None)
    warn_exposed(passphrase_file)
    passphrase = get_passphrase(passphrase_file, prompt=f"Passphrase of {keystore}: ", account=author_key(data).hex())
    return open_keystore(data, passphrase)


def warn_exposed(passphrase_file: Path | None) -> None:
    """Tell the user when others can read the file that his passphrase comes from."""
    exposed = exposed_file(passphrase_file)
    if exposed is not None:
        note(f"note: other users of this machine can read the passphrase in {exposed}; run: chmod 600 {exposed}")
