"""What an older claim over the same work means, and that nobody is made to read without end for it."""

from provenance import rivals
from provenance.entry import parse_any
from provenance.followup import format_follow_up
from provenance.ownership import Indexed
from provenance.rivals import MAX_RIVAL_ENTRIES, weigh_rivals
from tests.support import follow
from tests.support.entries import make_entry
from tests.support.entrylog import EntryLog
from tests.support.trust import policy


def test_a_rival_sold_again_and_again_is_not_read_to_its_end(monkeypatch):
    """Eight rivals with a thousand sales each would take minutes; that it was sold is known after the first ones."""
    log, asked = EntryLog(), []
    older, own = (parse_any(make_entry("same", authors=[name])) for name in ("ann", "eve"))
    log.submit(older.data)
    prev, owner = older.id, "ann"
    for number in range(MAX_RIVAL_ENTRIES + 5):
        sold = follow.transfer(older.id, prev, owner, to=f"buyer {number}")
        logged = log.submit(format_follow_up(sold))
        prev, owner = parse_any(logged.entry).id, f"buyer {number}"
    monkeypatch.setattr(log, "receipt", lambda index, receipt=log.receipt: asked.append(index) or receipt(index))
    found = weigh_rivals(own.claim, [Indexed(0, older)], log, policy())
    assert "by another owner" in found.disputed_if_authentic
    assert max(asked) == MAX_RIVAL_ENTRIES
    asked.clear()
    monkeypatch.setattr(rivals, "MAX_RIVAL_ENTRIES", 1_024)
    assert weigh_rivals(own.claim, [Indexed(0, older)], log, policy()) == found
    assert max(asked) == MAX_RIVAL_ENTRIES + 5
