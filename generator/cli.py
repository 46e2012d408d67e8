"""``seedproof create``: from a prompt to a claimed, logged and signed picture."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import click

from provenance.cli_options import keystore_options, unlock_author
from provenance.encoding import decimal_string, parse_decimal
from provenance.errors import EncodingError, UsageError
from provenance.home import find_home
from provenance.terminal import ProgressLine, note, write_json

if TYPE_CHECKING:
    from decimal import Decimal

    from generator.create import Created, Job

__all__ = ["calibrate", "create"]

_SIZE = re.compile(r"([1-9][0-9]{0,4})(?:x([1-9][0-9]{0,4}))?", re.ASCII)
_MAX_COUNT = 1000
MAX_PROMPT_BYTES = 30_000
"""Prompt and negative prompt, so that the recipe stays below its 65,536 bytes even where JSON escapes them."""

_SUFFIXES = (".png", ".webp")


@click.command(
    epilog='Example: seedproof create "a lake at dawn" -o lake.png --count 4 --terms training=no,derivation=yes'
)
@click.argument("prompt")
@click.option("-o", "--output", type=click.Path(path_type=Path), required=True, help="PNG or lossless WebP to write.")
@click.option("--negative", default="", help="What the picture should not show.")
@click.option("--steps", default=12, show_default=True, type=click.IntRange(1, 200), help="Sampler steps.")
@click.option("--size", default="model", help="WIDTHxHEIGHT or SIDE in pixels; by default the model's own.")
@click.option(
    "--guidance", default="2", show_default=True, help="How closely to follow the prompt; low keeps seeds apart."
)
@click.option(
    "--count", default=1, show_default=True, type=click.IntRange(1, _MAX_COUNT), help="Pictures; each has its own key."
)
@click.option("--model", default="house", show_default=True, help="The embedded model, or a diffusers folder.")
@click.option(
    "--device", default="auto", show_default=True, type=click.Choice(["auto", "cpu", "cuda"]), help="Where to run."
)
@click.option(
    "--dtype",
    default="float32",
    show_default=True,
    type=click.Choice(["float32", "float16", "bfloat16"]),
    help="Sampling precision.",
)
@click.option("--seal-prompt", is_flag=True, help="Publish a commitment instead of the prompt.")
@click.option("--anonymous", is_flag=True, help="No author key, a one-time certificate: works cannot be linked.")
@click.option("--terms", default="", metavar="TERMS", help="training=yes|no|ask,derivation=yes|no|ask,notice=TEXT")
@click.option(
    "--ledger", "ledger_location", metavar="PATH", help="Log that takes the claim; by default your local one."
)
@click.option("--cert", type=click.Path(path_type=Path), help="Your own C2PA certificate chain (PEM).")
@click.option("--key", type=click.Path(path_type=Path), help="Its private key (PEM, mode 0600).")
@click.option("--tsa", metavar="URL", help="RFC 3161 authority that stamps the C2PA signature.")
@click.option("--force", is_flag=True, help="Replace existing files.")
@click.option("--json", "as_json", is_flag=True, help="Write what was made as JSON.")
@keystore_options
def create(
    prompt: str,
    output: Path,
    negative: str,
    steps: int,
    size: str,
    guidance: str,
    count: int,
    model: str,
    device: str,
    dtype: str,
    seal_prompt: bool,
    anonymous: bool,
    terms: str,
    ledger_location: str | None,
    cert: Path | None,
    key: Path | None,
    tsa: str | None,
    force: bool,
    as_json: bool,
    passphrase_file: Path | None,
) -> None:
    """Make a picture of PROMPT whose seed is your commitment; claim it, log it, sign it.

    The same command after a crash goes on where it stopped: same key, same picture, same claim.
    """
    from provenance.authoring import parse_terms
    from provenance.recipe import Prompt

    if output.suffix.lower() not in _SUFFIXES:
        raise UsageError(f"{output}: pictures are written as {' or '.join(_SUFFIXES)}")
    job_terms = parse_terms(terms)
    strength = _guidance(guidance)
    _check_prompt(prompt, "the prompt")
    _check_prompt(negative, "--negative")
    _check_prompt(terms, "--terms")
    if len((prompt + negative).encode()) > MAX_PROMPT_BYTES:
        raise UsageError(f"prompt and --negative together have more than {MAX_PROMPT_BYTES} bytes of UTF-8")
    secrets, credentials = unlock_author(passphrase_file, cert=cert, key=key)
    from generator.create import Job, Studio, numbered, plan
    from generator.create import create as make
    from generator.models import open_model
    from provenance.plugins import open_ledger
    from provenance.policy import load_policy

    home = find_home()
    installed = open_model(model)
    note(f"loading {installed.identity.name}")
    from generator.runtime import load_runtime

    runtime = load_runtime(installed, device=device, dtype=dtype)
    width, height = _size(size, installed.folder)
    job = Job(
        prompt=Prompt(prompt, negative),
        output=output,
        width=width,
        height=height,
        steps=steps,
        guidance=strength,
        dtype=dtype,
        seal_prompt=seal_prompt,
        anonymous=anonymous,
        terms=job_terms,
        tsa_url=tsa,
        overwrite=force,
    )
    jobs = numbered(job, count)
    trust = load_policy(home).models.get(installed.identity.digest)
    location = ledger_location or str(home.make(home.data) / home.ledger.name)
    ledger = open_ledger(location, create=True)
    studio = Studio(
        home=home,
        master=secrets.master,
        credentials=credentials,
        model=installed,
        runtime=runtime,
        ledger=ledger,
        calibrated_steps=lambda shape: _steps_of(trust, shape),
        now=datetime.now(UTC),
        shared_ledger=ledger_location is not None,
    )
    line = ProgressLine()
    made: list[Created] = []
    try:
        todo = plan(jobs, studio)
        if len(todo) < count:
            note(f"{count - len(todo)} of {count} pictures were finished before")
        for number, (each, resumed) in enumerate(todo, count - len(todo) + 1):
            label = "sampling" if count == 1 else f"picture {number} of {count}"
            moment = replace(studio, now=datetime.now(UTC))
            made.append(make(each, moment, partial(line, label=label), resumed=resumed))
            line.clear()
            _tell(made[-1], each, ledger.location)
    finally:
        line.clear()
        ledger.close()
    if as_json:
        write_json(
            {
                "version": 1,
                "pictures": [
                    {
                        "path": str(item.path),
                        "claim_id": item.claim_id.hex(),
                        "commitment": item.claim.Y.hex(),
                        "index_in_log": item.index,
                        "resumed": item.resumed,
                    }
                    for item in made
                ],
            }
        )


@click.command(epilog="Example: seedproof calibrate house -o calibration.json")
@click.argument("model")
@click.option(
    "-o", "--output", type=click.Path(path_type=Path), required=True, help="Calibration to write (canonical JSON)."
)
@click.option(
    "--prompts",
    "prompts_file",
    type=click.Path(path_type=Path),
    help="One prompt on a line; by default the built-in ones.",
)
@click.option(
    "--pictures", default=256, show_default=True, type=click.IntRange(32, 100_000), help="Latents for the whitening."
)
@click.option(
    "--honest",
    default=24,
    show_default=True,
    type=click.IntRange(4, 10_000),
    help="Pictures repeated under other conditions.",
)
@click.option("--size", default="model", help="WIDTHxHEIGHT or SIDE in pixels; by default the model's own.")
@click.option("--steps", default=12, show_default=True, type=click.IntRange(1, 200))
@click.option("--guidance", default="2", show_default=True)
@click.option("--device", default="auto", show_default=True, type=click.Choice(["auto", "cpu", "cuda"]))
@click.option("--force", is_flag=True, help="Replace an existing file.")
def calibrate(
    model: str,
    output: Path,
    prompts_file: Path | None,
    pictures: int,
    honest: int,
    size: str,
    steps: int,
    guidance: str,
    device: str,
    force: bool,
) -> None:
    """Measure what a verifier needs to know about MODEL: whitening, quantisation steps, thresholds."""
    from generator.calibrate import Plan, measure, read_prompts
    from generator.models import open_model
    from provenance.calibration import calibration_id, format_calibration
    from provenance.files import check_writable, write_atomic

    check_writable(output, overwrite=force)
    prompts = read_prompts(prompts_file)
    installed = open_model(model)
    width, height = _size(size, installed.folder)
    line = ProgressLine()
    plan = Plan(prompts, pictures, honest, width, height, steps, _guidance(guidance), device)
    data = format_calibration(measure(installed, plan, line))
    line.clear()
    write_atomic(output, data, overwrite=force)
    note(f"{output}: pin it in a policy as {calibration_id(data).hex()}")


def _guidance(text: str) -> Decimal:
    try:
        value = parse_decimal(decimal_string(text), "--guidance")
    except EncodingError as error:
        raise UsageError(f"--guidance: {text!r} is not a number") from error
    if not 0 <= value <= 100:  # noqa: PLR2004 - far beyond any use
        raise UsageError("--guidance: must lie between 0 and 100")
    return value


def _size(text: str, folder: Path) -> tuple[int, int]:
    if text == "model":
        from generator.models import native_size

        side = native_size(folder)
        return side, side
    found = _SIZE.fullmatch(text)
    if not found:
        raise UsageError(f"--size: {text!r} is not WIDTHxHEIGHT such as 128x128")
    return int(found[1]), int(found[2] or found[1])


def _check_prompt(text: str, what: str) -> None:
    from provenance.recipe import MAX_PROMPT

    if len(text) > MAX_PROMPT:
        raise UsageError(f"{what} has {len(text)} characters; at most {MAX_PROMPT} can be recorded")
    try:
        text.encode("utf-8")
    except UnicodeEncodeError as error:
        raise UsageError(f"{what} is not valid text in this terminal's encoding") from error


def _steps_of(trust: object, shape: tuple[int, int, int]) -> tuple[Decimal, ...] | None:
    from provenance.policy import ModelTrust

    if not isinstance(trust, ModelTrust):
        return None
    calibration = trust.calibration(shape)
    return calibration.steps if calibration else None


def _tell(item: Created, job: Job, log: str) -> None:
    again = " (taken up again)" if item.resumed else ""
    by = "anonymous" if job.anonymous else f"author {item.claim.authors[0].hex()[:16]}..."
    note(f"{item.path}: claim {item.claim_id.hex()[:16]}... by {by}, entry {item.index} of {log}{again}")
