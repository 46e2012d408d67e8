"""The published decoder decodes, survives saving, and has no encoder."""

import pytest
import torch

from generator.house.autoencoder import Autoencoder
from generator.house.decoder_only import DecoderOnly, EncoderWithheldError


def small(**more):
    torch.manual_seed(0)
    return DecoderOnly(4, (16, 16), **more).eval()


def test_encode_is_refused_with_a_reason():
    with pytest.raises(EncoderWithheldError, match="withheld"):
        small().encode(torch.zeros(1, 3, 64, 64))


def test_the_decoder_holds_no_encoder_weights():
    assert not [name for name in small().state_dict() if "encoder" in name]


@torch.no_grad()
def test_saving_and_loading_changes_nothing(tmp_path):
    decoder = small(latents_mean=(0.1, 0.2, 0.3, 0.4), latents_std=(1.0, 2.0, 3.0, 4.0))
    decoder.save_pretrained(tmp_path)
    loaded = DecoderOnly.from_pretrained(tmp_path, low_cpu_mem_usage=False)
    latent = torch.randn(2, 4, 3, 5)
    assert torch.equal(decoder.decode(latent), loaded.decode(latent))
    assert decoder.decode(latent).shape == (2, 3, 24, 40)


@torch.no_grad()
def test_decode_undoes_the_normalisation_of_each_channel():
    decoder = small(latents_mean=(0.1, 0.2, 0.3, 0.4), latents_std=(1.0, 2.0, 3.0, 4.0))
    latent = torch.randn(1, 4, 2, 2)
    raw = latent * torch.tensor([1.0, 2.0, 3.0, 4.0]).view(1, 4, 1, 1) + torch.tensor([0.1, 0.2, 0.3, 0.4]).view(
        1, 4, 1, 1
    )
    assert torch.allclose(decoder.decode(latent), decoder.render(raw))
    assert not torch.allclose(decoder.decode(latent), decoder.render(latent))


@torch.no_grad()
def test_with_as_many_components_as_patch_values_the_start_is_exact():
    torch.manual_seed(0)
    pictures = torch.rand(6, 3, 64, 64) * 2.0 - 1.0
    model = Autoencoder(192, (16, 16))
    model.start_from_pca(pictures)
    mean, log_variance = model.encode(pictures)
    assert torch.allclose(model.decoder.render(mean), pictures, atol=1e-3)
    assert mean.var() == pytest.approx(1.0, abs=0.05)
    assert (log_variance == -5.0).all()


@torch.no_grad()
def test_fewer_components_keep_what_varies_most():
    torch.manual_seed(0)
    flat = torch.rand(64, 3, 1, 1).expand(64, 3, 16, 16) * 2.0 - 1.0
    pictures = flat + 0.01 * torch.randn(64, 3, 16, 16)
    model = Autoencoder(3, (16, 16))
    model.start_from_pca(pictures)
    assert (model.decoder.render(model.encode(pictures)[0]) - flat).abs().mean() < 0.01
