"""What every ledger must do, run against every backend of conftest.py."""

import threading

import pytest

from ledger.local import open_ledger
from provenance.checkpoint import VerifierKey
from provenance.claim import Entry, claim_id, format_entry, parse_entry
from provenance.errors import ForgedError, InvalidError, LedgerFault, SeedproofError, UnsupportedVersionError
from provenance.receipt import check_receipt, parse_receipt
from tests.support.entries import make_claim, make_entry


def check(ledger, logged):
    key = VerifierKey.parse(ledger.verifier_key)
    result = check_receipt(parse_receipt(ledger.receipt(logged.index)), logged.entry, [key])
    assert result.known
    assert result.index == logged.index
    return result


def test_entries_get_consecutive_indices_and_receipts(ledger):
    logged = [ledger.submit(make_entry(i)) for i in range(20)]
    assert [item.index for item in logged] == list(range(20))
    for item in logged:
        assert check(ledger, item).size == 20
        assert item.entry == ledger.find(claim_id(parse_entry(item.entry).claim)).entry


def test_a_receipt_of_an_older_tree_holds_for_ever(ledger):
    first = ledger.submit(make_entry("first"))
    old = ledger.receipt(0)
    for i in range(5):
        ledger.submit(make_entry(i))
    key = VerifierKey.parse(ledger.verifier_key)
    assert check_receipt(parse_receipt(old), first.entry, [key]).size == 1


def test_it_survives_reopening(backend, ledger):
    logged = [ledger.submit(make_entry(i, authors=["ann"])) for i in range(3)]
    key = ledger.verifier_key
    ledger.close()
    again = backend.open()
    try:
        assert again.verifier_key == key
        assert again.submit(make_entry(1)).index == 3  # without the author it is another claim
        for item in logged:
            check(again, item)
    finally:
        again.close()


def test_the_same_claim_is_logged_once(ledger):
    first = ledger.submit(make_entry("picture", authors=["ann"]))
    ledger.submit(make_entry("other"))
    again = make_entry("picture", authors=["ann"])
    assert again != first.entry  # BIP-340 signatures are randomised: another proof of the same claim
    assert ledger.submit(again) == first
    assert ledger.submit(make_entry("third")).index == 2


def test_find_and_search(ledger):
    by_ann = ledger.submit(make_entry("a", authors=["ann"]))
    by_both = ledger.submit(make_entry("b", authors=["ann", "bob"], pixels="a"))
    sibling = ledger.submit(make_entry("c", work="a", latent="b"))
    claims = [parse_entry(item.entry).claim for item in (by_ann, by_both, sibling)]
    assert ledger.search(commitment=claims[0].Y) == [by_ann, sibling]
    assert ledger.search(pixels=claims[0].pixels) == [by_ann, by_both]
    assert ledger.search(latent=claims[1].latent.digest) == [by_both, sibling]
    assert ledger.search(author=claims[0].authors[0]) == [by_ann, by_both]
    assert ledger.search(author=claims[1].authors[1]) == [by_both]
    assert ledger.search(pixels=claims[0].pixels, author=claims[1].authors[1]) == [by_both]
    assert ledger.search(commitment=claims[2].Y, author=claims[0].authors[0]) == [by_ann]
    assert ledger.search(commitment=bytes(32)) == []
    assert ledger.search() == [by_ann, by_both, sibling]
    assert ledger.find(claim_id(claims[1])) == by_both
    assert ledger.find(bytes(32)) is None
    assert list(ledger.follow_ups(claim_id(claims[0]))) == []


def forged(**change):
    entry = parse_entry(make_entry("x", authors=["ann"]))
    return format_entry(
        Entry(**{"claim": entry.claim, "possession": entry.possession, "authors": entry.authors, **change})
    )


@pytest.mark.parametrize(
    "entry",
    [
        forged(possession=bytes(64)),
        forged(authors=(bytes(64),)),
        forged(possession=parse_entry(make_entry("y")).possession),
        forged(claim=make_claim("y", authors=["ann"])),
        forged(claim=make_claim("x", authors=["bob"])),
    ],
)
def test_nothing_is_logged_whose_proof_does_not_hold(ledger, entry):
    with pytest.raises(ForgedError):
        ledger.submit(entry)
    assert ledger.search() == []
    assert ledger.submit(make_entry("good")).index == 0


@pytest.mark.parametrize(
    "edit", [lambda e: e + b" ", lambda e: b"", lambda e: e[:-1], lambda e: b"[]", lambda e: bytes(70_000)]
)
def test_nothing_is_logged_that_is_not_canonical(ledger, edit):
    with pytest.raises(InvalidError):
        ledger.submit(edit(make_entry("x")))
    assert ledger.search() == []


def test_a_newer_entry_is_unsupported(ledger):
    with pytest.raises(UnsupportedVersionError):
        ledger.submit(make_entry("x").replace(b'"v":1', b'"v":2'))


def test_there_is_no_receipt_for_what_is_not_logged(ledger):
    for index in (0, 1, -1, 2**60, 2**70):
        with pytest.raises(LedgerFault):
            ledger.receipt(index)


def test_a_missing_ledger_is_not_made_by_opening_it(backend, tmp_path):
    with pytest.raises(LedgerFault, match="there is no ledger"):
        backend.open()
    if backend.kind == "sqlite":
        with pytest.raises(LedgerFault, match="there is no ledger"):
            open_ledger(str(tmp_path / "no" / "folder.db"), create=False)
    assert not list(tmp_path.glob("*.db*"))
    made = backend.open(create=True)
    assert made.submit(make_entry(1)).index == 0
    made.close()


def test_threads_share_one_ledger(ledger):
    """Four threads, each submitting its own claims and the common ones."""
    entries = {name: make_entry(name) for name in [*range(20), "common 1", "common 2"]}
    failures = []

    def work(part):
        try:
            for name in [*range(part, 20, 4), "common 1", "common 2"]:
                logged = ledger.submit(entries[name])
                check(ledger, logged)
        except SeedproofError as error:
            failures.append(error)

    threads = [threading.Thread(target=work, args=(part,)) for part in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures
    logged = ledger.search()
    assert [item.index for item in logged] == list(range(22))
    assert {item.entry for item in logged} == set(entries.values())
