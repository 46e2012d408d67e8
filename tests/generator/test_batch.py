"""Pictures that are sampled together: each is as good as one made alone, and a crash loses or doubles none."""

import json
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import generator.batch as batching
import generator.cli as commands
import generator.create as making
from generator.batch import Task, batch_size, create_together, next_batch
from generator.create import begin_all, create, numbered
from generator.journal import finish, kept_latents
from provenance.claim import parse_entry
from provenance.errors import EnvironmentFault, MemoryFault
from provenance.recipe import Prompt
from provenance.report import Verdict
from tests.generator import tiny, tinystudio
from tests.generator.studio import job, studio
from tests.support.forge import judge, parts_of, policy


class Crash(BaseException):
    """The power went."""


def tasks(room, jobs, *, resumed=False):
    return [Task(each, work, resumed) for each, work in zip(jobs, begin_all(jobs, room), strict=True)]


def left(room):
    return sorted(path.suffix for path in room.home.journal.iterdir())


def watched(room, monkeypatch, sizes):
    """Note how many pictures each run of the sampler makes."""
    sample = room.runtime.sample

    def counting(noise, *arguments, **options):
        sizes.append(len(noise))
        return sample(noise, *arguments, **options)

    monkeypatch.setattr(room.runtime, "sample", counting)


def test_pictures_of_a_batch_are_authentic_and_each_has_its_own_key(tmp_path, monkeypatch):
    room, sizes = studio(tmp_path), []
    watched(room, monkeypatch, sizes)
    made = list(create_together(tasks(room, numbered(job(tmp_path / "a.png"), 3)), room))
    assert sizes == [3]
    assert len({each.claim.Y for each in made}) == len({each.claim.pixels for each in made}) == 3
    assert [each.index for each in made] == [0, 1, 2]
    assert left(room) == []
    assert {environment(each.path.read_bytes())["batch"] for each in made} == {"3"}
    trust = policy().with_own_log(room.ledger.verifier_key)
    report = judge(made[1].path.read_bytes(), trust=trust, ledger=room.ledger)
    assert report.verdict is Verdict.AUTHENTIC


def environment(data):
    return json.loads(parts_of(data)[2].environment)


def test_a_single_picture_says_nothing_of_a_batch(tmp_path):
    room = tinystudio.studio(tmp_path)
    (made,) = create_together(tasks(room, [tinystudio.job(tmp_path / "a.png")]), room)
    assert "batch" not in environment(made.path.read_bytes())
    assert left(room) == []


def test_a_stochastic_sampler_draws_from_each_pictures_own_streams(tmp_path):
    from generator.models import scheduler_of
    from generator.schedulers import replacement

    plain = tinystudio.studio(tmp_path / "plain")
    room = tinystudio.studio(tmp_path, scheduler=replacement("euler-a", scheduler_of(plain.model)))
    jobs = numbered(tinystudio.job(tmp_path / "a.png"), 2)
    made = list(create_together(tasks(room, jobs), room))
    for each in made:
        data = each.path.read_bytes()
        _, recipe, _, integers, _ = parts_of(data)
        assert recipe.setup.draws > 0
        report = tinystudio.judge(data, tiny.model("sd1"))
        assert report.verdict is Verdict.CONSISTENT
        assert next(check for check in report.checks if check.step == 9).figures["distance"] < 1e-3
        assert integers.any()


@pytest.mark.parametrize("point", ["submit", "submitted", "wrap", "write_atomic"])
def test_a_crash_amid_a_batch_doubles_no_claim_and_samples_nothing_again(tmp_path, monkeypatch, point):
    """Also where the other run samples alone, which could turn an integer over."""
    room = tinystudio.studio(tmp_path)
    jobs = numbered(tinystudio.job(tmp_path / "a.png"), 3)
    calls = []

    def failing(act, time):
        def once(*arguments, **options):
            calls.append(act)
            if len(calls) == time and point != "submitted":
                raise Crash
            found = act(*arguments, **options)
            if len(calls) == time:
                raise Crash
            return found

        return once

    owner, name, time = (type(room.ledger), "submit_batch", 1) if point.startswith("submit") else (making, point, 2)
    with monkeypatch.context() as patch:
        patch.setattr(owner, name, failing(getattr(owner, name), time))
        with pytest.raises(Crash):
            list(create_together(tasks(room, jobs), room))
    written = time - 1
    assert [each.output.exists() for each in jobs] == [*[True] * written, *[False] * (3 - written)]
    assert left(room) == [*[".json"] * (3 - written), ".latents"]
    before = [parse_entry(each.entry).claim for each in room.ledger.search()]
    assert len(before) == (0 if point == "submit" else 3)
    monkeypatch.setattr(room.runtime, "sample", lambda *_a, **_k: pytest.fail("sampled again"))
    made = [next(create_together([task], room)) for task in tasks(room, jobs[written:], resumed=True)]
    after = [parse_entry(each.entry).claim for each in room.ledger.search()]
    assert len(after) == 3
    assert after[: len(before)] == before
    assert all(each.resumed for each in made)
    assert left(room) == []
    for each in jobs:
        data = each.output.read_bytes()
        assert tinystudio.judge(data, tiny.model("sd1")).verdict is Verdict.CONSISTENT
        assert environment(data)["batch"] == "3"


@pytest.mark.parametrize("damage", [b"", b"{", b'{"kind":"journal-latents","v":1}'])
def test_a_latent_that_cannot_be_read_is_sampled_again(tmp_path, monkeypatch, damage):
    room = tinystudio.studio(tmp_path)
    jobs = numbered(tinystudio.job(tmp_path / "a.png"), 2)
    with monkeypatch.context() as patch:
        patch.setattr(making, "wrap", lambda *_a, **_k: (_ for _ in ()).throw(Crash))
        with pytest.raises(Crash):
            list(create_together(tasks(room, jobs), room))
    (path,) = room.home.journal.glob("*.latents")
    path.write_bytes(damage)
    assert kept_latents(room.home) == {}
    assert len(list(create_together(tasks(room, jobs), room))) == 2
    assert left(room) == []


def test_what_is_kept_is_what_was_made(tmp_path):
    room = tinystudio.studio(tmp_path)
    (task,) = tasks(room, [tinystudio.job(tmp_path / "a.png")])
    rng = np.random.default_rng(5)
    integers, steps = making.cells(rng.standard_normal((4, 16, 16)).astype(np.float32), room)
    made = batching.Made(integers, steps, draws=7, batch=3)
    batching.keep_latents(room.home, {task.work.nonce: made, bytes(32): made})
    (record,) = room.home.journal.glob("*.latents")
    assert record.stat().st_mode & 0o777 == 0o600
    found = kept_latents(room.home)
    assert list(found) == [task.work.nonce], "the other work is not one that was begun"
    (kept,) = found.values()
    assert (kept.integers == integers).all()
    assert (kept.steps, kept.draws, kept.batch) == (steps, 7, 3)
    finish(room.home, task.work)
    assert kept_latents(room.home) == {}
    assert left(room) == []


def test_a_batch_holds_pictures_that_differ_in_their_files_alone():
    jobs = numbered(tinystudio.job(Path("a.png")), 3, [Prompt("a"), Prompt("b")])
    found = [Task(each, None, resumed=False) for each in [*jobs, replace(jobs[-1], seal_prompt=True)]]
    assert [task.job.output.name for task in next_batch(found, 9)] == ["a-1.png", "a-2.png", "a-3.png"]
    assert len(next_batch(found, 2)) == 2
    assert [task.job.output.name for task in next_batch(found[3:], 9)] == ["a-4.png", "a-5.png", "a-6.png"]


@pytest.mark.parametrize(
    ("asked", "shape", "dtype", "offload", "size"),
    [
        (None, (8, 16, 16), "float32", False, 4),
        (None, (4, 64, 64), "float32", False, 4),
        (None, (4, 64, 128), "float32", False, 2),
        (None, (4, 128, 128), "float32", False, 1),
        (None, (4, 512, 512), "float32", False, 1),
        (None, (8, 16, 16), "bfloat16", False, 1),
        (None, (8, 16, 16), "float32", True, 1),
        (7, (4, 128, 128), "float16", True, 7),
    ],
)
def test_how_many_are_sampled_together(asked, shape, dtype, offload, size):
    assert batch_size(asked, shape, dtype, offload=offload) == size


def run(room, jobs, size):
    made = []
    with closing(room.ledger):
        commands._make_all([(each, False) for each in jobs], room, len(jobs), size, made)
    return made


def test_where_memory_is_short_batches_become_smaller(tmp_path, monkeypatch, capsys):
    room, sizes = tinystudio.studio(tmp_path), []
    sample = room.runtime.sample

    def short(noise, *arguments, **options):
        sizes.append(len(noise))
        if len(noise) > 1:
            raise MemoryFault("out of memory")
        return sample(noise, *arguments, **options)

    monkeypatch.setattr(room.runtime, "sample", short)
    jobs = numbered(tinystudio.job(tmp_path / "a.png"), 4)
    assert [each.path for each in run(room, jobs, 4)] == [each.output for each in jobs]
    assert sizes == [4, 2, 1, 1, 1, 1]
    assert "going on with 1" in capsys.readouterr().err
    assert left(room) == []


def test_where_memory_is_too_short_for_one_nothing_is_claimed(tmp_path, monkeypatch):
    room = tinystudio.studio(tmp_path)

    def full(*_arguments, **_options):
        raise MemoryFault("out of memory")

    monkeypatch.setattr(room.runtime, "sample", full)
    with pytest.raises(EnvironmentFault, match="out of memory"):
        run(room, numbered(tinystudio.job(tmp_path / "a.png"), 2), 4)
    assert not list(tmp_path.glob("*.png"))


def test_a_command_makes_several_pictures_of_a_prompt_at_a_time(tmp_path, monkeypatch):
    room, sizes = tinystudio.studio(tmp_path), []
    watched(room, monkeypatch, sizes)
    jobs = numbered(tinystudio.job(tmp_path / "a.png"), 3, [Prompt("a cat"), Prompt("the sea")])
    assert len(run(room, jobs, 2)) == 6
    assert sizes == [2, 1, 2, 1]


def test_one_alone_and_one_of_a_batch_are_the_same_to_a_thousandth_of_a_step(tmp_path, monkeypatch):
    room = tinystudio.studio(tmp_path)
    latents, sample = [], room.runtime.sample

    def noting(*arguments, **options):
        latents.append(sample(*arguments, **options))
        return latents[-1]

    monkeypatch.setattr(room.runtime, "sample", noting)
    monkeypatch.setattr(making.os, "urandom", lambda size: bytes([len(latents)]) * size)
    create(tinystudio.job(tmp_path / "a.png"), room)
    two = numbered(tinystudio.job(tmp_path / "b.png"), 2)
    nonces = iter([b"\0" * 32, b"\1" * 32])
    monkeypatch.setattr(making.os, "urandom", lambda _size: next(nonces))
    list(create_together(tasks(room, two), room))
    alone, together = latents
    assert np.abs(together[0] - alone[0]).max() < 1e-3 * alone.std() / 7.2
