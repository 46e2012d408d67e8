"""``seedproof calibrate``: measure a model for the policies that shall trust it."""

from __future__ import annotations

from pathlib import Path

import click

from generator import arguments
from provenance.terminal import ProgressLine, note

__all__ = ["calibrate"]


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
@click.option(
    "--corners",
    default=2,
    show_default=True,
    type=click.IntRange(1, 1_000),
    help="Pictures tried for each choice of steps, guidance and prompt length.",
)
@click.option("--size", default="model", help=arguments.SIZE_HELP)
@click.option("--steps", type=click.IntRange(1, 200), help="Sampler steps; by default what suits the model.")
@click.option("--guidance", help="How closely the pictures follow their prompts; by default what suits the model.")
@click.option("--revision", metavar="REVISION", help="Branch, tag or commit of a model on the hub.")
@click.option(
    "--device", default="auto", show_default=True, type=click.Choice(["auto", "cpu", "cuda"]), help="Where to run."
)
@click.option("--force", is_flag=True, help="Replace an existing file.")
def calibrate(
    model: str,
    output: Path,
    prompts_file: Path | None,
    pictures: int,
    honest: int,
    corners: int,
    size: str,
    steps: int | None,
    guidance: str | None,
    revision: str | None,
    device: str,
    force: bool,
) -> None:
    """Measure what a verifier needs to know about MODEL: whitening, quantisation steps, thresholds, valid recipes.

    The file that it writes goes into the folder calibrations beside a policy that names its digest; the house model's
    own is built in. Takes about an hour for a small model on two CPU cores.
    """
    from provenance.calibration import calibration_id, format_calibration
    from provenance.files import check_writable, write_atomic

    check_writable(output, overwrite=force)
    arguments.check_device(device)
    if guidance is not None:
        arguments.guidance(guidance)
    from generator.models import open_model
    from generator.setups import usual

    installed = open_model(model, revision=revision)
    usual_steps, usual_guidance = usual(installed)
    strength = arguments.guidance(guidance or usual_guidance)
    width, height = arguments.size(size, installed)
    note(f"loading {installed.identity.name}")
    from generator.calibrate import Plan, measure, read_prompts

    line = ProgressLine()
    prompts, count = read_prompts(prompts_file), steps or usual_steps
    plan = Plan(prompts, pictures, honest, width, height, count, strength, device, corners)
    try:
        data = format_calibration(measure(installed, plan, line))
    finally:
        line.clear()
    write_atomic(output, data, overwrite=force)
    note(f"{output}: pin it in a policy as {calibration_id(data).hex()}")
