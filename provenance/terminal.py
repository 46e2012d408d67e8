"""Writing to a person's terminal: one-line errors, progress on stderr, no control characters from strangers."""

from __future__ import annotations

import json
import sys
import unicodedata

import click

__all__ = ["ProgressLine", "fail", "note", "printable", "write_json"]

_MAX_LINE = 2000
_HIDDEN = {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}


def printable(text: str, *, limit: int = _MAX_LINE) -> str:
    """``text`` on one line, with everything that could move the cursor or reorder text written as an escape."""
    shown = "".join(
        character if unicodedata.category(character) not in _HIDDEN else f"\\u{{{ord(character):x}}}"
        for character in text[:limit]
    )
    return shown + ("..." if len(text) > limit else "")


def fail(message: str) -> None:
    """One line on stderr; on a terminal it begins at the margin, over what was left there (such as ^C)."""
    if sys.stderr.isatty():
        click.echo("\r", err=True, nl=False)
    click.echo(f"seedproof: {printable(message)}", err=True)


def note(message: str) -> None:
    """A remark on stderr, so that stdout stays a program's."""
    click.echo(printable(message), err=True)


def write_json(value: object) -> None:
    """One JSON document on stdout. What could move a cursor or reorder text is escaped, as JSON allows in strings."""
    text = json.dumps(value, indent=2, ensure_ascii=False, allow_nan=False)
    hidden = {c for c in set(text) if c != "\n" and unicodedata.category(c) in _HIDDEN}
    click.echo(text.translate({ord(c): json.dumps(c)[1:-1] for c in hidden}))


class ProgressLine:
    """A progress line on stderr, redrawn in place; silent where stderr is no terminal."""

    def __init__(self) -> None:
        self._live = sys.stderr.isatty()
        self._width = 0

    def __call__(self, done: int, total: int, label: str) -> None:
        """Show that ``done`` of ``total`` are done."""
        if not self._live:
            return
        bar = "#" * (20 * done // max(total, 1))
        text = f"{label:<28} [{bar:<20}] {done}/{total}"
        sys.stderr.write("\r" + text.ljust(self._width))
        sys.stderr.flush()
        self._width = len(text)

    def clear(self) -> None:
        """Remove the line."""
        if self._live and self._width:
            sys.stderr.write("\r" + " " * self._width + "\r")
            sys.stderr.flush()
            self._width = 0
