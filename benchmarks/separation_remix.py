"""Right seed against wrong seeds of remixes, at every strength, as ``verify --deep`` finds them (separation --remix).

Signed files are made of parents by the house model, and verified whole. Where the child uses noise of its own, the
figures of step 9 say how far the nearest wrong seed is; beside them stands the right seed under other conditions
(thread count, oneDNN off, bfloat16). Seeds are *apart* in a picture where the worst of those repeats is nearer than
every wrong seed, and no wrong seed is within the reject threshold or alike to the eye. FlowEdit is asked at every
strength without plainly sampled steps, at twice the usual guidance, and at one strength with more and more of them, as
the command does it. Every finished remix is appended to ``--work``, picture by picture, so that an interrupted run
goes on.

python -m benchmarks.separation --remix --json benchmarks/results/separation-remix.json --plot docs/remix-separation.png
"""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from benchmarks.common import summary
from benchmarks.remixkit import pairs
from benchmarks.signedworks import Atelier, Signed, open_atelier
from generator.setups import HOUSE_GUIDANCE
from provenance.latent import cell_distance
from provenance.link import ALIKE
from provenance.policy import default_policy
from provenance.recipe import Prompt
from provenance.verify import Request, verify

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from provenance.policy import Policy
    from provenance.ports import Material
    from provenance.recipe import Recipe

SAMPLED = ("0.1", "0.2", "0.3", "0.5")
"""Shares of plainly sampled steps of a FlowEdit of strength EDITED."""

EDITED = Decimal("0.9")
STRENGTHS = ("0.1", "0.2", "0.3", "0.4", "0.5", "0.6", "0.8", "1")
DRAWING = ("image-to-image", "inpaint", "flow-edit", "flow-edit sampled")
PICTURES = 6
_ENTROPY = bytes(32)
"""Fixed, so that a run can be repeated; a verifier draws his own."""


@dataclass(frozen=True)
class Case:
    """One remix to be made of the parents of each picture; ``strength`` is the share that is varied."""

    kind: str
    strength: str
    parameters: dict[str, Any]
    parents: int = 1
    changes: dict[str, Any] | None = None

    @property
    def name(self) -> str:
        return f"{self.kind} {self.strength}".strip()


def cases() -> list[Case]:
    """All of them: what draws noise at every strength, then what draws none."""
    rerun = {"content_trajectory": "rerun", "style_trajectory": "rerun"}
    usual = Decimal(HOUSE_GUIDANCE)
    flow = {"average": 1, "source_guidance": usual}
    found = [Case("image-to-image", s, {"strength": Decimal(s)}) for s in STRENGTHS]
    found += [Case("inpaint", s, {"strength": Decimal(s), "mode": "blend"}) for s in STRENGTHS]
    found += [Case("flow-edit", s, {"strength": Decimal(s), **flow}, 1, {"guidance": 2 * usual}) for s in STRENGTHS]
    told, follow = {"strength": EDITED, **flow}, {"guidance": Decimal("1.6") * usual}
    found += [Case("flow-edit sampled", s, {**told, "sampled": Decimal(s)}, 1, follow) for s in SAMPLED]
    shares = {"attention": Decimal("0.5"), "features": Decimal("0.8")}
    style = {"gamma": Decimal("0.75"), "temperature": Decimal("1.5"), "strength": Decimal("0.75"), **rerun}
    plain = {"steps": 1, "guidance": Decimal(0)}
    return [
        *found,
        Case("image-to-image", "0", {"strength": Decimal(0)}),
        Case("plug-and-play", "", {**shares, "trajectory": "rerun"}),
        Case("style", "", style, 2, {"guidance": Decimal(1)}),
        Case("blend", "", {"mode": "spherical", "weight": Decimal("0.5")}, 2, plain),
    ]


class Remembering:
    """A regenerator that makes each ancestor once: it is the same for every remix of it."""

    def __init__(self, inner: Any) -> None:
        self._inner = inner
        self._made: dict[tuple[Recipe, bytes], NDArray[np.float32]] = {}

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)

    def regenerate(
        self, recipe: Recipe, prompt: Prompt, seeds: Sequence[bytes], sources: Sequence[Material] = ()
    ) -> list[NDArray[np.float32]]:
        if recipe.operation is not None:
            return self._inner.regenerate(recipe, prompt, seeds, sources)
        missing = [seed for seed in seeds if (recipe, seed) not in self._made]
        for seed, latent in zip(missing, self._inner.regenerate(recipe, prompt, missing), strict=True):
            self._made[recipe, seed] = latent
        return [self._made[recipe, seed] for seed in seeds]

    def invert(
        self, recipe: Recipe, prompt: Prompt, latent: NDArray[np.float32], sources: Sequence[Material] = ()
    ) -> NDArray[np.float32] | None:
        key = (recipe, b"inverted")
        if recipe.operation is not None:
            return self._inner.invert(recipe, prompt, latent, sources)
        if key not in self._made:
            self._made[key] = self._inner.invert(recipe, prompt, latent)
        return self._made[key]


def measure(
    shop: Atelier, regenerator: Any, policy: Policy, case: Case, picture: int, pair: tuple[str, str]
) -> dict[str, Any]:
    """One remix of one picture's parents: its verdict, the figures of step 9, and honest repeats."""
    parents = [shop.work(f"parent {picture} {place}", pair[place]) for place in range(case.parents)]
    mask = middle(shop) if case.kind == "inpaint" else None
    text = "" if case.kind in ("style", "blend") else pair[1]
    name = f"{case.name} {picture}"
    child = shop.remix(
        name, case.kind.removesuffix(" sampled"), parents, text, case.parameters, mask=mask, **(case.changes or {})
    )
    request = Request(policy=policy, now=datetime.now(UTC), regenerator=regenerator, entropy=_ENTROPY, deep=True)
    report = verify(child.data, request)
    check = next(check for check in report.checks if check.step == 9)
    if not check.figures:
        raise ValueError(f"{name}: {report.reason}; {check.detail}")
    return {
        "verdict": str(report.verdict),
        "reason": report.reason,
        "honest": repeats(shop, child, [each.material for each in parents]),
        **{key: value for key, value in check.figures.items() if key not in ("accept", "reject", "calibrated")},
    }


def repeats(shop: Atelier, child: Signed, sources: list[Material]) -> dict[str, float]:
    """Distance of the right seed's latent from the stored one, in steps, under other conditions."""
    recipe = child.recipe
    prompt = recipe.prompt if isinstance(recipe.prompt, Prompt) else Prompt("")

    def again(**changes: Any) -> float:
        (made,) = shop.regenerator.regenerate(replace(recipe, **changes), prompt, [recipe.seed], sources)
        return cell_distance(made, child.integers, recipe.latent_steps)

    threads, found = torch.get_num_threads(), {"same": again()}
    try:
        torch.set_num_threads(1 if threads > 1 else 2)
        found["threads"] = again()
    finally:
        torch.set_num_threads(threads)
    with torch.backends.mkldnn.flags(enabled=False):
        found["oneDNN off"] = again()
    if recipe.operation is not None and recipe.operation.name != "blend":
        found["bfloat16"] = again(dtype="bfloat16")
    return {name: round(value, 6) for name, value in found.items()}


def middle(shop: Atelier) -> bytes:
    """A mask that lets the middle quarter change."""
    _, height, width = shop.base.shape
    cells = np.zeros((height, width), bool)
    cells[height // 4 : -height // 4, width // 4 : -width // 4] = True
    return np.packbits(cells.ravel()).tobytes()


def conclude(rows: list[dict[str, Any]], thresholds: Any) -> dict[str, Any]:
    """For each case its worst picture, and for each kind the strength from which on seeds are apart."""
    figures: dict[str, Any] = {
        "pictures": len({row["picture"] for row in rows}),
        "reject": thresholds.reject,
        "alike": ALIKE,
    }
    for case in cases():
        mine = [row for row in rows if row["case"] == case.name]
        if mine:
            figures[case.name] = _describe(mine, thresholds.reject)
    for kind in DRAWING:
        tried = SAMPLED if kind.endswith("sampled") else STRENGTHS
        shares = {s: figures[f"{kind} {s}"]["apart"] for s in tried if f"{kind} {s}" in figures}
        mixed = [float(s) for s, share in shares.items() if share < 1]
        beyond = [s for s in shares if float(s) > max(mixed, default=0)]
        figures[f"{kind}: apart in every picture from"] = beyond[0] if beyond else None
    return figures


def _describe(rows: list[dict[str, Any]], reject: float) -> dict[str, Any]:
    verdicts = [row["verdict"] for row in rows]
    found: dict[str, Any] = {
        "verdicts": {name: verdicts.count(name) for name in dict.fromkeys(verdicts)},
        "honest_distance": summary([max(row["honest"].values()) for row in rows], 6),
    }
    if rows[0]["wrong_seeds"]:
        found |= {
            "nearest_wrong_distance": summary([row["nearest_wrong_distance"] for row in rows]),
            "nearest_wrong_cosine": summary([row["nearest_wrong_cosine"] for row in rows]),
            "apart": round(sum(apart(row, reject) for row in rows) / len(rows), 4),
        }
        bits = [row["inversion_false_accept_log2"] for row in rows]
        found["inversion_log2"] = None if None in bits else summary(bits, 1)
    return found


def apart(row: dict[str, Any], reject: float) -> bool:
    """Whether right and wrong seeds are told apart in this picture."""
    nearest = row["nearest_wrong_distance"]
    return max(row["honest"].values()) < nearest and nearest > reject and row["nearest_wrong_cosine"] <= ALIKE


def plot(rows: list[dict[str, Any]], reject: float, path: Path) -> None:
    """Distances, cosines and inversion against strength, or the share that is sampled; one column for each kind."""
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib import pyplot as plt

    size = (4.3 * len(DRAWING), 9)
    figure, axes = plt.subplots(3, len(DRAWING), figsize=size, sharex=True, sharey="row", layout="constrained")
    for column, kind in enumerate(DRAWING):
        mine = [row for row in rows if row["kind"] == kind and row["strength"] != "0"]
        x = [float(row["strength"]) for row in mine]
        top, middle_row, low = axes[:, column]
        top.set_title(f"{kind}, strength {EDITED}" if kind.endswith("sampled") else kind)
        top.scatter(
            x, [row["nearest_wrong_distance"] for row in mine], s=14, color="tab:red", label="nearest wrong seed"
        )
        honest = [max(*row["honest"].values(), 1e-3) for row in mine]
        top.scatter(x, honest, s=14, color="tab:green", label="right seed, worst repeat")
        top.axhline(reject, color="grey", lw=1, ls="--", label="reject threshold")
        top.set_yscale("log")
        middle_row.scatter(x, [row["nearest_wrong_cosine"] for row in mine], s=14, color="tab:red")
        middle_row.axhline(ALIKE, color="grey", lw=1, ls="--", label="alike to the eye")
        bits = [(at, -row["inversion_false_accept_log2"]) for at, row in zip(x, mine, strict=True)
                if row["inversion_false_accept_log2"] is not None]  # fmt: skip
        if bits:
            low.scatter(*zip(*bits, strict=True), s=14, color="tab:blue", label="inversion")
            low.axhline(128, color="grey", lw=1, ls="--", label="needed")
        else:
            low.text(0.5, 0.5, "no way back", ha="center", transform=low.transAxes, color="grey")
        low.set_xlabel("sampled" if kind.endswith("sampled") else "strength")
    for axis, label in zip(axes[:, 0], ("distance, quantisation steps", "cosine of the latents", "bits"), strict=True):
        axis.set_ylabel(label)
        axis.legend(fontsize=8)
    figure.savefig(path, dpi=90)


def run(work: Path, pictures: int, plot_path: Path | None) -> dict[str, Any]:
    """Measure what is missing in ``work``; figures of all that is there."""
    shop = open_atelier()
    stamp = shop.base.model.digest.hex()
    policy = default_policy()
    thresholds = policy.models[shop.base.model.digest].calibrations[shop.base.shape].thresholds
    work.parent.mkdir(parents=True, exist_ok=True)
    done = [json.loads(line) for line in work.read_text().splitlines()] if work.exists() else []
    rows = {(row["picture"], row["case"]): row for row in done if row["model"] == stamp}
    for picture, pair in enumerate(pairs(pictures)):
        regenerator = Remembering(shop.regenerator)
        for case in cases():
            if (picture, case.name) in rows:
                continue
            row = {
                "picture": picture,
                "case": case.name,
                "kind": case.kind,
                "strength": case.strength,
                "model": stamp,
                **measure(shop, regenerator, policy, case, picture, pair),
            }
            rows[picture, case.name] = row
            with work.open("a") as file:
                file.write(json.dumps(row) + "\n")
            told = {key: row.get(key) for key in ("nearest_wrong_distance", "nearest_wrong_cosine")}
            print(f"{picture:>3} {case.name:20} {row['verdict']:10} {told}", flush=True)
    wanted = [row for (picture, _), row in sorted(rows.items()) if picture < pictures]
    if plot_path is not None:
        plot(wanted, thresholds.reject, plot_path)
    return {"model": shop.base.model.name, "model_digest": stamp, **conclude(wanted, thresholds)}
