"""``seedproof challenge``, ``respond``, ``check`` and ``disclose``: live proofs, and opening a sealed prompt."""

from __future__ import annotations

import os
import re
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import click

from provenance.challenge import (
    Challenge,
    challenge_id,
    check_response,
    format_challenge,
    format_response,
    new_challenge,
    parse_challenge,
    parse_response,
)
from provenance.challenge import (
    respond as answer,
)
from provenance.claim import claim_id
from provenance.claimed import read_claimed
from provenance.cli_options import keystore_options, unlock_master, words_options
from provenance.cli_verify import read_picture_file
from provenance.commitment import commit
from provenance.curve import public_key
from provenance.derivation import derive_author, derive_prompt_key, derive_work
from provenance.errors import InvalidError, UnprovedError, UsageError
from provenance.files import check_writable, read_bounded, write_atomic
from provenance.history import answering_key, read_history
from provenance.plugins import open_ledger
from provenance.recipe import format_opening, open_sealed, parse_recipe
from provenance.terminal import note, printable, write_json

if TYPE_CHECKING:
    from collections.abc import Callable

    from provenance.assertion import Assertion
    from provenance.claim import Claim

Parsed = TypeVar("Parsed")

__all__ = ["challenge", "check", "disclose", "respond"]

_LEDGER = click.option("--ledger", "location", metavar="PATH|URL", help="The log that knows who owns the work.")
_LIMIT = 65_536
_DURATION = re.compile(r"([1-9][0-9]{0,4})([mhd])", re.ASCII)
_UNITS = {"m": timedelta(minutes=1), "h": timedelta(hours=1), "d": timedelta(days=1)}


@click.command(epilog='Example: seedproof challenge hills.png --audience "Gallery X" --valid 2d -o challenge.json')
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--audience", required=True, help="Your name: the answer is good for you alone.")
@click.option("--prover", help="The name by which you know the one who answers; one who goes by another name refuses.")
@click.option("--valid", default="1d", show_default=True, help="How long: 30m, 12h, 7d.")
@click.option("-o", "--output", type=click.Path(path_type=Path), required=True, help="Where to write the challenge.")
@click.option("--force", is_flag=True, help="Replace an existing file.")
@_LEDGER
def challenge(
    file: Path, audience: str, prover: str | None, valid: str, output: Path, force: bool, location: str | None
) -> None:
    """Ask whoever claims FILE to prove, live and to you alone, that he holds its secret.

    With --ledger, a work that was sold asks for its owner's key instead.
    """
    _, claim = _read_claim(file)
    key, nonce = _answering_key(claim, location)
    made = new_challenge(
        claim_id(claim),
        key,
        nonce,
        audience,
        prover,
        datetime.now(UTC) + _duration(valid),
        os.urandom(32),
    )
    check_writable(output, overwrite=force)
    write_atomic(output, format_challenge(made) + b"\n", overwrite=force)
    whom = "the author" if key == claim.Y else "the owner"
    note(f"{output}: send it to {whom}; the answer must arrive before {made.expires:%Y-%m-%d %H:%M:%S} UTC")


@click.command(epilog="Example: seedproof respond challenge.json -o response.json")
@click.argument("challenge_file", type=click.Path(path_type=Path))
@click.option("-o", "--output", type=click.Path(path_type=Path), required=True, help="Where to write the response.")
@click.option("--yes", is_flag=True, help="Do not ask; for programs that have shown the challenge themselves.")
@click.option("--force", is_flag=True, help="Replace an existing file.")
@keystore_options
@words_options
def respond(
    challenge_file: Path,
    output: Path,
    yes: bool,
    force: bool,
    passphrase_file: Path | None,
    words: bool,
    words_file: Path | None,
) -> None:
    """Answer a challenge with the keystore, or with the 24 words alone. Shows what is asked, and asks you first."""
    asked = _read(challenge_file, "challenge", parse_challenge)
    check_writable(output, overwrite=force)
    _show(asked)
    if not yes:
        if not sys.stdin.isatty():
            raise UsageError("nobody is there to confirm; read the challenge and pass --yes")
        if not click.confirm("Answer this challenge?", err=True):
            raise UsageError("not answered; nothing was written")
    master = unlock_master(passphrase_file, words=words, words_file=words_file)
    secret = derive_author(master) if asked.nonce is None else derive_work(master, asked.nonce)
    if asked.nonce is None and public_key(secret) != asked.Y:
        raise UsageError(
            f"the challenge asks the holder of the key {asked.Y.hex()}, which is not yours; "
            "a key that was not derived from a master secret answers with its own tool"
        )
    made = answer(asked, secret, datetime.now(UTC))
    write_atomic(output, format_response(made) + b"\n", overwrite=force)
    note(f"{output}: send it to {asked.audience}")


@click.command(epilog="Example: seedproof check challenge.json response.json --picture hills.png")
@click.argument("challenge_file", type=click.Path(path_type=Path))
@click.argument("response_file", type=click.Path(path_type=Path))
@click.option("--picture", type=click.Path(path_type=Path), help="The picture that was asked about.")
@click.option("--audience", help="Your name, if the challenge file did not stay in your hands.")
@_LEDGER
@click.option("--json", "as_json", is_flag=True, help="Write the result as JSON.")
def check(
    challenge_file: Path,
    response_file: Path,
    picture: Path | None,
    audience: str | None,
    location: str | None,
    as_json: bool,
) -> None:
    """Check the answer to a challenge that you made. With --ledger, that of a sold work must be its owner's by now."""
    asked = _read(challenge_file, "challenge", parse_challenge)
    made = _read(response_file, "response", parse_response)
    claim: Claim | None = None
    if picture is not None:
        claim = _read_claim(picture)[1]
        if _answering_key(claim, location)[0] != asked.Y:
            hint = "" if location else "; if the work was sold, name the log that knows it with --ledger"
            raise InvalidError(f"the challenge asks another key than the one that answers for this picture{hint}")
    elif location is not None:
        raise UsageError("--ledger needs the --picture whose owner is looked up")
    check_response(
        asked,
        made,
        datetime.now(UTC),
        audience=audience,
        claim_id=None if claim is None else claim_id(claim),
    )
    if as_json:
        write_json(
            {
                "version": 1,
                "answered": True,
                "claim_id": asked.claim.hex(),
                "challenge_id": challenge_id(asked).hex(),
                "audience": asked.audience,
                "prover": asked.prover,
            }
        )
        return
    what = "the secret of" if claim is None or claim.Y == asked.Y else f"the key {asked.Y.hex()}, which owns"
    click.echo(f"answered: whoever sent this holds {what} claim {asked.claim.hex()}")


@click.command(epilog="Example: seedproof disclose hills.png -o opening.json")
@click.argument("file", type=click.Path(path_type=Path))
@click.option(
    "-o", "--output", type=click.Path(path_type=Path), required=True, help="Where to write the opening (mode 0600)."
)
@click.option("--force", is_flag=True, help="Replace an existing file.")
@keystore_options
@words_options
def disclose(
    file: Path, output: Path, force: bool, passphrase_file: Path | None, words: bool, words_file: Path | None
) -> None:
    """Open the sealed prompt of FILE for one reader: give him the opening, he passes it to verify --opening."""
    assertion, claim = _read_claim(file)
    commitment = parse_recipe(assertion.recipe).prompt
    if not isinstance(commitment, bytes) or assertion.sealed is None:
        raise UsageError(f"{file}: its prompt is not sealed; inspect shows it")
    if claim.nonce is None:
        raise UsageError("this claim's key was not derived from a master secret, so no prompt key is known")
    check_writable(output, overwrite=force)
    master = unlock_master(passphrase_file, words=words, words_file=words_file)
    if commit(derive_work(master, claim.nonce)) != claim.Y:
        raise UsageError("this master did not make this work: the secret derived from it has another public key")
    opening = open_sealed(assertion.sealed, derive_prompt_key(master, claim.nonce), claim.index, commitment)
    write_atomic(output, format_opening(opening) + b"\n", mode=0o600, overwrite=force)
    note(f"{output}: whoever has it reads the prompt of this one picture")


def _answering_key(claim: Claim, location: str | None) -> tuple[bytes, bytes | None]:
    """The key that answers for a work, and the nonce that its secret comes from: the author's until a log says more."""
    if location is None:
        return claim.Y, claim.nonce
    ledger = open_ledger(location, create=False)
    try:
        history = read_history(claim_id(claim), ledger)
    finally:
        ledger.close()
    if history is None:
        raise UnprovedError(f"claim {claim_id(claim).hex()} is not in {location}, so its owner is not known")
    if history.gap:
        note(f"warning: {history.gap}")
    if history.ownership.contested:
        note("warning: a key that this work's ownership hangs on was reported as stolen; seedproof owner tells more")
    return answering_key(history)


def _read_claim(file: Path) -> tuple[Assertion, Claim]:
    return read_claimed(read_picture_file(file), str(file), datetime.now(UTC))


def _read(path: Path, what: str, parse: Callable[[bytes], Parsed]) -> Parsed:
    """A challenge or response from its file. One that is none at all was named by mistake; it proves nothing."""
    data = read_bounded(path, what, limit=_LIMIT)
    try:
        return parse(data)
    except InvalidError as error:
        raise UsageError(f"{path} is no {what}: {error}") from error


def _show(asked: Challenge) -> None:
    what = "the secret of" if asked.nonce is not None else f"the key {asked.Y.hex()}, which owns"
    click.echo(f"You are asked to prove that you hold {what}", err=True)
    click.echo(f"  claim     {asked.claim.hex()}", err=True)
    click.echo(f"  by        {printable(asked.audience)}   (only they can use the answer)", err=True)
    if asked.prover:
        click.echo(
            f"  to you as {printable(asked.prover)}   (if this is not you, you are being relayed: refuse)", err=True
        )
    else:
        click.echo(
            "  of you    (it does not say whom it asks: answer only if it reached you from them directly)", err=True
        )
    click.echo(f"  until     {asked.expires:%Y-%m-%d %H:%M:%S} UTC", err=True)


def _duration(text: str) -> timedelta:
    found = _DURATION.fullmatch(text)
    if not found:
        raise UsageError(f"--valid: {text!r} is no duration such as 30m, 12h or 7d")
    return int(found[1]) * _UNITS[found[2]]
