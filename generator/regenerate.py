"""The verifier's side of the generator: decode, regenerate and invert what a recipe describes.

Registered under ``seedproof.regenerators``. torch is imported when something is generated, not before: ``why_not``
only compares digests and configurations.
"""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from generator.adapters import AdapterFile, adapter_file
from generator.models import HOUSE_MODEL, InstalledModel, open_model, scheduler_of
from generator.remix.sources import evaluations, why_not_model, why_not_sources
from generator.schedulers import kind_of
from generator.setups import setup_of
from provenance.errors import InvalidError, MissingModelError, UsageError
from provenance.noise import gaussian

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np
    from numpy.typing import NDArray

    from generator.runtime import Runtime
    from provenance.calibration import Whitening
    from provenance.operation import Operation
    from provenance.ports import Material, Progress
    from provenance.recipe import Prompt, Recipe

__all__ = ["DiffusersRegenerator", "open_regenerator"]

MAX_WORK = 2**23
"""Most pixels times steps that are regenerated for a stranger's recipe (512x512 in 32); hostile ones ask for hours."""

MAX_NAMED_WORK = 2**26
"""The same for models that the user named himself (1024x1024 in 64): he knows what they cost."""

MAX_STEPS = 200
MAX_GUIDANCE = Decimal(100)


def open_regenerator(models: Sequence[str] = ()) -> DiffusersRegenerator:
    """A regenerator that knows the house model, the given models, and the given adapter files (.safetensors)."""
    return DiffusersRegenerator((HOUSE_MODEL, *models))


class DiffusersRegenerator:
    """Implements provenance.ports.Regenerator with the models on this machine; pipelines are loaded once."""

    def __init__(self, names: Sequence[str]) -> None:
        self._names = tuple(name for name in names if not _is_adapter(name))
        self._adapter_paths = tuple(Path(name).expanduser() for name in names if _is_adapter(name))
        self._models: dict[bytes, InstalledModel] | None = None
        self._named: set[bytes] = set()
        self._adapters: dict[bytes, Path] | None = None
        self._pipelines: dict[tuple[object, ...], Runtime] = {}

    def why_not(self, recipe: Recipe) -> str | None:
        """None when this machine can make the picture of this recipe, else one line."""
        model = self._find(recipe)
        if model is None:
            return self._why_no_model(recipe)
        if model.identity.components != recipe.model.components:
            return "the recipe names other components than the model's"
        try:
            return self._why_not_sampled(recipe, model) or self._why_too_much(recipe)
        except MissingModelError as error:
            return str(error)

    def decode(self, recipe: Recipe, latent: NDArray[np.float32]) -> NDArray[np.uint8]:
        """Pixels uint8 (H, W, 3), decoded in float32 whatever the sampling dtype was."""
        pixels: NDArray[np.uint8] = self._pipeline(recipe).decode(latent[None])[0]
        return pixels

    def decode_float(self, recipe: Recipe, latent: NDArray[np.float32]) -> NDArray[np.float32]:
        """The same in [0, 1] before it is rounded to bytes: what a notary needs to know where machines may differ."""
        picture: NDArray[np.float32] = self._pipeline(recipe).decode_float(latent[None])[0]
        return picture

    def estimate(
        self,
        recipe: Recipe,
        picture: NDArray[np.float32],
        seen: NDArray[np.bool_],
        whitening: Whitening | None,
        *,
        scale: float,
        progress: Progress | None = None,
    ) -> NDArray[np.float32]:
        """Implements provenance.copies.Estimator; see generator.estimate."""
        show = None if progress is None else partial(progress, label="estimating the latent")
        return self._pipeline(recipe).estimate(recipe.shape, picture, seen, whitening, scale=scale, progress=show)

    def regenerate(
        self, recipe: Recipe, prompt: Prompt, seeds: Sequence[bytes], sources: Sequence[Material] = ()
    ) -> list[NDArray[np.float32]]:
        """The final latent for each seed, one by one.

        Raises:
            InvalidError: the sources of a remix do not fit its operation.
        """
        pipeline = self._pipeline(recipe)
        if recipe.operation is not None:
            return [self._remix(recipe, prompt, seed, sources) for seed in seeds]
        made: list[NDArray[np.float32]] = []
        for seed in seeds:
            latents = pipeline.sample(
                gaussian(seed, recipe.shape)[None],
                prompt.text,
                prompt.negative,
                steps=recipe.steps,
                guidance=float(recipe.guidance),
                seeds=[seed],
            )
            made.append(latents[0])
        return made

    def invert(
        self, recipe: Recipe, prompt: Prompt, latent: NDArray[np.float32], sources: Sequence[Material] = ()
    ) -> NDArray[np.float32] | None:
        """The noise that the sampler's ODE leads back to; None where it cannot be run backwards.

        Raises:
            InvalidError: the sources of a remix do not fit its operation.
        """
        if recipe.operation is not None:
            _require_sources(recipe, recipe.operation, sources)
            return self._pipeline(recipe).invert_remix(
                recipe.operation,
                sources,
                prompt,
                latent,
                steps=recipe.steps,
                guidance=float(recipe.guidance),
                seed=recipe.seed,
            )
        noise = self._pipeline(recipe).invert(
            latent[None], prompt.text, prompt.negative, steps=recipe.steps, guidance=float(recipe.guidance)
        )
        return None if noise is None else noise[0]

    def _remix(self, recipe: Recipe, prompt: Prompt, seed: bytes, sources: Sequence[Material]) -> NDArray[np.float32]:
        if recipe.operation is None:
            raise InvalidError("the recipe is none of a remix")
        _require_sources(recipe, recipe.operation, sources)
        pipeline = self._pipeline(recipe)
        try:
            return pipeline.remix(
                recipe.operation, sources, prompt, steps=recipe.steps, guidance=float(recipe.guidance), seed=seed
            )
        except UsageError as error:
            raise InvalidError(f"the recipe's operation cannot be run: {error}") from error

    def _why_no_model(self, recipe: Recipe) -> str:
        wanted = recipe.model
        for model in (self._models or {}).values():
            if model.identity.name == wanted.name:
                return (
                    f"the model {wanted.name!r} on this machine is not the recipe's, or has changed since the claim: "
                    f"its digest is {model.identity.digest.hex()[:16]}..., not {wanted.digest.hex()[:16]}..."
                )
        return f"this machine has no model {wanted.name!r} with digest {wanted.digest.hex()[:16]}..."

    def _why_not_sampled(self, recipe: Recipe, model: InstalledModel) -> str | None:
        """What stands against running this model's pipeline as the recipe says."""
        if model.code is not None:
            return "the model runs code of its own, and a verifier runs no stranger's code"
        setup = recipe.setup
        replaced = setup is not None and setup.replaced_scheduler
        kind_of(recipe.scheduler)
        if not replaced and scheduler_of(model) != recipe.scheduler:
            return f"the recipe configures its scheduler {recipe.scheduler.name} in another way than the model does"
        told = None if setup is None else replace(setup, draws=0, attached=False)
        if setup_of(model, setup.adapters if setup else (), replaced=replaced) != told:
            return "the recipe runs its model in another way than this program does"
        for adapter in setup.adapters if setup else ():
            if adapter.digest not in self._known_adapters():
                kind = "LoRA" if adapter.kind == "lora" else "textual inversion"
                return (
                    f"this machine has no {kind} {adapter.name!r} with SHA-256 {adapter.digest.hex()[:16]}...; "
                    "name its file with --model"
                )
        return None if recipe.operation is None else why_not_model(recipe.operation, model, recipe.scheduler)

    def _why_too_much(self, recipe: Recipe) -> str | None:
        limit = MAX_NAMED_WORK if recipe.model.digest in self._named else MAX_WORK
        work = recipe.steps if recipe.operation is None else evaluations(recipe.operation, recipe.steps)
        if recipe.steps > MAX_STEPS or recipe.width * recipe.height * work > limit:
            size = f"{recipe.width}x{recipe.height}"
            return f"regenerating {size} in {work} steps is more than is done for a stranger"
        if not 0 <= recipe.guidance <= MAX_GUIDANCE:
            return f"guidance {recipe.guidance} is outside of 0 to {MAX_GUIDANCE}"
        return None

    def _find(self, recipe: Recipe) -> InstalledModel | None:
        if self._models is None:
            self._models = {}
            for name in self._names:
                try:
                    # nothing of a model is run here: code that it brings is told apart, and refused, in verify
                    model = open_model(name, trust_remote_code=True)
                except (MissingModelError, InvalidError):
                    if name != HOUSE_MODEL:
                        raise
                    continue
                self._models[model.identity.digest] = model
                if name != HOUSE_MODEL:
                    self._named.add(model.identity.digest)
        return self._models.get(recipe.model.digest)

    def _known_adapters(self) -> dict[bytes, Path]:
        if self._adapters is None:
            self._adapters = {adapter_file(path).record.digest: path for path in self._adapter_paths}
        return self._adapters

    def _pipeline(self, recipe: Recipe) -> Runtime:
        model = self._find(recipe)
        if model is None:
            raise MissingModelError(self.why_not(recipe) or "no model")
        if model.code is not None:
            raise MissingModelError("the model runs code of its own, and a verifier runs no stranger's code")
        setup = recipe.setup
        adapters = setup.adapters if setup else ()
        key = (recipe.model.digest, recipe.dtype, recipe.scheduler, adapters)
        if any(each.digest not in self._known_adapters() for each in adapters):
            raise MissingModelError(self.why_not(recipe) or "the recipe names adapters that are not here")
        if key not in self._pipelines:
            from generator.runtime import load_runtime

            self._pipelines[key] = load_runtime(
                model,
                device="auto",
                dtype=recipe.dtype,
                scheduler=recipe.scheduler if setup is not None and setup.replaced_scheduler else None,
                adapters=[AdapterFile(self._known_adapters()[each.digest], each) for each in adapters],
            )
        pipeline = self._pipelines[key]
        try:
            shape = pipeline.latent_shape(recipe.width, recipe.height)
        except UsageError as error:
            raise InvalidError("the model cannot make a picture of the recipe's size") from error
        if shape != recipe.shape:
            raise InvalidError(f"the recipe's latent shape {recipe.shape} is not the model's for its picture size")
        if pipeline.max_tokens != recipe.max_tokens:
            raise InvalidError(
                f"the recipe truncates after {recipe.max_tokens} tokens, the model after {pipeline.max_tokens}"
            )
        return pipeline


def _require_sources(recipe: Recipe, operation: Operation, sources: Sequence[Material]) -> None:
    reason = why_not_sources(recipe, operation, tuple(sources))
    if reason is not None:
        raise InvalidError(reason)


def _is_adapter(name: str) -> bool:
    return name.endswith(".safetensors")
