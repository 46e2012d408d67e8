"""Latents in files that other programs read and write: ComfyUI's layout, which suits diffusers as well.

safetensors with ``latent_tensor``, float32 of shape (1, C, h, w), and an empty ``latent_format_version_0``. ComfyUI
keeps latents in the units of the autoencoder, z / scaling_factor + shift_factor, diffusers in those of the denoiser, z.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import numpy as np

from provenance.errors import EncodingError, InvalidError, LimitError, UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from numpy.typing import NDArray

__all__ = ["MAX_LATENT_FILE", "read_latent", "read_workflow", "write_latent"]

MAX_LATENT_FILE = 256 * 2**20
"""Bytes; a latent of 2^22 values takes 16 MiB."""

_OLD_COMFYUI = 0.18215
"""What ComfyUI divides by where the version mark is missing: files of its first months."""

_KEYS = ("latent_tensor", "latents", "samples")
_MAX_HEADER = 2**24


def write_latent(values: NDArray[np.float32], notes: Mapping[str, str]) -> bytes:
    """The bytes of a latent file; ``values`` (C, h, w), or (rows, columns) as Flux packs them."""
    from safetensors.numpy import save

    tensors = {
        "latent_tensor": np.ascontiguousarray(values[None], np.float32),
        "latent_format_version_0": np.zeros(0, np.float32),
    }
    return bytes(save(tensors, metadata=dict(notes)))


def read_latent(path: Path, program: str) -> NDArray[np.float32]:
    """The one latent of a file, as float32 without its batch axis, in the units of ``program``.

    Raises:
        UsageError: it cannot be read, or holds none or more than one latent. EncodingError: it is no safetensors file.
        InvalidError: NaN or infinite values.
    """
    import torch
    from safetensors import SafetensorError
    from safetensors.torch import load

    from provenance.files import read_bounded

    try:
        tensors = load(read_bounded(path, "latent", limit=MAX_LATENT_FILE))
    except (SafetensorError, ValueError, KeyError, TypeError, RuntimeError) as error:
        raise EncodingError(f"{path} is no safetensors file: {' '.join(str(error).split())[:200]}") from error
    found = next((tensors[key] for key in _KEYS if key in tensors), None)
    if found is None:
        raise UsageError(f"{path}: no latent in it; save the final latent as latent_tensor (ComfyUI: SaveLatent)")
    if found.ndim > 2 and found.shape[0] == 1:  # noqa: PLR2004 - beyond (rows, columns)
        found = found[0]
    if found.ndim not in (2, 3):
        raise UsageError(f"{path}: one latent is needed, this has the shape {tuple(found.shape)}")
    values: NDArray[np.float32] = found.to(torch.float32).numpy()
    if not np.isfinite(values).all():
        raise InvalidError(f"{path}: the latent holds NaN or infinity")
    if program == "comfyui" and "latent_tensor" in tensors and "latent_format_version_0" not in tensors:
        return values / np.float32(_OLD_COMFYUI)
    return values


def read_workflow(path: Path) -> dict[str, str]:
    """``prompt`` and ``workflow`` that ComfyUI's SaveLatent notes in the file's header; empty without them.

    Raises:
        UsageError: the file cannot be read. LimitError: a header beyond all reason.
    """
    from provenance.files import read_bounded

    data = read_bounded(path, "latent", limit=MAX_LATENT_FILE)
    size = int.from_bytes(data[:8], "little")
    if size > _MAX_HEADER:
        raise LimitError(f"{path}: a header of {size} bytes")
    try:
        header: Any = json.loads(data[8 : 8 + size])
    except (ValueError, RecursionError):
        return {}
    notes = header.get("__metadata__") if isinstance(header, dict) else None
    found = notes if isinstance(notes, dict) else {}
    return {name: str(found[name]) for name in ("prompt", "workflow") if name in found}
