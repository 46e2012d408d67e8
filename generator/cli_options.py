"""Options that the commands with a model share: which model, which sampler, what is laid over it, where it runs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

import click

from provenance.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from generator.adapters import AdapterFile
    from generator.models import InstalledModel
    from generator.runtime import Runtime
    from provenance.recipe import Scheduler

__all__ = ["Sampling", "device_options", "model_options", "read_prompt_file", "sampling_options"]

Command = TypeVar("Command", bound="Callable[..., Any]")

MAX_PROMPTS = 1000
DEVICES = ["auto", "cpu", "cuda"]
DTYPES = ["auto", "float32", "float16", "bfloat16"]


@dataclass(frozen=True)
class Sampling:
    """What the user chose beside the model: another scheduler, adapters, and whether to spare memory."""

    scheduler: Scheduler | None
    adapters: tuple[AdapterFile, ...]
    offload: bool

    @classmethod
    def read(
        cls,
        model: InstalledModel,
        scheduler: str | None,
        loras: tuple[str, ...],
        inversions: tuple[str, ...],
        *,
        offload: bool,
    ) -> Sampling:
        """From the command line.

        Raises:
            UsageError: a scheduler or adapter that this model cannot take. InvalidError: a file that is none.
        """
        from generator.adapters import read_adapters
        from generator.families import HOUSE_PIPELINE
        from generator.models import scheduler_of
        from generator.schedulers import replacement

        if model.pipeline_class == HOUSE_PIPELINE and (scheduler or loras or inversions):
            raise UsageError("--scheduler, --lora, --textual-inversion: the house model takes none of them")
        chosen = None if scheduler is None else replacement(scheduler, scheduler_of(model))
        return cls(chosen, read_adapters(loras, inversions), offload)

    @property
    def told(self) -> tuple[str, ...]:
        """For the fingerprint of a job."""
        from generator.adapters import describe

        chosen = () if self.scheduler is None else (self.scheduler.name, self.scheduler.config)
        return (*chosen, *(describe(file.record) for file in self.adapters))

    def load(self, model: InstalledModel, *, device: str, dtype: str) -> Runtime:
        """The model with all this."""
        from generator.runtime import load_runtime

        return load_runtime(
            model, device=device, dtype=dtype, scheduler=self.scheduler, adapters=self.adapters, offload=self.offload
        )


def model_options(command: Command) -> Command:
    """Add ``--model``, ``--revision`` and ``--trust-remote-code``."""
    for option in (
        click.option("--trust-remote-code", is_flag=True, help="Run the Python code that the model brings."),
        click.option("--revision", metavar="REVISION", help="Branch, tag or commit of a model on the hub."),
        click.option(
            "--model",
            default="house",
            show_default=True,
            help="The embedded model, a diffusers folder, or a hub id such as owner/name (docs/models.md).",
        ),
    ):
        command = option(command)
    return command


def sampling_options(command: Command) -> Command:
    """Add ``--scheduler``, ``--lora``, ``--textual-inversion``; refuse what brings pictures of others."""
    for option in (
        click.option("--ip-adapter", hidden=True, multiple=True, callback=_refuse),
        click.option("--control-image", hidden=True, multiple=True, callback=_refuse),
        click.option("--controlnet", hidden=True, multiple=True, callback=_refuse),
        click.option(
            "--textual-inversion",
            "inversions",
            multiple=True,
            metavar="PATH[:WORD]",
            help="Meaning of a new word of the prompt (safetensors); may be repeated. Verifies as consistent at most.",
        ),
        click.option(
            "--lora",
            "loras",
            multiple=True,
            metavar="PATH[:SCALE]",
            help="LoRA to lay over the model (safetensors); may be repeated. Verifies as consistent at most.",
        ),
        click.option(
            "--scheduler",
            metavar="NAME",
            help="Another sampler than the model's own, such as euler, ddim, dpm++2m, euler-a. Verifies as consistent "
            "at most.",
        ),
    ):
        command = option(command)
    return command


def device_options(command: Command) -> Command:
    """Add ``--device``, ``--dtype`` and ``--offload``."""
    for option in (
        click.option("--offload", is_flag=True, help="Spare memory at the cost of time."),
        click.option(
            "--dtype",
            default="auto",
            show_default=True,
            type=click.Choice(DTYPES),
            help="Sampling precision; auto is float32, but bfloat16 or float16 for large models on CUDA.",
        ),
        click.option("--device", default="auto", show_default=True, type=click.Choice(DEVICES), help="Where to run."),
    ):
        command = option(command)
    return command


def read_prompt_file(path: Path) -> list[str]:
    """One prompt on a line; empty lines are left out.

    Raises:
        UsageError: it cannot be read, is no UTF-8, or holds none or too many.
    """
    from provenance.files import read_bounded

    try:
        lines = read_bounded(path, "prompts", limit=2**24).decode("utf-8").splitlines()
    except UnicodeDecodeError as error:
        raise UsageError(f"--prompts: {path} is no UTF-8 text") from error
    prompts = [line.strip() for line in lines if line.strip()]
    if not 1 <= len(prompts) <= MAX_PROMPTS:
        raise UsageError(f"--prompts: {path} must hold 1 to {MAX_PROMPTS} prompts, it holds {len(prompts)}")
    return prompts


def _refuse(_context: click.Context, option: click.Parameter, value: tuple[str, ...]) -> tuple[str, ...]:
    if value:
        raise UsageError(f"--{(option.name or '').replace('_', '-')}: pictures that steer a model are not supported")
    return value
