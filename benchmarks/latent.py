"""The stored latent: bits a value, decibels, share of the file; and that picture = decode(stored latent), exactly.

Two cases: the house model's own pictures, and a latent of SD-class size (4x64x64, standard normal: the worst case for
the coder, since real latents are smoother) beside an ordinary 512x512 PNG. The peer is the source article, which
stored about 100 KiB of latent in a file of 931 KiB (12 %).

Beside it the curve of rate and distortion over quantisers and coders (benchmarks/latent_curve.py).

python -m benchmarks.latent --json benchmarks/results/latent.json --plot benchmarks/results/latent.png
"""

from __future__ import annotations

import hashlib
import math
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from benchmarks.common import options, summary, write
from benchmarks.latent_curve import RELATIVE, curve, natural_field, one_step, plot, signal_to_noise
from generator.models import house_model, native_size
from generator.runtime import load_runtime
from generator.setups import HOUSE_GUIDANCE, HOUSE_STEPS
from provenance.latent import dequantise, quantise, relative_steps
from provenance.noise import gaussian
from provenance.pixels import encode_png
from provenance.policy import default_policy
from provenance.storedlatent import decode_latent, encode_latent

if TYPE_CHECKING:
    from numpy.typing import NDArray

PICTURES = 48
SD_PNG_BYTES = 931 * 1024 * 512 * 512 // (640 * 640)
"""The article's PNG, scaled from 640x640 to 512x512."""


def main() -> None:
    parser = options("latent", __doc__)
    parser.add_argument("--plot", type=Path, help="figure of the curve to write")
    chosen = parser.parse_args()
    model = house_model()
    runtime = load_runtime(model, device="cpu")
    side = native_size(model.folder)
    shape = runtime.latent_shape(side, side)
    calibration = default_policy().models[model.identity.digest].calibrations[shape]
    prompts = (Path(__file__).parent / "prompts.txt").read_text().splitlines()[:PICTURES]
    bits, decibels, shares, exact, some = [], [], [], 0, []
    for number, prompt in enumerate(prompts):
        noise = gaussian(hashlib.sha256(f"latent {number}".encode()).digest(), shape)
        latent = runtime.sample(noise[None], prompt, "", steps=HOUSE_STEPS, guidance=float(HOUSE_GUIDANCE))[0]
        if number % 4 == 0:
            some.append(latent)
        integers = quantise(latent, calibration.steps)
        stored = encode_latent(integers)
        published = runtime.decode(dequantise(integers, calibration.steps)[None])[0]
        again = runtime.decode(dequantise(decode_latent(stored), calibration.steps)[None])[0]
        exact += bool((published == again).all())
        plain = runtime.decode_float(latent[None])[0].astype(np.float64)
        quantised = runtime.decode_float(dequantise(integers, calibration.steps)[None])[0]
        decibels.append(-10 * math.log10(float(np.square(plain - quantised).mean())))
        bits.append(8 * len(stored) / latent.size)
        shares.append(len(stored) / len(encode_png(published)))
    house = {
        "shape": list(shape),
        "pictures": PICTURES,
        "bits_per_value": summary(bits),
        "psnr_db_against_unquantised": summary(decibels, 2),
        "share_of_png_without_manifest": summary(shares),
        "decoded_exactly": f"{exact} of {PICTURES}",
    }
    sd_latent = gaussian(hashlib.sha256(b"sd").digest(), (4, 64, 64))
    sd_bytes = len(encode_latent(quantise(sd_latent, relative_steps(sd_latent, 1 / 7.2))))
    sd = {
        "shape": [4, 64, 64],
        "step": "standard deviation / 7.2",
        "bits_per_value": round(8 * sd_bytes / sd_latent.size, 3),
        "bytes": sd_bytes,
        "share_of_article_sized_png": round(sd_bytes / SD_PNG_BYTES, 4),
        "article_share": 0.12,
        "psnr": "not measured: no SD-class decoder on this machine",
    }

    def picture_loss(latent: NDArray[np.float32], stored: NDArray[np.float32]) -> float:
        plain, quantised = (runtime.decode_float(x[None])[0].astype(np.float64) for x in (latent, stored))
        return -10 * math.log10(float(np.square(plain - quantised).mean()))

    relative = {"relative": lambda latent: relative_steps(latent, RELATIVE), "one step": one_step}
    curves = {
        "house model": curve(some, {"calibrated": lambda _: calibration.steps, **relative}, picture_loss),
        "SD-class, white noise": curve([sd_latent], relative, signal_to_noise),
        "SD-class, 1/f": curve([natural_field(sd_latent)], relative, signal_to_noise),
    }
    if chosen.plot:
        plot(curves, chosen.plot)
    for name, part in (("house model", house), ("SD-class size", sd)):
        print(name)
        for key, value in part.items():
            print(f"  {key:<30} {value}")
    write(
        chosen.json,
        "python -m benchmarks.latent --json benchmarks/results/latent.json --plot benchmarks/results/latent.png",
        {"house": house, "sd_class": sd, "curves": curves, "targets": {"bits_per_value": 5, "psnr_db": 48}},
        ("torch", "numpy", "zstandard"),
    )


if __name__ == "__main__":
    main()
