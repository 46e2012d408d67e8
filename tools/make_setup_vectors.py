"""Write tests/vectors/setups-v1.json: recipes of diffusers pipelines, the XMP packet, and inputs that must be refused.

python tools/make_setup_vectors.py tests/vectors/setups-v1.json
"""

from __future__ import annotations

import json
import sys
from decimal import Decimal
from pathlib import Path

from provenance.recipe import Component, Model, Prompt, Recipe, Scheduler, format_recipe, recipe_digest
from provenance.setup import Adapter, Setup
from provenance.xmp import Xmp, format_xmp


def recipe(setup: Setup) -> Recipe:
    """A recipe of a picture that nobody made."""
    return Recipe(
        model=Model("example/model", bytes(range(32)), (Component("unet", bytes(32)), Component("vae", b"\x01" * 32))),
        scheduler=Scheduler("EulerDiscreteScheduler", '{"beta_end":"0.012","num_train_timesteps":1000}'),
        steps=30,
        guidance=Decimal("7.5"),
        prompt=Prompt("a fox, 日本 🦊", "rain"),
        max_tokens=77,
        width=512,
        height=512,
        dtype="bfloat16",
        seed=b"\x02" * 32,
        shape=(4, 64, 64),
        latent_steps=(Decimal("0.125"), Decimal("0.1"), Decimal("0.25"), Decimal(1)),
        setup=setup,
    )


def vectors() -> dict[str, object]:
    """Everything, from fixed inputs."""
    lora = Adapter("lora", "style", b"\x03" * 32, Decimal("-0.5"))
    setups = {
        "plain": Setup("StableDiffusionPipeline"),
        "arguments": Setup("FluxPipeline", arguments='{"max_sequence_length":256,"ratio":"0.5","switch":true}'),
        "adapters, replaced scheduler, draws": Setup(
            "StableDiffusionXLPipeline",
            arguments='{"force_zeros_for_empty_prompt":true}',
            replaced_scheduler=True,
            draws=30,
            adapters=(lora, Adapter("textual-inversion", "<fox>", b"\x04" * 32)),
        ),
        "code": Setup("OwnPipeline", code=b"\x05" * 32),
        "attached": Setup("StableDiffusion3Pipeline", attached=True),
    }
    packets = [Xmp(), Xmp("a & <b>\r\n\t日本", "seedproof", "0"), Xmp(system="only this")]
    return {
        "recipes": [
            {
                "name": name,
                "recipe": format_recipe(recipe(setup)).decode(),
                "digest": recipe_digest(recipe(setup)).hex(),
                "why_not_authentic": setup.why_not_authentic,
            }
            for name, setup in setups.items()
        ],
        "xmp": [
            {"prompt": x.prompt, "system": x.system, "version": x.version, "packet": format_xmp(x).decode()}
            for x in packets
        ],
    }


def main() -> None:
    """Write the file that is named."""
    Path(sys.argv[1]).write_text(json.dumps(vectors(), indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
