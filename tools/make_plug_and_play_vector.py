"""Write tests/vectors/plug-and-play-v1.json: a small UNet made of noise streams, and what Plug-and-Play makes with it.

Who implements section 7.3 elsewhere builds the same network (diffusers' UNet2DConditionModel with the configuration in
the file), fills its tensors from noise streams as the file says, and compares the latent to within the tolerance.

python tools/make_plug_and_play_vector.py tests/vectors/plug-and-play-v1.json
"""

from __future__ import annotations

import json
import sys
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from diffusers import UNet2DConditionModel

from generator.remix.conditioned import Conditioned
from generator.remix.plug_and_play import plug_and_play
from generator.remix.schedule import FlowSchedule
from generator.remix.trajectory import Rerun, inverted
from provenance.noise import gaussian

if TYPE_CHECKING:
    from collections.abc import Sequence

SHAPE, WORDS, WIDTH, STEPS = (4, 8, 8), 3, 16, 5
WEIGHTS, TEXTS, NOISE = bytes([1]) * 32, bytes([2]) * 32, bytes([3]) * 32
CONFIG: dict[str, Any] = {
    "sample_size": 8,
    "in_channels": 4,
    "out_channels": 4,
    "block_out_channels": [8, 16, 16],
    "layers_per_block": 2,
    "down_block_types": ["CrossAttnDownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D"],
    "up_block_types": ["CrossAttnUpBlock2D", "CrossAttnUpBlock2D", "CrossAttnUpBlock2D"],
    "attention_head_dim": 4,
    "cross_attention_dim": WIDTH,
    "norm_num_groups": 4,
}
"""Nine self-attention layers and nine residual blocks in the decoder: a ninth and a third of them are whole numbers."""

CASES = (
    ("both", "0.4", "0.8", "rerun", "3", "2"),
    ("attention alone", "1", "0", "rerun", "3", "2"),
    ("features alone", "0", "1", "rerun", "3", "2"),
    ("a parent without guidance", "0.4", "0.8", "rerun", "3", "1"),
    ("an inverted parent", "0.4", "0.8", "inverted", "3", "1"),
)
"""Name, attention, features, trajectory, the child's guidance and the parent's."""

RULES = {
    "weights": "tensors of the state dict by their names (bytewise); the k-th is stream k of seed 01...01, "
    "times 2 divided by the square root of the number of values in its first row; one of one dimension times 0.1, and "
    "plus 1 where its name ends in .weight",
    "texts": "encoder_hidden_states of 3 tokens of 16 values are streams of seed 02...02: 0 the parent's prompt, 1 the "
    "child's prompt, 2 the negative one of both",
    "noise": "the parent's noise is stream 0 of seed 03...03",
    "sampler": "section 7.1 with shift 1; the network is given time 1000 sigma",
    "inverted": "the latent to be inverted is stream 1 of seed 03...03",
}


def network() -> UNet2DConditionModel:
    """The UNet with weights as RULES says."""
    found = UNet2DConditionModel(**CONFIG).eval()
    tensors = found.state_dict()
    for k, name in enumerate(sorted(tensors)):
        shape = tuple(tensors[name].shape)
        values = torch.from_numpy(gaussian(WEIGHTS, shape, stream=k).copy())
        if len(shape) == 1:
            tensors[name] = 0.1 * values + (1.0 if name.endswith(".weight") else 0.0)
        else:
            tensors[name] = 2.0 * values / (values[0].numel() ** 0.5)
    found.load_state_dict(tensors)
    return found


def text(k: int) -> torch.Tensor:
    """(1, tokens, width)."""
    return torch.from_numpy(gaussian(TEXTS, (1, WORDS, WIDTH), stream=k).copy())


def noise(k: int) -> torch.Tensor:
    """(1, C, h, w)."""
    return torch.from_numpy(gaussian(NOISE, SHAPE, stream=k)[None].copy())


def sigmas() -> list[float]:
    """From 1 to 0."""
    return [1 - i / STEPS for i in range(STEPS + 1)]


def conditioned(unet: UNet2DConditionModel, prompt: int, guidance: float) -> Conditioned:
    """The network with a prompt; one row where nothing is guided."""
    guided = guidance != 1
    return Conditioned(
        network=unet,
        schedule=FlowSchedule(sigmas()),
        arguments={"encoder_hidden_states": torch.cat([text(2), text(prompt)]) if guided else text(prompt)},
        sample="sample",
        time="timestep",
        clock=lambda i: torch.tensor(1000 * sigmas()[i]),
        roles=("away", "towards") if guided else ("towards",),
        guidance=guidance,
    )


def make(unet: UNet2DConditionModel, case: Sequence[str]) -> torch.Tensor:
    """The child's latent (1, C, h, w)."""
    _, attention, features, trajectory, ours, theirs = case
    child, parent = conditioned(unet, 1, float(ours)), conditioned(unet, 0, float(theirs))
    with torch.inference_mode():
        way = (
            Rerun(parent.schedule, noise(0))
            if trajectory == "rerun"
            else inverted(parent, parent.schedule, noise(1), torch.float32)
        )
        return plug_and_play(child, parent, way, attention=Decimal(attention), features=Decimal(features))


def vectors() -> dict[str, object]:
    """Everything, from fixed inputs."""
    unet = network()
    names = ("name", "attention", "features", "trajectory", "guidance", "parent_guidance")
    cases = [
        dict(zip(names, case, strict=True)) | {"latent": [round(float(v), 5) for v in make(unet, case).flatten()]}
        for case in CASES
    ]
    return {"network": CONFIG, "steps": STEPS, "shape": list(SHAPE), **RULES, "tolerance": 0.002, "cases": cases}


def main() -> None:
    """Write the file that is named."""
    Path(sys.argv[1]).write_text(json.dumps(vectors(), indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
