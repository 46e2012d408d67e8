"""The loops on a field whose solution is known: v(x) = a x + b."""

import pytest
import torch

from generator.sampler import invert_flow_euler, sample_flow_euler

SIGMAS = [1.0, 0.7, 0.4, 0.15, 0.0]


def field(x, sigma):
    return 0.8 * x + 0.3 + 0.1 * sigma


def test_euler_multiplies_and_adds_what_the_steps_say():
    x = expected = torch.tensor([1.0, -2.0], dtype=torch.float64)
    for sigma, following in [(1.0, 0.7), (0.7, 0.4), (0.4, 0.15), (0.15, 0.0)]:
        expected = expected + (following - sigma) * (0.8 * expected + 0.3 + 0.1 * sigma)
    assert torch.allclose(sample_flow_euler(field, x, SIGMAS), expected)


def test_many_steps_approach_the_exact_solution():
    x = torch.tensor([1.5], dtype=torch.float64)
    many = [1.0 - i / 2000 for i in range(2001)]
    found = sample_flow_euler(lambda y, _: 0.8 * y, x, many)
    assert found.item() == pytest.approx(1.5 * torch.exp(torch.tensor(-0.8)).item(), rel=1e-3)


def test_the_argument_is_not_changed():
    x = torch.ones(3)
    sample_flow_euler(field, x, SIGMAS)
    assert torch.equal(x, torch.ones(3))


def test_inversion_undoes_sampling_and_more_iterations_undo_it_better():
    x = torch.randn(64, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    made = sample_flow_euler(field, x, SIGMAS)
    errors = [float((invert_flow_euler(field, made, SIGMAS, n) - x).abs().max()) for n in (1, 2, 3, 8, 40)]
    assert errors == sorted(errors, reverse=True)
    assert errors[0] > 1e-2
    assert errors[-1] < 1e-12


def test_progress_is_reported_before_each_step_and_at_the_end():
    seen = []
    sample_flow_euler(field, torch.zeros(1), SIGMAS, lambda *counts: seen.append(counts))
    assert seen == [(0, 4), (1, 4), (2, 4), (3, 4), (4, 4)]
