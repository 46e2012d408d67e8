"""A log is killed (SIGKILL) before and after each of its writes, and nothing is lost, doubled or signed twice.

The child is forked, so it has the parent's imports and costs little; it opens the log itself.
"""

import errno
import os
import shutil
import signal
import sqlite3

import pytest
from sqlalchemy import event

from ledger import audit, keys, local, log
from ledger.local import open_ledger
from provenance.checkpoint import VerifierKey, open_checkpoint
from provenance.errors import LedgerFault
from tests.support.entries import make_entry

BEFORE = 3


def entry(name):
    return make_entry(name, authors=["ann"])


def intact(path, *, create=False):
    """Open, audit, and return the entries."""
    ledger = open_ledger(str(path), create=create)
    try:
        assert audit.check_log(ledger.engine, [VerifierKey.parse(ledger.verifier_key)]) == []
        return [item.entry for item in ledger.search()]
    finally:
        ledger.close()


def killed(work):
    """Run ``work`` in a forked child; True when it was killed by SIGKILL, False when it came to its end."""
    child = os.fork()
    if child == 0:
        status = 1
        try:
            work()
            status = 0
        except BaseException as error:  # whatever it is, the child must not return into pytest
            os.write(2, f"child: {error!r}\n".encode())
        finally:
            os._exit(status)
    _, result = os.waitpid(child, 0)
    if os.WIFSIGNALED(result):
        assert os.WTERMSIG(result) == signal.SIGKILL
        return True
    assert os.waitstatus_to_exitcode(result) == 0
    return False


class Faults:
    """Counts the writes of an engine and does ``fault()`` at one point: before or after the nth statement or commit."""

    def __init__(self, engine, when, number, fault):
        self.left = number
        self.fault = fault
        event.listen(engine, f"{when}_cursor_execute", self._hit)
        if when == "before":
            event.listen(engine, "commit", self._hit)

    def _hit(self, *_arguments):
        if self.left == 0:
            self.fault()
        self.left -= 1


def kill_self():
    os.kill(os.getpid(), signal.SIGKILL)


@pytest.fixture
def base(tmp_path, own_home):
    path = tmp_path / "base.db"
    ledger = open_ledger(str(path), create=True)
    for i in range(BEFORE):
        ledger.submit(entry(i))
    ledger.close()
    return path


@pytest.mark.parametrize("when", ["before", "after"])
def test_killed_at_every_statement_of_a_submission(base, tmp_path, when):
    """No commit has happened when the last statement is done, so the new entry is never there; and never half."""
    new = entry("new")
    points = 0
    while True:
        path = tmp_path / f"{points}.db"
        shutil.copy(base, path)
        shutil.copy(keys.key_path(base), keys.key_path(path))

        def work(path=path, number=points):
            ledger = open_ledger(str(path), create=False)
            Faults(ledger.engine, when, number, kill_self)
            ledger.submit(new)

        was_killed = killed(work)
        entries = intact(path)
        assert len(entries) == (BEFORE if was_killed else BEFORE + 1)
        ledger = open_ledger(str(path), create=False)
        assert ledger.submit(new).index == BEFORE
        assert ledger.submit(entry("next")).index == BEFORE + 1
        ledger.close()
        assert intact(path)[:BEFORE] == entries[:BEFORE]
        points += 1
        if not was_killed:
            break
    assert points > 6, "there were fewer statements than a submission has: nothing was tested"


def test_killed_after_the_commit_the_entry_is_there(base):
    new = entry("new")

    def work():
        ledger = open_ledger(str(base), create=False)
        ledger.submit(new)
        kill_self()

    assert killed(work)
    assert intact(base)[BEFORE:] == [new]


@pytest.mark.parametrize("when", ["before", "after"])
def test_an_error_at_every_statement_of_a_submission(base, when):
    """A full disk instead of a death: the same process goes on, with the same log."""
    new = entry("new")
    ledger = open_ledger(str(base), create=False)

    def fail():
        raise sqlite3.OperationalError("database or disk is full")

    failures = 0
    for number in range(100):
        armed = Faults(ledger.engine, when, number, fail)
        try:
            logged = ledger.submit(new)
            break
        except LedgerFault:
            failures += 1
        finally:
            armed.left = -1
        assert len(ledger.search()) == BEFORE
    assert failures >= 6
    assert logged.index == BEFORE
    ledger.close()
    assert intact(base)[BEFORE:] == [new]


def test_killed_at_every_statement_of_its_making(tmp_path, own_home):
    """Whatever is left, opening again makes one log with one key, and its first entry is entry 0."""
    points = 0
    while True:
        path = tmp_path / f"new{points}.db"

        def work(path=path, number=points):
            made = log.open_engine

            def armed(place):
                engine = made(place)
                Faults(engine, "before", number, kill_self)
                return engine

            log.open_engine = armed
            open_ledger(str(path), create=True)

        was_killed = killed(work)
        assert intact(path, create=True) == []
        ledger = open_ledger(str(path), create=False)
        assert ledger.submit(entry("first")).index == 0
        ledger.close()
        points += 1
        if not was_killed:
            break
    assert points > 6


@pytest.mark.parametrize("step", ["make_pending_keys", "settle_keys", "remember_own_log"])
@pytest.mark.parametrize("after", [False, True])
def test_killed_around_the_steps_of_its_key(tmp_path, own_home, step, after):
    path = tmp_path / "ledger.db"

    def work():
        room = local if step == "remember_own_log" else keys
        original = getattr(room, step)

        def deadly(*arguments, **options):
            if after:
                original(*arguments, **options)
            kill_self()

        setattr(room, step, deadly)
        open_ledger(str(path), create=True)

    assert killed(work)
    assert intact(path, create=True) == []
    ledger = open_ledger(str(path), create=False)
    assert ledger.submit(entry("first")).index == 0
    ledger.close()


def test_two_processes_submit_at_once(base):
    """Each submits ten entries of its own and the same ten, in another order; each claim gets one index."""
    common = [entry(f"common {i}") for i in range(10)]
    mine = {part: [entry(f"{part} {i}") for i in range(10)] for part in (0, 1)}
    children = []
    for part in (0, 1):
        child = os.fork()
        if child == 0:
            status = 1
            try:
                ledger = open_ledger(str(base), create=False)
                mixed = [e for pair in zip(mine[part], common[:: 1 - 2 * part], strict=True) for e in pair]
                seen = set()
                for item in mixed:
                    logged = ledger.submit(item)
                    assert logged.index not in seen
                    seen.add(logged.index)
                status = 0
            except BaseException as error:
                os.write(2, f"child: {error!r}\n".encode())
            finally:
                os._exit(status)
        children.append(child)
    for child in children:
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    entries = intact(base)
    assert len(entries) == BEFORE + 30
    assert set(entries[BEFORE:]) == {*common, *mine[0], *mine[1]}


def test_two_processes_make_one_log(tmp_path, own_home):
    path = tmp_path / "ledger.db"
    children = []
    for part in range(3):
        child = os.fork()
        if child == 0:
            status = 1
            try:
                open_ledger(str(path), create=True).submit(entry(part))
                status = 0
            except BaseException as error:
                os.write(2, f"child: {error!r}\n".encode())
            finally:
                os._exit(status)
        children.append(child)
    assert [os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) for child in children] == [0, 0, 0]
    assert len(intact(path)) == 3


def test_a_killed_writer_does_not_block_the_next(base):
    def work():
        from ledger.database import writing

        ledger = open_ledger(str(base), create=False)
        with writing(ledger.engine):
            kill_self()

    assert killed(work)
    assert len(intact(base)) == BEFORE


def test_checkpoints_of_one_size_are_one(base, tmp_path):
    """The note that a killed submission had signed is the one that the next submission of the same entry signs."""
    new = entry("new")
    notes = []
    for name in ("a.db", "b.db"):
        shutil.copy(base, tmp_path / name)
        shutil.copy(keys.key_path(base), keys.key_path(tmp_path / name))
        ledger = open_ledger(str(tmp_path / name), create=False)
        ledger.submit(new)
        notes.append(ledger.head().note)
        assert open_checkpoint(notes[-1], [VerifierKey.parse(ledger.verifier_key)]).size == BEFORE + 1
        ledger.close()
    assert notes[0] == notes[1]


def test_a_full_disk_while_making_leaves_no_log(tmp_path, own_home, monkeypatch):
    def full(*_arguments, **_options):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("provenance.files.os.fsync", full)
    with pytest.raises(LedgerFault, match="No space"):
        open_ledger(str(tmp_path / "ledger.db"), create=True)
    monkeypatch.undo()
    monkeypatch.setenv("SEEDPROOF_HOME", str(own_home))
    assert intact(tmp_path / "ledger.db", create=True) == []
