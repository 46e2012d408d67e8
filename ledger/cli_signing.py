"""Options of all commands that sign something about a work for a log, and what is done with them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

import click

from ledger.cli_subject import confirm, opened
from provenance.cli_options import keystore_options, unlock_master, words_options

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractContextManager
    from pathlib import Path

    from provenance.master import Master
    from provenance.ports import Ledger

__all__ = ["Signing", "force_option", "json_option", "ledger_option", "signing_options"]

Command = TypeVar("Command", bound="Callable[..., Any]")

json_option = click.option("--json", "as_json", is_flag=True, help="Write the result as JSON.")
ledger_option = click.option("--ledger", "location", metavar="PATH|URL", help="The log; by default your own.")
force_option = click.option("--force", is_flag=True, help="Replace an existing file.")


@dataclass(frozen=True)
class Signing:
    """The options of :func:`signing_options`, as click hands them over."""

    location: str | None
    yes: bool
    as_json: bool
    passphrase_file: Path | None
    words: bool
    words_file: Path | None

    def ledger(self) -> AbstractContextManager[Ledger]:
        """The log that was named, open, or the user's own."""
        return opened(self.location)

    def confirm(self, question: str) -> None:
        """Ask, unless the user has said yes already.

        Raises:
            UsageError: he says no, or nobody is there.
        """
        confirm(question, yes=self.yes)

    def master(self) -> Master:
        """From the keystore or the 24 words."""
        return unlock_master(self.passphrase_file, words=self.words, words_file=self.words_file)


def signing_options(command: Command) -> Command:
    """Add ``--ledger``, ``--yes``, ``--json``, ``--passphrase-file``, ``--words`` and ``--words-file``."""
    for option in (
        words_options,
        keystore_options,
        json_option,
        click.option("--yes", is_flag=True, help="Do not ask; for programs that have asked themselves."),
        ledger_option,
    ):
        command = option(command)
    return command
