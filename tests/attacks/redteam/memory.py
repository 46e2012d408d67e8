"""A regenerator that makes nothing twice: the real one, with its answers kept in memory and, if told so, on disk."""

import hashlib
from collections import OrderedDict
from dataclasses import replace
from itertools import cycle

import numpy as np

from provenance.recipe import Prompt, format_recipe

KEPT = 2048
"""Latents and pictures that stay in memory: about 100 MB with the house model."""


class Remembering:
    """``provenance.ports.Regenerator`` over another one; every answer is the other one's own."""

    def __init__(self, inner, folder=None):
        self.inner = inner
        self.folder = folder
        self.made = 0
        self._kept = OrderedDict()

    def why_not(self, recipe):
        return self.inner.why_not(recipe)

    def decode(self, recipe, latent):
        return self._keep(("decode", *_of(recipe), latent), lambda: self.inner.decode(recipe, latent))

    def regenerate(self, recipe, prompt, seeds, sources=()):
        return [self._regenerate(recipe, prompt, seed, sources) for seed in seeds]

    def _regenerate(self, recipe, prompt, seed, sources):
        def run():
            return self.inner.regenerate(recipe, prompt, [seed], *_given(sources))[0]

        if sources:
            return run()
        return self._keep(("regenerate", *_of(recipe), prompt.text, prompt.negative, seed), run)

    def invert(self, recipe, prompt, latent, sources=()):
        def run():
            return self.inner.invert(recipe, prompt, latent, *_given(sources))

        if sources:
            return run()
        return self._keep(("invert", *_of(recipe), prompt.text, prompt.negative, latent), run)

    def __getattr__(self, name):
        return getattr(self.inner, name)

    def _keep(self, parts, make):
        key = hashlib.sha256()
        for part in parts:
            piece = part.encode() if isinstance(part, str) else np.asarray(part).tobytes() if _array(part) else part
            key.update(len(piece).to_bytes(8, "big") + piece)
        name = key.hexdigest()
        if name in self._kept:
            self._kept.move_to_end(name)
            return self._kept[name].copy()
        path = None if self.folder is None else self.folder / f"{name}.npy"
        if path is not None and path.exists():
            found = np.load(path)
        else:
            found = make()
            self.made += 1
            if path is not None and found is not None:
                path.parent.mkdir(parents=True, exist_ok=True)
                partial = path.with_suffix(".part.npy")
                np.save(partial, found)
                partial.replace(path)
        if found is None:
            return None
        self._kept[name] = found
        while len(self._kept) > KEPT:
            self._kept.popitem(last=False)
        return found.copy()


class Pooled(Remembering):
    """As above, with the verifier's fresh wrong seeds replaced by some of a pool of ``size`` equally wrong ones.

    For threats with thousands of claims over few pictures: what wrong seeds make is made once and not for each claim.
    They come in turn, so that no verifier gets the same twice. The recipe's own seed is always made as it stands.
    """

    def __init__(self, inner, folder=None, size=6):
        super().__init__(inner, folder)
        self._turn = cycle(range(size))

    def regenerate(self, recipe, prompt, seeds, sources=()):
        return super().regenerate(
            recipe, prompt, [seed if seed == recipe.seed else self._stand_in() for seed in seeds], sources
        )

    def _stand_in(self):
        return hashlib.sha256(f"red team/wrong seed/{next(self._turn)}".encode()).digest()


def _of(recipe):
    """The recipe without its seed and without a sealed prompt: what is the same for all seeds, the prompt being given."""
    prompt = recipe.prompt if isinstance(recipe.prompt, Prompt) else Prompt("")
    return (format_recipe(replace(recipe, seed=bytes(32), prompt=prompt)),)


def _given(sources):
    return (sources,) if sources else ()


def _array(part):
    return isinstance(part, np.ndarray)
