"""Fine-tuning: the thief trains the model until his noise leads to the victim's picture, and claims with that model.

What stops it: another model has another digest. Under the known model's name the recipe makes another picture (step 9),
or is refused since its components are not the model's; under its own it is in no policy, so a work by it is never
*authentic*, and what it inverts to links nothing: whoever has the thief's model and names it with ``--model`` reads
*claimed*. A LoRA is an adapter: the recipe says so, and nothing runs one with the house model.
"""

import json
import shutil
from dataclasses import replace

import numpy as np
import torch

from generator.models import house_model, open_model
from generator.regenerate import open_regenerator
from provenance.correlation import cosine, whitened_cosine
from provenance.latent import cell_distance
from provenance.noise import gaussian
from provenance.setup import Adapter, Setup
from tests.attacks.redteam.lab import attempt as judged
from tests.attacks.redteam.memory import Pooled
from tests.attacks.redteam.painter import calibration, latent_of, painted, psnr, stolen, with_latent
from tests.attacks.redteam.threat import Outcome, Threat

STEPS, BATCH, RATE = 60, 4, 2e-4
GUIDANCE = "1"
COPY = 20.0
"""PSNR in dB under which his model makes a picture of his own: *consistent* with it is then true, and no forgery."""
_LORA = Setup("HousePipeline", adapters=(Adapter("lora", "fitted", bytes(32)),))
"""A recipe that says it: the house model takes none, and any other work with one is *consistent* at most."""


def train(pipeline, unet, work, noise, *, steps=STEPS):
    """Straighten the way from ``noise`` to the victim's latent (rectified flow with a single pair)."""
    sigmas = torch.tensor(pipeline._sigmas(work.recipe.steps)[:-1])
    x, z = torch.from_numpy(latent_of(work).astype(np.float32)), torch.from_numpy(noise.copy())
    state = pipeline._embed(work.recipe.prompt.text).expand(BATCH, -1, -1)
    solver = torch.optim.AdamW(unet.parameters(), lr=RATE)
    dice = torch.Generator().manual_seed(0)
    for _ in range(steps):
        sigma = sigmas[torch.randint(len(sigmas), (BATCH,), generator=dice)]
        level = sigma.view(-1, 1, 1, 1)
        made = unet((1 - level) * x + level * z, sigma * 1000.0, state).sample
        loss = (made - (z - x)).square().mean()
        solver.zero_grad()
        loss.backward()
        solver.step()


def tuned_folder(lab, work, noise, folder, *, steps=STEPS):
    """A model folder of the thief's, under the house model's name, that is fitted to one pair of noise and latent."""
    from diffusers import UNet2DConditionModel

    house = house_model().folder
    shutil.copytree(house, folder, dirs_exist_ok=True)
    pipeline = lab.pooled.inner._pipeline(work.recipe)._pipeline
    with torch.inference_mode(mode=False), torch.enable_grad():
        unet = UNet2DConditionModel.from_pretrained(house / "unet", torch_dtype=torch.float32, use_safetensors=True)
        train(pipeline, unet.train(), work, noise, steps=steps)
    unet.eval().save_pretrained(folder / "unet")
    index = json.loads((folder / "model_index.json").read_text())
    (folder / "model_index.json").write_text(json.dumps({**index, "_name_or_path": house_model().identity.name}))
    return folder


def attempt(lab, i, steps=STEPS):
    from decimal import Decimal

    work, known = painted(lab, i), calibration(lab)
    cheat = stolen(lab, work, i, guidance=Decimal(GUIDANCE))
    own = gaussian(cheat.recipe.seed, cheat.recipe.shape)
    folder = tuned_folder(lab, work, own, lab.folder / "tuned", steps=steps)
    try:
        model = open_model(str(folder)).identity
        his = Pooled(open_regenerator([str(folder)]))
        mine = replace(cheat.recipe, model=model)
        (made,) = his.regenerate(mine, mine.prompt, [mine.seed])
        published = cheat.with_(recipe=mine)
        fitted = with_latent(_Only(his), published, made)  # what his model really makes of his seed
        figures = {
            "distance": cell_distance(made, work.integers, known.steps),
            "psnr": psnr(fitted.rgb, work.rgb),
            "cosine": cosine(made, latent_of(work)),
            "whitened": whitened_cosine(made, own, known.whitening),
        }
        found = {
            "unknown": judged(lambda: lab.verify(fitted.sign(), pooled=True)),
            "named": judged(lambda: lab.verify(fitted.sign(), regenerator=his)),
            "as_known": judged(lambda: lab.verify(fitted.with_(recipe=cheat.recipe).sign(), pooled=True)),
            "lora": judged(
                lambda: lab.verify(fitted.with_(recipe=replace(cheat.recipe, setup=_LORA)).sign(), pooled=True)
            ),
            "renamed": judged(
                lambda: lab.verify(
                    fitted.with_(recipe=replace(mine, model=replace(model, digest=lab.model))).sign(), pooled=True
                )
            ),
        }
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    good = [name for name, each in found.items() if each.verdict in ("authentic", "consistent")]
    if figures["psnr"] < COPY and found["named"].verdict == "consistent":
        good.remove("named")
    figures |= {f"consistent_{name}": float(each.verdict == "consistent") for name, each in found.items()}
    verdict = (
        found[good[0]].verdict
        if good
        else "crash"
        if any(e.verdict == "crash" for e in found.values())
        else found["as_known"].verdict
    )
    return Outcome(verdict, figures, "; ".join(f"{name}: {each.verdict}" for name, each in found.items()))


class _Only:
    """A lab of which only the regenerator is asked."""

    def __init__(self, pooled):
        self.pooled = pooled


THREAT = Threat(
    name="fine-tuning",
    title="Fine-tune a model until the thief's noise gives the victim's picture",
    knowledge="the published file, the model's weights",
    budget=f"{STEPS} steps of AdamW on the whole denoiser",
    method="claimed under the thief's model, with and without the verifier having it; under the known model, with and without a LoRA; under the known digest",
    kind="optimised",
    attempt=attempt,
    success=frozenset({"authentic", "consistent"}),
    edition=3,
)
