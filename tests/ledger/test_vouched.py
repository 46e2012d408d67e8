"""Which checkpoints a log shows as vouched for lately, and that a quiet log's witnesses say it again."""

from datetime import UTC, datetime, timedelta

import pytest

from ledger import cosigning
from ledger.client import open_ledger
from ledger.cosigning import Cosigner
from ledger.log import open_log, prepare
from ledger.newest import supersedes
from provenance.checkpoint import VerifierKey, open_checkpoint
from provenance.cosignature import add_cosignatures, cosign, open_cosignatures
from provenance.errors import EnvironmentFault
from provenance.freshness import Freshness, check_freshness
from provenance.notekey import KeyType, new_signer
from provenance.policy import Policy
from tests.attacks import test_witness
from tests.support.entries import make_entry
from tests.support.logs import MemoryLog
from tests.support.service import serving

WITNESSES = [new_signer(f"{name}.example", KeyType.COSIGNATURE) for name in "wv"]
NOW = datetime.now(UTC)


@pytest.fixture(params=["sqlite", "postgresql"])
def log(request, tmp_path, own_home):
    url = str(tmp_path / "x.db") if request.param == "sqlite" else request.getfixturevalue("postgres_url")
    opened = open_log(url, create=True, key_file=tmp_path / "x.key", tiles=str(tmp_path / "tiles"))
    yield opened
    opened.close()


def grow(log, name):
    log.submit_batch([prepare(make_entry(name))])
    return log.publish()


def word(log, head, who, time):
    return log.add_cosignature(head.size, cosign(head.note, [who], time))


def times(log):
    """(size, times of the witnesses' lines) of each checkpoint that is shown."""
    keys = [VerifierKey.parse(key) for key in log.verifier_keys]
    known = [signer.verifier_key for signer in WITNESSES]
    return [
        (open_checkpoint(note, keys).size, [found.time for found in open_cosignatures(note, known)])
        for note, _ in log.vouched()
    ]


def test_the_last_word_of_each_witness_and_the_last_stamps_are_shown(log):
    assert log.vouched() == []
    heads = [grow(log, i) for i in range(6)]
    word(log, heads[1], WITNESSES[1], 50)
    word(log, heads[3], WITNESSES[0], 60)
    word(log, heads[4], WITNESSES[0], 70)
    assert times(log) == [(5, [70]), (2, [50])]
    for head in heads[:4]:
        log.add_stamp(head.size, head.note, "http://tsa.example", b"token %d" % head.size)
    assert [(size, tokens) for (size, _), (_, tokens) in zip(times(log), log.vouched(), strict=True)] == [
        (5, []),
        (4, [b"token 4"]),
        (3, [b"token 3"]),
        (2, [b"token 2"]),
    ]


def test_a_later_word_over_the_same_checkpoint_takes_the_place_of_the_earlier(log):
    head = grow(log, 1)
    assert word(log, head, WITNESSES[0], 50)
    assert not word(log, head, WITNESSES[0], 50)
    assert word(log, head, WITNESSES[0], 80)
    assert not word(log, head, WITNESSES[0], 60)
    assert times(log) == [(1, [80])]
    log.publish()
    assert word(log, head, WITNESSES[0], 90)
    log.publish()
    shown = open_cosignatures(log.store.get_checkpoint(), [WITNESSES[0].verifier_key])
    assert [found.time for found in shown] == [90]


def test_a_checkpoint_with_later_cosignatures_takes_the_place_of_the_earlier():
    memory = MemoryLog(5)
    plain = memory.checkpoint()
    early, late = (add_cosignatures(plain, [cosign(plain, WITNESSES[:1], time)]) for time in (50, 80))
    other = add_cosignatures(plain, [cosign(plain, WITNESSES[1:], 90)])
    assert supersedes(late, early)
    assert not supersedes(early, late)
    assert not supersedes(late, late)
    assert not supersedes(other, early), "nobody's cosignature is lost"


def test_witnesses_are_asked_again_though_the_log_does_not_grow(tmp_path, monkeypatch):
    clock = [1_000_000.0]
    monkeypatch.setattr(cosigning, "_RENEWED_SECONDS", 0.0)
    witness = test_witness.Witness(
        tmp_path / "w.db",
        test_witness.KEYS,
        {test_witness.LOG.name: [test_witness.LOG.verifier_key]},
        clock=lambda: clock[0],
    )
    memory = test_witness.FakeLog(5)
    with test_witness.serving(witness) as url:
        pairs = [(url, key.format()) for key in test_witness.VKEYS]
        cosigner = Cosigner(memory, pairs, every=0.2, timeout=5)
        assert cosigner.cosign() == 2
        clock[0] += 3_600
        assert cosigner.cosign() == 2
        monkeypatch.setattr(cosigning, "_RENEWED_SECONDS", 3_600.0)
        cosigner.cosign()
        clock[0] += 3_600
        assert cosigner.cosign() == 0, "an hour has not passed here"
    assert witness.seen(test_witness.LOG.name).time == 1_003_600
    witness.close()


def test_a_client_learns_from_the_service_how_fresh_it_is(tmp_path, monkeypatch):
    monkeypatch.setenv("SEEDPROOF_HOME", str(tmp_path / "client"))
    with serving(tmp_path, "--origin", "log.example/1") as service:
        assert service.get("/v1/vouched").json() == {"checkpoints": []}
        ledger = open_ledger(service.url)
        ledger.submit(make_entry(1))
        ledger.receipt(0)
        trust = Policy(witnesses=(WITNESSES[0].verifier_key,))
        with pytest.raises(EnvironmentFault, match="0 cosignatures"):
            check_freshness(ledger, trust, Freshness(NOW))
        log = open_log(tmp_path / "log.db", tiles=str(tmp_path / "log.db.tiles"))
        word(log, log.published(), WITNESSES[0], int(NOW.timestamp()) - 60)
        log.close()
        ledger.submit(make_entry(2))
        ledger.receipt(1)
        assert "the witness w.example" in check_freshness(ledger, trust, Freshness(NOW))
        with pytest.raises(EnvironmentFault, match="too long ago"):
            check_freshness(ledger, trust, Freshness(NOW, timedelta(seconds=30)))
        ledger.close()
