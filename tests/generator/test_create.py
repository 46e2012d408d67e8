"""create: the order of making, and what a crash leaves behind at every point of it."""

import errno
import os
import signal
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

import generator.create as making
from generator.create import create, numbered, output_paths
from provenance.claim import parse_entry
from provenance.commitment import commit
from provenance.derivation import derive_author, derive_prompt_key
from provenance.errors import EnvironmentFault, LedgerFault, OutputError, UsageError
from provenance.recipe import open_sealed
from provenance.report import Status, Verdict
from tests.generator.studio import job, studio
from tests.support.forge import judge, parts_of, policy, step


class Crash(BaseException):
    """The power went."""


def records(room):
    return list(room.home.journal.glob("*.json")) if room.home.journal.exists() else []


def test_a_created_picture_is_authentic_and_logged(tmp_path):
    room = studio(tmp_path)
    made = create(job(tmp_path / "lake.png", steps=12), room)
    report = judge(made.path.read_bytes(), trust=policy().with_own_log(room.ledger.verifier_key), ledger=room.ledger)
    assert report.verdict is Verdict.AUTHENTIC
    assert all(check.status is Status.PASS for check in report.checks)
    assert report.claim_id == made.claim_id
    assert step(report, 10).figures["index"] == made.index == 0
    assert records(room) == []


def test_every_picture_has_its_own_key(tmp_path):
    room = studio(tmp_path)
    made = [create(each, room) for each in numbered(job(tmp_path / "a.png"), 2)]
    assert [m.path.name for m in made] == ["a-1.png", "a-2.png"]
    assert made[0].claim.Y != made[1].claim.Y
    assert made[0].claim.authors == made[1].claim.authors
    assert made[0].claim.pixels != made[1].claim.pixels


def test_webp_is_written_losslessly(tmp_path):
    room = studio(tmp_path)
    made = create(job(tmp_path / "a.webp"), room)
    data = made.path.read_bytes()
    assert data[8:12] == b"WEBP"
    assert judge(data).verdict is Verdict.AUTHENTIC


@pytest.mark.parametrize(
    "point", ["begin", "_generate", "prove_claim", "submit", "submitted", "receipt", "wrap", "write_atomic", "finish"]
)
def test_a_crash_anywhere_leaves_no_half_file_and_no_lost_claim(tmp_path, monkeypatch, point):
    room = studio(tmp_path)
    target = tmp_path / "lake.png"

    def crash(*_args, **_kwargs):
        raise Crash

    with monkeypatch.context() as patch:
        if point in ("submit", "receipt"):
            patch.setattr(type(room.ledger), point, crash)
        elif point == "submitted":
            submit = type(room.ledger).submit

            def submit_and_crash(self, entry):
                submit(self, entry)
                raise Crash

            patch.setattr(type(room.ledger), "submit", submit_and_crash)
        else:
            patch.setattr(making, point, crash)
        with pytest.raises(Crash):
            create(job(target), room)
    written = target.exists()
    assert written == (point == "finish")
    assert not [path for path in tmp_path.iterdir() if path.name.startswith(".lake")]
    before = room.ledger.search()
    again = create(job(target, overwrite=written), room)
    assert again.resumed == (point != "begin")
    after = room.ledger.search()
    assert len(after) == 1
    if before:
        assert before[0].entry == after[0].entry
        assert parse_entry(before[0].entry).claim.Y == again.claim.Y
    assert records(room) == []
    assert judge(target.read_bytes()).verdict is Verdict.AUTHENTIC


def test_a_killed_process_is_picked_up_by_the_next_one(tmp_path):
    code = f"""
        import os, signal
        from pathlib import Path
        import generator.create as making
        from tests.generator.studio import job, studio
        making.wrap = lambda *a, **k: os.kill(os.getpid(), signal.SIGKILL)
        folder = Path({str(tmp_path)!r})
        making.create(job(folder / "lake.png"), studio(folder))
    """
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code)], cwd=Path.cwd(), capture_output=True, check=False
    )
    assert done.returncode == -signal.SIGKILL, done.stderr
    room = studio(tmp_path)
    (logged,) = room.ledger.search()
    made = create(job(tmp_path / "lake.png"), room)
    assert made.resumed
    assert made.claim.Y == parse_entry(logged.entry).claim.Y
    assert len(room.ledger.search()) == 1


def test_another_job_does_not_take_up_an_unfinished_one(tmp_path, monkeypatch):
    room = studio(tmp_path)
    with monkeypatch.context() as patch:
        patch.setattr(making, "wrap", lambda *_a, **_k: (_ for _ in ()).throw(Crash))
        with pytest.raises(Crash):
            create(job(tmp_path / "lake.png"), room)
    other = create(job(tmp_path / "lake.png", prompt="a city at night"), room)
    assert not other.resumed
    assert len(records(room)) == 1


def test_an_unreadable_journal_record_is_left_alone(tmp_path):
    room = studio(tmp_path)
    room.home.make(room.home.journal)
    broken = room.home.journal / "00.json"
    broken.write_text("{")
    assert not create(job(tmp_path / "lake.png"), room).resumed
    assert broken.read_text() == "{"


def test_sealed_prompt_survives_a_crash_and_is_nowhere_in_the_clear(tmp_path, monkeypatch):
    room = studio(tmp_path)
    secret = "a secret lighthouse by the sea"
    with monkeypatch.context() as patch:
        patch.setattr(making, "wrap", lambda *_a, **_k: (_ for _ in ()).throw(Crash))
        with pytest.raises(Crash):
            create(job(tmp_path / "lake.png", prompt=secret, seal_prompt=True), room)
    made = create(job(tmp_path / "lake.png", prompt=secret, seal_prompt=True), room)
    assert made.resumed
    for path in (p for p in tmp_path.rglob("*") if p.is_file()):
        assert b"secret lighthouse" not in path.read_bytes(), path
    claim, recipe, assertion, _, _ = parts_of(made.path.read_bytes())
    opening = open_sealed(assertion.sealed, derive_prompt_key(room.master, claim.nonce), 0, recipe.prompt)
    assert opening.prompt.text == secret
    assert judge(made.path.read_bytes(), opening=opening).verdict is Verdict.AUTHENTIC


def test_no_secret_reaches_any_file(tmp_path):
    room = studio(tmp_path)
    made = create(job(tmp_path / "lake.png"), room)
    from provenance.derivation import derive_author, derive_work

    secrets = [room.master.reveal(), derive_author(room.master), derive_work(room.master, made.claim.nonce)]
    for path in (p for p in tmp_path.rglob("*") if p.is_file()):
        data = path.read_bytes()
        for each in secrets:
            assert each not in data
            assert each.hex().encode() not in data


def test_existing_output_is_not_replaced_and_nothing_is_begun(tmp_path):
    room = studio(tmp_path)
    target = tmp_path / "lake.png"
    target.write_bytes(b"somebody's picture")
    with pytest.raises(OutputError, match="exists"):
        create(job(target), room)
    assert target.read_bytes() == b"somebody's picture"
    assert records(room) == []
    assert room.ledger.search() == []


@pytest.mark.parametrize("place", ["missing/lake.png", "file/lake.png"])
def test_output_that_cannot_be_written_is_noticed_before_anything_is_made(tmp_path, place):
    (tmp_path / "file").write_bytes(b"")
    room = studio(tmp_path)
    with pytest.raises(OutputError, match="cannot write"):
        create(job(tmp_path / place), room)
    assert records(room) == []


def test_full_disk_leaves_the_old_file_and_the_journal(tmp_path, monkeypatch):
    room = studio(tmp_path)
    target = tmp_path / "lake.png"
    target.write_bytes(b"old")

    def full(_handle):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    original = making.write_atomic

    def on_full_disk(*args, **kwargs):
        with monkeypatch.context() as patch:
            patch.setattr("provenance.files.os.fsync", full)
            original(*args, **kwargs)

    with monkeypatch.context() as patch:
        patch.setattr(making, "write_atomic", on_full_disk)
        with pytest.raises(OutputError, match="No space left"):
            create(job(target, overwrite=True), room)
    assert target.read_bytes() == b"old"
    assert len(records(room)) == 1
    assert create(job(target, overwrite=True), room).resumed


def test_a_log_that_answers_with_another_claim_is_refused(tmp_path, monkeypatch):
    room = studio(tmp_path)
    first = create(job(tmp_path / "a.png"), room)
    entry = room.ledger.find(first.claim_id)
    monkeypatch.setattr(type(room.ledger), "submit", lambda *_: entry)
    with pytest.raises(LedgerFault, match="another claim"):
        create(job(tmp_path / "b.png"), room)
    assert not (tmp_path / "b.png").exists()


def test_latents_that_cannot_be_stored_are_no_picture(tmp_path, monkeypatch):
    room = studio(tmp_path)

    def broken(*_args):
        raise ValueError("a latent value needs more than 16 bits at this step")

    monkeypatch.setattr("generator.picture.quantise", broken)
    with pytest.raises(EnvironmentFault, match="16 bits"):
        create(job(tmp_path / "a.png"), room)
    assert not (tmp_path / "a.png").exists()


def test_a_size_that_cannot_be_made_leaves_no_record(tmp_path):
    room = studio(tmp_path)
    with pytest.raises(UsageError, match="--size"):
        create(job(tmp_path / "a.png", width=100), room)
    assert records(room) == []


def test_planning_begins_nothing(tmp_path):
    room = studio(tmp_path)
    author = commit(derive_author(room.master))
    jobs = numbered(job(tmp_path / "a.png"), 2)
    assert making.plan(jobs, room.home, room.model, author) == [(each, False) for each in jobs]
    assert records(room) == []
    making.begin_all(jobs, room)
    assert len(records(room)) == 2
    assert making.plan(jobs, room.home, room.model, author) == [(each, True) for each in jobs]


def test_names_of_several_pictures(tmp_path):
    assert output_paths(tmp_path / "a.png", 1) == [tmp_path / "a.png"]
    assert [p.name for p in output_paths(tmp_path / "a.b.png", 3)] == ["a.b-1.png", "a.b-2.png", "a.b-3.png"]
