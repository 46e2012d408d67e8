"""What other programs read in a picture: A1111's ``parameters``, IPTC's fields in XMP, and text of theirs that is kept.

Written before signing. Of a sealed prompt nothing is said; who made the picture is said nowhere here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from provenance import __version__
from provenance.chunks import png_chunks
from provenance.encoding import decimal_string
from provenance.errors import UsageError
from provenance.recipe import Prompt
from provenance.xmp import Xmp, format_xmp

if TYPE_CHECKING:
    from collections.abc import Mapping

    from provenance.recipe import Recipe

__all__ = ["KEPT_KEYWORDS", "foreign_text", "picture_text", "picture_xmp"]

KEPT_KEYWORDS = (
    "parameters",
    "prompt",
    "workflow",
    "invokeai_metadata",
    "invokeai_workflow",
    "invokeai_graph",
    "sd-metadata",
    "Dream",
)
"""PNG text of A1111 (and its descendants), ComfyUI and InvokeAI."""

_MAX_TEXT = 2**20


def picture_text(recipe: Recipe) -> Mapping[str, str]:
    """``parameters`` as A1111 and its descendants write and read them; nothing where the prompt is sealed.

    Their field Seed holds 32 bits and no seed of ours, so it is left out and the whole seed stands under another name.
    """
    prompt = recipe.prompt
    if not isinstance(prompt, Prompt) or "\0" in prompt.text + prompt.negative:
        return {}
    facts = {
        "Steps": str(recipe.steps),
        "Sampler": recipe.scheduler.name.removesuffix("Scheduler"),
        "CFG scale": decimal_string(recipe.guidance),
        "Size": f"{recipe.width}x{recipe.height}",
        "Model hash": recipe.model.digest.hex()[:10],
        "Model": recipe.model.name.replace(",", " "),
        **_adapters(recipe),
        "Seedproof seed": recipe.seed.hex(),
        "Version": f"seedproof {__version__}",
    }
    negative = [f"Negative prompt: {prompt.negative}"] if prompt.negative else []
    last = ", ".join(f"{name}: {value}" for name, value in facts.items())
    return {"parameters": "\n".join([prompt.text, *negative, last])}


def picture_xmp(recipe: Recipe) -> Xmp:
    """That a trained model made the picture, which one, and from which prompt unless that is sealed."""
    system, version = f"seedproof {__version__}, {recipe.model.name}", recipe.model.digest.hex()
    prompt = recipe.prompt
    if isinstance(prompt, Prompt):
        told = prompt.text + (f"\nNegative prompt: {prompt.negative}" if prompt.negative else "")
        full = Xmp(told, system, version)
        try:
            format_xmp(full)
        except UsageError:  # a prompt with characters that XML cannot hold stands in the recipe alone
            return Xmp("", system, version)
        return full
    return Xmp("", system, version)


def foreign_text(data: bytes) -> dict[str, str]:
    """What A1111, ComfyUI or InvokeAI wrote into a PNG, by keyword.

    Raises:
        InvalidError: no PNG, or a damaged one. UsageError: a text that is too long to be kept.
    """
    import io

    from PIL import Image, PngImagePlugin

    from provenance.anypicture import MAX_PIXELS, TROUBLE

    png_chunks(data)
    try:
        with Image.open(io.BytesIO(data), formats=["PNG"]) as image:
            if image.width * image.height > MAX_PIXELS:
                raise UsageError(f"the picture with the metadata has more than {MAX_PIXELS} pixels")
            image.load()
            found = dict(image.text) if isinstance(image, PngImagePlugin.PngImageFile) else {}
    except TROUBLE as error:
        raise UsageError(f"the picture with the metadata cannot be read: {error}") from error
    kept = {name: str(found[name]) for name in KEPT_KEYWORDS if name in found}
    for name, text in kept.items():
        if len(text) > _MAX_TEXT:
            raise UsageError(f"metadata {name!r} has {len(text)} characters; at most {_MAX_TEXT} can be kept")
    return kept


def _adapters(recipe: Recipe) -> dict[str, str]:
    used = recipe.setup.adapters if recipe.setup else ()
    loras = " ".join(f"{adapter.name}: {adapter.digest.hex()[:10]}" for adapter in used if adapter.kind == "lora")
    words = " ".join(f"{adapter.name}: {adapter.digest.hex()[:10]}" for adapter in used if adapter.kind != "lora")
    return ({"Lora hashes": f'"{loras}"'} if loras else {}) | ({"TI hashes": f'"{words}"'} if words else {})
