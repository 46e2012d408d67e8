"""All that a signed picture says about itself, as plain data, without judging any of it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from provenance.assertion import parse_assertion
from provenance.claim import claim_id, parse_claim
from provenance.encoding import parse_json
from provenance.errors import InvalidError, SeedproofError
from provenance.followup import parse_follow_up
from provenance.followup_body import body_json
from provenance.manifest import read_container
from provenance.note import split_note
from provenance.pixels import media_type_of
from provenance.receipt import parse_receipt

if TYPE_CHECKING:
    from collections.abc import Callable

    from provenance.assertion import Assertion
    from provenance.container import Container
    from provenance.encoding import Json

__all__ = ["describe"]


def describe(data: bytes, *, with_store: bool = False) -> dict[str, Json] | None:
    """What the file's manifest says; None without one.

    Raises:
        InvalidError: the manifest cannot be read at all. Parts that cannot be read are reported in their place.
    """
    media_type = media_type_of(data)
    if media_type is None:
        raise InvalidError("not a picture file that is known here")
    container = read_container(data, media_type, anchors_pem=None)
    if container is None:
        return None
    result: dict[str, Json] = {
        "file": {"media_type": media_type, "bytes": len(data)},
        "container": _container(container),
    }
    if container.assertion is None:
        result["authorship"] = None
    else:
        try:
            result["authorship"] = _assertion(parse_assertion(container.assertion))
        except SeedproofError as error:
            result["authorship"] = {"unreadable": str(error)}
    if with_store:
        result["c2pa"] = json.loads(json.dumps(container.store, default=str))
    return result


def _container(container: Container) -> Json:
    return {
        "signer": container.signer.common_name,
        "issuer": container.signer.issuer,
        "state": container.state,
        "failures": list(container.failures),
        "signed_time": None if container.signed_time is None else str(container.signed_time),
        "latent_bytes": None if container.latent is None else len(container.latent),
        "ingredients": len(container.ingredients),
    }


def _assertion(assertion: Assertion) -> Json:
    return {
        "claim_id": _or_error(lambda: claim_id(parse_claim(assertion.claim)).hex()),
        "claim": _or_error(lambda: parse_json(assertion.claim, "claim")),
        "recipe": _or_error(lambda: parse_json(assertion.recipe, "recipe")),
        "possession": assertion.possession.hex(),
        "authors": [signature.hex() for signature in assertion.authors],
        "container_signature": assertion.container.hex(),
        "sealed_prompt_bytes": None if assertion.sealed is None else len(assertion.sealed),
        "receipt": _or_error(lambda: _receipt(assertion.receipt)),
        "environment": _or_error(lambda: parse_json(assertion.environment.encode(), "environment")),
    }


def _receipt(data: bytes | None) -> Json:
    if data is None:
        return None
    receipt = parse_receipt(data)
    return {
        "log": receipt.checkpoint.origin,
        "index": receipt.index,
        "size": receipt.checkpoint.size,
        "signed_by": [line.name for line in split_note(receipt.checkpoint.note)[1]],
        "timestamps": len(receipt.timestamps),
        "attestations": [_attestation(entry) for entry in receipt.attestations],
    }


def _attestation(data: bytes) -> Json:
    """What an attestation says; whether it holds, and who trusts its notary, is verify's to tell."""
    return _or_error(lambda: body_json(parse_follow_up(data).body))


def _or_error(read: Callable[[], Json]) -> Json:
    try:
        return read()
    except SeedproofError as error:
        return {"unreadable": str(error)}
