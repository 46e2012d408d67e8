"""``seedproof ledger monitor|witness``: watch a log that somebody else runs."""

from __future__ import annotations

import hashlib
import json
import re
import signal
import threading
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
    from ledger.witness import Witness
    from provenance.note import VerifierKey

__all__ = ["monitor", "witness"]

_LISTEN = re.compile(r"(\[[0-9a-fA-F:.]+\]|[^:\[\]]+):([0-9]{1,5})", re.ASCII)
_MAX_PORT = 65_535
_INTERVAL = click.option(
    "--interval", type=click.FloatRange(0.1, 86_400), default=60.0, show_default=True, metavar="SECONDS"
)
_ONCE = click.option("--once", is_flag=True, help="Look once and end.")
_JSON = click.option("--json", "as_json", is_flag=True, help="Write each round as one line of JSON.")


@click.command(epilog="Example: seedproof ledger monitor --ledger https://ledger.example --once")
@click.option("--ledger", "location", required=True, metavar="URL", help="The log's service.")
@click.option(
    "--vkey", "vkeys", multiple=True, metavar="VKEY", help="The log's verifier key, if you have it from elsewhere."
)
@click.option("--state", type=click.Path(path_type=Path), help="What is remembered; by default in your state folder.")
@click.option("--full", is_flag=True, help="Replay the whole log again, though the last sound tree is known.")
@_ONCE
@_INTERVAL
@_JSON
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
    where it is; 4 when the service cannot be reached (with --once). Ctrl-C ends it.
    """
    from ledger.monitor import Monitor
    from ledger.monitorstate import MonitorState
    from provenance.policy import load_policy

    tiled = _open(location, vkeys)
    line = ProgressLine()
    kept = MonitorState(state or _state_path("monitors", tiled.keys[0].name))
    watch = Monitor(
        tiled,
        kept,
        witnesses=load_policy(find_home()).witnesses,
        progress=lambda done, total: line(done, total, "replaying"),
    )
    try:
        _follow(lambda first: _round(watch, tiled, full=full and first, line=line, as_json=as_json), once, interval)
    finally:
        line.clear()
        kept.close()
        tiled.transport.close()


@click.command(epilog="Example: seedproof ledger witness --ledger https://ledger.example --name witness.example/w1")
@click.option("--ledger", "locations", multiple=True, metavar="URL", help="A log to look at by oneself; repeatable.")
@click.option(
    "--log", "logs", multiple=True, metavar="VKEY", help="The key of a log that may ask by itself (with --listen)."
)
@click.option("--key", type=click.Path(path_type=Path), help="The witness's keys, mode 0600; made when missing.")
@click.option("--name", metavar="NAME", help="The witness's name for new keys, such as witness.example/w1.")
@click.option("--state", type=click.Path(path_type=Path), help="What is remembered; by default in your state folder.")
@click.option("--listen", metavar="HOST:PORT", help="Let logs ask over HTTP (C2SP tlog-witness); port 0: a free one.")
@_ONCE
@_INTERVAL
@_JSON
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
    watched = [_open(location, ()) for location in locations]
    known: dict[str, list[VerifierKey]] = {}
    for own in [*(one for tiled in watched for one in tiled.keys), *map(_parse_log_key, logs)]:
        known.setdefault(own.name, []).append(own)
    at = Witness(state or _state_path("witnesses", signers[0].name), signers, known)
    try:
        for signer in signers:
            note(f"witness key: {signer.verifier_key.format()}")
        look = _Looker(at, watched, as_json=as_json)
        if listen is None:
            _follow(lambda _: look(), once, interval)
        else:
            _listen(at, listen, look, interval)
    finally:
        at.close()
        for tiled in watched:
            tiled.transport.close()


def _round(watch: Monitor, tiled: TiledLog, *, full: bool, line: ProgressLine, as_json: bool) -> None:
    try:
        done = watch.check(anew=full)
    except InvalidError as error:
        if as_json:
            _write({"ledger": tiled.location, "sound": False, "problem": str(error)})
        raise
    finally:
        line.clear()
    if as_json:
        _write({"ledger": tiled.location, "sound": True, **_described(done)})
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


class _Looker:
    """One look at every log that is watched. The first inconsistency is raised after all were looked at."""

    def __init__(self, at: Witness, watched: list[TiledLog], *, as_json: bool) -> None:
        self._at = at
        self._watched = watched
        self._as_json = as_json

    def __call__(self) -> None:
        from ledger.observer import observe

        failures: list[InvalidError | LedgerFault] = []
        for tiled in self._watched:
            try:
                checkpoint, lines = observe(self._at, tiled)
            except (InvalidError, LedgerFault) as error:
                failures.append(type(error)(f"{tiled.location}: {error}"))
                if self._as_json:
                    _write({"ledger": tiled.location, "cosigned": False, "problem": str(error)})
                continue
            if self._as_json:
                found = {"origin": checkpoint.origin, "size": checkpoint.size, "root": checkpoint.root.hex()}
                _write({"ledger": tiled.location, "cosigned": True, **found, "lines": lines.decode()})
            else:
                click.echo(f"{checkpoint.origin}: cosigned {checkpoint.size} entries")
        for failure in sorted(failures, key=lambda error: isinstance(error, LedgerFault)):
            raise failure


def _follow(act: Callable[[bool], None], once: bool, interval: float) -> None:
    """``act(True)``, and unless ``once`` again after each interval until a signal comes."""
    if once:
        act(True)
        return
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    first = True
    while not stop.is_set():
        try:
            act(first)
            first = False
        except LedgerFault as fault:  # it may come back; an inconsistency does not go away
            note(f"warning: {fault}")
        stop.wait(interval)


def _listen(at: Witness, address: str, look: _Looker, interval: float) -> None:
    from ledger.server.process import announce
    from ledger.server.process import listen as open_socket
    from ledger.witness_server import WitnessApp, serve_witness

    found = _LISTEN.fullmatch(address)
    if not found or int(found[2]) > _MAX_PORT:
        raise UsageError(f"--listen {address[:60]!r} must look like 127.0.0.1:8710")
    listener = open_socket(found[1].strip("[]"), int(found[2]))
    stop = threading.Event()

    def look_again() -> None:
        while not stop.is_set():
            try:
                look()
            except (InvalidError, LedgerFault) as error:
                note(f"warning: {error}")
            stop.wait(interval)

    looking = threading.Thread(target=look_again, daemon=True)
    looking.start()
    try:
        serve_witness(WitnessApp(at, note), listener, lambda: announce(listener))
    finally:
        stop.set()
        looking.join()


def _open(location: str, vkeys: tuple[str, ...]) -> TiledLog:
    """The log at an address, with the keys that are given, or those that are known for the address."""
    from ledger.client import open_ledger
    from ledger.tiled import TiledLog
    from ledger.transport import Transport

    if "://" not in location:
        raise UsageError(f"{location[:100]!r} is no address of a service; a log in a file is checked by: ledger fsck")
    if not vkeys:
        return open_ledger(location).tiled
    return TiledLog(Transport(location), [_parse_log_key(text) for text in vkeys])


def _parse_log_key(text: str) -> VerifierKey:
    from provenance.note import VerifierKey
    from provenance.notekey import KeyType

    try:
        key = VerifierKey.parse(text)
    except InvalidError as error:
        raise UsageError(f"{error}; a log's key stands at its address under /log/vkey") from error
    if key.kind is KeyType.COSIGNATURE:
        raise UsageError(f"{text[:100]} is a witness's key, not a log's")
    return key


def _key_path() -> Path:
    home = find_home()
    return home.make(home.data) / "witness.key"


def _state_path(folder: str, name: str) -> Path:
    home = find_home()
    return home.make(home.state / folder) / f"{hashlib.sha256(name.encode()).hexdigest()[:32]}.db"


def _write(document: dict[str, object]) -> None:
    click.echo(json.dumps({"version": 1, **document}))
