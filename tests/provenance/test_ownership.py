"""Ownership is what follows from a log's order and the signatures, whatever anybody tries."""

import dataclasses
import itertools
import random

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, initialize, invariant, rule

from provenance import curve
from provenance.claim import claim_id, format_entry
from provenance.entry import parse_any
from provenance.errors import ConflictError, InvalidError
from provenance.followup import format_follow_up
from provenance.ownership import Contest, Indexed, keys_involved, replay
from tests.support.entries import make_claim, make_entry, secret
from tests.support.entrylog import EntryLog, indexed
from tests.support.follow import (
    attestation,
    attribution,
    key,
    key_revocation,
    offer,
    revocation,
    secrets,
    transfer,
)

PAIR = claim_id(make_claim("a", authors=("ann", "bob")))
ANN = claim_id(make_claim("a", authors=("ann",)))
OPEN = claim_id(make_claim("a"))


def log_of(*entries, first=None):
    """A log that takes everything, as a cheating operator's would."""
    log = EntryLog()
    log.append(first or make_entry("a", authors=("ann",)))
    for entry in entries:
        log.append(entry)
    return log


def ident(made):
    return parse_any(format_follow_up(made)).id


def unsigned(made):
    """Without the signature of the key that the body names."""
    return dataclasses.replace(made, proofs=dataclasses.replace(made.proofs, named=bytes(64)))


def reasons(found):
    return {item.index: item.reason for item in found.void}


# --- the honest life of a work --------------------------------------------------------------------------------------


def test_at_first_it_belongs_to_all_its_authors():
    found = log_of(first=make_entry("a", authors=("ann", "bob"))).replayed(PAIR)
    assert (found.owners, found.head, found.transferred, found.revoked) == ((key("ann"), key("bob")), PAIR, False, None)
    assert log_of(first=make_entry("a")).replayed(OPEN).owners == (make_claim("a").Y,)


def test_sold_twice_in_a_row_and_revoked_by_the_last_buyer():
    first = transfer(ANN, ANN, "ann", to="bob")
    second = transfer(ANN, ident(first), "bob", to="carol")
    last = revocation(ANN, ident(second), "carol")
    found = log_of(first, second).replayed(ANN)
    assert (found.owners, found.head, found.void) == ((key("carol"),), ident(second), ())
    assert [item.index for item in found.chain] == [1, 2]
    ended = log_of(first, second, last).replayed(ANN)
    assert (ended.owners, ended.revoked.index, ended.transferred) == ((), 3, True)


def test_an_author_comes_forward_and_ownership_stays():
    found = log_of(attribution(OPEN, "a", "ann"), first=make_entry("a")).replayed(OPEN)
    assert (found.author, found.owners, found.head) == (key("ann"), (make_claim("a").Y,), OPEN)


def test_attestations_are_collected():
    found = log_of(attestation(ANN, "nina"), attestation(ANN, "noah", verdict="differs")).replayed(ANN)
    assert [item.entry.content.body.verdict for item in found.attestations] == ["regenerated", "differs"]


# --- what has no effect ---------------------------------------------------------------------------------------------


def test_the_first_entry_for_a_prev_wins():
    sold = transfer(ANN, ANN, "ann", to="bob")
    found = log_of(sold, transfer(ANN, ANN, "ann", to="carol"), revocation(ANN, ANN, "ann")).replayed(ANN)
    assert found.owners == (key("bob"),)
    assert set(reasons(found)) == {2, 3}
    assert all("entry 1 came first" in reason for reason in reasons(found).values())


@pytest.mark.parametrize(
    ("entry", "why"),
    [
        (transfer(ANN, ANN, "mallory", to="mallory"), "signature of owner 1"),
        (revocation(ANN, ANN, "mallory"), "signature of owner 1"),
        (transfer(ANN, PAIR, "ann", to="bob"), "does not follow"),
        (transfer(PAIR, ANN, "ann", to="bob"), "not about this claim"),
        (attestation(PAIR), "not about this claim"),
        (attestation(ANN, recipe=bytes(32)), "another recipe"),
        (attribution(ANN, "a", "mallory"), "already"),
        (key_revocation("bob", 0), "not about this claim"),
        (unsigned(transfer(ANN, ANN, "ann", to="bob")), "signature 'accept'"),
        (unsigned(attestation(ANN)), "signature 'notary'"),
    ],
)
def test_what_does_not_apply_is_void(entry, why):
    log = log_of(entry)
    found = replay(
        Indexed(0, log.entries[0]),
        [Indexed(1, log.entries[1])],
        log=log.origin,
    )
    assert why in reasons(found)[1]
    assert (found.owners, found.head, found.attestations, found.contested) == ((key("ann"),), ANN, (), ())


def test_an_entry_before_its_claim_is_void():
    log = EntryLog()
    log.append(transfer(ANN, ANN, "ann", to="bob"))
    log.append(make_entry("a", authors=("ann",)))
    found = log.replayed(ANN)
    assert found.owners == (key("ann"),)
    assert "before its claim" in reasons(found)[0]


def test_second_attributions_and_attestations_are_void():
    entries = (attribution(OPEN, "a", "ann"), attribution(OPEN, "a", "bob"))
    found = log_of(*entries, first=make_entry("a")).replayed(OPEN)
    assert found.author == key("ann")
    assert "came first" in reasons(found)[2]
    found = log_of(attestation(ANN), attestation(ANN, verdict="differs")).replayed(ANN)
    assert [item.index for item in found.attestations] == [1]
    assert set(reasons(found)) == {2}


def test_a_chain_that_hangs_on_a_void_entry_is_void():
    stolen = transfer(ANN, ANN, "mallory", to="mallory")
    found = log_of(stolen, transfer(ANN, ident(stolen), "mallory", to="bob")).replayed(ANN)
    assert found.owners == (key("ann"),)
    assert set(reasons(found)) == {1, 2}


def test_two_entries_at_one_index_are_a_lie():
    log = log_of(transfer(ANN, ANN, "ann", to="bob"), transfer(ANN, ANN, "ann", to="carol"))
    claim, first, second = (Indexed(i, entry) for i, entry in enumerate(log.entries))
    with pytest.raises(InvalidError, match="two different entries at index 1"):
        replay(claim, [first, Indexed(1, second.entry)], log=log.origin)
    assert replay(claim, [first, first], log=log.origin).owners == (key("bob"),)


def test_order_and_repetition_do_not_matter():
    sold = transfer(ANN, ANN, "ann", to="bob")
    log = log_of(
        attestation(ANN),
        sold,
        transfer(ANN, ident(sold), "bob", to="carol"),
        attestation(ANN, "noah"),
        key_revocation("bob", 9),
    )
    claim, *rest = (Indexed(i, entry) for i, entry in enumerate(log.entries))
    keys = [item for item in rest if item.entry.kind == "key-revocation"]
    rest = [item for item in rest if item.entry.kind != "key-revocation"]
    expected = log.replayed(ANN)
    for order in itertools.permutations(rest):
        assert replay(claim, [*order, *rest], keys * 2, log=log.origin, second_opinion=False) == expected


# --- revoked keys ---------------------------------------------------------------------------------------------------


def test_what_was_signed_before_the_key_was_stolen_stands():
    sold = transfer(ANN, ANN, "ann", to="bob")
    found = log_of(sold, key_revocation("ann", 2)).replayed(ANN)
    assert (found.owners, found.contested, found.void) == ((key("bob"),), (), ())


def test_what_was_signed_after_the_revocation_was_logged_is_void():
    found = log_of(key_revocation("ann", 1), transfer(ANN, ANN, "ann", to="mallory")).replayed(ANN)
    assert found.owners == (key("ann"),)
    assert "revoked the key" in reasons(found)[2]
    assert found.contested == ()


def test_a_sale_between_theft_and_revocation_stands_and_is_contested():
    """Nobody can tell a thief's sale from an honest one that its seller regrets."""
    sold = transfer(ANN, ANN, "ann", to="bob")
    found = log_of(sold, key_revocation("ann", 1)).replayed(ANN)
    assert found.owners == (key("bob"),)
    assert found.contested == (Contest(1, "transfer", key("ann"), 1),)


def test_a_claim_by_a_key_stolen_before_is_contested():
    log = EntryLog()
    log.append(key_revocation("ann", 0))
    log.append(make_entry("a", authors=("ann",)))
    assert log.replayed(ANN).contested == (Contest(1, "claim", key("ann"), 0),)
    log = log_of(key_revocation("ann", 0))
    assert log.replayed(ANN).contested == (Contest(0, "claim", key("ann"), 0),)


def test_the_secret_of_an_anonymous_work_can_be_revoked_too():
    from provenance.commitment import commit
    from provenance.followup import sign_key_revocation
    from provenance.followup_body import KeyRevocation

    work = secret("work", "a")
    gone = sign_key_revocation(KeyRevocation(commit(work), EntryLog().origin, 1, "key-compromised"), work)
    found = log_of(gone, attribution(OPEN, "a", "mallory"), first=make_entry("a")).replayed(OPEN)
    assert found.author is None
    assert "revoked the key" in reasons(found)[2]


def test_a_notarys_revoked_key_takes_its_attestations_away():
    entries = (attestation(ANN), key_revocation("nina", 1))
    log = log_of(*entries)
    claim, seen, gone = (Indexed(i, entry) for i, entry in enumerate(log.entries))
    assert keys_involved(claim.entry, [seen]) == (make_claim("a").Y, key("ann"))
    found = replay(claim, [seen], [gone], log=log.origin)
    assert found.revoked_keys == (key("nina"),)
    assert (found.attestations, found.contested) == ((), ())
    assert "revoked the key" in reasons(found)[1]


def test_a_revoked_buyer_does_not_lose_what_he_bought():
    sold = transfer(ANN, ANN, "ann", to="bob")
    found = log_of(sold, key_revocation("bob", 0)).replayed(ANN)
    assert (found.owners, found.contested) == ((key("bob"),), ())


def test_the_first_revocation_of_a_key_counts_and_only_in_its_own_log():
    sold = transfer(ANN, ANN, "ann", to="bob")
    found = log_of(sold, key_revocation("ann", 2), key_revocation("ann", 0)).replayed(ANN)
    assert found.contested == ()
    assert "entry 2 has revoked this key before" in reasons(found)[3]
    found = log_of(sold, key_revocation("ann", 0, log="other.example/1")).replayed(ANN)
    assert found.contested == ()
    assert "other.example" in reasons(found)[2]


def test_a_key_revocation_from_beyond_its_own_place_takes_no_slot():
    sold = transfer(ANN, ANN, "ann", to="mallory")
    found = log_of(key_revocation("ann", 2), key_revocation("ann", 1), sold).replayed(ANN)
    assert "from_index 2 is beyond its own place 1" in reasons(found)[1]
    assert "entry 2 has revoked the key" in reasons(found)[3]
    assert found.owners == (key("ann"),)
    assert log_of(key_revocation("ann", 1)).replayed(ANN).void == ()


def test_a_forged_key_revocation_is_void():
    from provenance.followup import sign_key_revocation
    from provenance.followup_body import KeyRevocation

    forged = sign_key_revocation(
        KeyRevocation(key("ann"), EntryLog().origin, 0, "mistake"), secret("author", "mallory")
    )
    found = log_of(forged).replayed(ANN)
    assert found.contested == ()
    assert "signature" in reasons(found)[1]


# --- whatever anybody tries -----------------------------------------------------------------------------------------

PEOPLE = ("ann", "bob", "carol", "mallory")


class Life(RuleBasedStateMachine):
    """A work passes through many hands in an honest log, while a cheating log copies everything, refused or not."""

    offers = Bundle("offers")

    @initialize(authors=st.sampled_from([("ann",), ("ann", "bob")]))
    def claim(self, authors):
        self.honest, self.other = EntryLog(), EntryLog()
        entry = make_entry("a", authors=authors)
        self.honest.append(entry)
        self.other.append(entry)
        self.id = claim_id(make_claim("a", authors=authors))
        self.owners, self.head, self.stolen, self.revoked = authors, self.id, {}, False
        self.heads = [self.id]

    def submit(self, made, *, good):
        """Log it, and compare what the honest log did with what the model expects."""
        self.other.append(made)
        known = self.honest.find(ident(made)) is not None
        try:
            self.honest.submit(made)
        except InvalidError:
            assert not good or known
            return False
        assert good or known
        return not known

    @rule(
        sellers=st.lists(st.sampled_from(PEOPLE), min_size=1, max_size=2, unique=True),
        to=st.sampled_from(PEOPLE),
        where=st.randoms(use_true_random=False),
        target=offers,
    )
    def make_offer(self, sellers, to, where):
        return tuple(sellers), to, where.choice(self.heads)

    @rule(offered=st.one_of(offers, consumes(offers)))
    def accept(self, offered):
        sellers, to, prev = offered
        made = transfer(self.id, prev, *sellers, to=to)
        good = prev == self.head and sellers == self.owners and not self.revoked
        if self.submit(made, good=good):
            self.owners, self.head = (to,), ident(made)
            self.heads.append(self.head)

    @rule(owner=st.sampled_from(PEOPLE))
    def revoke(self, owner):
        made = revocation(self.id, self.head, owner)
        if self.submit(made, good=self.owners == (owner,) and not self.revoked):
            self.revoked, self.head = True, ident(made)
            self.heads.append(self.head)

    @rule()
    def sell_honestly(self):
        if not self.revoked:
            self.accept((self.owners, "carol" if self.owners != ("carol",) else "bob", self.head))

    @invariant()
    def the_honest_log_has_nothing_void_and_says_who_owns_it(self):
        found = self.honest.replayed(self.id)
        assert found.void == ()
        assert found.head == self.head
        assert found.owners == (() if self.revoked else tuple(key(name) for name in self.owners))

    @invariant()
    def a_cheating_log_moves_nothing_without_its_owners(self):
        claim, *rest = (Indexed(i, entry) for i, entry in enumerate(self.other.entries))
        found = replay(claim, rest, log=self.other.origin, second_opinion=False)
        owners = tuple(claim.entry.keys)
        for item in found.chain:
            made = item.entry.content
            from provenance.hashing import Tag, tagged_hash

            tag = Tag.TRANSFER_OFFER if item.entry.kind == "transfer" else Tag.REVOCATION
            message = tagged_hash(tag, item.entry.id)
            assert len(owners) == len(made.proofs.owners)
            assert all(curve.verify(k, message, s) for k, s in zip(owners, made.proofs.owners, strict=True))
            owners = (made.body.to,) if item.entry.kind == "transfer" else ()
        assert found.owners == owners
        assert len(found.chain) + len(found.void) == len(rest)


Life.TestCase.settings = settings(max_examples=25, stateful_step_count=12, deadline=None)
TestLife = Life.TestCase


def test_a_log_that_leaves_out_or_reorders_gives_nothing_to_a_stranger():
    """Over random subsets and orders of an honest history, every owner was made owner by the one before."""
    sold = transfer(ANN, ANN, "ann", to="bob")
    again = transfer(ANN, ident(sold), "bob", to="carol")
    back = transfer(ANN, ident(again), "carol", to="ann")
    history = [sold, again, back, transfer(ANN, ANN, "mallory", to="mallory"), revocation(ANN, ident(sold), "mallory")]
    claim = parse_any(make_entry("a", authors=("ann",)))
    chance = random.Random(4)
    for _ in range(100):
        some = chance.sample(history, chance.randint(0, len(history)))
        items = [Indexed(i, parse_any(format_follow_up(made))) for i, made in enumerate(some, 1)]
        found = replay(Indexed(0, claim), items, log="log.example/1", second_opinion=False)
        path = [ident(made) for made in (sold, again, back)]
        assert [item.entry.id for item in found.chain] == path[: len(found.chain)]
        assert key("mallory") not in found.owners


# --- what the log itself does, as the port's users see it -------------------------------------------------------------


def test_a_second_buyer_is_refused_with_the_place_of_the_first():
    log = EntryLog()
    log.submit(make_entry("a", authors=("ann",)))
    log.submit(transfer(ANN, ANN, "ann", to="bob"))
    with pytest.raises(ConflictError) as refused:
        log.submit(transfer(ANN, ANN, "ann", to="carol"))
    assert (refused.value.index, refused.value.exit_code) == (1, 1)
    assert log.submit(transfer(ANN, ANN, "ann", to="bob")).index == 1


def test_a_seller_withdraws_an_offer_by_selling_to_himself():
    log = EntryLog()
    log.submit(make_entry("a", authors=("ann",)))
    from provenance.offer import accept_offer

    open_offer = offer(ANN, ANN, "ann", to="bob")
    log.submit(transfer(ANN, ANN, "ann", to="ann"))
    with pytest.raises(ConflictError):
        log.submit(accept_offer(open_offer, secrets("bob")[0]))
    assert log.replayed(ANN).owners == (key("ann"),)
    assert indexed(log.follow_ups(ANN))[0].index == 1


def test_the_support_log_formats_claims_as_the_real_one():
    entry = make_entry("a", authors=("ann",))
    assert format_entry(parse_any(entry).content) == entry
