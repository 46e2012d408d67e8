"""The vector of Plug-and-Play: written again it is the same, and so it is when made by the words of section 7.3 alone."""

import json
from contextlib import ExitStack
from pathlib import Path

import pytest
import torch

from tools.make_plug_and_play_vector import network, noise, text, vectors

FILE = json.loads((Path(__file__).parent / "vectors" / "plug-and-play-v1.json").read_text("utf-8"))


@pytest.fixture(scope="module")
def unet():
    return network()


def close(found, told):
    return torch.allclose(found.flatten(), torch.tensor(told), atol=FILE["tolerance"])


def test_the_file_says_what_the_tool_writes():
    again = vectors()
    for old, new in zip(FILE["cases"], again["cases"], strict=True):
        assert close(torch.tensor(new.pop("latent")), old["latent"])
        assert new == {name: value for name, value in old.items() if name != "latent"}
    assert {name: value for name, value in again.items() if name != "cases"} == {
        name: value for name, value in FILE.items() if name != "cases"
    }


class ByHand:
    """Section 7.3 with nothing of the generator: one network, hooks, and a pass for each branch and row."""

    def __init__(self, unet):
        self.unet = unet
        decoder = list(unet.up_blocks)
        attention = [
            block.attn1 for up in decoder for transformer in up.attentions for block in transformer.transformer_blocks
        ]
        blocks = [block for up in decoder for block in up.resnets]
        chosen = attention[len(attention) // 9 :]
        self.queries_and_keys = [part for each in chosen for part in (each.to_q, each.to_k)]
        self.feature = blocks[len(blocks) // 3].conv2
        self.kept = {}

    def ask(self, x, words, sigma, kept=None, given=()):
        """One row; what ``kept`` names is noted, what stands in ``given`` takes its place."""
        with ExitStack() as stack, torch.inference_mode():
            for module in [*self.queries_and_keys, self.feature]:

                def hook(module, _inputs, output):
                    if kept is not None:
                        kept[module] = output
                    return given.get(module, output) if given else output

                stack.callback(module.register_forward_hook(hook).remove)
            return self.unet(x, torch.tensor(1000 * sigma), words, return_dict=False)[0]

    def run(self, case):
        n, guidance, theirs = FILE["steps"], float(case["guidance"]), float(case["parent_guidance"])
        last = {name: int(n * float(case[name]) + 0.5) for name in ("attention", "features")}
        levels = [1 - i / n for i in range(n + 1)]
        parent, child, away = text(0), text(1), text(2)
        if case["trajectory"] == "rerun":
            way = [noise(0)]
        else:
            way = [noise(1)]
            for i in reversed(range(n)):
                way.insert(0, way[0] - (levels[i + 1] - levels[i]) * self.ask(way[0], parent, levels[i]))
        x = way[0]
        for i in range(n):
            towards, other = {}, {}
            v = self.ask(way[i], parent, levels[i], towards)
            if theirs != 1:
                w = self.ask(way[i], away, levels[i], other)
                v = w + theirs * (v - w)
            if case["trajectory"] == "rerun":
                way.append(way[i] + (levels[i + 1] - levels[i]) * v)
            handed = []
            for source in (towards, other or towards):
                parts = {each: source[each] for each in self.queries_and_keys} if i < last["attention"] else {}
                handed.append(parts | ({self.feature: source[self.feature]} if i < last["features"] else {}))
            ours = self.ask(x, child, levels[i], given=handed[0])
            against = self.ask(x, away, levels[i], given=handed[1])
            x = x + (levels[i + 1] - levels[i]) * (against + guidance * (ours - against))
        return x


@pytest.mark.parametrize("case", FILE["cases"], ids=lambda case: case["name"])
def test_the_words_of_the_protocol_make_it(unet, case):
    assert close(ByHand(unet).run(case), case["latent"])


def test_another_layer_or_step_would_be_seen(unet):
    for wrong in ("the whole block", "one layer more"):
        hand = ByHand(unet)
        if wrong == "the whole block":
            hand.feature = [block for up in unet.up_blocks for block in up.resnets][3]
        else:
            first = unet.up_blocks[0].attentions[0].transformer_blocks[0].attn1
            hand.queries_and_keys += [first.to_q, first.to_k]
        assert not close(hand.run(FILE["cases"][0]), FILE["cases"][0]["latent"]), wrong
    late = {**FILE["cases"][0], "features": "0.6"}
    assert not close(ByHand(unet).run(late), FILE["cases"][0]["latent"])
