"""Rate and distortion of stored latents: quantisers x coders, for the house model and for latents of SD-class size.

Quantisers: *calibrated* (a step for each channel, by what the decoder makes of its errors), *relative* (each channel's
standard deviation, for models without a calibration), *one step* for all channels, each at FACTORS of its usual step;
and float16, which quantises nothing. Coders: *ours* (predictor and zstd), *zstd*, *zlib* and *lzma* over the plain
integers, and the entropy of each channel's values, below which no coder goes that looks at values one by one.

Distortion is that of the decoded picture (dB against the picture of the unquantised latent) for the house model. Of
SD-class latents there is no decoder here: theirs is that of the latent itself (signal to noise, dB), of white noise and
of a field with the 1/f amplitudes of natural pictures.
"""

from __future__ import annotations

import lzma
import math
import zlib
from typing import TYPE_CHECKING, Any

import numpy as np
import zstandard

from provenance.latent import dequantise, quantise, relative_steps
from provenance.storedlatent import encode_latent

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from decimal import Decimal
    from pathlib import Path

    from numpy.typing import NDArray

FACTORS = (0.35, 0.5, 0.7, 1.0, 1.4, 2.0, 2.8, 4.0)
RELATIVE = 1 / 7.2
_USUAL = 1.0


def coders() -> dict[str, Callable[[NDArray[np.int16]], float]]:
    """Bytes that each coder needs for integers int16 (C, H, W)."""
    zstd = zstandard.ZstdCompressor(level=19)
    return {
        "ours": lambda q: len(encode_latent(q)),
        "zstd": lambda q: len(zstd.compress(q.tobytes())),
        "zlib": lambda q: len(zlib.compress(q.tobytes(), 9)),
        "lzma": lambda q: len(lzma.compress(q.tobytes(), preset=9)),
        "entropy of single values": lambda q: sum(_entropy(channel) for channel in q) / 8,
    }


def _entropy(values: NDArray[np.int16]) -> float:
    """Bits of all values together, by their own histogram."""
    _, counts = np.unique(values, return_counts=True)
    return float(-(counts * np.log2(counts / values.size)).sum())


def scaled(steps: Sequence[Decimal], factor: float) -> tuple[Decimal, ...]:
    """The steps times a factor, exactly."""
    return tuple(step * type(step)(str(factor)) for step in steps)


def one_step(latent: NDArray[np.float32]) -> tuple[Decimal, ...]:
    """The same step for all channels: their common standard deviation times RELATIVE."""
    (step,) = relative_steps(latent.reshape(1, len(latent), -1), RELATIVE)
    return (step,) * len(latent)


def curve(
    latents: Iterable[NDArray[np.float32]],
    quantisers: dict[str, Callable[[NDArray[np.float32]], tuple[Decimal, ...]]],
    distortion: Callable[[NDArray[np.float32], NDArray[np.float32]], float],
) -> list[dict[str, Any]]:
    """A row for each quantiser and factor: mean decibels, and mean bits a value by each coder."""
    known, rows = list(latents), []
    for name, steps_of in quantisers.items():
        for factor in FACTORS:
            decibels, bits = [], {coder: list[float]() for coder in coders()}
            for latent in known:
                steps = scaled(steps_of(latent), factor)
                integers = quantise(latent, steps)
                decibels.append(distortion(latent, dequantise(integers, steps)))
                for coder, size in coders().items():
                    bits[coder].append(8 * size(integers) / latent.size)
            row = {"quantiser": name, "factor": factor, "db": round(float(np.mean(decibels)), 2)}
            rows.append(row | {"bits": {coder: round(float(np.mean(found)), 3) for coder, found in bits.items()}})
    return [*rows, _float16(known, distortion)]


def _float16(latents: list[NDArray[np.float32]], distortion: Callable[..., float]) -> dict[str, Any]:
    halves = [latent.astype(np.float16) for latent in latents]
    pairs = zip(latents, halves, strict=True)
    decibels = [distortion(latent, half.astype(np.float32)) for latent, half in pairs]
    zstd = zstandard.ZstdCompressor(level=19)
    bits = [8 * len(zstd.compress(half.tobytes())) / half.size for half in halves]
    told = {"zstd": round(float(np.mean(bits)), 3)}
    return {"quantiser": "float16", "factor": None, "db": round(float(np.mean(decibels)), 2), "bits": told}


def signal_to_noise(latent: NDArray[np.float32], stored: NDArray[np.float32]) -> float:
    """dB of the latent over what was lost of it."""
    return 10 * math.log10(float(latent.var()) / float(np.square(latent - stored).mean()))


def natural_field(white: NDArray[np.float32]) -> NDArray[np.float32]:
    """White noise (C, H, W) given amplitudes that fall with 1/f, scaled to standard deviation 1."""
    height, width = white.shape[1:]
    frequency = np.hypot(np.fft.fftfreq(height)[:, None], np.fft.rfftfreq(width)[None])
    frequency[0, 0] = 1 / max(height, width)
    field = np.fft.irfft2(np.fft.rfft2(white) / frequency, s=(height, width))
    return (field / field.std(axis=(1, 2), keepdims=True)).astype(np.float32)


def plot(rows: dict[str, list[dict[str, Any]]], path: Path) -> None:
    """One panel for each kind of latent: decibels over bits a value, a line for each quantiser and coder."""
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib import pyplot as plt

    figure, axes = plt.subplots(1, len(rows), figsize=(5.2 * len(rows), 4.2))
    for axis, (title, found) in zip(np.atleast_1d(axes), rows.items(), strict=True):
        first = found[0]["quantiser"]
        for quantiser in dict.fromkeys(row["quantiser"] for row in found if row["factor"]):
            for coder in coders() if quantiser == first else ("ours",):
                line = [(row["bits"][coder], row["db"]) for row in found if row["quantiser"] == quantiser]
                axis.plot(*zip(*line, strict=True), marker=".", label=f"{quantiser}, {coder}")
        usual = next(row for row in found if row["factor"] == _USUAL)
        axis.plot(usual["bits"]["ours"], usual["db"], "k*", markersize=12, label="as stored")
        axis.set(title=title, xlabel="bits a value", ylabel="dB", xlim=(0, 9))
        axis.grid(alpha=0.3)
        axis.legend(fontsize=7)
    figure.tight_layout()
    figure.savefig(path, dpi=100)
    plt.close(figure)
