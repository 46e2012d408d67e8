"""The notary against a log in memory: what it attests, what it leaves alone, and what survives crashes."""

import contextlib
import json
import threading
import time
from dataclasses import replace
from decimal import Decimal

import numpy as np
import pytest

from generator.notary_log import revoke_key
from generator.notary_queue import next_given_up
from generator.notary_state import MAX_WAITING, NotaryState, StateFile, Waiting
from provenance.attested import check_attestations
from provenance.entry import parse_any
from provenance.errors import ConflictError, EnvironmentFault, LedgerFault, NotFiniteError, OutputError, UsageError
from provenance.followup import format_follow_up
from provenance.ownership import replay
from provenance.policy import NotaryTrust
from provenance.ports import LoggedEntry
from provenance.recipe import Component, Model
from tests.support.entries import digest, make_entry
from tests.support.entrylog import indexed
from tests.support.follow import attestation, key_revocation, sign_key_revocation
from tests.support.follow import key as key_of
from tests.support.notarial import KEY, MODEL, PIN, POLICY, Machine, Office, work


@pytest.fixture
def office(tmp_path):
    return Office(tmp_path)


def test_an_honest_claim_is_attested_as_verify_would_judge_it(office):
    made = work()
    index = office.log.add(made)
    (event,) = office.visit()
    assert (event.outcome, event.claim, event.index, event.attestation) == ("regenerated", made.id, index, 1)
    (body,) = office.attestations()
    assert (body.claim, body.notary, body.recipe) == (made.id, KEY.public, made.claim.recipe)
    assert (body.model, body.calibration, body.verdict) == (MODEL.digest, PIN, "regenerated")
    assert body.figures.distance == 0
    assert (body.figures.accept, body.figures.reject) == (Decimal("0.25"), Decimal("3.5"))
    assert body.figures.nearest_wrong > 5
    assert body.figures.correlation_bits > 128
    assert body.figures.inversion_bits > 128
    trusting = replace(POLICY, notaries=(NotaryTrust("Nina", KEY.public),))
    found = check_attestations([office.log.entries[1].data], made.claim, trusting, model=MODEL.digest)
    assert found.holds
    assert found.remarks == ()


def test_every_claim_is_attested_once_over_many_rounds_and_restarts(office):
    for name in "abcdefgh":
        office.log.add(work(name))
        office.visit()
    for _ in range(3):
        assert office.visit() == []
    office.path.unlink()  # the state is lost: the log still says what was attested
    calls = len(office.machine.calls)
    assert [event.outcome for event in office.visit()] == ["known"] * 8
    assert len(office.machine.calls) == calls
    assert len(office.attestations()) == 8


def test_other_notaries_attestations_do_not_count_as_ours(office):
    made = work()
    office.log.add(made)
    for name in ("x", "y", "z"):
        office.log.append(attestation(made.id, name, recipe=made.claim.recipe))
    assert [event.outcome for event in office.visit()] == ["regenerated"]


def test_ours_is_found_behind_a_flood_of_others(office):
    made = work()
    office.log.add(made)
    for number in range(9):
        office.log.append(attestation(made.id, f"stranger {number}", recipe=made.claim.recipe))
    office.visit()
    office.path.unlink()
    assert [event.outcome for event in office.visit()] == ["known"]


# --- crashes --------------------------------------------------------------------------------------------------------


class Crash(BaseException):
    """The power went."""


def test_a_crash_after_signing_sends_the_same_bytes_and_not_a_second_attestation(office, monkeypatch):
    office.log.add(work())
    sent = []

    def die(entry):
        sent.append(entry)
        raise Crash

    monkeypatch.setattr(office.log, "submit", die)
    with pytest.raises(Crash):
        office.visit()
    monkeypatch.undo()
    assert [event.outcome for event in office.visit()] == ["regenerated", "known"]
    assert [entry.data for entry in office.log.entries[1:]] == sent
    assert office.machine.calls.count("invert") == 1


def test_an_answer_that_is_lost_is_no_second_attestation(office):
    office.log.add(work())
    office.log.lost = LedgerFault("the connection broke")
    with pytest.raises(LedgerFault):
        office.visit()
    office.log.lost = None
    assert [event.outcome for event in office.visit()] == ["regenerated", "known"]
    assert len(office.attestations()) == 1


@pytest.mark.parametrize("point", range(30))
def test_a_crash_at_any_write_or_question_loses_nothing(office, monkeypatch, point):
    """The power goes at the n-th thing that the notary does with disk or log, before or after it."""
    for name in "ab":
        office.log.add(work(name))
    count = [0]

    def counted(function):
        def call(*arguments, **options):
            count[0] += 1
            if count[0] == point:
                raise Crash
            result = function(*arguments, **options)
            if count[0] == point + 1:
                raise Crash
            return result

        return call

    with monkeypatch.context() as patch:
        patch.setattr(StateFile, "save", counted(StateFile.save))
        for name in ("submit", "get_blob", "search", "follow_ups"):
            patch.setattr(office.log, name, counted(getattr(office.log, name)))
        with contextlib.suppress(Crash):
            office.visit()
    office.visit()
    assert sorted(body.claim for body in office.attestations()) == sorted(work(name).id for name in "ab")


def test_a_state_that_cannot_be_written_stops_before_anything_is_submitted(office, monkeypatch):
    office.log.add(work())

    def full(*_arguments, **_options):
        raise OutputError("no space left on device")

    monkeypatch.setattr("generator.notary_state.write_atomic", full)
    with pytest.raises(OutputError):
        office.visit()
    assert office.attestations() == []


def test_a_log_that_goes_away_and_comes_back(office):
    office.log.add(work())
    office.log.away = True
    stop = threading.Event()
    with StateFile(office.path, key=KEY.public, log=office.log.origin) as file:
        thread = threading.Thread(target=office.notary(file).run, args=(stop,), kwargs={"poll": 0.05})
        thread.start()
        deadline = time.monotonic() + 10
        while not office.complaints and time.monotonic() < deadline:
            time.sleep(0.01)
        office.log.away = False
        while not office.events and time.monotonic() < deadline:
            time.sleep(0.01)
        stop.set()
        thread.join(5)
    assert "the log is away; asked again" in office.complaints[0]
    assert [event.outcome for event in office.events] == ["regenerated"]


# --- what it does not attest ----------------------------------------------------------------------------------------


def undecided(office, made, *, worked=False):
    office.log.add(made)
    (event,) = office.visit()
    assert event.outcome == "undecided", event
    assert office.attestations() == []
    assert bool(office.machine.calls) is worked
    assert len(event.detail.splitlines()) == 1
    return event.detail


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"width": 8192, "height": 8192}, "more than is done for a stranger"),
        ({"steps": 1000, "width": 512, "height": 512}, "more than is done for a stranger"),
        ({"model": Model("stolen", bytes(32), (Component("unet", bytes(32)),))}, "not in this notary's policy"),
        ({"model": replace(MODEL, components=(*MODEL.components, Component("lora", bytes(32))))}, "has no model"),
        ({"prompt": bytes(32)}, "the prompt is sealed"),
        ({"seed": bytes(32)}, "not H"),
        ({"derived": (bytes(32),)}, "derived work"),
        ({"latent_steps": (Decimal(100),) * 4}, "no calibration"),
    ],
)
def test_hostile_or_foreign_recipes_are_refused_without_work(office, changes, reason):
    assert reason in undecided(office, work(**changes))
    assert len(office.log.asked) == 1  # the latent is not even fetched


def test_adapters_are_refused_without_work(office):
    from provenance.setup import Adapter, Setup

    setup = Setup("StableDiffusionPipeline", adapters=(Adapter("lora", "evil", bytes(32)),))
    assert "adapters (evil)" in undecided(office, work(setup=setup))


def test_a_remix_of_an_outside_picture_is_refused_without_work(office):
    from provenance.claim import LatentRef
    from provenance.operation import Operation, Source

    plain = work()
    outside = Source(None, LatentRef(bytes(32), plain.recipe.shape, plain.recipe.latent_steps), bytes(32))
    operation = Operation("image-to-image", {"strength": Decimal("0.5")}, (outside,))
    assert "derived work" in undecided(office, work(operation=operation))


def test_a_recipe_blob_of_another_digest(office):
    made, other = work(), work("b")
    office.log.blobs[made.claim.recipe] = other.blobs[other.claim.recipe]
    office.log.blobs[made.claim.latent.digest] = made.blobs[made.claim.latent.digest]
    office.log.append(made.entry)
    assert [event.detail for event in office.visit()] == ["the recipe is not the claimed one"]


@pytest.mark.parametrize("junk", [b"", b"{}", b"\xff" * 100, b'{"kind":"recipe","v":2}'])
def test_junk_instead_of_a_recipe(office, junk):
    made = work()
    office.log.add(made)
    office.log.blobs[made.claim.recipe] = junk
    assert [event.outcome for event in office.visit()] == ["undecided"]


def test_junk_or_another_latent_instead_of_the_claimed_one(office):
    for name, junk in (("a", b"SPL1"), ("b", work("z").blobs[work("z").claim.latent.digest])):
        made = work(name)
        office.log.add(made)
        office.log.blobs[made.claim.latent.digest] = junk
    assert [event.outcome for event in office.visit()] == ["undecided", "undecided"]
    assert office.machine.calls == []


def test_somebody_elses_pixels_over_an_own_latent_are_not_attested(office):
    """The thief of step 8: seed, latent and recipe are honestly his own, the pixels are the victim's."""
    machine = Machine()
    victim = work("victim")
    stolen = machine.decode(victim.recipe, victim.integers.astype(np.float32) / 2)
    assert "does not decode to the claimed pixels" in undecided(office, work("thief", rgb=stolen), worked=True)
    assert "regenerate" not in office.machine.calls


def test_other_rounding_is_undecided_and_no_accusation(office):
    office.machine.brightness = 1
    assert "other rounding" in undecided(office, work(), worked=True)


def test_a_latent_that_the_seed_does_not_make_differs(office):
    """The thief of step 9 keeps the victim's latent and claims it with his own key."""
    victim = work("victim")
    office.log.add(work("thief", integers=victim.integers))
    (event,) = office.visit()
    assert event.outcome == "differs"
    (body,) = office.attestations()
    assert body.figures.distance > body.figures.reject
    trusting = replace(POLICY, notaries=(NotaryTrust("Nina", KEY.public),))
    found = check_attestations([office.log.entries[1].data], work("thief", integers=victim.integers).claim, trusting)
    assert (found.by, found.against) == ((), ("Nina",))


def test_a_picture_that_does_not_depend_on_its_seed_is_not_attested(office):
    office.machine.forgetful = True
    frozen = np.round(2 * office.machine.latent(bytes(32), work().recipe.prompt)).astype(np.int16)
    assert "does not depend on its seed" in undecided(office, work(integers=frozen), worked=True)


def test_foreign_hardware_between_the_thresholds_is_undecided(office):
    office.machine.drift = 1.0
    assert "inconclusive" in undecided(office, work(), worked=True)


def test_a_machine_that_makes_nan_is_undecided(office):
    office.machine.fault = NotFiniteError("NaN")
    assert "NaN" in undecided(office, work(), worked=True)


def test_a_claim_that_does_not_hold_is_the_logs_fault(office):
    made = work()
    data = json.loads(made.entry)
    data["proofs"]["possession"] = "00" * 64
    from provenance.encoding import canonical

    office.log.append(canonical(data))
    with pytest.raises(LedgerFault, match="entry 0 does not hold"):
        office.visit()


# --- waiting --------------------------------------------------------------------------------------------------------


def test_a_claim_waits_for_its_blobs_and_is_attested_when_they_come(office):
    made = work()
    office.log.add(made, published=False)
    assert [(event.outcome, event.detail) for event in office.visit()] == [("waiting", "its recipe is not published")]
    office.log.blobs |= made.blobs
    assert office.visit() == []  # not yet time
    office.now += 61
    assert [event.outcome for event in office.visit()] == ["regenerated"]


def test_waiting_ends(office):
    office.log.add(work(), published=False)
    for _ in range(20):
        office.visit()
        office.now += 3 * 86_400
    assert [event.outcome for event in office.events] == ["waiting", "given-up"]
    assert len(office.log.asked) == 9


def test_a_claim_that_the_log_hides_later_does_not_hold_up_the_others(office):
    hidden, other = work("a"), work("b")
    for made in (hidden, other):
        office.log.add(made, published=False)
    office.visit()
    real = office.log.find
    office.log.find = lambda entry_id: None if entry_id == hidden.id else real(entry_id)
    office.log.blobs |= other.blobs
    office.now += 61
    assert [(event.outcome, event.claim) for event in office.visit()] == [
        ("given-up", hidden.id),
        ("regenerated", other.id),
    ]


def test_a_clock_that_jumps_back_delays_nothing_for_years(office):
    made = work()
    office.log.add(made, published=False)
    office.visit()
    office.log.blobs |= made.blobs
    office.now -= 10 * 365 * 86_400
    assert [event.outcome for event in office.visit()] == ["regenerated"]


@pytest.mark.parametrize("fault", [EnvironmentFault("out of memory on the device"), MemoryError()])
def test_trouble_of_the_machine_is_tried_again(office, fault):
    office.log.add(work())
    office.machine.fault = fault
    assert [event.outcome for event in office.visit()] == ["waiting"]
    office.machine.fault = None
    office.now += 61
    assert [event.outcome for event in office.visit()] == ["regenerated"]


def test_a_crowd_of_waiting_claims_is_bounded(office):
    state = NotaryState(waiting={bytes([n // 256, n % 256]) * 16: Waiting(bytes(32), 1, 0) for n in range(MAX_WAITING)})
    with StateFile(office.path, key=KEY.public, log=office.log.origin) as file:
        state.waiting = {key: Waiting(key, 1, int(office.now) + 1000) for key in state.waiting}
        file.save(state)
        office.log.add(work(), published=False)
    events = office.visit()
    assert [event.outcome for event in events] == ["given-up", "waiting"]
    with StateFile(office.path, key=KEY.public, log=office.log.origin) as file:
        assert len(file.load().waiting) == MAX_WAITING


def crowd(entries):
    """Waiting claims, in the order in which they were looked at: (author, tries) each."""
    return {digest(n): Waiting(digest(n), tries, 0, author) for n, (author, tries) in enumerate(entries)}


def test_a_flood_by_one_author_takes_no_place_from_the_others():
    """An honest claim that waits longest and was looked at most often stays, until others have half of the places."""
    honest = [(b"h" * 32, 5)]
    for flood in (b"e" * 32, b""):
        assert next_given_up(crowd([*honest, *[(flood, 1)] * 9])) == digest(1)
        assert next_given_up(crowd([*honest, *[(flood, 2), (flood, 3), (flood, 1)]])) == digest(2)


def test_a_flood_by_many_authors_takes_no_place_from_new_claims():
    """Keys are free. Whoever has just logged a claim is looked at again before those that nobody completes."""
    others = [(bytes([n]) * 32, 2) for n in range(9)]
    assert next_given_up(crowd([(b"n" * 32, 1), *others])) == digest(1)
    assert next_given_up(crowd([*others[:4], (b"o" * 32, 4), *others[4:]])) == digest(4)


def test_a_crowd_is_thinned_fairly(office, monkeypatch):
    monkeypatch.setattr("generator.notary.MAX_WAITING", 4)
    made = work("honest")
    office.log.add(made, published=False)
    for number in range(12):
        office.log.append(make_entry(number, authors=["eve"]))
    office.visit()
    office.log.blobs |= made.blobs
    office.now += 61
    assert [event.claim for event in office.visit() if event.outcome == "regenerated"] == [made.id]


def test_claims_that_come_to_nothing_cost_no_write_each(office, monkeypatch):
    writes = []
    save = StateFile.save
    monkeypatch.setattr(StateFile, "save", lambda self, state: (writes.append(1), save(self, state))[1])
    for number in range(40):
        office.log.append(make_entry(number))
    office.visit()
    assert len(writes) == 1
    office.now += 61
    office.visit()
    assert len(writes) == 2


def test_a_state_of_an_earlier_program_is_read(office):
    with StateFile(office.path, key=KEY.public, log=office.log.origin) as file:
        file.save(NotaryState(3, {bytes(32): Waiting(bytes(32), 1, 5, b"a" * 32)}))
        office.path.write_bytes(office.path.read_bytes().replace(b'"author":"' + b"61" * 32 + b'",', b""))
        assert file.load().waiting == {bytes(32): Waiting(bytes(32), 1, 5)}


def test_a_claim_from_the_future_holds_nobody_up(office):
    made = work()
    search = office.log.search
    newer = LoggedEntry(0, b'{"body":{},"kind":"claim","proofs":{},"v":2}')
    office.log.search = lambda after=-1: [newer] if after < 0 else search(after=after)
    office.log.append(make_entry("stands where the newer one is"))
    office.log.add(made)
    assert [event.claim for event in office.visit()] == [made.id]
    assert "passed over" in office.complaints[0]


# --- key and state --------------------------------------------------------------------------------------------------


def test_a_revoked_notary_key_stops_the_notary(office):
    from provenance.followup_body import KeyRevocation

    office.log.add(work())
    body = KeyRevocation(KEY.public, office.log.origin, 0, "key-compromised")
    office.log.submit(sign_key_revocation(body, KEY.secret))
    with pytest.raises(UsageError, match="was revoked"):
        office.visit()
    assert office.attestations() == []


def test_revocations_of_other_keys_for_other_logs_or_by_others_do_not(office):
    from provenance.followup_body import KeyRevocation

    office.log.add(work())
    office.log.append(sign_key_revocation(KeyRevocation(KEY.public, "other.example/log", 0, "mistake"), KEY.secret))
    office.log.append(key_revocation("nina", 0))
    forged = parse_any(
        format_follow_up(sign_key_revocation(KeyRevocation(KEY.public, office.log.origin, 0, "mistake"), b"\x01" * 32))
    )
    office.log.append(forged.data)
    assert key_of("nina") != KEY.public
    assert [event.outcome for event in office.visit()] == ["regenerated"]


def test_two_processes_with_one_state_exclude_each_other(office):
    with (
        StateFile(office.path, key=KEY.public, log=office.log.origin),
        pytest.raises(UsageError, match="another notary runs"),
    ):
        office.visit()
    office.visit()


def test_two_notaries_with_one_key_and_two_states_attest_once(office, tmp_path):
    """The log has one place for a notary and a claim: who comes second hears who was first."""
    office.log.add(work())
    other = Office(tmp_path / "elsewhere", log=office.log)
    real = other.log.follow_ups
    office.visit()
    other.log.follow_ups = lambda subject, **part: []  # the attestation came after it had looked
    events = other.visit()
    other.log.follow_ups = real
    assert [(event.outcome, event.attestation) for event in events] == [("known", 1)]
    assert len(office.attestations()) == 1


def test_states_of_other_keys_and_logs_and_damaged_ones_are_refused(office, tmp_path):
    office.log.add(work())
    office.visit()
    for key, log in ((bytes(32), office.log.origin), (KEY.public, "other.example/log")):
        with StateFile(office.path, key=key, log=log) as file, pytest.raises(UsageError, match="another key or log"):
            file.load()
    good = json.loads(office.path.read_text())
    for bad in (good | {"next": -1}, good | {"signed": [1]}, good | {"more": 1}, good | {"v": 1.5}):
        office.path.write_text(json.dumps(bad))
        with (
            StateFile(office.path, key=KEY.public, log=office.log.origin) as file,
            pytest.raises(UsageError, match="delete"),
        ):
            file.load()


def test_revoking_the_key_voids_what_it_attested_from_there_on(office):
    """The log's readers replay it: older attestations stay, younger ones do not count, and a second one is refused."""
    first, second = work("a"), work("b")
    office.log.add(first)
    office.visit()
    from_index = office.log.add(second)
    office.visit()
    assert revoke_key(office.log, KEY.secret, from_index).index == 4
    office.log.page = 100
    revoked = indexed(office.log.follow_ups(KEY.public))
    for made, count in ((first, 1), (second, 0)):
        (claim,) = indexed([office.log.find(made.id)])
        found = replay(claim, indexed(office.log.follow_ups(made.id)), revoked, log=office.log.origin)
        assert len(found.attestations) == count
        assert len(found.void) == 1 - count
    with pytest.raises(ConflictError):
        revoke_key(office.log, KEY.secret, 0)
    with pytest.raises(UsageError, match="entry 4"):
        office.visit()
