"""Samplers: which are allowed, that stochastic ones draw from numbered streams, and that others are caught drawing."""

import json
import random
from dataclasses import replace
from decimal import Decimal

import numpy as np
import pytest
import torch

from generator.create import create
from generator.models import open_model, scheduler_of
from generator.runtime import load_runtime
from generator.schedulers import NAMES, build_scheduler, kind_of, record_scheduler, replacement
from provenance.errors import MissingModelError, UsageError
from provenance.noise import gaussian
from provenance.recipe import Scheduler
from provenance.report import Status, Verdict
from tests.generator import tiny
from tests.generator.tinystudio import job, judge, studio
from tests.support.forge import parts_of, step

STOCHASTIC = {"euler-a", "dpm2-a", "dpm++2m-sde", "ddpm", "lcm"}
DIFFUSION = [name for name in NAMES if not name.startswith("flow")]
SEED = bytes([9]) * 32


def with_scheduler(name, family="sd1"):
    model = open_model(str(tiny.model(family)))
    return load_runtime(model, device="cpu", scheduler=replacement(name, scheduler_of(model)))


def run(runtime, seeds=(SEED,), **more):
    shape = runtime.latent_shape(32, 32)
    noise = np.stack([gaussian(seed, shape) for seed in seeds])
    return runtime.sample(noise, "a cat", "", steps=4, guidance=3.0, seeds=seeds, **more)


@pytest.mark.parametrize("name", DIFFUSION)
def test_every_sampler_follows_from_the_seed_alone(name):
    runtime = with_scheduler(name)
    torch.manual_seed(1)
    first = run(runtime)
    draws = runtime.setup.draws
    torch.manual_seed(2)
    assert np.array_equal(first, run(runtime))
    assert np.isfinite(first).all()
    assert not np.allclose(first, run(runtime, [bytes([8]) * 32]), atol=0.1)
    assert (draws > 0) == (name in STOCHASTIC)
    assert runtime.setup.draws == draws
    assert kind_of(runtime.scheduler).stochastic == (name in STOCHASTIC)


@pytest.mark.parametrize("name", sorted(STOCHASTIC))
def test_further_draws_are_the_streams_one_two_three(name, monkeypatch):
    asked = []

    def watched(seed, shape, *, stream=0):
        asked.append((seed, tuple(shape), stream))
        return gaussian(seed, shape, stream=stream)

    monkeypatch.setattr("generator.guard.gaussian", watched)
    runtime = with_scheduler(name)
    asked.clear()
    run(runtime)
    assert asked == [(SEED, (4, 16, 16), k) for k in range(1, runtime.setup.draws + 1)]


def test_each_picture_of_a_batch_draws_from_its_own_seed():
    runtime = with_scheduler("euler-a")
    seeds = [bytes([i]) * 32 for i in (1, 2)]
    together = run(runtime, seeds)
    for picture, seed in zip(together, seeds, strict=True):
        assert np.abs(picture - run(runtime, [seed])[0]).max() < 1e-4


def test_a_stochastic_sampler_without_a_seed_is_refused():
    runtime = with_scheduler("euler-a")
    with pytest.raises(UsageError, match="no seed determines"):
        runtime.sample(np.zeros((1, 4, 16, 16), np.float32), "a", "", steps=2, guidance=3.0)


def test_the_replaced_function_is_put_back():
    import diffusers.schedulers.scheduling_euler_ancestral_discrete as module

    before = module.randn_tensor
    run(with_scheduler("euler-a"))
    assert module.randn_tensor is before


def test_a_picture_by_a_stochastic_sampler_is_regenerated(tmp_path):
    folder = tiny.copy("sd1", tmp_path / "model")
    own = scheduler_of(open_model(str(folder)))
    build_scheduler(replacement("euler-a", own)).save_pretrained(folder / "scheduler")
    index = (folder / "model_index.json").read_text().replace("DDIMScheduler", "EulerAncestralDiscreteScheduler")
    (folder / "model_index.json").write_text(index)
    made = create(job(tmp_path / "a.png"), studio(tmp_path, model=folder))
    _, recipe, *_ = parts_of(made.path.read_bytes())
    assert recipe.setup.draws == 4
    assert not recipe.setup.replaced_scheduler
    found = step(judge(made.path.read_bytes(), folder), 9)
    assert found.status is Status.PASS
    assert found.figures["distance"] == 0
    assert "inversion not available" in found.detail


def test_a_replaced_scheduler_is_recorded_regenerated_and_consistent_at_most(tmp_path):
    model = open_model(str(tiny.model("sd1")))
    chosen = replacement("euler", scheduler_of(model))
    made = create(job(tmp_path / "a.png", sampling=(chosen.name,)), studio(tmp_path, scheduler=chosen))
    data = made.path.read_bytes()
    _, recipe, *_ = parts_of(data)
    assert recipe.setup.replaced_scheduler
    assert recipe.scheduler == chosen
    report = judge(data, tiny.model("sd1"))
    assert step(report, 9).status is Status.PASS
    assert report.verdict is Verdict.CONSISTENT
    assert recipe.setup.why_not_authentic is not None


def test_a_replaced_scheduler_that_says_it_is_the_models_own_is_not_regenerated(tmp_path):
    from generator.regenerate import open_regenerator

    model = open_model(str(tiny.model("sd1")))
    chosen = replacement("euler", scheduler_of(model))
    made = create(job(tmp_path / "a.png"), studio(tmp_path, scheduler=chosen))
    _, recipe, *_ = parts_of(made.path.read_bytes())
    lie = replace(recipe, setup=replace(recipe.setup, replaced_scheduler=False))
    assert "configures its scheduler" in open_regenerator([str(tiny.model("sd1"))]).why_not(lie)
    hostile = replace(recipe, scheduler=Scheduler("DPMSolverSDEScheduler", "{}"))
    assert "not supported" in open_regenerator([str(tiny.model("sd1"))]).why_not(hostile)


@pytest.mark.parametrize("name", ["euler", "ddim", "flow-euler"])
def test_linear_samplers_run_backwards(name):
    family = "sd3" if name.startswith("flow") else "sd2-v"
    runtime = with_scheduler(name, family)
    shape = runtime.latent_shape(32, 32)
    noise = gaussian(SEED, shape)
    made = runtime.sample(noise[None], "a cat", "", steps=6, guidance=3.0)
    back = runtime.invert(made, "a cat", "", steps=6, guidance=3.0)[0]
    assert np.corrcoef(back.ravel(), noise.ravel())[0, 1] > 0.99
    assert 0.9 < back.std() < 1.1


@pytest.mark.parametrize("name", ["dpm++2m", "unipc", "pndm", "heun", *sorted(STOCHASTIC)])
def test_others_say_that_they_do_not(name):
    runtime = with_scheduler(name)
    assert runtime.invert(run(runtime), "a cat", "", steps=4, guidance=3.0) is None


@pytest.mark.parametrize(
    ("name", "config"),
    [
        ("DPMSolverSDEScheduler", {}),
        ("CosineDPMSolverMultistepScheduler", {}),
        ("os", {}),
        ("", {}),
    ],
)
def test_samplers_that_are_not_on_the_list(tmp_path, name, config):
    with pytest.raises(MissingModelError, match="not supported"):
        build_scheduler(record_scheduler(name, config))
    folder = tiny.copy("sd1", tmp_path / "model")
    (folder / "scheduler" / "scheduler_config.json").write_text(json.dumps({"_class_name": name, **config}))
    with pytest.raises(MissingModelError, match="not supported"):
        load_runtime(open_model(str(folder)))


def test_stochastic_switches_are_seen():
    assert kind_of(record_scheduler("DPMSolverMultistepScheduler", {"algorithm_type": "sde-dpmsolver++"})).stochastic
    assert kind_of(record_scheduler("FlowMatchEulerDiscreteScheduler", {"stochastic_sampling": True})).stochastic
    assert not kind_of(record_scheduler("DPMSolverMultistepScheduler", {})).stochastic
    assert not kind_of(record_scheduler("DDIMScheduler", {"clip_sample": True})).linear
    assert not kind_of(record_scheduler("EulerDiscreteScheduler", {"thresholding": True})).linear


def test_names_that_do_not_serve():
    own = scheduler_of(open_model(str(tiny.model("sd3"))))
    with pytest.raises(UsageError, match="does not serve"):
        replacement("ddim", own)
    with pytest.raises(UsageError, match="not known"):
        replacement("magic", own)
    with pytest.raises(UsageError, match="does not serve"):
        replacement("flow-euler", scheduler_of(open_model(str(tiny.model("sd1")))))


def test_a_recorded_configuration_builds_the_same_sampler():
    own = scheduler_of(open_model(str(tiny.model("sd1"))))
    for name in DIFFUSION:
        chosen = replacement(name, own)
        built = build_scheduler(chosen)
        assert record_scheduler(type(built).__name__, dict(built.config)) == chosen
        assert built.config.beta_end == pytest.approx(0.012)


# --- the guard ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("source", "draw"),
    [
        ("torch", lambda: torch.randn(1)),
        ("torch", lambda: torch.nn.functional.dropout(torch.ones(4), 0.5)),
        ("numpy", lambda: np.random.rand()),  # noqa: NPY002
        ("python", random.random),
    ],
)
def test_any_other_randomness_in_a_run_is_refused(tmp_path, monkeypatch, source, draw):
    room = studio(tmp_path)
    unet = room.runtime._pipeline.pipe.unet
    forward = type(unet).forward

    def leaky(self, *args, **kwargs):
        draw()
        return forward(self, *args, **kwargs)

    monkeypatch.setattr(type(unet), "forward", leaky)
    with pytest.raises(UsageError, match=rf"random numbers of its own \({source}\)"):
        create(job(tmp_path / "a.png"), room)
    assert not (tmp_path / "a.png").exists()
    assert room.ledger.search() == []


def test_a_deterministic_sampler_that_starts_to_draw_is_refused(monkeypatch):
    runtime = with_scheduler("euler")
    import diffusers.schedulers.scheduling_euler_discrete as module

    step_as_it_is = module.EulerDiscreteScheduler.step

    def churned(self, *args, **kwargs):
        return step_as_it_is(self, *args, **{**kwargs, "s_churn": 1.0, "s_noise": 1.0})

    monkeypatch.setattr(module.EulerDiscreteScheduler, "step", churned)
    with pytest.raises(UsageError, match="no seed determines"):
        runtime.sample(np.ones((1, 4, 16, 16), np.float32), "a", "", steps=2, guidance=3.0)


def test_calibration_works_for_every_kind_of_model(tmp_path):
    from generator.calibrate import Plan, measure
    from provenance.calibration import format_calibration, parse_calibration

    model = open_model(str(tiny.model("sd1")))
    plan = Plan(["a cat", "the sea"], 32, 4, 32, 32, 4, Decimal(3), "cpu")
    found = parse_calibration(format_calibration(measure(model, plan, lambda *_: None)))
    assert found.shape == (4, 16, 16)
    assert found.model == model.identity.digest
    assert 0 < found.thresholds.accept < found.thresholds.reject


def test_a_calibrated_model_of_any_family_can_be_authentic_and_a_changed_sampler_cannot(tmp_path):
    from generator.calibrate import Plan, measure
    from provenance.policy import ModelTrust, Policy

    folder = tiny.model("sd2-v")
    model = open_model(str(folder))
    calibration = measure(model, Plan(["a cat"], 32, 4, 32, 32, 4, Decimal(3), "cpu"), lambda *_: None)
    trust = Policy({model.identity.digest: ModelTrust("tiny", model.identity.digest, {(4, 16, 16): calibration})})
    room = replace(studio(tmp_path, "sd2-v"), calibrated_steps=lambda _shape: calibration.steps)
    made = create(job(tmp_path / "a.png"), room)
    assert judge(made.path.read_bytes(), folder, trust=trust).verdict is Verdict.AUTHENTIC
    changed = replace(
        studio(tmp_path, "sd2-v", scheduler=replacement("ddim", scheduler_of(model))),
        calibrated_steps=lambda _shape: calibration.steps,
    )
    other = create(job(tmp_path / "b.png"), changed)
    report = judge(other.path.read_bytes(), folder, trust=trust)
    assert step(report, 9).status is Status.PASS
    assert report.verdict is Verdict.CONSISTENT
    assert "another scheduler" in report.reason
