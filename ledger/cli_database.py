"""What every command asks of the address of a database on its command line."""

from __future__ import annotations

from provenance.errors import UsageError

__all__ = ["refuse_password"]


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
