"""Copies of pictures after what people and platforms do to them: how many are still attributed, and to whom falsely.

Each picture of the house model goes through every transformation. The result is laid over the right picture, over those
of wrong seeds under the same recipe and over pictures of other prompts (unrelated); then the latent is estimated and
compared with the noise of the right seed and, at the same alignment, of wrong ones.

Every wrong and unrelated picture is also put to the whole test, as the claim that the copy is of it, with the others as
its chance draws. Whoever is alike by that has the latent estimated at his alignment and compared with his own noise: a
false accept is alike and linked. Only one in each row can be alike, the best by the margin.

Every finished row is appended to ``--work``, so that an interrupted run goes on; the table is made of all of them.

python -m benchmarks.robustness --json benchmarks/results/robustness.json
"""

from __future__ import annotations

import hashlib
import json
import math
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.common import options, write
from generator.models import house_model, native_size, scheduler_of
from generator.regenerate import open_regenerator
from generator.setups import HOUSE_GUIDANCE, HOUSE_STEPS
from provenance.commitment import seed
from provenance.copies import DRAWS, LEAST_BITS, MARGIN
from provenance.correlation import REQUIRED_BITS, log2_false_accept, whitened_cosine
from provenance.latent import dequantise, quantise
from provenance.noise import gaussian
from provenance.policy import default_policy
from provenance.recipe import Prompt, Recipe
from provenance.registration import Registration, register
from tests.support import landscapes as do

STEPS, GUIDANCE, NOISE_DRAWS = HOUSE_STEPS, HOUSE_GUIDANCE, 400

TRANSFORMATIONS: dict[str, Any] = {
    "none": lambda a: a,
    "JPEG 95": lambda a: do.jpeg(a, 95),
    "JPEG 75": lambda a: do.jpeg(a, 75),
    "JPEG 50": lambda a: do.jpeg(a, 50),
    "resize 50 %": lambda a: do.scaled(a, 0.5),
    "resize 200 %": lambda a: do.scaled(a, 2.0),
    "crop 5 % of each side's length": lambda a: do.cropped(a, 0.05),
    "crop 10 %": lambda a: do.cropped(a, 0.10),
    "crop 20 %": lambda a: do.cropped(a, 0.20),
    "turn by 1 degree": lambda a: do.turned(a, 1),
    "turn by 3 degrees": lambda a: do.turned(a, 3),
    "turn by 5 degrees": lambda a: do.turned(a, -5),
    "blur, 1 pixel": lambda a: do.blurred(a, 1),
    "noise, 8 of 255": lambda a: do.noisy(a, 8),
    "like a platform: resize 75 %, JPEG 80, stripped": do.like_a_platform,
    "screenshot with a frame": do.framed,
    "mirrored": do.mirrored,
    "text and a box over it": do.lettered,
}


@dataclass(frozen=True)
class Bench:
    """The model with its calibration, and pictures that were made already."""

    maker: Any
    trust: Any
    base: Recipe
    made: dict[tuple[str, str], tuple[Any, Any]]

    def picture(self, prompt: str, label: str) -> tuple[np.ndarray, bytes]:
        """Pixels and seed of one picture, from its quantised latent."""
        key = (prompt, label)
        if key not in self.made:
            chosen = seed(hashlib.sha256(f"robustness {label}".encode()).digest())
            (latent,) = self.maker.regenerate(self.base, Prompt(prompt), [chosen])
            stored = dequantise(quantise(latent, self.base.latent_steps), self.base.latent_steps)
            self.made[key] = self.maker.decode(self.base, stored), chosen
        return self.made[key]

    def estimate(self, found: Registration) -> np.ndarray:
        """The latent at one alignment."""
        scale = min(found.scales)
        return self.maker.estimate(self.base, found.picture, found.seen, self.trust.whitening, scale=scale)

    def net_bits(self, latent: np.ndarray, chosen: bytes, cost: float) -> float:
        """Bits of one seed's noise in a latent, after the ``cost`` of the alignment."""
        c = whitened_cosine(latent, gaussian(chosen, self.base.shape), self.trust.whitening)
        return -log2_false_accept(c, math.prod(self.base.shape)) - cost


def measure(bench: Bench, number: int, prompts: list[str], name: str, wrong: int) -> dict[str, Any]:
    """One picture after one transformation."""
    prompt = prompts[number]
    right, chosen = bench.picture(prompt, f"right {number}")
    shown = TRANSFORMATIONS[name](right)
    found = register(right, shown)
    others = [(prompt, f"wrong {number} {j}") for j in range(wrong)]
    others += [(prompts[(number + k) % len(prompts)], f"unrelated {k}") for k in range(1, 1 + wrong // 4)]
    lain = [(register(picture, shown), its_seed) for picture, its_seed in (bench.picture(*other) for other in others)]
    chance = [0.0 if place is None else place.likeness.bits for place, _ in lain]
    row = {"number": number, "transformation": name, "chance_bits": chance, "deceived": _deceived(bench, lain, chance)}
    if found is None:
        return row | {"bits": 0.0, "net_bits": -math.inf, "noise_chance": []}
    latent = bench.estimate(found)
    fresh = [seed(hashlib.sha256(f"noise {number} {name} {j}".encode()).digest()) for j in range(NOISE_DRAWS)]
    return row | {
        "correlation": found.likeness.correlation,
        "covered": found.likeness.covered,
        "bits": found.likeness.bits,
        "net_bits": bench.net_bits(latent, chosen, found.cost),
        "cost": found.cost,
        "noise_chance": [bench.net_bits(latent, each, found.cost) for each in fresh],
    }


def _deceived(bench: Bench, lain: list[tuple[Registration | None, bytes]], chance: list[float]) -> list[float]:
    """Net bits of each wrong picture that is alike, the others being its chance draws: of one at most."""
    best = max(range(len(chance)), key=chance.__getitem__)
    others = chance[:best] + chance[best + 1 :]
    place, its_seed = lain[best]
    if place is None or not _alike(chance[best], others):
        return []
    return [bench.net_bits(bench.estimate(place), its_seed, place.cost)]


def _alike(bits: float, chance: list[float]) -> bool:
    return bits >= max(LEAST_BITS, MARGIN * max(chance))


def conclude(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The table, one line for each transformation, none left out."""
    table = []
    for name in TRANSFORMATIONS:
        mine = [row for row in rows if row["transformation"] == name]
        if not mine:
            table.append({"transformation": name, "pictures": 0})
            continue
        alike = [_alike(r["bits"], r["chance_bits"]) for r in mine]
        linked = [r["net_bits"] >= REQUIRED_BITS for r in mine]
        chance = [(value, r) for r in mine for value in r["chance_bits"]]
        noise = [value for r in mine for value in r["noise_chance"]]
        deceived = [value for r in mine for value in r["deceived"]]
        table.append(
            {
                "transformation": name,
                "pictures": len(mine),
                "attributed": sum(a and b for a, b in zip(alike, linked, strict=True)),
                "alike": sum(alike),
                "linked": sum(linked),
                "median_correlation": _median([r.get("correlation", 0.0) for r in mine]),
                "median_net_bits": _median([r["net_bits"] for r in mine]),
                "least_net_bits": _round(min(r["net_bits"] for r in mine)),
                "wrong_or_unrelated_pictures": len(chance),
                "of_them_above_the_right_one": sum(value >= r["bits"] for value, r in chance),
                "best_of_them_bits": _round(max(value for value, _ in chance)),
                "of_them_alike": len(deceived),
                "of_them_attributed": sum(value >= REQUIRED_BITS for value in deceived),
                "wrong_seeds_of_noise": len(noise),
                "of_them_linked": sum(value >= REQUIRED_BITS for value in noise),
                "best_of_them_net_bits": _round(max(noise + deceived, default=0.0)),
            }
        )
    return table


def _sums(table: list[dict[str, Any]]) -> dict[str, int]:
    """Over all transformations."""
    names = ("pictures", "attributed", "wrong_or_unrelated_pictures", "of_them_alike", "of_them_attributed")
    names += ("wrong_seeds_of_noise", "of_them_linked")
    return {name: sum(line.get(name, 0) for line in table) for name in names}


def main() -> None:
    parser = options("robustness", __doc__)
    parser.add_argument("--work", type=Path, default=Path("build/robustness.jsonl"), help="finished rows")
    parser.add_argument("--pictures", type=int, default=28, help="how many of benchmarks/prompts.txt")
    parser.add_argument(
        "--wrong", type=int, default=DRAWS, help="wrong seeds for each, and a quarter of them unrelated"
    )
    parser.add_argument("--only", action="append", choices=list(TRANSFORMATIONS), help="only this; may be repeated")
    chosen = parser.parse_args()
    prompts = (Path(__file__).parent / "prompts.txt").read_text(encoding="utf-8").splitlines()
    bench = _open()
    stamp = [bench.base.model.digest.hex(), chosen.wrong, "whole, words"]
    names = chosen.only or list(TRANSFORMATIONS)
    wanted = [(number, name) for number in range(chosen.pictures) for name in names]
    rows = _known(chosen.work, stamp)
    for done, (number, name) in enumerate(wanted):
        if (number, name) in rows:
            continue
        row = measure(bench, number, prompts, name, chosen.wrong)
        rows[number, name] = row
        with chosen.work.open("a", encoding="utf-8") as file:
            file.write(json.dumps({"stamp": stamp, **row}) + "\n")
        print(
            f"{done + 1:>4}/{len(wanted)} {name:<48} likeness {row['bits']:.2f} (chance {max(row['chance_bits']):.2f}) "
            f"net bits {row['net_bits']:.0f}",
            flush=True,
        )
    table = conclude([row for key, row in rows.items() if key in set(wanted)])
    for line in table:
        print(json.dumps(line))
    command = f"python -m benchmarks.robustness --pictures {chosen.pictures} --wrong {chosen.wrong}"
    command += " --json benchmarks/results/robustness.json"
    rule = f"alike: at least {LEAST_BITS} bits a value and {MARGIN} times the best chance draw"
    rule += f"; linked: {REQUIRED_BITS} net bits; attributed: both"
    figures = {
        "model_digest": stamp[0],
        "steps": STEPS,
        "guidance": GUIDANCE,
        "rule": rule,
        "sums": _sums(table),
        "table": table,
    }
    write(chosen.json, command, figures, ("torch", "numpy", "opencv-python-headless", "pillow"))


def _open() -> Bench:
    model, maker = house_model(), open_regenerator()
    trust = next(iter(default_policy().models[model.identity.digest].calibrations.values()))
    side = native_size(model.folder)
    base = Recipe(
        model=model.identity,
        scheduler=scheduler_of(model),
        steps=STEPS,
        guidance=Decimal(GUIDANCE),
        prompt=Prompt(""),
        max_tokens=32,
        width=side,
        height=side,
        dtype="float32",
        seed=bytes(32),
        shape=trust.shape,
        latent_steps=trust.steps,
    )
    return Bench(maker, trust, base, {})


def _known(path: Path, stamp: list[Any]) -> dict[tuple[int, str], dict[str, Any]]:
    """Rows of earlier runs with the same model and the same draws."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if not path.exists():
        return {}
    lines = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    return {(line["number"], line["transformation"]): line for line in lines if line["stamp"] == stamp}


def _median(values: list[float]) -> float | None:
    return _round(float(np.median(values)))


def _round(value: float) -> float | None:
    return round(value, 3) if math.isfinite(value) else None


if __name__ == "__main__":
    main()
