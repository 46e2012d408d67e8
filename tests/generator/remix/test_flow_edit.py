"""FlowEdit: the same prompt changes nothing, another one does, and the noise is the child's."""

from decimal import Decimal

import pytest
import torch

from generator.remix.flow_edit import flow_edit, flow_edit_noise
from provenance.correlation import cosine
from provenance.errors import UsageError
from tests.generator.remix import workshop


def made(family, text="a forest at sunset", strength="0.75", average=1, seed=workshop.OTHER, streams=None, sampled="0"):
    target, source = workshop.conditioned(family, text), workshop.conditioned(family, "a lake")
    latent = torch.from_numpy(workshop.parent(family).latent[None])
    asked = [] if streams is None else streams

    def noise(stream):
        asked.append(stream)
        return workshop.noise(family, seed, stream)

    with torch.inference_mode():
        child = flow_edit(
            target,
            source,
            target.schedule,
            latent,
            noise,
            strength=Decimal(strength),
            average=average,
            sampled=Decimal(sampled),
        )
    return child, latent


@pytest.mark.parametrize("family", workshop.FLOWS)
def test_the_parents_own_prompt_and_guidance_change_nothing(family):
    child, latent = made(family, "a lake")
    assert torch.allclose(child, latent, atol=1e-4)


@pytest.mark.parametrize("family", workshop.FLOWS)
def test_another_prompt_changes_it_by_the_childs_noise(family):
    child, latent = made(family)
    assert (child - latent).abs().max() > 1e-3
    assert (child - made(family, seed=bytes(32))[0]).abs().max() > 1e-4


def test_the_streams_are_numbered_without_gaps():
    asked = []
    made("house", strength="0.5", average=3, streams=asked)
    assert asked == [0, 1, 2, 3, 4, 5]


def test_an_average_over_equal_draws_is_one_draw():
    target, source = (workshop.conditioned("house", text) for text in ("a forest at sunset", "a lake"))
    latent, noise = torch.from_numpy(workshop.parent("house").latent[None]), workshop.noise("house")
    with torch.inference_mode():
        one, three = (
            flow_edit(
                target, source, target.schedule, latent, lambda _: noise, strength=Decimal("0.5"), average=average
            )
            for average in (1, 3)
        )
    assert torch.allclose(one, three, atol=1e-3)
    assert not torch.allclose(one, latent, atol=1e-2)


def test_one_draw_is_the_papers_step():
    """One step by hand: z + (sigma' - sigma) (v(z + x - z0, new) - v(x, own)) with x the noised parent."""
    child, latent = made("house", strength="0.25")
    target, source = workshop.conditioned("house", "a forest at sunset"), workshop.conditioned("house", "a lake")
    noise = workshop.noise("house", workshop.OTHER)
    there = 0.75 * latent + 0.25 * noise
    with torch.inference_mode():
        expected = latent - 0.25 * (target(there, 3) - source(there, 3))
    assert torch.allclose(child, expected, atol=1e-4)
    assert not torch.allclose(child, latent, atol=1e-2)


def test_sampled_steps_take_stream_0_and_edits_the_later_ones():
    asked = []
    made("house", strength="0.75", average=2, sampled="0.25", streams=asked)
    assert asked == [1, 2, 3, 4, 0]


def test_the_sampled_step_is_the_papers():
    """One edited step and one sampled one by hand: z + x - z0 with x the noised parent, then the velocity alone."""
    child, latent = made("house", strength="0.5", sampled="0.25")
    target, source = workshop.conditioned("house", "a forest at sunset"), workshop.conditioned("house", "a lake")
    first, last = (workshop.noise("house", workshop.OTHER, stream) for stream in (1, 0))
    there = 0.5 * latent + 0.5 * first
    with torch.inference_mode():
        edited = latent - 0.25 * (target(there, 2) - source(there, 2))
        x = edited - 0.25 * latent + 0.25 * last
        expected = x - 0.25 * target(x, 3)
    assert torch.allclose(child, expected, atol=1e-4)


@pytest.mark.parametrize("family", workshop.FLOWS)
def test_the_noise_of_the_sampled_steps_is_found_again_and_no_other(family):
    shares = {"strength": Decimal("0.75"), "average": 1, "sampled": Decimal("0.5")}
    child, latent = made(family, sampled="0.5")
    target, source = workshop.conditioned(family, "a forest at sunset"), workshop.conditioned(family, "a lake")

    def found(seed):
        def own(stream):
            return workshop.noise(family, seed, stream)

        with torch.inference_mode():
            back = flow_edit_noise(target, source, target.schedule, latent, own, child, **shares)
        return cosine(back.numpy(), own(0).numpy())

    assert found(workshop.OTHER) > 0.3
    assert abs(found(workshop.SEED)) < 0.2


def test_a_model_that_predicts_noise_is_refused():
    with pytest.raises(UsageError, match="flow-matching model; edit this one with --method plug-and-play"):
        made("sd1")
