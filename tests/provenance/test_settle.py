"""The rules by which a dispute is settled, over sides that are made up: no model, no picture."""

import datetime as dt
from dataclasses import replace
from types import SimpleNamespace

import pytest

from provenance.copies import Comparison
from provenance.crossing import Crossing, Restored
from provenance.disputetext import _chance
from provenance.likeness import Rank
from provenance.report import Check, Status, Verdict
from provenance.settle import Outcome, settle
from provenance.side import Side

NONE = Crossing(0.0, 0.0, same_pixels=False, comparison=None, why_not="not tried")


def side(
    letter,
    verdict=Verdict.AUTHENTIC,
    *,
    secret=None,
    authors=None,
    before=None,
    log=None,
    index=None,
    failed=None,
    nine=Status.SKIP,
):
    figures = {} if before is None else {"existed_before": before}
    if log is not None:
        figures |= {"log": log, "index": index, "known_log": True}
    claim = SimpleNamespace(Y=secret or letter.encode(), authors=(authors or letter,))
    checks = [Check(9, nine, ""), Check(10, Status.PASS, "", figures)]
    if failed is not None:
        checks.insert(0, Check(failed, Status.FAIL, "figures nobody reads"))
    claimed = SimpleNamespace(
        verdict=verdict, reason="some reason", checks=tuple(checks), work=SimpleNamespace(claim=claim)
    )
    return Side(letter, f"{letter}.png", "00", "signed picture", claimed, None, None)


def noise(bits=300.0, *, same=False):
    return Crossing(0.5, bits, same_pixels=same, comparison=None)


def alike(**changes):
    found = {"alike": True, "linked": False, "rank": Rank(0.9, 0.3, 8, beaten=True), **changes}
    return Crossing(0.0, 0.0, same_pixels=False, comparison=SimpleNamespace(**found))


def near(tested=2.6, nearest=0.3, *, beaten=True):
    return alike(rank=Rank(tested, nearest, 8, beaten))


def unlike():
    return Crossing(0.0, 0.0, same_pixels=False, comparison=SimpleNamespace(alike=False, linked=False, rank=None))


BROKEN = {"verdict": Verdict.INVALID, "failed": 9}


def test_who_holds_and_is_in_both_explains_both():
    outcome, reason = settle(side("A"), side("B", **BROKEN), noise(), NONE)
    assert outcome is Outcome.A
    assert "its seed makes another picture" in reason
    assert "figures nobody reads" not in reason
    assert settle(side("A", **BROKEN), side("B"), NONE, noise())[0] is Outcome.B


def test_a_copy_is_enough_where_the_other_does_not_hold():
    assert settle(side("A"), side("B", **BROKEN), alike(), alike())[0] is Outcome.A
    assert settle(side("A"), side("B", **BROKEN), noise(0.0, same=True), noise(0.0, same=True))[0] is Outcome.A


def test_a_false_claim_over_something_unrelated_makes_nobody_its_source():
    outcome, reason = settle(side("A"), side("B", **BROKEN), unlike(), unlike())
    assert outcome is Outcome.UNDETERMINED
    assert "nothing shows" in reason


def test_who_does_not_hold_himself_explains_nothing():
    assert settle(side("A", **BROKEN), side("B", **BROKEN), noise(), noise())[0] is Outcome.NEITHER
    outcome, reason = settle(side("A", Verdict.CLAIMED), side("B", **BROKEN), noise(), NONE)
    assert outcome is Outcome.UNDETERMINED
    assert "proves too little" in reason


@pytest.mark.parametrize("verdict", [Verdict.CLAIMED, Verdict.CONSISTENT])
def test_without_regeneration_the_cross_check_decides_and_says_so(verdict):
    outcome, reason = settle(side("A", verdict), side("B", verdict), noise(), NONE)
    assert outcome is Outcome.A
    assert "neither was regenerated" in reason
    assert settle(side("A", verdict), side("B", verdict), NONE, noise())[0] is Outcome.B


def test_the_cross_check_does_not_beat_a_regeneration():
    outcome, reason = settle(side("A", Verdict.CONSISTENT), side("B"), noise(), NONE)
    assert outcome is Outcome.UNDETERMINED
    assert "making A again would decide" in reason


def test_a_thief_who_took_the_victims_noise_out_is_decided_by_the_regeneration_of_what_he_copied():
    outcome, reason = settle(side("A"), side("B", Verdict.CONSISTENT), near(), near())
    assert outcome is Outcome.A
    assert "near copy" in reason
    assert "only making B again could show otherwise" in reason
    assert settle(side("A", Verdict.CONSISTENT), side("B"), near(), near())[0] is Outcome.B


@pytest.mark.parametrize("other", [near(), alike()])
def test_a_work_that_its_seed_makes_but_that_cannot_be_authentic_is_not_told_to_be_made_again(other):
    reason = settle(side("A"), side("B", Verdict.CONSISTENT, nine=Status.PASS), other, other)[1]
    assert "was too, which proves less for it: some reason" in reason
    assert "making B again" not in reason
    assert "making B again" in settle(side("A"), side("B", Verdict.CONSISTENT, nine=Status.WARN), other, other)[1]


@pytest.mark.parametrize("same", [noise(0.0, same=True), noise(127.0, same=True)])
def test_the_very_same_picture_is_no_worse_a_copy_than_a_near_one(same):
    for verdict in (Verdict.CLAIMED, Verdict.CONSISTENT):
        outcome, reason = settle(side("A"), side("B", verdict), same, same)
        assert outcome is Outcome.A
        assert "whose picture is the very same" in reason
        assert settle(side("A", verdict), side("B", verdict), same, same)[0] is Outcome.UNDETERMINED


@pytest.mark.parametrize("weaker", [near(0.9, 0.1), near(2.6, 0.9), near(2.6, 3.0, beaten=False), alike()])
def test_a_copy_that_other_seeds_come_close_to_is_left_open(weaker):
    outcome, reason = settle(side("A"), side("B", Verdict.CONSISTENT), weaker, weaker)
    assert outcome is Outcome.UNDETERMINED
    assert "making B again would decide" in reason


@pytest.mark.parametrize(
    ("restored", "nothing", "decided"),
    [(4.5, 0.3, True), (2.8, 0.9, True), (2.6, 0.3, False), (4.5, 1.6, False), (4.5, 1.4, True), (0.0, 0.0, False)],
)
def test_a_copy_that_is_near_once_the_exchange_of_noises_is_undone(restored, nothing, decided):
    """Three times the best of other seeds' pictures, and of what the undoing makes of no picture at all."""
    restored = Restored(restored, nothing)
    copy = replace(near(1.9, 0.9), restored=restored)
    outcome, reason = settle(side("A"), side("B", Verdict.CONSISTENT), copy, alike())
    assert outcome is (Outcome.A if decided else Outcome.UNDETERMINED)
    assert ("near copy" in reason) is decided
    undrawn = replace(alike(rank=Rank(0.9, 0.0, 0, beaten=False)), restored=restored)
    assert settle(side("A"), side("B", Verdict.CONSISTENT), undrawn, alike())[0] is Outcome.UNDETERMINED


def test_a_copy_too_damaged_to_be_alike_is_near_once_the_exchange_is_undone():
    damaged = replace(alike(alike=False, rank=Rank(0.48, 0.25, 8, beaten=True)), restored=Restored(4.5, 0.2))
    assert settle(side("A"), side("B", Verdict.CONSISTENT), damaged, alike())[0] is Outcome.A
    assert settle(side("A"), side("B", Verdict.CONSISTENT), damaged, NONE)[0] is Outcome.A
    left = replace(damaged, restored=Restored(2.4, 0.1))
    assert settle(side("A"), side("B", Verdict.CONSISTENT), left, alike())[0] is Outcome.UNDETERMINED


@pytest.mark.parametrize(("bits", "decided"), [(118.0, True), (64.0, True), (63.9, False)])
def test_a_copy_with_half_the_noise_left_in_it_is_of_the_picture_that_was_made_again(bits, decided):
    copy = replace(alike(), bits=bits)
    outcome, reason = settle(side("A"), side("B", Verdict.CONSISTENT), copy, NONE)
    assert outcome is (Outcome.A if decided else Outcome.UNDETERMINED)
    assert ("with its noise left in it" in reason) is decided


def test_half_the_noise_alone_decides_nothing():
    for crossing in (replace(unlike(), bits=118.0), noise(118.0)):
        assert settle(side("A"), side("B", Verdict.CONSISTENT), crossing, NONE)[0] is not Outcome.A
    for verdict in (Verdict.CONSISTENT, Verdict.AUTHENTIC):
        copy = replace(alike(), bits=118.0)
        outcome = settle(side("A", verdict), side("B", verdict), copy, NONE)[0]
        assert outcome in (Outcome.UNDETERMINED, Outcome.BOTH)


def test_a_near_copy_decides_nothing_where_nobody_or_everybody_was_regenerated():
    for verdict in (Verdict.CONSISTENT, Verdict.AUTHENTIC):
        assert settle(side("A", verdict), side("B", verdict), near(), near())[0] is Outcome.UNDETERMINED


def test_two_works_of_one_prompt_both_stand_though_few_draws_find_them_alike():
    outcome, reason = settle(side("A"), side("B"), alike(), unlike())
    assert outcome is Outcome.BOTH
    assert "made again from its own seed" in reason
    assert settle(side("A"), side("B"), alike(), alike())[0] is Outcome.BOTH
    assert settle(side("A"), side("B", Verdict.CONSISTENT), alike(), unlike())[0] is Outcome.UNDETERMINED
    assert settle(side("A"), side("B"), near(), unlike())[0] is Outcome.UNDETERMINED
    assert settle(side("A"), side("B"), noise(same=True), noise(same=True))[0] is Outcome.UNDETERMINED


def test_bits_below_the_bound_are_no_noise():
    outcome, _ = settle(side("A", Verdict.CLAIMED), side("B", Verdict.CLAIMED), noise(127.0), unlike())
    assert outcome is Outcome.UNDETERMINED
    assert settle(side("A", Verdict.CLAIMED), side("B", Verdict.CLAIMED), noise(128.0), unlike())[0] is Outcome.A


def test_independent_works_both_stand_only_if_they_were_compared():
    assert settle(side("A"), side("B"), unlike(), unlike())[0] is Outcome.BOTH
    outcome, reason = settle(side("A"), side("B"), NONE, NONE)
    assert outcome is Outcome.UNDETERMINED
    assert "not tried" in reason


def test_a_weak_claim_does_not_stand_as_an_independent_work():
    assert settle(side("A"), side("B", Verdict.CLAIMED), unlike(), unlike())[0] is Outcome.UNDETERMINED


def test_two_that_explain_the_same_are_left_to_time():
    early, late = "2026-11-01T00:00:00Z", "2026-11-02T00:00:00Z"
    outcome, reason = settle(side("A", before=late), side("B", before=early), noise(), noise())
    assert outcome is Outcome.UNDETERMINED
    assert "timestamp is B's" in reason
    _, reason = settle(side("A", log="l", index=3), side("B", log="l", index=7), noise(), noise())
    assert "A stands first" in reason
    assert "no time" in reason
    _, reason = settle(side("A", log="l", index=3), side("B", log="m", index=1), noise(), noise())
    assert "would decide" in reason


def test_an_earlier_time_never_beats_what_is_in_the_picture():
    thief = side("B", before="2020-01-01T00:00:00Z", **BROKEN)
    assert settle(side("A"), thief, noise(), NONE)[0] is Outcome.A


def test_one_secret_twice():
    same = {"secret": b"P", "authors": "ann"}
    outcome, reason = settle(side("A", **same), side("B", **same), noise(), noise())
    assert outcome is Outcome.BOTH
    assert "claimed twice" in reason
    outcome, _ = settle(side("A", secret=b"P", authors="ann"), side("B", secret=b"P", authors="bea"), noise(), noise())
    assert outcome is Outcome.UNDETERMINED
    assert settle(side("A", **same), side("B", **same, **BROKEN), noise(), noise())[0] is Outcome.A


def test_an_anchor_is_read_with_its_zone():
    assert side("A", before="2026-11-01T00:00:00Z").anchor == dt.datetime(2026, 11, 1, tzinfo=dt.UTC)
    assert side("A").anchor is None
    assert side("A", log="l", index=0).place == ("l", 0)
    assert side("A").place is None


def test_a_match_by_few_draws_says_what_they_are_worth():
    def compared(bits, **figures):
        return Comparison((Check(14, Status.PASS, "", figures),), rank=Rank(bits, 0.32, 8, True))

    assert "1 of 9 at most" in _chance(compared(0.59, wrong_seeds=8))
    assert not _chance(compared(0.40, wrong_seeds=8))
    assert not _chance(compared(0.59, wrong_seeds=0))  # a sealed prompt: no wrong seeds were drawn
