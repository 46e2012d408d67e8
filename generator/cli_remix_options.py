"""Options that all commands which make pictures of works share, and numbers as they are recorded."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from generator.cli_options import device_options, model_options, sampling_options
from provenance.cli_options import keystore_options
from provenance.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Callable
    from decimal import Decimal

__all__ = ["Asked", "child_options", "prompt_options", "share"]

Command = TypeVar("Command", bound="Callable[..., Any]")


@dataclass(frozen=True)
class Asked:
    """The options of :func:`child_options` and :func:`prompt_options`, as click hands them over."""

    output: Path
    model: str
    revision: str | None
    trust_remote_code: bool
    scheduler: str | None
    loras: tuple[str, ...]
    inversions: tuple[str, ...]
    controlnet: tuple[str, ...]
    control_image: tuple[str, ...]
    ip_adapter: tuple[str, ...]
    device: str
    dtype: str
    offload: bool
    anonymous: bool
    terms: str
    ledger_location: str | None
    from_ledger: tuple[str, ...]
    regenerate: bool
    encode: bool
    despite_terms: bool
    cert: Path | None
    key: Path | None
    tsa: str | None
    force: bool
    as_json: bool
    passphrase_file: Path | None
    seal_prompt: bool = False
    negative: str = ""
    steps: int | None = None
    guidance: str | None = None


def prompt_options(command: Command) -> Command:
    """Add ``--negative``, ``--steps``, ``--guidance`` and ``--seal-prompt``."""
    for option in (
        click.option("--seal-prompt", is_flag=True, help="Publish a commitment instead of the prompt."),
        click.option(
            "--guidance",
            help="How closely to follow the prompt; by default as in the work, and 1.6 times that for flow-edit.",
        ),
        click.option("--steps", type=click.IntRange(1, 200), help="Sampler steps; by default as in the work."),
        click.option("--negative", default="", help="What the picture should not show."),
    ):
        command = option(command)
    return command


def child_options(command: Command) -> Command:
    """Add everything else that ``create`` knows as well, and where the works' latents come from."""
    for option in (
        keystore_options,
        click.option("--json", "as_json", is_flag=True, help="Write what was made as JSON."),
        click.option("--force", is_flag=True, help="Replace an existing file."),
        click.option("--tsa", metavar="URL", help="RFC 3161 authority that stamps the C2PA signature."),
        click.option("--key", type=click.Path(path_type=Path), help="Its private key (PEM, mode 0600)."),
        click.option("--cert", type=click.Path(path_type=Path), help="Your own C2PA certificate chain (PEM)."),
        click.option(
            "--despite-terms", is_flag=True, help="Go on where an author allows no derivatives; the file will show it."
        ),
        click.option("--encode", is_flag=True, help="FILE is an outside picture; needs a model with its encoder."),
        click.option("--regenerate", is_flag=True, help="Make a work's latent again from its seed where it has none."),
        click.option(
            "--from-ledger",
            multiple=True,
            metavar="PATH|URL",
            help="Log that may have the latent of a work whose file has none; may be repeated.",
        ),
        click.option(
            "--ledger",
            "ledger_location",
            metavar="PATH|URL",
            help="Log that takes the claim, and is asked for latents; by default your local one.",
        ),
        click.option("--terms", default="", metavar="TERMS", help="What others may do; see: seedproof create --help."),
        click.option("--anonymous", is_flag=True, help="No author key, a one-time certificate."),
        device_options,
        sampling_options,
        model_options,
        click.option(
            "-o", "--output", type=click.Path(path_type=Path), required=True, help="PNG or lossless WebP to write."
        ),
    ):
        command = option(command)
    return command


def share(text: str, option: str, *, high: int = 1) -> Decimal:
    """A number from 0 to ``high`` as it is recorded.

    Raises:
        UsageError: it is none.
    """
    from provenance.encoding import decimal_string, parse_decimal
    from provenance.errors import EncodingError

    try:
        value = parse_decimal(decimal_string(text), option)
    except EncodingError as error:
        raise UsageError(f"{option}: {text!r} is not a number") from error
    if not 0 <= value <= high:
        raise UsageError(f"{option}: must lie between 0 and {high}")
    return value
