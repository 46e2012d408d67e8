"""What every command asks of the address of a database on its command line."""

from __future__ import annotations

from pathlib import Path

from provenance.errors import UsageError

__all__ = ["refuse_password", "tiles_beside", "tiles_there"]


def tiles_beside(database: str) -> str | None:
    """The folder beside a SQLite file where its tiles are published unless another place is named."""
    path = database.removeprefix("sqlite:///")
    return None if "://" in path else f"{path}.tiles"


def tiles_there(database: str) -> str | None:
    """The same, if there is one: what was published must not be overlooked where nobody has named it."""
    folder = tiles_beside(database)
    return folder if folder is not None and Path(folder).expanduser().is_dir() else None


def refuse_password(database: str) -> str:
    """The address, if it has no password: every user of the machine can read the arguments of a program.

    Raises:
        UsageError: it has one, as ``user:password@`` or among its options.
    """
    if database.startswith("sqlite:"):
        return database
    credentials, at, _ = database.partition("://")[2].partition("@")
    if (at and credentials.partition(":")[2]) or "password" in database.partition("?")[2].lower():
        raise UsageError(
            "--database: no password in the address, others could read it there; put it into ~/.pgpass, or into a file "
            "that PGPASSFILE names"
        )
    return database
