"""``seedproof seed`` and ``seedproof attach``: for people who already have a workflow in another program."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import click

from generator import arguments
from generator.cli_options import Sampling, device_options, model_options, sampling_options
from provenance.cli_options import keystore_options, unlock_author, unlock_master
from provenance.errors import UsageError
from provenance.home import find_home
from provenance.terminal import note

__all__ = ["attach", "seed"]

WHY = (
    "A seed field of 32 bits cannot carry a proof: anybody can try keys until one of his own gives the same 32 bits, "
    "which takes four billion tries. The proof needs all 256 bits of your commitment, so it travels as initial noise."
)
_HOW = {
    "a1111": (
        "A1111 and its descendants take no initial noise from a file, so nothing made there can be proved this way. "
        "Make the picture with seedproof create --model FOLDER, or sample it in ComfyUI or diffusers. What A1111 wrote "
        "into a picture (parameters) is kept by seedproof attach --keep PICTURE."
    ),
    "comfyui": (
        "Put the file into ComfyUI's input folder as noise.latent. LoadLatent -> KSampler (Advanced) with add_noise "
        "disabled, start_at_step 0 and return_with_leftover_noise disabled -> SaveLatent. Then: seedproof attach "
        "--latent final.latent --recipe recipe.json --model FOLDER -o picture.png"
    ),
    "diffusers": (
        'latents = safetensors.torch.load_file("noise.safetensors")["latent_tensor"]; z = pipe(prompt, '
        'latents=latents, output_type="latent").images; safetensors.torch.save_file({"latent_tensor": z}, '
        '"final.safetensors"). Then: '
        "seedproof attach --latent final.safetensors --recipe recipe.json --model FOLDER -o picture.png"
    ),
}


@click.command(epilog="Example: seedproof seed --for comfyui --model ./sd15 --prompt 'a fox' -o noise.latent")
@click.option("--for", "program", required=True, type=click.Choice(list(_HOW)), help="Program that will sample.")
@click.option("-o", "--output", type=click.Path(path_type=Path), help="Initial noise to write (safetensors).")
@click.option(
    "--recipe", "recipe_file", type=click.Path(path_type=Path), help="What attach needs; by default beside the noise."
)
@click.option("--prompt", default="", help="What the picture will show; may be corrected in the recipe file.")
@click.option("--negative", default="", help="What it should not show.")
@click.option("--steps", type=click.IntRange(1, 200), help="Sampler steps.")
@click.option("--guidance", help="How closely to follow the prompt.")
@click.option("--scheduler", metavar="NAME", help="Sampler, where it is not the model's own.")
@click.option("--size", default="model", help="WIDTHxHEIGHT or SIDE in pixels.")
@click.option("--force", is_flag=True, help="Replace existing files.")
@model_options
@keystore_options
def seed(
    program: str,
    output: Path | None,
    recipe_file: Path | None,
    prompt: str,
    negative: str,
    steps: int | None,
    guidance: str | None,
    scheduler: str | None,
    size: str,
    force: bool,
    model: str,
    revision: str | None,
    trust_remote_code: bool,
    passphrase_file: Path | None,
) -> None:
    """Set a seed aside for a picture that another program will sample, and write its initial noise."""
    from provenance.files import check_writable, write_atomic

    note(WHY)
    note(_HOW[program])
    if output is None:
        return
    if program == "a1111":
        raise UsageError("--for a1111: there is no file that A1111 could take; nothing was written")
    recipe_path = recipe_file or output.with_name("recipe.json")
    for path in (output, recipe_path):
        check_writable(path, overwrite=force)
    arguments.check_prompts(prompt, negative, "")
    from generator.attach import reserve
    from generator.families import HOUSE_PIPELINE
    from generator.jobs import Job
    from generator.models import open_model, scheduler_of
    from generator.noisefile import noise_file
    from generator.reservation import format_reservation
    from generator.schedulers import replacement
    from generator.setups import usual
    from generator.sizes import early_latent_shape
    from provenance.claim import Terms
    from provenance.recipe import Prompt

    installed = open_model(model, revision=revision, trust_remote_code=trust_remote_code)
    if installed.pipeline_class == HOUSE_PIPELINE:
        raise UsageError("--model: the house model runs in seedproof alone; name the model of your workflow")
    chosen = scheduler_of(installed) if scheduler is None else replacement(scheduler, scheduler_of(installed))
    width, height = arguments.size(size, installed)
    usual_steps, usual_guidance = usual(installed)
    job = Job(
        prompt=Prompt(prompt, negative),
        output=output,
        width=width,
        height=height,
        steps=steps or usual_steps,
        guidance=arguments.guidance(guidance or usual_guidance),
        dtype="float32",
        seal_prompt=False,
        anonymous=False,
        terms=Terms(),
        sampling=() if scheduler is None else (scheduler,),
    )
    shape = early_latent_shape(installed, width, height)
    if shape is None:
        raise UsageError(f"--model: {installed.folder} does not say the shape of its latents")
    master = unlock_master(passphrase_file, words=False, words_file=None)
    found = reserve(master, program, installed, job, shape)
    data = noise_file(found, installed, chosen)
    write_atomic(recipe_path, format_reservation(found), overwrite=force)
    write_atomic(output, data, overwrite=force)
    note(f"{output}: initial noise; {recipe_path}: keep it, attach needs it (it holds no secret)")


@click.command(
    epilog="Example: seedproof attach --latent final.latent --recipe recipe.json --model ./sd15 -o picture.png"
)
@click.option("--latent", type=click.Path(path_type=Path), required=True, help="Final latent of the other program.")
@click.option("--recipe", "recipe_file", type=click.Path(path_type=Path), required=True, help="Written by seed.")
@click.option("-o", "--output", type=click.Path(path_type=Path), required=True, help="PNG or lossless WebP to write.")
@click.option(
    "--keep", type=click.Path(path_type=Path), help="Keep the text of A1111, ComfyUI or InvokeAI in this PNG of theirs."
)
@click.option("--seal-prompt", is_flag=True, help="Publish a commitment instead of the prompt.")
@click.option("--anonymous", is_flag=True, help="No author key, a one-time certificate: works cannot be linked.")
@click.option("--terms", default="", metavar="TERMS", help="As in create.")
@click.option("--ledger", "ledger_location", metavar="PATH|URL", help="Log that takes the claim.")
@click.option("--cert", type=click.Path(path_type=Path), help="Your own C2PA certificate chain (PEM).")
@click.option("--key", type=click.Path(path_type=Path), help="Its private key (PEM, mode 0600).")
@click.option("--tsa", metavar="URL", help="RFC 3161 authority that stamps the C2PA signature.")
@click.option("--force", is_flag=True, help="Replace an existing file.")
@model_options
@sampling_options
@device_options
@keystore_options
def attach(
    latent: Path,
    recipe_file: Path,
    output: Path,
    keep: Path | None,
    seal_prompt: bool,
    anonymous: bool,
    terms: str,
    ledger_location: str | None,
    cert: Path | None,
    key: Path | None,
    tsa: str | None,
    force: bool,
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
    passphrase_file: Path | None,
) -> None:
    """Claim a picture that another program sampled from the noise that seed wrote.

    The picture is rendered here from the quantised latent. It verifies as consistent at most: nobody can make it again
    to the last bit with another program than yours.
    """
    from generator.attach import attach as run
    from generator.families import HOUSE_PIPELINE
    from generator.jobs import Job, Studio
    from generator.latentfile import read_latent, read_workflow
    from generator.metadata import foreign_text
    from generator.models import open_model
    from generator.reservation import parse_reservation
    from provenance.authoring import parse_terms
    from provenance.chunks import MAX_FILE_BYTES
    from provenance.files import read_bounded
    from provenance.plugins import open_ledger
    from provenance.policy import load_policy

    arguments.check_output(output)
    arguments.check_url(tsa, "--tsa")
    home = find_home()
    found = parse_reservation(read_bounded(recipe_file, "recipe", limit=65_536))
    values = read_latent(latent, found.program)
    kept = {} if keep is None else foreign_text(read_bounded(keep, "picture", limit=MAX_FILE_BYTES))
    kept = {**read_workflow(latent), **kept}
    if seal_prompt and kept:
        raise UsageError("--seal-prompt: the kept workflow would tell the prompt; leave --keep out, or the metadata")
    if kept and output.suffix.lower() != ".png":
        raise UsageError(f"{output}: only PNG can keep the metadata of other programs")
    installed = open_model(model, revision=revision, trust_remote_code=trust_remote_code)
    if installed.pipeline_class == HOUSE_PIPELINE:
        raise UsageError("--model: name the folder of the model that made the latent")
    chosen = Sampling.read(installed, scheduler or found.scheduler, loras, inversions, offload=offload)
    trust = load_policy(home).models.get(installed.identity.digest)
    job = Job(
        prompt=found.prompt,
        output=output,
        width=found.width,
        height=found.height,
        steps=found.steps,
        guidance=found.guidance,
        dtype=dtype,
        seal_prompt=seal_prompt,
        anonymous=anonymous,
        terms=parse_terms(terms),
        tsa_url=tsa,
        overwrite=force,
    )
    secrets, credentials = unlock_author(passphrase_file, cert=cert, key=key)
    location = ledger_location or str(home.make(home.data) / home.ledger.name)
    ledger = open_ledger(location, create=True)
    try:
        note(f"loading {installed.identity.name}")
        studio = Studio(
            home=home,
            master=secrets.master,
            credentials=credentials,
            model=installed,
            runtime=chosen.load(installed, device=device, dtype=dtype),
            ledger=ledger,
            calibrated_steps=lambda shape: arguments.latent_steps(trust, shape),
            now=datetime.now(UTC),
            shared_ledger=ledger_location is not None,
        )
        made, linked = run(found, values, job, studio, kept)
    finally:
        ledger.close()
    note(f"{made.path}: claim {made.claim_id.hex()[:16]}..., entry {made.index} of {location}")
    if not linked:
        note(
            "note: the reserved noise does not show in this latent, so verify will say at most: claimed; was add_noise "
            "disabled, and are prompt, steps, guidance and scheduler in the recipe file those that were used?"
        )
