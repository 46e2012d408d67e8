"""What the service needs of a log, on every backend: all kinds of entries, publication, stamps, blobs, its own rules."""

import threading

import pytest

from ledger import audit
from ledger.beside import QuotaFault, SpentGrantError
from ledger.database import reading
from ledger.log import Accepted, NotPublishedFault, open_log, prepare
from provenance import merkle
from provenance.checkpoint import VerifierKey, open_checkpoint
from provenance.claim import claim_id, parse_entry
from provenance.errors import ConflictError, ForgedError, InvalidError, LedgerFault, LimitError
from provenance.followup import body_id, format_follow_up
from provenance.receipt import check_receipt, parse_receipt
from provenance.tiles import bundle_path, parse_bundle, parse_tile, tile_nodes
from tests.support import follow
from tests.support.entries import digest, make_entry


@pytest.fixture
def log(backend, tmp_path):
    opened = backend.log(create=True, tiles=str(tmp_path / "tiles"), origin="log.example/1")
    yield opened
    opened.close()


def submit(log, *entries):
    """One batch; what follows-ups are, too."""
    batch = [prepare(entry if isinstance(entry, bytes) else format_follow_up(entry)) for entry in entries]
    return log.submit_batch(batch)


def keys_of(log):
    return [VerifierKey.parse(line) for line in log.verifier_keys]


def by_ann(name="a", **options):
    entry = make_entry(name, authors=["ann"], **options)
    return entry, claim_id(parse_entry(entry).claim)


def test_its_name_and_keys(log, backend, tmp_path):
    assert log.origin == "log.example/1"
    assert [key.kind.value for key in keys_of(log)] == [1, 6]
    with pytest.raises(LedgerFault, match="belongs to"):
        backend.log(origin="log.example/2", tiles=str(tmp_path / "tiles"))


def test_every_batch_gets_one_outcome_for_each_entry(log):
    entry, claim = by_ann()
    lonely = follow.revocation(digest("unknown"), digest("unknown"), "ann")
    stranger = follow.revocation(claim, claim, "bob")
    outcomes = submit(log, entry, entry, lonely, stranger, make_entry("b"))
    assert [type(item) for item in outcomes] == [Accepted, Accepted, InvalidError, ForgedError, Accepted]
    assert [item.index for item in outcomes if isinstance(item, Accepted)] == [0, 0, 1]
    assert [item.duplicate for item in outcomes if isinstance(item, Accepted)] == [False, True, False]
    assert outcomes[0].id == claim
    assert log.head().size == 2


def test_a_work_is_sold_once(log):
    """Two offers for one prev: the first to be logged wins; the other is told where it stands."""
    entry, claim = by_ann()
    first, second = (follow.transfer(claim, claim, "ann", to=name) for name in ("bob", "carol"))
    outcomes = submit(log, entry, first, second)
    assert [item.index for item in outcomes[:2]] == [0, 1]
    assert isinstance(outcomes[2], ConflictError)
    assert outcomes[2].index == 1
    [again] = submit(log, second)
    assert isinstance(again, ConflictError)
    assert again.index == 1
    [repeated] = submit(log, first)
    assert (repeated.index, repeated.duplicate) == (1, True)


def test_the_chain_goes_on_from_the_newest_owner(log):
    entry, claim = by_ann()
    sold = follow.transfer(claim, claim, "ann", to="bob")
    sold_again = follow.transfer(claim, body_id(sold.body), "bob", to="carol")
    by_the_seller = follow.revocation(claim, body_id(sold_again.body), "ann")
    ended = follow.revocation(claim, body_id(sold_again.body), "carol")
    after = follow.transfer(claim, body_id(ended.body), "carol", to="dan")
    outcomes = submit(log, entry, sold, sold_again, by_the_seller, ended, after)
    kinds = [type(item).__name__ for item in outcomes]
    assert kinds == ["Accepted", "Accepted", "Accepted", "ForgedError", "Accepted", "ForgedError"]
    chain = [format_follow_up(item) for item in (sold, sold_again, ended)]
    assert [item.entry for item in log.follow_ups(claim)] == chain
    assert [item.index for item in log.follow_ups(claim, after=1)] == [2, 3]
    assert [item.index for item in log.follow_ups(claim, limit=1)] == [1]
    assert log.find(body_id(ended.body)).index == 3


def test_attributions_attestations_and_key_revocations(log):
    anonymous = make_entry("x")
    claim = claim_id(parse_entry(anonymous).claim)
    recipe = parse_entry(anonymous).claim.recipe
    attested = follow.attestation(claim, "nina", recipe=recipe)
    twice = follow.attestation(claim, "nina", recipe=recipe, verdict="differs")
    other = follow.attestation(claim, "nora", recipe=recipe)
    wrong = follow.attestation(claim, "nils", recipe=digest("another"))
    named, renamed = follow.attribution(claim, "x", "ann"), follow.attribution(claim, "x", "bob")
    lost, lost_again = follow.key_revocation("ann", 1), follow.key_revocation("ann", 0)
    entries = (anonymous, attested, twice, other, wrong, named, renamed, lost, lost_again)
    kinds = [type(item).__name__ for item in submit(log, *entries)]
    expected = ["Accepted", "Accepted", "ConflictError", "Accepted", "InvalidError", "Accepted", "ConflictError"]
    assert kinds == [*expected, "Accepted", "ConflictError"]
    assert [item.index for item in log.follow_ups(claim)] == [1, 2, 3]
    assert [item.index for item in log.follow_ups(follow.key("ann"))] == [4]
    log.publish()
    receipt = parse_receipt(log.receipt(0))
    assert receipt.attestations == (format_follow_up(attested), format_follow_up(other))
    assert parse_receipt(log.receipt(1)).attestations == ()
    assert audit.check_log(log.engine, keys_of(log), store=log.store) == []


def test_follow_ups_come_in_parts(log):
    """A flood of attestations stands before nothing else, and a notary is found among a flood by his key."""
    entry, claim = by_ann()
    recipe = parse_entry(entry).claim.recipe
    sold = follow.transfer(claim, claim, "ann", to="bob")
    junk = [follow.attestation(claim, f"nobody {number}", recipe=recipe) for number in range(4)]
    submit(log, entry, *junk, sold, follow.attestation(claim, "nina", recipe=recipe))
    assert [item.index for item in log.follow_ups(claim, kind="chained", limit=1)] == [5]
    assert log.follow_ups(claim, kind="chained", after=5) == []
    assert [item.index for item in log.follow_ups(claim, kind="attestation", after=1)] == [2, 3, 4, 6]
    assert [item.index for item in log.follow_ups(claim, kind="attestation", notary=follow.key("nina"))] == [6]
    assert log.follow_ups(claim, kind="attestation", notary=follow.key("nina"), after=6) == []
    assert log.follow_ups(claim, kind="attestation", notary=follow.key("bob")) == []
    assert [item.index for item in log.follow_ups(claim)] == [1, 2, 3, 4, 5, 6]


def test_what_is_chained_is_found_by_an_index_of_its_own(log):
    """Whatever the number of attestations, not one is looked at."""
    with reading(log.engine) as connection:
        statement = "SELECT entry FROM leaves WHERE subject = 7 AND kind <> 'attestation' AND leaf_index > -1 LIMIT 9"
        if log.engine.dialect.name == "sqlite":
            plan = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}").all()
        else:
            connection.exec_driver_sql("SET LOCAL enable_seqscan = off")
            plan = connection.exec_driver_sql(f"EXPLAIN {statement}").all()
    assert "ix_leaves_chained" in str(plan)


def test_a_work_changes_hands_so_often_and_no_more(log, monkeypatch):
    """All of it is replayed for whoever asks. A revocation is still taken, and of a batch each one counts."""
    for place in ("ledger.admission", "ledger.sequencer"):
        monkeypatch.setattr(f"{place}.MAX_CHAINED", 3)
    entry, claim = by_ann()
    chain, prev = [], claim
    for _ in range(5):
        chain.append(follow.transfer(claim, prev, "ann", to="ann"))
        prev = body_id(chain[-1].body)
    attested = follow.attestation(claim, "nina", recipe=parse_entry(entry).claim.recipe)
    outcomes = submit(log, entry, chain[0], attested, *chain[1:])
    assert [type(item).__name__ for item in outcomes] == ["Accepted"] * 5 + ["LimitError", "InvalidError"]
    assert isinstance(submit(log, chain[3])[0], LimitError)
    [ended] = submit(log, follow.revocation(claim, body_id(chain[2].body), "ann"))
    assert ended.index == 5


def test_a_key_revocation_for_another_log_or_from_beyond_its_own_place_is_refused(log):
    entry = make_entry("x")
    far, wrong = follow.key_revocation("ann", 2**53 - 1), follow.key_revocation("ann", 0, log="log.example/2")
    ahead, last = follow.key_revocation("ann", 3), follow.key_revocation("ann", 2)
    kinds = [type(item).__name__ for item in submit(log, entry, far, wrong, make_entry("y"), ahead, last)]
    assert kinds == ["Accepted", "InvalidError", "InvalidError", "Accepted", "InvalidError", "Accepted"]
    assert [item.index for item in log.follow_ups(follow.key("ann"))] == [2]
    assert audit.check_log(log.engine, keys_of(log), store=log.store) == []


def test_a_search_gives_claims_alone_and_goes_on_where_it_stopped(log):
    entry, claim = by_ann()
    submit(log, entry, follow.transfer(claim, claim, "ann", to="bob"), by_ann("b")[0], by_ann("c")[0])
    who = follow.key("ann")
    assert [item.index for item in log.search(author=who)] == [0, 2, 3]
    assert [item.index for item in log.search(author=who, after=0, limit=1)] == [2]
    assert [item.index for item in log.search(after=2)] == [3]
    assert log.search(author=follow.key("bob")) == []


def test_digests_with_one_prefix_are_told_apart(log, monkeypatch):
    """An index finds by eight bytes; somebody may make two digests that share them."""
    monkeypatch.setattr("ledger.lookup.prefix", lambda _digest: 7)
    monkeypatch.setattr("ledger.admission.prefix", lambda _digest: 7)
    entries = [by_ann(name)[0] for name in "abc"]
    submit(log, *entries)
    for index, entry in enumerate(entries):
        claim = parse_entry(entry).claim
        assert [item.index for item in log.search(pixels=claim.pixels)] == [index]
        assert [item.index for item in log.search(commitment=claim.Y, latent=claim.latent.digest)] == [index]
    assert log.search(author=follow.key("bob")) == []
    assert len(log.search(author=follow.key("ann"))) == 3


def test_a_receipt_waits_for_its_publication(log):
    [accepted] = submit(log, make_entry("a"))
    with pytest.raises(NotPublishedFault):
        log.receipt(0)
    assert log.published().size == 0
    shown = log.publish()
    assert (shown.size, shown) == (1, log.published())
    result = check_receipt(parse_receipt(log.receipt(0)), accepted.entry, keys_of(log))
    assert (result.size, result.index) == (1, 0)
    assert log.publish() == shown
    with pytest.raises(LedgerFault):
        log.receipt(1)


def test_tiles_give_the_published_tree(log, tmp_path):
    entries = [make_entry(i) for i in range(20)]
    submit(log, *entries)
    shown = open_checkpoint(log.publish().note, keys_of(log))
    assert (tmp_path / "tiles" / "checkpoint").read_bytes() == shown.note
    read = tile_nodes(lambda tile: parse_tile(log.tile(tile.path), tile.width), shown.size)
    assert merkle.tree_root(read, shown.size) == shown.root
    assert parse_bundle(log.tile(bundle_path(0, 20)), 20) == entries
    path = log.consistency(7, 20)
    merkle.check_consistency(7, 20, merkle.root([merkle.leaf_hash(e) for e in entries[:7]]), shown.root, path)
    assert log.consistency(0, 20) == log.consistency(20, 20) == []
    for old, size in ((5, 21), (20, 19), (-1, 5)):
        with pytest.raises((LedgerFault, InvalidError)):
            log.consistency(old, size)


def test_cosignatures_go_into_the_note_and_the_receipts(log):
    from provenance.cosignature import cosign
    from provenance.notekey import KeyType, new_signer

    witness = new_signer("witness.example/1", KeyType.COSIGNATURE)
    submit(log, make_entry("a"))
    first = log.publish()
    line = cosign(first.note, [witness], 1_700_000_000)
    assert log.add_cosignature(1, line) is True
    assert log.add_cosignature(1, line) is False
    assert log.publish().note == first.note + line
    assert log.published().note == log.store.get_checkpoint() == first.note + line
    assert parse_receipt(log.receipt(0)).checkpoint.note == first.note + line
    submit(log, make_entry("b"))
    shown = log.publish(lambda head: [cosign(head.note, [witness], 1_700_000_001)])
    assert open_checkpoint(shown.note, keys_of(log)).size == 2
    assert shown.note.count(b"witness.example/1") == 1
    submit(log, make_entry("c"))
    log.publish()
    assert parse_receipt(log.receipt(0)).checkpoint.size == 1, "the newest checkpoint that a witness has cosigned"
    assert parse_receipt(log.receipt(2)).checkpoint.size == 3
    assert log.cosigned() == {"witness.example/1": 1}
    for bad in (b"", b"x\n", line + line, line[:-1], line.replace(b"witness.example/1", b"log.example/1")):
        with pytest.raises(InvalidError):
            log.add_cosignature(1, bad)
    with pytest.raises(LedgerFault):
        log.add_cosignature(4, line)
    assert audit.check_log(log.engine, keys_of(log), store=log.store) == []


def test_stamps_bound_the_time_of_what_they_cover(log):
    submit(log, make_entry("a"))
    first = log.publish()
    assert log.add_stamp(1, first.note, "http://one.example", b"token 1") is True
    assert log.add_stamp(1, first.note, "http://one.example", b"token 2") is False
    assert log.add_stamp(1, first.note, "http://two.example", b"token 3") is True
    submit(log, make_entry("b"))
    second = log.publish()
    assert log.add_stamp(2, second.note, "http://one.example", b"token 4") is True
    receipts = [parse_receipt(log.receipt(index)) for index in (0, 1)]
    assert [receipt.checkpoint.size for receipt in receipts] == [1, 2]
    assert [receipt.timestamps for receipt in receipts] == [(b"token 1", b"token 3"), (b"token 4",)]
    assert [item.token for item in log.stamps(1)] == [b"token 1", b"token 3"]
    assert (log.last_stamped("http://one.example"), log.last_stamped("http://three.example")) == (2, 0)
    for size, note in ((2, first.note), (1, second.note), (3, second.note), (0, first.note)):
        with pytest.raises((LedgerFault, InvalidError)):
            log.add_stamp(size, note, "http://x.example", b"token")
    assert audit.check_log(log.engine, keys_of(log), store=log.store) == []


def test_a_checkpoint_that_somebody_holds_must_be_of_this_tree(log):
    submit(log, make_entry("a"), make_entry("b"))
    from ledger import keys as log_keys
    from provenance.checkpoint import sign_checkpoint

    log.check_seen(log.head().note, "a witness")
    signers = log._signers
    assert log_keys.format_keys(signers)
    for size, root, reason in ((3, bytes(32), "older copy"), (1, bytes(32), "fork")):
        with pytest.raises(LedgerFault, match=reason):
            log.check_seen(sign_checkpoint(log.origin, size, root, signers), "a witness")


def test_a_blob_is_kept_while_one_claim_publishes_it(log):
    ann, bob, name = digest("ann"), digest("bob"), digest("blob")
    assert log.get_blob(name) is None
    assert log.delete_blob(ann, name, 1) is False
    assert log.put_blob(ann, name, 2, "recipe", b"{}") is True
    assert log.put_blob(bob, name, 2, "recipe", b"{}") is False
    assert log.get_blob(name) == b"{}"
    assert log.delete_blob(digest("eve"), name, 2) is False
    assert log.delete_blob(bob, name, 3) is True
    assert log.get_blob(name) == b"{}"
    assert [log.delete_blob(ann, name, 3), log.get_blob(name)] == [True, None]
    assert [log.delete_blob(ann, name, 4), log.delete_blob(bob, name, 4)] == [False, False]


def test_a_grant_is_spent_with_what_it_permits_or_not_at_all(log):
    claim, name = digest("claim"), digest("blob")
    log.put_blob(claim, name, 5, "recipe", b"{}")
    for serial in (5, 4):
        with pytest.raises(SpentGrantError):
            log.put_blob(claim, name, serial, "recipe", b"{}")
        with pytest.raises(SpentGrantError):
            log.delete_blob(claim, name, serial)
    assert log.get_blob(name) == b"{}"
    log.delete_blob(claim, name, 6)
    with pytest.raises(LedgerFault):
        log.put_blob(claim, name, 7, None, b"{}")  # the database refuses the row
    assert log.put_blob(claim, name, 7, "recipe", b"{}") is True


def test_blobs_have_a_quota_together(log):
    claim, data = digest("claim"), bytes(10_000)
    log.put_blob(claim, digest(1), 1, "latent", data, quota=30_000)
    log.put_blob(claim, digest(2), 1, "recipe", b"{}", quota=30_000)  # counts as a page of 4,096 bytes
    with pytest.raises(QuotaFault):
        log.put_blob(claim, digest(3), 1, "latent", bytes(15_905), quota=30_000)
    log.put_blob(claim, digest(3), 1, "latent", bytes(15_904), quota=30_000)  # the same grant, since none was spent
    assert log.put_blob(digest("other"), digest(1), 1, "latent", data, quota=30_000) is False  # it is there
    log.delete_blob(claim, digest(3), 2)
    assert log.put_blob(claim, digest(4), 1, "latent", data, quota=30_000) is True
    assert log.put_blob(claim, digest(5), 1, "latent", data) is True


def test_api_keys(log):
    log.add_api_key("gallery", digest("key 1"))
    log.add_api_key("gallery", digest("key 2"))
    assert log.api_keys() == {"gallery": digest("key 2")}
    assert [log.remove_api_key("gallery"), log.remove_api_key("gallery"), log.api_keys()] == [True, False, {}]


def test_a_reader_follows_a_writer(log, backend, tmp_path):
    submit(log, make_entry("a"))
    log.publish()
    reader = backend.log(read_only=True, tiles=str(tmp_path / "tiles"))
    assert reader.published().size == 1
    submit(log, *(make_entry(i) for i in range(300)))
    log.publish()
    assert reader.head().size == 301
    assert reader.published() == log.published()
    assert check_receipt(parse_receipt(reader.receipt(300)), reader.entry(300), keys_of(reader)).size == 301
    with pytest.raises(LedgerFault, match="reading only"):
        reader.submit_batch([prepare(make_entry("b"))])
    reader.close()


@pytest.mark.parametrize("claims", [800, pytest.param(5_000, marks=pytest.mark.slow)])
def test_two_rival_sequencers_and_eight_submitters(log, backend, tmp_path, claims):
    """Each of two logs on one database gets four threads; every claim comes at least twice, to both, in other orders."""
    rivals = [log, backend.log(tiles=str(tmp_path / "tiles"))]
    entries = [prepare(make_entry(("rival", i))) for i in range(claims)]
    found: list[dict[bytes, int]] = [{} for _ in range(8)]
    failures = []

    def work(part):
        rival, mine = rivals[part // 4], entries[part % 4 :: 4]
        mine = mine[::-1] if part // 4 else mine
        try:
            for start in range(0, len(mine), 17):
                for outcome in rival.submit_batch([*mine[start : start + 17], mine[start]]):
                    assert found[part].setdefault(outcome.id, outcome.index) == outcome.index
                if start % 5 == 0:
                    rival.publish()
        except Exception as error:
            failures.append(error)

    threads = [threading.Thread(target=work, args=(part,)) for part in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures
    places = {}
    for one in found:
        for identifier, index in one.items():
            assert places.setdefault(identifier, index) == index
    assert set(places) == {item.entry.id for item in entries}
    assert sorted(places.values()) == list(range(claims))
    assert log.publish().size == claims
    assert audit.check_log(log.engine, keys_of(log), store=log.store) == []
    rivals[1].close()


def test_what_is_not_canonical_or_not_signed_is_not_prepared():
    good = make_entry("a", authors=["ann"])
    for bad in (b"", good[:-1], good + b" ", good.replace(b'"kind":"claim"', b'"kind":"other"'), bytes(70_000)):
        with pytest.raises((InvalidError, LedgerFault, Exception)) as caught:
            prepare(bad)
        assert caught.type.__module__ == "provenance.errors"
    forged = follow.revocation(digest("a"), digest("a"), "ann")
    prepare(format_follow_up(forged))  # an owner's signature needs the claim beside it
    with pytest.raises(ForgedError):
        prepare(format_follow_up(follow.attestation(digest("a"))).replace(b"regenerated", b"differs"))


def test_no_key_file_no_postgresql(postgres_url):
    with pytest.raises(LedgerFault, match="signing keys"):
        open_log(postgres_url, create=True)
