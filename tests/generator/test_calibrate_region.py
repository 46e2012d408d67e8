"""The region of a calibration is looked for outwards, ends before the first choice that fails, and records what it saw."""

from dataclasses import replace
from decimal import Decimal

import numpy as np
import pytest

from generator.calibrate_region import Corner, Ruler, measure_region
from provenance.calibration import Whitening
from provenance.errors import NotFiniteError, UsageError
from provenance.region import Region

SHAPE = (2, 16, 16)
STEPS = (Decimal("0.05"),) * 2


class Machine:
    """Pictures are noise; beyond ``strong`` guidance the prompt decides, below ``few`` steps nothing is finite."""

    def __init__(self, strong=Decimal(100), few=1, forgets=()):
        self.strong, self.few, self.forgets = float(strong), few, forgets

    def sample(self, noise, text, negative, *, steps, guidance, seeds):
        if steps < self.few:
            raise NotFiniteError("the model produced NaN")
        if guidance > self.strong or len(text) in self.forgets:
            return 0.01 * noise + np.float32(1)
        return noise.copy()

    def invert(self, latent, text, negative, *, steps, guidance):
        return None


def ruler(**machine):
    even = Whitening(np.zeros(SHAPE, np.float32), np.ones(SHAPE, np.float32))
    return Ruler(Machine(**machine), SHAPE, even, STEPS, 0.5, ["a calm lake", "hills at night"], 2)


def region(steps=12, guidance=2, **machine):
    return measure_region(ruler(**machine), steps, Decimal(guidance), lambda *_: None)


def test_a_model_that_always_depends_on_its_seed_gets_all_that_is_tried():
    found, seen = region()
    assert found == Region((4, 60), (Decimal(1), Decimal(8)), (2, 1_000))
    assert {(each["steps"], each["guidance"]) for each in seen} >= {(4, "2"), (60, "2"), (4, "8"), (24, "8"), (24, "1")}
    assert {each["characters"] for each in seen} == {0, 2, 1_000}


@pytest.mark.parametrize(
    ("strong", "high"), [(Decimal(7), 6), (Decimal(5), 4), (Decimal("3.5"), "3.2"), (Decimal(2), 2)]
)
def test_guidance_ends_before_pictures_cease_to_depend_on_their_seeds(strong, high):
    found, seen = region(strong=strong)
    assert found.guidance == (Decimal(1), Decimal(high))
    if strong > 2:
        assert any(Decimal(each["nearest_wrong_cosine"]) > Decimal("0.98") for each in seen)  # the failing one is told


@pytest.mark.parametrize(("few", "least"), [(4, 4), (5, 6), (7, 12), (12, 12)])
def test_steps_end_before_the_model_breaks_down(few, least):
    assert region(few=few)[0].steps == (least, 60)


def test_unusual_defaults_stay_within_the_bounds_of_recipes():
    assert region(steps=1, guidance=0)[0] == Region((1, 5), (Decimal(0), Decimal(0)), (2, 1_000))
    assert region(steps=150, guidance=40)[0] == Region((50, 150), (Decimal(20), Decimal(80)), (2, 1_000))


def test_a_model_that_forgets_its_seed_is_refused():
    with pytest.raises(UsageError, match="do not depend on their seed"):
        region(strong=Decimal(1))
    for length in (2, 1_000):
        with pytest.raises(UsageError, match=f"{length} characters"):
            region(forgets=(length,))


def test_each_of_the_three_conditions_can_fail():
    good = Corner(12, Decimal(2), "", bits=128.0, distance=0.6, likeness=0.95)
    assert good.holds(0.5)
    for bad in ({"bits": 127.9}, {"distance": 0.5}, {"likeness": 0.951}):
        assert not replace(good, **bad).holds(0.5)


def test_inversion_helps_where_whitening_finds_too_little():
    blind = replace(ruler(), whitening=Whitening(np.zeros(SHAPE, np.float32), np.full(SHAPE, 1e-6, np.float32)))
    blind.whitening.scale[0, 0, 0] = 1e6
    assert not blind.look(12, Decimal(2)).holds(0.5)
    blind.runtime.invert = lambda latent, *_args, **_options: latent
    assert blind.look(12, Decimal(2)).holds(0.5)
