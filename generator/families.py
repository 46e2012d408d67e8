"""The families of models that are run, as a table: what each pipeline of diffusers is made of and called with.

One adapter (``generator.diffusion``) serves them all. A family is in the table when its pipeline takes initial noise
(``latents``), gives the final latent (``output_type="latent"``) and is conditioned by a prompt alone. No torch here.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from provenance.errors import MissingModelError

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["DECODERS", "FAMILIES", "HOUSE_PIPELINE", "PACKED", "PARTS", "Family", "family_of"]

PACKED = 2
"""Latents that travel as patches: values a side of each."""

HOUSE_PIPELINE = "HousePipeline"
"""Class name of the house model's folder, run by ``generator.pipeline`` and not by diffusers."""


@dataclass(frozen=True)
class Family:
    """How one pipeline class is built and called.

    Attributes:
        pipeline: its class in diffusers.
        denoiser: name of the component that denoises.
        parts: other components that its constructor takes, apart from decoder and scheduler; some may be absent.
        arguments: what it is called with beyond prompt, size, steps and guidance; recorded in the recipe.
        options: switches in model_index.json that its constructor takes; recorded in the recipe as well.
        unused: components that its constructor takes and text-to-image does not need, given as None.
        packed: latents travel as rows of 2x2 patches.
        negative: whether a negative prompt means anything to it.
        no_negative: what stands for an empty negative prompt.
        steps, guidance: what is usual for it.
        tokens: prompt tokens that its longest text encoder reads; None where the tokenizer says.
        old_callback: progress is told by ``callback`` and not by ``callback_on_step_end``.
        masked: the denoiser reads a mask and the latent around it as well, 2 C + 1 channels (surroundings.py).
        runs: the class of diffusers that is built where it is not ``pipeline``.
    """

    pipeline: str
    denoiser: str
    parts: tuple[str, ...]
    arguments: Mapping[str, int | bool] = field(default_factory=dict)
    options: tuple[str, ...] = ()
    unused: tuple[str, ...] = ()
    packed: bool = False
    negative: bool = True
    no_negative: str | None = None
    steps: int = 30
    guidance: str = "7"
    tokens: int | None = None
    old_callback: bool = False
    masked: bool = False
    runs: str = ""

    def channels(self, reads: int) -> int:
        """Channels of a latent whose denoiser reads so many; 0 where no latent would fit."""
        if self.packed:
            return reads // PACKED**2
        if self.masked:
            return (reads - 1) // 2 if reads % 2 else 0
        return reads


_CLIP = ("text_encoder", "tokenizer")
_CLIP_TWICE = (*_CLIP, "text_encoder_2", "tokenizer_2")
_PIXART = {"clean_caption": False, "use_resolution_binning": False}

_STABLE_DIFFUSION = Family(
    "StableDiffusionPipeline",
    "unet",
    _CLIP,
    unused=("safety_checker", "feature_extractor", "image_encoder"),
)
_SDXL = Family(
    "StableDiffusionXLPipeline",
    "unet",
    _CLIP_TWICE,
    options=("force_zeros_for_empty_prompt",),
    unused=("feature_extractor", "image_encoder"),
    guidance="5",
)

FAMILIES: Mapping[str, Family] = {
    family.pipeline: family
    for family in (
        _STABLE_DIFFUSION,
        _SDXL,
        replace(
            _STABLE_DIFFUSION, pipeline="StableDiffusionInpaintPipeline", masked=True, runs=_STABLE_DIFFUSION.pipeline
        ),
        replace(_SDXL, pipeline="StableDiffusionXLInpaintPipeline", masked=True, runs=_SDXL.pipeline),
        Family(
            "StableDiffusion3Pipeline",
            "transformer",
            (*_CLIP_TWICE, "text_encoder_3", "tokenizer_3"),
            arguments={"max_sequence_length": 256},
            unused=("feature_extractor", "image_encoder"),
            tokens=256,
        ),
        Family(
            "FluxPipeline",
            "transformer",
            _CLIP_TWICE,
            arguments={"max_sequence_length": 256},
            unused=("feature_extractor", "image_encoder"),
            packed=True,
            negative=False,
            steps=28,
            guidance="3.5",
            tokens=256,
        ),
        Family(
            "PixArtAlphaPipeline",
            "transformer",
            _CLIP,
            arguments={"max_sequence_length": 120, **_PIXART},
            no_negative="",
            steps=20,
            guidance="4.5",
            tokens=120,
            old_callback=True,
        ),
        Family(
            "PixArtSigmaPipeline",
            "transformer",
            _CLIP,
            arguments={"max_sequence_length": 300, **_PIXART},
            no_negative="",
            steps=20,
            guidance="4.5",
            tokens=300,
            old_callback=True,
        ),
    )
}

DECODERS = {("diffusers", "AutoencoderKL"), ("generator.house.decoder_only", "DecoderOnly")}
"""(library, class) of what turns latents into pictures."""

PARTS = {
    "transformers": {
        "CLIPTextModel",
        "CLIPTextModelWithProjection",
        "T5EncoderModel",
        "CLIPTokenizer",
        "CLIPTokenizerFast",
        "T5Tokenizer",
        "T5TokenizerFast",
        "PreTrainedTokenizerFast",
        "TokenizersBackend",
    },
    "diffusers": {
        "UNet2DConditionModel",
        "SD3Transformer2DModel",
        "FluxTransformer2DModel",
        "PixArtTransformer2DModel",
        "Transformer2DModel",
    },
}
"""Classes that are loaded, by library: nothing that a folder merely names."""


def family_of(pipeline: str) -> Family:
    """The family of a pipeline class.

    Raises:
        MissingModelError: none; the message names those that there are.
    """
    if pipeline not in FAMILIES:
        known = ", ".join(sorted(FAMILIES))
        raise MissingModelError(f"pipeline class {pipeline or 'unknown'} is not supported; these are: {known}")
    return FAMILIES[pipeline]
