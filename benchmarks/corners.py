"""What a cheat gains by choosing a recipe's parameters freely: every corner, what verify says there, and why.

Each corner's picture is made by the house model, signed, and verified from its bytes twice: under the default policy,
and under one whose calibration claims to hold everywhere, which shows what the tests on that one picture say for
themselves. Remixes are shown beside: what they read says of whom they are derived, so they may read more. Every
finished picture is appended to ``--work``, so that an interrupted run goes on.

python -m benchmarks.corners --pictures 8 --json benchmarks/results/corners.json
"""

from __future__ import annotations

import json
import time
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks.common import options, write
from benchmarks.honest import Rows, told
from benchmarks.signedworks import Atelier, open_atelier
from benchmarks.tail import interval
from provenance.errors import SeedproofError
from provenance.policy import ModelTrust, Policy, default_policy
from provenance.recipe import Scheduler
from provenance.region import Region
from provenance.verify import Request, verify
from tests.attacks.redteam.memory import Remembering

if TYPE_CHECKING:
    from benchmarks.signedworks import Signed

EVERYWHERE = Region((1, 1_000), (Decimal(0), Decimal(1_000)), (0, 10_000))
DECLARED = ("guidance 1,000,000", "1,000 steps", "another scheduler")
"""What the verifier does not run: the picture is made with four steps and guidance 2, and the recipe says otherwise."""


def _size(width: int, height: int) -> dict[str, Any]:
    return {"width": width, "height": height, "shape": (8, height // 8, width // 8)}


CORNERS: dict[str, tuple[str | None, dict[str, Any]]] = {
    "inside: the usual steps and guidance": (None, {}),
    "guidance 0": (None, {"guidance": Decimal(0)}),
    "guidance 10": (None, {"guidance": Decimal(10)}),
    "guidance 30": (None, {"guidance": Decimal(30)}),
    "guidance 100": (None, {"guidance": Decimal(100)}),
    "guidance 1,000,000": (None, {"guidance": Decimal(1_000_000)}),
    "1 step": (None, {"steps": 1}),
    "2 steps": (None, {"steps": 2}),
    "2 steps, guidance 5": (None, {"steps": 2, "guidance": Decimal(5)}),
    "1 step, guidance 100": (None, {"steps": 1, "guidance": Decimal(100)}),
    "200 steps": (None, {"steps": 200}),
    "1,000 steps": (None, {"steps": 1_000}),
    "64x64": (None, _size(64, 64)),
    "512x64": (None, _size(512, 64)),
    "64x512": (None, _size(64, 512)),
    "160x128, guidance 30": (None, {**_size(160, 128), "guidance": Decimal(30)}),
    "empty prompt": ("", {}),
    "one letter": ("a", {}),
    "10,000 characters": ("x" * 10_000, {}),
    "one word 2,500 times": ("sea " * 2_500, {}),
    "bfloat16, guidance 30": (None, {"dtype": "bfloat16", "guidance": Decimal(30)}),
    "float16, 1 step": (None, {"dtype": "float16", "steps": 1}),
    "another scheduler": (None, {"scheduler": Scheduler("EulerDiscreteScheduler", "{}")}),
}
STRENGTHS = ("0", "0.1", "0.3", "1")
MOST = ("claimed", "invalid")
"""What a corner may read."""


def everywhere(policy: Policy) -> Policy:
    """The policy with calibrations that hold for all recipes, and for this size of every shape."""
    models: dict[bytes, ModelTrust] = {
        digest: replace(
            model,
            calibrations={shape: replace(each, region=EVERYWHERE) for shape, each in model.calibrations.items()},
        )
        for digest, model in policy.models.items()
    }
    return replace(policy, models=models)


def make(atelier: Atelier, corner: str, number: int, prompt: str) -> Signed:
    """The signed picture of a corner."""
    name, (text, changes) = f"corner {corner} {number}", CORNERS[corner]
    if corner not in DECLARED:
        return atelier.work(name, prompt if text is None else text, **changes)
    cheat = replace(atelier, regenerator=_Declaring(atelier.regenerator, atelier.base))
    return cheat.work(name, prompt, **changes)


class _Declaring:
    """Makes the picture of another recipe than the one that is written down."""

    def __init__(self, inner: Any, base: Any) -> None:
        self.inner, self.base = inner, base

    def regenerate(self, recipe: Any, prompt: Any, seeds: Any, sources: Any = ()) -> Any:
        told_ = replace(self.base, steps=4, seed=recipe.seed, prompt=prompt)
        return self.inner.regenerate(told_, prompt, seeds, sources)

    def decode(self, recipe: Any, latent: Any) -> Any:
        return self.inner.decode(replace(self.base, seed=recipe.seed), latent)


def look(work: Signed, atelier: Atelier, policy: Policy) -> dict[str, Any]:
    """What verify says under the policy, and what it would say if the region were no matter."""
    began, machine, found = time.perf_counter(), Remembering(atelier.regenerator), {}
    for name, trusted in (("by_its_own_tests", everywhere(policy)), ("verdict", policy)):
        try:
            asked = Request(trusted, datetime.now(UTC), regenerator=machine, entropy=b"corners", deep=True)
            found[name] = told(verify(work.data, asked))
        except SeedproofError as error:
            found[name] = {"verdict": "refused", "reason": str(error), "figures": {}}
    return {**found, "seconds": round(time.perf_counter() - began, 1)}


def conclude(rows: dict[str, list[dict[str, Any]]]) -> list[dict[str, Any]]:
    """One line a corner, none left out."""
    table = []
    for name, mine in rows.items():
        figures = [row["by_its_own_tests"]["figures"] for row in mine]
        inside, passed = (
            name.startswith(("inside", "image-to-image")),
            [row["verdict"]["verdict"] not in MOST for row in mine],
        )
        worst = lambda key, pick: pick((f[key] for f in figures if f.get(key) is not None), default=None)  # noqa: B023, E731
        table.append(
            {
                "corner": name,
                "pictures": len(mine),
                "verdicts": sorted({row["verdict"]["verdict"] for row in mine}),
                "by_its_own_tests": sorted({row["by_its_own_tests"]["verdict"] for row in mine}),
                "more_than_claimed": sum(passed),
                "upper_bound_95": round(interval(sum(passed), len(mine))[1], 4) if mine and not inside else None,
                "nearest_wrong_distance": worst("nearest_wrong_distance", min),
                "nearest_wrong_cosine": worst("nearest_wrong_cosine", max),
                "least_inversion_cosine": worst("inversion_cosine", min),
                "reason": mine[0]["verdict"]["reason"] if mine else "not measured",
            }
        )
    return table


def main() -> None:
    parser = options("corners", __doc__)
    parser.add_argument("--work", type=Path, default=Path("build/corners.jsonl"), help="finished pictures")
    parser.add_argument("--pictures", type=int, default=8, help="for each corner")
    parser.add_argument("--only", action="append", help="only this corner; may be repeated")
    chosen = parser.parse_args()
    atelier, policy = open_atelier(), default_policy()
    prompts = (Path(__file__).parent / "prompts.txt").read_text(encoding="utf-8").splitlines()
    model = policy.models[atelier.base.model.digest]
    rows = Rows(chosen.work, f"{model.digest.hex()[:16]} {model.pins[atelier.base.shape].hex()[:16]}")
    remixes = [f"image-to-image, strength {strength}" for strength in STRENGTHS]
    names = [name for name in (*CORNERS, *remixes) if not chosen.only or name in chosen.only]
    for number in range(chosen.pictures):
        for name in names:
            key = f"{name} {number}"
            if key in rows.found:
                continue
            prompt = prompts[number % len(prompts)]
            if name in CORNERS:
                work = make(atelier, name, number, prompt)
            else:
                given = {"strength": Decimal(name.rpartition(" ")[2])}
                parent = atelier.work(f"corner parent {number}", prompt)
                work = atelier.remix(key, "image-to-image", [parent], prompts[-1 - number], given)
            row = rows.add(key, {"corner": name, **look(work, atelier, policy)})
            print(f"{key:<40} {row['verdict']['verdict']:<10} ({row['by_its_own_tests']['verdict']})", flush=True)
    done = {n: [row for key, row in rows.found.items() if row["corner"] == n] for n in (*CORNERS, *remixes)}
    table = conclude(done)
    command = f"python -m benchmarks.corners --pictures {chosen.pictures} --json benchmarks/results/corners.json"
    write(chosen.json, command, {"stamp": rows.stamp, "table": table}, ("torch", "diffusers", "numpy"))
    for line in table:
        print(json.dumps(line))


if __name__ == "__main__":
    main()
