"""The machine that makes a picture: what a file says about it, and advice where its memory is not enough."""

from __future__ import annotations

import platform
from contextlib import contextmanager
from functools import cache
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

import torch

from provenance.errors import MemoryFault

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["describe_environment", "explain_memory"]


def describe_environment(device: torch.device, dtype: str, *, offload: bool) -> dict[str, str]:
    """What explains a difference between machines; stands beside the recipe, unhashed."""
    name = torch.cuda.get_device_name(device) if device.type == "cuda" else platform.machine()
    return {
        "device": f"{device.type} {name}",
        "dtype": dtype,
        "threads": str(torch.get_num_threads()),
        "attention": _attention(device),
        "flags": " ".join([*_flags(device), *(["offload"] if offload else [])]),
        "python": platform.python_version(),
        **_versions(),
    }


@contextmanager
def explain_memory() -> Iterator[None]:
    """Turn an out-of-memory error into advice.

    Raises:
        MemoryFault: memory ran out.
    """
    try:
        yield
    except (RuntimeError, MemoryError) as error:
        if isinstance(error, torch.OutOfMemoryError | MemoryError) or "not enough memory" in str(error):
            raise MemoryFault("out of memory; try a smaller --size, --dtype bfloat16, or --offload") from error
        raise


@cache
def _versions() -> dict[str, str]:
    return {name: version(name) for name in ("torch", "diffusers", "transformers", "tokenizers", "numpy")}


def _flags(device: torch.device) -> list[str]:
    found = ["deterministic"] if torch.are_deterministic_algorithms_enabled() else []
    if device.type == "cpu" and torch.backends.mkldnn.is_available():  # type: ignore[no-untyped-call]
        found.append("onednn")
    if torch.backends.cuda.matmul.allow_tf32 or torch.backends.cudnn.allow_tf32:
        found.append("tf32")
    return found


def _attention(device: torch.device) -> str:
    if device.type != "cuda":
        return "torch sdpa"
    cuda: Any = torch.backends.cuda
    kinds = {"flash": cuda.flash_sdp_enabled(), "efficient": cuda.mem_efficient_sdp_enabled()}
    return " ".join(["torch sdpa", *(name for name, on in kinds.items() if on), "math"])
