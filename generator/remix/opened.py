"""Opening what a remix starts from: a claimed work with its stored latent, or an outside picture through an encoder.

Nobody's encoder is needed for a claimed work. Where its latent is not stored in the file, a log may have it, or it can
be made again from its seed. Only an outside picture needs an encoder, and then it stays one: nobody proved its author.
"""

from __future__ import annotations

import io
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from provenance.anypicture import TROUBLE
from provenance.claim import Claim, LatentRef, parse_entry
from provenance.errors import EnvironmentFault, InvalidError, UnprovedError, UnsupportedVersionError, UsageError
from provenance.files import read_bounded
from provenance.latent import dequantise, latent_digest, quantise
from provenance.lineagesearch import work_of_file
from provenance.manifest_parents import Parent
from provenance.operation import Source
from provenance.pixels import media_type_of, pixel_digest, read_picture
from provenance.policy import Policy
from provenance.ports import Material
from provenance.recipe import Prompt
from provenance.report import Verdict
from provenance.storedlatent import encode_latent
from provenance.thumbnail import thumbnail
from provenance.verify import Depth, Request, verify_lineage
from provenance.work import Work, format_bundle, work_of_ledger

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime
    from decimal import Decimal
    from pathlib import Path

    from numpy.typing import NDArray

    from provenance.lineage import Lineage
    from provenance.ports import Ledger, Regenerator

__all__ = ["Opened", "open_outside", "open_work", "read_outside"]

MAX_FILE_BYTES = 256 * 2**20
_OUTSIDE = {"PNG": "image/png", "JPEG": "image/jpeg", "WEBP": "image/webp"}
_MAX_OUTSIDE_PIXELS = 2**26


@dataclass(frozen=True)
class Opened:
    """One thing to start from.

    Attributes:
        source: how the recipe names it.
        material: what the operation needs of it.
        carried: what the child's manifest carries of it.
        claim: None for an outside picture.
        outside: the stored form of an outside picture's latent, else None.
        size: width and height of the picture in pixels.
        lineage: of a work that came as a file, its ancestors.
    """

    source: Source
    material: Material
    carried: Parent
    claim: Claim | None
    outside: bytes | None
    size: tuple[int, int]
    lineage: Lineage | None = None


def open_work(
    path: Path,
    now: datetime,
    *,
    ledgers: Sequence[Ledger] = (),
    regenerator: Regenerator | None = None,
) -> Opened:
    """A claimed work from its file; its latent from the file, else from one of ``ledgers``, else made again.

    Raises:
        UsageError: the file cannot be read, or there is no latent to start from; the message says what can be done.
        InvalidError: the file is not what it claims. LedgerFault, EnvironmentFault: see Ledger and Regenerator.
    """
    data = read_bounded(path, "picture", limit=MAX_FILE_BYTES)
    if not data or media_type_of(data) is None:
        raise UsageError(f"{path} is no PNG or WebP; an outside picture needs --encode")
    try:
        work = work_of_file(data, path.name)
    except UnprovedError:
        return _by_pixels(data, path, ledgers)
    report, lineage = verify_lineage(data, Request(policy=Policy(), now=now, depth=Depth.QUICK))
    if work.faults or report.verdict is Verdict.INVALID:
        raise InvalidError(f"{path} does not verify, so nothing is made of it: {(*work.faults, report.reason)[0]}")
    if work.integers is not None:
        shown = thumbnail(read_picture(data).rgb)
        carried = Parent(path.name, media_type_of(data) or "", file=data, thumbnail=shown)
        return replace(_opened(work, carried), lineage=lineage)
    for ledger in ledgers:
        found = work_of_ledger(work.identifier, ledger)
        if found is not None and found[0].integers is not None:
            return _bundled(found[0], path.name)
    if regenerator is not None:
        return _bundled(_again(work, regenerator, path), path.name)
    raise UsageError(_advice(path))


def _by_pixels(data: bytes, path: Path, ledgers: Sequence[Ledger]) -> Opened:
    """The work that a log knows by these pixels: its manifest was stripped."""
    try:
        pixels = pixel_digest(read_picture(data).rgb)
    except InvalidError as error:
        raise UsageError(_advice(path)) from error
    for ledger in ledgers:
        for logged in ledger.search(pixels=pixels):
            try:
                claim = parse_entry(logged.entry).claim
            except (InvalidError, UnsupportedVersionError):
                continue
            found = work_of_ledger(_identifier(claim), ledger)
            if claim.pixels == pixels and found is not None and found[0].integers is not None and not found[0].faults:
                return _bundled(found[0], path.name)
    raise UsageError(_advice(path))


def _again(work: Work, regenerator: Regenerator, path: Path) -> Work:
    """The work with the integers that its seed makes, which must be those that were claimed."""
    recipe = work.recipe
    if not isinstance(recipe.prompt, Prompt) or recipe.operation is not None:
        raise UsageError(f"{path}: --regenerate needs an open prompt and a work that was not made from others")
    reason = regenerator.why_not(recipe)
    if reason is not None:
        raise EnvironmentFault(f"{path} cannot be made again here: {reason}")
    (latent,) = regenerator.regenerate(recipe, recipe.prompt, [recipe.seed])
    integers = quantise(latent, recipe.latent_steps)
    if latent_digest(integers) != work.claim.latent.digest:
        raise EnvironmentFault(f"{path}: made again here, its latent is not the claimed one to the last integer")
    return Work(work.identifier, work.entry, recipe, integers, work.origin, work.title)


def read_outside(path: Path) -> tuple[bytes, str, NDArray[np.uint8]]:
    """(file, media type, pixels uint8 (H, W, 3)) of an outside picture.

    Raises:
        UsageError: no PNG, JPEG or WebP, or transparent.
    """
    from PIL import Image

    data = read_bounded(path, "--encode", limit=MAX_FILE_BYTES)
    try:
        with Image.open(io.BytesIO(data), formats=list(_OUTSIDE)) as image:
            if image.width * image.height > _MAX_OUTSIDE_PIXELS:
                raise UsageError(f"--encode: {path} has more than {_MAX_OUTSIDE_PIXELS} pixels")
            kind = _OUTSIDE[image.format or "PNG"]
            if np.asarray(image.convert("RGBA"))[..., 3].min() < np.iinfo(np.uint8).max:
                raise UsageError(f"--encode: {path} has transparent parts")
            rgb = np.array(image.convert("RGB"), np.uint8)
    except UsageError:
        raise
    except TROUBLE as error:
        raise UsageError(f"--encode: {path} is no readable PNG, JPEG or WebP") from error
    return data, kind, rgb


def open_outside(
    path: Path, picture: tuple[bytes, str, NDArray[np.uint8]], latent: NDArray[np.float32], steps: tuple[Decimal, ...]
) -> Opened:
    """An outside picture with the latent (C, h, w) that an encoder made of it.

    Raises:
        EnvironmentFault: the latent holds values that cannot be stored.
    """
    data, media_type, rgb = picture
    try:
        integers = quantise(latent, steps)
    except ValueError as error:
        raise EnvironmentFault(f"--encode: the latent of {path} cannot be stored: {error}") from error
    shape = (int(integers.shape[0]), int(integers.shape[1]), int(integers.shape[2]))
    source = Source(None, LatentRef(latent_digest(integers), shape, steps), pixel_digest(rgb))
    return Opened(
        source,
        Material(dequantise(integers, steps), None, None),
        Parent(path.name, media_type, file=data, thumbnail=thumbnail(rgb)),
        None,
        encode_latent(integers),
        (int(rgb.shape[1]), int(rgb.shape[0])),
    )


def _bundled(work: Work, title: str) -> Opened:
    if work.integers is None:
        raise UsageError(f"{title}: no latent")
    if work.faults:
        raise InvalidError(f"{title} does not verify, so nothing is made of it: {work.faults[0]}")
    bundle = format_bundle(work.entry, work.recipe, encode_latent(work.integers))
    return _opened(work, Parent(title, "application/octet-stream", work=bundle))


def _opened(work: Work, carried: Parent) -> Opened:
    recipe, reference = work.recipe, work.claim.latent
    if work.integers is None:
        raise UsageError(f"{carried.title}: no latent")
    known = recipe.prompt if isinstance(recipe.prompt, Prompt) else None
    material = Material(dequantise(work.integers, reference.steps), recipe, known)
    return Opened(
        Source(work.identifier, reference), material, carried, work.claim, None, (recipe.width, recipe.height)
    )


def _identifier(claim: Claim) -> bytes:
    from provenance.claim import claim_id

    return claim_id(claim)


def _advice(path: Path) -> str:
    return (
        f"{path}: no latent of ours is stored in it, and a picture cannot be turned back into one without an encoder: "
        "fetch the latent from a log that has it (--from-ledger), make it again from its seed (--regenerate), or "
        "encode the picture with a model whose encoder you have (--encode)"
    )
