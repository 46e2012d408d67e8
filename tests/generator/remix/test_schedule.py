"""Levels and steps: entered anywhere, they are those of the pipeline, bit for bit."""

from decimal import Decimal

import pytest
import torch

from generator.remix.schedule import begin_at, noised
from provenance.errors import EnvironmentFault, UsageError
from tests.generator.remix import workshop


@pytest.mark.parametrize("guidance", [1.0, 3.0])
@pytest.mark.parametrize("family", workshop.FAMILIES)
def test_the_captured_loop_is_the_pipelines_bit_for_bit(family, guidance):
    found = workshop.conditioned(family, guidance=guidance)
    with torch.inference_mode():
        x = found.schedule.start(workshop.noise(family))
        for i in range(workshop.STEPS):
            x = found.schedule.step(found(x, i), x, i)
    assert torch.equal(x, workshop.sample(family, guidance=guidance))


@pytest.mark.parametrize("family", workshop.FAMILIES)
def test_levels_lead_from_noise_to_data(family):
    schedule = workshop.conditioned(family).schedule
    assert len(schedule.levels) == workshop.STEPS + 1
    assert schedule.levels[-1] == (1.0, 0.0)
    ratios = [s / a if a else float("inf") for a, s in schedule.levels]
    assert ratios == sorted(ratios, reverse=True)
    assert schedule.flow == (family in workshop.FLOWS)


@pytest.mark.parametrize("family", workshop.FAMILIES)
def test_a_true_prediction_leads_from_level_to_level(family):
    """With the output that data and noise call for, a step from one level's mixture gives the next one's."""
    schedule = workshop.conditioned(family).schedule
    data, noise = workshop.sample(family), workshop.noise(family, workshop.OTHER)
    a, s = schedule.levels[1]
    if schedule.flow:
        output = noise - data
    elif family == "sd2-v":
        output = (noise - s * data) / (1 + s * s) ** 0.5  # sigmas of variance-exploding kind
    else:
        output = noise
    there = schedule.step(output, noised(schedule, data, noise, 1), 1)
    assert torch.allclose(there, noised(schedule, data, noise, 2), atol=1e-3)
    assert not torch.allclose(there, noised(schedule, data, noise, 3), atol=1e-2)
    assert a > 0


@pytest.mark.parametrize("family", workshop.FAMILIES)
def test_undo_is_the_inverse_of_step(family):
    schedule = workshop.conditioned(family).schedule
    x, output = workshop.noise(family), workshop.noise(family, workshop.OTHER)
    for i in range(workshop.STEPS):
        y = schedule.step(output, x, i)
        assert torch.allclose(schedule.undo(output, y, i), x, atol=1e-3)
        assert not torch.allclose(y, x, atol=1e-2)


@pytest.mark.parametrize("family", workshop.FAMILIES)
def test_unstart_is_the_inverse_of_start(family):
    schedule = workshop.conditioned(family).schedule
    assert torch.allclose(schedule.unstart(schedule.start(workshop.noise(family))), workshop.noise(family))


def test_steps_can_be_taken_in_any_order():
    schedule = workshop.conditioned("sd2-v").schedule
    x, output = workshop.noise("sd2-v"), workshop.noise("sd2-v", workshop.OTHER)
    late, early = schedule.step(output, x, 3), schedule.step(output, x, 1)
    assert torch.equal(schedule.step(output, x, 3), late)
    assert torch.equal(schedule.step(output, x, 1), early)


@pytest.mark.parametrize(
    ("steps", "strength", "level"),
    [(4, "0", 4), (4, "1", 0), (4, "0.5", 2), (4, "0.124", 4), (4, "0.125", 3), (30, "0.05", 28), (3, "0.5", 1)],
)
def test_the_level_of_a_strength(steps, strength, level):
    assert begin_at(steps, Decimal(strength)) == level


def test_a_sampler_that_remembers_is_refused():
    with pytest.raises(UsageError, match=r"PNDMScheduler cannot be entered midway.*ddim or euler"):
        workshop.runtime("decoder-only")._pipeline.conditioned((4, 16, 16), "a lake", "", steps=4, guidance=3.0)


def test_a_pipeline_that_tells_the_time_otherwise_is_refused(monkeypatch):
    inner = workshop.runtime("sd1")._pipeline
    honest = inner.pipe.unet.forward
    monkeypatch.setattr(inner.pipe.scheduler, "set_timesteps", _shifted(inner.pipe.scheduler))
    with pytest.raises(EnvironmentFault, match="time in a way"):
        workshop.conditioned("sd1")
    assert inner.pipe.unet.forward == honest
    assert not inner.pipe.unet._forward_pre_hooks


def _shifted(scheduler):
    """Lays the steps out, and moves them once the pipeline has read them."""
    original = scheduler.set_timesteps

    def laid_out(*args, **kwargs):
        original(*args, **kwargs)
        scheduler.timesteps = _Moving(scheduler)

    return laid_out


class _Moving(list):
    def __init__(self, scheduler):
        self.honest = scheduler.timesteps
        self.scheduler = scheduler

    def __len__(self):
        return len(self.honest)

    def __iter__(self):
        self.scheduler.timesteps = self.honest + 5
        return iter(self.honest)
