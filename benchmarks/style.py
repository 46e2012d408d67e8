"""Style transfer between works of the house model: is the content kept, and is the style nearer than by AdaIN alone?

For each pair of works, with the second one's style on the first one's content:

- styled: ``seedproof style`` as it is by default: no prompt, like the paper.
- adain: the content's sample in the style's statistics at the same level, then plain sampling: StyleID without its
  attention.
- adain on the latent: the final latent in the style's statistics, nothing sampled.

Distances: Gram matrices of a frozen random network's features at three scales (Ustyuzhaninov et al., arXiv 1606.00021),
colour (Wasserstein distance of Gaussians in RGB), edges to the content.

python -m benchmarks.style --json benchmarks/results/style.json --plot docs/remix-style-pairs.png
"""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch.nn import functional

from benchmarks.common import options, write
from benchmarks.remixkit import GUIDANCE, SCENES, TIMES, Workshop, edge_distance, interval, open_workshop
from generator.remix.schedule import begin_at
from generator.remix.style import adain
from generator.remix.trajectory import Rerun
from generator.setups import HOUSE_STEPS
from provenance.noise import gaussian

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from provenance.ports import Material

NUMBERS = {"gamma": Decimal("0.75"), "temperature": Decimal("1.5"), "strength": Decimal("0.75")}
"""What the command takes by default."""

RERUN = {"content_trajectory": "rerun", "style_trajectory": "rerun"}


def style_pairs(count: int) -> list[tuple[str, str]]:
    """(content, style) prompts: other scenes at other times of day."""
    return [
        (
            f"{SCENES[k % len(SCENES)]} {TIMES[k % len(TIMES)]}",
            f"{SCENES[(3 * k + 2) % len(SCENES)]} {TIMES[(k + 1 + k // 4 % 3) % len(TIMES)]}",
        )
        for k in range(count)
    ]


def grams(picture: NDArray[np.float32], width: int = 64) -> list[torch.Tensor]:
    """Gram matrices of random features at full, half and quarter size; the same features in every run."""
    generator = torch.Generator().manual_seed(20)
    x = torch.from_numpy(picture.copy()).permute(2, 0, 1)[None] - 0.5
    found = []
    for _ in range(3):
        filters = torch.randn(width, 3, 7, 7, generator=generator)
        filters = filters / filters.flatten(1).norm(dim=1).view(-1, 1, 1, 1)
        features = functional.conv2d(x, filters).relu().flatten(2)[0]
        found.append(features @ features.T / features.shape[1])
        x = functional.avg_pool2d(x, 2)
    return found


def gram_distance(a: NDArray[np.float32], b: NDArray[np.float32]) -> float:
    """Relative distance of the Gram matrices, averaged over the scales."""
    both = zip(grams(a), grams(b), strict=True)
    return float(np.mean([float((left - right).norm() / right.norm()) for left, right in both]))


def colour_distance(a: NDArray[np.float32], b: NDArray[np.float32]) -> float:
    """Wasserstein-2 distance of the pictures' colours, taken for Gaussians, in RGB from 0 to 1."""
    (ma, ca), (mb, cb) = ((x.reshape(-1, 3).mean(0), np.cov(x.reshape(-1, 3).T)) for x in (a, b))
    values, vectors = np.linalg.eigh(ca)
    root = vectors @ np.diag(np.sqrt(values.clip(0))) @ vectors.T
    cross = np.sqrt(np.linalg.eigvalsh(root @ cb @ root).clip(0)).sum()
    return float(np.sqrt(max(((ma - mb) ** 2).sum() + np.trace(ca) + np.trace(cb) - 2 * cross, 0)))


def adain_alone(shop: Workshop, content: Material, painted: Material, strength: Decimal) -> NDArray[np.float32]:
    """The statistics of the style at the level of ``strength``, then plain sampling."""
    with torch.inference_mode():
        ways = []
        begin = begin_at(HOUSE_STEPS, strength)
        for each in (content, painted):
            if each.recipe is None or each.prompt is None:
                raise ValueError("works are needed")
            field: Any = shop.conditioned(each.prompt.text, GUIDANCE)
            way = Rerun(field.schedule, torch.from_numpy(gaussian(each.recipe.seed, shop.shape)[None].copy()))
            for i in range(begin):
                way.advance(field(way.at(i), i), i)
            ways.append((field, way))
        x = adain(*(way.at(begin) for _, way in ways))
        field = shop.conditioned("", 1.0)
        for i in range(begin, HOUSE_STEPS):
            x = field.schedule.step(field(x, i), x, i)
    latent: NDArray[np.float32] = x[0].numpy()
    return latent


def latent_adain(content: Material, painted: Material) -> NDArray[np.float32]:
    """The final latent in the style's statistics."""
    both = (torch.from_numpy(each.latent[None]) for each in (content, painted))
    latent: NDArray[np.float32] = adain(*both)[0].numpy()
    return latent


def measure(shop: Workshop, count: int) -> tuple[dict[str, Any], list[list[NDArray[np.float32]]]]:
    """Figures, and the pictures (content, style, styled, adain, adain on the latent) of each pair."""
    names = ("content itself", "styled", "adain", "adain on the latent")
    found: dict[str, dict[str, list[float]]] = {name: {"gram": [], "colour": [], "edges": []} for name in names}
    sheet = []
    for k, (shown, seen) in enumerate(style_pairs(count)):
        content, painted = shop.work(2000 + k, shown), shop.work(4000 + k, seen)
        a, b = shop.picture(content.latent), shop.picture(painted.latent)
        made = {
            "content itself": a,
            "styled": shop.picture(shop.remix("style", [content, painted], "", guidance=1.0, **NUMBERS, **RERUN)),
            "adain": shop.picture(adain_alone(shop, content, painted, NUMBERS["strength"])),
            "adain on the latent": shop.picture(latent_adain(content, painted)),
        }
        for name, picture in made.items():
            found[name]["gram"].append(gram_distance(picture, b))
            found[name]["colour"].append(colour_distance(picture, b))
            found[name]["edges"].append(edge_distance(picture, a))
        found.setdefault("the style itself", {"edges": []})["edges"].append(edge_distance(b, a))
        sheet.append([a, b, made["styled"], made["adain"], made["adain on the latent"]])
    figures: dict[str, Any] = {
        name: {kind: interval(values) for kind, values in kinds.items()} for name, kinds in found.items()
    }
    for kind in ("gram", "colour"):
        ours = np.array(found["styled"][kind])
        for other in ("adain", "adain on the latent", "content itself"):
            theirs = np.array(found[other][kind])
            figures[f"{kind}: styled less {other}"] = interval((ours - theirs).tolist())
            figures[f"{kind}: nearer than {other}"] = round(float((ours < theirs).mean()), 3)
    return figures, sheet


def plot(sheet: list[list[NDArray[np.float32]]], path: Path, rows: int = 10) -> None:
    """One row for each pair: content, style, styled, AdaIN alone, AdaIN on the latent."""
    from PIL import Image, ImageDraw

    titles = ("content", "style", "styled", "AdaIN alone", "AdaIN on the latent")
    side, head = sheet[0][0].shape[0], 16
    whole = Image.new("RGB", (side * len(titles), head + side * min(rows, len(sheet))), "white")
    draw = ImageDraw.Draw(whole)
    for column, title in enumerate(titles):
        draw.text((column * side + 4, 2), title, fill="black")
    for row, pictures in enumerate(sheet[:rows]):
        for column, picture in enumerate(pictures):
            levels = (picture * 255 + 0.5).clip(0, 255).astype(np.uint8)
            whole.paste(Image.fromarray(levels), (column * side, head + row * side))
    whole.save(path, optimize=True)


def main() -> None:
    parser = options("style", __doc__)
    parser.add_argument("--pairs", type=int, default=30)
    parser.add_argument("--plot", type=Path, help="contact sheet to write")
    asked = parser.parse_args()
    figures, sheet = measure(open_workshop(), asked.pairs)
    for name, values in figures.items():
        print(f"{name:40} {values}")
    if asked.plot:
        plot(sheet, asked.plot)
    command = "python -m benchmarks.style --json benchmarks/results/style.json --plot docs/remix-style-pairs.png"
    told = {"pairs": asked.pairs, "parameters": {name: str(value) for name, value in NUMBERS.items()}, **figures}
    write(asked.json, command, told, ("torch", "diffusers", "numpy"))


if __name__ == "__main__":
    main()
