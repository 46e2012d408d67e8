"""Where attempts are made: a victim's real works, a thief's keys, a local log, and the real ``verify``.

The works are made once by ``generator.create`` with the house model and lie in the lab's folder; whoever opens the folder
again has the same ones. A folder holds a lab for each model and policy, so that a new model gets new works.
"""

import contextlib
import hashlib
import os
import re
import time
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from functools import cached_property
from importlib.resources import files
from pathlib import Path

import numpy as np

from generator.create import Job, Studio, create
from generator.journal import Begun, begin
from generator.models import house_model, native_size
from generator.regenerate import open_regenerator
from generator.setups import HOUSE_GUIDANCE, HOUSE_STEPS
from ledger.local import open_ledger
from provenance.claim import Terms, claim_id, parse_entry
from provenance.commitment import commit
from provenance.credentials import new_credentials
from provenance.derivation import derive_author, derive_work
from provenance.errors import SeedproofError, UnprovedError
from provenance.home import Home
from provenance.master import Master
from provenance.pixels import read_picture
from provenance.policy import default_policy
from provenance.recipe import Prompt
from provenance.report import Status, Verdict
from provenance.verify import Depth, Request, verify
from tests.attacks.redteam.memory import Pooled, Remembering
from tests.attacks.redteam.threat import Outcome, scalar
from tests.support.forge import Bench, parts_of

PROMPTS = (
    "snowy mountains at sunset",
    "a calm lake at dawn",
    "a lavender field at noon",
    "a winding path through a forest in autumn",
    "dunes in a desert at night",
    "a rocky coast in a storm",
)


class Lab:
    """A victim with ``works`` works under ``folder``, and everything that it takes to attack them."""

    def __init__(self, folder, *, works=4, steps=HOUSE_STEPS):
        self.policy = default_policy()
        self.model = house_model().identity.digest
        self.policy_digest = hashlib.sha256(files("provenance").joinpath("data", "policy.json").read_bytes()).digest()
        self.folder = Path(folder) / f"lab-{self.model.hex()[:8]}-{self.policy_digest.hex()[:8]}"
        self.folder.mkdir(parents=True, exist_ok=True)
        self.home = Home(*(self.folder / "home" / name for name in ("config", "data", "state")))
        self.home.make(self.home.data)
        self.now = datetime.now(UTC)
        self.count = works
        self._steps = steps
        self._files = {}
        self._works = {}
        self._assertions = {}

    # --- people -----------------------------------------------------------------------------------------------------

    @cached_property
    def victim(self):
        """The victim's master. An attack may use it only where the threat says that it is stolen."""
        return Master(hashlib.sha256(b"red team/victim").digest())

    @cached_property
    def victim_credentials(self):
        return new_credentials("Vera Victim", self.now)

    @cached_property
    def thief_credentials(self):
        return new_credentials("Theo Thief", self.now)

    @cached_property
    def thief_author(self):
        """The thief's author secret."""
        return scalar("thief", "author")

    def thief_secret(self, number=0):
        """The ``number``-th of the thief's own work secrets."""
        return scalar("thief", "work", number)

    # --- the victim's works -----------------------------------------------------------------------------------------

    def file(self, number=0):
        """Bytes of a real signed picture of the victim, claimed in his log."""
        number %= self.count
        if number not in self._files:
            path = self.folder / f"work-{number}.png"
            if not path.exists():
                self._create(number, path)
            self._files[number] = path.read_bytes()
        return self._files[number]

    def work(self, number=0):
        """The same picture on the workbench of tests.support.forge, with everything in it laid out."""
        number %= self.count
        if number not in self._works:
            self._works[number] = self._open(number)
        return self._works[number]

    def assertion(self, number=0):
        """The assertion as it stands in the file; ``work(number).assertion`` is signed anew each time."""
        self.work(number)
        return self._assertions[number % self.count]

    def _open(self, number):
        claim, recipe, assertion, integers, rgb = parts_of(self.file(number))
        self._assertions[number] = assertion
        return Bench(
            secret=derive_work(self.victim, claim.nonce),
            author_secrets=(derive_author(self.victim),),
            credentials=self.victim_credentials,
            recipe=recipe,
            integers=integers,
            rgb=rgb,
            nonce=claim.nonce,
            terms=claim.terms,
            receipt=assertion.receipt,
        )

    def thiefs(self, number=0, victim=0, **changes):
        """The victim's work with keys, nonce and certificate of the thief in place of the victim's, and no receipt."""
        secret = self.thief_secret(number)
        return self.work(victim).with_(
            **{
                "secret": secret,
                "author_secrets": (self.thief_author,),
                "credentials": self.thief_credentials,
                "nonce": hashlib.sha256(secret).digest(),
                "receipt": None,
                **changes,
            }
        )

    @cached_property
    def log(self):
        """The victim's own log, in which his works are."""
        with _home(self.folder / "home"):
            return open_ledger(str(self.home.ledger), create=True)

    def _create(self, number, path):
        from generator.runtime import load_runtime

        model = house_model()
        trust = self.policy.models[self.model]
        side = native_size(model.folder)
        studio = Studio(
            self.home,
            self.victim,
            self.victim_credentials,
            model,
            load_runtime(model, device="cpu"),
            self.log,
            lambda shape: None if trust.calibration(shape) is None else trust.calibration(shape).steps,
            self.now,
        )
        prompt = Prompt(PROMPTS[number % len(PROMPTS)])
        guidance = Decimal(HOUSE_GUIDANCE)
        job = Job(prompt, path, side, side, self._steps, guidance, "float32", False, False, Terms())
        nonce = hashlib.sha256(f"red team/work/{number}".encode()).digest()
        author = commit(derive_author(self.victim))
        begin(self.home, Begun(nonce, job.fingerprint(model, author), str(path.absolute()), None, None))
        create(job, studio)

    # --- the verifier -----------------------------------------------------------------------------------------------

    @cached_property
    def regenerator(self):
        """The real one with the house model, remembering what it made."""
        return Remembering(open_regenerator())

    @cached_property
    def pooled(self):
        """The same with wrong seeds from a small pool, kept on disk; see ``memory.Pooled``."""
        return Pooled(open_regenerator(), self.folder / "made")

    def verify(self, data, *, regenerate=True, pooled=False, ledger=None, policy=None, **more):
        """The report of the real ``verify`` over bytes or a path; errors of ours are raised."""
        content = Path(data).read_bytes() if isinstance(data, str | Path) else data
        fields = {
            "policy": policy or self.policy,
            "now": datetime.now(UTC),
            "depth": Depth.AUTO if regenerate else Depth.QUICK,
            "regenerator": (self.pooled if pooled else self.regenerator) if regenerate else None,
            "ledger": ledger,
            "entropy": b"red team",
        }
        return verify(content, Request(**fields | more))

    def judge(self, data, *, figures=None, victim=None, **how):
        """The outcome of :meth:`verify` over a forgery: its verdict and the step that stopped it, or our error.

        With ``victim`` the number of a work, *authentic* for the victim's own claim over that work's pixels in the
        victim's own name is the verdict "the victim's": whoever wraps a file again has gained nothing by it.
        """
        return attempt(lambda: self.verify(data, **how), figures, self._is_his(data, victim))

    def _is_his(self, data, victim):
        if victim is None:
            return lambda _: False
        work = self.work(victim)
        return lambda report: (
            report.claim_id == claim_id(work.claim)
            and report.authors == (commit(work.author_secrets[0]),)
            and np.array_equal(read_picture(data).rgb, work.rgb)
        )


def attempt(check, figures=None, is_the_victims=lambda _: False):
    """The outcome of ``check``, which gives a Report, or a verdict in one word, or raises."""
    started = time.perf_counter()
    try:
        found = check()
    except SeedproofError as error:
        verdict = "unproved" if isinstance(error, UnprovedError) else "refused"
        found, stopped = verdict, f"{type(error).__name__}: {plain(str(error))}"
    except Exception as error:
        found, stopped = "crash", f"{type(error).__name__}: {str(error)[:120]}"
    else:
        stopped = "" if isinstance(found, str) else stopped_at(found)
    figures = {**(figures or {}), "seconds": round(time.perf_counter() - started, 4)}
    if not isinstance(found, str):
        found = "the victim's" if found.verdict is Verdict.AUTHENTIC and is_the_victims(found) else str(found.verdict)
    return Outcome(found, figures, stopped)


def plain(message):
    """An error's message without what differs from attempt to attempt."""
    message = re.sub(r"https?://\S+|(?<!\S)/\S+|'[^']*'|\"[^\"]*\"", "...", message)
    return re.sub(r"\b[0-9a-f]{12,}(\.\.\.)?|(?<![\w-])-?\d[\d.,:]*", "N", message)[:90]


def stopped_at(report):
    """The step that stands against a report's being authentic, in words that are the same for like reports."""
    failed = [check for check in report.checks if check.status is Status.FAIL]
    if failed:
        return f"step {failed[0].step}, {failed[0].name}"
    return "" if str(report.verdict) == "authentic" else plain(report.reason.split(":")[0])


def signed_by(work, *, possession=None, authors=None, **changes):
    """The work's assertion with single proofs exchanged."""
    honest = work.assertion
    given = {"possession": possession, "authors": authors, **changes}
    return replace(honest, **{name: value for name, value in given.items() if value is not None})


def signed_as_logged(work, log):
    """The signed file of a work with its receipt of ``log``, and with the signatures that were logged there."""
    found = log.find(claim_id(work.claim))
    entry = parse_entry(found.entry)
    assertion = signed_by(work, possession=entry.possession, authors=entry.authors, receipt=log.receipt(found.index))
    return work.sign(assertion=assertion)


@contextlib.contextmanager
def _home(folder):
    before = os.environ.get("SEEDPROOF_HOME")
    os.environ["SEEDPROOF_HOME"] = str(folder)
    try:
        yield
    finally:
        if before is None:
            del os.environ["SEEDPROOF_HOME"]
        else:
            os.environ["SEEDPROOF_HOME"] = before
