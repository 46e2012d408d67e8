"""Edits of works of the house model: is the structure kept, and is the new prompt followed?

For each pair (a work, a new prompt) the edit by FlowEdit and by Plug-and-Play (trajectory run again, and inverted) as
the command makes it, beside plain image-to-image at several strengths.

- structure: edge distance to the parent (Sobel), and distance of the self-similarities of 8x8 patches.
- followed: what the model itself sees (diffusion classifier): 0 as in the parent, 1 as in a text-to-image of the new
  prompt, by the loss under the old prompt less that under the new one.
- at the same change: an edit's structure distance over that of image-to-image at the strength where it follows as much,
  interpolated between the strengths.
- trajectory: distance of the parent run again beside a child from its stored latent, in quantisation steps; cosine of
  the inverted start with the true noise; distance of what plain sampling makes of the inverted start.

python -m benchmarks.edit --json benchmarks/results/edit.json --plot docs/remix-edit.png
"""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from benchmarks.common import options, write
from benchmarks.remixkit import (
    GUIDANCE,
    Workshop,
    edge_distance,
    interval,
    open_workshop,
    pairs,
    self_similarity_distance,
)
from generator.remix.conditioned import together
from generator.remix.trajectory import Rerun, inverted
from generator.setups import HOUSE_STEPS
from provenance.correlation import cosine
from provenance.latent import cell_distance, quantise
from provenance.noise import gaussian

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from provenance.ports import Material

    Make = Callable[[Workshop, Material, str, bytes], NDArray[np.float32]]

STRENGTHS = ("0.6", "0.8", "0.9", "1")
SHARES = {"attention": Decimal("0.5"), "features": Decimal("0.8")}
EDITED = ("flow-edit", "flow-edit, none sampled", "plug-and-play", "plug-and-play inverted")


def makers() -> dict[str, Make]:
    """Every way to make the child, by name."""
    found: dict[str, Make] = {}
    for strength in STRENGTHS:
        found[f"image-to-image {strength}"] = lambda shop, one, text, seed, s=strength: shop.remix(
            "image-to-image", [one], text, seed=seed, strength=Decimal(s)
        )
    told: dict[str, Any] = {"guidance": FLOW_GUIDANCE, "strength": FLOW_STRENGTH, "average": 1}
    told["source_guidance"] = Decimal(str(GUIDANCE))
    for name, plain in (("", {"sampled": FLOW_SAMPLED}), (", none sampled", {})):
        found[f"flow-edit{name}"] = lambda shop, one, text, seed, p=plain: shop.remix(
            "flow-edit", [one], text, seed=seed, **told, **p
        )
    for name, way in (("", "rerun"), (" inverted", "inverted")):
        found[f"plug-and-play{name}"] = lambda shop, one, text, _seed, w=way: shop.remix(
            "plug-and-play", [one], text, **SHARES, trajectory=w
        )
    return found


FLOW_GUIDANCE = 1.6 * GUIDANCE
FLOW_STRENGTH, FLOW_SAMPLED = Decimal("0.9"), Decimal("0.3")


def measure(shop: Workshop, count: int) -> tuple[dict[str, dict[str, list[float]]], list[list[NDArray[np.float32]]]]:
    """Edge distance, self-similarity distance and share followed, for every way and pair; and pictures of the edits."""
    names = [*makers(), "text-to-image"]
    found = {name: {"edges": list[float](), "patches": list[float](), "gap": list[float]()} for name in names}
    base: list[float] = []
    sheet = []
    for k, (old, new) in enumerate(pairs(count)):
        parent = shop.work(100 + k, old)
        picture = shop.picture(parent.latent)
        base.append(_gap(shop, parent.latent, old, new))
        seed = np.random.default_rng(5000 + k).bytes(32)
        made = {name: make(shop, parent, new, seed) for name, make in makers().items()}
        made["text-to-image"] = shop.work(9000 + k, new).latent
        for name, latent in made.items():
            child = shop.picture(latent)
            found[name]["edges"].append(edge_distance(picture, child))
            found[name]["patches"].append(self_similarity_distance(picture, child))
            found[name]["gap"].append(_gap(shop, latent, old, new))
        shown = ("image-to-image 0.8", "flow-edit", "plug-and-play", "plug-and-play inverted")
        sheet.append([picture, *(shop.picture(made[name]) for name in shown)])
        print(f"pair {k + 1} of {count}: {old} -> {new}", flush=True)
    top = np.array(found["text-to-image"]["gap"])
    for values in found.values():
        values["followed"] = ((np.array(values.pop("gap")) - base) / (top.mean() - np.mean(base))).tolist()
    return found, sheet


def _gap(shop: Workshop, latent: NDArray[np.float32], old: str, new: str) -> float:
    """By how much the model's loss is smaller under the new prompt than under the old one."""
    under_old, under_new = shop.losses(latent, (old, new))
    return under_old - under_new


def at_same_change(found: dict[str, dict[str, list[float]]], name: str, kind: str) -> dict[str, float]:
    """The edit's mean structure distance over image-to-image's where that follows as much; bootstrap over pairs."""
    ours, followed = (np.array(found[name][each]) for each in (kind, "followed"))
    plain = [found[f"image-to-image {strength}"] for strength in STRENGTHS]
    theirs, change = (np.array([each[what] for each in plain]) for what in (kind, "followed"))
    random = np.random.default_rng(3)

    def ratio(chosen: NDArray[np.int64]) -> float:
        # strength 0 is the parent itself: no change, no distance
        x = np.maximum.accumulate([0.0, *change[:, chosen].mean(axis=1)])
        y = [0.0, *theirs[:, chosen].mean(axis=1)]
        return float(ours[chosen].mean() / max(np.interp(followed[chosen].mean(), x, y), 1e-9))

    every = np.arange(len(ours))
    draws = [ratio(random.choice(every, len(every))) for _ in range(2000)]
    low, high = np.percentile(draws, [2.5, 97.5])
    return {"mean": round(ratio(every), 3), "low": round(float(low), 3), "high": round(float(high), 3), "target": 0.5}


def trajectories(shop: Workshop, count: int) -> dict[str, Any]:
    """How true a trajectory is that was run again, and one that was inverted."""
    found: dict[str, list[float]] = {"rerun_distance": [], "inverted_cosine": [], "inverted_distance": []}
    for k, (old, new) in enumerate(pairs(count)):
        parent = shop.work(100 + k, old)
        recipe = parent.recipe
        if recipe is None:
            raise ValueError("a work is needed")
        noise = gaussian(recipe.seed, shop.shape)
        integers = quantise(parent.latent, recipe.latent_steps)
        with torch.inference_mode():
            own, other = shop.conditioned(old, GUIDANCE), shop.conditioned(new, GUIDANCE)
            way, x = Rerun(own.schedule, _tensor(noise)), _tensor(noise)
            for i in range(HOUSE_STEPS):
                ours, theirs = together([own, other], [way.at(i), x], i)
                way.advance(ours, i)
                x = other.schedule.step(theirs, x, i)
            again = way.at(HOUSE_STEPS)[0].numpy()
            plain = shop.conditioned(old, 1.0)
            start = inverted(plain, plain.schedule, _tensor(parent.latent), torch.float32).at(0)
            x = start
            for i in range(HOUSE_STEPS):
                x = plain.schedule.step(plain(x, i), x, i)
        found["rerun_distance"].append(cell_distance(again, integers, recipe.latent_steps))
        found["inverted_cosine"].append(cosine(start[0].numpy(), noise))
        found["inverted_distance"].append(cell_distance(x[0].numpy(), integers, recipe.latent_steps))
    figures: dict[str, Any] = {name: interval(values) for name, values in found.items()}
    figures["rerun_distance"]["worst"] = round(max(found["rerun_distance"]), 6)
    return figures


def _tensor(values: NDArray[np.float32]) -> torch.Tensor:
    return torch.from_numpy(values[None].copy())


def summary(found: dict[str, dict[str, list[float]]]) -> dict[str, Any]:
    """Means with intervals, and the edits at the same change as image-to-image."""
    figures: dict[str, Any] = {
        name: {kind: interval(values) for kind, values in kinds.items()} for name, kinds in found.items()
    }
    for name in EDITED:
        for kind in ("edges", "patches"):
            figures[name][f"{kind}_to_image_to_image"] = at_same_change(found, name, kind)
    return figures


def plot(found: dict[str, dict[str, list[float]]], sheet: list[list[NDArray[np.float32]]], path: Path) -> None:
    """Structure against change, for all ways; beside it the first pairs as pictures."""
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib import pyplot as plt

    figure, axes = plt.subplots(1, 3, figsize=(15, 5), width_ratios=(1, 1, 1.3), layout="constrained")
    for axis, kind, title in zip(
        axes, ("edges", "patches"), ("edge distance", "self-similarity distance"), strict=False
    ):
        plain = [found[f"image-to-image {strength}"] for strength in STRENGTHS]
        x = [0.0, *(np.mean(each["followed"]) for each in plain)]
        axis.plot(x, [0.0, *(np.mean(each[kind]) for each in plain)], "o-", color="grey", label="image-to-image")
        for name, colour in zip(EDITED, ("tab:blue", "tab:cyan", "tab:orange", "tab:green"), strict=True):
            values = found[name]
            axis.scatter(values["followed"], values[kind], s=8, alpha=0.3, color=colour)
            axis.scatter(np.mean(values["followed"]), np.mean(values[kind]), s=90, color=colour, label=name)
        axis.set_xlabel("new prompt followed (0 parent, 1 text-to-image)")
        axis.set_ylabel(f"{title} to the parent")
        axis.set_xlim(-0.5, 2)
        axis.legend()
    rows = [np.concatenate(pictures, axis=1) for pictures in sheet[:6]]
    axes[2].imshow(np.concatenate(rows, axis=0))
    axes[2].set_title("parent | image-to-image 0.8 | FlowEdit | PnP | PnP inverted")
    axes[2].axis("off")
    figure.savefig(path, dpi=90)


def main() -> None:
    parser = options("edit", __doc__)
    parser.add_argument("--pairs", type=int, default=30)
    parser.add_argument("--plot", type=Path, help="figure to write")
    asked = parser.parse_args()
    shop = open_workshop()
    found, sheet = measure(shop, asked.pairs)
    figures = {**summary(found), "trajectory": trajectories(shop, min(asked.pairs, 12))}
    for name, values in figures.items():
        print(f"{name:28} {values}")
    if asked.plot:
        plot(found, sheet, asked.plot)
    command = "python -m benchmarks.edit --json benchmarks/results/edit.json --plot docs/remix-edit.png"
    write(asked.json, command, {"pairs": asked.pairs, **figures}, ("torch", "diffusers", "numpy"))


if __name__ == "__main__":
    main()
