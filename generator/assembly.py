"""From a model folder to a pipeline that can be run: the house model's own loop, or one of diffusers'."""

from __future__ import annotations

import importlib.util
import inspect
import warnings
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from generator.adapters import apply_adapters
from generator.families import HOUSE_PIPELINE
from generator.models import scheduler_of
from generator.schedulers import build_scheduler, kind_of
from generator.setups import family_for, options_of, setup_of
from provenance.errors import EnvironmentFault, MissingModelError, UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence

    import torch

    from generator.adapters import AdapterFile
    from generator.families import Family
    from generator.models import InstalledModel
    from generator.pipeline import Pipeline
    from provenance.recipe import Scheduler
    from provenance.setup import Setup

__all__ = ["Assembled", "assemble"]


@dataclass(frozen=True)
class Assembled:
    """A pipeline, the scheduler that drives it, and what the recipe says about both; no setup for the house model."""

    pipeline: Pipeline
    scheduler: Scheduler
    setup: Setup | None


def assemble(
    model: InstalledModel,
    *,
    device: torch.device,
    dtype: torch.dtype,
    scheduler: Scheduler | None = None,
    adapters: Sequence[AdapterFile] = (),
    offload: bool = False,
) -> Assembled:
    """Load everything. ``scheduler`` replaces the model's own.

    Raises:
        MissingModelError: a part is missing, damaged, not supported, or does not fit the others.
        InvalidError: NaN weights, a changed adapter. UsageError: an adapter or scheduler that the model cannot take.
    """
    own = scheduler_of(model)
    if model.pipeline_class == HOUSE_PIPELINE:
        from generator.pipeline import load

        if adapters or scheduler is not None:
            raise UsageError("the house model takes no adapters and no other scheduler")
        return Assembled(load(model.folder, device=device, dtype=dtype), own, None)
    from generator.diffusion import DiffusersPipeline
    from generator.loading import hush
    from generator.surroundings import show_open_mask

    hush()
    chosen = scheduler or own
    family = family_for(model)
    decoder = _decoder(model)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)  # about configurations of models that nobody here wrote
        pipe = _pipe(model, family, chosen, dtype)
    _check_channels(model, pipe, family, decoder)
    if family.masked:
        show_open_mask(getattr(pipe, family.denoiser), int(decoder.config.latent_channels))
    pipe.vae_scale_factor = _factor(decoder)
    pipe.set_progress_bar_config(disable=True)
    apply_adapters(pipe, adapters)
    _place(pipe, decoder, device, offload=offload)
    setup = setup_of(model, [file.record for file in adapters], replaced=scheduler is not None and scheduler != own)
    return Assembled(DiffusersPipeline(pipe, decoder, family, linear=kind_of(chosen).linear), chosen, setup)


def _pipe(model: InstalledModel, family: Family, scheduler: Scheduler, dtype: torch.dtype) -> Any:
    """Diffusers' pipeline without its decoder, on the CPU."""
    if model.code is not None:
        return _trusted_pipe(model, scheduler, dtype)
    import diffusers

    from generator.loading import load_part

    parts: dict[str, Any] = dict.fromkeys(("vae", *family.unused))
    for name in (family.denoiser, *family.parts):
        library, class_name = _named(model, name)
        parts[name] = None if not library else load_part(model.folder, name, library, class_name, dtype)
    if parts[family.denoiser] is None or parts["tokenizer"] is None or parts["text_encoder"] is None:
        raise MissingModelError(f"{model.folder}: {family.denoiser}, tokenizer or text_encoder is missing")
    options = options_of(model, family)
    kind = getattr(diffusers, family.runs or family.pipeline)
    taken = inspect.signature(kind.__init__).parameters
    if "requires_safety_checker" in taken:
        options["requires_safety_checker"] = False  # it looks at decoded pictures, and there are none here
    return kind(scheduler=build_scheduler(scheduler), **{k: v for k, v in (parts | options).items() if k in taken})


def _trusted_pipe(model: InstalledModel, scheduler: Scheduler, dtype: torch.dtype) -> Any:
    """A pipeline that comes with code of its own, which the user said may be run."""
    from diffusers import DiffusionPipeline

    try:
        pipe = DiffusionPipeline.from_pretrained(
            str(model.folder),
            trust_remote_code=True,
            use_safetensors=True,
            local_files_only=True,
            torch_dtype=dtype,
            low_cpu_mem_usage=False,
        )
    except Exception as error:
        reason = " ".join(str(error).split())[:200]
        raise MissingModelError(f"{model.folder} cannot be loaded: {reason}") from error
    taken = inspect.signature(type(pipe).__call__).parameters
    lacking = {"prompt", "latents", "output_type", "num_inference_steps", "guidance_scale"} - set(taken)
    if lacking:
        raise MissingModelError(
            f"{model.folder}: its pipeline takes no {', '.join(sorted(lacking))}, so no seed of ours"
        )
    pipe.scheduler = build_scheduler(scheduler)
    return pipe


def _named(model: InstalledModel, part: str) -> tuple[str, str]:
    """(library, class) of a component, empty where there is none."""
    found = model.index.get(part)
    if not isinstance(found, list) or len(found) < 2 or found[0] is None:  # noqa: PLR2004 - a pair
        return "", ""
    return str(found[0]), str(found[1])


def _decoder(model: InstalledModel) -> Any:
    from generator.loading import load_decoder

    library, class_name = _named(model, "vae")
    if not library:
        raise MissingModelError(f"{model.folder}: the model has no vae, so its latents cannot become pictures")
    if library not in ("diffusers", "generator.house.decoder_only") and model.code is not None:
        raise MissingModelError(f"{model.folder}: a decoder with code of its own is not supported, only a pipeline")
    return load_decoder(model.folder, library, class_name)


def _factor(decoder: Any) -> int:
    from generator.loading import downscale_factor

    return downscale_factor(decoder)


def _check_channels(model: InstalledModel, pipe: Any, family: Family, decoder: Any) -> None:
    denoiser = getattr(pipe, family.denoiser).config
    reads = family.channels(int(denoiser.in_channels))
    gives = getattr(denoiser, "out_channels", None) or reads
    gives = reads if family.packed else int(gives)
    decodes = int(decoder.config.latent_channels)
    if reads != decodes or gives not in (reads, 2 * reads):
        raise MissingModelError(
            f"{model.folder}: the denoiser reads {denoiser.in_channels} channels, which makes latents of {reads}, and "
            f"gives {gives}; the decoder reads {decodes}. Only text-to-image models are supported, and those for "
            "inpainting with mask channels"
        )


def _place(pipe: Any, decoder: Any, device: torch.device, *, offload: bool) -> None:
    """Put the networks where they run; with ``offload`` spare the memory at the cost of time."""
    if offload and device.type == "cuda":
        if importlib.util.find_spec("accelerate") is None:
            raise EnvironmentFault("--offload needs the package accelerate; install seedproof[lora]")
        pipe.enable_model_cpu_offload(device=device)
    else:
        pipe.to(device)
    if offload:
        pipe.enable_attention_slicing()
        if hasattr(decoder, "enable_slicing"):
            decoder.enable_slicing()
    decoder.to(device)
