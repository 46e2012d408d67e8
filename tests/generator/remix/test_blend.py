"""Blending: ends exact, arcs keep the length, the order of more than two is kept."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from generator.remix.blend import blend


def latents(count=2):
    generator = torch.Generator().manual_seed(3)
    return [torch.randn(1, 4, 8, 8, generator=generator) for _ in range(count)]


@pytest.mark.parametrize("spherical", [True, False])
def test_a_weight_of_one_is_that_latent_exactly(spherical):
    a, b, c = latents(3)
    assert torch.equal(blend([a, b], [1, 0], spherical=spherical), a)
    assert torch.equal(blend([a, b], [0, 1], spherical=spherical), b)
    assert torch.equal(blend([a, b, c], [0, 1, 0], spherical=spherical), b)


@given(st.floats(0.01, 0.99))
def test_arcs_keep_the_length_and_lines_do_not(weight):
    a, b = latents()
    b = b * (a.norm() / b.norm())
    arc = blend([a, b], [1 - weight, weight], spherical=True)
    line = blend([a, b], [1 - weight, weight], spherical=False)
    assert abs(arc.norm() - a.norm()) < 1e-3
    assert torch.allclose(line, (1 - weight) * a + weight * b, atol=1e-5)
    assert line.norm() < a.norm()


def test_the_share_on_an_arc_is_the_share_of_its_angle():
    a, b = torch.tensor([1.0, 0.0]).view(1, 2, 1, 1), torch.tensor([0.0, 1.0]).view(1, 2, 1, 1)
    found = blend([a, b], [0.75, 0.25], spherical=True).flatten()
    angle = torch.atan2(found[1], found[0])
    assert abs(float(angle) - torch.pi / 8) < 1e-6


def test_equal_and_opposite_latents_have_no_arc_but_a_line():
    a, _ = latents()
    assert torch.allclose(blend([a, a], [0.5, 0.5], spherical=True), a)
    assert torch.isfinite(blend([a, -a], [0.5, 0.5], spherical=True)).all()
    assert torch.isfinite(blend([a * 0, a], [0.5, 0.5], spherical=True)).all()


def test_lines_between_three_are_weighted_means():
    a, b, c = latents(3)
    assert torch.allclose(blend([a, b, c], [0.2, 0.3, 0.5], spherical=False), 0.2 * a + 0.3 * b + 0.5 * c, atol=1e-5)
