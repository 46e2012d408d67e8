"""``create`` beside the bare pipeline, in turn: same model, steps and device, one picture at a time and four.

What counts as provenance's own is all that ``create`` does outside of the sampler's and the decoder's calls, less what
the bare pipeline does there, which is to write a PNG: journal, noise, guard against other randomness, quantising,
hashes, claim, log entry, receipt, C2PA manifest, files. In batches also what it costs to decode each picture alone.
Medians of both; beside it the processor's part of that, which no neighbour's use of disk and processor changes, and the
difference of the whole times, with all that the machine does meanwhile.
"""

from __future__ import annotations

import io
import statistics
import tempfile
import time
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from PIL import Image

from benchmarks.common import rounds, summary
from generator.arguments import latent_steps
from generator.batch import Task, create_together
from generator.create import Job, Studio, begin_all, create, numbered
from generator.runtime import load_runtime
from ledger.local import open_ledger
from provenance.claim import Terms
from provenance.credentials import new_credentials
from provenance.home import Home
from provenance.master import new_master
from provenance.policy import load_policy
from provenance.recipe import Prompt

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from decimal import Decimal

    from generator.models import InstalledModel
    from generator.runtime import Runtime

TOGETHER = 4
TARGET = "10 ms or 2 %, whichever is more"


@dataclass(frozen=True)
class Setting:
    """What both make: a prompt, size, steps and guidance with a model on a device."""

    prompt: str
    side: int
    steps: int
    guidance: Decimal
    device: str = "cpu"


@dataclass
class Inside:
    """Seconds in the sampler and in the decoder, and seconds of the processor in both."""

    sampling: float = 0.0
    decoding: float = 0.0
    processor: float = 0.0

    def count(self, part: str, act: Callable[[], Any]) -> Any:
        """Do something and count it to ``part``."""
        start, begun = time.perf_counter(), time.process_time()
        try:
            return act()
        finally:
            setattr(self, part, getattr(self, part) + time.perf_counter() - start)
            self.processor += time.process_time() - begun


class Watched:
    """A pipeline whose sampling and decoding are timed; everything else goes through."""

    def __init__(self, pipeline: Any) -> None:
        self._pipeline, self._inside = pipeline, Inside()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._pipeline, name)

    def sample(self, *arguments: Any, **options: Any) -> Any:
        return self._inside.count("sampling", lambda: self._pipeline.sample(*arguments, **options))

    def decode(self, *arguments: Any, **options: Any) -> Any:
        return self._inside.count("decoding", lambda: self._pipeline.decode(*arguments, **options))

    def take(self) -> Inside:
        """What was counted since the last time."""
        taken, self._inside = self._inside, Inside()
        return taken


class Bare:
    """The pipeline as it comes, with noise of its own; pictures are decoded and written as PNG into memory."""

    def __init__(self, runtime: Runtime, setting: Setting) -> None:
        inner: Any = runtime._pipeline
        self._pipe, self._decoder = getattr(inner, "pipe", None), inner.decoder
        self._watched, self._setting = inner, setting
        self._shape = runtime.latent_shape(setting.side, setting.side)

    def make(self, count: int) -> Inside:
        """Make ``count`` pictures together."""
        inside = Inside()
        with torch.inference_mode():
            latent = inside.count("sampling", lambda: self._sample(count))
            levels = inside.count("decoding", lambda: self._decode(latent))
        for picture in levels:
            Image.fromarray(picture).save(io.BytesIO(), "PNG")
        return inside

    def _sample(self, count: int) -> Any:
        chosen = self._setting
        if self._pipe is None:  # the embedded model's own loop
            noise = torch.randn(count, *self._shape)
            return self._watched._pipeline.sample(
                noise, chosen.prompt, "", steps=chosen.steps, guidance=float(chosen.guidance)
            )
        return self._pipe(
            [chosen.prompt] * count,
            num_inference_steps=chosen.steps,
            guidance_scale=float(chosen.guidance),
            height=chosen.side,
            width=chosen.side,
            output_type="latent",
            return_dict=False,
        )[0]

    def _decode(self, latent: Any) -> Any:
        if self._pipe is None:
            return self._watched._pipeline.decode(latent)
        pictures = self._decoder.decode(latent.float() / self._decoder.config.scaling_factor).sample
        return (pictures * 127.5 + 127.5).clamp(0, 255).round().to(torch.uint8).permute(0, 2, 3, 1).cpu().numpy()


class Ours:
    """``create`` in a home and with a log of its own, in a temporary folder."""

    def __init__(self, model: InstalledModel, runtime: Runtime, setting: Setting, base: Path) -> None:
        home = Home(base / "config", base / "data", base / "state")
        home.make(home.data)
        now = datetime.now(UTC)
        trust = load_policy(home).models.get(model.identity.digest)
        self.log = open_ledger(str(base / "data" / "ledger.db"), create=True)
        self._studio = Studio(
            home, new_master(), new_credentials("b", now), model, runtime, self.log,
            lambda shape: latent_steps(trust, shape), now,
        )  # fmt: skip
        self._job = Job(
            Prompt(setting.prompt), base / "a.png", setting.side, setting.side, setting.steps, setting.guidance,
            runtime.dtype, seal_prompt=False, anonymous=False, terms=Terms(),
        )  # fmt: skip
        self._watched: Any = runtime._pipeline
        self._made = 0

    def make(self, count: int) -> Inside:
        """Make ``count`` pictures together, in new files."""
        self._watched.take()
        self._made += 1
        jobs = numbered(replace(self._job, output=self._job.output.with_name(f"{self._made}.png")), count)
        if count == 1:
            create(jobs[0], self._studio)
        else:
            works = begin_all(jobs, self._studio)
            tasks = [Task(job, work, resumed=False) for job, work in zip(jobs, works, strict=True)]
            list(create_together(tasks, self._studio))
        taken: Inside = self._watched.take()
        return taken


def compare(model: InstalledModel, setting: Setting, repeats: int, *, batches: bool = True) -> dict[str, Any]:
    """Both ways in turn, ``repeats`` times, after one time of each that does not count; batches a third as often."""
    runtime = load_runtime(model, device=setting.device, dtype="auto")
    watched: Any = Watched(runtime._pipeline)
    runtime._pipeline = watched
    with tempfile.TemporaryDirectory() as folder:
        bare, ours = Bare(runtime, setting), Ours(model, runtime, setting, Path(folder))
        found = {"one_by_one": _in_turn(bare.make, ours.make, 1, repeats)}
        if batches:
            found[f"{TOGETHER}_together_each"] = _in_turn(bare.make, ours.make, TOGETHER, max(2, repeats // 3))
        ours.log.close()
    told = {
        "picture": f"{setting.side}x{setting.side}, {setting.steps} steps, {runtime.dtype} on {setting.device}",
        "threads": torch.get_num_threads(),
        **found,
        "target": TARGET,
    }
    for name, figures in found.items():
        print(
            f"{model.identity.name} {told['picture']}, {name}: bare {figures['bare_ms']['median']:.0f} ms, ours "
            f"{figures['ours_ms']['median']:.0f}, provenance {figures['provenance_ms']:.1f} ms "
            f"({100 * figures['provenance_share']:.2f} %; processor {figures['provenance_processor_ms']:.1f} ms)",
            flush=True,
        )
    return told


def _in_turn(bare: Callable[[int], Inside], ours: Callable[[int], Inside], count: int, repeats: int) -> dict[str, Any]:
    """Milliseconds for each picture, ``count`` of them made together."""
    parts: dict[str, list[Inside]] = {"bare": [], "ours": []}
    processor: dict[str, list[float]] = {"bare": [], "ours": []}

    def run(name: str, make: Callable[[int], Inside]) -> None:
        begun = time.process_time()
        inside = make(count)
        parts[name].append(inside)
        processor[name].append(1e3 * (time.process_time() - begun - inside.processor) / count)

    acts = {"bare": lambda: run("bare", bare), "ours": lambda: run("ours", ours)}
    rounds(acts, 1)
    for found in (*parts.values(), *processor.values()):
        found.clear()
    spent = {name: [each / count for each in found] for name, found in rounds(acts, repeats).items()}
    median = {name: statistics.median(found) for name, found in spent.items()}
    outside = {
        name: statistics.median(
            whole - 1e3 * (part.sampling + part.decoding) / count
            for whole, part in zip(spent[name], parts[name], strict=True)
        )
        for name in spent
    }
    decoding = {name: statistics.median(1e3 * part.decoding / count for part in found) for name, found in parts.items()}
    decoded_alone = max(0.0, decoding["ours"] - decoding["bare"]) if count > 1 else 0.0
    own = outside["ours"] - outside["bare"] + decoded_alone
    worked = statistics.median(processor["ours"]) - statistics.median(processor["bare"]) + decoded_alone
    return {
        "bare_ms": summary(spent["bare"], 1),
        "ours_ms": summary(spent["ours"], 1),
        "ours_minus_bare_ms": round(_difference(spent["bare"], spent["ours"]), 1),
        "provenance_ms": round(own, 2),
        "provenance_processor_ms": round(worked, 2),
        "provenance_share": round(own / median["bare"], 5),
        "of_that_decoding_alone_ms": round(decoded_alone, 2),
    }


def _difference(bare: Sequence[float], ours: Sequence[float]) -> float:
    return statistics.median(b - a for a, b in zip(bare, ours, strict=True))
