"""The recipes and stored latents that a log's service keeps for their owners, and the key that lets a user write."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ledger import wire
from ledger.apikey import api_key
from ledger.refusal import raise_for

if TYPE_CHECKING:
    from ledger.transport import Transport

__all__ = ["RemoteBlobs"]

_NOT_FOUND = (404, 410)


class RemoteBlobs:
    """The part of a service that is not the log (``ledger.client``)."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    @property
    def location(self) -> str:
        """The service's address."""
        return self._transport.base

    def get_blob(self, digest: bytes, *, limit: int) -> bytes | None:
        """The recipe or latent of this digest, whose content is for the caller to check; None where none is published.

        Raises:
            LedgerFault: it has more than ``limit`` bytes, or the service is away.
        """
        answer = self._transport.request("GET", f"/v1/blobs/{digest.hex()}", limit=max(limit, wire.MAX_ANSWER_BYTES))
        if answer.status in _NOT_FOUND:
            return None
        raise_for(answer, self.location, "blob")
        return answer.body

    def put_blob(self, digest: bytes, data: bytes, grant: bytes, *, media_type: str) -> None:
        """Publish a recipe (application/json) or stored latent (application/octet-stream) under its owners' grant.

        Raises:
            InvalidError: the body is not what its digest says. LedgerFault: the service refuses, or is away.
        """
        headers = {"Content-Type": media_type, "Seedproof-Grant": grant.hex(), **self.authorization()}
        path = f"/v1/blobs/{digest.hex()}"
        answer = self._transport.request("PUT", path, limit=wire.MAX_ANSWER_BYTES, body=data, headers=headers)
        raise_for(answer, self.location, "submission", sent=True)

    def delete_blob(self, digest: bytes, grant: bytes) -> bool:
        """Take back a recipe or latent under its owners' grant; False when the service did not have it.

        Raises:
            LedgerFault: the service refuses, or is away.
        """
        headers = {"Seedproof-Grant": grant.hex(), **self.authorization()}
        path = f"/v1/blobs/{digest.hex()}"
        answer = self._transport.request("DELETE", path, limit=wire.MAX_ANSWER_BYTES, headers=headers)
        if answer.status in _NOT_FOUND:
            return False
        raise_for(answer, self.location, "withdrawal")
        return True

    def authorization(self) -> dict[str, str]:
        """The header field with the user's API key for this service, if he has one."""
        key = api_key(self.location)
        return {"Authorization": f"Bearer {key}"} if key else {}
