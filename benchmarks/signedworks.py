"""Signed works as files, and remixes of them: what a verifier is given, made without a log or a keystore."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from generator.models import house_model, native_size
from generator.regenerate import DiffusersRegenerator, open_regenerator
from generator.runtime import load_runtime
from generator.setups import HOUSE_GUIDANCE, HOUSE_STEPS
from provenance.authoring import Wrapping, make_claim, prove_claim, wrap
from provenance.claim import Terms, claim_id
from provenance.commitment import commit, seed
from provenance.credentials import new_credentials
from provenance.derivation import derive_author, derive_work
from provenance.latent import dequantise, quantise
from provenance.manifest_parents import Parent, Remix
from provenance.master import Master
from provenance.operation import Operation, Source
from provenance.pixels import encode_png
from provenance.policy import default_policy
from provenance.ports import Material
from provenance.recipe import Prompt, Recipe

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np
    from numpy.typing import NDArray

    from provenance.claim import Entry

__all__ = ["Atelier", "Signed", "open_atelier"]


@dataclass(frozen=True)
class Signed:
    """One signed file, and what is in it."""

    data: bytes
    entry: Entry
    recipe: Recipe
    integers: NDArray[np.int16]

    @property
    def source(self) -> Source:
        """How a remix names it."""
        return Source(claim_id(self.entry.claim), self.entry.claim.latent)

    @property
    def material(self) -> Material:
        """What an operation needs of it."""
        prompt = self.recipe.prompt if isinstance(self.recipe.prompt, Prompt) else None
        return Material(dequantise(self.integers, self.recipe.latent_steps), self.recipe, prompt)


@dataclass(frozen=True)
class Atelier:
    """The house model at its own size and steps, and one author."""

    regenerator: DiffusersRegenerator
    base: Recipe
    master: Master
    credentials: Any

    def work(self, name: str, text: str, **changes: Any) -> Signed:
        """A text-to-image work; ``name`` decides its key."""
        return self._make(name, text, (), changes)

    def remix(
        self,
        name: str,
        kind: str,
        parents: Sequence[Signed],
        text: str,
        parameters: dict[str, Any],
        *,
        mask: bytes | None = None,
        **changes: Any,
    ) -> Signed:
        """A remix of such works."""
        operation = Operation(kind, parameters, tuple(each.source for each in parents), mask)
        return self._make(name, text, parents, {"operation": operation, "parents": operation.parents, **changes})

    def _make(self, name: str, text: str, parents: Sequence[Signed], changes: dict[str, Any]) -> Signed:
        nonce = hashlib.sha256(f"benchmark {name}".encode()).digest()
        secret, author = derive_work(self.master, nonce), derive_author(self.master)
        recipe = replace(self.base, prompt=Prompt(text), seed=seed(commit(secret)), **changes)
        materials = [each.material for each in parents]
        (latent,) = self.regenerator.regenerate(recipe, Prompt(text), [recipe.seed], materials)
        integers = quantise(latent, recipe.latent_steps)
        rgb = self.regenerator.decode(recipe, dequantise(integers, recipe.latent_steps))
        claim = make_claim(
            Y=commit(secret),
            nonce=nonce,
            index=0,
            authors=(commit(author),),
            recipe=recipe,
            integers=integers,
            rgb=rgb,
            terms=Terms(derivation="allowed"),
        )
        entry = prove_claim(claim, secret, (author,))
        around = None
        if recipe.operation is not None:
            carried = tuple(
                Parent(f"parent {place}", "image/png", file=each.data) for place, each in enumerate(parents)
            )
            around = Remix(recipe.operation.name, carried)
        wrapping = Wrapping(entry, recipe, integers, None, None, {}, name, remix=around)
        data = wrap(encode_png(rgb), "image/png", wrapping, self.credentials, master=self.master, work_secret=secret)
        return Signed(data, entry, recipe, integers)


def open_atelier() -> Atelier:
    """On this machine, in float32, with the quantisation steps of the policy."""
    model = house_model()
    side = native_size(model.folder)
    runtime = load_runtime(model, device="cpu")
    shape = runtime.latent_shape(side, side)
    base = Recipe(
        model=model.identity,
        scheduler=runtime.scheduler,
        steps=HOUSE_STEPS,
        guidance=Decimal(HOUSE_GUIDANCE),
        prompt=Prompt(""),
        max_tokens=runtime.max_tokens,
        width=side,
        height=side,
        dtype="float32",
        seed=bytes(32),
        shape=shape,
        latent_steps=default_policy().models[model.identity.digest].calibrations[shape].steps,
    )
    credentials = new_credentials("Benchmark", datetime.now(UTC))
    return Atelier(open_regenerator(), base, Master(b"benchmark".ljust(32, b".")), credentials)
