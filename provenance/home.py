"""Where a user's things live: the XDG directories, or everything under ``SEEDPROOF_HOME``."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

import platformdirs

from provenance.errors import OutputError, UsageError

__all__ = ["Home", "find_home"]


@dataclass(frozen=True)
class Home:
    """Folders of one user. They need not exist; :meth:`make` creates one with mode 0700."""

    config: Path
    data: Path
    state: Path

    @property
    def keystore(self) -> Path:
        """The encrypted master secret and signing certificate."""
        return self.data / "keystore.json"

    @property
    def root_certificate(self) -> Path:
        """The local C2PA root, to be installed in viewers that should say Trusted."""
        return self.data / "root.pem"

    @property
    def ledger(self) -> Path:
        """The local log, a SQLite file."""
        return self.data / "ledger.db"

    @property
    def policy(self) -> Path:
        """The user's own policy, when there is one."""
        return self.config / "policy.json"

    @property
    def own_logs(self) -> Path:
        """Verifier keys of the logs that this user runs himself, one on a line."""
        return self.config / "own-logs.txt"

    @property
    def known_logs(self) -> Path:
        """Addresses of services with the keys that their logs had when they were first met."""
        return self.config / "known-logs.txt"

    @property
    def journal(self) -> Path:
        """Works begun and not yet finished."""
        return self.state / "journal"

    def make(self, folder: Path) -> Path:
        """Create ``folder`` (one of ours) with mode 0700 where it is missing."""
        try:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError as error:
            raise OutputError(f"cannot create {folder}: {error.strerror or error}") from error
        return folder


def find_home() -> Home:
    """``SEEDPROOF_HOME`` when set, else the XDG directories.

    Raises:
        UsageError: SEEDPROOF_HOME starts with the ~ of an unknown user.
    """
    root = os.environ.get("SEEDPROOF_HOME")
    if root:
        try:
            base = Path(root).expanduser().absolute()
        except RuntimeError as error:  # "~somebody" who is no user here
            raise UsageError(f"SEEDPROOF_HOME: no such home: {root}") from error
        return Home(base / "config", base / "data", base / "state")
    return Home(
        platformdirs.user_config_path("seedproof"),
        platformdirs.user_data_path("seedproof"),
        platformdirs.user_state_path("seedproof"),
    )
