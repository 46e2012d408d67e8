"""Calibration: the whitening finds the noise, the steps hit their decibels, and a calibration is what verify reads."""

import json
from decimal import Decimal

import numpy as np
import pytest

from generator.calibrate import Plan, fit_steps, fit_whitening, honest_repeats, measure, read_prompts
from generator.models import house_model
from provenance.calibration import format_calibration, parse_calibration
from provenance.correlation import cosine, dct2, idct2, whitened_cosine
from provenance.errors import UsageError
from provenance.latent import dequantise, quantise
from provenance.noise import gaussian
from tests.generator.studio import runtime

SHAPE = (8, 16, 16)


def plan(**changes):
    base = {"prompts": ["a calm lake"], "pictures": 32, "honest": 4, "width": 128, "height": 128, "steps": 4}
    return Plan(**{**base, "guidance": Decimal(2), "device": "cpu", **changes})


def test_whitening_finds_noise_that_hides_under_structure():
    random = np.random.default_rng(1)
    structure = 10 * np.ones(SHAPE)
    gains = random.uniform(0.0, 1.0, SHAPE) ** 4

    def picture(z):
        x = gains * dct2(z) + 3 * (1 - gains) * random.normal(size=SHAPE)
        return (idct2(x) + structure).astype(np.float32)

    noises = [gaussian(bytes([i, 1]) * 16, SHAPE) for i in range(200)]
    whitening = fit_whitening(noises, [picture(z) for z in noises])
    z = gaussian(bytes(32), SHAPE)
    latent = picture(z)
    assert whitened_cosine(latent, z, whitening) > 2 * cosine(latent, z)
    assert abs(whitened_cosine(latent, gaussian(b"\x07" * 32, SHAPE), whitening)) < 0.1
    assert (whitening.scale > 0).all()


def test_steps_keep_the_picture_at_48_decibels():
    latents = [
        runtime().sample(gaussian(bytes([i]) * 32, SHAPE)[None], "hills", "", steps=4, guidance=2.0)[0]
        for i in range(4)
    ]
    steps = fit_steps(runtime(), latents)
    assert len(set(steps)) > 1
    for latent in latents:
        plain = runtime().decode_float(latent[None])
        coarse = runtime().decode_float(dequantise(quantise(latent, steps), steps)[None])
        psnr = -10 * np.log10(np.square(plain.astype(np.float64) - coarse).mean())
        assert 47.0 < psnr < 51.0


def test_honest_repeats_restore_the_thread_count():
    import torch

    before = torch.get_num_threads()
    found = honest_repeats(runtime(), plan(), "hills", gaussian(bytes(32), SHAPE))
    assert torch.get_num_threads() == before
    assert set(found) == {"threads", "batch of 3", "oneDNN off"}
    for a in found.values():
        assert np.abs(a - found["threads"]).max() < 1e-2


def test_prompts_from_a_file(tmp_path):
    path = tmp_path / "prompts.txt"
    path.write_text("a lake\n\n  a city  \n")
    assert read_prompts(path) == ["a lake", "a city"]
    assert len(read_prompts(None)) >= 100
    path.write_text("\n")
    with pytest.raises(UsageError, match="no prompt"):
        read_prompts(path)


@pytest.mark.slow
def test_a_measured_calibration_is_read_back():
    calibration = measure(house_model(), plan(), lambda *_: None)
    again = parse_calibration(format_calibration(calibration))
    assert again.steps == calibration.steps
    assert again.thresholds == calibration.thresholds
    assert np.array_equal(again.whitening.scale, calibration.whitening.scale)
    told = json.loads(again.measured)
    assert float(told["wrong_distance"]["min"]) > 10 * calibration.thresholds.accept
    assert 0 < calibration.thresholds.accept < calibration.thresholds.reject
