"""``seedproof ledger monitor``: watch a log that somebody else runs; and what it shares with ``ledger.cli_witness``."""

from __future__ import annotations

import hashlib
import json
import signal
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING

import click

from provenance.errors import InvalidError, LedgerFault, UsageError
from provenance.home import find_home
from provenance.terminal import ProgressLine, note

if TYPE_CHECKING:
    from collections.abc import Callable

    from ledger.monitor import Monitor, Round
    from ledger.tiled import TiledLog
    from provenance.note import VerifierKey

__all__ = [
    "INTERVAL",
    "JSON",
    "OLDER_SECONDS",
    "ONCE",
    "follow",
    "monitor",
    "open_watched",
    "parse_log_key",
    "state_path",
    "write_line",
]

INTERVAL = click.option(
    "--interval", type=click.FloatRange(0.1, 86_400), default=60.0, show_default=True, metavar="SECONDS"
)
ONCE = click.option("--once", is_flag=True, help="Look once and end.")
JSON = click.option("--json", "as_json", is_flag=True, help="Write each round as one line of JSON.")

OLDER_SECONDS = 600.0
"""For how long a log may show an older state than before until whoever watches it gives up."""


@click.command(epilog="Example: seedproof ledger monitor --ledger https://ledger.example --once")
@click.option("--ledger", "location", required=True, metavar="URL", help="The log's service.")
@click.option(
    "--vkey", "vkeys", multiple=True, metavar="VKEY", help="The log's verifier key, if you have it from elsewhere."
)
@click.option("--state", type=click.Path(path_type=Path), help="What is remembered; by default in your state folder.")
@click.option("--full", is_flag=True, help="Replay the whole log again, though the last sound tree is known.")
@ONCE
@INTERVAL
@JSON
def monitor(
    location: str,
    vkeys: tuple[str, ...],
    state: Path | None,
    full: bool,
    once: bool,
    interval: float,
    as_json: bool,
) -> None:
    """Replay a log from its tiles: every entry, proof, tile and checkpoint, and that it only ever grew.

    Remembers the last sound tree and goes on from there. Exit code 1 at the first inconsistency, with a line that says
    where it is, and when an older state than before is shown for ten minutes (with --once: ten seconds); 4 when the
    service cannot be reached (with --once). Ctrl-C ends it.
    """
    from ledger.monitor import Monitor
    from ledger.monitorstate import MonitorState
    from provenance.policy import load_policy

    tiled = open_watched(location, vkeys)
    line = ProgressLine()
    kept = MonitorState(state or state_path("monitors", tiled.keys[0].name))
    watch = Monitor(
        tiled,
        kept,
        witnesses=load_policy(find_home()).witnesses,
        progress=lambda done, total: line(done, total, "replaying"),
    )
    try:
        follow(lambda first: _round(watch, tiled, full=full and first, line=line, as_json=as_json), once, interval)
    finally:
        line.clear()
        kept.close()
        tiled.transport.close()


def _round(watch: Monitor, tiled: TiledLog, *, full: bool, line: ProgressLine, as_json: bool) -> None:
    try:
        done = watch.check(anew=full)
    except InvalidError as error:
        if as_json:
            write_line({"ledger": tiled.location, "sound": False, "problem": str(error)})
        raise
    finally:
        line.clear()
    if as_json:
        write_line({"ledger": tiled.location, "sound": True, **_described(done)})
    else:
        more = f", {done.added} new" if done.added != done.checkpoint.size else ""
        beside = f"; {done.stamps} timestamps; cosigned by {', '.join(done.witnesses) or 'no known witness'}"
        click.echo(f"{done.checkpoint.origin}: all {done.checkpoint.size} entries hold{more}{beside}")


def _described(done: Round) -> dict[str, object]:
    return {
        "origin": done.checkpoint.origin,
        "size": done.checkpoint.size,
        "root": done.checkpoint.root.hex(),
        "added": done.added,
        "timestamps": done.stamps,
        "witnesses": list(done.witnesses),
    }


def follow(act: Callable[[bool], None], once: bool, interval: float) -> None:
    """``act(True)``, and unless ``once`` again after each interval until a signal comes.

    Raises:
        InvalidError: what ``act`` raised; an older state only once it has been shown for OLDER_SECONDS.
    """
    from ledger.older import OlderStateError

    if once:
        act(True)
        return
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    first, older_since = True, None
    while not stop.is_set():
        try:
            act(first)
            first, older_since = False, None
        except OlderStateError as error:
            older_since = older_since or time.monotonic()
            if time.monotonic() - older_since > OLDER_SECONDS:
                raise
            note(f"warning: {error}")
        except LedgerFault as fault:  # it may come back; an inconsistency does not go away
            note(f"warning: {fault}")
        stop.wait(interval)


def open_watched(location: str, vkeys: tuple[str, ...]) -> TiledLog:
    """The log at an address, with the keys that are given, or those that are known for the address."""
    from ledger.client import open_ledger
    from ledger.tiled import TiledLog
    from ledger.transport import Transport

    if "://" not in location:
        raise UsageError(f"{location[:100]!r} is no address of a service; a log in a file is checked by: ledger fsck")
    if not vkeys:
        return open_ledger(location).tiled
    return TiledLog(Transport(location), [parse_log_key(text) for text in vkeys])


def parse_log_key(text: str) -> VerifierKey:
    """A log's verifier key as the user wrote it.

    Raises:
        UsageError: it is none, or a witness's.
    """
    from provenance.note import VerifierKey
    from provenance.notekey import KeyType

    try:
        key = VerifierKey.parse(text)
    except InvalidError as error:
        raise UsageError(f"{error}; a log's key stands at its address under /log/vkey") from error
    if key.kind is KeyType.COSIGNATURE:
        raise UsageError(f"{text[:100]} is a witness's key, not a log's")
    return key


def state_path(folder: str, name: str) -> Path:
    """Where something is remembered by default, under the name of a log or witness."""
    home = find_home()
    return home.make(home.state / folder) / f"{hashlib.sha256(name.encode()).hexdigest()[:32]}.db"


def write_line(document: dict[str, object]) -> None:
    """One round's result as one line of JSON."""
    click.echo(json.dumps({"version": 1, **document}))
