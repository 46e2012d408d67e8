"""What a service keeps beside its log, and may delete: blobs, the serials of grants, API keys."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import CursorResult, delete, insert, select, update

from ledger.database import reading, writing
from ledger.models import ApiKey, BlobRow, Grant

if TYPE_CHECKING:
    from sqlalchemy import Delete, Engine

__all__ = ["Beside"]


class Beside:
    """The part of an open log that is not the log. Every method may raise LedgerFault."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def put_blob(self, digest: bytes, kind: str, data: bytes) -> bool:
        """Keep a recipe or latent under its digest, which the caller has checked; False when it is there."""
        with writing(self._engine) as connection:
            if connection.execute(select(BlobRow.kind).where(BlobRow.digest == digest)).first() is not None:
                return False
            connection.execute(insert(BlobRow).values(digest=digest, kind=kind, data=data))
            return True

    def get_blob(self, digest: bytes) -> bytes | None:
        """The blob, if it is kept."""
        with reading(self._engine) as connection:
            return connection.execute(select(BlobRow.data).where(BlobRow.digest == digest)).scalar_one_or_none()

    def delete_blob(self, digest: bytes) -> bool:
        """Forget a blob; False when there was none. The log itself does not change."""
        return self._delete(delete(BlobRow).where(BlobRow.digest == digest))

    def use_grant(self, claim: bytes, digest: bytes, serial: int) -> bool:
        """Remember a grant's serial; False when this or a higher one was used for this claim and digest."""
        mine = (Grant.claim == claim, Grant.digest == digest)
        with writing(self._engine) as connection:
            statement = update(Grant).where(*mine, Grant.serial < serial).values(serial=serial)
            result: CursorResult[tuple[object, ...]] = connection.execute(statement)
            if result.rowcount == 1:
                return True
            if connection.execute(select(Grant.serial).where(*mine)).first() is not None:
                return False
            connection.execute(insert(Grant).values(claim=claim, digest=digest, serial=serial))
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

    def _delete(self, statement: Delete) -> bool:
        with writing(self._engine) as connection:
            result: CursorResult[tuple[object, ...]] = connection.execute(statement)
            return result.rowcount > 0
