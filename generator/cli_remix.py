"""``seedproof remix``, ``inpaint``, ``edit``, ``style``, ``blend``: pictures made of claimed works."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from generator.cli_remix_make import make
from generator.cli_remix_options import Asked, child_options, prompt_options, share
from provenance.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from generator.remix.opened import Opened
    from provenance.operation import Operation
    from provenance.recipe import Recipe

__all__ = ["blend", "edit", "inpaint", "remix", "style"]

_FILE = click.Path(path_type=Path)
_WAYS = click.Choice(["auto", "rerun", "inverted"])
_SAMPLED = Decimal("0.3")
_WAY_HELP = "How the work's way through the sampler is found: run again from its seed, or backwards from its latent."


@click.command(epilog='Example: seedproof remix apple.png "a green apple, watercolour" --strength 0.5 -o green.png')
@click.argument("file", type=_FILE)
@click.argument("prompt")
@click.option("--strength", default="0.7", show_default=True, help="0 keeps the work, 1 makes a new picture.")
@prompt_options
@child_options
def remix(file: Path, prompt: str, strength: str, **options: Any) -> None:
    """Make a picture of PROMPT that begins with the work in FILE (image-to-image from its stored latent)."""
    number = share(strength, "--strength")

    def choose(_recipe: Recipe, opened: Sequence[Opened]) -> Operation:
        return _operation("image-to-image", opened, {"strength": number})

    make([file], prompt, Asked(**options), choose)


@click.command(epilog='Example: seedproof inpaint apple.png "a bite taken out" --mask mask.png -o bitten.png')
@click.argument("file", type=_FILE)
@click.argument("prompt")
@click.option("--mask", type=_FILE, required=True, help="PNG of the picture's size; what is white may change.")
@click.option("--strength", default="1", show_default=True, help="How much of the masked part is made anew, 0 to 1.")
@click.option(
    "--mode",
    type=click.Choice(["blend", "native"]),
    default="blend",
    show_default=True,
    help="native: for models that were trained with a mask channel.",
)
@prompt_options
@child_options
def inpaint(file: Path, prompt: str, mask: Path, strength: str, mode: str, **options: Any) -> None:
    """Paint PROMPT into the masked part of the work in FILE; outside of it the latent stays what it was, exactly."""
    from generator.remix.mask import check_mask, read_mask

    number = share(strength, "--strength")
    check_mask(mask)

    def bits(opened: Sequence[Opened]) -> bytes:
        return read_mask(mask, opened[0].size, opened[0].source.latent.shape[1:])

    def choose(_recipe: Recipe, opened: Sequence[Opened]) -> Operation:
        return _operation("inpaint", opened, {"strength": number, "mode": mode}, bits(opened))

    make([file], prompt, Asked(**options), choose, check=bits)


@click.command(epilog='Example: seedproof edit apple.png "a pear" -o pear.png')
@click.argument("file", type=_FILE)
@click.argument("prompt")
@click.option(
    "--method",
    type=click.Choice(["auto", "flow-edit", "plug-and-play"]),
    default="auto",
    show_default=True,
    help="auto: flow-edit for flow-matching models, plug-and-play for others.",
)
@click.option("--strength", default="0.9", show_default=True, help="flow-edit: share of the steps that are edited.")
@click.option(
    "--average", default=1, show_default=True, type=click.IntRange(1, 8), help="flow-edit: draws in each step."
)
@click.option(
    "--sampled",
    help="flow-edit: share of the steps, the last ones, that are sampled from noise of its own, which proves who made "
    f"it; 0 for none.  [default: {_SAMPLED}]",
)
@click.option("--source-guidance", help="flow-edit: guidance towards the work's own prompt; by default its own.")
@click.option("--attention", default="0.5", show_default=True, help="plug-and-play: share of steps with its attention.")
@click.option("--features", default="0.8", show_default=True, help="plug-and-play: share of steps with its features.")
@click.option("--trajectory", type=_WAYS, default="auto", show_default=True, help=f"plug-and-play: {_WAY_HELP}")
@prompt_options
@child_options
def edit(
    file: Path,
    prompt: str,
    method: str,
    strength: str,
    average: int,
    sampled: str | None,
    source_guidance: str | None,
    attention: str,
    features: str,
    trajectory: str,
    **options: Any,
) -> None:
    """Let the work in FILE show PROMPT instead of what it showed, and keep its structure."""
    if not prompt.strip():
        raise UsageError("edit needs a prompt that says what is to be seen instead; remix goes without one")
    of_steps = share(strength, "--strength")
    plain = None if sampled is None else share(sampled, "--sampled")
    own = None if source_guidance is None else share(source_guidance, "--source-guidance", high=100)
    shares = {"attention": share(attention, "--attention"), "features": share(features, "--features")}

    def choose(recipe: Recipe, opened: Sequence[Opened]) -> Operation:
        from generator.schedulers import kind_of

        flow = kind_of(recipe.scheduler).flow
        if method == "flow-edit" or (method == "auto" and flow):
            made = opened[0].material.recipe
            usual = Decimal(1) if made is None else made.guidance
            guided = usual if own is None else own
            last = _sampled(of_steps, recipe.steps) if plain is None else plain
            told = {"strength": of_steps, "average": average, "source_guidance": guided}
            return _operation("flow-edit", opened, told | ({"sampled": last} if last else {}))
        way = _way(trajectory, recipe, opened[0])
        return _operation("plug-and-play", opened, {**shares, "trajectory": way})

    make([file], prompt, Asked(**options), choose)


@click.command(epilog="Example: seedproof style apple.png --from waves.png -o apple-waves.png")
@click.argument("file", type=_FILE)
@click.option("--from", "painted", type=_FILE, required=True, help="The work whose style is taken.")
@click.option("--prompt", help="What the result shows; by default nothing is said, and the two works alone speak.")
@click.option("--gamma", default="0.75", show_default=True, help="How much the layout of FILE counts, 0 to 1.")
@click.option("--temperature", default="1.5", show_default=True, help="How sharply the style is looked at, to 10.")
@click.option("--strength", default="0.75", show_default=True, help="Share of the steps that are painted anew.")
@click.option("--content-trajectory", type=_WAYS, default="auto", show_default=True, help=_WAY_HELP)
@click.option("--style-trajectory", type=_WAYS, default="auto", show_default=True, help="The same for --from.")
@prompt_options
@child_options
def style(
    file: Path,
    painted: Path,
    prompt: str | None,
    gamma: str,
    temperature: str,
    strength: str,
    content_trajectory: str,
    style_trajectory: str,
    **options: Any,
) -> None:
    """Paint what the work in FILE shows as another work is painted."""
    numbers = {
        "gamma": share(gamma, "--gamma"),
        "temperature": share(temperature, "--temperature", high=10),
        "strength": share(strength, "--strength"),
    }

    def choose(recipe: Recipe, opened: Sequence[Opened]) -> Operation:
        ways = {
            "content_trajectory": _way(content_trajectory, recipe, opened[0]),
            "style_trajectory": _way(style_trajectory, recipe, opened[1]),
        }
        return _operation("style", opened, {**numbers, **ways})

    asked = Asked(**options)
    if prompt is None and asked.guidance is None:
        asked = replace(asked, guidance="1")  # guidance away from nothing would only cost time
    make([file, painted], prompt or "", asked, choose)


@click.command(epilog="Example: seedproof blend a.png b.png --weight 0.3 -o c.png")
@click.argument("files", type=_FILE, nargs=-1, required=True)
@click.option(
    "--weight",
    "weights",
    multiple=True,
    help="Of two works the share of the second (by default 0.5); of more one share for each, together 1.",
)
@click.option(
    "--mode",
    type=click.Choice(["spherical", "linear"]),
    default="spherical",
    show_default=True,
    help="spherical keeps the contrast; linear is a cross-fade.",
)
@child_options
def blend(files: tuple[Path, ...], weights: tuple[str, ...], mode: str, **options: Any) -> None:
    """Make a picture between the works in FILES, in the model's own space. No model is run but its decoder."""
    from provenance.operation import MAX_SOURCES

    if not 1 < len(files) <= MAX_SOURCES:
        raise UsageError(f"blend takes 2 to {MAX_SOURCES} works, {len(files)} were named")
    numbers = _weights([share(weight, "--weight") for weight in weights], len(files))

    def choose(_recipe: Recipe, opened: Sequence[Opened]) -> Operation:
        return _operation("blend", opened, {"mode": mode, **numbers})

    make(files, "", Asked(**options), choose, plain=True)


def _operation(name: str, opened: Sequence[Opened], parameters: dict[str, Any], mask: bytes | None = None) -> Operation:
    from provenance.operation import Operation

    return Operation(name, parameters, tuple(each.source for each in opened), mask)


def _way(asked: str, recipe: Recipe, opened: Opened) -> str:
    """``rerun`` where it can be done, unless the user said otherwise."""
    from generator.remix.sources import why_no_rerun

    if asked != "auto":
        return asked
    return "inverted" if why_no_rerun(recipe, opened.material) else "rerun"


def _sampled(strength: Decimal, steps: int) -> Decimal:
    """The usual share, or 0 where so few steps are run that it would be none or all of them."""
    from provenance.operation import executed_steps

    return _SAMPLED if 0 < executed_steps(_SAMPLED, steps) < executed_steps(strength, steps) else Decimal(0)


def _weights(given: list[Decimal], works: int) -> dict[str, Decimal]:
    """Weights as an operation records them."""
    if works == 2:  # noqa: PLR2004 - two works have one weight
        if len(given) > 1:
            raise UsageError("--weight: of two works one share is enough, that of the second")
        return {"weight": given[0] if given else Decimal("0.5")}
    if len(given) != works or sum(given) != 1:
        raise UsageError(f"--weight: {works} works need {works} shares that sum to 1")
    return {f"w{position}": share for position, share in enumerate(given)}
