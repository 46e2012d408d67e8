"""The verifier's side of the generator: decode, regenerate and invert what a recipe describes.

Registered under ``seedproof.regenerators``. torch is imported when something is generated, not before: ``why_not``
only compares digests.
"""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

from generator.models import HOUSE_MODEL, InstalledModel, open_model, scheduler_of
from provenance.errors import InvalidError, MissingModelError, UsageError
from provenance.noise import gaussian

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np
    from numpy.typing import NDArray

    from generator.runtime import Runtime
    from provenance.recipe import Prompt, Recipe

__all__ = ["DiffusersRegenerator", "open_regenerator"]

MAX_WORK = 2**23
"""Most pixels times steps that are regenerated for a stranger's recipe (512x512 in 32); hostile ones ask for hours."""

MAX_STEPS = 200
MAX_GUIDANCE = Decimal(100)


def open_regenerator(models: Sequence[str] = ()) -> DiffusersRegenerator:
    """A regenerator that knows the house model and the given model folders."""
    return DiffusersRegenerator((HOUSE_MODEL, *models))


class DiffusersRegenerator:
    """Implements provenance.ports.Regenerator with the models on this machine; pipelines are loaded once."""

    def __init__(self, names: Sequence[str]) -> None:
        self._names = tuple(names)
        self._models: dict[bytes, InstalledModel] | None = None
        self._pipelines: dict[tuple[bytes, str], Runtime] = {}

    def why_not(self, recipe: Recipe) -> str | None:
        """None when this machine can make the picture of this recipe, else one line."""
        model = self._find(recipe)
        if model is None:
            return f"this machine has no model {recipe.model.name!r} with digest {recipe.model.digest.hex()[:16]}..."
        if model.identity.components != recipe.model.components:
            return "the recipe names other components than the model's"
        if scheduler_of(model) != recipe.scheduler:
            return f"the recipe configures its scheduler {recipe.scheduler.name} in another way than the model does"
        if recipe.steps > MAX_STEPS or recipe.width * recipe.height * recipe.steps > MAX_WORK:
            size = f"{recipe.width}x{recipe.height}"
            return f"regenerating {size} in {recipe.steps} steps is more than is done for a stranger"
        if not 0 <= recipe.guidance <= MAX_GUIDANCE:
            return f"guidance {recipe.guidance} is outside of 0 to {MAX_GUIDANCE}"
        return None

    def decode(self, recipe: Recipe, latent: NDArray[np.float32]) -> NDArray[np.uint8]:
        """Pixels uint8 (H, W, 3), decoded in float32 whatever the sampling dtype was."""
        pixels: NDArray[np.uint8] = self._pipeline(recipe, "float32").decode(latent[None])[0]
        return pixels

    def regenerate(self, recipe: Recipe, prompt: Prompt, seeds: Sequence[bytes]) -> list[NDArray[np.float32]]:
        """The final latent for each seed, one by one."""
        pipeline = self._pipeline(recipe, recipe.dtype)
        made: list[NDArray[np.float32]] = []
        for seed in seeds:
            latents = pipeline.sample(
                gaussian(seed, recipe.shape)[None],
                prompt.text,
                prompt.negative,
                steps=recipe.steps,
                guidance=float(recipe.guidance),
            )
            made.append(latents[0])
        return made

    def invert(self, recipe: Recipe, prompt: Prompt, latent: NDArray[np.float32]) -> NDArray[np.float32]:
        """The initial noise that the sampler's ODE leads back to."""
        noise: NDArray[np.float32] = self._pipeline(recipe, recipe.dtype).invert(
            latent[None], prompt.text, prompt.negative, steps=recipe.steps, guidance=float(recipe.guidance)
        )[0]
        return noise

    def _find(self, recipe: Recipe) -> InstalledModel | None:
        if self._models is None:
            self._models = {}
            for name in self._names:
                try:
                    model = open_model(name)
                except (MissingModelError, InvalidError):
                    if name != HOUSE_MODEL:
                        raise
                    continue
                self._models[model.identity.digest] = model
        return self._models.get(recipe.model.digest)

    def _pipeline(self, recipe: Recipe, dtype: str) -> Runtime:
        model = self._find(recipe)
        if model is None:
            raise MissingModelError(self.why_not(recipe) or "no model")
        key = (recipe.model.digest, dtype)
        if key not in self._pipelines:
            from generator.runtime import load_runtime

            self._pipelines[key] = load_runtime(model, device="auto", dtype=dtype)
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
