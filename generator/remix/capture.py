"""What a pipeline of diffusers tells its network, taken from its own first call of it.

The pipeline encodes prompts, sizes, guidance and positions in its own way. It is run until it calls the denoiser for
the first time, that call is kept, and the run is ended before the network computes anything. From then on the network
is called with other samples and times.
"""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING, Any

import torch

from generator.remix.conditioned import Conditioned
from generator.remix.schedule import SamplerSchedule
from provenance.errors import EnvironmentFault

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

__all__ = ["capture"]

_SAMPLES = ("sample", "hidden_states")
_THOUSAND = 1000
"""Some networks take times from 0 to 1 where their scheduler counts to 1,000."""


class _Reached(Exception):  # noqa: N818 - no error: the way out of the pipeline
    def __init__(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        super().__init__("the denoiser was called")
        self.call = args, kwargs


def capture(
    run: Callable[[], object],
    network: Any,
    scheduler: Any,
    *,
    guidance: float,
    pack: Callable[[torch.Tensor], torch.Tensor] | None = None,
    unpack: Callable[[torch.Tensor], torch.Tensor] | None = None,
) -> Conditioned:
    """The network with the prompt and the steps that ``run`` gives it.

    Args:
        run: calls the pipeline with one picture of noise.
        network: its denoiser, called by keyword or position.
        scheduler: the pipeline's own; it is copied once its steps are laid out.
        guidance: weight of classifier-free guidance, where the pipeline asks for two rows.
        pack: see Conditioned.
        unpack: see Conditioned.

    Raises:
        EnvironmentFault: the pipeline calls its denoiser in a way that is not known here.
        UsageError: the scheduler has no finite noise levels.
    """
    arguments = _first_call(run, network)
    names = [name for name in _SAMPLES if name in arguments]
    if len(names) != 1 or "timestep" not in arguments:
        raise EnvironmentFault(f"{type(network).__name__} is called in a way that this program does not know")
    sample, time = arguments.pop(names[0]), arguments.pop("timestep")
    arguments.pop("return_dict", None)
    schedule = SamplerSchedule(scheduler)
    return Conditioned(
        network=network,
        schedule=schedule,
        arguments=arguments,
        sample=names[0],
        time="timestep",
        clock=_clock(torch.as_tensor(time), schedule.timesteps),
        roles=("away", "towards") if len(sample) > 1 else ("towards",),
        guidance=guidance,
        pack=pack,
        unpack=unpack,
    )


def _first_call(run: Callable[[], object], network: Any) -> dict[str, Any]:
    """The arguments of the network's first call, by name."""

    def leave(_module: object, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        raise _Reached(args, kwargs)

    handle = network.register_forward_pre_hook(leave, with_kwargs=True)
    try:
        run()
    except _Reached as reached:
        args, kwargs = reached.call
    else:
        raise EnvironmentFault("the pipeline did not call its denoiser")
    finally:
        handle.remove()
    bound: Mapping[str, Any] = inspect.signature(type(network).forward).bind(network, *args, **kwargs).arguments
    return {name: value for name, value in bound.items() if name != "self"}


def _clock(first: torch.Tensor, timesteps: torch.Tensor) -> Callable[[int], torch.Tensor]:
    """The time argument at level i, made as the one of the first call was made of the first time step.

    Raises:
        EnvironmentFault: it was made in another way.
    """
    for divisor in (1, _THOUSAND):

        def at(i: int, divisor: int = divisor) -> torch.Tensor:
            time = timesteps[i].expand(first.shape).to(first.device, first.dtype)
            return time if divisor == 1 else time / divisor

        if torch.equal(at(0), first):
            return at
    raise EnvironmentFault("the pipeline tells its denoiser the time in a way that this program does not know")
