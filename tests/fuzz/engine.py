"""The search for findings: everything is imported and made once, and each turn of a target is a fork of that process.

With atheris (Linux on x86-64), coverage of our three packages tells which inputs are worth keeping. Without it the
line where an input ended does: a coarser view that needs nothing. Both change inputs by tests.fuzz.mutate. Nothing of
the product is imported by this module: atheris must be there before it.
"""

import contextlib
import hashlib
import importlib
import json
import os
import random
import time
from pathlib import Path

from tests.fuzz.mutate import MAX_BYTES, mutate

FOUND = Path(__file__).parent / "found"
PACKAGES = ("provenance", "generator", "ledger")
_KEPT = 2_000


def wander(seeds, generator, run, enough):
    """Run mutations until ``enough()``; those that end as none before join the inputs that are changed further."""
    pool, ends = list(seeds), set()
    while not enough():
        newest = max(len(pool) - 1 - int(generator.expovariate(0.2)), 0)
        data = mutate(pool[newest] if generator.random() < 0.3 else generator.choice(pool), generator, pool)
        outcome = run(data)
        if outcome.fault is None and outcome.signature not in ends and len(pool) < _KEPT:
            ends.add(outcome.signature)
            pool.append(data)


def prepare(engine, names=None):
    """Each target with its seeds, all of them run once; the modules that this imports are watched by atheris."""
    watching = contextlib.nullcontext()
    if engine == "atheris":
        import atheris

        watching = atheris.instrument_imports(include=list(PACKAGES))
    with watching:
        registry = importlib.import_module("tests.fuzz.registry")
        attempt = importlib.import_module("tests.fuzz.target").attempt
        ready = {}
        for name in names or registry.TARGETS:
            target = registry.TARGETS[name]
            seeds = list(target.seeds())
            for data in seeds:
                attempt(target, data)
            ready[name] = target, seeds
    return ready


def turn(target, seeds, folder, *, seconds, seed, engine):
    """One turn in a fork; what it did, or None where the process died: then ``folder / "now"`` is what it died of."""
    (folder / "corpus").mkdir(parents=True, exist_ok=True)
    (folder / "account.json").unlink(missing_ok=True)
    child = os.fork()
    if child == 0:
        log = os.open(folder / "log", os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o644)
        os.dup2(log, 2)
        try:
            search = _Search(target, seeds, folder, seconds)
            (search.guided if engine == "atheris" else search.blind)(seed)
        except BaseException:
            import traceback

            traceback.print_exc()
        finally:
            os._exit(1)  # who is done has left before
    _, status = os.waitpid(child, 0)
    account = folder / "account.json"
    told = json.loads(account.read_text()) if account.exists() else None
    return os.waitstatus_to_exitcode(status), told


class _Search:
    """What one process does: its place, its findings, its account."""

    def __init__(self, target, seeds, folder, seconds):
        from tests.fuzz.target import attempt

        self.target, self.seeds, self.folder, self.seconds, self.attempt = target, seeds, folder, seconds, attempt
        self.corpus = folder / "corpus"
        self.seen, self.findings, self.runs, self.slowest = set(), 0, 0, 0.0
        attempt(target, seeds[-1])  # what a process makes for itself is nobody's cost
        self.began = time.process_time()

    def over(self):
        return time.process_time() - self.began >= self.seconds

    def one(self, data):
        """Run an input, which is on disk by then, should the process die of it."""
        (self.folder / "now").write_bytes(data)
        outcome = self.attempt(self.target, data)
        self.runs += 1
        self.slowest = max(self.slowest, outcome.seconds)
        if outcome.fault is not None and outcome.signature not in self.seen:
            self.seen.add(outcome.signature)
            self.findings += 1
            keep_finding(self.target.name, data, outcome.fault)
        if self.runs % 100 == 0:
            self.account()
        return outcome

    def account(self):
        """What was done so far, for the parent."""
        seconds = round(time.process_time() - self.began, 1)
        told = {"runs": self.runs, "seconds": seconds, "slowest": round(self.slowest, 3), "findings": self.findings}
        (self.folder / "account.json").write_text(json.dumps(told))

    def finish(self):
        self.account()
        (self.folder / "now").unlink(missing_ok=True)
        os._exit(0)  # libFuzzer knows no other end

    def blind(self, seed):
        wander(self.seeds, random.Random(seed), self.one, self.over)
        self.finish()

    def guided(self, seed):
        import atheris

        for data in self.seeds:
            (self.corpus / hashlib.sha256(data).hexdigest()).write_bytes(data)

        def run(data):
            if self.over():
                self.finish()
            self.one(data)

        def change(data, most, seed):
            generator = random.Random(seed)
            if generator.random() < 0.1:
                return atheris.Mutate(data, most)
            return mutate(data, generator, self.seeds)[:most]

        options = {"max_len": MAX_BYTES, "seed": seed % 2**31 or 1, "timeout": 900, "rss_limit_mb": 0, "verbosity": 0}
        arguments = ["fuzz", str(self.corpus), *(f"-{name}={value}" for name, value in options.items())]
        atheris.Setup(arguments, run, custom_mutator=change)
        atheris.Fuzz()


def keep_finding(name, data, fault):
    """An input that pytest replays from now on."""
    place = FOUND / name
    place.mkdir(parents=True, exist_ok=True)
    short = hashlib.sha256(data).hexdigest()[:16]
    (place / short).write_bytes(data)
    print(f"{name}: found/{name}/{short}: {fault}", flush=True)
