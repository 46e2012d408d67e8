"""Configurations of models: JSON that came with somebody's weights, read within bounds and taken for nothing else."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from provenance.errors import MissingModelError, UsageError
from provenance.files import read_bounded

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

__all__ = ["count_of", "downscale_factor", "read_configuration"]

_MAX_BYTES = 2**22
"""4 MiB; the longest that are in use, with a thousand noise levels, have 60 KB."""

_MAX_COUNT = 2**16
_MAX_HALVINGS = 6


def read_configuration(path: Path) -> dict[str, Any]:
    """The JSON object in a configuration file.

    Raises:
        MissingModelError: it cannot be read, or holds something else. InvalidError: it is too large.
    """
    try:
        value = json.loads(read_bounded(path, "configuration", limit=_MAX_BYTES))
    except UsageError as error:
        raise MissingModelError(f"{path} cannot be read") from error
    except (ValueError, RecursionError) as error:
        raise MissingModelError(f"{path} is not JSON") from error
    if not isinstance(value, dict):
        raise MissingModelError(f"{path} is not a JSON object")
    return value


def count_of(configuration: Mapping[str, Any], name: str) -> int:
    """A whole number from 1 to 65,536.

    Raises:
        ValueError: another value, or none.
    """
    value = configuration.get(name)
    if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= _MAX_COUNT:
        raise ValueError(f"{name} is not a whole number from 1 to {_MAX_COUNT}")
    return value


def downscale_factor(decoder: Mapping[str, Any]) -> int:
    """Pixels to a latent value along a side, by a decoder's configuration.

    Raises:
        ValueError: it does not say.
    """
    if decoder.get("downscale_factor"):
        return count_of(decoder, "downscale_factor")
    blocks = decoder.get("block_out_channels")
    if not isinstance(blocks, list) or not 1 <= len(blocks) <= _MAX_HALVINGS + 1:
        raise ValueError("block_out_channels is not a list of up to seven")
    return 1 << (len(blocks) - 1)
