"""``seedproof notary``: follow a log, make new claims' pictures again, attest what came out."""

from __future__ import annotations

import hashlib
import signal
import threading
from pathlib import Path
from typing import TYPE_CHECKING, cast

import click

from provenance.errors import UsageError
from provenance.home import find_home
from provenance.terminal import ProgressLine, note, printable, write_json

if TYPE_CHECKING:
    from types import FrameType

    from generator.notary_event import Event
    from generator.notary_key import NotaryKey
    from generator.notary_log import Library
    from provenance.home import Home

__all__ = ["notary"]

_ATTESTED = ("regenerated", "differs")


@click.command(epilog="Example: seedproof notary --ledger https://log.example --model ~/models/sd-turbo")
@click.option("--ledger", "location", required=True, metavar="URL", help="The service whose log is followed.")
@click.option(
    "--key", "key_file", type=click.Path(path_type=Path), help="Key file; by default notary.key in your data folder."
)
@click.option("--new-key", is_flag=True, help="Make the key file; it must not be there.")
@click.option("--state", "state_file", type=click.Path(path_type=Path), help="Where to remember how far it has read.")
@click.option(
    "--policy",
    "policy_file",
    type=click.Path(path_type=Path),
    help="Models and calibrations beyond the default policy.",
)
@click.option("--model", "models", multiple=True, metavar="FOLDER", help="Also attest for this model; may be repeated.")
@click.option(
    "--poll",
    type=click.FloatRange(0.2, 86_400),
    default=30.0,
    show_default=True,
    metavar="SECONDS",
    help="Between rounds.",
)
@click.option("--once", is_flag=True, help="One round: as far as the log goes now.")
@click.option(
    "--revoke-from",
    type=click.IntRange(min=0),
    metavar="INDEX",
    help="The key was stolen: what it signed in this log from this entry on shall not count. For good; then end.",
)
@click.option("--yes", is_flag=True, help="Do not ask before revoking.")
@click.option(
    "--json", "as_json", is_flag=True, help="Write what came of each claim as JSON, one document after the other."
)
def notary(
    location: str,
    key_file: Path | None,
    new_key: bool,
    state_file: Path | None,
    policy_file: Path | None,
    models: tuple[str, ...],
    poll: float,
    once: bool,
    revoke_from: int | None,
    yes: bool,
    as_json: bool,
) -> None:
    """Regenerate the pictures of new claims and sign what came out, for verifiers without the model.

    Authors must have published recipe and latent. It goes on until it is stopped, and later from where it was; it
    attests a claim once. Policies name its public key, which is shown at the start (docs/notary.md).
    """
    from generator.notary import Notary
    from generator.notary_log import origin_of
    from generator.notary_state import StateFile
    from generator.regenerate import open_regenerator
    from provenance.plugins import open_ledger
    from provenance.policy import load_policy

    if "://" not in location:
        raise UsageError(f"--ledger {location[:100]!r}: a notary follows a service, such as http://127.0.0.1:8700")
    home = find_home()
    key = _key(home, key_file, new_key=new_key)
    policy = load_policy(home, policy_file)
    ledger = cast("Library", open_ledger(location, create=False))
    line = ProgressLine()
    try:
        log = origin_of(ledger)
        if revoke_from is not None:
            _revoke(ledger, key, revoke_from, yes=yes)
            return
        path = state_file or home.state / "notary" / f"{_name(key, log)}.json"
        with StateFile(path, key=key.public, log=log) as file:
            made = Notary(
                ledger,
                key,
                file,
                policy=policy,
                regenerator=open_regenerator(models),
                tell=lambda event: _tell(event, line, as_json=as_json),
                complain=note,
                progress=line,
            )
            note(f"notary {key.public.hex()} follows {printable(log)}")
            if once:
                made.catch_up()
            else:
                made.run(_stop_on_signals(), poll=poll)
    finally:
        line.clear()
        ledger.close()


def _revoke(ledger: Library, key: NotaryKey, from_index: int, *, yes: bool) -> None:
    from generator.notary_log import revoke_key

    public = key.public.hex()
    if not yes:
        click.confirm(f"Revoke the notary key {public} in this log, from entry {from_index} on, for good?", abort=True)
    logged = revoke_key(ledger, key.secret, from_index)
    note(f"notary key {public} is revoked (entry {logged.index}); tell those whose policies name it")


def _key(home: Home, path: Path | None, *, new_key: bool) -> NotaryKey:
    from generator.notary_key import load_key, make_key

    where = path or home.data / "notary.key"
    if new_key:
        return make_key(where)
    if not where.exists():
        raise UsageError(f"there is no notary key at {where}; make one with --new-key, or name another with --key")
    return load_key(where)


def _name(key: NotaryKey, log: str) -> str:
    """A file name for the state of this key and log."""
    return hashlib.sha256(key.public + log.encode()).hexdigest()[:32]


def _stop_on_signals() -> threading.Event:
    """Set by SIGTERM and SIGINT; a claim that is being examined is brought to its end."""
    stop = threading.Event()

    def handle(number: int, frame: FrameType | None) -> None:  # noqa: ARG001 - the signature of a handler
        stop.set()

    signal.signal(signal.SIGTERM, handle)
    signal.signal(signal.SIGINT, handle)
    return stop


def _tell(event: Event, line: ProgressLine, *, as_json: bool) -> None:
    line.clear()
    if as_json:
        write_json(
            {
                "version": 1,
                "claim_id": event.claim.hex(),
                "index_in_log": event.index,
                "outcome": event.outcome,
                "detail": event.detail,
                "attestation_index": event.attestation,
            }
        )
        return
    where = "" if event.index is None else f" (entry {event.index})"
    what = f"{event.outcome}: {event.detail}"
    if event.outcome in _ATTESTED:
        what += f"; attested as entry {event.attestation}"
    note(f"claim {event.claim.hex()[:16]}...{where} {what}")
