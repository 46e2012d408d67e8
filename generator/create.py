"""From a prompt to a claimed, logged and signed picture.

The order: journal -> noise from the commitment -> latent -> quantise -> decode -> claim -> log -> receipt ->
manifest -> signed file -> journal closed. A crash anywhere leaves either nothing, or a journal record from which the
same command goes on.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from generator.jobs import Created, Job, Studio, begun_among, numbered, output_paths, plan
from generator.journal import Begun, begin, finish, records
from generator.metadata import picture_text, picture_xmp
from generator.models import check_unchanged
from generator.picture import Picture, cells, describe, quantised
from provenance.authoring import Wrapping, make_claim, prove_claim, submit_claim, wrap
from provenance.claim import claim_id, format_entry, parse_entry
from provenance.commitment import commit, seed
from provenance.credentials import one_time_credentials
from provenance.derivation import derive_author, derive_prompt_key, derive_work
from provenance.files import check_writable, write_atomic
from provenance.noise import gaussian
from provenance.pixels import encode_png, encode_webp
from provenance.recipe import Opening, Prompt, open_sealed, opening_commitment, seal

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from provenance.claim import Entry
    from provenance.ports import LoggedEntry

__all__ = [
    "Created",
    "Job",
    "Picture",
    "Studio",
    "asked_prompt",
    "begin_all",
    "begin_one",
    "cells",
    "claimed",
    "create",
    "describe",
    "numbered",
    "output_paths",
    "plan",
    "quantised",
    "sign_and_write",
    "write_signed",
]


def create(
    job: Job,
    studio: Studio,
    progress: Callable[[int, int], None] | None = None,
    *,
    begun: Begun | None = None,
    resumed: bool | None = None,
) -> Created:
    """Make, claim, log and sign one picture.

    Of several, ``begun`` is what :func:`begin_all` wrote down for this one, and ``resumed`` what :func:`plan` told.

    Raises:
        OutputError: the file cannot be written; noticed before anything is generated where possible.
        UsageError: a size that the model cannot make; nothing was begun.
        LedgerFault: the log refused or is gone; the journal keeps the work.
        InvalidError, EnvironmentFault: see generator.runtime.
    """
    check_writable(job.output, overwrite=job.overwrite)
    studio.runtime.latent_shape(job.width, job.height)
    work, found = (begun, False) if begun is not None else begin_one(job, studio)
    picture = _generate(job, studio, work, seed(commit(derive_work(studio.master, work.nonce))), progress)
    made = sign_and_write(job, studio, work, picture, resumed=found if resumed is None else resumed)
    finish(studio.home, work)
    return made


def sign_and_write(job: Job, studio: Studio, work: Begun, picture: Picture, *, resumed: bool) -> Created:
    """Claim a picture, log the claim, and write the signed file.

    Raises:
        OutputError, LedgerFault, EnvironmentFault: as :func:`create`.
    """
    entry = claimed(job, studio, work, picture)
    logged, receipt = submit_claim(studio.ledger, format_entry(entry))
    return write_signed(job, studio, work, picture, entry, logged, receipt, resumed=resumed)


def claimed(job: Job, studio: Studio, work: Begun, picture: Picture) -> Entry:
    """The claim over a picture with its proofs, as it is to be logged."""
    secret, author_secret = derive_work(studio.master, work.nonce), derive_author(studio.master)
    claim = make_claim(
        Y=commit(secret),
        nonce=work.nonce,
        index=0,
        authors=() if job.anonymous else (commit(author_secret),),
        recipe=picture.recipe,
        integers=picture.integers,
        rgb=picture.rgb,
        terms=job.terms,
    )
    return prove_claim(claim, secret, () if job.anonymous else (author_secret,))


def write_signed(
    job: Job,
    studio: Studio,
    work: Begun,
    picture: Picture,
    entry: Entry,
    logged: LoggedEntry,
    receipt: bytes,
    *,
    resumed: bool,
) -> Created:
    """Write the signed file of a picture whose claim was logged.

    Raises:
        OutputError, EnvironmentFault: as :func:`create`.
    """
    # the author's own log names itself, and its tree holds his other works: an anonymous file must carry neither
    hidden = job.anonymous and not studio.shared_ledger
    wrapping = Wrapping(
        entry=entry if logged.entry == format_entry(entry) else parse_entry(logged.entry),
        recipe=picture.recipe,
        integers=picture.integers,
        receipt=None if hidden else receipt,
        sealed=work.sealed,
        environment={} if job.anonymous else _environment(studio, picture),
        title=job.output.name if not job.anonymous else "picture",
        remix=picture.remix,
    )
    image, media_type = _encode(job, picture)
    signed = wrap(
        image,
        media_type,
        wrapping,
        one_time_credentials(studio.now) if job.anonymous else studio.credentials,
        master=studio.master,
        work_secret=derive_work(studio.master, work.nonce),
        tsa_url=job.tsa_url,
    )
    write_atomic(job.output, signed, overwrite=job.overwrite)
    return Created(job.output, entry.claim, claim_id(entry.claim), logged.index, resumed)


def asked_prompt(job: Job, studio: Studio, work: Begun) -> tuple[Prompt, Prompt | bytes]:
    """The prompt to make the picture of, and what its recipe shows of it."""
    if work.sealed is None or work.commitment is None:
        return job.prompt, job.prompt
    # what is sealed is what is generated from, also after a crash
    key = derive_prompt_key(studio.master, work.nonce)
    return open_sealed(work.sealed, key, 0, work.commitment).prompt, work.commitment


def begin_all(jobs: Iterable[Job], studio: Studio) -> list[Begun]:
    """Write the journal records of all jobs before the first picture is made, so that :func:`plan` knows them again."""
    known = records(studio.home)
    return [begin_one(job, studio, known)[0] for job in jobs]


def _environment(studio: Studio, picture: Picture) -> dict[str, str]:
    together = {"batch": str(picture.batch)} if picture.batch > 1 else {}
    return {**studio.runtime.environment(), **together}


def _encode(job: Job, picture: Picture) -> tuple[bytes, str]:
    """The unsigned file and its media type; what other programs read is written before signing."""
    if job.output.suffix.lower() == ".webp":
        return encode_webp(picture.rgb), "image/webp"
    text = {**picture_text(picture.recipe), **picture.kept_text}
    return encode_png(picture.rgb, text, xmp=picture_xmp(picture.recipe)), "image/png"


def begin_one(job: Job, studio: Studio, known: Mapping[tuple[str, str], Begun] | None = None) -> tuple[Begun, bool]:
    """Take up an unfinished work of the same job and output, or begin one with a fresh nonce; and which of the two.

    ``known``: the journal's records, where they were read already.
    """
    author = commit(derive_author(studio.master))
    found = begun_among(records(studio.home) if known is None else known, job, studio.model, author)
    if found is not None:
        return found, True
    nonce = os.urandom(32)
    sealed = commitment = None
    if job.seal_prompt:
        opening = Opening(os.urandom(32), job.prompt)
        sealed = seal(opening, derive_prompt_key(studio.master, nonce), 0)
        commitment = opening_commitment(opening)
    work = Begun(nonce, job.fingerprint(studio.model, author), str(job.output.absolute()), sealed, commitment)
    begin(studio.home, work)
    return work, False


def _generate(
    job: Job, studio: Studio, work: Begun, work_seed: bytes, progress: Callable[[int, int], None] | None
) -> Picture:
    runtime = studio.runtime
    shape = runtime.latent_shape(job.width, job.height)
    prompt, shown = asked_prompt(job, studio, work)
    (latent,) = runtime.sample(
        gaussian(work_seed, shape)[None],
        prompt.text,
        prompt.negative,
        steps=job.steps,
        guidance=float(job.guidance),
        progress=progress,
        seeds=[work_seed],
    )
    check_unchanged(studio.model)
    integers, steps, rgb = quantised(latent, studio)
    return Picture(describe(job, studio, shown, work_seed, steps), integers, rgb, {})
