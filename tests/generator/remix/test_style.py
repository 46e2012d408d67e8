"""Style transfer: statistics of the style, queries of the content, and nothing of the child's own."""

from decimal import Decimal

import pytest
import torch

from generator.remix.style import adain, style
from generator.remix.trajectory import Rerun, inverted
from tests.generator.remix import workshop


def made(family, gamma="0.75", temperature="1.5", strength="0.75", *, rerun=True):
    guidance = 3.0 if rerun else 1.0
    content, painted = (workshop.conditioned(family, text, guidance) for text in ("a lake", "snowy mountains"))
    target = workshop.conditioned(family, "a lake")
    with torch.inference_mode():
        if rerun:
            ways = tuple(
                Rerun(each.schedule, workshop.noise(family, seed))
                for each, seed in ((content, workshop.SEED), (painted, workshop.OTHER))
            )
        else:
            latents = [
                torch.from_numpy(workshop.parent(family, *each).latent[None])
                for each in ((workshop.SEED, "a lake"), (workshop.OTHER, "snowy mountains"))
            ]
            ways = tuple(
                inverted(each, each.schedule, latent, torch.float32)
                for each, latent in zip((content, painted), latents, strict=True)
            )
        return style(
            target,
            (content, painted),
            ways,
            gamma=Decimal(gamma),
            temperature=Decimal(temperature),
            strength=Decimal(strength),
        )


def test_adain_takes_the_statistics_and_keeps_the_pattern():
    a, b = workshop.noise("house"), 3 * workshop.noise("house", workshop.OTHER) + 2
    found = adain(a, b)
    assert torch.allclose(found.mean((2, 3)), b.mean((2, 3)), atol=1e-3)
    assert torch.allclose(found.std((2, 3)), b.std((2, 3)), atol=1e-3)
    together = torch.stack([found[0, 0].flatten(), a[0, 0].flatten()])
    assert torch.corrcoef(together)[0, 1] > 0.999


@pytest.mark.parametrize("family", workshop.UNETS)
def test_every_parameter_shows(family):
    plain = made(family)
    assert torch.isfinite(plain).all()
    for change in ({"gamma": "0"}, {"temperature": "3"}, {"strength": "0.5"}):
        assert (made(family, **change) - plain).abs().max() > 1e-5, change


@pytest.mark.parametrize("family", ["sd1", "house"])
def test_it_looks_like_neither_parent_but_more_like_the_content(family):
    child = made(family)
    content, painted = workshop.sample(family), workshop.sample(family, workshop.OTHER, "snowy mountains")
    assert (child - content).abs().max() > 0.01
    likeness = [torch.cosine_similarity(child.flatten(), other.flatten(), 0) for other in (content, painted)]
    assert likeness[0] > likeness[1]


@pytest.mark.parametrize("family", ["sd1", "house"])
def test_bare_latents_are_inverted(family):
    assert torch.isfinite(made(family, rerun=False)).all()


@pytest.mark.parametrize("family", workshop.UNETS)
def test_a_work_in_its_own_style_is_itself(family):
    """AdaIN, queries, keys and values of one work are its own, so nothing may change."""
    found = workshop.conditioned(family)
    for gamma in ("1", "0.3"):
        with torch.inference_mode():
            ways = tuple(Rerun(found.schedule, workshop.noise(family)) for _ in range(2))
            told = {"gamma": Decimal(gamma), "temperature": Decimal(1), "strength": Decimal("0.75")}
            child = style(found, (found, found), ways, **told)
        assert torch.allclose(child, workshop.sample(family), atol=2e-3)


def test_the_attention_is_given_back():
    network = workshop.conditioned("house").network
    before = [type(each.processor) for each in network.modules() if hasattr(each, "processor")]
    made("house")
    assert [type(each.processor) for each in network.modules() if hasattr(each, "processor")] == before
