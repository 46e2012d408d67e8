"""Where models are and what they are: a folder in diffusers' layout, identified by a digest over its files.

The digest of a component is tagged_hash("seedproof/v1/model", canonical list of [path, SHA-256]) over its folder; the
model's digest is the same over all component folders. No torch here: a verifier must be able to say quickly that it
has not got a model.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
import stat
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from generator.configuration import count_of, downscale_factor, read_configuration
from generator.schedulers import read_scheduler
from provenance.display import require_plain_text
from provenance.encoding import canonical
from provenance.errors import InvalidError, MissingModelError, UsageError
from provenance.hashing import Tag, tagged_hash
from provenance.recipe import Component, Model, Scheduler

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = [
    "HOUSE_MODEL",
    "InstalledModel",
    "check_unchanged",
    "house_model",
    "native_size",
    "open_model",
    "scheduler_of",
]

HOUSE_MODEL = "house"
"""The name by which ``--model`` means the embedded model."""

_MAX_FILES = 10_000
_BLOCK = 1 << 20
_PART = re.compile(r"[A-Za-z0-9_]{1,100}", re.ASCII)
_PICKLES = {".bin", ".pt", ".pth", ".ckpt", ".pkl", ".pickle"}
_USUAL_LATENT = 128
"""Latent side of models that do not say any, such as Flux: 1,024 pixels."""

_LIBRARIES = {"diffusers", "transformers", "generator.house.decoder_only"}
"""Where classes may come from; anything else is code that the model brings."""


@dataclass(frozen=True)
class InstalledModel:
    """A model folder on this machine.

    Attributes:
        folder: in diffusers' layout.
        identity: name, digest and components, as they stand in recipes.
        pipeline_class: the class that model_index.json names.
        index: model_index.json.
        code: digest of the Python files that it brings and that may be run; None for models without.
        stamp: size and time of every file when the digest was made.
    """

    folder: Path
    identity: Model
    pipeline_class: str
    index: Mapping[str, Any] = field(default_factory=dict)
    code: bytes | None = None
    stamp: tuple[tuple[str, int, int], ...] = ()


def house_model() -> InstalledModel:
    """The embedded model."""
    return open_model(HOUSE_MODEL)


def open_model(name: str, *, revision: str | None = None, trust_remote_code: bool = False) -> InstalledModel:
    """A model by the name ``house``, by its folder, or by its id on the hub.

    Raises:
        MissingModelError: no such model, or not in diffusers' layout.
        InvalidError: it holds pickled weights, which can run code when they are loaded.
        UsageError: it brings code of its own and is not trusted, or a revision of something that has none.
    """
    folder = _folder(name, revision, with_code=trust_remote_code)
    index = _read_index(folder)
    parts = sorted(part for part, value in index.items() if isinstance(value, list) and value and value[0] is not None)
    parts = [part for part in parts if not part.startswith("_")]
    unusable = next((part for part in parts if not _PART.fullmatch(part)), None)
    if unusable is not None:  # it becomes a path
        raise MissingModelError(f"{folder}: component {unusable[:80]!r} is missing: no folder can have that name")
    if not parts:
        raise MissingModelError(f"{folder}: model_index.json names no component")
    code = _code(folder, index, parts)
    if code is not None and not trust_remote_code:
        raise UsageError(f"{name}: this model brings Python code, which is run only with --trust-remote-code")
    stamp = _stamp(folder, parts)
    files: list[tuple[str, str]] = []
    components = []
    for part in parts:
        listing = _hash_folder(folder, part)
        files += listing
        components.append(Component(part, _digest(listing)))
    class_name = index.get("_class_name", "")
    identity = Model(_title(name, folder, index), _digest(sorted(files)), tuple(components))
    pipeline = str(class_name[-1] if isinstance(class_name, list) and class_name else class_name)
    return InstalledModel(folder, identity, pipeline, index, code, stamp)


def check_unchanged(model: InstalledModel) -> None:
    """Make sure that the folder still holds what its digest was made of.

    Raises:
        MissingModelError: a file was changed, added or removed since.
    """
    parts = [component.name for component in model.identity.components]
    if _stamp(model.folder, parts) == model.stamp:
        return
    files = [pair for part in parts for pair in _hash_folder(model.folder, part)]
    if _digest(sorted(files)) != model.identity.digest:
        raise MissingModelError(f"the model in {model.folder} changed while it was in use; nothing was claimed")


def scheduler_of(model: InstalledModel) -> Scheduler:
    """The scheduler's class and full configuration, floats as decimal strings.

    Raises:
        MissingModelError: the folder has no readable scheduler configuration.
    """
    return read_scheduler(model.folder / "scheduler" / "scheduler_config.json")


def _folder(name: str, revision: str | None, *, with_code: bool) -> Path:
    from generator.hub import fetch_model, is_hub_id

    if name != HOUSE_MODEL and is_hub_id(name):
        return fetch_model(name, revision, with_code=with_code)
    if revision is not None:
        raise UsageError(f"--revision: {name} is no model of the hub, so it has no revisions")
    return Path(__file__).parent / "house" / "model" if name == HOUSE_MODEL else Path(name).expanduser()


def _title(name: str, folder: Path, index: Mapping[str, Any]) -> str:
    """A name for people: the hub's, the folder's own, or the folder's."""
    from generator.hub import is_hub_id

    own = str(index.get("_name_or_path") or "")
    told = name if is_hub_id(name) else own if own and own[0] not in "/~.\\" else folder.resolve().name
    try:
        return require_plain_text(told[:200], "model name", limit=200)
    except InvalidError:
        return "model without a printable name" if name != HOUSE_MODEL else "seedproof-house"


def _code(folder: Path, index: Mapping[str, Any], parts: list[str]) -> bytes | None:
    """Digest of all Python files, for a model that needs them to be run."""
    foreign = [part for part in parts if str(index[part][0]) not in _LIBRARIES]
    if not foreign and not isinstance(index.get("_class_name"), list):
        return None
    listing = sorted(
        (path.relative_to(folder).as_posix(), _hash_file(path)) for path in folder.rglob("*.py") if path.is_file()
    )
    if not listing:
        raise MissingModelError(f"{folder}: model_index.json names code that is not there: {', '.join(foreign)}")
    return _digest(listing)


def _read_index(folder: Path) -> dict[str, Any]:
    try:
        return read_configuration(folder / "model_index.json")
    except MissingModelError as error:
        raise MissingModelError(f"{folder} is no model in diffusers' layout: {error}") from error


def _hash_folder(folder: Path, part: str) -> list[tuple[str, str]]:
    root = folder / part
    if Path(part).name != part or not root.is_dir():
        raise MissingModelError(f"{folder}: component {part!r} is missing")
    listing = []
    for path in sorted(root.rglob("*")):
        if path.is_symlink() and not path.resolve().is_file():
            raise MissingModelError(f"{path} is a dangling link")
        if not path.is_file():
            continue
        if path.suffix in _PICKLES:
            raise InvalidError(f"{path} is a pickle, which can run code; convert the model to safetensors")
        listing.append((path.relative_to(folder).as_posix(), _hash_file(path)))
        if len(listing) > _MAX_FILES:
            raise MissingModelError(f"{root}: more than {_MAX_FILES} files")
    return sorted(listing)


def _hash_file(path: Path) -> str:
    digest = hashlib.sha256()
    try:
        with path.open("rb") as file:
            while block := file.read(_BLOCK):
                digest.update(block)
    except OSError as error:
        raise MissingModelError(f"{path} cannot be read: {error.strerror or error}") from error
    return digest.hexdigest()


def _stamp(folder: Path, parts: list[str]) -> tuple[tuple[str, int, int], ...]:
    """Path, size and time of change of every file of the components."""
    found = []
    for part in parts:
        for inside, _, names in os.walk(folder / part):
            place = os.path.relpath(inside, folder).replace(os.sep, "/")
            for name in names:
                with contextlib.suppress(OSError):
                    told = os.stat(f"{inside}{os.sep}{name}")  # noqa: PTH116 - after every picture, so by the fast way
                    if stat.S_ISREG(told.st_mode):
                        found.append((f"{place}/{name}", told.st_size, told.st_mtime_ns))
    return tuple(sorted(found))


def _digest(listing: list[tuple[str, str]]) -> bytes:
    return tagged_hash(Tag.MODEL, canonical({"files": [list(pair) for pair in listing]}))


def native_size(folder: Path) -> int:
    """Side in pixels of the square pictures that a model was trained on, by its own configuration.

    Raises:
        MissingModelError: the folder does not say.
    """
    try:
        denoiser = next(path for path in (folder / "unet", folder / "transformer") if path.is_dir())
        config = read_configuration(denoiser / "config.json")
        side = config.get("sample_size") or _USUAL_LATENT
        first = side[0] if isinstance(side, list) else side
        return count_of({"sample_size": first}, "sample_size") * downscale_factor(
            read_configuration(folder / "vae" / "config.json")
        )
    except (MissingModelError, ValueError, StopIteration) as error:
        raise MissingModelError(f"{folder} does not say what size of picture it makes; pass --size") from error
