"""What the experiments on attribution conclude from their rows: a failure is counted, and none is hidden."""

from dataclasses import replace
from decimal import Decimal

import pytest

from benchmarks import corners, honest, memorised, peers
from provenance.measured import why_unmeasured
from provenance.policy import default_policy
from provenance.recipe import Prompt
from provenance.region import Region
from tests.support import works

WIDE = Region((1, 1_000), (Decimal(0), Decimal(100)), (0, 10_000))


def row(verdict="authentic", reason="", cosine=0.5, number=0):
    figures = {"distance": 0.0, "nearest_wrong_cosine": cosine, "nearest_wrong_distance": 3.0, "inversion_cosine": 0.8}
    under = honest.conditions(number, WIDE)
    return {"prompt": "hills", "under": under, "verdict": verdict, "reason": reason, "figures": figures}


def test_honest_conditions_are_repeatable_varied_and_inside_of_the_region():
    (model,) = default_policy().models.values()
    (calibration,) = model.calibrations.values()
    region = calibration.region
    seen = [honest.conditions(number, region) for number in range(500)]
    assert seen == [honest.conditions(number, region) for number in range(500)]
    assert {each["dtype"] for each in seen} == set(honest.DTYPES)
    assert {Decimal(each["guidance"]) for each in seen} >= set(region.guidance)
    assert len({each["steps"] for each in seen}) >= 4
    assert {each["steps"] for each in (honest.conditions(number, WIDE) for number in range(500))} == set(honest.STEPS)

    class Asked:
        def __init__(self, under):
            self.steps, self.guidance = under["steps"], Decimal(under["guidance"])

    prompts = honest.wanted_prompts()
    assert len(prompts) > 200
    assert all(region.why_outside(Asked(under), Prompt(prompts[0])) is None for under in seen)
    assert all(region.why_outside(Asked(seen[0]), Prompt(text)) is None for text in prompts)


def test_honest_failures_are_counted_and_named():
    rows = [row(number=n) for n in range(498)]
    lost = [row("claimed", f"the picture {memorised.MISTAKEN}"), row("consistent", "inconclusive")]
    told = honest.conclude(rows + lost)
    assert (told["not_authentic"], told["misjudged_as_not_attributable"], told["met"]) == (2, 1, True)
    assert [each["verdict"] for each in told["failures"]] == ["claimed", "consistent"]
    assert not honest.conclude(rows[:100])["met"]  # too few to say so
    assert not honest.conclude(rows + 3 * lost)["met"]


def test_rows_of_another_model_are_left_alone(tmp_path):
    path = tmp_path / "deep" / "rows.jsonl"
    honest.Rows(path, "a").add(3, {"x": 1})
    honest.Rows(path, "b").add(3, {"x": 2})
    assert honest.Rows(path, "a").found[3]["x"] == 1
    assert honest.Rows(path, "c").found == {}


def pair(victim, thief):
    return {"victim": victim, "thief": thief, "likeness": 0.99, "psnr": 40.0, "learned": 0.99}


def test_a_caption_is_recognised_only_if_neither_picture_passes():
    known, passed = row("claimed", f"the picture {memorised.MISTAKEN}", 0.99), row()
    rows = [pair(known, known)] * 98 + [pair(known, passed), pair(passed, known)]
    told = memorised.conclude(rows, [row()] * 99 + [known], "refused")
    assert told["memorised"]["recognised"] == 98
    assert told["memorised"]["pictures_authentic_all_the_same"] == 2
    assert not told["memorised"]["met"]
    assert told["honest"]["misjudged"] == 1
    assert told["honest"]["met"]
    other = row("claimed", "seed and stored latent are not linked strongly enough")
    assert memorised.conclude([pair(other, known)], [], None)["memorised"]["recognised"] == 0


def separated(plain, whitened=0.5, distance=0.0, wrong=3.0):
    return {
        "plain_cosine": plain,
        "whitened_cosine": whitened,
        "inversion_cosine": 0.1,
        "wrong_whitened_cosine": [0.05, 0.4],
        "wrong_inversion_cosine": [0.01],
        "honest_distance": {**dict.fromkeys(peers.SAME_MACHINE, distance), "bfloat16": 9.0},
        "wrong_distance": [wrong, 5.0],
    }


def test_peers_pass_rates():
    rows = [
        separated(0.3),
        separated(0.2),
        separated(0.3, whitened=0.2),
        separated(0.3, distance=0.1),
        separated(0.3, wrong=0.01),
    ]
    table = {(line["test"], line["false_accept_log2"]): line for line in peers.conclude(rows, 2048, 0.02, 0.2)}
    assert [table[next(iter(peers.TESTS)), -bits]["passed"] for bits in (20, 64, 128)] == [5, 5, 4]
    assert table["ours: whitened cosine", -128]["passed"] == 4
    assert table["ours: whitened cosine", -128]["wrong_passed"] == 5
    (authentic,) = (line for (name, _), line in table.items() if "authentic" in name)
    assert (authentic["passed"], authentic["wrong_passed"], authentic["wrong_seeds"]) == (2, 1, 10)


def test_corners_that_read_more_than_claimed_are_counted():
    def seen(verdict):
        return {"verdict": row(verdict, "why"), "by_its_own_tests": row()}

    told = corners.conclude({"1 step": [seen("claimed"), seen("authentic")], "inside": [seen("authentic")], "none": []})
    assert [line["more_than_claimed"] for line in told] == [1, 1, 0]
    assert told[0]["verdicts"] == ["authentic", "claimed"]
    assert told[1]["upper_bound_95"] is None
    assert told[2]["reason"] == "not measured"


def test_every_corner_but_the_first_lies_outside_of_what_was_measured_or_is_not_run():
    (model,) = default_policy().models.values()
    base = works.recipe(bytes(32), works.master())
    usual = {"steps": 12, "guidance": Decimal("2.5"), "shape": (8, 16, 16), "prompt": Prompt("a mountain range")}
    for name, (text, changes) in corners.CORNERS.items():
        told = usual if text is None else {**usual, "prompt": Prompt(text)}
        recipe = replace(base, **{**told, **changes})
        outside = why_unmeasured(recipe, recipe.shape, recipe.prompt, model) is not None
        if name not in ("another scheduler", "200 steps"):
            assert outside is not name.startswith("inside"), name


@pytest.mark.slow
def test_a_model_is_trained_exported_and_trained_on(tmp_path):
    from benchmarks.memoriser import train
    from generator.models import open_model
    from generator.runtime import load_runtime
    from provenance.noise import gaussian

    folder = train(tmp_path, minutes=0.02, pictures=1, captions=2)
    first = open_model(str(folder)).identity.digest
    assert open_model(str(train(tmp_path, minutes=0.04, pictures=1, captions=2))).identity.digest != first
    made = load_runtime(open_model(str(folder)), device="cpu").sample(
        gaussian(bytes(32), (8, 16, 16))[None], "hills", "", steps=2, guidance=2.0
    )
    assert made.shape == (1, 8, 16, 16)
