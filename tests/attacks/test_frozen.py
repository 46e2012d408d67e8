"""A service that shows an old state: to one who has seen a newer one, and to one who asks for freshness."""

import dataclasses
import datetime as dt
import json
import threading

import pytest
from click.testing import CliRunner

from ledger import shown
from ledger.client import open_ledger
from provenance.checkpoint import sign_checkpoint
from provenance.cli_verify import verify as verify_command
from provenance.cosignature import add_cosignatures, cosign
from provenance.errors import EnvironmentFault, LedgerFault, UsageError
from provenance.freshness import MAX_AGE, Freshness, check_freshness
from provenance.home import find_home
from provenance.notekey import KeyType, new_signer
from provenance.policy import Policy
from provenance.ports import Vouched
from provenance.report import Status
from provenance.timeevidence import stamped_text
from tests.support.entries import make_entry
from tests.support.entrylog import EntryLog
from tests.support.logs import signer
from tests.support.pictures import NOW
from tests.support.standin import StandIn
from tests.support.trust import judge, policy, step
from tests.support.tsa import Authority
from tests.support.works import make_work

ENTRIES = [make_entry(i) for i in range(300)]
HOUR = dt.timedelta(hours=1)
W, V = (new_signer(f"{name}.example", KeyType.COSIGNATURE) for name in "wv")


@pytest.fixture(autouse=True)
def own_home(tmp_path, monkeypatch):
    monkeypatch.setenv("SEEDPROOF_HOME", str(tmp_path / "home"))
    monkeypatch.setattr(shown, "_PATIENCE", 0.2)


@pytest.fixture
def service():
    with StandIn(ENTRIES) as running:
        yield running


def look(service):
    ledger = open_ledger(service.url)
    try:
        return ledger.head().size
    finally:
        ledger.close()


def remembered():
    return list((find_home().state / "logs").glob("*.checkpoint"))


# --- what was seen before ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("before", [0, 1, 256, 257, 299])
def test_a_log_that_grows_is_no_news(service, before):
    for size in (before, before, 300):
        service.published = size
        assert look(service) == size
    assert remembered()[0].read_bytes() == service.checkpoint()


@pytest.mark.parametrize("now", [0, 5, 256, 299])
def test_an_older_state_than_was_seen_is_noticed(service, now):
    look(service)
    service.published = now
    with pytest.raises(LedgerFault, match="an older state") as caught:
        look(service)
    assert str(remembered()[0]) in str(caught.value)
    assert "contradicts" not in str(caught.value)
    assert list(remembered()[0].parent.glob("*evidence*")) == []
    service.published = None
    assert look(service) == 300


def test_an_older_state_within_one_process_is_noticed(service):
    ledger = open_ledger(service.url)
    ledger.head()
    service.published = 7
    with pytest.raises(LedgerFault, match="an older state"):
        ledger.head()
    ledger.close()


def test_a_copy_that_lags_a_little_is_waited_for(service, monkeypatch):
    look(service)
    monkeypatch.setattr(shown, "_PATIENCE", 20.0)
    service.published = 280
    timer = threading.Timer(0.7, lambda: setattr(service, "published", None))
    timer.start()
    assert look(service) == 300
    timer.join()


def other_entry(service, at):
    service.entries = [*ENTRIES[:at], make_entry("other"), *ENTRIES[at + 1 :]]


def test_another_tree_of_the_same_size_is_a_contradiction_with_evidence(service):
    look(service)
    honest = service.checkpoint()
    other_entry(service, 3)
    with pytest.raises(LedgerFault, match="contradicts itself"):
        look(service)
    [evidence] = remembered()[0].parent.glob("*evidence*")
    found = json.loads(evidence.read_bytes())
    assert found["checkpoints"] == [honest.decode(), service.checkpoint().decode()]
    assert remembered()[0].read_bytes() == honest, "what was seen first stays what is known"


@pytest.mark.parametrize("before", [1, 2, 255, 256, 299])
def test_a_larger_tree_that_does_not_continue_what_was_seen(service, before):
    service.published = before
    look(service)
    service.published = None
    other_entry(service, before - 1)
    with pytest.raises(LedgerFault, match="contradicts itself"):
        look(service)
    with pytest.raises(LedgerFault, match="contradicts itself"):
        look(service)


def test_a_smaller_tree_that_was_never_the_beginning_of_what_was_seen(service):
    look(service)
    small = StandIn([make_entry("other"), *ENTRIES[1:10]]).checkpoint()
    service.lies["/log/checkpoint"] = small
    with pytest.raises(LedgerFault, match="contradicts itself"):
        look(service)


def test_tiles_that_lead_nowhere_accuse_nobody(service):
    service.published = 200
    look(service)
    service.published = None
    service.lies["/log/checkpoint"] = sign_checkpoint("log.example/1", 300, bytes(32), signer("log.example/1"))
    with pytest.raises(LedgerFault, match="do not prove"):
        look(service)
    assert list(remembered()[0].parent.glob("*evidence*")) == []


def test_mirrors_of_one_log_show_one_tree(service):
    look(service)
    with StandIn([make_entry("other"), *ENTRIES[1:]]) as mirror, pytest.raises(LedgerFault, match="contradicts itself"):
        look(mirror)


def test_a_log_met_anew_is_not_held_against_an_earlier_one_of_its_name(service):
    """Its lines were taken out by hand; what was seen goes with them."""
    look(service)
    find_home().known_logs.unlink()
    other_entry(service, 0)
    service.published = 5
    assert look(service) == 5


def test_a_damaged_memory_is_named_and_one_that_cannot_be_written_is_told(service, capsys):
    look(service)
    [path] = remembered()
    path.write_bytes(b"junk")
    with pytest.raises(LedgerFault, match="delete it"):
        look(service)
    path.unlink()
    path.parent.rmdir()
    path.parent.write_bytes(b"in the way")
    assert look(service) == 300
    assert "cannot be remembered" in capsys.readouterr().err


# --- --require-fresh --------------------------------------------------------------------------------------------------


class Vouching:
    """A ledger that shows what others have signed."""

    location = "https://log.example"

    def __init__(self, *vouched):
        self._vouched = vouched

    def vouched(self):
        return self._vouched


NOTE = sign_checkpoint("log.example/1", 7, bytes(32), signer("log.example/1"))
TRUST = Policy(witnesses=(W.verifier_key, V.verifier_key))


def cosigned(*words, note=NOTE):
    lines = [cosign(note, [who], int((NOW + ago).timestamp())) for who, ago in words]
    return Vouched(add_cosignatures(note, lines))


def asked(*vouched, trust=TRUST, max_age=MAX_AGE):
    return check_freshness(Vouching(*vouched), trust, Freshness(NOW, max_age))


def test_a_witness_vouches_for_what_is_shown():
    assert "the witness w.example had seen nothing newer" in asked(cosigned((W, -HOUR)))
    assert "w.example" in asked(cosigned((V, -20 * HOUR)), cosigned((W, -2 * HOUR)))


def test_a_word_that_is_too_old_is_none():
    with pytest.raises(EnvironmentFault, match="more than 24 hours ago"):
        asked(cosigned((W, -25 * HOUR)))
    with pytest.raises(EnvironmentFault, match=r"more than 0\.5 hours ago"):
        asked(cosigned((W, -HOUR)), max_age=HOUR / 2)
    assert asked(cosigned((W, -25 * HOUR)), max_age=26 * HOUR)


def test_the_word_of_a_stranger_or_from_the_future_is_none():
    stranger = new_signer("stranger.example", KeyType.COSIGNATURE)
    for vouched in (cosigned((stranger, -HOUR)), cosigned((W, HOUR)), Vouched(NOTE)):
        with pytest.raises(EnvironmentFault, match="cannot be told"):
            asked(vouched)
    assert asked(cosigned((W, dt.timedelta(seconds=90))))


def test_a_cosignature_that_does_not_hold_is_a_fault_of_the_log():
    line = cosign(sign_checkpoint("log.example/1", 8, bytes(32), signer("log.example/1")), [W], 1_700_000_000)
    with pytest.raises(LedgerFault, match="does not hold"):
        asked(Vouched(add_cosignatures(NOTE, [line])))


def test_as_many_witnesses_as_the_policy_asks_for_must_have_seen_it_lately():
    two = dataclasses.replace(TRUST, witnesses_required=2)
    assert "v.example" in asked(cosigned((W, -HOUR), (V, -3 * HOUR)), trust=two)
    with pytest.raises(EnvironmentFault, match="2 are needed"):
        asked(cosigned((W, -HOUR)), trust=two)
    with pytest.raises(EnvironmentFault, match=r"v\.example vouched for it last"):
        asked(cosigned((W, -HOUR), (V, -30 * HOUR)), trust=two)
    with pytest.raises(EnvironmentFault, match="2 are needed"):  # one witness twice
        asked(cosigned((W, -HOUR)), cosigned((W, -2 * HOUR)), trust=two)


def test_a_timestamp_will_do_where_no_witness_is_asked_for_and_says_what_it_is_worth():
    authority = Authority("A", time=lambda: NOW - HOUR)
    stamped = Vouched(NOTE, (authority.token(stamped_text(NOTE)),))
    trust = Policy(timestamp_authorities=(authority.anchor,))
    assert "does not exclude that the log hides" in asked(stamped, trust=trust)
    with pytest.raises(EnvironmentFault, match="ago"):
        asked(stamped, trust=trust, max_age=HOUR / 2)
    with pytest.raises(EnvironmentFault, match="cannot be told"):
        asked(
            stamped,
            trust=dataclasses.replace(TRUST, timestamp_authorities=trust.timestamp_authorities, witnesses_required=1),
        )
    with pytest.raises(EnvironmentFault, match="cannot be told"):
        asked(Vouched(NOTE, (Authority("A").token(stamped_text(NOTE)),)), trust=trust)


def test_a_policy_that_knows_nobody_is_told_so():
    with pytest.raises(EnvironmentFault, match="names no witness and no timestamp authority"):
        asked(cosigned((W, -HOUR)), trust=Policy())


# --- over HTTP --------------------------------------------------------------------------------------------------------


def vouch(service, *items):
    document = {"checkpoints": [{"note": note.decode(), "timestamps": []} for note in items]}
    service.lies["/v1/vouched"] = json.dumps(document).encode()


def fresh(service):
    ledger = open_ledger(service.url)
    try:
        return check_freshness(ledger, TRUST, Freshness(NOW))
    finally:
        ledger.close()


def witnessed(service, size, who=W, ago=-HOUR):
    return cosigned((who, ago), note=service.checkpoint(size)).note


@pytest.mark.parametrize("size", [1, 255, 256, 299, 300])
def test_an_earlier_checkpoint_that_a_witness_saw_lately_will_do(service, size):
    """A busy log's newest checkpoint is cosigned a moment later."""
    vouch(service, witnessed(service, size))
    assert "w.example" in fresh(service)


def test_the_newest_checkpoint_itself_may_carry_the_cosignature(service):
    service.cosignatures = [cosign(service.checkpoint(), [W], int((NOW - HOUR).timestamp()))]
    assert "w.example" in fresh(service)


def test_a_witness_has_seen_what_the_service_hides(service):
    """Frozen at 200 entries, it shows the witness's word about 300."""
    vouch(service, witnessed(service, 300))
    service.published = 200
    with pytest.raises(LedgerFault, match="speaks of 300 entries"):
        fresh(service)


def test_a_witness_vouched_for_another_tree(service):
    other = StandIn([make_entry("other"), *ENTRIES[1:]])
    vouch(service, witnessed(other, 250))
    with pytest.raises(LedgerFault):
        fresh(service)


def test_a_checkpoint_of_another_log_vouches_for_nothing(service):
    other = StandIn(ENTRIES, [signer("other.example", 5)])
    vouch(service, witnessed(other, 250))
    with pytest.raises(LedgerFault):
        fresh(service)


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"[]",
        b'{"checkpoints":{}}',
        b'{"checkpoints":[7]}',
        b'{"checkpoints":[{"note":"x","timestamps":[]}]}',
        json.dumps({"checkpoints": [{"note": NOTE.decode(), "timestamps": ["zz"]}]}).encode(),
        json.dumps({"checkpoints": [{"note": NOTE.decode()}]}).encode(),
        json.dumps({"checkpoints": [{"note": NOTE.decode(), "timestamps": []}] * 9}).encode(),
        (500, b""),
    ],
)
def test_answers_about_who_vouches_that_are_none(service, answer):
    service.lies["/v1/vouched"] = answer
    with pytest.raises(LedgerFault):
        fresh(service)


def test_a_frozen_service_does_not_pass_as_fresh():
    log = EntryLog()
    picture = make_work(1, log=log)
    with StandIn([log.entries[0].data, *ENTRIES[:3]]) as service:
        trust = dataclasses.replace(policy(log), witnesses=(W.verifier_key,))
        vouch(service, witnessed(service, 4, ago=-30 * HOUR))
        ledger = open_ledger(service.url)
        with pytest.raises(EnvironmentFault, match="too long ago"):
            judge(picture, trust, ledger=ledger, require_fresh=True)
        check = step(judge(picture, trust, ledger=ledger, require_fresh=True, max_age=40 * HOUR), 11)
        assert check.status is Status.PASS
        assert f"as far as {service.url} shows at 4 entries" in check.detail
        assert "the witness w.example had seen nothing newer" in check.detail
        assert check.figures["size"] == 4
        assert "witness" not in step(judge(picture, trust, ledger=ledger), 11).detail
        ledger.close()


def test_the_age_belongs_to_the_wish():
    result = CliRunner().invoke(verify_command, ["x.png", "--max-age", "3"])
    assert isinstance(result.exception, UsageError)
    assert "--require-fresh" in str(result.exception)
    assert CliRunner().invoke(verify_command, ["x.png", "--require-fresh", "--max-age", "0"]).exit_code == 2
