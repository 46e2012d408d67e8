"""Where a passphrase comes from, and where it never does.

Asked in this order: the file of ``--passphrase-file``, the file named by SEEDPROOF_PASSPHRASE_FILE, the keyring of the
operating system, the terminal without echo. Never from the arguments or the value of an environment variable: other
processes can read those. One line end at the end of a file is not part of the passphrase.
"""

from __future__ import annotations

import getpass
import os
import stat
import warnings
from pathlib import Path

from provenance.errors import UsageError
from provenance.sealedfile import PASSPHRASE_LIMIT

__all__ = [
    "ENVIRONMENT_VARIABLE",
    "SERVICE",
    "ask_hidden",
    "exposed_file",
    "get_passphrase",
    "remember_passphrase",
]

ENVIRONMENT_VARIABLE = "SEEDPROOF_PASSPHRASE_FILE"
"""Names a file, never a passphrase."""

SERVICE = "seedproof"
"""Our name in the keyring of the operating system."""

DEFAULT_ACCOUNT = "keystore"

_MAX_BYTES = 4 * PASSPHRASE_LIMIT + 2  # UTF-8 needs at most 4 bytes for a character, the line end at most 2
_NO_TERMINAL = f"there is no terminal to ask on; pass --passphrase-file FILE or set {ENVIRONMENT_VARIABLE}=FILE"


def get_passphrase(
    path_option: Path | None, *, prompt: str, confirm: bool = False, account: str = DEFAULT_ACCOUNT
) -> str:
    """A passphrase of 1 to 1,024 characters.

    ``prompt`` is the question on the terminal. ``confirm`` is for a new passphrase: it is asked for twice, and the
    keyring is left out, since what it remembers belongs to another keystore. ``account`` is the entry of the keyring,
    by custom the author key in hex.

    Raises:
        UsageError: no source has one, a file cannot be read, or it is empty, too long or no text.
    """
    if path_option is not None:
        return _from_file(path_option)
    named = os.environ.get(ENVIRONMENT_VARIABLE)
    if named:
        return _from_file(Path(named))
    if not confirm:
        remembered = _from_keyring(account)
        if remembered:
            return _require_bounds(remembered)
    passphrase = _require_bounds(ask_hidden(prompt, advice=_NO_TERMINAL))
    if confirm and ask_hidden("The same again: ", advice=_NO_TERMINAL) != passphrase:
        raise UsageError("passphrase: the two differ; nothing was changed, try again")
    return passphrase


def exposed_file(path_option: Path | None) -> Path | None:
    """The file that :func:`get_passphrase` reads, if users other than its owner may read it too; else None."""
    named = path_option or os.environ.get(ENVIRONMENT_VARIABLE)
    if not named or os.name != "posix":
        return None
    try:
        mode = Path(named).stat().st_mode
    except OSError:
        return None
    return Path(named) if stat.S_ISREG(mode) and mode & (stat.S_IRGRP | stat.S_IROTH) else None


def remember_passphrase(passphrase: str, account: str = DEFAULT_ACCOUNT) -> bool:
    """Store it in the keyring of the operating system. False when there is none that takes it."""
    try:
        import keyring

        keyring.set_password(SERVICE, account, passphrase)
    except Exception:  # noqa: BLE001 - backends raise whatever their platform raises; none of it is our caller's fault
        return False
    return True


def ask_hidden(prompt: str, *, advice: str) -> str:
    """One line from the terminal, not shown while it is typed.

    Raises:
        UsageError: there is no terminal, or it cannot hide what is typed; ``advice`` says what to do instead.
    """
    try:
        with warnings.catch_warnings():
            # getpass warns, and then echoes, where it cannot switch the echo off. We rather do not ask.
            warnings.simplefilter("error", getpass.GetPassWarning)
            return getpass.getpass(prompt)
    except (getpass.GetPassWarning, EOFError, OSError) as error:
        raise UsageError(advice) from error


def _from_file(path: Path) -> str:
    # Read as a stream and not through read_bounded: pipes such as <(pass show seedproof) are welcome here.
    try:
        with path.open("rb") as file:
            data = file.read(_MAX_BYTES + 1)
    except OSError as error:
        raise UsageError(f"passphrase: cannot read {path}: {error.strerror or error}") from error
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError:  # it holds the data, so nothing is raised in its context
        text = None
    if text is None:
        raise UsageError(f"passphrase: {path} is not UTF-8 text, or is too long")
    return _require_bounds(text.removesuffix("\r\n") if text.endswith("\r\n") else text.removesuffix("\n"))


def _from_keyring(account: str) -> str | None:
    try:
        import keyring

        remembered: str | None = keyring.get_password(SERVICE, account)
    except Exception:  # noqa: BLE001 - no backend, a locked one, no session bus: the terminal is asked instead
        return None
    return remembered


def _require_bounds(passphrase: str) -> str:
    if not 1 <= len(passphrase) <= PASSPHRASE_LIMIT:
        raise UsageError(f"passphrase: must have 1 to {PASSPHRASE_LIMIT} characters")
    return passphrase
