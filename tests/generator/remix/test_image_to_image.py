"""Image-to-image: the ends of its strength are exact, the middle is between."""

from decimal import Decimal

import pytest
import torch

from generator.remix.image_to_image import image_to_image
from tests.generator.remix import workshop


def made(family, strength, seed=workshop.OTHER, progress=None):
    found = workshop.conditioned(family, "a forest at sunset")
    latent = torch.from_numpy(workshop.parent(family).latent[None])
    with torch.inference_mode():
        return image_to_image(
            found, found.schedule, latent, workshop.noise(family, seed), strength=Decimal(strength), progress=progress
        )


@pytest.mark.parametrize("family", workshop.FAMILIES)
def test_strength_0_is_the_parent_exactly(family):
    assert torch.equal(made(family, "0")[0], torch.from_numpy(workshop.parent(family).latent))


@pytest.mark.parametrize("family", workshop.FAMILIES)
def test_strength_1_is_text_to_image_exactly(family):
    assert torch.equal(made(family, "1"), workshop.sample(family, workshop.OTHER, "a forest at sunset"))


@pytest.mark.parametrize("family", workshop.FAMILIES)
def test_in_between_it_depends_on_parent_prompt_and_seed(family):
    child = made(family, "0.5")
    parent = torch.from_numpy(workshop.parent(family).latent[None])
    assert (child - parent).abs().max() > 0.05
    assert (child - made(family, "0.5", bytes(32))).abs().max() > 0.05
    assert (child - workshop.sample(family, workshop.OTHER, "a forest at sunset")).abs().max() > 0.05


def test_only_the_steps_of_the_strength_are_run():
    seen = []
    made("house", "0.5", progress=lambda done, total: seen.append((done, total)))
    assert seen == [(0, 2), (1, 2)]
