"""What several commands ask of their user: which log, which work, whose key, and whether he is sure."""

from __future__ import annotations

import sys
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from provenance.encoding import parse_hex
from provenance.errors import EncodingError, UsageError
from provenance.home import find_home

if TYPE_CHECKING:
    from collections.abc import Iterator

    from provenance.ports import Ledger

__all__ = ["confirm", "opened", "read_claim_id", "read_key"]

_KEY_BYTES = 32


@contextmanager
def opened(location: str | None) -> Iterator[Ledger]:
    """The log at a path or URL, by default the user's own, closed at the end."""
    from ledger.opening import open_any

    ledger = open_any(location or str(find_home().ledger), create=False)
    try:
        yield ledger
    finally:
        ledger.close()


def read_claim_id(work: str) -> bytes:
    """The id itself, or that of the claim in a picture file."""
    from provenance.claim import claim_id
    from provenance.claimed import read_claimed
    from provenance.cli_verify import read_picture_file

    path = Path(work)
    if len(work) == 2 * _KEY_BYTES and not path.exists():
        try:
            return parse_hex(work, "claim", size=_KEY_BYTES)
        except EncodingError as error:
            raise UsageError(f"{work} is neither a file nor a claim id: {error}") from error
    return claim_id(read_claimed(read_picture_file(path), str(path), datetime.now(UTC))[1])


def read_key(text: str) -> bytes:
    """The buyer's key, as ``keys show`` writes it."""
    try:
        return parse_hex(text.removeprefix("bip340:"), "--to", size=_KEY_BYTES)
    except EncodingError as error:
        raise UsageError(f"{error}; the buyer finds his author key with: seedproof keys show") from error


def confirm(question: str, *, yes: bool) -> None:
    """Ask, unless the user has said yes already.

    Raises:
        UsageError: he says no, or nobody is there.
    """
    if yes:
        return
    if not sys.stdin.isatty():
        raise UsageError(f"nobody is there to confirm. {question} If so, pass --yes")
    if not click.confirm(question, err=True):
        raise UsageError("not confirmed; nothing was signed")
