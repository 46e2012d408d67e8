"""Finding a latent from pixels, through a small decoder of its own: no model, no seed."""

import numpy as np
import pytest
import torch
from torch import nn

from generator.estimate import estimate_latent
from provenance.calibration import Whitening
from provenance.correlation import cosine, dct2

SHAPE = (4, 8, 8)


class Toy(nn.Module):
    """A decoder of 4 x h x w latents, linear with a squashing end, eight pixels a value."""

    def __init__(self):
        super().__init__()
        torch.manual_seed(1)
        self.config = type("Config", (), {})()
        self.grow = nn.ConvTranspose2d(4, 3, 8, stride=8)
        nn.init.normal_(self.grow.weight, std=0.25)

    def decode(self, latent):
        return torch.tanh(self.grow(latent))


def picture_of(toy, latent):
    with torch.no_grad():
        levels = toy.decode(torch.from_numpy(latent)[None])[0].numpy() * 127.5 + 127.5
    return np.clip(levels, 0, 255).transpose(1, 2, 0).astype(np.float32)


@pytest.fixture(scope="module")
def toy():
    return Toy().requires_grad_(requires_grad=False)


@pytest.fixture
def latent():
    return np.random.default_rng(2).normal(size=SHAPE).astype(np.float32)


def estimate(toy, picture, seen=None, whitening=None, **more):
    seen = np.ones(picture.shape[:2], bool) if seen is None else seen
    return estimate_latent(toy, SHAPE, picture, seen, whitening, **more)


def test_the_latent_is_found_from_its_picture(toy, latent):
    assert cosine(estimate(toy, picture_of(toy, latent)), latent) > 0.99


def test_it_is_found_from_half_the_pixels_too(toy, latent):
    picture = picture_of(toy, latent)
    small = picture.reshape(32, 2, 32, 2, 3).mean(axis=(1, 3)).repeat(2, 0).repeat(2, 1).astype(np.float32)
    assert cosine(estimate(toy, small, scale=0.5), latent) > 0.9


def test_what_is_not_seen_is_left_at_the_mean_of_the_model(toy, latent):
    seen = np.ones((64, 64), bool)
    seen[:, 32:] = False
    picture = picture_of(toy, latent)
    picture[:, 32:] = 0
    found = estimate(toy, picture, seen)
    assert cosine(found[:, :, :4], latent[:, :, :4]) > 0.98
    assert np.abs(found[:, :, 5:]).max() < 0.1


def test_text_over_the_picture_does_not_drag_the_rest_along(toy, latent):
    picture = picture_of(toy, latent)
    picture[:8, :32] = 255
    assert cosine(estimate(toy, picture)[:, 1:], latent[:, 1:]) > 0.98


def test_the_prior_is_the_calibrations_own(toy):
    mean = dct2(np.full(SHAPE, 0.5)).astype(np.float32)
    whitening = Whitening(mean, np.full(SHAPE, 1000.0, np.float32))
    found = estimate(toy, np.full((64, 64, 3), 127.5, np.float32), np.zeros((64, 64), bool), whitening)
    assert np.allclose(found, 0.5, atol=0.01)


def test_nothing_is_drawn_and_progress_is_shown(toy, latent):
    told = []
    state = torch.random.get_rng_state()
    once = estimate(toy, picture_of(toy, latent), progress=lambda done, total: told.append((done, total)))
    assert torch.equal(torch.random.get_rng_state(), state)
    assert told[0][0] == 0
    assert len(told) == told[0][1]
    assert np.array_equal(once, estimate(toy, picture_of(toy, latent)))
