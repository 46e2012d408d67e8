"""Works made by the real house model, and a workbench on which every part of them can be exchanged and signed again."""

import functools
import hashlib
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from tempfile import mkdtemp

import numpy as np

from generator.models import house_model, native_size
from generator.regenerate import open_regenerator
from ledger.local import open_ledger
from provenance import proof
from provenance.assertion import Assertion, parse_assertion
from provenance.authoring import make_claim, prove_claim
from provenance.claim import Entry, Terms, format_claim, format_entry, parse_claim, parse_entry
from provenance.commitment import commit, seed
from provenance.credentials import leaf_der, new_credentials
from provenance.derivation import derive_author, derive_work
from provenance.hashing import Tag
from provenance.home import Home
from provenance.latent import dequantise, quantise
from provenance.manifest import read_container
from provenance.manifest_write import sign_picture
from provenance.master import Master
from provenance.pixels import encode_png, read_picture
from provenance.policy import default_policy
from provenance.recipe import Prompt, Recipe, format_recipe, parse_recipe
from provenance.storedlatent import decode_latent, encode_latent
from provenance.verify import Depth, Request, verify

NOW = datetime.now(UTC)


@functools.cache
def regenerator():
    """One for all tests: the model is loaded once."""
    return open_regenerator()


@functools.cache
def policy():
    return default_policy()


@functools.cache
def fewest_steps():
    """The fewest steps with which the default policy can find a picture of the house model authentic."""
    (calibration,) = policy().models[house_model().identity.digest].calibrations.values()
    return calibration.region.steps[0]


@functools.cache
def person(name):
    """(master, credentials) of somebody."""
    return Master(hashlib.sha256(name.encode()).digest()), new_credentials(name, NOW)


@dataclass(frozen=True)
class Bench:
    """All parts of one signed picture. ``sign`` puts them together again, with proofs by whoever holds the secrets."""

    secret: bytes
    author_secrets: tuple
    credentials: object
    recipe: Recipe
    integers: np.ndarray
    rgb: np.ndarray
    nonce: bytes
    terms: Terms = field(default_factory=Terms)
    index: int = 0
    receipt: bytes | None = None
    sealed: bytes | None = None
    latent: bytes | None = None

    @property
    def claim(self):
        return make_claim(
            Y=commit(self.secret),
            nonce=self.nonce,
            index=self.index,
            authors=tuple(commit(s) for s in self.author_secrets),
            recipe=self.recipe,
            integers=self.integers,
            rgb=self.rgb,
            terms=self.terms,
        )

    @property
    def entry(self) -> Entry:
        return prove_claim(self.claim, self.secret, self.author_secrets)

    @property
    def assertion(self) -> Assertion:
        voucher = self.author_secrets[0] if self.author_secrets else self.secret
        certificate = hashlib.sha256(leaf_der(self.credentials)).digest()
        entry = self.entry
        return Assertion(
            claim=format_claim(entry.claim),
            recipe=format_recipe(self.recipe),
            possession=entry.possession,
            authors=entry.authors,
            container=proof.prove(Tag.CONTAINER, voucher, certificate),
            receipt=self.receipt,
            sealed=self.sealed,
            environment="{}",
        )

    def sign(self, *, assertion=None, credentials=None, image=None, latent=None):
        return sign_picture(
            encode_png(self.rgb) if image is None else image,
            "image/png",
            assertion or self.assertion,
            latent or self.latent or encode_latent(self.integers),
            credentials or self.credentials,
            title="work",
            training_mining={},
        )

    def with_(self, **changes):
        return replace(self, **changes)


@functools.cache
def made(name="ann", prompt="snowy mountains at sunset", number=0, guidance="2"):
    """An honest picture by the house model, on the workbench."""
    master, credentials = person(name)
    nonce = hashlib.sha256(f"{name} {prompt} {number}".encode()).digest()
    secret = derive_work(master, nonce)
    return bench(secret, (derive_author(master),), credentials, nonce, prompt, guidance)


def bench(
    secret, author_secrets, credentials, nonce, prompt, guidance="2", *, noise_seed=None, steps=None, evaluations=12
):
    """Generate and lay out; ``noise_seed`` and ``steps`` (of the stored latent) are for those who cheat."""
    model = house_model()
    side = native_size(model.folder)
    maker = regenerator()
    work_seed = seed(commit(secret))
    calibration = next(iter(policy().models[model.identity.digest].calibrations.values()))
    base = Recipe(
        model=model.identity,
        scheduler=scheduler(),
        steps=evaluations,
        guidance=Decimal(guidance),
        prompt=Prompt(prompt),
        max_tokens=32,
        width=side,
        height=side,
        dtype="float32",
        seed=work_seed,
        shape=calibration.shape,
        latent_steps=steps or calibration.steps,
    )
    (latent,) = maker.regenerate(base, Prompt(prompt), [noise_seed or work_seed])
    integers = quantise(latent, base.latent_steps)
    rgb = maker.decode(base, dequantise(integers, base.latent_steps))
    return Bench(secret, author_secrets, credentials, base, integers, rgb, nonce)


def scheduler():
    from generator.models import scheduler_of

    return scheduler_of(house_model())


def judge(data, *, depth=Depth.AUTO, trust=None, **more):
    """The report over a file, with the real model unless it is to be quick."""
    request = Request(
        policy=trust or policy(),
        now=datetime.now(UTC),
        depth=depth,
        regenerator=None if depth is Depth.QUICK else regenerator(),
        **more,
    )
    return verify(data, request)


def step(report, number):
    return next(check for check in report.checks if check.step == number)


def fresh_home():
    base = Path(mkdtemp())
    return Home(base / "config", base / "data", base / "state")


def parts_of(data):
    """(claim, recipe, assertion, integers, rgb) of a signed file."""
    container = read_container(data, "image/png", anchors_pem=None)
    assertion = parse_assertion(container.assertion)
    return (
        parse_claim(assertion.claim),
        parse_recipe(assertion.recipe),
        assertion,
        decode_latent(container.latent),
        read_picture(data).rgb,
    )


def logged(work, path):
    """The work with a receipt of a log at ``path``, and that log's verifier key."""
    log = open_ledger(str(path), create=True)
    try:
        found = log.submit(format_entry(work.entry))
        entry, receipt = parse_entry(found.entry), log.receipt(found.index)
        return replace(work, receipt=receipt), entry, log.verifier_key
    finally:
        log.close()
