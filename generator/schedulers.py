"""Which samplers may make a picture that is claimed, by class and configuration. No torch until one is built.

*Deterministic* ones turn the initial noise into one latent. *Stochastic* ones draw more noise; they are allowed where
every draw goes through diffusers' ``randn_tensor``, which ``generator.guard`` replaces by our numbered streams.
*Linear* ones take steps y = A x + B f(x, t) without memory, and can be run backwards (``generator.inversion``).
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from generator.configuration import read_configuration
from provenance.encoding import Json, canonical, decimal_string, parse_json
from provenance.errors import InvalidError, MissingModelError, UsageError
from provenance.recipe import Scheduler
from provenance.terminal import printable

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["NAMES", "Kind", "build_scheduler", "kind_of", "read_scheduler", "record_scheduler", "replacement"]

_MOST = 100_000
"""Largest number of a configuration. A thousand noise levels are usual; each takes time and memory to work out."""

_INFINITE = ("inf", "-inf")
"""Some configurations hold them; a recipe as these words."""

_DECIMAL = re.compile(r"-?(0|[1-9][0-9]*)(\.[0-9]+)?", re.ASCII)


@dataclass(frozen=True)
class Kind:
    """What is known of a sampler: does it draw noise of its own, can it be run backwards, is it a flow's?"""

    stochastic: bool = False
    linear: bool = False
    flow: bool = False


_KINDS = {
    "DDIMScheduler": Kind(linear=True),
    "EulerDiscreteScheduler": Kind(linear=True),
    "FlowMatchEulerDiscreteScheduler": Kind(linear=True, flow=True),
    "FlowMatchHeunDiscreteScheduler": Kind(flow=True),
    "DPMSolverMultistepScheduler": Kind(),
    "DPMSolverSinglestepScheduler": Kind(),
    "DEISMultistepScheduler": Kind(),
    "UniPCMultistepScheduler": Kind(),
    "PNDMScheduler": Kind(),
    "HeunDiscreteScheduler": Kind(),
    "KDPM2DiscreteScheduler": Kind(),
    "EulerAncestralDiscreteScheduler": Kind(stochastic=True),
    "KDPM2AncestralDiscreteScheduler": Kind(stochastic=True),
    "DDPMScheduler": Kind(stochastic=True),
    "LCMScheduler": Kind(stochastic=True),
}

NAMES = {
    "ddim": "DDIMScheduler",
    "euler": "EulerDiscreteScheduler",
    "euler-a": "EulerAncestralDiscreteScheduler",
    "heun": "HeunDiscreteScheduler",
    "dpm2": "KDPM2DiscreteScheduler",
    "dpm2-a": "KDPM2AncestralDiscreteScheduler",
    "dpm++2m": "DPMSolverMultistepScheduler",
    "dpm++2m-sde": "DPMSolverMultistepScheduler",
    "dpm++2s": "DPMSolverSinglestepScheduler",
    "deis": "DEISMultistepScheduler",
    "unipc": "UniPCMultistepScheduler",
    "pndm": "PNDMScheduler",
    "ddpm": "DDPMScheduler",
    "lcm": "LCMScheduler",
    "flow-euler": "FlowMatchEulerDiscreteScheduler",
    "flow-heun": "FlowMatchHeunDiscreteScheduler",
}
"""``--scheduler`` by the names that people use."""

_EXTRA: dict[str, dict[str, Any]] = {"dpm++2m-sde": {"algorithm_type": "sde-dpmsolver++"}}


def kind_of(scheduler: Scheduler) -> Kind:
    """What kind of sampler a class with this configuration is.

    Raises:
        MissingModelError: not on the list, or configured in a way that is not allowed.
    """
    kind = _KINDS.get(scheduler.name)
    if kind is None:
        known = ", ".join(sorted(_KINDS))
        raise MissingModelError(
            f"scheduler {printable(scheduler.name, limit=80) or 'unknown'} is not supported; these are: {known}"
        )
    config = _config(scheduler)
    if str(config.get("algorithm_type", "")).startswith("sde-") or config.get("stochastic_sampling"):
        return Kind(stochastic=True, flow=kind.flow)
    curved = config.get("thresholding") or (scheduler.name == "DDIMScheduler" and config.get("clip_sample", True))
    return Kind(kind.stochastic, kind.linear and not curved, kind.flow or bool(config.get("use_flow_sigmas")))


def read_scheduler(path: Path) -> Scheduler:
    """The sampler of a scheduler_config.json: its class and the configuration as it stands there.

    Raises:
        MissingModelError: it cannot be read. InvalidError: it holds something that a recipe cannot.
    """
    config = read_configuration(path)
    return record_scheduler(str(config.pop("_class_name", "")), config)


def record_scheduler(name: str, config: dict[str, Any]) -> Scheduler:
    """What stands in a recipe: floats as decimal strings, without what diffusers notes for itself."""
    kept = {key: value for key, value in config.items() if not key.startswith("_")}
    return Scheduler(name, canonical(_plain(kept)).decode())


def build_scheduler(scheduler: Scheduler) -> Any:
    """An object of diffusers from what stands in a recipe.

    Raises:
        MissingModelError: not allowed here, or a configuration that diffusers does not take.
    """
    kind_of(scheduler)
    config = _config(scheduler)
    levels = config.get("num_train_timesteps", 1)
    if not isinstance(levels, int | float) or not 1 <= levels <= _MOST:
        raise MissingModelError(f"scheduler {scheduler.name}: num_train_timesteps must be from 1 to {_MOST}")
    for key, value in config.items():
        if isinstance(value, int | float) and math.isfinite(value) and abs(value) > _MOST:
            raise MissingModelError(f"scheduler {scheduler.name}: {printable(key, limit=80)} is beyond {_MOST}")
    import diffusers

    try:
        found: Any = getattr(diffusers, scheduler.name).from_config(_config(scheduler))
    except (
        ArithmeticError,
        AttributeError,
        ImportError,
        LookupError,
        MemoryError,
        RuntimeError,
        TypeError,
        ValueError,
    ) as error:
        reason = " ".join(str(error).split())[:200]
        raise MissingModelError(f"scheduler {scheduler.name} cannot be built: {reason}") from error
    return found


def replacement(name: str, own: Scheduler) -> Scheduler:
    """``--scheduler NAME`` for a model that comes with ``own``: the new class with the same noise levels.

    Raises:
        UsageError: an unknown name, or a sampler for another class of models.
        MissingModelError: the model's own scheduler is not supported.
    """
    wanted = NAMES.get(name.lower(), name)
    if wanted not in _KINDS:
        raise UsageError(f"--scheduler: {name!r} is not known; these are: {', '.join(sorted(NAMES))}")
    flow = kind_of(own).flow
    if _KINDS[wanted].flow != flow:
        kind = "flow matching" if flow else "diffusion"
        raise UsageError(f"--scheduler: {name} does not serve this model, which samples by {kind} ({own.name})")
    import diffusers

    config = {"clip_sample": False, **_config(own), **_EXTRA.get(name.lower(), {})}
    built = getattr(diffusers, wanted).from_config(config)
    return record_scheduler(wanted, dict(built.config))


def _config(scheduler: Scheduler) -> dict[str, Any]:
    """The configuration with its decimal strings as floats again."""
    value = parse_json(scheduler.config.encode(), "scheduler configuration")
    restored: dict[str, Any] = _restored(value)
    return restored


def _restored(value: Json) -> Any:
    if isinstance(value, str) and (value in _INFINITE or _DECIMAL.fullmatch(value)):
        return float(value)
    if isinstance(value, dict):
        return {key: _restored(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_restored(item) for item in value]
    return value


def _plain(value: Any) -> Json:
    if isinstance(value, float):
        return str(value) if str(value) in _INFINITE else decimal_string(value)
    if isinstance(value, dict):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if hasattr(value, "tolist"):  # arrays among the defaults of some samplers
        return _plain(value.tolist())
    if value is None or isinstance(value, str | int | bool):
        return value
    raise InvalidError(f"scheduler configuration holds a {type(value).__name__}")
