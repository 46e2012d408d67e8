"""Arguments of ``create`` and ``calibrate``, judged before torch or a model is loaded.

What is wrong with one is a UsageError that names the option, unless a function says otherwise.
"""

from __future__ import annotations

import re
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING

from provenance.encoding import decimal_string, parse_decimal
from provenance.errors import EncodingError, EnvironmentFault, UsageError

if TYPE_CHECKING:
    from decimal import Decimal
    from pathlib import Path

    from generator.models import InstalledModel
    from provenance.policy import ModelTrust

__all__ = [
    "SIZE_HELP",
    "calibration_remark",
    "check_device",
    "check_output",
    "check_prompts",
    "check_url",
    "guidance",
    "latent_steps",
    "size",
]

SIZE_HELP = (
    "WIDTHxHEIGHT or SIDE in pixels; by default the model's own. The house model: 128x128; other multiples of 32 from "
    "64 to 512 are not calibrated and verify as consistent at most."
)
"""One text for both commands."""

MAX_PROMPT_BYTES = 30_000
"""Prompt and negative prompt, so that the recipe stays below its 65,536 bytes even where JSON escapes them."""

_MAX_GUIDANCE = 100
_SIZE = re.compile(r"([1-9][0-9]{0,4})(?:x([1-9][0-9]{0,4}))?", re.ASCII)
_SUFFIXES = (".png", ".webp")


def check_output(output: Path) -> None:
    """The file name says a format that keeps every pixel."""
    if output.suffix.lower() not in _SUFFIXES:
        raise UsageError(f"{output}: pictures are written as {' or '.join(_SUFFIXES)}")


def check_prompts(prompt: str, negative: str, terms: str) -> None:
    """Texts that a recipe and a claim can hold."""
    for text, what in ((prompt, "the prompt"), (negative, "--negative"), (terms, "--terms")):
        _check_text(text, what)
    if len((prompt + negative).encode()) > MAX_PROMPT_BYTES:
        raise UsageError(f"prompt and --negative together have more than {MAX_PROMPT_BYTES} bytes of UTF-8")


def check_url(text: str | None, option: str) -> None:
    """An address that can be asked over HTTP."""
    if text is not None and not text.startswith(("http://", "https://")):
        raise UsageError(f"{option}: {text!r} is no http:// or https:// address")


def check_device(device: str) -> None:
    """Find out without loading torch that it cannot use the device, where its version says so.

    Raises:
        EnvironmentFault: it was installed without CUDA, or not at all.
    """
    try:
        found = version("torch")
    except PackageNotFoundError as error:
        raise EnvironmentFault("torch is not installed; install seedproof again") from error
    if device == "cuda" and found.endswith("+cpu"):
        raise EnvironmentFault(f"--device cuda: torch {found} on this machine has no CUDA; use --device cpu")


def guidance(text: str) -> Decimal:
    """``--guidance``: a decimal number from 0 to 100."""
    try:
        value = parse_decimal(decimal_string(text), "--guidance")
    except EncodingError as error:
        raise UsageError(f"--guidance: {text!r} is not a number") from error
    if not 0 <= value <= _MAX_GUIDANCE:
        raise UsageError(f"--guidance: must lie between 0 and {_MAX_GUIDANCE}")
    return value


def size(text: str, model: InstalledModel) -> tuple[int, int]:
    """``--size``: width and height in pixels; ``model`` stands for the model's own size.

    Raises:
        MissingModelError: the model's folder does not say its own size.
    """
    from generator.models import native_size
    from generator.sizes import early_latent_shape

    if text == "model":
        side = native_size(model.folder)
        return side, side
    found = _SIZE.fullmatch(text)
    if not found:
        raise UsageError(f"--size: {text!r} is not WIDTHxHEIGHT such as 128x128")
    width, height = int(found[1]), int(found[2] or found[1])
    early_latent_shape(model, width, height)
    return width, height


def calibration_remark(trust: ModelTrust | None, shape: tuple[int, int, int], width: int, height: int) -> str | None:
    """Why this user's policy can only find a picture of this latent shape consistent; None where it can find more."""
    limit = "so verify will say at most: consistent"
    if trust is None:
        return f"the policy does not know this model, {limit} (see: seedproof calibrate)"
    if trust.calibration(shape) is not None:
        return None
    scale = width // shape[2]
    known = ", ".join(f"{w * scale}x{h * scale}" for _, h, w in sorted(trust.calibrations)) or "none"
    return f"the policy has no calibration of this model for {width}x{height}, {limit}; calibrated: {known}"


def latent_steps(trust: ModelTrust | None, shape: tuple[int, int, int]) -> tuple[Decimal, ...] | None:
    """The calibrated quantisation steps for this latent shape, if the policy has some."""
    calibration = None if trust is None else trust.calibration(shape)
    return None if calibration is None else calibration.steps


def _check_text(text: str, what: str) -> None:
    from provenance.recipe import MAX_PROMPT

    if len(text) > MAX_PROMPT:
        raise UsageError(f"{what} has {len(text)} characters; at most {MAX_PROMPT} can be recorded")
    try:
        text.encode("utf-8")
    except UnicodeEncodeError as error:
        raise UsageError(f"{what} is not valid text in this terminal's encoding") from error
