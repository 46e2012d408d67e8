"""Finding ancestors that a file does not carry: in other files, and in a log that keeps recipes and latents."""

from __future__ import annotations

from typing import TYPE_CHECKING

from provenance.assertion import parse_assertion
from provenance.claim import Entry, parse_claim
from provenance.errors import EnvironmentFault, InvalidError, UnprovedError, UnsupportedVersionError
from provenance.integrity import check_container, check_digests, check_vouched, open_container
from provenance.library import Room, read_library
from provenance.policy import Policy
from provenance.recipe import parse_recipe
from provenance.report import Status
from provenance.work import Work, examine, work_of_ledger

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from provenance.ports import Ledger

__all__ = ["collect_works", "finder", "work_of_file"]


def work_of_file(data: bytes, title: str, policy: Policy | None = None) -> Work:
    """The work that a picture file claims, with everything checked that needs no model; see ``Work.faults``.

    Raises:
        UnprovedError: the file claims nothing of ours. InvalidError: its manifest or claim cannot be read.
        UnsupportedVersionError: a claim or recipe of a newer program.
    """
    policy = policy or Policy()
    container = open_container(data, policy)
    if container.assertion is None:
        raise UnprovedError("the active C2PA manifest carries no authorship assertion of ours")
    assertion = parse_assertion(container.assertion)
    claim, recipe = parse_claim(assertion.claim), parse_recipe(assertion.recipe)
    checks = [check_container(container)]
    check_vouched(checks, container, claim, assertion)
    checks.append(check_digests(data, container, claim, recipe, policy)[1])
    return examine(
        Entry(claim, assertion.possession, assertion.authors),
        recipe,
        container.latent,
        origin="file",
        title=title,
        receipt=assertion.receipt,
        faults=tuple(check.detail for check in checks if check.status is Status.FAIL),
        remarks=tuple(check.detail for check in checks if check.status is Status.WARN),
    )


def collect_works(files: Iterable[tuple[str, bytes]]) -> dict[bytes, Work]:
    """Every sound work in picture files (title, bytes), and in their manifests; files without any are passed over."""
    found: dict[bytes, Work] = {}
    room = Room()
    for title, data in files:
        try:
            work = work_of_file(data, title)
            library = read_library(open_container(data, Policy()))
        except (InvalidError, UnprovedError, UnsupportedVersionError):
            continue
        for each in (work, *library.works.values()):
            known = found.get(each.identifier)
            if not each.faults and (known is None or (known.integers is None and each.integers is not None)):
                found[each.identifier] = room.take(each)
    return found


def finder(
    nearby: Callable[[], Mapping[bytes, Work]] | None, ledger: Ledger | None
) -> Callable[[bytes], tuple[Work | None, str]]:
    """Looks for a claim in other files, which are opened once and only if needed, and then in the log."""
    opened: list[Mapping[bytes, Work]] = []

    def find(identifier: bytes) -> tuple[Work | None, str]:
        if nearby is not None:
            if not opened:
                opened.append(nearby())
            if identifier in opened[0]:
                return opened[0][identifier], ""
        return (None, "") if ledger is None else _ask(identifier, ledger)

    return find


def _ask(identifier: bytes, ledger: Ledger) -> tuple[Work | None, str]:
    try:
        found = work_of_ledger(identifier, ledger)
    except (InvalidError, EnvironmentFault) as error:
        return None, f"{ledger.location}: {error}"
    if found is None:
        return None, f"{ledger.location} does not have its claim, recipe and latent; ask its author for the file"
    return found[0], ""
