"""A log that shows less than before: a lagging replica accuses nobody, another tree is a fork with evidence."""

import asyncio
import itertools
import json
from types import SimpleNamespace

import pytest

from ledger import cli_watch, cli_witness
from ledger.contradiction import InconsistencyError
from ledger.monitor import Monitor
from ledger.monitorstate import MonitorState
from ledger.observer import observe
from ledger.older import OlderStateError
from ledger.pool import Pool
from ledger.sequencer import TreeHead
from ledger.server.proofs import Proofs
from ledger.tiled import TiledLog
from ledger.transport import Transport
from ledger.witness import Witness
from provenance.errors import LedgerFault, UnsupportedVersionError
from provenance.notekey import KeyType, new_signer
from tests.support.entries import make_entry
from tests.support.standin import StandIn

ENTRIES = [make_entry(f"older {i}") for i in range(600)]


@pytest.fixture
def service():
    with StandIn(ENTRIES) as running:
        yield running


@pytest.fixture
def tiled(service):
    return TiledLog(Transport(service.url, patience=0), [one.verifier_key for one in service.signers])


@pytest.fixture(params=["monitor", "witness"])
def look(request, tiled, service, tmp_path):
    """One look at the log, by somebody who has seen all of it."""
    if request.param == "monitor":
        state = MonitorState(tmp_path / "seen.db")

        def once(patience=0.0):
            return Monitor(tiled, state, patience=patience).check().checkpoint

    else:
        state = Witness(
            tmp_path / "seen.db",
            [new_signer("witness.test/w", KeyType.COSIGNATURE)],
            {service.origin: [one.verifier_key for one in service.signers]},
        )

        def once(patience=0.0):
            return observe(state, tiled, patience=patience)[0]

    once()
    yield once
    state.close()


def evidence(tmp_path):
    return list(tmp_path.glob("seen.db.evidence*"))


def test_a_replica_that_lags_for_a_moment_is_asked_again(service, look, monkeypatch):
    monkeypatch.setattr("ledger.older._POLL", 0.01)
    honest = service.checkpoint()
    answers = itertools.chain([service.checkpoint(300), service.checkpoint(300)], itertools.repeat(honest))
    service.lies["/log/checkpoint"] = lambda handler: handler.send(200, next(answers))
    assert look(patience=5.0).size == 600


@pytest.mark.parametrize("size", [0, 1, 300, 599])
def test_an_older_state_accuses_nobody(service, look, tmp_path, size):
    service.published, service.behind = size, True
    with pytest.raises(OlderStateError, match=f"older state of {size} entries; it has signed 600 before"):
        look()
    assert evidence(tmp_path) == []
    service.published = None
    assert look().size == 600


def test_an_older_state_without_newer_tiles_accuses_nobody(service, look, tmp_path):
    """As after a restore from a backup, tiles and all: that it is a prefix can then not be told."""
    service.published = 300
    with pytest.raises(OlderStateError, match="not the tiles that would tell"):
        look()
    assert evidence(tmp_path) == []


@pytest.mark.parametrize("size", [1, 300, 599])
def test_a_smaller_tree_that_is_no_beginning_of_the_larger_one_is_a_fork(service, look, tmp_path, size):
    other = StandIn([make_entry("another"), *ENTRIES[1:]], service.signers)
    service.lies["/log/checkpoint"] = other.checkpoint(size)
    with pytest.raises(
        InconsistencyError, match=f"fork: the tree of 600 .* did not begin with that of {size}"
    ) as caught:
        look()
    assert not isinstance(caught.value, OlderStateError)
    [path] = evidence(tmp_path)
    assert [note.split("\n")[1] for note in json.loads(path.read_bytes())["checkpoints"]] == ["600", str(size)]


def test_tiles_that_prove_neither_are_no_evidence(service, look, tmp_path):
    """Whoever serves junk tiles beside an old checkpoint does not make a forger of the log."""
    service.published, service.behind = 300, True
    service.lies["/log/tile/0/001"] = bytes(32 * 256)
    with pytest.raises(OlderStateError, match="not the tiles that would tell"):
        look()
    assert evidence(tmp_path) == []


# --- the commands -------------------------------------------------------------------------------------------------------


def test_watching_goes_on_while_an_older_state_is_shown_but_not_for_ever(monkeypatch, capsys):
    handlers = []
    monkeypatch.setattr(cli_watch.signal, "signal", lambda *handler: handlers.append(handler))
    outcomes = iter([OlderStateError("older: 1"), None, OlderStateError("older: 2"), OlderStateError("older: 3")])

    def act(_first):
        outcome = next(outcomes)
        if outcome is not None:
            raise outcome

    now = iter([0.0, 0.0, 100.0, 100.0, 100.0 + cli_watch.OLDER_SECONDS + 1])
    monkeypatch.setattr(cli_watch.time, "monotonic", lambda: next(now))
    with pytest.raises(OlderStateError, match="older: 3"):
        cli_watch.follow(act, once=False, interval=0.0)
    assert [line for line in capsys.readouterr().err.splitlines() if "older" in line] == [
        "warning: older: 1",
        "warning: older: 2",
    ]
    with pytest.raises(OlderStateError):
        cli_watch.follow(lambda _: (_ for _ in ()).throw(OlderStateError("older: 4")), once=True, interval=0.0)


def test_the_worst_that_one_look_found_is_told(monkeypatch, tiled):
    faults = [LedgerFault("away"), OlderStateError("older"), InconsistencyError("fork")]
    found = iter(faults)

    def fails(*_):
        raise next(found)

    monkeypatch.setattr("ledger.observer.observe", fails)
    with pytest.raises(InconsistencyError, match="fork"):
        cli_witness._Looker(None, [tiled] * 3, as_json=False)()


def test_a_witness_that_can_look_no_more_says_so_and_ends(capsys):
    def look():
        raise UnsupportedVersionError("from the future")

    looking = cli_witness._Looking(look, 60.0)
    looking.run()
    assert looking.stop.is_set()
    assert isinstance(looking.error, UnsupportedVersionError)
    assert "can look at its logs no more" in capsys.readouterr().err


def test_a_witness_that_listens_ends_with_its_looking(monkeypatch, tmp_path, service):
    """The command answers logs over HTTP until its other half cannot go on, and its exit code says so."""
    from click.testing import CliRunner

    monkeypatch.setenv("SEEDPROOF_HOME", str(tmp_path / "home"))

    def fails(*_):
        raise UnsupportedVersionError("from the future")

    monkeypatch.setattr("ledger.observer.observe", fails)
    words = ["--ledger", service.url, "--listen", "127.0.0.1:0", "--name", "witness.test/w", "--interval", "60"]
    done = CliRunner().invoke(cli_witness.witness, words)
    assert isinstance(done.exception, UnsupportedVersionError)


# --- a service does not show less than it has shown ----------------------------------------------------------------------


def head(size):
    return TreeHead("log.example/1", size, bytes([size]) * 32, b"note")


def test_readers_are_never_shown_less_again():
    """A database answers a slow question after a fast one, or a replica answers one."""
    answers = [head(5), head(3), head(6)]

    async def run():
        async def ask(read):
            return read()

        log = SimpleNamespace(published=lambda: answers.pop(0), checked_tiles=None)
        proofs = Proofs(log, None, SimpleNamespace(run=ask))
        shown = []
        for _ in range(3):
            shown.append((await proofs.shown()).size)
            proofs._until = 0.0
        proofs.show(head(4))
        return [*shown, (await proofs.shown()).size]

    assert asyncio.run(run()) == [5, 5, 6, 6]


def test_what_waits_for_a_checkpoint_is_never_told_less_again():
    told = []

    async def run():
        pool = Pool(SimpleNamespace(), on_published=lambda published: told.append(published.size))
        for size in (5, 3, 6):
            await pool._show(head(size))
        return (await pool.published(5)).size

    assert asyncio.run(run()) == 6
    assert told == [5, 6]
