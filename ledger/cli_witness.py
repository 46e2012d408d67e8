"""``seedproof ledger witness``: cosign the checkpoints of logs that only ever grew."""

from __future__ import annotations

import re
import threading
from pathlib import Path
from typing import TYPE_CHECKING

import click

from ledger.cli_watch import INTERVAL, JSON, ONCE, follow, open_watched, parse_log_key, state_path, write_line
from provenance.errors import EnvironmentFault, InvalidError, LedgerFault, UsageError
from provenance.home import find_home
from provenance.terminal import note

if TYPE_CHECKING:
    from ledger.tiled import TiledLog
    from ledger.witness import Witness
    from provenance.note import VerifierKey

__all__ = ["witness"]

_LISTEN = re.compile(r"(\[[0-9a-fA-F:.]+\]|[^:\[\]]+):([0-9]{1,5})", re.ASCII)
_MAX_PORT = 65_535


@click.command(epilog="Example: seedproof ledger witness --ledger https://ledger.example --name witness.example/w1")
@click.option("--ledger", "locations", multiple=True, metavar="URL", help="A log to look at by oneself; repeatable.")
@click.option(
    "--log", "logs", multiple=True, metavar="VKEY", help="The key of a log that may ask by itself (with --listen)."
)
@click.option("--key", type=click.Path(path_type=Path), help="The witness's keys, mode 0600; made when missing.")
@click.option("--name", metavar="NAME", help="The witness's name for new keys, such as witness.example/w1.")
@click.option("--state", type=click.Path(path_type=Path), help="What is remembered; by default in your state folder.")
@click.option("--listen", metavar="HOST:PORT", help="Let logs ask over HTTP (C2SP tlog-witness); port 0: a free one.")
@ONCE
@INTERVAL
@JSON
def witness(
    locations: tuple[str, ...],
    logs: tuple[str, ...],
    key: Path | None,
    name: str | None,
    state: Path | None,
    listen: str | None,
    once: bool,
    interval: float,
    as_json: bool,
) -> None:
    """Cosign the checkpoints of logs that only ever grew.

    Looks at the logs named with --ledger, and answers those that ask where it listens (a log's operator says: ledger
    serve --witness URL --witness-key VKEY). Two trees that contradict each other are never both cosigned. Exit code 1
    when a log that is looked at contradicts itself, unless it also listens: then it goes on for the other logs.
    """
    from ledger.witness import Witness
    from ledger.witnesskeys import open_keys

    if not locations and not (listen and logs):
        raise UsageError(
            "name a log to look at with --ledger, or --listen and the keys of logs that may ask with --log"
        )
    if once and listen:
        raise UsageError("--once and --listen exclude each other")
    signers = open_keys(key or _key_path(), name)
    watched = [open_watched(location, ()) for location in locations]
    known: dict[str, list[VerifierKey]] = {}
    for own in [*(one for tiled in watched for one in tiled.keys), *map(parse_log_key, logs)]:
        known.setdefault(own.name, []).append(own)
    at = Witness(state or state_path("witnesses", signers[0].name), signers, known)
    try:
        for signer in signers:
            note(f"witness key: {signer.verifier_key.format()}")
        look = _Looker(at, watched, as_json=as_json)
        if listen is None:
            follow(lambda _: look(), once, interval)
        else:
            _listen(at, listen, look, interval)
    finally:
        at.close()
        for tiled in watched:
            tiled.transport.close()


class _Looker:
    """One look at every log that is watched. The first inconsistency is raised after all were looked at."""

    def __init__(self, at: Witness, watched: list[TiledLog], *, as_json: bool) -> None:
        self._at = at
        self._watched = watched
        self._as_json = as_json

    def __call__(self) -> None:
        from ledger.observer import observe

        failures: list[InvalidError | EnvironmentFault] = []
        for tiled in self._watched:
            try:
                checkpoint, lines = observe(self._at, tiled)
            except (InvalidError, EnvironmentFault) as error:
                failures.append(type(error)(f"{tiled.location}: {error}"))
                if self._as_json:
                    write_line({"ledger": tiled.location, "cosigned": False, "problem": str(error)})
                continue
            if self._as_json:
                found = {"origin": checkpoint.origin, "size": checkpoint.size, "root": checkpoint.root.hex()}
                write_line({"ledger": tiled.location, "cosigned": True, **found, "lines": lines.decode()})
            else:
                click.echo(f"{checkpoint.origin}: cosigned {checkpoint.size} entries")
        for failure in sorted(failures, key=_urgency):
            raise failure


def _urgency(error: InvalidError | EnvironmentFault) -> int:
    from ledger.older import OlderStateError

    if isinstance(error, OlderStateError):
        return 1
    return 0 if isinstance(error, InvalidError) else 2


def _listen(at: Witness, address: str, look: _Looker, interval: float) -> None:
    from ledger.server.process import announce
    from ledger.server.process import listen as open_socket
    from ledger.witness_server import WitnessApp, serve_witness

    found = _LISTEN.fullmatch(address)
    if not found or int(found[2]) > _MAX_PORT:
        raise UsageError(f"--listen {address[:60]!r} must look like 127.0.0.1:8710")
    listener = open_socket(found[1].strip("[]"), int(found[2]))
    looking = _Looking(look, interval)
    looking.start()
    try:
        serve_witness(WitnessApp(at, note), listener, lambda: announce(listener), looking.stop)
    finally:
        looking.stop.set()
        looking.join()
    if looking.error is not None:
        raise looking.error


class _Looking(threading.Thread):
    """Looks again and again until ``stop`` is set. What it cannot go on after is its ``error``, and it sets ``stop``
    itself: a witness that no longer looks must not seem to.
    """

    def __init__(self, look: _Looker, interval: float) -> None:
        super().__init__(name="witness", daemon=True)
        self._look = look
        self._interval = interval
        self.stop = threading.Event()
        self.error: Exception | None = None

    def run(self) -> None:
        """The thread."""
        while not self.stop.is_set():
            try:
                self._look()
            except (InvalidError, LedgerFault) as error:  # one log's trouble; the others rely on this witness
                note(f"warning: {error}")
            except Exception as error:  # noqa: BLE001 - whatever it is, it is said, and the process ends
                self.error = error
                note("warning: the witness can look at its logs no more, so it ends")
                self.stop.set()
            self.stop.wait(self._interval)


def _key_path() -> Path:
    home = find_home()
    return home.make(home.data) / "witness.key"
