"""Inpainting: outside of the mask nothing changes, at any level of detail; inside it does."""

from dataclasses import replace
from decimal import Decimal

import pytest
import torch

from generator.remix.inpaint import inpaint, with_mask
from provenance.errors import UsageError
from tests.generator import tiny
from tests.generator.remix import workshop


def made(family, strength="0.75", seed=workshop.OTHER, found=None):
    found = found or workshop.conditioned(family, "a forest at sunset")
    latent = torch.from_numpy(workshop.parent(family).latent[None])
    mask = torch.from_numpy(workshop.left_half(family)[0])[None, None]
    with torch.inference_mode():
        child = inpaint(found, found.schedule, latent, workshop.noise(family, seed), mask, strength=Decimal(strength))
    return child, latent, mask.expand_as(latent)


@pytest.mark.parametrize("strength", ["0.25", "0.75", "1"])
@pytest.mark.parametrize("family", workshop.FAMILIES)
def test_outside_the_mask_the_latent_is_the_parents_exactly(family, strength):
    child, latent, mask = made(family, strength)
    assert torch.equal(child[~mask], latent[~mask])
    assert (child[mask] - latent[mask]).abs().max() > 0.01


def test_strength_0_is_the_parent_exactly():
    child, latent, _ = made("house", "0")
    assert torch.equal(child, latent)


def test_what_is_outside_shapes_what_is_inside():
    """Blended at every level and not pasted at the end: with another surrounding the inside comes out otherwise."""
    child, _, mask = made("house", "1")
    alone = workshop.sample("house", workshop.OTHER, "a forest at sunset")
    assert (child[mask] - alone[mask]).abs().max() > 0.01


def test_a_model_with_mask_channels_is_shown_mask_and_surroundings():
    torch.manual_seed(1)
    found = workshop.conditioned("sd1", "a forest at sunset")
    native = replace(found, network=tiny.unet(4, in_channels=9).eval())
    latent = torch.from_numpy(workshop.parent("sd1").latent[None])
    mask = torch.from_numpy(workshop.left_half("sd1")[0])[None, None]
    shown = with_mask(native, latent, mask)
    rows = shown.inputs(latent, 1)["sample"]
    assert rows.shape[1] == 9
    assert torch.equal(rows[0, 4], mask[0, 0].float())
    assert torch.equal(rows[0, 5:], (latent * ~mask)[0])
    child, _, everywhere = made("sd1", "1", found=shown)
    assert torch.equal(child[~everywhere], latent[~everywhere])
    other = with_mask(native, latent + 1, mask)
    assert (made("sd1", "1", found=other)[0] - child)[everywhere].abs().max() > 0.001


def test_a_model_without_mask_channels_is_refused_for_native_inpainting():
    latent = torch.from_numpy(workshop.parent("sd1").latent[None])
    mask = torch.from_numpy(workshop.left_half("sd1")[0])[None, None]
    with pytest.raises(UsageError, match="needs a model with 9 input channels, this one has 4; use --mode blend"):
        with_mask(workshop.conditioned("sd1"), latent, mask)


def test_the_seam_is_smoother_than_that_of_naive_pasting():
    """Mean step of the decoded picture across the mask's border, over six works."""
    room = workshop.runtime("house")
    inside = workshop.left_half("house")[0]
    factor = workshop.size("house") // inside.shape[1]
    border = factor * inside.shape[1] // 2
    found = {"inpainted": 0.0, "pasted": 0.0}
    for k in range(6):
        seed = bytes([40 + k]) * 32
        child, latent, mask = made("house", "1", seed)
        alone = workshop.sample("house", seed, "a forest at sunset")
        for name, filled in (("inpainted", child), ("pasted", torch.where(mask, alone, latent))):
            picture = room.decode_float(filled.numpy())[0]
            found[name] += abs(picture[:, border] - picture[:, border - 1]).mean()
    assert found["inpainted"] < found["pasted"]
