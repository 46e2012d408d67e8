"""What remixes cost against text-to-image with the same model, and how smooth an inpainting's seam is.

- cost: processor time of each operation and of text-to-image, taken in turns; rows that the network evaluates; peak
  memory of a process that does nothing else than make the parents and the remix.
- seam: gradient of the decoded picture across the border of the mask, inpainted against pasting a text-to-image of the
  same prompt and noise into the parent's latent; and the same gradient in the parent.

python -m benchmarks.remix --json benchmarks/results/remix.json
"""

from __future__ import annotations

import gc
import json
import statistics
import subprocess
import sys
import time
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from benchmarks.common import options, write
from benchmarks.remixkit import Workshop, interval, open_workshop, pairs
from generator.setups import HOUSE_GUIDANCE, HOUSE_STEPS
from provenance.noise import gaussian

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

OLD, NEW = "snowy mountains at dawn", "green hills at sunset"
RERUN = {"content_trajectory": "rerun", "style_trajectory": "rerun"}
TARGETS = {
    "edit flow-edit": 2.2,
    "edit flow-edit, none sampled": 2.2,
    "edit plug-and-play": 2.2,
    "edit plug-and-play inverted": 2.2,
}


def acts(shop: Workshop) -> dict[str, Callable[[], object]]:
    """Everything that is timed, by name."""
    one, two = shop.work(1, OLD), shop.work(2, NEW)
    mask = half_mask(shop)
    noise = gaussian(bytes(32), shop.shape)[None]
    guidance = float(HOUSE_GUIDANCE)
    found: dict[str, Callable[[], object]] = {
        "text-to-image": lambda: shop.runtime.sample(noise, NEW, "", steps=HOUSE_STEPS, guidance=guidance)
    }
    for strength in ("0.25", "0.5", "0.75", "1"):
        found[f"image-to-image {strength}"] = lambda s=strength: shop.remix(
            "image-to-image", [one], NEW, strength=Decimal(s)
        )
    shares = {"attention": Decimal("0.5"), "features": Decimal("0.8")}
    found["inpaint 1"] = lambda: shop.remix("inpaint", [one], NEW, mask=mask, strength=Decimal(1), mode="blend")
    flow: dict[str, Any] = {"strength": Decimal("0.9"), "average": 1, "source_guidance": Decimal(HOUSE_GUIDANCE)}
    for name, plain in (("", {"sampled": Decimal("0.3")}), (", none sampled", {})):
        found[f"edit flow-edit{name}"] = lambda p=plain: shop.remix(
            "flow-edit", [one], NEW, guidance=1.6 * guidance, **flow, **p
        )
    for name, way in (("", "rerun"), (" inverted", "inverted")):
        found[f"edit plug-and-play{name}"] = lambda w=way: shop.remix(
            "plug-and-play", [one], NEW, **shares, trajectory=w
        )
    found["style"] = lambda: shop.remix(
        "style",
        [one, two],
        "",
        guidance=1.0,
        gamma=Decimal("0.75"),
        temperature=Decimal("1.5"),
        strength=Decimal("0.75"),
        **RERUN,
    )
    found["blend"] = lambda: shop.remix("blend", [one, two], "", mode="spherical", weight=Decimal("0.5"))
    return found


def half_mask(shop: Workshop) -> bytes:
    """The middle of the picture may change."""
    _, height, width = shop.shape
    cells = np.zeros((height, width), bool)
    cells[height // 4 : -height // 4, width // 4 : -width // 4] = True
    return np.packbits(cells.ravel()).tobytes()


def cost(shop: Workshop, repeats: int) -> dict[str, Any]:
    """Processor time, ratios and evaluated rows."""
    found = acts(shop)
    rows: dict[str, int] = {}
    network: Any = shop.runtime._pipeline.unet  # type: ignore[attr-defined]
    for name, act in found.items():
        counted: list[int] = []
        handle = network.register_forward_pre_hook(
            lambda _m, args, kwargs, into=counted: into.append(len(kwargs.get("sample", args[0] if args else ()))),
            with_kwargs=True,
        )
        act()
        handle.remove()
        rows[name] = sum(counted)
    spent: dict[str, list[float]] = {name: [] for name in found}
    for _ in range(repeats):
        for name, act in found.items():
            start = time.process_time()
            act()
            spent[name].append(1e3 * (time.process_time() - start))
    base = "text-to-image"
    figures = {}
    for name, values in spent.items():
        ratio = statistics.median([ours / plain for ours, plain in zip(values, spent[base], strict=True)])
        figures[name] = {
            "ms": round(statistics.median(values), 1),
            "ratio": round(ratio, 3),
            "rows": rows[name],
            "row_ratio": round(rows[name] / rows[base], 3),
        }
        target = _target(name)
        if target is not None:
            figures[name]["target"] = round(target, 3)
        print(f"{name:28} {figures[name]}", flush=True)
    return figures


def _target(name: str) -> float | None:
    if name.startswith("image-to-image"):
        return float(name.rpartition(" ")[2]) + 0.05
    return TARGETS.get(name)


def memory() -> dict[str, Any]:
    """Peak memory of a process for each operation, MiB, and its ratio to text-to-image."""
    found: dict[str, float] = {}
    names = (
        "text-to-image",
        "image-to-image 0.5",
        "inpaint 1",
        "edit flow-edit",
        "edit plug-and-play",
        "style",
    )
    for name in names:
        command = [sys.executable, "-m", "benchmarks.remix", "--only", name]
        done = subprocess.run(command, check=True, capture_output=True, text=True)
        found[name] = json.loads(done.stdout.splitlines()[-1])
    base = found["text-to-image"]
    figures = {name: {"MiB": round(value, 1), "ratio": round(value / base, 3)} for name, value in found.items()}
    print(figures, flush=True)
    return {**figures, "target": 1.5}


def only(name: str) -> None:
    """One operation in this process; the peak of its resident memory in MiB on the last line (Linux)."""
    shop = open_workshop()
    act = acts(shop)[name]
    act()
    gc.collect()
    Path("/proc/self/clear_refs").write_text("5", encoding="ascii")  # forget the peak of loading
    act()
    lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    peak = next(line.split()[1] for line in lines if line.startswith("VmHWM"))
    print(json.dumps(int(peak) / 1024))


def seam(shop: Workshop, count: int) -> dict[str, Any]:
    """Mean absolute step of the picture across the border of the mask, for three ways to fill it."""
    mask = half_mask(shop)
    _, height, width = shop.shape
    cells = np.unpackbits(np.frombuffer(mask, np.uint8), count=height * width).reshape(height, width).astype(bool)
    whole = np.kron(cells, np.ones((shop.side // height, shop.side // width), bool))
    found: dict[str, list[float]] = {"parent": [], "inpainted": [], "pasted": []}
    for k, (old, new) in enumerate(pairs(count)):
        parent = shop.work(300 + k, old)
        seed = np.random.default_rng(700 + k).bytes(32)
        inside = shop.remix("image-to-image", [parent], new, seed=seed, strength=Decimal(1))
        ways = {
            "parent": parent.latent,
            "inpainted": shop.remix("inpaint", [parent], new, seed=seed, mask=mask, strength=Decimal(1), mode="blend"),
            "pasted": np.where(cells, inside, parent.latent),
        }
        for name, latent in ways.items():
            found[name].append(across(shop.picture(latent), whole))
    ratios = [ours / naive for ours, naive in zip(found["inpainted"], found["pasted"], strict=True)]
    figures = {name: interval(values) for name, values in found.items()}
    figures["inpainted_to_pasted"] = interval(ratios)
    print(figures, flush=True)
    return {"pairs": count, **figures}


def across(picture: NDArray[np.float32], mask: NDArray[np.bool_]) -> float:
    """Mean absolute difference of neighbouring pixels of which one is inside of the mask and the other outside."""
    steps = [np.abs(np.diff(picture, axis=axis)).mean(axis=2)[np.diff(mask, axis=axis)] for axis in (0, 1)]
    return float(np.concatenate(steps).mean())


def main() -> None:
    parser = options("remix", __doc__)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--pairs", type=int, default=30)
    parser.add_argument("--only", help="one operation, for its memory")
    asked = parser.parse_args()
    if asked.only:
        only(asked.only)
        return
    shop = open_workshop()
    figures = {"cost": cost(shop, asked.repeats), "memory": memory(), "seam": seam(shop, asked.pairs)}
    command = "python -m benchmarks.remix --json benchmarks/results/remix.json"
    told = {"threads": torch.get_num_threads(), "steps": HOUSE_STEPS, "size": f"{shop.side}x{shop.side}", **figures}
    write(asked.json, command, told, ("torch", "diffusers", "numpy"))


if __name__ == "__main__":
    main()
