"""Policies: pins are kept, doubles refused, and one's own log proves no time whatever else is said."""

import json
from dataclasses import replace

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given, settings
from hypothesis import strategies as st

from provenance.calibration import calibration_id, format_calibration
from provenance.errors import EnvironmentFault, InvalidError, UnsupportedVersionError, UsageError
from provenance.home import Home
from provenance.notekey import KeyType, NoteSigner, VerifierKey, new_signer
from provenance.policy import Policy, default_policy, load_policy, parse_policy
from tests.provenance.test_calibration import SHAPE, make

CALIBRATION = format_calibration(make())
PIN = calibration_id(CALIBRATION).hex()
KEY = NoteSigner("log.example", Ed25519PrivateKey.from_private_bytes(b"k" * 32)).verifier_key.format()
WITNESS = new_signer("witness.example", KeyType.COSIGNATURE).verifier_key.format()
RENAMED = replace(VerifierKey.parse(WITNESS), name="renamed.example").format()
NOTARY = {"name": "N", "key": "00" * 32}
MODEL = {"name": "house", "digest": "00" * 32, "calibrations": [PIN]}


def document(**changes):
    value = {"kind": "policy", "v": 1, "models": [], "logs": [], "timestamp_authorities": [], "c2pa_anchors": []}
    return json.dumps(value | changes, indent=1).encode()


def parse(data, calibration=CALIBRATION):
    return parse_policy(data, {f"{PIN}.json": calibration}.__getitem__)


def home(tmp_path):
    made = Home(tmp_path / "config", tmp_path / "data", tmp_path / "state")
    made.config.mkdir()
    return made


def test_parts():
    policy = parse(
        document(
            models=[MODEL],
            logs=[{"key": KEY, "independent": True}],
            timestamp_authorities=["PEM"],
            c2pa_anchors=["A", "B"],
        )
    )
    trust = policy.models[bytes(32)]
    assert (trust.name, trust.calibration(SHAPE).measured) == ("house", '{"pictures":256}')
    assert trust.calibration((1, 1, 1)) is None
    assert [(log.key.name, log.independent) for log in policy.logs] == [("log.example", True)]
    assert (policy.timestamp_authorities, policy.c2pa_anchors) == ((b"PEM",), (b"A", b"B"))


def test_the_empty_policy_trusts_nobody():
    assert parse(document()) == Policy()


@pytest.mark.parametrize(
    "changes",
    [
        {"models": [MODEL, MODEL | {"calibrations": []}]},
        {"models": [MODEL | {"calibrations": [PIN, PIN]}]},
        {"models": [MODEL | {"digest": "11" * 32}]},
        {"models": [MODEL | {"more": 1}]},
        {"models": {}},
        {"logs": [{"key": KEY}]},
        {"logs": [{"key": KEY, "independent": 1}]},
        {"logs": [{"key": KEY, "independent": "yes"}]},
        {"logs": [{"key": KEY[:-1], "independent": True}]},
        {"c2pa_anchors": [1]},
        {"timestamp_authorities": "PEM"},
        {"notaries": [{"name": "N"}]},
        {"notaries": [{"name": "N", "key": "00"}]},
        {"notaries": [{"name": "a\u202eb", "key": "00" * 32}]},
        {"notaries": [{"name": "", "key": "00" * 32}]},
        {"notaries": [NOTARY, NOTARY | {"name": "again"}]},
        {"notaries_required": 0},
        {"notaries_required": 257},
        {"witnesses": [{"key": KEY}]},
        {"witnesses": [{"key": WITNESS, "more": 1}]},
        {"witnesses": [{"key": WITNESS}, {"key": WITNESS}]},
        {"witnesses": [{"key": WITNESS}, {"key": RENAMED}]},
        {"witnesses_required": -1},
        {"logs": [{"key": WITNESS, "independent": True}]},
        {"more": []},
        {"kind": "claim"},
    ],
)
def test_refused(changes):
    with pytest.raises(InvalidError):
        parse(document(**changes))


def test_a_calibration_must_be_the_pinned_one():
    with pytest.raises(InvalidError, match="another digest"):
        parse(document(models=[MODEL]), CALIBRATION.replace(b"256", b"257"))


def test_a_newer_policy_is_unsupported():
    with pytest.raises(UnsupportedVersionError):
        parse(document(v=2))


@settings(max_examples=40)
@given(st.binary(max_size=80) | st.integers(0, 100).map(lambda n: document()[:n]))
def test_random_bytes_raise_only_our_errors(data):
    with pytest.raises(InvalidError):
        parse(data)


def test_joining_unites():
    one = parse(document(models=[MODEL | {"calibrations": []}], c2pa_anchors=["A"]))
    two = parse(document(models=[MODEL | {"name": "other"}, {"name": "x", "digest": "11" * 32, "calibrations": []}]))
    joined = one.joined(two)
    assert set(joined.models) == {bytes(32), b"\x11" * 32}
    assert joined.models[bytes(32)].calibration(SHAPE) is not None
    assert joined.models[bytes(32)].name == "house"
    assert joined.c2pa_anchors == (b"A",)
    assert one.models[bytes(32)].calibrations == {}


def test_notaries_and_witnesses():
    policy = parse(document(notaries=[NOTARY], witnesses=[{"key": WITNESS}], witnesses_required=1))
    assert (policy.notary(bytes(32)), policy.notary(b"\x01" * 32)) == ("N", None)
    assert ([key.format() for key in policy.witnesses], policy.witnesses_required) == ([WITNESS], 1)
    assert policy.notaries_required == 1
    other = parse(document(notaries=[NOTARY | {"name": "M"}, {"name": "M", "key": "11" * 32}], notaries_required=2))
    joined = policy.joined(other)
    assert [(trust.name, trust.key[0]) for trust in joined.notaries] == [("N", 0), ("M", 0x11)]
    assert (joined.notaries_required, joined.witnesses_required, len(joined.witnesses)) == (2, 1, 1)
    assert policy.joined(parse(document(witnesses=[{"key": RENAMED}]))).witnesses == policy.witnesses


def test_a_log_may_be_named_by_its_key_of_type_06():
    key = new_signer("log.example", KeyType.MLDSA44).verifier_key
    policy = parse(document(logs=[{"key": key.format(), "independent": False}]))
    assert [trust.key for trust in policy.logs] == [key]


def test_joining_keeps_the_ids_of_calibrations():
    policy = parse(document(models=[MODEL | {"calibrations": []}])).joined(parse(document(models=[MODEL])))
    assert policy.models[bytes(32)].pins == {SHAPE: bytes.fromhex(PIN)}


def test_ones_own_log_is_never_independent():
    policy = parse(document(logs=[{"key": KEY, "independent": True}])).with_own_log(KEY)
    assert [(log.key.name, log.independent) for log in policy.logs] == [("log.example", False)]


def test_the_default_policy_is_readable_and_trusts_no_log():
    policy = default_policy()
    assert not policy.logs
    assert not policy.c2pa_anchors


def test_a_damaged_installation_is_no_verdict(monkeypatch, tmp_path):
    (tmp_path / "data").mkdir()
    monkeypatch.setattr("provenance.policy.files", lambda _: tmp_path)
    for content in (None, b"{", document(more=1)):
        if content is not None:
            (tmp_path / "data" / "policy.json").write_bytes(content)
        with pytest.raises(EnvironmentFault, match="install"):
            default_policy()


def test_without_files_the_default_policy_stands(tmp_path):
    assert load_policy(home(tmp_path)).logs == default_policy().logs
    nowhere = Home(tmp_path / "a", tmp_path / "b", tmp_path / "c")
    assert load_policy(nowhere).logs == ()


def test_the_users_files_are_read(tmp_path):
    mine = home(tmp_path)
    mine.policy.write_bytes(document(models=[MODEL], logs=[{"key": KEY, "independent": True}]))
    (mine.config / "calibrations").mkdir()
    (mine.config / "calibrations" / f"{PIN}.json").write_bytes(CALIBRATION)
    assert load_policy(mine).models[bytes(32)].calibration(SHAPE) is not None
    assert load_policy(mine).logs[0].independent
    mine.own_logs.write_text(f"\n {KEY} \n\n")
    assert [log.independent for log in load_policy(mine).logs] == [False]


def test_errors_name_the_users_file(tmp_path):
    mine = home(tmp_path)
    mine.policy.write_bytes(b"{")
    with pytest.raises(UsageError, match=r"policy\.json"):
        load_policy(mine)
    mine.policy.write_bytes(document())
    mine.own_logs.write_bytes(b"\xff\xfe nonsense")
    with pytest.raises(UsageError, match=r"own-logs\.txt"):
        load_policy(mine)
    mine.own_logs.unlink()
    mine.policy.write_bytes(document(models=[MODEL]))
    with pytest.raises(UsageError, match="calibrations"):
        load_policy(mine)


@pytest.mark.parametrize("name", ["policy", "own_logs"])
def test_a_file_that_is_there_but_unreadable_is_not_passed_over(tmp_path, name):
    mine = home(tmp_path)
    getattr(mine, name).symlink_to(tmp_path / "gone")
    with pytest.raises(UsageError, match="cannot read"):
        load_policy(mine)
