"""What an injection costs: bits of every statistical test against the damage to the picture, and pictures to look at.

``python -m tests.attacks.redteam.injection_figures --pictures 8 --json benchmarks/results/redteam-injection.json
--plot docs/redteam-injection-curve.png --sheet docs/redteam-injection.png``. Every point is kept in the lab's folder,
so that an interrupted run goes on. ``--inverted`` says for how many of the pictures the sampler is run backwards too.
"""

import argparse
import json
from pathlib import Path

import numpy as np

from provenance.correlation import REQUIRED_BITS, cosine, threshold, whitened_cosine
from provenance.noise import gaussian
from tests.attacks.redteam.inject import direction, replace_noise
from tests.attacks.redteam.lab import Lab
from tests.attacks.redteam.painter import bits, calibration, latent_of, painted, psnr, stolen, with_latent

WAYS = ("plain", "shaped", "least", "exchanged")
STRENGTHS = tuple(round(0.02 * 1.5**k, 4) for k in range(10))
SHOWN = (1, 3, 5, 7, 9)
"""Strengths on the sheet."""


def point(lab, number, way, strength, *, inverted):
    """One forgery of picture ``number``: damage, and bits of each test for the thief's seed."""
    path = lab.folder / "injection" / f"{number}-{way}-{strength}-{int(inverted)}.json"
    if path.exists():
        return json.loads(path.read_text())
    forged, work = forge(lab, number, way, strength)
    kept, known = latent_of(forged).astype(np.float32), calibration(lab)
    own, victims = (gaussian(each.recipe.seed, work.recipe.shape) for each in (forged, work))
    found = {
        "psnr": psnr(forged.rgb, work.rgb),
        "plain": bits(cosine(kept, own), kept.size),
        "whitened": bits(whitened_cosine(kept, own, known.whitening), kept.size),
        "cosine": whitened_cosine(kept, own, known.whitening),
        "victims_cosine": whitened_cosine(kept, victims, known.whitening),
    }
    if inverted:
        back = lab.pooled.invert(forged.recipe, forged.recipe.prompt, kept)
        found["inverted"] = bits(cosine(back, own), kept.size)
    found = {name: round(float(value), 4) for name, value in found.items()}
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(found))
    return found


def forge(lab, number, way, strength):
    """(forgery, the victim's work) at a strength; *exchanged* takes the victim's noise out as well."""
    work, known = painted(lab, number), calibration(lab)
    cheat = stolen(lab, work, 10_000 + number)
    own, victims = gaussian(cheat.recipe.seed, work.recipe.shape), gaussian(work.recipe.seed, work.recipe.shape)
    if way == "exchanged":
        ahead = direction("least", own, known)
        goal = whitened_cosine(latent_of(work) + strength * ahead, own, known.whitening)
        latent, _, _ = replace_noise(latent_of(work), own, victims, known, goal, 0.2)
    else:
        latent = latent_of(work) + strength * direction(way, own, known)
    return with_latent(lab, cheat, latent), work


def damage_at(points, goal):
    """PSNR at which the whitened cosine reaches ``goal``, between the points of one picture; None where it does not."""
    ordered = sorted(points, key=lambda each: each["cosine"])
    cosines, damage = [each["cosine"] for each in ordered], [each["psnr"] for each in ordered]
    return round(float(np.interp(goal, cosines, damage)), 2) if cosines[0] <= goal <= cosines[-1] else None


def measure(lab, pictures, inverted, show=print):
    """{way: [[points of each strength] of each picture]}."""
    found = {}
    for way in WAYS:
        found[way] = []
        for number in range(pictures):
            wanted = number < inverted and way == "least"
            found[way].append([point(lab, number, way, each, inverted=wanted) for each in STRENGTHS])
            show(f"{way}: {number + 1} of {pictures}")
    return found


def conclude(lab, found, pictures):
    """What stands in the JSON: damage at each threshold for each direction, and what honest pictures have."""
    known = calibration(lab)
    honest = [
        whitened_cosine(latent_of(work), gaussian(work.recipe.seed, work.recipe.shape), known.whitening)
        for work in (painted(lab, number) for number in range(pictures))
    ]
    d = painted(lab, 0).integers.size
    goals = {"2^-128": threshold(d), "least honest": min(honest), "median honest": float(np.median(honest))}
    table = []
    for way, rows in found.items():
        for name, goal in goals.items():
            reached = [damage_at(row, goal) for row in rows]
            kept = sorted(each for each in reached if each is not None)
            spread = (
                {"psnr_worst": kept[0], "psnr_median": round(float(np.median(kept)), 2), "psnr_best": kept[-1]}
                if kept
                else {}
            )
            table.append({"direction": way, "cosine": name, "value": round(goal, 4), "pictures": len(kept), **spread})
    return {
        "model": lab.model.hex(),
        "pictures": pictures,
        "honest_whitened_cosine": [round(each, 4) for each in honest],
        "table": table,
        "points": dict(found.items()),
        "strengths": STRENGTHS,
    }


def draw_curve(result, path):
    """Bits of each test against the damage, one line a picture."""
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib import pyplot as plt

    tests = ("plain", "whitened", "inverted")
    figure, axes = plt.subplots(1, 3, figsize=(13, 4.2), sharey=True)
    colours = dict(zip(WAYS, ("#7f7f7f", "#ff7f0e", "#1f77b4", "#d62728"), strict=True))
    for axis, test in zip(axes, tests, strict=True):
        for way, rows in result["points"].items():
            drawn = [row for row in rows if test in row[0]]
            for place, row in enumerate(drawn):
                label = way if place == 0 else None
                axis.plot(
                    [p["psnr"] for p in row], [p[test] for p in row], color=colours[way], lw=0.9, alpha=0.8, label=label
                )
        axis.axhline(REQUIRED_BITS, color="black", ls="--", lw=0.8)
        axis.axvspan(38, 45, color="#eeeeee", zorder=0)
        axis.set(
            title=f"{test} test, thief's seed",
            xlabel="PSNR of the forgery against the victim's picture, dB",
            xlim=(55, 12),
            ylim=(0, 700),
        )
    axes[1].axhspan(
        *[bits(c, 2048) for c in (min(result["honest_whitened_cosine"]), max(result["honest_whitened_cosine"]))],
        color="#c7e9c0",
        alpha=0.6,
        zorder=0,
    )
    axes[0].set_ylabel("bits of evidence (128 needed, dashed)")
    axes[0].legend(fontsize=8)
    axes[1].text(54, 690, "green: honest pictures; grey: 38 to 45 dB", fontsize=7, va="top")
    figure.tight_layout()
    save(figure, path, 110)


def draw_sheet(lab, result, path, pictures=3):
    """The victim's picture and the forgeries at growing strengths, each with its PSNR and bits."""
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib import pyplot as plt

    rows = [(number, way) for number in range(pictures) for way in ("least", "exchanged")]
    figure, axes = plt.subplots(len(rows), 1 + len(SHOWN), figsize=(2.1 * (1 + len(SHOWN)), 2.35 * len(rows)))
    for axis_row, (number, way) in zip(axes, rows, strict=True):
        axis_row[0].imshow(painted(lab, number).rgb)
        axis_row[0].set_title("the victim's", fontsize=8)
        axis_row[0].set_ylabel(way, fontsize=9)
        for axis, place in zip(axis_row[1:], SHOWN, strict=True):
            told = result["points"][way][number][place]
            axis.imshow(forge(lab, number, way, STRENGTHS[place])[0].rgb)
            passes = "passes" if told["whitened"] >= REQUIRED_BITS else "fails"
            axis.set_title(
                f"{told['psnr']:.1f} dB, {told['whitened']:.0f} bits\n{passes} the whitened test", fontsize=7
            )
        for axis in axis_row:
            axis.set(xticks=[], yticks=[])
    figure.tight_layout()
    save(figure, path, 80)


def save(figure, path, dpi):
    """A PNG with a palette: a quarter of the bytes."""
    import io

    from PIL import Image

    out = io.BytesIO()
    figure.savefig(out, format="png", dpi=dpi)
    with Image.open(out) as drawn:
        drawn.convert("RGB").quantize(256, method=Image.Quantize.MEDIANCUT).save(path, optimize=True)


def main(arguments=None):
    parser = argparse.ArgumentParser(prog="python -m tests.attacks.redteam.injection_figures", description=__doc__)
    parser.add_argument("--pictures", type=int, default=8)
    parser.add_argument("--inverted", type=int, default=2, help="pictures whose inversion is measured too; slow")
    parser.add_argument("--folder", type=Path, default=Path("build/redteam"))
    parser.add_argument("--json", type=Path)
    parser.add_argument("--plot", type=Path)
    parser.add_argument("--sheet", type=Path)
    chosen = parser.parse_args(arguments)
    lab = Lab(chosen.folder)
    result = conclude(lab, measure(lab, chosen.pictures, chosen.inverted), chosen.pictures)
    result["command"] = (
        f"python -m tests.attacks.redteam.injection_figures --pictures {chosen.pictures} --inverted {chosen.inverted}"
    )
    for line in result["table"]:
        print(json.dumps(line))
    if chosen.json:
        chosen.json.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    if chosen.plot:
        draw_curve(result, chosen.plot)
    if chosen.sheet:
        draw_sheet(lab, result, chosen.sheet, min(3, chosen.pictures))


if __name__ == "__main__":
    main()
