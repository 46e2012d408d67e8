"""``seedproof create``: from a prompt to a claimed, logged and signed picture."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import click

from generator import arguments
from generator.cli_calibrate import calibrate
from generator.cli_options import Sampling, device_options, model_options, read_prompt_file, sampling_options
from provenance.cli_options import keystore_options, unlock_author
from provenance.errors import InterruptedFault, MemoryFault, UsageError
from provenance.home import find_home
from provenance.terminal import ProgressLine, note, write_json

if TYPE_CHECKING:
    from collections.abc import Sequence

    from generator.create import Created, Job, Studio

__all__ = ["calibrate", "create"]

_MAX_COUNT = 1000


@click.command(
    epilog='Example: seedproof create "a lake at dawn" -o lake.png --count 4 --terms training=no,derivation=yes'
)
@click.argument("prompt", required=False)
@click.option("--prompts", "prompts_file", type=click.Path(path_type=Path), help="Instead of PROMPT: one on a line.")
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path),
    required=True,
    help="PNG or lossless WebP to write.",
)
@click.option("--negative", default="", help="What the picture should not show.")
@click.option(
    "--steps", type=click.IntRange(1, 200), help="Sampler steps; by default what suits the model (house: 12)."
)
@click.option("--size", default="model", help=arguments.SIZE_HELP)
@click.option(
    "--guidance",
    help="How closely to follow the prompt; low keeps seeds apart. By default what suits the model (house: 2.5).",
)
@click.option(
    "--count",
    default=1,
    show_default=True,
    type=click.IntRange(1, _MAX_COUNT),
    help="Pictures of each prompt, each with its own key. With more than one, hills.png stands for hills-1.png, "
    "hills-2.png, ...",
)
@click.option(
    "--batch",
    type=click.IntRange(1, 64),
    help="Pictures of a prompt that are sampled at a time. By default up to 4, as memory and precision allow.",
)
@model_options
@sampling_options
@device_options
@click.option("--seal-prompt", is_flag=True, help="Publish a commitment instead of the prompt.")
@click.option("--anonymous", is_flag=True, help="No author key, a one-time certificate: works cannot be linked.")
@click.option(
    "--terms",
    default="",
    metavar="TERMS",
    help="What others may do: training=yes|no|ask, derivation=yes|no|ask, and last a notice=TEXT, with commas between "
    "them. By default training=no,derivation=ask without a notice.",
)
@click.option(
    "--ledger", "ledger_location", metavar="PATH|URL", help="Log that takes the claim; by default your local one."
)
@click.option("--cert", type=click.Path(path_type=Path), help="Your own C2PA certificate chain (PEM).")
@click.option("--key", type=click.Path(path_type=Path), help="Its private key (PEM, mode 0600).")
@click.option("--tsa", metavar="URL", help="RFC 3161 authority that stamps the C2PA signature.")
@click.option("--force", is_flag=True, help="Replace existing files.")
@click.option("--json", "as_json", is_flag=True, help="Write what was made as JSON.")
@keystore_options
def create(
    prompt: str | None,
    prompts_file: Path | None,
    output: Path,
    negative: str,
    steps: int | None,
    size: str,
    guidance: str | None,
    count: int,
    batch: int | None,
    model: str,
    revision: str | None,
    trust_remote_code: bool,
    scheduler: str | None,
    loras: tuple[str, ...],
    inversions: tuple[str, ...],
    controlnet: tuple[str, ...],  # noqa: ARG001 - refused by its callback
    control_image: tuple[str, ...],  # noqa: ARG001
    ip_adapter: tuple[str, ...],  # noqa: ARG001
    device: str,
    dtype: str,
    offload: bool,
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
    from generator.batch import batch_size
    from generator.create import Job, Studio, numbered, plan
    from generator.models import open_model
    from generator.setups import usual
    from generator.vocabulary import prompt_remarks
    from provenance.authoring import parse_terms
    from provenance.keystore import author_key, read_keystore
    from provenance.measured import why_unmeasured
    from provenance.plugins import open_ledger
    from provenance.policy import load_policy
    from provenance.recipe import Prompt

    arguments.check_output(output)
    if (prompt is None) == (prompts_file is None):
        raise UsageError("name a PROMPT or a file of --prompts, and not both")
    prompts = [prompt] if prompt is not None else read_prompt_file(prompts_file or Path())
    for text in prompts:
        arguments.check_prompts(text, negative, terms)
    arguments.check_url(tsa, "--tsa")
    arguments.check_device(device)
    home = find_home()
    installed = open_model(model, revision=revision, trust_remote_code=trust_remote_code)
    chosen = Sampling.read(installed, scheduler, loras, inversions, offload=offload)
    usual_steps, usual_guidance = usual(installed)
    width, height = arguments.size(size, installed)
    job = Job(
        prompt=Prompt(prompts[0], negative),
        output=output,
        width=width,
        height=height,
        steps=steps or usual_steps,
        guidance=arguments.guidance(guidance or usual_guidance),
        dtype=dtype,
        seal_prompt=seal_prompt,
        anonymous=anonymous,
        terms=parse_terms(terms),
        tsa_url=tsa,
        overwrite=force,
        sampling=chosen.told,
    )
    trust = load_policy(home).models.get(installed.identity.digest)
    jobs = numbered(job, count, [Prompt(text, negative) for text in prompts])
    todo = plan(jobs, home, installed, author_key(read_keystore(home.keystore)))
    secrets, credentials = unlock_author(passphrase_file, cert=cert, key=key)
    location = ledger_location or str(home.make(home.data) / home.ledger.name)
    ledger = open_ledger(location, create=True)
    made: list[Created] = []
    try:
        for remark in (
            *(remark for text in prompts for remark in prompt_remarks(installed.folder, text)),
            *prompt_remarks(installed.folder, negative, "--negative"),
        ):
            note(f"note: {remark}")
        note(f"loading {installed.identity.name}")
        runtime = chosen.load(installed, device=device, dtype=dtype)
        shape = runtime.latent_shape(width, height)
        limit = arguments.calibration_remark(trust, shape, width, height)
        if limit is not None:
            note(f"note: {limit}")
        for text in dict.fromkeys(prompts):
            corner = why_unmeasured(job, shape, Prompt(text, negative), trust)
            if corner is not None:
                note(f"note: {corner}, so verify will say at most: claimed")
        studio = Studio(
            home=home,
            master=secrets.master,
            credentials=credentials,
            model=installed,
            runtime=runtime,
            ledger=ledger,
            calibrated_steps=lambda shape: arguments.latent_steps(trust, shape),
            now=datetime.now(UTC),
            shared_ledger=ledger_location is not None,
        )
        together = batch_size(batch, shape, runtime.dtype, offload=offload)
        _make_all(todo, studio, len(jobs), together, made)
    except KeyboardInterrupt as error:
        raise InterruptedFault(
            f"interrupted; {len(made)} of {len(todo)} pictures are finished, the same command makes the rest"
        ) from error
    finally:
        ledger.close()
    if as_json:
        write_json({"version": 1, "pictures": [_describe(item) for item in made]})


def _make_all(todo: Sequence[tuple[Job, bool]], studio: Studio, count: int, size: int, made: list[Created]) -> None:
    """Make ``size`` pictures at a time and tell of each; what is finished is appended to ``made`` at once."""
    from generator.batch import Task, create_together, next_batch
    from generator.create import begin_all

    before = count - len(todo)
    if before:
        note(f"{before} of {count} pictures were finished before")
    works = begin_all((job for job, _ in todo), studio)
    tasks = [Task(job, work, resumed) for (job, resumed), work in zip(todo, works, strict=True)]
    line = ProgressLine()
    try:
        while len(made) < len(tasks):
            batch = next_batch(tasks[len(made) :], size)
            label = _label(before + len(made) + 1, len(batch), count)
            try:
                for item in create_together(batch, replace(studio, now=datetime.now(UTC)), partial(line, label=label)):
                    made.append(item)
                    line.clear()
                    _tell(item, tasks[len(made) - 1].job, studio.ledger.location)
            except MemoryFault:
                if len(batch) == 1:
                    raise
                size = len(batch) // 2
                note(f"too little memory for {len(batch)} pictures at a time: going on with {size}")
    finally:
        line.clear()


def _label(first: int, size: int, count: int) -> str:
    if count == 1:
        return "sampling"
    return f"picture {first} of {count}" if size == 1 else f"pictures {first} to {first + size - 1} of {count}"


def _describe(item: Created) -> dict[str, object]:
    return {
        "path": str(item.path),
        "claim_id": item.claim_id.hex(),
        "commitment": item.claim.Y.hex(),
        "index_in_log": item.index,
        "resumed": item.resumed,
    }


def _tell(item: Created, job: Job, log: str) -> None:
    again = " (taken up again)" if item.resumed else ""
    by = "anonymous" if job.anonymous else f"author {item.claim.authors[0].hex()[:16]}..."
    note(f"{item.path}: claim {item.claim_id.hex()[:16]}... by {by}, entry {item.index} of {log}{again}")
