"""Where models are and what they are: a folder in diffusers' layout, identified by a digest over its files.

The digest of a component is tagged_hash("seedproof/v1/model", canonical list of [path, SHA-256]) over its folder; the
model's digest is the same over all component folders. No torch here: a verifier must be able to say quickly that it
has not got a model.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from provenance.encoding import Json, canonical, decimal_string
from provenance.errors import InvalidError, MissingModelError
from provenance.hashing import Tag, tagged_hash
from provenance.recipe import Component, Model, Scheduler

__all__ = ["HOUSE_MODEL", "InstalledModel", "house_model", "native_size", "open_model", "scheduler_of"]

HOUSE_MODEL = "house"
"""The name by which ``--model`` means the embedded model."""

_MAX_FILES = 10_000
_BLOCK = 1 << 20
_PICKLES = {".bin", ".pt", ".pth", ".ckpt", ".pkl"}


@dataclass(frozen=True)
class InstalledModel:
    """A model folder on this machine, with its identity and its model_index.json."""

    folder: Path
    identity: Model
    pipeline_class: str


def house_model() -> InstalledModel:
    """The embedded model."""
    return open_model(HOUSE_MODEL)


def open_model(name: str) -> InstalledModel:
    """A model by the name ``house`` or by its folder.

    Raises:
        MissingModelError: no such folder, or not in diffusers' layout.
        InvalidError: it holds pickled weights, which can run code when they are loaded.
    """
    folder = Path(__file__).parent / "house" / "model" if name == HOUSE_MODEL else Path(name).expanduser()
    index = _read_index(folder)
    parts = sorted(part for part, value in index.items() if isinstance(value, list) and value and value[0] is not None)
    if not parts:
        raise MissingModelError(f"{folder}: model_index.json names no component")
    files: list[tuple[str, str]] = []
    components = []
    for part in parts:
        listing = _hash_folder(folder, part)
        files += listing
        components.append(Component(part, _digest(listing)))
    title = str(index.get("_name_or_path") or (folder.name if name != HOUSE_MODEL else "seedproof-house"))
    identity = Model(title[:200], _digest(sorted(files)), tuple(components))
    return InstalledModel(folder, identity, str(index.get("_class_name", "")))


def scheduler_of(model: InstalledModel) -> Scheduler:
    """The scheduler's class and full configuration, floats as decimal strings.

    Raises:
        MissingModelError: the folder has no readable scheduler configuration.
    """
    path = model.folder / "scheduler" / "scheduler_config.json"
    try:
        config: dict[str, Any] = json.loads(path.read_bytes())
    except (OSError, ValueError) as error:
        raise MissingModelError(f"{path}: no readable scheduler configuration") from error
    if not isinstance(config, dict):
        raise MissingModelError(f"{path}: the scheduler configuration is no object")
    name = str(config.pop("_class_name", ""))
    config.pop("_diffusers_version", None)
    return Scheduler(name, canonical(_plain(config)).decode())


def _plain(value: Any) -> Json:
    if isinstance(value, float):
        return decimal_string(value)
    if isinstance(value, dict):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if value is None or isinstance(value, str | int | bool):
        return value
    raise InvalidError(f"scheduler configuration holds a {type(value).__name__}")


def _read_index(folder: Path) -> dict[str, Any]:
    path = folder / "model_index.json"
    try:
        index = json.loads(path.read_bytes())
    except OSError as error:
        raise MissingModelError(
            f"{folder} is no model in diffusers' layout: model_index.json cannot be read"
        ) from error
    except ValueError as error:
        raise MissingModelError(f"{path} is not JSON") from error
    if not isinstance(index, dict):
        raise MissingModelError(f"{path} is not a JSON object")
    return index


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
        digest = hashlib.sha256()
        with path.open("rb") as file:
            while block := file.read(_BLOCK):
                digest.update(block)
        listing.append((path.relative_to(folder).as_posix(), digest.hexdigest()))
        if len(listing) > _MAX_FILES:
            raise MissingModelError(f"{root}: more than {_MAX_FILES} files")
    return sorted(listing)


def _digest(listing: list[tuple[str, str]]) -> bytes:
    return tagged_hash(Tag.MODEL, canonical({"files": [list(pair) for pair in listing]}))


def native_size(folder: Path) -> int:
    """Side in pixels of the square pictures that a model was trained on, by its own configuration.

    Raises:
        MissingModelError: the folder does not say.
    """
    try:
        denoiser = json.loads((folder / "unet" / "config.json").read_bytes())
        decoder = json.loads((folder / "vae" / "config.json").read_bytes())
        factor = decoder.get("downscale_factor") or 2 ** (len(decoder["block_out_channels"]) - 1)
        return int(denoiser["sample_size"]) * int(factor)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise MissingModelError(f"{folder} does not say what size of picture it makes; pass --size") from error
