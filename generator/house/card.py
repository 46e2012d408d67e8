"""Write the model card of an exported folder from its logs, the objects' manifest and the figures of ``evaluate``.

``python -m generator.house.card --model build/house2/export --evaluation evaluation.json``
"""

from __future__ import annotations

import argparse
import json
import tomllib
from pathlib import Path
from typing import Any

__all__ = ["card", "main"]

_HERE = Path(__file__).parent
_MIB = 1 << 20


def _last(lines: list[dict[str, Any]], name: str) -> dict[str, Any]:
    """The last line of a log that has the value; empty when there is none."""
    return next((line for line in reversed(lines) if name in line), {})


def _log(path: Path) -> list[dict[str, Any]]:
    if not path.exists():
        return []
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def _objects() -> str:
    manifest = json.loads((_HERE / "data" / "objects.json").read_text(encoding="utf-8"))
    rows = []
    for name, about in manifest["packages"].items():
        kinds = ", ".join(entry["kind"] for entry in manifest["objects"] if entry["source"] == name)
        kinds = kinds or "names of the objects in English and Japanese"
        rows.append(f"| {kinds} | `{about['package']}` {about['version']}, {about['copyright']} | {about['licence']} |")
    return "\n".join(["| objects | package | licence |", "| --- | --- | --- |", *rows])


def _stages(model: Path, config: dict[str, Any]) -> str:
    autoencoder, decoder, denoiser = (_log(model / f"{name}.jsonl") for name in ("autoencoder", "decoder", "denoiser"))
    pictures = _last(denoiser, "pictures").get("pictures", 0)
    last, held = _last(denoiser, "loss"), _last(denoiser, "held_out")
    return "\n".join(
        [
            "| stage | time | result |",
            "| --- | --- | --- |",
            (
                f"| autoencoder | {_hours(autoencoder)}, {_last(autoencoder, 'l1').get('step', 0):,} steps of "
                f"{config['autoencoder']['batch']} | held-out PSNR {_last(autoencoder, 'psnr').get('psnr', 0):.2f} dB |"
            ),
            (
                f"| decoder alone | {_hours(decoder)}, {_last(decoder, 'l1').get('step', 0):,} steps | held-out PSNR "
                f"{_last(decoder, 'psnr').get('psnr', 0):.2f} dB, steadier on sampled latents |"
            ),
            (
                f"| text encoder and denoiser | {_hours(denoiser)}, {last.get('step', 0):,} steps of "
                f"{config['denoiser']['batch']}, from {pictures:,} pictures and their mirror images | training loss "
                f"{last.get('loss', 0):.4f}, held-out loss of the averaged weights {held.get('held_out', 0):.4f} |"
            ),
            *_annealing(_log(model / "denoiser-annealed.jsonl")),
        ]
    )


def _annealing(log: list[dict[str, Any]]) -> list[str]:
    """The row of the last stage, in which the learning rate falls to nothing; none where it was not run."""
    if not log:
        return []
    last, held_out = _last(log, "loss"), _last(log, "held_out").get("held_out", 0)
    minutes = (last["seconds"] - log[0]["seconds"]) / 60
    told = f"to step {last['step']:,} | training loss {last['loss']:.4f}, held-out loss {held_out:.4f}"
    return [f"| the same, annealed | {minutes:.0f} min, {told} |"]


def _hours(lines: list[dict[str, Any]]) -> str:
    seconds = int(_last(lines, "seconds").get("seconds", 0))
    return f"{seconds / 3600:.1f} h" if seconds >= 3600 else f"{seconds / 60:.0f} min"  # noqa: PLR2004


def _figures(found: dict[str, Any]) -> str:
    right, judge = found["accuracy"], found["judge_held_out"]
    spread, near = found["diversity"], found["nearest_training"]
    rows = [
        f"| the classifier sees the {what} that was asked for | {right[name]:.0%} (on held-out drawn pictures it is "
        f"right in {judge[name]:.0%}) |"
        for name, what in (("time", "time of day"), ("scene", "scene"), ("kind", "object, when alone"))
    ]
    rows += [
        (
            "| distance between seeds of one prompt, as a share of that between training pictures | mean "
            f"{spread['distance_within_prompts']:.2f}, least of 12 prompts {spread['least']:.2f} |"
        ),
        (
            f"| latent cosine of the two most alike of 8 seeds | mean {spread['mean_largest_cosine']:.2f}, largest "
            f"{spread['largest_cosine']:.2f} |"
        ),
        (
            f"| cosine with the nearest training picture | generated: mean {near['generated']['mean']:.3f}, 95 % below "
            f"{near['generated']['p95']:.3f}; held-out drawn pictures: {near['held_out']['mean']:.3f}, "
            f"{near['held_out']['p95']:.3f} |"
        ),
    ]
    head = f"At guidance {found['guidance']} and {found['steps']} steps, {found['pictures']} pictures.\n\n"
    return head + "\n".join(["| what | value |", "| --- | --- |", *rows])


def card(model: Path, evaluation: dict[str, Any] | None) -> str:
    """The card as Markdown."""
    config = tomllib.loads((_HERE / "train.toml").read_text(encoding="utf-8"))
    weights = sum(path.stat().st_size for path in model.rglob("*.safetensors")) / _MIB
    words = len(json.loads((model / "tokenizer" / "tokenizer.json").read_text(encoding="utf-8"))["model"]["vocab"])
    text = (_HERE / "data" / "card.md").read_text(encoding="utf-8")
    values = {
        "name": config["name"],
        "megabytes": f"{weights:.1f}",
        "words": str(words),
        "objects": _objects(),
        "stages": _stages(model, config),
        "figures": _figures(evaluation) if evaluation else "Not measured yet.",
    }
    for name, value in values.items():
        text = text.replace("{" + name + "}", value)
    return text


def main() -> None:
    """Write README.md into the model folder."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", type=Path, default=Path("build/house2/export"))
    parser.add_argument("--evaluation", type=Path)
    chosen = parser.parse_args()
    found = json.loads(chosen.evaluation.read_text(encoding="utf-8")) if chosen.evaluation else None
    (chosen.model / "README.md").write_text(card(chosen.model, found), encoding="utf-8")


if __name__ == "__main__":
    main()
