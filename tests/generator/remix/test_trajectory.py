"""Trajectories: run again they lead to the work; walked backwards they lead to where noise entered."""

from decimal import Decimal

import pytest
import torch

from generator.remix.image_to_image import image_to_image
from generator.remix.schedule import begin_at
from generator.remix.trajectory import Rerun, entered_noise, invert_to, inverted
from tests.generator.remix import workshop


@pytest.mark.parametrize("family", workshop.FAMILIES)
def test_run_again_it_is_the_parent(family):
    found = workshop.conditioned(family)
    with torch.inference_mode():
        way = Rerun(found.schedule, workshop.noise(family))
        for i in range(workshop.STEPS):
            way.advance(found(way.at(i), i), i)
    assert torch.equal(way.at(workshop.STEPS), workshop.sample(family))


@pytest.mark.parametrize("family", workshop.FAMILIES)
def test_inverted_it_ends_at_the_parent_and_begins_near_its_noise(family):
    found = workshop.conditioned(family, guidance=1.0)
    latent = workshop.sample(family, guidance=1.0)
    with torch.inference_mode():
        way = inverted(found, found.schedule, latent, torch.float32)
        start = found.schedule.unstart(way.at(0))
    assert torch.equal(way.at(workshop.STEPS), latent)
    near = torch.cosine_similarity(start.flatten(), workshop.noise(family).flatten(), 0)
    far = torch.cosine_similarity(start.flatten(), workshop.noise(family, workshop.OTHER).flatten(), 0)
    assert near > 0.5
    assert abs(far) < 0.2


@pytest.mark.parametrize("strength", ["0.5", "1"])
@pytest.mark.parametrize("family", workshop.FAMILIES)
def test_the_noise_that_entered_is_found_again(family, strength):
    found = workshop.conditioned(family, "a forest at sunset")
    source = torch.from_numpy(workshop.parent(family).latent[None])
    noise = workshop.noise(family, workshop.OTHER)
    begin = begin_at(workshop.STEPS, Decimal(strength))
    with torch.inference_mode():
        child = image_to_image(found, found.schedule, source, noise, strength=Decimal(strength))
        x = invert_to(found, found.schedule, child, begin, iterations=3)
        back = entered_noise(found.schedule, x, source, begin)
    assert torch.cosine_similarity(back.flatten(), noise.flatten(), 0) > 0.3
    other = workshop.noise(family, bytes(32))
    assert abs(torch.cosine_similarity(back.flatten(), other.flatten(), 0)) < 0.2
