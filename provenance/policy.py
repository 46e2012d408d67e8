"""Whom a verifier trusts: models with their calibrations, logs, timestamp authorities, C2PA anchors.

The default policy ships with the program: the house model, no authority, no independent log. A user's own policy file
has the same format and adds to it; the logs that he runs himself are known as such and prove no time.

    {"kind":"policy","v":1,
     "models":[{"name":str,"digest":hex32,"calibrations":[hex32]}],
     "logs":[{"key":<signed-note verifier key>,"independent":bool}],
     "timestamp_authorities":[PEM],"c2pa_anchors":[PEM],
     "notaries":[{"name":str,"key":hex32}],"notaries_required":int,
     "witnesses":[{"key":<signed-note verifier key>}],"witnesses_required":int}

The last four fields may be left out. ``notaries_required`` of the notaries (1, if it is not said) must have attested
that they regenerated a picture before it is authentic without this machine's own regeneration; several keys under one
name are one notary. ``witnesses_required`` (0, if it is not said) of the witnesses must have cosigned a receipt's
checkpoint.

A calibration with digest D is read from ``calibrations/D.json`` beside the policy file, and refused if it has another.
"""

from __future__ import annotations

from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from importlib.resources import files
from typing import TYPE_CHECKING

from provenance.calibration import MAX_CALIBRATION_BYTES, Calibration, calibration_id, parse_calibration
from provenance.claim import digest_item
from provenance.display import require_plain_text
from provenance.encoding import Fields, Json, parse_json
from provenance.errors import EncodingError, EnvironmentFault, InvalidError, UsageError
from provenance.files import read_bounded
from provenance.note import VerifierKey
from provenance.notekey import KeyType

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from provenance.home import Home

__all__ = ["LogTrust", "ModelTrust", "NotaryTrust", "Policy", "default_policy", "load_policy", "parse_policy"]

_MAX_ITEMS = 256


@dataclass(frozen=True)
class ModelTrust:
    """A model that may make a picture authentic, with its calibrations, and their ids, by latent shape."""

    name: str
    digest: bytes
    calibrations: dict[tuple[int, int, int], Calibration] = field(default_factory=dict)
    pins: dict[tuple[int, int, int], bytes] = field(default_factory=dict)

    def calibration(self, shape: tuple[int, int, int]) -> Calibration | None:
        """The one for this shape, if measured."""
        return self.calibrations.get(shape)


@dataclass(frozen=True)
class LogTrust:
    """A log whose checkpoints are believed. Only an ``independent`` one says anything about time."""

    key: VerifierKey
    independent: bool


@dataclass(frozen=True)
class NotaryTrust:
    """Somebody whose attestations are believed. Keys with one name are one notary."""

    name: str
    key: bytes


@dataclass(frozen=True)
class Policy:
    """What :mod:`provenance.verify` trusts. An empty policy trusts nothing and finds nothing authentic.

    ``met`` are keys that services named at first contact, which nobody vouches for: a receipt may be known by one, and
    none is a forgery because of one.
    """

    models: dict[bytes, ModelTrust] = field(default_factory=dict)
    logs: tuple[LogTrust, ...] = ()
    met: tuple[VerifierKey, ...] = field(default=(), kw_only=True)
    timestamp_authorities: tuple[bytes, ...] = ()
    c2pa_anchors: tuple[bytes, ...] = ()
    notaries: tuple[NotaryTrust, ...] = ()
    notaries_required: int = 1
    witnesses: tuple[VerifierKey, ...] = ()
    witnesses_required: int = 0

    def notary(self, key: bytes) -> str | None:
        """The name of the trusted notary who has this key."""
        return next((trust.name for trust in self.notaries if trust.key == key), None)

    def witnessed_by(self, public_key: bytes) -> bool:
        """Whether a witness of this policy has this key, under whatever name."""
        return any(key.public_key == public_key for key in self.witnesses)

    def joined(self, other: Policy) -> Policy:
        """Both policies together; a model's calibrations are united, of what is required the stricter counts."""
        models = dict(self.models)
        for digest, trust in other.models.items():
            mine = models.get(digest)
            models[digest] = (
                trust
                if mine is None
                else replace(
                    mine,
                    calibrations={**mine.calibrations, **trust.calibrations},
                    pins={**mine.pins, **trust.pins},
                )
            )
        return Policy(
            models,
            self.logs + other.logs,
            self.timestamp_authorities + other.timestamp_authorities,
            self.c2pa_anchors + other.c2pa_anchors,
            self.notaries + tuple(trust for trust in other.notaries if self.notary(trust.key) is None),
            max(self.notaries_required, other.notaries_required),
            self.witnesses + tuple(key for key in other.witnesses if not self.witnessed_by(key.public_key)),
            max(self.witnesses_required, other.witnesses_required),
            met=self.met + tuple(key for key in other.met if key not in self.met),
        )

    def with_own_log(self, verifier_key: str) -> Policy:
        """This policy, and one log known to be run by its own user, whatever else is said about it."""
        key = VerifierKey.parse(verifier_key)
        return replace(self, logs=(*(t for t in self.logs if t.key != key), LogTrust(key, independent=False)))

    def with_met_log(self, key: VerifierKey) -> Policy:
        """This policy, and one log that is known by its first contact alone, if the policy does not name it already."""
        named = any(trust.key.name == key.name for trust in self.logs)
        return self if named or key in self.met else replace(self, met=(*self.met, key))


def default_policy() -> Policy:
    """The policy that ships with the program.

    Raises:
        EnvironmentFault: the installation is damaged.
    """
    data = files("provenance").joinpath("data")
    try:
        return parse_policy(
            data.joinpath("policy.json").read_bytes(),
            lambda name: data.joinpath("calibrations", name).read_bytes(),
        )
    except (OSError, InvalidError) as error:
        raise EnvironmentFault(f"the default policy is damaged ({error}); install seedproof again") from error


def load_policy(home: Home, extra: Path | None = None) -> Policy:
    """Default policy, the user's own, one more that he names, and his own logs, which stay his own whatever those say.

    The logs of services that he has met (``ledger.pins``) stand apart (``met``), unless a policy names them: that they
    are the logs they were then is all that is known, so they prove no time and make nobody a forger.

    Raises:
        UsageError: a file of his cannot be read; the message names it. It says nothing about any picture.
    """
    policy = default_policy()
    own = _read_if_there(home.policy, "policy", MAX_CALIBRATION_BYTES)
    if own is not None:
        policy = policy.joined(_parse_beside(home.policy, own))
    if extra is not None:
        policy = policy.joined(_parse_beside(extra, read_bounded(extra, "policy", limit=MAX_CALIBRATION_BYTES)))
    lines = _read_if_there(home.own_logs, "own logs", 2**20) or b""
    with _naming(home.own_logs):
        for line in lines.decode("utf-8", "replace").splitlines():
            if line.strip():
                policy = policy.with_own_log(line.strip())
    met = _read_if_there(home.known_logs, "known logs", 2**20) or b""
    for line in met.decode("utf-8", "replace").splitlines():
        with suppress(InvalidError):  # whoever uses the service hears of it
            policy = policy.with_met_log(VerifierKey.parse(line.partition(" ")[2]))
    return policy


def parse_policy(data: bytes, read_calibration: Callable[[str], bytes]) -> Policy:
    """A policy from JSON of any formatting; ``read_calibration(file name)`` gives a calibration's bytes.

    Raises:
        InvalidError: it is none, or a calibration is not the pinned one.
    """

    def model(value: object, where: str) -> ModelTrust:
        with Fields(value, where) as item:
            name, digest = item.text("name", limit=200), item.binary("digest", size=32)
            pins = item.array("calibrations", digest_item, limit=_MAX_ITEMS)
        calibrations, by_shape = {}, {}
        for pin in pins:
            content = read_calibration(f"{pin.hex()}.json")
            if calibration_id(content) != pin:
                raise InvalidError(f"{where}: calibration {pin.hex()[:16]} has another digest than the policy pins")
            calibration = parse_calibration(content)
            if calibration.model != digest:
                raise InvalidError(f"{where}: calibration {pin.hex()[:16]} belongs to another model")
            if calibration.shape in calibrations:
                raise InvalidError(f"{where}: two calibrations for one latent shape")
            calibrations[calibration.shape], by_shape[calibration.shape] = calibration, pin
        return ModelTrust(name, digest, calibrations, by_shape)

    def log(value: object, where: str) -> LogTrust:
        with Fields(value, where) as item:
            independent = item.take("independent")
            if not isinstance(independent, bool):
                raise EncodingError(f"{where}: independent must be true or false")
            key = VerifierKey.parse(item.text("key", limit=4_000))
        if key.kind is KeyType.COSIGNATURE:
            raise EncodingError(f"{where}: a witness's key; the key of a log has type 01 or 06")
        return LogTrust(key, independent)

    def pem(value: object, where: str) -> bytes:
        if not isinstance(value, str):
            raise EncodingError(f"{where}: must be PEM text")
        return value.encode()

    value = parse_json(data, "policy", limit=MAX_CALIBRATION_BYTES)
    with Fields({**_OPTIONAL, **value} if isinstance(value, dict) else value, "policy") as fields:
        fields.version("policy")
        models = fields.array("models", model, limit=_MAX_ITEMS)
        by_digest = {trust.digest: trust for trust in models}
        if len(by_digest) != len(models):
            raise EncodingError("policy: a model stands twice")
        policy = Policy(
            by_digest,
            fields.array("logs", log, limit=_MAX_ITEMS),
            fields.array("timestamp_authorities", pem, limit=_MAX_ITEMS),
            fields.array("c2pa_anchors", pem, limit=_MAX_ITEMS),
            fields.array("notaries", _notary, limit=_MAX_ITEMS),
            fields.integer("notaries_required", low=1, high=_MAX_ITEMS),
            fields.array("witnesses", _witness, limit=_MAX_ITEMS),
            fields.integer("witnesses_required", high=_MAX_ITEMS),
        )
    if len({trust.key for trust in policy.notaries}) != len(policy.notaries):
        raise EncodingError("policy: a notary's key stands twice")
    if len({key.public_key for key in policy.witnesses}) != len(policy.witnesses):
        raise EncodingError("policy: a witness's key stands twice; under two names it is one witness all the same")
    return policy


_OPTIONAL: dict[str, Json] = {"notaries": [], "notaries_required": 1, "witnesses": [], "witnesses_required": 0}


def _notary(value: object, where: str) -> NotaryTrust:
    with Fields(value, where) as item:
        name = require_plain_text(item.text("name", limit=200), f"{where}: name", limit=200)
        return NotaryTrust(name, item.binary("key", size=32))


def _witness(value: object, where: str) -> VerifierKey:
    with Fields(value, where) as item:
        key = VerifierKey.parse(item.text("key", limit=4_000))
    if not key.kind.timed:
        raise EncodingError(f"{where}: a log's key; the key of a witness has type 04 or 06")
    return key


def _parse_beside(path: Path, data: bytes) -> Policy:
    folder = path.parent / "calibrations"
    with _naming(path):
        return parse_policy(data, lambda name: read_bounded(folder / name, "calibration", limit=MAX_CALIBRATION_BYTES))


def _read_if_there(path: Path, what: str, limit: int) -> bytes | None:
    try:
        path.lstat()
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError:  # it may be there: reading tells what is wrong
        pass
    return read_bounded(path, what, limit=limit)


@contextmanager
def _naming(path: Path) -> Iterator[None]:
    try:
        yield
    except InvalidError as error:
        raise UsageError(f"{path}: {error}") from error
