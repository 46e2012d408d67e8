"""Files laid over a model: LoRA and textual inversion, from safetensors, identified by the SHA-256 of the file.

What is applied is the very bytes that were hashed. A file of which the model has no use for some part is refused, so
that nothing recorded is silently dropped. ControlNet and IP-adapter are not run by this version.
"""

from __future__ import annotations

import hashlib
import logging
from contextlib import contextmanager
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

from provenance.display import require_plain_text
from provenance.encoding import decimal_string, parse_decimal
from provenance.errors import EncodingError, EnvironmentFault, InvalidError, UsageError
from provenance.files import read_bounded
from provenance.setup import MAX_ADAPTERS, Adapter

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

__all__ = ["AdapterFile", "adapter_file", "apply_adapters", "describe", "read_adapters"]

MAX_ADAPTER_BYTES = 4 * 2**30
"""Largest adapter file: a LoRA of full rank for a large model."""

_MAX_SCALE = 10
_NAME = "seedproof"
_HARMLESS = "No LoRA keys associated to"
"""How diffusers says that a file changes the denoiser alone, or a text encoder alone."""
_SAFETENSORS_HEADER = b"{"


@dataclass(frozen=True)
class AdapterFile:
    """A file and how it stands in the recipe."""

    path: Path
    record: Adapter


def read_adapters(loras: Sequence[str], inversions: Sequence[str]) -> tuple[AdapterFile, ...]:
    """``--lora PATH[:SCALE]`` and ``--textual-inversion PATH[:WORD]`` in the order in which they are applied.

    Raises:
        UsageError: no such file, another format, a bad scale or word, or too many.
        InvalidError: a file that is no safetensors whatever its name says.
    """
    found = [*map(_lora, loras), *map(_inversion, inversions)]
    if len(found) > MAX_ADAPTERS:
        raise UsageError(f"--lora, --textual-inversion: at most {MAX_ADAPTERS} files")
    return tuple(found)


def adapter_file(path: Path) -> AdapterFile:
    """A file by its digest alone, for a verifier who has the rest from a recipe."""
    return AdapterFile(path, Adapter("lora", _title(path.stem), _digest(path)))


def apply_adapters(pipe: Any, files: Sequence[AdapterFile]) -> None:
    """Change a pipeline of diffusers as the files say.

    Raises:
        UsageError: the model has no place for a file, or for a part of one.
        InvalidError: a file has changed since it was recorded.
        EnvironmentFault: the package that applies LoRA is not installed.
    """
    for file in files:
        tensors = _tensors(file)
        if file.record.kind == "lora":
            _apply_lora(pipe, file, tensors)
        else:
            _apply_inversion(pipe, file, tensors)


def _lora(text: str) -> AdapterFile:
    path, scale = _split(text)
    try:
        strength = parse_decimal(decimal_string(scale or "1"), "--lora")
    except EncodingError as error:
        raise UsageError(f"--lora: {scale!r} is no number; write PATH or PATH:SCALE") from error
    if not -_MAX_SCALE <= strength <= _MAX_SCALE:
        raise UsageError(f"--lora: the scale must lie between -{_MAX_SCALE} and {_MAX_SCALE}")
    return AdapterFile(path, Adapter("lora", _title(path.stem), _digest(path), strength))


def _inversion(text: str) -> AdapterFile:
    path, word = _split(text)
    return AdapterFile(path, Adapter("textual-inversion", _title(word or path.stem), _digest(path), Decimal(1)))


def _split(text: str) -> tuple[Path, str]:
    """The path, and what follows the last colon where the whole is no file."""
    head, colon, tail = text.rpartition(":")
    whole = Path(text).expanduser()
    if not colon or whole.exists():
        return whole, ""
    return Path(head).expanduser(), tail


def _title(text: str) -> str:
    try:
        return require_plain_text(text, "adapter name", limit=100)
    except InvalidError as error:
        raise UsageError(f"adapter: {error}") from error


def _digest(path: Path) -> bytes:
    if path.suffix != ".safetensors":
        raise UsageError(f"{path}: adapters are read from .safetensors alone; other formats can run code when loaded")
    data = read_bounded(path, "adapter", limit=MAX_ADAPTER_BYTES)
    if data[8:9] != _SAFETENSORS_HEADER:
        raise InvalidError(f"{path} is no safetensors file")
    return hashlib.sha256(data).digest()


def _tensors(file: AdapterFile) -> dict[str, Any]:
    from safetensors import SafetensorError
    from safetensors.torch import load

    data = read_bounded(file.path, "adapter", limit=MAX_ADAPTER_BYTES)
    if hashlib.sha256(data).digest() != file.record.digest:
        raise InvalidError(f"{file.path} has changed since it was recorded")
    try:
        found: dict[str, Any] = load(data)
    except SafetensorError as error:
        raise InvalidError(f"{file.path} is no safetensors file: {error}") from error
    return found


def _apply_lora(pipe: Any, file: AdapterFile, tensors: dict[str, Any]) -> None:
    import torch
    from diffusers.utils import is_peft_available

    if not hasattr(pipe, "load_lora_weights"):
        raise UsageError(f"--lora: {type(pipe).__name__} takes no LoRA")
    if not is_peft_available():
        raise EnvironmentFault("--lora needs the package peft; install seedproof with its extra: seedproof[lora]")
    told: list[str] = []
    with _warnings(told), torch.random.fork_rng():  # fresh layers draw weights, which the file replaces
        try:
            pipe.load_lora_weights(tensors, adapter_name=_NAME, low_cpu_mem_usage=False)
        except (ValueError, KeyError, RuntimeError, TypeError, AttributeError, IndexError) as error:
            raise UsageError(f"{file.path}: no LoRA for this model: {_line(str(error))}") from error
    serious = [text for text in told if not text.startswith(_HARMLESS)]
    wanted = sum(not name.endswith("alpha") for name in tensors)
    if serious or _loaded(pipe) < max(wanted, 1):
        reason = _line(serious[0]) if serious else "not all of its layers are layers of the model"
        raise UsageError(f"{file.path}: no LoRA for this model: {reason}")
    pipe.fuse_lora(components=list(pipe.get_list_adapters()), lora_scale=float(file.record.scale))
    pipe.unload_lora_weights()


def _apply_inversion(pipe: Any, file: AdapterFile, tensors: dict[str, Any]) -> None:
    import torch

    if not hasattr(pipe, "load_textual_inversion"):
        raise UsageError(f"--textual-inversion: {type(pipe).__name__} takes none")
    encoders = [("text_encoder", "tokenizer")]
    if getattr(pipe, "text_encoder_2", None) is not None:
        encoders.append(("text_encoder_2", "tokenizer_2"))
    by_name = {"clip_l": encoders[0], "clip_g": encoders[-1]}
    if not tensors.keys() <= by_name.keys():
        by_name = dict.fromkeys(tensors, encoders[0])
    if len(tensors) != len(encoders) or set(by_name) != set(tensors):
        raise UsageError(
            f"{file.path}: this model has {len(encoders)} text encoders, the file has vectors for {len(tensors)}"
        )
    for name, vectors in tensors.items():
        encoder, tokenizer = (getattr(pipe, part) for part in by_name[name])
        width = encoder.get_input_embeddings().weight.shape[-1]
        if vectors.shape[-1] != width:
            raise UsageError(f"{file.path}: vectors of {vectors.shape[-1]} values; this text encoder has {width}")
        with torch.random.fork_rng():
            try:
                pipe.load_textual_inversion({file.record.name: vectors}, text_encoder=encoder, tokenizer=tokenizer)
            except (ValueError, KeyError, RuntimeError, TypeError, AttributeError) as error:
                raise UsageError(f"{file.path}: cannot be given to this model: {_line(str(error))}") from error


def _loaded(pipe: Any) -> int:
    """How many tensors of the LoRA have found a place; one of the file may fill several."""
    networks = [part for part in pipe.components.values() if hasattr(part, "named_parameters")]
    return sum(f".{_NAME}." in f"{name}." for network in networks for name, _ in network.named_parameters())


@contextmanager
def _warnings(told: list[str]) -> Iterator[None]:
    """Collect what diffusers and peft warn of: there it is how they say that a part was not used."""
    handler = logging.Handler(logging.WARNING)
    handler.emit = lambda record: told.append(record.getMessage())  # type: ignore[method-assign]
    loggers = [logging.getLogger("diffusers"), logging.getLogger("peft")]
    levels = [logger.level for logger in loggers]
    for logger in loggers:
        logger.addHandler(handler)
        logger.setLevel(logging.WARNING)
    try:
        yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.removeHandler(handler)
            logger.setLevel(level)


def _line(text: str) -> str:
    return " ".join(text.split())[:200]


def describe(adapter: Adapter) -> str:
    """One line that tells this adapter from every other."""
    return f"{adapter.kind} {adapter.digest.hex()} {decimal_string(adapter.scale)} {adapter.name}"
