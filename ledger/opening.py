"""Opening a log by where it is, for the command line: a path, or an address of another installed backend."""

from __future__ import annotations

from typing import TYPE_CHECKING

from provenance.home import find_home

if TYPE_CHECKING:
    from ledger.local import LocalLedger
    from provenance.ports import Ledger

__all__ = ["open_any", "open_own"]


def open_any(location: str, *, create: bool) -> Ledger:
    """The log at a path or URL.

    Raises:
        LedgerFault: it cannot be opened. EnvironmentFault: no installed package opens such an address.
    """
    if "://" in location:
        from provenance.plugins import open_ledger as open_registered

        return open_registered(location, create=create)
    from ledger.local import open_ledger

    return open_ledger(location, create=create)


def open_own(location: str | None) -> LocalLedger:
    """The existing log in a file, by default the user's own.

    Raises:
        LedgerFault: it is missing or does not verify.
    """
    from ledger.local import open_ledger

    return open_ledger(location or str(find_home().ledger), create=False)
