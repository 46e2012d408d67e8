"""A notary's world without torch: a model in numpy that depends on its seed, a log in memory with blobs, works in it.

The model's latent is four times the seed's noise plus something of the prompt; pixels follow from the latent. Quantised
in steps of a half, wrong seeds are about eleven steps away and the right one is within a cell.
"""

import hashlib
from dataclasses import dataclass, field, replace
from decimal import Decimal

import numpy as np

from generator.notary import Notary
from generator.notary_key import NotaryKey
from generator.notary_state import StateFile
from provenance.authoring import make_claim, prove_claim
from provenance.calibration import Calibration, Thresholds, Whitening, calibration_id, format_calibration
from provenance.claim import Terms, claim_id, format_entry
from provenance.commitment import commit, seed
from provenance.errors import LedgerFault
from provenance.latent import dequantise, quantise
from provenance.noise import gaussian
from provenance.policy import ModelTrust, Policy
from provenance.recipe import Component, Model, Prompt, Recipe, Scheduler, format_recipe
from provenance.storedlatent import encode_latent
from tests.support.entries import secret
from tests.support.entrylog import EntryLog
from tests.support.trust import ANYWHERE

SHAPE, STEPS = (4, 8, 8), (Decimal("0.5"),) * 4
MODEL = Model("numpy model", hashlib.sha256(b"model").digest(), (Component("unet", bytes(32)),))
CALIBRATION = Calibration(
    MODEL.digest,
    SHAPE,
    STEPS,
    Whitening(np.zeros(SHAPE, np.float32), np.ones(SHAPE, np.float32)),
    Thresholds(0.25, 3.5),
    "{}",
    ANYWHERE,
)
PIN = calibration_id(format_calibration(CALIBRATION))
POLICY = Policy(models={MODEL.digest: ModelTrust(MODEL.name, MODEL.digest, {SHAPE: CALIBRATION}, {SHAPE: PIN})})
KEY = NotaryKey(secret("notary", "nina"))


@dataclass
class Machine:
    """The regenerator; ``calls`` is what it was made to do, ``fault`` what it raises instead."""

    calls: list = field(default_factory=list)
    missing: str | None = None
    fault: BaseException | None = None
    drift: float = 0.0  # of other hardware
    forgetful: bool = False  # the seed does not matter: a memorised prompt
    brightness: int = 0  # of decoded pixels
    rounding: object = 0.0  # what its arithmetic adds to levels of 0 to 255

    def why_not(self, recipe):
        if recipe.model != MODEL:
            return f"this machine has no model {recipe.model.name!r}"
        if recipe.width * recipe.height * recipe.steps > 2**23:
            return "more than is done for a stranger"
        return self.missing

    def _work(self, what):
        self.calls.append(what)
        if self.fault is not None:
            raise self.fault

    def regenerate(self, recipe, prompt, seeds):
        self._work("regenerate")
        return [self.latent(bytes(32) if self.forgetful else each, prompt, recipe.shape) for each in seeds]

    def latent(self, work_seed, prompt, shape=SHAPE):
        return 4 * gaussian(work_seed, shape) + np.float32(len(prompt.text) / 8) + np.float32(self.drift)

    def decode(self, recipe, latent):
        self._work("decode")
        return np.floor(self.levels(latent) + self.rounding + 0.5).astype(np.uint8)

    def decode_float(self, recipe, latent):
        self._work("decode")
        return ((self.levels(latent) + self.rounding) / 255).astype(np.float32)

    def levels(self, latent):
        wave = np.kron(np.tanh(latent[:3] / 8), np.ones((8, 8), np.float32))
        return 127.5 + 100 * wave.transpose(1, 2, 0) + self.brightness

    def invert(self, recipe, prompt, latent):
        self._work("invert")
        return ((latent - np.float32(len(prompt.text) / 8)) / 4).astype(np.float32)


@dataclass(frozen=True)
class Work:
    """A claim's entry, its blobs, and what they were made of."""

    entry: bytes
    claim: object
    recipe: Recipe
    integers: np.ndarray

    @property
    def id(self):
        return claim_id(self.claim)

    @property
    def blobs(self):
        return {
            self.claim.recipe: format_recipe(self.recipe),
            self.claim.latent.digest: encode_latent(self.integers),
        }


def work(name="a", *, machine=None, integers=None, rgb=None, derived=(), **changes):
    """A work by the model; ``changes`` are to its recipe, and everything that a cheat exchanges is an argument."""
    machine = machine or Machine()
    hidden, author = secret("work", name), secret("author", "ann")
    prompt = Prompt("hills")
    recipe = Recipe(
        model=MODEL,
        scheduler=Scheduler("S", "{}"),
        steps=10,
        guidance=Decimal(2),
        prompt=prompt,
        max_tokens=77,
        width=64,
        height=64,
        dtype="float32",
        seed=seed(commit(hidden)),
        shape=SHAPE,
        latent_steps=STEPS,
        parents=tuple(derived),
    )
    made = quantise(machine.latent(recipe.seed, prompt), STEPS) if integers is None else integers
    pixels = machine.decode(recipe, dequantise(made, STEPS)) if rgb is None else rgb
    recipe = replace(recipe, **changes)
    claim = make_claim(
        Y=commit(hidden),
        nonce=hashlib.sha256(name.encode()).digest(),
        index=0,
        authors=(commit(author),),
        recipe=recipe,
        integers=made,
        rgb=pixels,
        terms=Terms(),
    )
    return Work(format_entry(prove_claim(claim, hidden, (author,))), claim, recipe, made)


class BlobLog(EntryLog):
    """The log in memory, with blobs; ``away`` is raised by every call, ``lost`` after the next submission."""

    def __init__(self):
        super().__init__()
        self.blobs = {}
        self.asked = []
        self.away = False
        self.lost = None
        self.page = 2

    def add(self, made, *, published=True):
        logged = self.append(made.entry)
        if published:
            self.blobs |= made.blobs
        return logged.index

    def get_blob(self, digest, *, limit):
        self._check()
        self.asked.append(digest)
        data = self.blobs.get(digest)
        if data is not None and len(data) > limit:
            raise LedgerFault("too large")
        return data

    def submit(self, entry):
        self._check()
        logged = super().submit(entry)
        if self.lost is not None:
            raise self.lost
        return logged

    def search(self, **criteria):
        self._check()
        return super().search(**criteria)[:3]  # pages

    def follow_ups(self, subject, **part):
        self._check()
        return super().follow_ups(subject, **part)[: self.page]

    def _check(self):
        if self.away:
            raise LedgerFault("the log is away")


@dataclass
class Office:
    """A notary at work: ``events`` is what it told, ``visit`` one round by a process of its own."""

    folder: object
    log: BlobLog = field(default_factory=BlobLog)
    machine: Machine = field(default_factory=Machine)
    key: NotaryKey = KEY
    policy: Policy = POLICY
    events: list = field(default_factory=list)
    complaints: list = field(default_factory=list)
    now: float = 1_800_000_000.0

    @property
    def path(self):
        return self.folder / "state.json"

    def visit(self):
        """A new process opens the state, makes one round, and ends."""
        before = len(self.events)
        with StateFile(self.path, key=self.key.public, log=self.log.origin) as file:
            self.notary(file).catch_up()
        return self.events[before:]

    def notary(self, file):
        return Notary(
            self.log,
            self.key,
            file,
            policy=self.policy,
            regenerator=self.machine,
            tell=self.events.append,
            complain=self.complaints.append,
            clock=lambda: self.now,
        )

    def attestations(self):
        """The bodies of all attestations in the log."""
        return [entry.content.body for entry in self.log.entries if entry.kind == "attestation"]
