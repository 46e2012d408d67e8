"""Follow-ups in every backend: taken, refused and listed exactly as the log in memory that the rules were tested on."""

import random
import threading

import pytest

from provenance.checkpoint import VerifierKey
from provenance.claim import claim_id
from provenance.entry import parse_any
from provenance.errors import ConflictError, InvalidError
from provenance.followup import format_follow_up
from provenance.history import read_history
from provenance.receipt import check_receipt, parse_receipt
from tests.support.entries import digest, make_claim, make_entry
from tests.support.entrylog import EntryLog
from tests.support.follow import attestation, attribution, key, key_revocation, revocation, transfer

ANN = claim_id(make_claim("a", authors=("ann",)))
PAIR = claim_id(make_claim("b", authors=("ann", "bob")))
OPEN = claim_id(make_claim("c"))


def ident(made):
    return parse_any(format_follow_up(made)).id


def pool(origin):
    """Claims, and follow-ups of which some apply at some time and some never."""
    sold = transfer(ANN, ANN, "ann", to="bob")
    again = transfer(ANN, ident(sold), "bob", to="carol")
    made = [
        sold,
        again,
        transfer(ANN, ANN, "ann", to="carol"),
        transfer(ANN, ident(again), "carol", to="ann"),
        transfer(ANN, ANN, "mallory", to="mallory"),
        transfer(PAIR, PAIR, "ann", "bob", to="carol"),
        transfer(PAIR, PAIR, "bob", "ann", to="carol"),
        revocation(ANN, ident(sold), "bob"),
        revocation(ANN, ident(again), "carol"),
        revocation(PAIR, PAIR, "ann", "bob"),
        attribution(OPEN, "c", "ann"),
        attribution(OPEN, "c", "bob"),
        attribution(OPEN, "other", "ann"),
        attribution(ANN, "a", "bob"),
        attestation(ANN, recipe=digest("recipe", "a")),
        attestation(ANN, recipe=digest("recipe", "a"), verdict="differs"),
        attestation(ANN, "noah", recipe=digest("recipe", "a")),
        attestation(PAIR, recipe=digest("recipe", "a")),
        key_revocation("ann", 3, log=origin),
        key_revocation("ann", 0, log=origin),
        key_revocation("bob", 0, log=origin),
    ]
    claims = [make_entry("a", authors=("ann",)), make_entry("b", authors=("ann", "bob")), make_entry("c")]
    return [*claims, *map(format_follow_up, made)]


def outcome(ledger, data):
    try:
        return ledger.submit(data)
    except ConflictError as conflict:
        return ("conflict", conflict.index)
    except InvalidError:
        return "invalid"


@pytest.mark.parametrize("seed", range(4))
def test_any_order_has_the_same_outcome_as_in_memory(ledger, seed):
    origin = VerifierKey.parse(ledger.verifier_key).name
    memory = EntryLog(origin)
    chance = random.Random(seed)
    entries = pool(origin)
    sequence = chance.choices(entries, k=90)
    for data in sequence:
        assert outcome(ledger, data) == outcome(memory, data)
    assert len(memory.entries) > 8
    for subject in (ANN, PAIR, OPEN, key("ann"), key("bob"), key("carol")):
        for kind in ("chained", "attestation"):
            assert list(ledger.follow_ups(subject, kind=kind)) == memory.follow_ups(subject, kind=kind)
        by_nina = {"kind": "attestation", "notary": key("nina")}
        assert list(ledger.follow_ups(subject, **by_nina)) == memory.follow_ups(subject, **by_nina)
        listed = memory.follow_ups(subject)
        assert list(ledger.follow_ups(subject)) == listed
        for item in listed:
            after = list(ledger.follow_ups(subject, after=item.index))
            assert after == [other for other in listed if other.index > item.index]
    for entry in memory.entries:
        assert ledger.find(entry.id) == memory.find(entry.id)
    for author in ("ann", "bob", "carol", "nina"):
        assert list(ledger.search(author=key(author))) == memory.search(author=key(author))
    for claim in (ANN, PAIR, OPEN):
        found, expected = read_history(claim, ledger), read_history(claim, memory)
        assert (found and found.ownership) == (expected and expected.ownership)


def test_every_kind_has_a_receipt(ledger):
    origin = VerifierKey.parse(ledger.verifier_key).name
    entries = pool(origin)
    results = [outcome(ledger, data) for data in (*entries[:3], *reversed(entries))]
    logged = [item for item in results if not isinstance(item, str | tuple)]
    assert {parse_any(item.entry).kind for item in logged} == {
        "claim",
        "transfer",
        "revocation",
        "attribution",
        "attestation",
        "key-revocation",
    }
    for item in logged:
        found = check_receipt(
            parse_receipt(ledger.receipt(item.index)), item.entry, [VerifierKey.parse(ledger.verifier_key)]
        )
        assert (found.known, found.index) == (True, item.index)


def test_of_eight_buyers_at_once_one_gets_the_work(ledger):
    ledger.submit(make_entry("a", authors=("ann",)))
    offers = [format_follow_up(transfer(ANN, ANN, "ann", to=f"buyer {number}")) for number in range(8)]
    results = []
    threads = [threading.Thread(target=lambda data=data: results.append(outcome(ledger, data))) for data in offers]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(map(str, results))[:7] == [str(("conflict", 1))] * 7
    assert len(results) == 8
    assert len(ledger.follow_ups(ANN)) == 1


def test_a_claim_and_its_sale_in_one_batch(ledger):
    sold = transfer(ANN, ANN, "ann", to="bob")
    batch = [make_entry("a", authors=("ann",)), sold, transfer(ANN, ident(sold), "bob", to="carol")]
    data = [item if isinstance(item, bytes) else format_follow_up(item) for item in batch]
    assert [item.index for item in ledger.submit_batch(data)] == [0, 1, 2]
    assert read_history(ANN, ledger).ownership.owners == (key("carol"),)


def test_follow_ups_come_in_pages(ledger):
    ledger.submit(make_entry("a", authors=("ann",)))
    for number in range(12):
        ledger.submit(format_follow_up(attestation(ANN, f"notary {number}")))
    seen, after = [], -1
    while page := ledger.follow_ups(ANN, after=after):
        seen += [item.index for item in page]
        after = page[-1].index
    assert seen == list(range(1, 13))
