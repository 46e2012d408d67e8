"""What a service keeps beside its log, and may delete: blobs, the serials of grants, API keys."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

from sqlalchemy import BigInteger, CursorResult, cast, delete, func, insert, select, update

from ledger.database import reading, writing
from ledger.models import ApiKey, BlobRow, Grant
from provenance.errors import InvalidError, LedgerFault

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sqlalchemy import Connection, Delete, Engine

__all__ = ["Beside", "QuotaFault", "SpentGrantError"]

_PAGE_BYTES = 4_096


class QuotaFault(LedgerFault):
    """There is no room for another blob."""


class SpentGrantError(InvalidError):
    """A grant was used before."""


class Beside:
    """The part of an open log that is not the log. Every method may raise LedgerFault."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def put_blob(
        self, claim: bytes, digest: bytes, serial: int, kind: str, data: bytes, *, quota: int | None = None
    ) -> bool:
        """Keep a recipe or latent under its digest, which the caller has checked, for this claim; False if it is there.

        The grant's ``serial`` is spent in the same transaction, or nothing happens at all. ``quota`` bounds the bytes
        of all blobs together.

        Raises:
            SpentGrantError: this serial or a higher one was used for this claim and digest.
            QuotaFault: it does not fit beside the others.
        """
        with self._granting(claim, digest, serial, published=True) as connection:
            if connection.execute(select(BlobRow.kind).where(BlobRow.digest == digest)).first() is not None:
                return False
            size = max(len(data), _PAGE_BYTES)
            total = cast(func.coalesce(func.sum(BlobRow.size), 0), BigInteger)
            kept = connection.execute(select(total)).scalar_one()
            if quota is not None and kept + size > quota:
                raise QuotaFault(f"the blobs have {kept:,} of {quota:,} bytes; there is no room for {size:,} more")
            connection.execute(insert(BlobRow).values(digest=digest, kind=kind, size=size, data=data))
            return True

    def get_blob(self, digest: bytes) -> bytes | None:
        """The blob, if it is kept."""
        with reading(self._engine) as connection:
            return connection.execute(select(BlobRow.data).where(BlobRow.digest == digest)).scalar_one_or_none()

    def delete_blob(self, claim: bytes, digest: bytes, serial: int) -> bool:
        """Withdraw a blob for this claim; it is forgotten when no other claim publishes it. False if this one did not.

        Raises:
            SpentGrantError: as above.
        """
        mine = (Grant.claim == claim, Grant.digest == digest, Grant.published)
        with self._granting(claim, digest, serial, published=False) as connection:
            if connection.execute(update(Grant).where(*mine).values(published=False)).rowcount == 0:
                return False
            if connection.execute(select(Grant.claim).where(Grant.digest == digest, Grant.published)).first() is None:
                connection.execute(delete(BlobRow).where(BlobRow.digest == digest))
            return True

    def add_api_key(self, name: str, digest: bytes) -> None:
        """Keep the SHA-256 of an API key under a name; one of that name is replaced."""
        with writing(self._engine) as connection:
            connection.execute(delete(ApiKey).where(ApiKey.name == name))
            connection.execute(insert(ApiKey).values(name=name, digest=digest))

    def remove_api_key(self, name: str) -> bool:
        """Forget an API key by its name; False when there was none."""
        return self._delete(delete(ApiKey).where(ApiKey.name == name))

    def api_keys(self) -> dict[str, bytes]:
        """Name -> SHA-256 of every API key."""
        with reading(self._engine) as connection:
            return dict(connection.execute(select(ApiKey.name, ApiKey.digest)).tuples().all())

    @contextlib.contextmanager
    def _granting(self, claim: bytes, digest: bytes, serial: int, *, published: bool) -> Iterator[Connection]:
        """A transaction in which a grant is spent; those of other processes wait for its end."""
        mine = (Grant.claim == claim, Grant.digest == digest)
        with writing(self._engine) as connection:
            if connection.dialect.name == "postgresql":
                connection.exec_driver_sql("LOCK TABLE grants IN SHARE ROW EXCLUSIVE MODE")
            used = connection.execute(select(Grant.serial).where(*mine)).scalar_one_or_none()
            if used is None:
                connection.execute(insert(Grant).values(claim=claim, digest=digest, serial=serial, published=published))
            elif used >= serial:
                raise SpentGrantError("this grant, or a newer one, was used before; sign one with a larger serial")
            else:
                kept = {"published": True} if published else {}
                connection.execute(update(Grant).where(*mine).values(serial=serial, **kept))
            yield connection

    def _delete(self, statement: Delete) -> bool:
        with writing(self._engine) as connection:
            result: CursorResult[tuple[object, ...]] = connection.execute(statement)
            return result.rowcount > 0
