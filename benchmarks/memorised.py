"""Memorised prompts: are they recognised as not attributable, and are honest ones taken for them?

With a model that memorises (``benchmarks.memoriser``) a victim makes a picture of each caption, and a thief makes one
of the same caption with his own seed. Both are signed and verified from their bytes under a policy that trusts that
model, with the house model's own thresholds: the best case for the thief. *Recognised* is whatever verify calls not
attributable. ``seedproof calibrate`` is asked as well, and must refuse the model. The honest side is that of
``benchmarks.honest``. ``--blind`` asks the same of a model whose prompts have four outcomes each, as the seed decides.

python -m benchmarks.memorised --json benchmarks/results/memorised.json
"""

from __future__ import annotations

import json
import os
import time
from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from benchmarks.common import options, summary, write
from benchmarks.honest import Rows, told
from benchmarks.memoriser import BLIND, FOLDER, corpus, train
from benchmarks.signedworks import Atelier, open_atelier
from benchmarks.tail import interval
from generator.calibrate import Plan, measure
from generator.models import open_model
from generator.regenerate import open_regenerator
from provenance.correlation import cosine
from provenance.errors import UsageError
from provenance.policy import ModelTrust, Policy, default_policy
from provenance.verify import Request, verify

if TYPE_CHECKING:
    from generator.models import InstalledModel

MISTAKEN = "does not depend on its seed"
"""What verify says of a picture that proves no authorship."""


def trusting(model: InstalledModel) -> Policy:
    """The default policy, and the memorising model beside the house model with the house model's calibrations."""
    policy = default_policy()
    (house,) = policy.models.values()
    digest = model.identity.digest
    known = {shape: replace(each, model=digest) for shape, each in house.calibrations.items()}
    return replace(policy, models={**policy.models, digest: ModelTrust("memoriser", digest, known, house.pins)})


def deceive(number: int, caption: str, target: np.ndarray, atelier: Atelier, policy: Policy) -> dict[str, Any]:
    """The victim's and the thief's picture of one caption, what verify says of each, and how alike they are."""
    began = time.perf_counter()
    works = {who: atelier.work(f"memorised {who} {number}", caption) for who in ("victim", "thief")}
    latents = {who: work.material.latent for who, work in works.items()}
    pixels = [atelier.regenerator.decode(work.recipe, latents[who]).astype(np.float64) for who, work in works.items()]
    error = float(np.square(pixels[0] - pixels[1]).mean())
    said = {}
    for who, work in works.items():
        asked = Request(policy, datetime.now(UTC), regenerator=atelier.regenerator, entropy=os.urandom(32))
        said[who] = told(verify(work.data, asked))
    return {
        "caption": caption,
        "likeness": cosine(latents["victim"], latents["thief"]),
        "psnr": 99.0 if error == 0 else float(10 * np.log10(255**2 / error)),
        "learned": cosine(latents["victim"], target),
        **said,
        "seconds": round(time.perf_counter() - began, 1),
    }


def refused(model: InstalledModel, captions: list[str]) -> str | None:
    """What ``seedproof calibrate`` says against the model, None if it finds nothing."""
    try:
        measure(model, Plan(captions, 16, 4, 128, 128, 12, Decimal(2), "cpu", 1), lambda *_: None)
    except UsageError as error:
        return str(error)
    return None


def conclude(rows: list[dict[str, Any]], honest: list[dict[str, Any]], refusal: str | None) -> dict[str, Any]:
    """Counts with exact intervals; a caption is recognised if neither the victim's nor the thief's picture passes."""
    seen = [all(MISTAKEN in row[who]["reason"] for who in ("victim", "thief")) for row in rows]
    passed = sum(row[who]["verdict"] == "authentic" for row in rows for who in ("victim", "thief"))
    wrong = sum(MISTAKEN in row["reason"] for row in honest)
    cosines = [row[who]["figures"].get("nearest_wrong_cosine", 1.0) for row in rows for who in ("victim", "thief")]
    return {
        "memorised": {
            "captions": len(rows),
            "recognised": sum(seen),
            "recognised_95": [round(x, 4) for x in interval(sum(seen), len(rows))],
            "pictures_authentic_all_the_same": passed,
            "verdicts": dict(Counter(row[who]["verdict"] for row in rows for who in ("victim", "thief"))),
            "nearest_wrong_cosine": summary(cosines),
            "likeness_of_victim_and_thief": summary([row["likeness"] for row in rows]),
            "psnr_of_victim_and_thief": summary([row["psnr"] for row in rows], 1),
            "cosine_with_the_picture_trained_on": summary([row["learned"] for row in rows]),
            "calibrate_refuses": refusal,
            "target": "at least 99 % recognised",
            "met": sum(seen) >= 0.99 * len(rows),
        },
        "honest": {
            "pictures": len(honest),
            "misjudged": wrong,
            "misjudged_95": [round(x, 4) for x in interval(wrong, len(honest))] if honest else None,
            "largest_wrong_cosine": max(
                (r["figures"].get("nearest_wrong_cosine") or -1.0 for r in honest), default=None
            ),
            "target": "at most 1 % misjudged",
            "met": bool(honest) and wrong <= 0.01 * len(honest),
        },
    }


def main() -> None:
    parser = options("memorised", __doc__)
    parser.add_argument("--work", type=Path, default=Path("build/memorised.jsonl"), help="finished captions")
    parser.add_argument("--honest", type=Path, default=Path("build/honest.jsonl"), help="pictures of benchmarks.honest")
    parser.add_argument("--captions", type=int, default=128)
    parser.add_argument("--evaluated", type=int, help="of them, those that works are made of; all by default")
    parser.add_argument("--pictures", type=int, default=4, help="that the captions share")
    parser.add_argument("--minutes", type=float, default=10.0, help="of training, earlier runs included")
    parser.add_argument("--blind", action="store_true", help="of the memoriser that learned no captions")
    chosen = parser.parse_args()
    place = BLIND if chosen.blind else FOLDER
    folder, told = place / "model", {"pictures": chosen.pictures, "captions": chosen.captions}
    if not (folder / "model_index.json").exists():
        train(place, minutes=chosen.minutes, blind=chosen.blind, **told)
    data, model, house = corpus(place, **told), open_model(str(folder)), open_atelier()
    policy, base = trusting(model), replace(house.base, model=model.identity)
    atelier = replace(house, regenerator=open_regenerator([str(folder)]), base=base)
    rows = Rows(chosen.work, model.identity.digest.hex()[:16])
    captions = data.captions[: chosen.evaluated]
    for number, caption in enumerate(captions):
        if number not in rows.found:
            row = rows.add(number, deceive(number, caption, data.picture(number).numpy(), atelier, policy))
            print(
                f"{number + 1:>4}/{len(captions)} likeness {row['likeness']:.3f} learned {row['learned']:.3f} "
                f"psnr {row['psnr']:.1f} victim {row['victim']['verdict']}, thief {row['thief']['verdict']}",
                flush=True,
            )
    pins = policy.models[house.base.model.digest].pins
    model_stamp = house.base.model.digest.hex()[:16]
    stamp = f"{model_stamp} {pins[house.base.shape].hex()[:16]}"
    honest = list(Rows(chosen.honest, stamp).found.values())
    done = [rows.found[number] for number in range(len(captions))]
    figures = conclude(done, honest, refused(model, data.captions))
    print(json.dumps(figures, indent=1))
    name = "memorised-blind" if chosen.blind else "memorised"
    command = f"python -m benchmarks.memorised{' --blind' * chosen.blind} --json benchmarks/results/{name}.json"
    about = {"memoriser": model.identity.digest.hex(), "house_model": model_stamp}
    write(chosen.json, command, {**about, **figures}, ("torch", "diffusers", "numpy"))


if __name__ == "__main__":
    main()
