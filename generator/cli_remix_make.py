"""What ``remix`` and its siblings do once they know what is asked: open the works, make the child, tell about it."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from functools import partial
from typing import TYPE_CHECKING, Any

from generator import arguments
from generator.cli_options import Sampling
from generator.cli_remix_checks import check_bounds, check_models, remark_on_corner, remark_on_prompts, respect_terms
from provenance.cli_options import unlock_author
from provenance.errors import InterruptedFault, UsageError
from provenance.home import find_home
from provenance.terminal import ProgressLine, note, write_json

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    import numpy as np
    from numpy.typing import NDArray

    from generator.cli_remix_options import Asked
    from generator.create import Created, Job, Studio
    from generator.models import InstalledModel
    from generator.remix.opened import Opened
    from provenance.operation import Operation
    from provenance.ports import Ledger
    from provenance.recipe import Recipe

__all__ = ["make"]

_FOLLOW = {"flow-edit": Decimal("1.6")}
"""By how much more than sampling an operation follows the prompt where the user says nothing (benchmarks/edit.py).

More would lead the house model beyond the guidance for which its calibration holds.
"""

_MOST = Decimal(100)


def make(
    files: Sequence[Path],
    prompt: str,
    asked: Asked,
    choose: Callable[[Recipe, Sequence[Opened]], Operation],
    *,
    plain: bool = False,
    check: Callable[[Sequence[Opened]], object] | None = None,
) -> None:
    """Open the works, choose the operation, make the child, tell about it.

    Args:
        files: the works, in the operation's order.
        prompt: the child's.
        asked: the options.
        choose: the operation, from the child's recipe without one and the opened works.
        plain: the operation runs no model: one step, no guidance, no prompt.
        check: what must be found out of the works before the model is loaded; not asked about outside pictures.
    """
    from generator.models import open_model
    from generator.remix.derive import Derivation, check_derivation, derive, draft
    from generator.remix.opened import read_outside
    from provenance.commitment import commit
    from provenance.derivation import derive_author
    from provenance.policy import load_policy

    _check_arguments(asked, prompt)
    now, home = datetime.now(UTC), find_home()
    with ExitStack() as stack:
        secrets, credentials = unlock_author(asked.passphrase_file, cert=asked.cert, key=asked.key)
        ledger = _open_log(asked.ledger_location or str(home.make(home.data) / home.ledger.name), stack, create=True)
        logs = [_open_log(each, stack, create=False) for each in asked.from_ledger]
        installed = open_model(asked.model, revision=asked.revision, trust_remote_code=asked.trust_remote_code)
        outside = [read_outside(path) for path in files] if asked.encode else []
        opened = [] if asked.encode else _open_works(files, now, [ledger, *logs], asked)
        if check is not None and opened:
            check(opened)
        check_models(opened, installed)
        check_bounds(opened)
        respect_terms(opened, commit(derive_author(secrets.master)), asked)
        remark_on_prompts(installed, prompt, asked)
        chosen = Sampling.read(installed, asked.scheduler, asked.loras, asked.inversions, offload=asked.offload)
        studio = _studio(asked, secrets.master, credentials, installed, chosen, ledger, now)
        opened = opened or _encode(files, outside, studio)
        job = _job(opened, prompt, asked, installed, chosen, plain=plain)
        operation = choose(draft(job, studio, opened, None), opened)
        if asked.guidance is None:
            job = replace(job, guidance=min(job.guidance * _FOLLOW.get(operation.name, 1), _MOST))
        work = Derivation(job, operation, tuple(opened))
        check_derivation(work, studio)
        remark_on_corner(work, load_policy(home).models.get(installed.identity.digest))
        line = ProgressLine()
        try:
            made = derive(work, studio, partial(line, label=operation.name))
        except KeyboardInterrupt as error:
            raise InterruptedFault("interrupted; the same command goes on with the same key") from error
        finally:
            line.clear()
    _tell(made, operation, job, ledger.location)
    if asked.as_json:
        write_json({"version": 1, "pictures": [_describe(made, operation)]})


def _check_arguments(asked: Asked, prompt: str) -> None:
    arguments.check_output(asked.output)
    arguments.check_prompts(prompt, asked.negative, asked.terms)
    arguments.check_url(asked.tsa, "--tsa")
    arguments.check_device(asked.device)
    from provenance.files import check_writable

    check_writable(asked.output, overwrite=asked.force)
    if asked.encode and (asked.from_ledger or asked.regenerate):
        raise UsageError("--encode takes the pixels alone; --from-ledger and --regenerate are for claimed works")


def _open_log(location: str, stack: ExitStack, *, create: bool) -> Ledger:
    from provenance.plugins import open_ledger

    ledger = open_ledger(location, create=create)
    stack.callback(ledger.close)
    return ledger


def _open_works(files: Sequence[Path], now: datetime, logs: Sequence[Ledger], asked: Asked) -> list[Opened]:
    from generator.remix.opened import open_work

    regenerator = None
    if asked.regenerate:
        from generator.models import HOUSE_MODEL
        from generator.regenerate import open_regenerator

        regenerator = open_regenerator([] if asked.model == HOUSE_MODEL else [asked.model])
    return [open_work(path, now, ledgers=logs, regenerator=regenerator) for path in files]


def _studio(
    asked: Asked,
    master: Any,
    credentials: Any,
    installed: InstalledModel,
    chosen: Sampling,
    ledger: Ledger,
    now: datetime,
) -> Studio:
    from generator.create import Studio
    from provenance.policy import load_policy

    home = find_home()
    trust = load_policy(home).models.get(installed.identity.digest)
    note(f"loading {installed.identity.name}")
    return Studio(
        home=home,
        master=master,
        credentials=credentials,
        model=installed,
        runtime=chosen.load(installed, device=asked.device, dtype=asked.dtype),
        ledger=ledger,
        calibrated_steps=lambda shape: arguments.latent_steps(trust, shape),
        now=now,
        shared_ledger=asked.ledger_location is not None,
    )


def _encode(
    files: Sequence[Path], pictures: Sequence[tuple[bytes, str, NDArray[np.uint8]]], studio: Studio
) -> list[Opened]:
    from generator.remix.opened import open_outside
    from provenance.latent import relative_steps

    found = []
    for path, picture in zip(files, pictures, strict=True):
        latent = studio.runtime.encode(picture[2])
        shape = (int(latent.shape[0]), int(latent.shape[1]), int(latent.shape[2]))
        steps = studio.calibrated_steps(shape) or relative_steps(latent, 1 / 8)
        found.append(open_outside(path, picture, latent, steps))
    return found


def _job(
    opened: Sequence[Opened],
    prompt: str,
    asked: Asked,
    installed: InstalledModel,
    chosen: Sampling,
    *,
    plain: bool,
) -> Job:
    from generator.create import Job
    from generator.setups import usual
    from provenance.authoring import parse_terms
    from provenance.recipe import Prompt

    first = opened[0]
    made = first.material.recipe
    steps, guidance = usual(installed)
    number = arguments.guidance(asked.guidance or guidance)
    if made is not None and (made.operation is None or made.operation.name != "blend"):
        steps = made.steps
        number = number if asked.guidance else made.guidance
    return Job(
        prompt=Prompt(prompt, asked.negative),
        output=asked.output,
        width=first.size[0],
        height=first.size[1],
        steps=1 if plain else asked.steps or steps,
        guidance=Decimal(0) if plain else number,
        dtype=asked.dtype,
        seal_prompt=asked.seal_prompt,
        anonymous=asked.anonymous,
        terms=parse_terms(asked.terms),
        tsa_url=asked.tsa,
        overwrite=asked.force,
        sampling=chosen.told,
    )


def _describe(made: Created, operation: Operation) -> dict[str, object]:
    return {
        "path": str(made.path),
        "claim_id": made.claim_id.hex(),
        "commitment": made.claim.Y.hex(),
        "index_in_log": made.index,
        "resumed": made.resumed,
        "operation": operation.name,
        "parameters": {name: str(value) for name, value in operation.parameters.items()},
        "parents": [parent.hex() for parent in operation.parents],
    }


def _tell(made: Created, operation: Operation, job: Job, log: str) -> None:
    by = "anonymous" if job.anonymous else f"author {made.claim.authors[0].hex()[:16]}..."
    again = " (taken up again)" if made.resumed else ""
    of = f" of {len(operation.parents)} works" if len(operation.parents) > 1 else ""
    claim = f"claim {made.claim_id.hex()[:16]}... by {by}, entry {made.index} of {log}{again}"
    note(f"{made.path}: {operation.name}{of}, {claim}")
    if not operation.invertible:
        why = "leaves no exact test of its noise" if operation.draws else "uses no noise of its own"
        note(f"note: {operation.name} {why}, so verify will say at most: claimed (derived from ...)")
