"""A log changes its keys, or somebody says so: what clients learn, forget and refuse, over HTTP."""

import pytest

from ledger.client import open_ledger
from ledger.monitor import InconsistencyError, Monitor
from ledger.monitorstate import MonitorState
from provenance.errors import LedgerFault
from provenance.home import find_home
from provenance.notekey import KeyType, new_signer
from provenance.policy import load_policy
from provenance.succession import format_successions, sign_succession
from tests.support.entries import make_entry
from tests.support.standin import StandIn

NAME = "log.example/1"


def pair(name=NAME):
    return [new_signer(name), new_signer(name, KeyType.MLDSA44)]


def keys_of(signers):
    return [one.verifier_key for one in signers]


@pytest.fixture(autouse=True)
def own_home(tmp_path, monkeypatch):
    monkeypatch.setenv("SEEDPROOF_HOME", str(tmp_path / "home"))


class Changing:
    """A service whose log changes its keys as ``ledger rotate-key`` does it."""

    def __init__(self, standin):
        self.standin = standin
        self.notes = []
        self.retired = []

    def add(self):
        before = list(self.standin.signers)
        self.standin.signers = [*pair(), *before]
        self._announce(before)

    def retire(self):
        before = list(self.standin.signers)
        self.standin.signers, self.retired = before[:2], [*before[2:], *self.retired]
        self._announce(before)

    def _announce(self, signers):
        self.notes.append(
            sign_succession(self.standin.size, keys_of(self.standin.signers), keys_of(self.retired), signers)
        )
        self.show(*self.notes)

    def show(self, *notes):
        self.standin.lies["/log/keys"] = format_successions(notes)

    def rotate(self):
        self.add()
        self.retire()


@pytest.fixture
def standin():
    with StandIn([make_entry(0), make_entry(1)], pair()) as running:
        yield running


@pytest.fixture
def log(standin):
    return Changing(standin)


def meet(standin):
    ledger = open_ledger(standin.url)
    ledger.head()
    ledger.receipt(1)
    ledger.close()


def lines(standin):
    return [f"{standin.url} {key}" for key in standin.vkeys]


def pinned():
    return find_home().known_logs.read_text().splitlines()


def test_keys_change_without_a_break(standin, log, capsys):
    meet(standin)
    capsys.readouterr()
    log.add()
    meet(standin)
    assert pinned() == lines(standin)
    assert capsys.readouterr().err == f"{standin.url}: 2 keys learned; the known keys of {NAME} have signed that\n"
    log.retire()
    meet(standin)
    assert pinned() == lines(standin)
    assert capsys.readouterr().err == f"{standin.url}: 2 keys retired; the known keys of {NAME} have signed that\n"
    meet(standin)
    assert capsys.readouterr().err == ""
    assert [key.format() for key in load_policy(find_home()).met] == standin.vkeys


@pytest.mark.parametrize("changes", [1, 2, 3])
def test_a_client_that_slept_follows_the_whole_chain(standin, log, changes):
    meet(standin)
    for _ in range(changes):
        log.rotate()
    meet(standin)
    assert pinned() == lines(standin)


def test_a_ledger_that_stays_open_learns_the_new_keys(standin, log):
    first = open_ledger(standin.url)
    first.head()
    log.rotate()
    first.receipt(1)
    assert first.head().signed_by[0].format() == standin.vkeys[0]
    second = open_ledger(standin.url)
    log.rotate()
    assert second.head().size == 2
    for ledger in (first, second):
        ledger.close()


def test_a_monitor_that_runs_meanwhile_sees_no_inconsistency(standin, log, tmp_path):
    ledger = open_ledger(standin.url)
    state = MonitorState(tmp_path / "state")
    watch = Monitor(ledger.tiled, state)
    assert watch.check().checkpoint.size == 2
    for _ in range(2):
        log.rotate()
        standin.entries.append(make_entry(len(standin.entries)))
        assert watch.check().added == 1
    log.add()
    log.retire()
    log.show()
    with pytest.raises(InconsistencyError, match="not signed by its known key"):
        watch.check()
    state.close()
    ledger.close()


def test_a_retired_key_signs_for_nobody_who_has_heard_of_it(standin, log):
    """It may have been stolen: that is why keys are retired in a hurry."""
    old = list(standin.signers)
    meet(standin)
    log.rotate()
    meet(standin)
    present, standin.signers = standin.signers, old
    with pytest.raises(LedgerFault, match="its key has changed"):
        meet(standin)
    standin.lies["/log/vkey"] = "".join(f"{key.format()}\n" for key in keys_of(present)).encode()
    with pytest.raises(LedgerFault, match="not signed by its known key"):
        meet(standin)


def test_one_who_comes_new_does_not_trust_what_was_retired(standin, log):
    old = list(standin.signers)
    log.rotate()
    meet(standin)
    assert not any(key.format() in line for key in keys_of(old) for line in pinned())


def test_every_address_of_the_log_is_followed(standin, log):
    with StandIn(standin.entries, standin.signers) as mirror:
        meet(standin)
        meet(mirror)
        log.rotate()
        meet(standin)
        assert pinned() == [*lines(standin), *(f"{mirror.url} {key}" for key in standin.vkeys)]


def test_a_mirror_met_after_the_change_is_the_same_log(standin, log):
    meet(standin)
    log.rotate()
    with StandIn(standin.entries, standin.signers) as mirror:
        with pytest.raises(LedgerFault, match="calls itself"):
            meet(mirror)
        mirror.lies = standin.lies
        meet(mirror)
        assert pinned()[2:] == [f"{mirror.url} {key}" for key in standin.vkeys]


# --- who says it without a right --------------------------------------------------------------------------------------


def thief_of(standin, signers, log):
    """Somebody who has ``signers`` stands at the address and names keys of his own."""
    standin.signers = pair()
    log.show(*log.notes, sign_succession(2, keys_of(standin.signers), keys_of(signers), signers))


def test_a_forged_succession_is_not_followed(standin, log):
    meet(standin)
    before = pinned()
    thief_of(standin, pair(), log)
    with pytest.raises(LedgerFault, match="no known key vouches") as caught:
        meet(standin)
    assert str(find_home().known_logs) in str(caught.value)
    assert pinned() == before


def test_a_key_that_was_stolen_after_its_successor_is_known_names_no_other(standin, log):
    old = list(standin.signers)
    meet(standin)
    log.add()
    meet(standin)
    before = pinned()
    thief_of(standin, old, log)
    with pytest.raises(LedgerFault, match="no known key vouches"):
        meet(standin)
    assert pinned() == before


@pytest.mark.parametrize(
    "change",
    [
        lambda data: data[:-40],
        lambda data: data.replace(b"\\n2\\n", b"\\n1\\n", 1),
        lambda data: b"",
        lambda data: b"x" * (2**20 + 1),
        lambda data: data.replace(b'"v":1', b'"v":2'),
    ],
)
def test_a_truncated_or_changed_succession_is_refused(standin, log, change):
    meet(standin)
    before = pinned()
    log.rotate()
    standin.lies["/log/keys"] = change(standin.lies["/log/keys"])
    with pytest.raises(LedgerFault):
        meet(standin)
    assert pinned() == before


def test_the_succession_of_another_log_is_refused(standin, log):
    other = pair("log.example/2")
    meet(standin)
    standin.signers = pair()
    log.show(sign_succession(2, keys_of(other), (), other))
    with pytest.raises(LedgerFault, match=r"of the log log\.example/2"):
        meet(standin)


def test_no_successions_at_all(standin, log):
    meet(standin)
    log.rotate()
    standin.lies["/log/keys"] = (404, b"")
    with pytest.raises(LedgerFault, match="no known key vouches"):
        meet(standin)


# --- policies ---------------------------------------------------------------------------------------------------------


def own(keys):
    home = find_home()
    home.make(home.config)
    home.own_logs.write_text("".join(f"{key.format()}\n" for key in keys))


def test_the_owner_of_a_policy_is_told_and_nothing_is_changed_for_him(standin, log, capsys):
    old = keys_of(standin.signers[:1])
    own(old)
    log.add()
    meet(standin)
    told = capsys.readouterr().err
    assert standin.vkeys[0] in told
    assert standin.vkeys[1] not in told, "of a kind that the policy does not trust"
    log.retire()
    with pytest.raises(LedgerFault, match="put it beside them in your policy") as caught:
        meet(standin)
    assert standin.vkeys[0] in str(caught.value)
    assert not find_home().known_logs.exists()
    own([*old, standin.signers[0].verifier_key])
    capsys.readouterr()
    meet(standin)
    assert capsys.readouterr().err == ""
