"""The 24 words at the terminal: how they are shown, where they are read from, and where never."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from provenance.errors import UsageError
from provenance.files import read_bounded
from provenance.passphrase import ask_hidden

if TYPE_CHECKING:
    from pathlib import Path

    import click

__all__ = ["read_words", "refuse_arguments", "word_table"]

_WORDS_LIMIT = 4096
_COLUMNS = 4
_NO_TERMINAL = "there is no terminal to ask on; pass --words-file FILE"


def read_words(path: Path | None) -> str:
    """What was written down: from a file, else from a pipe on standard input, else from a prompt without echo.

    Raises:
        UsageError: the file cannot be read, or there is no terminal.
    """
    if path is not None:
        data = read_bounded(path, "words", limit=_WORDS_LIMIT)
    elif sys.stdin.isatty():
        return ask_hidden("The 24 words: ", advice=f"words: {_NO_TERMINAL}")
    else:
        data = sys.stdin.buffer.read(_WORDS_LIMIT)
        if not data.strip():
            raise UsageError(f"words: {_NO_TERMINAL}, or pipe the words in")
    return data.decode("utf-8", errors="replace")  # what is no text is no word either, and is told by its position


def refuse_arguments(context: click.Context) -> None:
    """Words among the arguments: say no without repeating them, as click would."""
    if context.args:
        raise UsageError(
            "no words on the command line: the shell's history keeps them; use --words-file, a pipe or the prompt"
        )


def word_table(text: str) -> str:
    """The words as a numbered block to be copied by hand, with the advice that goes with it."""
    cells = [f"{position:>2} {word:<9}" for position, word in enumerate(text.split(), 1)]
    rows = ["  ".join(cells[start : start + _COLUMNS]).rstrip() for start in range(0, len(cells), _COLUMNS)]
    return "\n".join(
        [
            "",
            "Your 24 words. Write them on paper, row by row, and keep it away from this machine. Whoever reads them",
            "can sign as you. Without them, a lost keystore or a forgotten passphrase cannot be made good by anybody.",
            "",
            *(f"    {row}" for row in rows),
            "",
        ]
    )
