"""The order of the steps: what is run, what is left out for which reason, and what ends it. Verdicts are tests/attacks'."""

import json
from dataclasses import replace
from datetime import timedelta

import pytest

from provenance import verify as rooms
from provenance.ancestors import Ancestry
from provenance.assertion import LABEL, format_assertion, parse_assertion
from provenance.claim import claim_id, format_entry
from provenance.errors import (
    EnvironmentFault,
    InvalidError,
    MissingModelError,
    NotFiniteError,
    SealedError,
    UnsupportedVersionError,
)
from provenance.freshness import Freshness
from provenance.manifest import read_container
from provenance.manifest_parents import Parent
from provenance.pixels import encode_png, read_picture
from provenance.recipe import Opening, Prompt, opening_commitment
from provenance.report import Status, Verdict
from provenance.setup import Adapter, Setup
from provenance.storedlatent import encode_latent
from provenance.verify import Depth, Request, examiner_of, verify, verify_lineage
from provenance.work import format_bundle
from tests.provenance.test_lineage import Shelf
from tests.support.entrylog import EntryLog
from tests.support.pictures import NOW, author, created, foreign, join, pixels, signed, split
from tests.support.remixes import Rotations, blend, image_to_image, original, step, trust

OPENING = Opening(bytes(32), Prompt("hills"))
ORIGINAL = original(1)
SEALED = original(2, changes={"prompt": opening_commitment(OPENING)}, latent=ORIGINAL.material.latent)


def ask(made, **changes):
    fields = {"policy": trust(), "now": NOW, "regenerator": Rotations()}
    return verify(made if isinstance(made, bytes) else made.data, Request(**fields | changes))


def texts(report, *steps):
    return [(step(report, number).status, step(report, number).detail) for number in steps]


class Broken(Rotations):
    """A regenerator that raises at one of its methods."""

    def __init__(self, method, error):
        super().__init__()
        self.method, self.error = method, error

    def decode(self, *arguments):
        return self._or_raise("decode", *arguments)

    def regenerate(self, *arguments):
        return self._or_raise("regenerate", *arguments)

    def invert(self, *arguments):
        return self._or_raise("invert", *arguments)

    def _or_raise(self, method, *arguments):
        if self.method == method:
            raise self.error
        return getattr(super(), method)(*arguments)


def test_all_steps_of_an_honest_picture_in_their_order():
    report, lineage = verify_lineage(ORIGINAL.data, Request(trust(), NOW, regenerator=Rotations()))
    assert [check.step for check in report.checks] == list(range(1, 13))
    assert (report.verdict, report.claim_id, report.authors) == (
        Verdict.AUTHENTIC,
        claim_id(ORIGINAL.claim),
        ORIGINAL.claim.authors,
    )
    assert report.to_json() == ask(ORIGINAL).to_json()
    assert (report.derived, report.derived_from, report.lineage) == (False, (), None)
    assert not lineage.nodes
    root = lineage.root
    assert (root.identifier, root.entry, root.recipe) == (ORIGINAL.id, root.entry, ORIGINAL.recipe)
    assert (root.origin, root.title) == ("file", read_container(ORIGINAL.data, "image/png", anchors_pem=None).title)
    assert root.title
    assert root.integers.shape == ORIGINAL.recipe.shape
    ((status, detail),) = texts(report, 2)
    assert status is Status.PASS
    assert detail.startswith(f"claim {ORIGINAL.id.hex()[:16]}... by ")


# --- files that do not come so far ----------------------------------------------------------------------------------


def test_a_picture_without_a_manifest():
    report, lineage = verify_lineage(encode_png(pixels()), Request(trust(), NOW))
    assert (report.verdict, report.claim_id, report.authors, lineage) == (Verdict.UNPROVED, None, (), None)
    assert report.reason == "no C2PA manifest in this file; it may have been stripped"
    assert [(check.step, check.status, check.detail) for check in report.checks] == [(1, Status.SKIP, report.reason)]


def test_a_manifest_without_a_claim_of_ours():
    report = ask(foreign(encode_png(pixels()), created()))
    assert report.verdict is Verdict.UNPROVED
    assert report.reason == "the active C2PA manifest carries no authorship assertion of ours"
    assert [(check.step, check.status) for check in report.checks] == [(1, Status.PASS), (2, Status.SKIP)]
    assert report.checks[1].detail == report.reason


def test_the_log_is_asked_about_the_pixels_of_a_stripped_picture():
    report = ask(encode_png(pixels()), ledger=EntryLog())
    assert [check.step for check in report.checks] == [1, 11]


def test_a_manifest_that_cannot_be_read():
    parts = split(signed())
    for part in parts:
        if part[0] == b"caBX":
            part[1] = part[1][: len(part[1]) // 2]
    report, lineage = verify_lineage(join(parts), Request(trust(), NOW))
    assert (report.verdict, report.claim_id, report.authors, lineage) == (Verdict.INVALID, None, (), None)
    assert [(check.step, check.status, check.detail) for check in report.checks] == [(1, Status.FAIL, report.reason)]
    assert report.reason


def assertion_of(made):
    return parse_assertion(read_container(made.data, "image/png", anchors_pem=None).assertion)


def around(assertion, *, latent=None, **edits):
    """The assertion in a manifest that somebody signed, around the picture of ORIGINAL."""
    data = format_assertion(assertion) | edits
    ours = {"label": LABEL, "created": True, "data": data}
    return foreign(encode_png(read_picture(ORIGINAL.data).rgb), created(ours), who=author(), latent=latent)


def test_an_assertion_that_is_none():
    report, lineage = verify_lineage(around(assertion_of(ORIGINAL), possession="00"), Request(trust(), NOW))
    assert (report.verdict, lineage, report.claim_id) == (Verdict.INVALID, None, None)
    assert [(check.step, check.status) for check in report.checks] == [(1, Status.PASS), (2, Status.FAIL)]
    assert report.checks[1].detail == report.reason
    assert report.reason.startswith("assertion: possession")


@pytest.mark.parametrize("part", ["claim", "recipe"])
def test_a_claim_or_recipe_that_is_none(part):
    changed = replace(assertion_of(ORIGINAL), **{part: b"{}"})
    report, lineage = verify_lineage(around(changed), Request(trust(), NOW))
    assert (report.verdict, lineage, report.claim_id, report.authors) == (Verdict.INVALID, None, None, ())
    assert [(check.step, check.status) for check in report.checks] == [(1, Status.PASS), (2, Status.FAIL)]
    assert report.checks[1].detail == report.reason == f"{part}: field 'kind' is missing"


def test_what_is_newer_is_not_judged():
    honest = assertion_of(ORIGINAL)
    newer = json.dumps(json.loads(honest.claim) | {"v": 2}, separators=(",", ":"), sort_keys=True)
    for data in (around(honest, version="2"), around(honest, claim=newer)):
        with pytest.raises(UnsupportedVersionError):
            ask(data)


def test_after_a_failure_nothing_is_regenerated():
    changed = read_picture(ORIGINAL.data).rgb.copy()
    changed[0, 0, 0] ^= 1
    ours = {"label": LABEL, "created": True, "data": format_assertion(assertion_of(ORIGINAL))}
    data = foreign(encode_png(changed), created(ours), who=author())
    machine = Rotations()
    report = ask(data, regenerator=machine, depth=Depth.INSIST)
    assert report.verdict is Verdict.INVALID
    assert texts(report, 3)[0][0] is Status.FAIL
    assert texts(report, 7, 8, 9) == [(Status.SKIP, "step 3 failed")] * 3
    assert machine.calls == 0


def test_without_a_latent_there_is_nothing_to_compare_with():
    data = around(assertion_of(ORIGINAL))
    report = ask(data)
    assert texts(report, 7, 8, 9) == [(Status.SKIP, "no latent is stored in the file")] * 3
    assert report.verdict is not Verdict.INVALID
    with pytest.raises(EnvironmentFault, match=r"^cannot regenerate: no latent is stored in the file to compare with$"):
        ask(data, depth=Depth.INSIST)


# --- steps 7 to 9 ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"regenerator": None}, "no generator is installed on this machine"),
        ({"regenerator": Rotations(models=())}, "this machine has no model 'rotations'"),
    ],
)
def test_a_machine_that_cannot_regenerate(changes, reason):
    report = ask(ORIGINAL, **changes)
    assert step(report, 7).status is not Status.SKIP
    assert texts(report, 8, 9) == [(Status.SKIP, reason)] * 2
    with pytest.raises(MissingModelError, match=f"^cannot regenerate: {reason}$"):
        ask(ORIGINAL, depth=Depth.INSIST, **changes)


def test_quick_needs_no_machine():
    machine = Broken("decode", AssertionError("used"))
    report = ask(ORIGINAL, depth=Depth.QUICK, regenerator=machine)
    assert texts(report, 8, 9) == [(Status.SKIP, "not run because of --quick")] * 2
    assert machine.calls == 0


def test_a_sealed_prompt_and_its_opening():
    reason = "the prompt is sealed; ask its author for an opening (verify --opening)"
    report = ask(SEALED)
    assert texts(report, 8)[0][0] is Status.PASS
    assert texts(report, 9) == [(Status.SKIP, reason)]
    with pytest.raises(MissingModelError, match=r"^cannot regenerate: the prompt is sealed; "):
        ask(SEALED, depth=Depth.INSIST)
    other = Opening(b"\x01" * 32, Prompt("hills"))
    with pytest.raises(SealedError, match=r"^the opening does not open this picture's sealed prompt$"):
        ask(SEALED, opening=other)
    assert ask(ORIGINAL, opening=other).verdict is Verdict.AUTHENTIC  # nothing is sealed in it
    opened = ask(SEALED, opening=OPENING)
    assert step(opened, 9).status is not Status.SKIP


def test_a_generator_that_cannot_be_loaded():
    machine = Broken("decode", ImportError("no torch"))
    reason = "the generator on this machine cannot be loaded: no torch"
    report = ask(ORIGINAL, regenerator=machine)
    assert texts(report, 8, 9) == [(Status.SKIP, reason)] * 2
    assert report.verdict is Verdict.CLAIMED
    with pytest.raises(MissingModelError, match=f"^cannot regenerate: {reason}$"):
        ask(ORIGINAL, regenerator=machine, depth=Depth.INSIST)


def test_a_latent_that_cannot_be_decoded():
    report = ask(ORIGINAL, regenerator=Broken("decode", InvalidError("no picture")), depth=Depth.INSIST)
    assert texts(report, 8, 9) == [(Status.FAIL, "no picture"), (Status.SKIP, "step 8 failed")]
    assert report.verdict is Verdict.INVALID


@pytest.mark.parametrize("depth", [Depth.AUTO, Depth.INSIST])
def test_a_recipe_that_cannot_be_run(depth):
    report = ask(ORIGINAL, regenerator=Broken("regenerate", InvalidError("no such source")), depth=depth)
    assert texts(report, 9) == [(Status.FAIL, "the recipe cannot be run: no such source")]
    assert report.verdict is Verdict.INVALID


def test_a_model_that_runs_into_infinity_here():
    machine = Broken("regenerate", NotFiniteError("NaN at step 3"))
    report = ask(ORIGINAL, regenerator=machine)
    text = "inconclusive, not compared on this machine: NaN at step 3"
    assert texts(report, 9) == [(Status.WARN, text)]
    assert report.verdict is Verdict.CLAIMED
    assert report.reason == f"the recipe makes no picture of its own seed here (step 9): {text}"
    with pytest.raises(NotFiniteError):
        ask(ORIGINAL, regenerator=machine, depth=Depth.INSIST)


def test_the_way_back_through_a_model_that_the_policy_does_not_know_links_nothing():
    """Whoever fits a model to one seed and one picture has it lead from the one to the other and back."""
    nobodys = replace(trust(), models={})
    report = ask(ORIGINAL, policy=nobodys)
    assert step(report, 9).status is Status.PASS
    assert step(report, 9).figures["inversion_false_accept_log2"] < -128
    assert step(report, 7).figures["false_accept_log2"] > -128
    assert report.verdict is Verdict.CLAIMED
    assert report.reason.startswith("only a model that the policy does not know (see: seedproof calibrate) links seed ")
    assert ask(ORIGINAL).verdict is Verdict.AUTHENTIC
    lora = Setup("StableDiffusionPipeline", adapters=(Adapter("lora", "fitted", bytes(32)),))
    adapted = ask(original(8, changes={"setup": lora}))
    assert step(adapted, 9).status is Status.PASS
    assert (adapted.verdict, adapted.reason.split(" links ")[0]) == (Verdict.CLAIMED, "only an adapter")
    remix = ask(REMIX, policy=nobodys)  # for which there is no other test
    assert (remix.verdict, remix.derived) == (Verdict.CONSISTENT, True)


def test_a_picture_that_another_program_sampled_is_run_backwards():
    made = original(3, changes={"setup": Setup("StableDiffusionPipeline", attached=True)})
    told = []
    report = ask(
        made, regenerator=Broken("regenerate", AssertionError("used")), progress=lambda *each: told.append(each)
    )
    assert step(report, 9).status in (Status.PASS, Status.WARN)
    assert len(told) >= 2
    with pytest.raises(MissingModelError, match=r"^cannot regenerate: the picture was sampled by another program$"):
        ask(made, depth=Depth.INSIST)


class Noting(Rotations):
    """A regenerator that keeps the seeds that it was asked for."""

    def __init__(self):
        super().__init__()
        self.seeds = []

    def regenerate(self, recipe, prompt, seeds, sources=()):
        self.seeds.append(tuple(seeds))
        return super().regenerate(recipe, prompt, seeds, sources)


def test_wrong_seeds_follow_from_this_verifiers_entropy():
    machine = Noting()
    for entropy in (b"", b"", b"one"):
        ask(ORIGINAL, regenerator=machine, entropy=entropy)
    count = len(machine.seeds) // 3
    first, second, third = (
        {seed for seeds in machine.seeds[at * count : (at + 1) * count] for seed in seeds} for at in range(3)
    )
    own = {ORIGINAL.recipe.seed}
    assert first == second
    assert first & third == own
    assert len(first) == len(third) > 2


def test_progress_is_told():
    told = []
    ask(ORIGINAL, progress=lambda done, total, what: told.append((done, total, what)))
    assert "loading the model" in {what for *_, what in told}
    assert len(told) > 2


# --- works made from others -----------------------------------------------------------------------------------------

REMIX = image_to_image(4, ORIGINAL)


def test_a_derived_work_is_linked_by_step_9_alone():
    report, lineage = verify_lineage(REMIX.data, Request(trust(), NOW, regenerator=Rotations(), deep=True))
    assert report.verdict is Verdict.AUTHENTIC
    assert texts(report, 7) == [(Status.SKIP, "a derived work starts from its parents; what links it is step 9")]
    assert step(report, 9).status is Status.PASS
    assert (report.derived, report.derived_from) == (True, (ORIGINAL.id,))
    assert report.lineage is not None
    assert list(lineage.nodes) == [ORIGINAL.id]
    assert ask(REMIX).verdict is Verdict.CONSISTENT  # its parent was not made again


def test_ancestors_are_examined_with_what_the_request_has():
    log, machine = EntryLog(), Rotations()
    request = Request(
        trust(), NOW, regenerator=machine, ledger=log, opening=OPENING, entropy=b"one", progress=print, deep=True
    )
    asked = examiner_of(request)
    assert (asked.policy, asked.now, asked.ledger) == (request.policy, NOW, log)
    assert (asked.opening, asked.entropy, asked.regenerator, asked.progress) == (OPENING, b"one", machine, print)
    for changes in ({"deep": False}, {"depth": Depth.QUICK}):
        asked = examiner_of(replace(request, **changes))
        assert asked.regenerator is None
    assert examiner_of(replace(request, deep=False)).progress is None


def test_a_parent_that_is_missing_is_looked_for_nearby_and_in_the_log():
    orphan = image_to_image(5, ORIGINAL, carried=())
    report = ask(orphan)
    assert texts(report, 9)[0][0] is Status.SKIP
    lacking = texts(report, 9)[0][1]
    with pytest.raises(MissingModelError) as raised:
        ask(orphan, depth=Depth.INSIST)
    assert str(raised.value) == f"cannot regenerate: {lacking}"
    from provenance.lineagesearch import collect_works

    found = ask(orphan, deep=True, nearby=lambda: collect_works([("parent.png", ORIGINAL.data)]))
    assert step(found, 9).status is Status.PASS
    assert found.verdict is Verdict.AUTHENTIC


def test_parents_that_nothing_was_made_of_are_not_told_of():
    named = ask(original(9, changes={"parents": (ORIGINAL.id,)}), depth=Depth.QUICK)
    assert (named.verdict, named.derived, named.derived_from) == (Verdict.CLAIMED, False, ())


def test_a_parent_is_found_in_the_log_and_in_a_bundle_of_the_file():
    report = ask(image_to_image(5, ORIGINAL, carried=()), deep=True, ledger=Shelf(ORIGINAL))
    assert (report.verdict, report.lineage["works"][1]["found"]) == (Verdict.AUTHENTIC, "ledger")
    bundle = format_bundle(ORIGINAL.entry, ORIGINAL.recipe, encode_latent(ORIGINAL.integers))
    carried = (Parent("parent", "application/octet-stream", work=bundle),)
    report = ask(image_to_image(5, ORIGINAL, carried=carried), deep=True)
    assert (report.verdict, report.lineage["works"][1]["found"]) == (Verdict.AUTHENTIC, "embedded")


def test_deep_makes_every_ancestor_again_and_quick_none():
    family = blend(6, ORIGINAL, original(7))
    shallow, deep, quick = Rotations(), Rotations(), Rotations()
    ask(family, regenerator=shallow)
    told = []
    ask(family, regenerator=deep, deep=True, progress=lambda *each: told.append(each))
    ask(family, regenerator=quick, deep=True, depth=Depth.QUICK)
    assert quick.calls == 0
    assert 0 < shallow.calls < deep.calls
    quiet = []
    ask(family, progress=lambda *each: quiet.append(each))
    assert len(told) > len(quiet)


# --- steps 10 and 11 ------------------------------------------------------------------------------------------------


def test_a_fresh_look_needs_a_log():
    assert ask(ORIGINAL, max_age=timedelta(0)).verdict is Verdict.AUTHENTIC  # nobody asked for freshness
    with pytest.raises(EnvironmentFault):
        ask(ORIGINAL, require_fresh=True)


def test_a_sidecar_is_looked_at():
    plain = ask(ORIGINAL, depth=Depth.QUICK)
    false = ask(ORIGINAL, depth=Depth.QUICK, sidecar=b"{}")
    assert texts(false, 10)[0][1].startswith(f"{texts(plain, 10)[0][1]}; the sidecar is not counted: ")


def test_log_receipt_and_sidecar_are_judged_with_what_the_request_says(monkeypatch):
    asked = {}

    def watch(name, honest):
        def watched(*given, **named):
            asked[name] = (given, named)
            return honest(*given, **named)

        monkeypatch.setattr(rooms, name, watched)

    for name in ("check_standing", "check_logged", "check_sidecar", "check_lineage", "decide", "dispute"):
        watch(name, getattr(rooms, name))
    log, policy, model = EntryLog(), trust(), ORIGINAL.recipe.model.digest
    log.submit(format_entry(ORIGINAL.entry))
    ask(ORIGINAL, policy=policy, ledger=log, require_fresh=True, max_age=timedelta(hours=5), sidecar=b"{}")
    given, named = asked["check_standing"]
    assert given[1:] == (log, policy)
    assert named == {"fresh": Freshness(NOW, timedelta(hours=5))}
    given, named = asked["check_logged"]
    assert given[2:] == (policy, NOW)
    assert (named["vouched"], named["model"], named["standing"].history.log) == (True, model, log.origin)
    given, named = asked["check_sidecar"]
    assert (given[0], given[2:]) == (b"{}", (ORIGINAL.claim, policy, NOW))
    assert (named["model"], named["standing"].history.log) == (model, log.origin)
    assert asked["check_lineage"][1] == {"vouched": True}
    assert (asked["decide"][0][0].lineage, asked["decide"][0][0].ancestry) == (None, Ancestry())
    assert [check.step for check in asked["dispute"][0][2:3]] == [10]
    ask(ORIGINAL, ledger=log)
    assert asked["check_standing"][1] == {"fresh": None}
