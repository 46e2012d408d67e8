"""What a verifier knows about one model at one latent shape: whitening, quantisation steps, thresholds, how measured.

A calibration is public and belongs to the verifier's policy, which pins it by its digest. It is never taken from a
picture: a hostile whitening maps any latent onto any noise.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from provenance.claim import read_shape, read_steps
from provenance.encoding import Fields, Json, canonical, decimal_string, parse_canonical, parse_decimal
from provenance.errors import EncodingError
from provenance.hashing import Tag, tagged_hash
from provenance.region import Region, region_from_json, region_to_json

if TYPE_CHECKING:
    from decimal import Decimal

    from numpy.typing import NDArray

__all__ = ["Calibration", "Thresholds", "Whitening", "calibration_id", "format_calibration", "parse_calibration"]

MAX_CALIBRATION_BYTES = 2**22
"""4 MiB: mean and scale of 2^17 coefficients as hex of float32, with room."""


@dataclass(frozen=True, eq=False)
class Whitening:
    """Mean and inverse scale of each DCT coefficient of a model's latents, float32 (C, H, W)."""

    mean: NDArray[np.float32]
    scale: NDArray[np.float32]


@dataclass(frozen=True)
class Thresholds:
    """Regeneration distances (quantisation steps, RMS): authentic up to ``accept``, invalid beyond ``reject``."""

    accept: float
    reject: float


@dataclass(frozen=True)
class Calibration:
    """Public statistics of one model at one latent shape.

    Attributes:
        model: the model's digest, 32 bytes.
        shape: (C, H, W) of the latents it was measured on.
        steps: quantisation step of each channel.
        measured: how it was made and what was seen, canonical JSON text of strings and integers, for people.
        region: for which parameters it holds; None in one that was made before that was measured, and then nothing is
            authentic by it.
    """

    model: bytes
    shape: tuple[int, int, int]
    steps: tuple[Decimal, ...]
    whitening: Whitening
    thresholds: Thresholds
    measured: str
    region: Region | None = None


def calibration_id(data: bytes) -> bytes:
    """Digest by which a policy pins the canonical bytes of a calibration."""
    return tagged_hash(Tag.CALIBRATION_ID, data)


def format_calibration(calibration: Calibration) -> bytes:
    """Canonical bytes of a calibration."""
    measured: Json = parse_canonical(
        calibration.measured.encode(), "calibration: measured", limit=MAX_CALIBRATION_BYTES
    )
    region: dict[str, Json] = {} if calibration.region is None else {"region": region_to_json(calibration.region)}
    return canonical(
        {
            **region,
            "kind": "calibration",
            "v": 1,
            "model": calibration.model.hex(),
            "shape": list(calibration.shape),
            "steps": [decimal_string(step) for step in calibration.steps],
            "whitening": {
                "mean": calibration.whitening.mean.astype("<f4").tobytes().hex(),
                "scale": calibration.whitening.scale.astype("<f4").tobytes().hex(),
            },
            "thresholds": {
                "accept": decimal_string(calibration.thresholds.accept),
                "reject": decimal_string(calibration.thresholds.reject),
            },
            "measured": measured,
        }
    )


def parse_calibration(data: bytes) -> Calibration:
    """The calibration whose canonical bytes these are.

    Raises:
        EncodingError, LimitError, UnsupportedVersionError: it is none, or its numbers make no sense.
    """
    value = parse_canonical(data, "calibration", limit=MAX_CALIBRATION_BYTES)
    with Fields(value, "calibration") as fields:
        fields.version("calibration")
        shape = read_shape(fields)
        with fields.object("whitening") as whitening:
            mean, scale = _array(whitening, "mean", shape), _array(whitening, "scale", shape)
        with fields.object("thresholds") as limits:
            thresholds = Thresholds(_float(limits, "accept"), _float(limits, "reject"))
        if not 0.0 < thresholds.accept < thresholds.reject:
            raise EncodingError("calibration: thresholds must satisfy 0 < accept < reject")
        if not (scale > 0.0).all():
            raise EncodingError("calibration: every scale must be positive")
        return Calibration(
            model=fields.binary("model", size=32),
            shape=shape,
            steps=read_steps(fields, shape[0]),
            whitening=Whitening(mean, scale),
            thresholds=thresholds,
            measured=canonical(fields.take("measured")).decode(),  # type: ignore[arg-type]
            region=region_from_json(fields.object("region")) if isinstance(value, dict) and "region" in value else None,
        )


def _float(fields: Fields, name: str) -> float:
    text = fields.take(name)
    value = float(parse_decimal(text, f"{fields.what}: {name}"))
    if decimal_string(value) != text:
        raise EncodingError(f"{fields.what}: {name} must be the shortest decimal of a float64")
    return value


def _array(fields: Fields, name: str, shape: tuple[int, int, int]) -> NDArray[np.float32]:
    count = shape[0] * shape[1] * shape[2]
    values = np.frombuffer(fields.binary(name, size=4 * count, limit=MAX_CALIBRATION_BYTES), "<f4").reshape(shape)
    if not np.isfinite(values).all():
        raise EncodingError(f"{fields.what}: {name} holds NaN or infinity")
    return values
