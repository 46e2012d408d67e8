"""Nothing is stamped, and no receipt is given, over a checkpoint that nobody could see yet."""

import pytest

from ledger.local import LocalLedger
from ledger.log import NotPublishedFault, prepare
from ledger.newest import read_newest, remember_newest
from provenance.errors import LedgerFault
from provenance.note import VerifierKey
from provenance.receipt import parse_receipt
from tests.support.entries import make_entry


@pytest.fixture
def served(backend, tmp_path):
    opened = backend.log(create=True, tiles=str(tmp_path / "tiles"))
    opened.submit_batch([prepare(make_entry("a"))])
    opened.publish()
    opened.submit_batch([prepare(make_entry("b"))])
    yield opened
    opened.close()


def test_who_opens_a_served_log_by_its_database_gets_what_is_published(served, backend):
    opened = LocalLedger(backend.log())
    try:
        assert parse_receipt(opened.receipt(0)).checkpoint.size == 1
        with pytest.raises(NotPublishedFault):
            opened.receipt(1)
        assert opened.log.published() == served.published()
    finally:
        opened.close()


def test_a_checkpoint_that_is_not_published_is_not_stamped(served):
    head = served.head()
    with pytest.raises(LedgerFault, match="has published no such"):
        served.add_stamp(2, head.note, "http://tsa.example", b"token")
    served.publish()
    assert served.add_stamp(2, head.note, "http://tsa.example", b"token") is True


def test_a_stamp_over_what_is_not_published_stands_in_no_receipt(served, monkeypatch):
    shown = served.published()
    monkeypatch.setattr(served, "_shown", lambda _connection, state: state.head)
    served.add_stamp(2, served.head().note, "http://tsa.example", b"token")
    monkeypatch.undo()
    receipt = parse_receipt(served.receipt(0))
    assert (receipt.checkpoint.size, receipt.timestamps) == (shown.size, ())


def test_a_slow_process_does_not_forget_the_newest_checkpoint(served, tmp_path):
    keys = [VerifierKey.parse(line) for line in served.verifier_keys]
    target = tmp_path / "some.newest"
    for note, size in ((served.published().note, 1), (served.head().note, 2), (served.published().note, 2)):
        remember_newest(target, note)
        assert read_newest(target, keys).size == size
