"""Manifests: what is signed is read back exactly, by whom is known, and failures say whose they are."""

import concurrent.futures
import contextlib
import dataclasses
import io
import json
import multiprocessing
import time

import c2pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from provenance.assertion import Assertion, format_assertion, parse_assertion
from provenance.cbor import decode_cbor
from provenance.credentials import Credentials, leaf_der
from provenance.errors import (
    EncodingError,
    EnvironmentFault,
    InvalidError,
    LimitError,
    UnsupportedVersionError,
    UsageError,
)
from provenance.manifest import read_container
from provenance.pixels import encode_png, encode_webp
from tests.support.pictures import LATENT, TERMS, assertion, author, mallory, pixels, sign, signed, split
from tests.support.tsa import NOW as TSA_NOW
from tests.support.tsa import Authority

TEXTS = st.text(st.characters(codec="utf-8"), max_size=40)
SIGNATURES = st.binary(min_size=64, max_size=64)
ASSERTIONS = st.builds(
    Assertion,
    claim=TEXTS.map(str.encode),
    recipe=TEXTS.map(str.encode),
    possession=SIGNATURES,
    authors=st.lists(SIGNATURES, max_size=16).map(tuple),
    container=SIGNATURES,
    receipt=st.none() | TEXTS.map(str.encode),
    sealed=st.none() | st.binary(max_size=40),
    environment=TEXTS,
)


@given(ASSERTIONS)
@settings(deadline=None)
def test_assertions_survive_their_encoding(value):
    data = format_assertion(value)
    assert parse_assertion(json.loads(json.dumps(data))) == value
    assert all(item is None or isinstance(item, str) for item in data.values())


@pytest.mark.parametrize(
    ("change", "error"),
    [
        ({"version": "2"}, UnsupportedVersionError),
        ({"version": 1}, EncodingError),
        ({"version": "01"}, UnsupportedVersionError),
        ({"more": "x"}, EncodingError),
        ({"claim": None}, EncodingError),
        ({"claim": 7}, EncodingError),
        ({"claim": "\ud800"}, EncodingError),
        ({"claim": "x" * 65_537}, LimitError),
        ({"claim": "é" * 40_000}, LimitError),
        ({"recipe": "x" * 65_537}, LimitError),
        ({"receipt": "x" * 65_537}, LimitError),
        ({"receipt": ["x"]}, EncodingError),
        ({"environment": "x" * 16_385}, LimitError),
        ({"possession": "00" * 63}, EncodingError),
        ({"possession": "AA" * 64}, EncodingError),
        ({"authors": "00" * 64 + "  " + "00" * 64}, EncodingError),
        ({"authors": "00" * 64 + " "}, EncodingError),
        ({"authors": " ".join(["00" * 64] * 17)}, LimitError),
        ({"container": ""}, EncodingError),
        ({"sealed": "0"}, EncodingError),
        ({"sealed": "00" * 70_000}, LimitError),
    ],
)
def test_bad_assertions_are_refused(change, error):
    with pytest.raises(error):
        parse_assertion({**format_assertion(assertion()), **change})


@pytest.mark.parametrize("name", ["version", "claim", "receipt", "sealed", "authors"])
def test_every_field_must_be_there(name):
    data = format_assertion(assertion())
    del data[name]
    with pytest.raises(EncodingError, match="missing"):
        parse_assertion(data)


@pytest.mark.parametrize("change", [{"claim": b"\xff"}, {"possession": b"x"}, {"authors": (b"x" * 64,) * 17}])
def test_bad_assertions_are_not_written(change):
    with pytest.raises(InvalidError):
        sign(encode_png(pixels()), what=assertion(**change))


@pytest.mark.parametrize(("encode", "media_type"), [(encode_png, "image/png"), (encode_webp, "image/webp")])
def test_what_is_signed_is_read_back(encode, media_type):
    data = sign(encode(pixels()), media_type)
    container = read_container(data, media_type, anchors_pem=author().root_pem)
    assert (container.state, container.failures) == ("trusted", ())
    assert parse_assertion(container.assertion) == assertion()
    assert container.latent == LATENT
    assert container.certificate_der == leaf_der(author())
    assert (container.signer.common_name, container.signer.issuer) == ("Ada Author", "Ada Author (local root)")
    assert (container.signed_time, container.time_trusted) == (None, False)
    assert container.ingredients == ()


def test_large_parts_survive():
    what = assertion(
        claim=b"c" * 65_536, recipe=b"r" * 65_536, receipt=b"t" * 65_536, sealed=b"\xff" * 66_064,
        authors=(b"\x09" * 64,) * 16, environment="e" * 16_384,
    )  # fmt: skip
    container = read_container(
        sign(encode_png(pixels()), what=what, latent=bytes(2**21)), "image/png", anchors_pem=None
    )
    assert parse_assertion(container.assertion) == what
    assert container.latent == bytes(2**21)


def test_absent_parts_stay_absent():
    what = assertion(receipt=None, sealed=None, authors=())
    container = read_container(sign(encode_png(pixels()), what=what), "image/png", anchors_pem=None)
    assert parse_assertion(container.assertion) == what


def test_the_standard_assertions_are_there():
    store = read_container(signed(), "image/png", anchors_pem=None).store
    manifest = store["manifests"][store["active_manifest"]]
    data = {each["label"]: each["data"] for each in manifest["assertions"]}
    (action,) = data["c2pa.actions.v2"]["actions"]
    assert action["action"] == "c2pa.created"
    assert action["digitalSourceType"].endswith("/trainedAlgorithmicMedia")
    assert data["cawg.training-mining"] == {"entries": {key: {"use": use} for key, use in TERMS.items()}}
    assert manifest["title"] == "A picture"
    assert manifest["claim_generator_info"][0]["name"] == "seedproof"
    assert "thumbnail" not in manifest


def test_without_anchors_a_manifest_is_valid_and_no_more():
    for anchors in (None, mallory().root_pem):
        container = read_container(signed(), "image/png", anchors_pem=anchors)
        assert (container.state, container.failures) == ("valid", ())


def test_a_namesake_root_does_not_make_it_trusted():
    from provenance.credentials import new_credentials
    from tests.support.pictures import NOW

    namesake = new_credentials("Ada Author", NOW)
    container = read_container(signed(), "image/png", anchors_pem=namesake.root_pem)
    assert container.state == "valid"
    assert container.certificate_der != leaf_der(namesake)


def test_no_manifest_is_none():
    assert read_container(encode_png(pixels()), "image/png", anchors_pem=None) is None
    assert read_container(encode_webp(pixels()), "image/webp", anchors_pem=None) is None


def test_signing_again_replaces_the_manifest():
    again = sign(signed(), what=assertion(receipt=None), who=mallory())
    container = read_container(again, "image/png", anchors_pem=None)
    assert len(container.store["manifests"]) == 1
    assert parse_assertion(container.assertion).receipt is None
    assert [kind for kind, _ in split(again)].count(b"caBX") == 1


def test_text_written_before_signing_is_covered():
    data = sign(encode_png(pixels(), {"Comment": "mine"}))
    assert read_container(data, "image/png", anchors_pem=None).failures == ()


@pytest.mark.parametrize(
    "anchors",
    [b"\xff", b"garbage", b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"],
)
def test_bad_anchors_are_said_to_be_bad(anchors):
    with pytest.raises(UsageError, match="anchors"):
        read_container(signed(), "image/png", anchors_pem=anchors)


@pytest.mark.parametrize(
    "change",
    [
        {"media_type": "image/jpeg"},
        {"media_type": "image/webp"},
        {"latent": b""},
        {"title": ""},
        {"title": "x" * 1001},
        {"training_mining": {"cawg.data_mining": "maybe"}},
        {"tsa_url": ""},
        {"tsa_url": "file:///etc/passwd"},
        {"tsa_url": "http://[::1"},
    ],
)
def test_bad_arguments_are_refused(change):
    from provenance.manifest_write import sign_picture

    good = {"title": "x", "training_mining": {}, "media_type": "image/png", "latent": b"x"}
    with pytest.raises(UsageError):
        sign_picture(encode_png(pixels()), assertion=assertion(), credentials=author(), **{**good, **change})


def test_a_key_that_cannot_sign_is_named_as_the_cause():
    class Broken:
        curve = author().key.curve
        key_size = 256

        def sign(self, *arguments):
            raise RuntimeError("the token was pulled out")

    broken = dataclasses.replace(author())
    from cryptography.hazmat.primitives.asymmetric import ec

    ec.EllipticCurvePrivateKey.register(Broken)
    broken.__dict__["key"] = Broken()
    with pytest.raises(EnvironmentFault, match="token was pulled out"):
        sign(encode_png(pixels()), who=broken)


def test_a_key_of_somebody_else_writes_no_file():
    mixed = Credentials(author().chain_pem, mallory().key_pem, author().root_pem, b"")
    with pytest.raises((EnvironmentFault, UsageError)):
        sign(encode_png(pixels()), who=mixed)


def test_an_expired_certificate_cannot_sign():
    expired = expiring(-1)
    with pytest.raises(UsageError, match="certificate"):
        sign(encode_png(pixels()), who=expired)


def test_a_certificate_that_runs_out_later_makes_the_file_invalid_and_says_only_that():
    data = sign(encode_png(pixels()), who=expiring(2))
    assert read_container(data, "image/png", anchors_pem=None).state == "valid"
    time.sleep(3.2)  # seconds are compared whole
    container = read_container(data, "image/png", anchors_pem=None)
    assert (container.state, container.failures) == ("invalid", ("signingCredential.expired",))
    assert parse_assertion(container.assertion) == assertion()


def expiring(seconds):
    """Credentials whose certificates run out in so many seconds."""
    import datetime as dt

    from provenance import credentials

    with pytest.MonkeyPatch.context() as patch:
        end = dt.datetime.now(dt.UTC) + dt.timedelta(seconds=seconds)
        patch.setattr(credentials, "ENDLESS", end)
        return credentials.new_credentials("Short", end - dt.timedelta(days=1))


def test_a_trusted_timestamp_is_trusted_and_another_is_not():
    import datetime as dt

    now = dt.datetime.now(dt.UTC)
    authority = Authority(valid_from=now - dt.timedelta(days=1), valid_to=now + dt.timedelta(days=9), time=now)
    with authority.serve() as url:
        data = sign(encode_png(pixels()), tsa_url=url)
    assert len(authority.requests) == 1
    both = author().root_pem + authority.anchor
    container = read_container(data, "image/png", anchors_pem=both)
    assert (container.state, container.time_trusted) == ("trusted", True)
    assert dt.datetime.fromisoformat(container.signed_time) == now
    untrusted = read_container(data, "image/png", anchors_pem=author().root_pem)
    assert (untrusted.time_trusted, untrusted.signed_time) == (False, container.signed_time)


def test_a_silent_authority_is_named_as_the_cause():
    with (
        Authority(answer=b"no", time=TSA_NOW).serve() as url,
        pytest.raises(EnvironmentFault, match="timestamp authority"),
    ):
        sign(encode_png(pixels()), tsa_url=url)
    with pytest.raises(EnvironmentFault, match="timestamp authority"):
        sign(encode_png(pixels()), tsa_url="http://127.0.0.1:9/tsr")


def test_threads_share_the_contexts():
    def round_trip(number):
        data = sign(encode_png(pixels()), title=str(number))
        container = read_container(data, "image/png", anchors_pem=author().root_pem)
        return container.state, container.store["manifests"][container.store["active_manifest"]]["title"]

    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        assert list(pool.map(round_trip, range(32))) == [("trusted", str(number)) for number in range(32)]


def _child(data, result):
    result.put(read_container(data, "image/png", anchors_pem=None).state)


def test_a_forked_process_reads_too():
    read_container(signed(), "image/png", anchors_pem=None)
    fork = multiprocessing.get_context("fork")
    result = fork.SimpleQueue()
    process = fork.Process(target=_child, args=(signed(), result))
    process.start()
    process.join(20)
    assert process.exitcode == 0
    assert result.get() == "valid"


def test_other_readers_see_a_valid_manifest():
    with c2pa.Reader("image/png", io.BytesIO(signed())) as reader:
        assert reader.get_validation_state() == "Valid"


@pytest.mark.parametrize(
    ("data", "value"),
    [("a10126", {1: -7}), ("83f4f5f6", [False, True, None]), ("d2414f", b"O"), ("1903e8", 1000), ("6161", "a")],
)
def test_cbor_is_read(data, value):
    assert decode_cbor(bytes.fromhex(data), tag=18) == value


@pytest.mark.parametrize(
    "data",
    ["", "18", "9f00ff", "5f4100ff", "f90000", "fb0000000000000000", "a201020103", "0000", "9bffffffffffffffff", "bb00ffffffffffffff",
     "81" * 20 + "00", "a1f400", "a1a00000", "61ff", "d300", "f8ff", "ff"],
)  # fmt: skip
def test_other_cbor_is_refused(data):
    with pytest.raises(EncodingError):
        decode_cbor(bytes.fromhex(data), tag=18)


@given(st.binary(max_size=80))
def test_only_our_errors_leave_the_cbor_reader(data):
    with contextlib.suppress(EncodingError):
        decode_cbor(data)
