"""Opening what other packages register: ledgers by location, and the regenerator."""

from __future__ import annotations

from importlib.metadata import entry_points
from typing import TYPE_CHECKING, NoReturn

from provenance.errors import EnvironmentFault

if TYPE_CHECKING:
    from collections.abc import Sequence

    from provenance.ports import Ledger, Regenerator
    from provenance.recipe import Recipe

__all__ = ["open_ledger", "open_regenerator"]


def open_ledger(location: str, *, create: bool) -> Ledger:
    """The ledger at a path (entry point ``local``) or URL (entry point named like its scheme).

    Raises:
        EnvironmentFault: no installed package can open such a location. LedgerFault: it cannot be opened.
    """
    scheme = location.partition("://")[0] if "://" in location else "local"
    for point in entry_points(group="seedproof.ledgers", name=scheme):
        try:
            opener = point.load()
        except (ImportError, AttributeError) as error:
            raise EnvironmentFault(
                f"the package that opens {location!r} is damaged ({error}); install it again"
            ) from error
        ledger: Ledger = opener(location, create=create)
        return ledger
    raise EnvironmentFault(f"no installed package opens a ledger at {location!r}; a path of a local log would do")


def open_regenerator(models: Sequence[str]) -> Regenerator | None:
    """The first registered regenerator, knowing the embedded model and the given folders; None without any.

    One that cannot be imported is named by :meth:`Regenerator.why_not`, so that the report says what is damaged.
    """
    damage = None
    for point in entry_points(group="seedproof.regenerators"):
        try:
            factory = point.load()
        except (ImportError, AttributeError) as error:
            damage = damage or _Damaged(f"the generator on this machine cannot be loaded: {error}")
            continue
        regenerator: Regenerator = factory(models)
        return regenerator
    return damage


class _Damaged:
    """Stands for a generator that is registered and does not load."""

    def __init__(self, reason: str) -> None:
        self._reason = reason

    def why_not(self, recipe: Recipe) -> str | None:  # noqa: ARG002 - the same for every recipe
        return self._reason

    def decode(self, *_arguments: object) -> NoReturn:
        raise EnvironmentFault(self._reason)

    regenerate = invert = decode
