"""Plug-and-Play: the parent's own prompt gives the parent, and what is handed over keeps its structure."""

from decimal import Decimal

import pytest
import torch

from generator.remix.conditioned import together
from generator.remix.plug_and_play import plug_and_play
from generator.remix.trajectory import Rerun, inverted
from tests.generator.remix import workshop


def made(family, text="a forest at sunset", attention="0.5", features="0.75", *, rerun=True, guidance=3.0):
    target, source = workshop.conditioned(family, text), workshop.conditioned(family, "a lake", guidance)
    with torch.inference_mode():
        if rerun:
            way = Rerun(source.schedule, workshop.noise(family))
        else:
            latent = torch.from_numpy(workshop.parent(family).latent[None])
            way = inverted(source, source.schedule, latent, torch.float32)
        return plug_and_play(target, source, way, attention=Decimal(attention), features=Decimal(features))


@pytest.mark.parametrize("family", workshop.UNETS)
def test_the_parents_own_prompt_gives_the_parent(family):
    assert torch.allclose(made(family, "a lake"), workshop.sample(family), atol=1e-4)


@pytest.mark.parametrize("family", workshop.UNETS)
def test_what_is_handed_over_shows(family):
    plain = workshop.sample(family, workshop.SEED, "a forest at sunset")
    assert torch.allclose(made(family, attention="0", features="0"), plain, atol=1e-5)
    keys, features = made(family, attention="1", features="0"), made(family, attention="0", features="1")
    assert (keys - plain).abs().max() > 1e-4
    assert (features - plain).abs().max() > 1e-4
    assert (features - keys).abs().max() > 1e-4


@pytest.mark.parametrize("family", ["sd1", "house"])
def test_a_bare_latent_is_inverted(family):
    child = made(family, rerun=False, guidance=1.0)
    assert torch.isfinite(child).all()
    assert (child - made(family)).abs().max() > 1e-4


@pytest.mark.parametrize("family", ["sd1", "house"])
def test_the_parent_is_left_when_it_has_nothing_more_to_hand_over(family):
    network = workshop.conditioned(family).network
    sizes = []
    handle = network.register_forward_hook(lambda _m, _i, output: sizes.append(len(output[0])))
    try:
        made(family, attention="0.25", features="0.5")
    finally:
        handle.remove()
    assert sizes == [4, 4, 2, 2]


@pytest.mark.parametrize("family", workshop.UNETS)
def test_branches_side_by_side_say_what_each_says_alone(family):
    a, b = workshop.conditioned(family, "a lake"), workshop.conditioned(family, "a forest at sunset", 1.0)
    x, y = workshop.noise(family), workshop.noise(family, workshop.OTHER)
    with torch.inference_mode():
        left, right = together([a, b], [x, y], 1)
        assert torch.allclose(left, a(x, 1), atol=1e-4)
        assert torch.allclose(right, b(y, 1), atol=1e-4)
    assert (left - right).abs().max() > 0.01
