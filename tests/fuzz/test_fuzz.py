"""A few seconds of what ``make fuzz`` does for an hour, without chance; and everything that it ever found, once more."""

import random

import pytest

from tests.fuzz import engine
from tests.fuzz.mutate import mutate
from tests.fuzz.registry import TARGETS
from tests.fuzz.target import Target, attempt

INPUTS = 80
"""Of a cheap target; of others so many fewer."""

FOUND = sorted(path for path in engine.FOUND.rglob("*") if path.is_file())


def judged(target, data):
    """Why this input is a finding; with leeway, since it is the product that is judged here and not the machine."""
    return attempt(target, data, leeway=6.0).fault


@pytest.mark.parametrize("path", FOUND, ids=lambda path: f"{path.parent.name}/{path.name}")
def test_what_was_found_is_mended(path):
    target = TARGETS[path.parent.name]
    for data in target.seeds():
        attempt(target, data)  # imports
        break
    assert judged(target, path.read_bytes()) is None


@pytest.mark.parametrize("name", TARGETS)
def test_honest_and_slightly_dishonest_inputs(name):
    target = TARGETS[name]
    seeds = list(target.seeds())
    ends = [attempt(target, data) for data in seeds]
    assert "returns" in {end.signature[0] for end in ends} or name in NEVER_ACCEPTED
    generator, left = random.Random(name), iter(range(INPUTS // target.cost))

    def run(data):
        outcome = attempt(target, data, leeway=6.0)
        assert outcome.fault is None, f"{outcome.fault}: {data[:2_000]!r}"
        return outcome

    engine.wander(seeds, generator, run, lambda: next(left, None) is None)


NEVER_ACCEPTED = {"sealed-prompt", "challenge", "dispute-side", "attackers-manifest", "history"}
"""Their honest inputs end in an error of ours too: another commitment, a time that is over, an entry without its proof."""


def test_a_fault_of_every_kind_is_seen():
    def leak(_data):
        held.append(bytearray(64 * 2**20))

    held = []
    faults = {
        "ZeroDivisionError": lambda _data: 1 // 0,
        "does not come to an end": lambda _data: [None for _ in iter(int, 1)] and None,
        "seconds of processor time": lambda _data: sum(range(6_000_000)),
        "MiB of memory": leak,
    }
    from tests.fuzz import target as module

    for words, run in faults.items():
        bounds = {"seconds": 0.01} if "seconds" in words else {"memory_mib": 16} if "memory" in words else {}
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(module, "GIVEN_UP", 0.2)
            if "MiB" in words:  # the peak of this process is far away by now
                patch.setattr(module, "_peak_mib", iter((0.0, 64.0)).__next__)
            found = attempt(Target("x", run, lambda: [b""], (), **bounds), b"")
        assert words in found.fault


def test_an_error_of_several_lines_is_a_fault():
    from provenance.errors import InvalidError

    def run(data):
        raise InvalidError(data.decode())

    target = Target("x", run, lambda: [b""], ())
    assert attempt(target, b"one line").fault is None
    assert "several lines" in attempt(target, b"one\ntwo").fault


@pytest.mark.parametrize("name", ["entry", "pixels", "any-picture", "token", "note", "latent", "bundle", "store"])
def test_mutations_come_to_many_ends(name):
    """So the parser's inside is reached and not its first check; and one seed of chance gives the same every time."""
    target = TARGETS[name]
    seeds = list(target.seeds())

    def made(seed):
        generator = random.Random(seed)
        return [mutate(generator.choice(seeds), generator, seeds) for _ in range(100)]

    assert made(1) == made(1) != made(2)
    ends = {attempt(target, data).signature for data in (*seeds, *made(1))}
    assert len(ends) >= 5
