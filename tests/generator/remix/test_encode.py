"""Encoding outside pictures: the inverse of decoding's units, and nothing where the encoder was withheld."""

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from generator.loading import scale_to_decoder
from generator.models import open_model
from generator.remix.encode import scale_from_decoder
from generator.runtime import load_runtime
from provenance.errors import UsageError
from tests.generator import tiny
from tests.generator.remix import workshop


@pytest.mark.parametrize("family", ["sd1", "sdxl", "sd3", "flux", "house"])
def test_units_go_back_and_forth(family):
    decoder = workshop.runtime(family)._pipeline.decoder
    latent = workshop.noise(family)
    assert torch.allclose(scale_from_decoder(decoder, scale_to_decoder(decoder, latent)), latent, atol=1e-5)


@pytest.mark.parametrize("family", ["sd1", "sdxl", "flux"])
def test_a_picture_becomes_a_latent_of_the_models_shape(family):
    rgb = np.random.default_rng(1).integers(0, 255, (32, 32, 3), np.uint8)
    latent = workshop.runtime(family).encode(rgb)
    assert latent.shape == workshop.shape(family)
    assert np.array_equal(workshop.runtime(family).encode(rgb), latent)
    assert np.abs(workshop.runtime(family).encode(255 - rgb) - latent).max() > 1e-3


def test_a_model_without_its_encoder_says_so(tmp_path):
    rgb = np.zeros((64, 64, 3), np.uint8)
    with pytest.raises(UsageError, match="without its encoder"):
        workshop.runtime("house").encode(rgb)
    folder = tiny.copy("sd1", tmp_path / "model")
    weights = folder / "vae" / "diffusion_pytorch_model.safetensors"
    kept = {k: v for k, v in load_file(weights).items() if not k.startswith(("encoder.", "quant_conv."))}
    save_file(kept, weights, metadata={"format": "pt"})
    with pytest.raises(UsageError, match="without its encoder"):
        load_runtime(open_model(str(folder)), device="cpu").encode(rgb[:32, :32])


def test_a_picture_of_another_size_is_refused():
    with pytest.raises(UsageError, match="multiples of 2"):
        workshop.runtime("sd1").encode(np.zeros((31, 32, 3), np.uint8))
