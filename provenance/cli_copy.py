"""``seedproof verify --claim``: a picture against a claim that does not come in its file."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from provenance.chunks import MAX_FILE_BYTES
from provenance.errors import InvalidError, UsageError
from provenance.files import check_writable, read_bounded, write_atomic
from provenance.terminal import note

if TYPE_CHECKING:
    from provenance.copies import Comparison
    from provenance.report import Report
    from provenance.verify import Request

__all__ = ["read_claim_source", "verify_copy"]


def verify_copy(
    file: Path,
    request: Request,
    *,
    claim_source: str | None,
    author: str | None,
    draws: int | None,
    difference: Path | None,
    force: bool,
) -> Report:
    """Verify the picture in FILE against a claim file, or a claim or an author's works in the request's ledger."""
    from provenance.anypicture import read_any_picture
    from provenance.copies import DRAWS
    from provenance.copyreport import report_on_copy
    from provenance.findclaim import find_claims

    if difference is not None:
        check_writable(difference, overwrite=force)
    picture = read_any_picture(read_bounded(file, "picture", limit=MAX_FILE_BYTES))
    source = None if claim_source is None else read_claim_source(claim_source)
    found = find_claims(picture.rgb, request, claim_source=source, author=author)
    if found.opening is not None and request.opening is None:
        request = replace(request, opening=found.opening)
    report, comparison, reference = report_on_copy(
        found.works, picture, request, draws=DRAWS if draws is None else draws, where=found.where
    )
    if difference is not None:
        _write_difference(difference, comparison, reference, force=force)
    return report


def _write_difference(path: Path, comparison: Comparison | None, reference: object, *, force: bool) -> None:
    import numpy as np

    from provenance.pixels import encode_png
    from provenance.transformed import draw_difference

    if comparison is None or comparison.registration is None or comparison.changes is None:
        note(f"note: {path} was not written: there is nothing that lines up and differs")
        return
    if not isinstance(reference, np.ndarray):
        raise UsageError("--difference needs a picture to compare with")
    drawn = draw_difference(reference, comparison.registration, comparison.changes)
    write_atomic(path, encode_png(drawn), overwrite=force)


def read_claim_source(text: str) -> tuple[bytes | None, bytes | None]:
    """(claim id, bytes of a claim file) of what ``--claim`` names: 64 hex digits, or a file.

    Raises:
        UsageError: neither.
    """
    from provenance.claimfile import MAX_CLAIM_FILE_BYTES
    from provenance.encoding import parse_hex

    if not Path(text).exists():
        try:
            return parse_hex(text.lower(), "--claim", size=32), None
        except InvalidError as error:
            raise UsageError(f"--claim: {text} is neither a file nor the 64 hex digits of a claim id") from error
    return None, read_bounded(text, "claim file", limit=MAX_CLAIM_FILE_BYTES)
