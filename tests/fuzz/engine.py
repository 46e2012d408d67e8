"""The search for findings in one target, in a process of its own: ``python -m tests.fuzz.engine``, started by the driver.

With atheris (Linux on x86-64), coverage of our three packages tells which inputs are worth keeping. Without it the
line where an input ended does: a coarser view that needs nothing. Both change inputs by tests.fuzz.mutate.
"""

import contextlib
import hashlib
import json
import os
import random
import sys
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


class Search:
    """What one process does: its place, its findings, its account."""

    def __init__(self, name, folder, seconds):
        from tests.fuzz.registry import TARGETS

        self.target = TARGETS[name]
        self.folder, self.corpus = folder / name, folder / name / "corpus"
        self.corpus.mkdir(parents=True, exist_ok=True)
        self.seconds = seconds
        self.seen, self.findings, self.runs, self.slowest = set(), 0, 0, 0.0

    def start(self):
        """The seeds, each run once, so that what is imported and made only once is nobody's cost."""
        from tests.fuzz.target import attempt

        self.attempt = attempt
        seeds = list(self.target.seeds())
        for data in seeds:
            attempt(self.target, data)
        self.began = time.process_time()
        return seeds

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
        """What was done so far, for the driver."""
        seconds = round(time.process_time() - self.began, 1)
        told = {"runs": self.runs, "seconds": seconds, "slowest": round(self.slowest, 3), "findings": self.findings}
        (self.folder / "account.json").write_text(json.dumps(told))

    def finish(self):
        self.account()
        (self.folder / "now").unlink(missing_ok=True)

    def blind(self, seed):
        seeds = self.start()
        wander(seeds, random.Random(seed), self.one, self.over)
        self.finish()

    def guided(self, seed, atheris):
        seeds = self.start()
        for data in seeds:
            (self.corpus / hashlib.sha256(data).hexdigest()).write_bytes(data)

        def run(data):
            if self.over():
                self.finish()
                os._exit(0)  # libFuzzer knows no other end
            self.one(data)

        def change(data, most, seed):
            generator = random.Random(seed)
            if generator.random() < 0.1:
                return atheris.Mutate(data, most)
            return mutate(data, generator, seeds)[:most]

        options = {"max_len": MAX_BYTES, "seed": seed % 2**31 or 1, "timeout": 900, "rss_limit_mb": 0, "verbosity": 0}
        arguments = [sys.argv[0], str(self.corpus), *(f"-{name}={value}" for name, value in options.items())]
        atheris.Setup(arguments, run, custom_mutator=change)
        atheris.Fuzz()


def keep_finding(name, data, fault):
    """An input that pytest replays from now on."""
    place = FOUND / name
    place.mkdir(parents=True, exist_ok=True)
    short = hashlib.sha256(data).hexdigest()[:16]
    (place / short).write_bytes(data)
    print(f"{name}: found/{name}/{short}: {fault}", flush=True)


def main(name, folder, seconds, seed, engine):
    """One process; the arguments are those of the command line."""
    if engine == "blind":
        Search(name, Path(folder), float(seconds)).blind(int(seed))
        return
    import atheris

    search_imports = atheris.instrument_imports(include=list(PACKAGES))
    with contextlib.redirect_stdout(sys.stderr), search_imports:
        search = Search(name, Path(folder), float(seconds))
        search.start()  # imports what the target needs
    search.guided(int(seed), atheris)


if __name__ == "__main__":
    main(*sys.argv[1:])
