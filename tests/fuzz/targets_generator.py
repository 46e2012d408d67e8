"""Models and files that the generator is given: configurations, tensors, samplers in strangers' recipes, prompts."""

import json
import shutil
from pathlib import Path

from tests.fuzz.files import as_file, folder, once
from tests.fuzz.target import Target, each

HOUSE = Path(__file__).parents[2] / "generator" / "house" / "model"


@once
def _model():
    """A folder with the house model's configurations and no weights."""
    made = folder() / "model"
    for file in HOUSE.rglob("*.json"):
        copy = made / file.relative_to(HOUSE)
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(file, copy)
    return made


def run_model_index(data):
    from generator.models import open_model

    (_model() / "model_index.json").write_bytes(data)
    open_model(str(_model()))


def run_model_parts(data):
    """Configurations of denoiser, decoder and sampler, in this order, a line each."""
    from generator.models import native_size
    from generator.schedulers import kind_of, read_scheduler

    lines = [*data.split(b"\n"), b"", b"", b""][:3]
    denoiser = "unet" if (_model() / "unet").is_dir() else "transformer"
    places = (f"{denoiser}/config.json", "vae/config.json", "scheduler/scheduler_config.json")
    for place, line in zip(places, lines, strict=True):
        (_model() / place).write_bytes(line)
    each(
        lambda: native_size(_model()),
        lambda: kind_of(read_scheduler(_model() / "scheduler" / "scheduler_config.json")),
    )


def model_parts():
    denoiser = "unet" if (HOUSE / "unet").is_dir() else "transformer"
    names = (f"{denoiser}/config.json", "vae/config.json", "scheduler/scheduler_config.json")
    house = [json.loads((HOUSE / name).read_text()) for name in names]
    usual = [
        {"sample_size": 64},
        {"block_out_channels": [128, 256, 512, 512]},
        {"_class_name": "DDIMScheduler", "beta_start": 0.00085, "set_alpha_to_one": False, "trained_betas": None},
    ]
    return [b"\n".join(json.dumps(each).encode() for each in parts) for parts in (usual, house)]


def run_sampler(data):
    """The sampler that a stranger's recipe names, built for a regeneration."""
    from generator.schedulers import build_scheduler
    from provenance.recipe import Scheduler

    try:
        value = json.loads(data)
        scheduler = Scheduler(str(value["name"]), json.dumps(dict(value["config"])))
    except (ValueError, LookupError, TypeError, RecursionError):  # no recipe holds it
        return
    build_scheduler(scheduler)


def samplers():
    ddim = {"beta_start": "0.00085", "beta_end": "0.012", "beta_schedule": "scaled_linear", "num_train_timesteps": 1000}
    flow = {"num_train_timesteps": 1000, "shift": "3", "use_dynamic_shifting": False}
    solver = {**ddim, "algorithm_type": "dpmsolver++", "solver_order": 2, "use_karras_sigmas": True}
    named = (
        ("FlowMatchEulerDiscreteScheduler", flow),
        ("DPMSolverMultistepScheduler", solver),
        ("EulerDiscreteScheduler", ddim),
        ("DDIMScheduler", ddim),
    )
    return [json.dumps({"name": name, "config": config}).encode() for name, config in named]


def run_tensors(data):
    from generator.adapters import adapter_file, read_adapters
    from generator.latentfile import read_latent, read_workflow

    with as_file(data, "input.safetensors") as path:
        each(
            lambda: read_workflow(path),
            lambda: adapter_file(path),
            lambda: read_adapters([f"{path}:0.5"], [f"{path}:word"]),
            lambda: read_latent(path, "comfyui"),
        )


def tensors():
    import numpy as np

    from generator.latentfile import write_latent

    values = np.zeros((4, 8, 8), np.float32)
    return [write_latent(values[0], {}), write_latent(values, {"prompt": '{"3":{"inputs":{}}}', "workflow": "{}"})]


def run_reservation(data):
    from generator.reservation import parse_reservation

    parse_reservation(data)


def reservations():
    from decimal import Decimal

    from generator.reservation import Reservation, format_reservation
    from provenance.recipe import Prompt

    made = Reservation(
        "diffusers", bytes(32), bytes(32), bytes(32), 64, 64, (4, 8, 8), Prompt("hills"), 10, Decimal(2), None
    )
    return [format_reservation(made)]


def run_notary_files(data):
    """A notary's key or its state."""
    from generator.notary_key import load_key
    from generator.notary_state import StateFile

    with as_file(data, "notary.json") as path:
        if b"notary-key" in data:
            load_key(path)
        else:
            StateFile(path, key=bytes(32), log="log.example/1").load()


def notary_files():
    waiting = {"claim": "01" * 32, "author": "", "tries": 1, "again": 1_800_000_000}
    state = {"kind": "notary-state", "v": 1, "key": "00" * 32, "log": "log.example/1", "next": 7, "waiting": [waiting],
             "signed": ["{}"]}  # fmt: skip
    return [json.dumps(each).encode() for each in ({"kind": "notary-key", "v": 1, "secret": "01" * 32}, state)]


def run_prompts(data):
    from generator.calibrate import read_prompts
    from generator.cli_options import read_prompt_file

    with as_file(data, "prompts.txt") as path:
        read_prompts(path)
        read_prompt_file(path)


def run_tokenizer(data):
    from generator.vocabulary import prompt_remarks

    home = folder() / "tokenizer"
    (home / "tokenizer").mkdir(parents=True, exist_ok=True)
    config, _, tokenizer = data.partition(b"\n")
    (home / "tokenizer" / "tokenizer_config.json").write_bytes(config)
    (home / "tokenizer" / "tokenizer.json").write_bytes(tokenizer)
    prompt_remarks(home, "a lighthouse on snowy mountains " * 20)


def tokenizers():
    parts = ((HOUSE / "tokenizer" / name).read_text() for name in ("tokenizer_config.json", "tokenizer.json"))
    return [b"\n".join(json.dumps(json.loads(part)).encode() for part in parts)]


TARGETS = (
    Target("model-index", run_model_index, lambda: [(HOUSE / "model_index.json").read_bytes()], ("generator.models.open_model",), cost=4),
    Target("model-parts", run_model_parts, model_parts, (
        "generator.models.native_size",
            "generator.configuration.read_configuration", "generator.schedulers.read_scheduler"), cost=4),
    Target("sampler", run_sampler, samplers, ("generator.schedulers.build_scheduler",), cost=20),
    Target("tensors", run_tensors, tensors, (
        "generator.latentfile.read_latent", "generator.latentfile.read_workflow", "generator.adapters.adapter_file",
        "generator.adapters.read_adapters"), cost=4),
    Target("reservation", run_reservation, reservations, ("generator.reservation.parse_reservation",)),
    Target("notary-files", run_notary_files, notary_files, (
        "generator.notary_key.load_key", "generator.notary_state.StateFile.load"), cost=2),
    Target("prompts", run_prompts, lambda: [b"a lake\n\nhills at dawn\n"], (
        "generator.calibrate.read_prompts", "generator.cli_options.read_prompt_file"), cost=4),
    Target("tokenizer", run_tokenizer, tokenizers, ("generator.vocabulary.prompt_remarks",), cost=10),
)  # fmt: skip
