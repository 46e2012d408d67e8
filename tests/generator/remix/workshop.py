"""Tiny models of every family, opened at one prompt, with noise and a latent to start from."""

import functools
from decimal import Decimal

import numpy as np
import torch

from generator.models import HOUSE_MODEL, open_model
from generator.runtime import load_runtime
from provenance.claim import LatentRef
from provenance.latent import dequantise, latent_digest, quantise
from provenance.noise import gaussian
from provenance.operation import Operation, Source
from provenance.ports import Material
from provenance.recipe import Prompt, Recipe
from tests.generator import tiny

FAMILIES = ("sd1", "sd2-v", "eight-channels", "inpainting", "sdxl", "sd3", "flux", "pixart", "house")
"""Those whose sampler can be entered midway."""

UNETS = ("sd1", "sd2-v", "eight-channels", "inpainting", "sdxl", "house")
FLOWS = ("sd3", "flux", "house")
STEPS = 4
SEED = bytes([7]) * 32
OTHER = bytes([8]) * 32


def name(family):
    return HOUSE_MODEL if family == "house" else str(tiny.model(family))


@functools.cache
def installed(family):
    return open_model(name(family))


@functools.cache
def runtime(family):
    return load_runtime(installed(family), device="cpu")


def size(family):
    return 64 if family == "house" else 2 * tiny.SIZE


def shape(family):
    return runtime(family).latent_shape(size(family), size(family))


def noise(family, seed=SEED, stream=0):
    return torch.from_numpy(gaussian(seed, shape(family), stream=stream)[None].copy())


def conditioned(family, text="a lake", guidance=3.0, steps=STEPS):
    return runtime(family)._pipeline.conditioned(shape(family), text, "", steps=steps, guidance=guidance)


def sample(family, seed=SEED, text="a lake", guidance=3.0, steps=STEPS):
    """What text-to-image gives, (1, C, h, w)."""
    start = gaussian(seed, shape(family))[None]
    return torch.from_numpy(runtime(family).sample(start, text, "", steps=steps, guidance=guidance, seeds=[seed]))


def recipe(family, seed=SEED, text="a lake", **changes):
    room = runtime(family)
    honest = {
        "model": installed(family).identity,
        "scheduler": room.scheduler,
        "steps": STEPS,
        "guidance": Decimal(3),
        "prompt": Prompt(text),
        "max_tokens": room.max_tokens,
        "width": size(family),
        "height": size(family),
        "dtype": "float32",
        "seed": seed,
        "shape": shape(family),
        "latent_steps": (Decimal("0.05"),) * shape(family)[0],
        "setup": room.setup,
    }
    return Recipe(**{**honest, **changes})


@functools.cache
def parent(family, seed=SEED, text="a lake"):
    """A finished work as an operation needs it: its latent lies on the grid of its steps."""
    made = recipe(family, seed, text)
    integers = quantise(sample(family, seed, text)[0].numpy(), made.latent_steps)
    return Material(dequantise(integers, made.latent_steps), made, Prompt(text))


def source(material, claim=bytes([1]) * 32):
    integers = quantise(material.latent, material.recipe.latent_steps)
    found = LatentRef(latent_digest(integers), integers.shape, material.recipe.latent_steps)
    return Source(claim, found)


def operation(kind, *materials, mask=None, **parameters):
    sources = tuple(source(each, bytes([1 + k]) * 32) for k, each in enumerate(materials))
    return Operation(kind, parameters, sources, mask)


def left_half(family):
    """A mask whose left half may change: bool (h, w) and its bits."""
    _, height, width = shape(family)
    mask = np.zeros((height, width), bool)
    mask[:, : width // 2] = True
    return mask, np.packbits(mask.ravel()).tobytes()
