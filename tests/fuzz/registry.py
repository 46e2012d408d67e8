"""All targets, and which functions of the product need one."""

import ast
import functools
from pathlib import Path

from tests.fuzz import targets_generator, targets_ledger, targets_pictures, targets_protocol
from tests.fuzz.engine import PACKAGES

TARGETS = {
    target.name: target
    for module in (targets_protocol, targets_pictures, targets_ledger, targets_generator)
    for target in module.TARGETS
}
ROOT = Path(__file__).parents[2]


_VERBS = ("parse", "read", "load", "decode", "open")


@functools.cache
def parsers():
    """Public functions and class methods whose names begin with a word for reading, by their full names."""
    found = set()
    for package in PACKAGES:
        for file in sorted((ROOT / package).rglob("*.py")):
            module = ".".join(file.relative_to(ROOT).with_suffix("").parts)
            for name in _named(ast.parse(file.read_text())):
                found.add(f"{module}.{name}")
    return found


def _named(tree):
    for node in tree.body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and _reads(node.name):
            yield node.name
        elif isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
            methods = (each for each in node.body if isinstance(each, ast.FunctionDef))
            yield from (f"{node.name}.{each.name}" for each in methods if _reads(each.name))


def _reads(name):
    return name.partition("_")[0] in _VERBS


def covered():
    return {name for target in TARGETS.values() for name in target.covers}


_A_LEDGER = "opens a place that the user names; what comes from there is read by functions that have targets"
_MODEL = "runs a model on numbers; its bytes came through a function that has a target"
_TRAINING = "reads what the training of the embedded model wrote, on the machine that trains it"
_THROUGH = "reads a bounded file and hands its bytes to a function that has a target"
_DATABASE = "reads rows of the log's own database, which ledger fsck audits"

EXEMPT = {
    "generator.cli_options.Sampling.load": _MODEL,
    "generator.cli_options.Sampling.read": "reads the command line",
    "generator.diffusion.DiffusersPipeline.decode": _MODEL,
    "generator.diffusion.DiffusersPipeline.decode_float": _MODEL,
    "generator.house.dataset.load_pictures": _TRAINING,
    "generator.house.dataset.load_scenes": _TRAINING,
    "generator.house.decoder_only.DecoderOnly.decode": _MODEL,
    "generator.house.judge.open_judge": _TRAINING,
    "generator.house.latents.Pool.load": _TRAINING,
    "generator.house.scenes.shores.open_sea": "draws a sea",
    "generator.house.schedule.load_checkpoint": _TRAINING,
    "generator.house.train_autoencoder.load_autoencoder": _TRAINING,
    "generator.house.train_denoiser.open_tokenizer": _TRAINING,
    "generator.loading.load_decoder": "safetensors and configurations of an installed model, read by diffusers: not fuzzed",
    "generator.loading.load_part": "safetensors and configurations of an installed model, read by diffusers: not fuzzed",
    "generator.notary_pixels.Decoder.decode_float": _MODEL,
    "generator.pipeline.FlowPipeline.decode": _MODEL,
    "generator.pipeline.FlowPipeline.decode_float": _MODEL,
    "generator.pipeline.Pipeline.decode": _MODEL,
    "generator.pipeline.Pipeline.decode_float": _MODEL,
    "generator.pipeline.load": "safetensors and configurations of an installed model: not fuzzed",
    "generator.regenerate.DiffusersRegenerator.decode": _MODEL,
    "generator.regenerate.DiffusersRegenerator.decode_float": _MODEL,
    "generator.regenerate.open_regenerator": "opens models that the user names",
    "generator.remix.opened.open_outside": _MODEL,
    "generator.remix.opened.open_work": "work_of_file, verify and kept_remix have a target",
    "generator.runtime.Runtime.decode": _MODEL,
    "generator.runtime.Runtime.decode_float": _MODEL,
    "generator.runtime.load_runtime": "opens models that the user names",
    "ledger.cli_subject.read_claim_id": "read_claimed has a target",
    "ledger.cli_subject.read_key": "reads the command line",
    "ledger.cli_watch.open_watched": _A_LEDGER,
    "ledger.cli_watch.parse_log_key": "reads the command line; VerifierKey.parse has a target",
    "ledger.client.open_ledger": _A_LEDGER,
    "ledger.database.open_engine": _A_LEDGER,
    "ledger.edge.read_edge": _DATABASE,
    "ledger.local.open_ledger": _A_LEDGER,
    "ledger.log.open_log": _A_LEDGER,
    "ledger.objectstore.open_object_store": _A_LEDGER,
    "ledger.opening.open_any": _A_LEDGER,
    "ledger.opening.open_own": _A_LEDGER,
    "ledger.publication.read_published": _DATABASE,
    "ledger.recovery.read_shown": "open_checkpoint has a target",
    "ledger.seen.Seen.read": "parse_checkpoint has a target",
    "ledger.sequencer.read_head": _DATABASE,
    "ledger.server.body.read_body": "schemathesis and tests/ledger/server send it what HTTP allows and what it does not",
    "ledger.server.process.open_settings": "reads the settings that the service's own parent wrote",
    "ledger.tilestore.open_store": _A_LEDGER,
    "provenance.claimcheck.decode_reference": _MODEL,
    "provenance.cli_copy.read_claim_source": _THROUGH,
    "provenance.cli_verify.open_models": "opens models that the user names",
    "provenance.cli_verify.open_named_ledger": _A_LEDGER,
    "provenance.cli_verify.read_opening": _THROUGH,
    "provenance.cli_verify.read_picture_file": _THROUGH,
    "provenance.cli_verify.read_sidecar": _THROUGH,
    "provenance.cli_words.read_words": _THROUGH,
    "provenance.copyreport.open_prompt": "compares an opening that was parsed",
    "provenance.files.read_bounded": "returns the bytes as they are",
    "provenance.keystore.read_keystore": _THROUGH,
    "provenance.parameters.read_parameters": "parse_recipe has a target, with recipes of remixes among its seeds",
    "provenance.plugins.open_ledger": _A_LEDGER,
    "provenance.plugins.open_regenerator": "opens models that the user names",
    "provenance.policy.load_policy": "parse_policy and VerifierKey.parse have targets",
    "provenance.ports.Regenerator.decode": _MODEL,
}
"""Functions whose names say that they read and that no target names, each with the reason."""
