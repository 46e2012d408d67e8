"""Derived works without a model: a regenerator whose denoiser is a fixed rotation, and families of works made by it.

Its text-to-image latent is the seed's noise turned by an orthogonal matrix of the prompt: it depends on the seed, can be
run backwards exactly, and costs nothing. Its remix mixes a source with that latent as image-to-image does.
"""

import functools
import hashlib
import math
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal

import numpy as np

from provenance.authoring import Wrapping, make_claim, prove_claim, wrap
from provenance.calibration import Calibration, Thresholds, Whitening
from provenance.claim import LatentRef, Terms, claim_id, format_claim
from provenance.commitment import commit
from provenance.credentials import one_time_credentials
from provenance.derivation import derive_author, derive_work
from provenance.latent import dequantise, latent_digest, quantise
from provenance.manifest_parents import Parent, Remix
from provenance.noise import gaussian
from provenance.operation import Operation, Source, executed_steps
from provenance.pixels import encode_png
from provenance.policy import ModelTrust, Policy
from provenance.ports import Material
from provenance.recipe import Component, Model, Prompt, Scheduler
from provenance.storedlatent import encode_latent
from provenance.thumbnail import thumbnail
from provenance.verify import Depth, Request, verify
from tests.support import works
from tests.support.pictures import NOW, author
from tests.support.trust import ANYWHERE
from tests.support.works import master

SHAPE, STEPS = (4, 32, 32), (Decimal("0.05"),) * 4
MODEL = Model("rotations", b"\x07" * 32, (Component("unet", bytes(32)),))


class Rotations:
    """provenance.ports.Regenerator; ``calls`` counts what was made, so that tests see what a check costs."""

    def __init__(self, models=(MODEL.digest,)):
        self.models = models
        self.calls = 0

    def why_not(self, recipe):
        return None if recipe.model.digest in self.models else f"this machine has no model {recipe.model.name!r}"

    def decode(self, recipe, latent):
        grey = np.clip(127.5 * latent[:3] / 4 + 127.5, 0, 255)
        picture = np.floor(grey + 0.5).astype(np.uint8).transpose(1, 2, 0)
        return picture.repeat(2, 0).repeat(2, 1)

    def regenerate(self, recipe, prompt, seeds, sources=()):
        self.calls += len(seeds)
        return [self._make(recipe, prompt, seed, sources) for seed in seeds]

    def invert(self, recipe, prompt, latent, sources=()):
        operation = recipe.operation
        if operation is None:
            return self._turned(latent, prompt, back=True)
        a, s = _levels(operation, recipe.steps)
        return self._turned((latent - a * sources[0].latent) / s, prompt, back=True)

    def _make(self, recipe, prompt, own_seed, sources):
        fresh = self._turned(gaussian(own_seed, recipe.shape), prompt)
        operation = recipe.operation
        if operation is None:
            return fresh
        if operation.name == "blend":
            weight = float(operation.parameters.get("weight", 0))
            parts = [1 - weight, weight] if "weight" in operation.parameters else [
                float(operation.parameters[f"w{n}"]) for n in range(len(sources))
            ]  # fmt: skip
            return sum(np.float32(part) * source.latent for part, source in zip(parts, sources, strict=True))
        a, s = _levels(operation, recipe.steps)
        mixed = (a * sources[0].latent + s * fresh).astype(np.float32)
        if operation.mask is None:
            return mixed
        _, height, width = recipe.shape
        inside = np.unpackbits(np.frombuffer(operation.mask, np.uint8), count=height * width).reshape(height, width)
        return np.where(inside.astype(bool), mixed, sources[0].latent)

    @staticmethod
    def _turned(values, prompt, *, back=False):
        matrix = _rotation(prompt.text, values.shape[-1])
        return (values @ (matrix.T if back else matrix)).astype(np.float32)


def _levels(operation, steps):
    share = executed_steps(operation.strength, steps) / steps
    return np.float32(math.sqrt(1 - share**2)), np.float32(share)


@functools.cache
def _rotation(text, size):
    generator = np.random.default_rng(int.from_bytes(hashlib.sha256(text.encode()).digest()[:8]))
    return np.linalg.qr(generator.normal(size=(size, size)))[0].astype(np.float32)


@functools.cache
def trust(model=MODEL):
    """A policy that knows the model and its calibration."""
    whitening = Whitening(np.zeros(SHAPE, np.float32), np.ones(SHAPE, np.float32))
    calibration = Calibration(model.digest, SHAPE, STEPS, whitening, Thresholds(0.05, 0.5), "{}", ANYWHERE)
    return Policy(models={model.digest: ModelTrust(model.name, model.digest, {SHAPE: calibration})})


class Made:
    """One signed work: ``data`` is its file; ``recipe``, ``claim`` and ``integers`` are what is in it."""

    def __init__(self, data, entry, recipe, integers, secret):
        self.data, self.entry, self.recipe, self.integers, self.secret = data, entry, recipe, integers, secret

    @property
    def claim(self):
        return self.entry.claim

    @property
    def id(self):
        return claim_id(self.claim)

    @property
    def source(self):
        return Source(self.id, self.claim.latent)

    @property
    def material(self):
        prompt = self.recipe.prompt if isinstance(self.recipe.prompt, Prompt) else None
        return Material(dequantise(self.integers, STEPS), self.recipe, prompt)

    @property
    def parent(self):
        shown = thumbnail(Rotations().decode(self.recipe, self.material.latent))
        return Parent(f"{self.id.hex()[:8]}.png", "image/png", file=self.data, thumbnail=shown)


def recipe_of(number, who, **changes):
    ours = {"model": MODEL, "scheduler": Scheduler("DDIMScheduler", "{}"), "shape": SHAPE, "latent_steps": STEPS}
    return replace(works.recipe(number.to_bytes(32, "big"), who), **{**ours, **changes})


def original(number, *, who=None, latent=None, **more):
    """A text-to-image work; ``latent`` puts another one into it than its seed makes."""
    who = who or master()
    recipe = recipe_of(number, who, **more.pop("changes", {}))
    if latent is None:
        (latent,) = Rotations().regenerate(recipe, recipe.prompt, [recipe.seed])
    return sign(number, recipe, latent, who=who, **more)


def remix(number, operation, parents, *, who=None, latent=None, carried=None, outside=(), sources=None, **more):
    """A derived work. ``carried`` are the Parents in its manifest, if not those it was made from."""
    who = who or master()
    recipe = recipe_of(number, who, operation=operation, parents=operation.parents, **more.pop("changes", {}))
    if latent is None:
        given = sources or [each.material for each in parents]
        (latent,) = Rotations().regenerate(recipe, recipe.prompt, [recipe.seed], given)
    files = tuple(each.parent for each in parents) if carried is None else carried
    stored = tuple(encode_latent(each) for each in outside)
    around = Remix(operation.name, files, stored) if files else None
    return sign(number, recipe, latent, who=who, around=around, **more)


def image_to_image(number, parent, strength="0.5", **more):
    operation = Operation("image-to-image", {"strength": Decimal(strength)}, (parent.source,))
    return remix(number, operation, [parent], **more)


def blend(number, one, two, weight="0.5", **more):
    operation = Operation("blend", {"mode": "linear", "weight": Decimal(weight)}, (one.source, two.source))
    return remix(number, operation, [one, two], changes={"steps": 1}, **more)


def sign(number, recipe, latent, *, who, around=None, terms=None, credentials=None, anonymous=False, receipt=None):
    nonce = number.to_bytes(32, "big")
    secret, author_secret = derive_work(who, nonce), derive_author(who)
    integers = quantise(latent, recipe.latent_steps)
    rgb = Rotations().decode(recipe, dequantise(integers, recipe.latent_steps))
    authors = () if anonymous else (commit(author_secret),)
    claim = make_claim(
        Y=commit(secret), nonce=nonce, index=0, authors=authors, recipe=recipe, integers=integers, rgb=rgb,
        terms=terms or Terms(derivation="allowed"),
    )  # fmt: skip
    entry = prove_claim(claim, secret, () if anonymous else (author_secret,))
    data = wrap(
        encode_png(rgb),
        "image/png",
        Wrapping(entry, recipe, integers, receipt, None, {}, f"work {number}", remix=around),
        credentials or (one_time_credentials(NOW) if anonymous else author()),
        master=who,
        work_secret=secret,
    )
    return Made(data, entry, recipe, integers, secret)


def outside_source(number):
    """(source, integers, material) of a picture that somebody encoded."""
    latent = np.random.default_rng(number).normal(size=SHAPE).astype(np.float32)
    integers = quantise(latent, STEPS)
    source = Source(None, LatentRef(latent_digest(integers), SHAPE, STEPS), bytes([number]) * 32)
    return source, integers, Material(dequantise(integers, STEPS), None, None)


def judge(data, *, deep=False, quick=False, regenerator=None, policy=None, **more):
    request = Request(
        policy=policy or trust(),
        now=datetime.now(UTC),
        depth=Depth.QUICK if quick else Depth.AUTO,
        regenerator=None if quick else regenerator or Rotations(),
        deep=deep,
        **more,
    )
    return verify(data, request)


def step(report, number):
    return next(check for check in report.checks if check.step == number)


def canonical_claim(made):
    return format_claim(made.claim)
