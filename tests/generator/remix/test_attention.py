"""Hooks and processors: they do nothing by themselves, and they are taken off again whatever happens."""

import pytest
import torch

from generator.remix.attention import (
    Rows,
    feature_layer,
    features_changed,
    self_attention,
    self_attention_changed,
)
from provenance.errors import UsageError
from tests.generator.remix import workshop


def processors(network):
    return {id(module): type(module.processor) for module in network.modules() if hasattr(module, "processor")}


@pytest.mark.parametrize("family", workshop.UNETS)
def test_a_look_that_changes_nothing_changes_nothing(family):
    found = workshop.conditioned(family)
    x = workshop.noise(family)
    with torch.inference_mode():
        plain = found(x, 1)
        modules = self_attention(found.network, 0.0)
        with (
            self_attention_changed(modules, lambda q, k, v: (q, k, v)),
            features_changed(feature_layer(found.network, 0.5), lambda output: output),
        ):
            looked = found(x, 1)
        with self_attention_changed(modules, lambda q, k, v: (q, k, 0 * v)):
            blind = found(x, 1)
    assert torch.allclose(plain, looked, atol=1e-5)
    assert (plain - blind).abs().max() > 1e-4


@pytest.mark.parametrize("family", workshop.UNETS)
def test_everything_is_taken_off_after_an_error(family):
    network = workshop.conditioned(family).network
    before = processors(network)
    layer = feature_layer(network, 1 / 3)

    def broken(*_):
        raise RuntimeError("in the middle")

    with (
        pytest.raises(RuntimeError),
        self_attention_changed(self_attention(network, 0.0), broken),
        features_changed(layer, lambda output: output),
    ):
        workshop.conditioned(family)(workshop.noise(family), 0)
    assert processors(network) == before
    assert not layer._forward_hooks


def test_depth_is_a_share():
    network = workshop.conditioned("house").network
    every = self_attention(network, 0.0)
    assert len(every) == 4
    assert self_attention(network, 0.5) == every[2:]
    assert self_attention(network, 0.999) == every[3:]
    assert self_attention(network, 1.0) == every[3:]
    blocks = [block for up in network.up_blocks for block in up.resnets]
    assert feature_layer(network, 0.0) is blocks[0].conv2
    assert feature_layer(network, 4 / 12) is blocks[2].conv2
    assert feature_layer(network, 1.0) is blocks[-1].conv2


@pytest.mark.parametrize("family", ["sd3", "flux", "pixart"])
def test_a_transformer_is_refused(family):
    with pytest.raises(UsageError, match="is no UNet"):
        self_attention(workshop.conditioned(family).network, 0.0)


def test_rows_look_at_rows_of_their_own_role():
    guided, other, plain = (workshop.conditioned(*each) for each in (("sd1",), ("house",), ("sd1", "x", 1.0)))
    rows = Rows([guided, other, plain])
    assert rows.of(1) == slice(2, 4)
    assert rows.of(2) == slice(4, 5)
    assert rows.seen_by(1, 0) == [1, 0]  # one calls them away, towards; the other towards, away
    assert rows.seen_by(1, 2) == [4, 4]
    assert rows.seen_by(2, 0) == [1]
