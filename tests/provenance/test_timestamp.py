"""RFC 3161 tokens of a real (test) authority: what holds, and each way not to."""

import datetime as dt
import functools

import pytest
from asn1crypto import cms
from asn1crypto import x509 as asn1_x509
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID
from hypothesis import given, settings
from hypothesis import strategies as st

from provenance.errors import EncodingError, ForgedError, InvalidError, LimitError, UsageError
from provenance.timestamp import MAX_TOKEN_BYTES, check_timestamp
from tests.support.tsa import DAY, NOW, Authority

MESSAGE = b"a checkpoint\n"


@functools.cache
def authority():
    return Authority()


@functools.cache
def token():
    return authority().token(MESSAGE)


def test_a_token_holds():
    stamp = check_timestamp(token(), MESSAGE, [authority().anchor])
    assert stamp.time == NOW
    assert stamp.time.tzinfo == dt.UTC
    assert stamp.authority == "CN=Test Time Stamping Authority"


def test_one_anchor_of_several_is_enough():
    assert check_timestamp(token(), MESSAGE, [Authority().anchor, authority().anchor]).time == NOW
    assert check_timestamp(token(), MESSAGE, [Authority().anchor + authority().anchor]).time == NOW


def test_an_expired_authority_still_vouches_for_its_past():
    old = Authority(valid_from=NOW - 900 * DAY, valid_to=NOW - 800 * DAY, time=NOW - 850 * DAY)
    assert check_timestamp(old.token(MESSAGE), MESSAGE, [old.anchor]).time == NOW - 850 * DAY


@pytest.mark.parametrize("time", [NOW - 11 * DAY, NOW + 11 * DAY])
def test_a_time_outside_of_the_certificate_is_forged(time):
    liar = Authority(time=time, valid_from=NOW - 10 * DAY, valid_to=NOW + 10 * DAY)
    with pytest.raises(ForgedError):
        check_timestamp(liar.token(MESSAGE), MESSAGE, [liar.anchor])


def test_another_message_is_forged():
    with pytest.raises(ForgedError):
        check_timestamp(token(), MESSAGE + b"x", [authority().anchor])


def test_another_authority_with_the_same_names_is_forged():
    with pytest.raises(ForgedError):
        check_timestamp(token(), MESSAGE, [Authority().anchor])


def test_without_anchors_nobody_vouches():
    with pytest.raises(ForgedError, match="no authority"):
        check_timestamp(token(), MESSAGE, [])


@pytest.mark.parametrize(
    "changes",
    [
        {"usages": ()},
        {"usages": (ExtendedKeyUsageOID.EMAIL_PROTECTION,)},
        {"usages": (ExtendedKeyUsageOID.TIME_STAMPING, ExtendedKeyUsageOID.EMAIL_PROTECTION)},
        {"critical": False},
    ],
)
def test_a_certificate_for_something_else_cannot_stamp(changes):
    other = Authority(**changes)
    with pytest.raises(ForgedError):
        check_timestamp(other.token(MESSAGE), MESSAGE, [other.anchor])


def test_a_decoy_certificate_cannot_lend_its_usage():
    """A mail certificate under the same root signs; beside it lies a self-made one that is for time stamping."""
    mail = Authority(usages=(ExtendedKeyUsageOID.EMAIL_PROTECTION,))
    key = ec.generate_private_key(ec.SECP256R1())
    decoy = (
        x509.CertificateBuilder()
        .subject_name(mail.leaf.subject)
        .issuer_name(mail.leaf.issuer)
        .serial_number(mail.leaf.serial_number)
        .public_key(key.public_key())
        .not_valid_before(mail.valid_from)
        .not_valid_after(mail.valid_to)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.TIME_STAMPING]), critical=True)
        .sign(key, hashes.SHA256())
    )
    info = cms.ContentInfo.load(mail.token(MESSAGE))
    certificate = asn1_x509.Certificate.load(decoy.public_bytes(serialization.Encoding.DER))
    genuine = info["content"]["certificates"][0]
    for certificates in ([genuine, certificate], [certificate, genuine]):
        info["content"]["certificates"] = cms.CertificateSet([c.copy() for c in certificates])
        with pytest.raises(ForgedError, match="exactly one certificate"):
            check_timestamp(info.dump(force=True), MESSAGE, [mail.anchor])


def test_only_sha256_imprints_count():
    with pytest.raises(ForgedError, match="SHA-256"):
        check_timestamp(authority().token(MESSAGE, algorithm="sha512"), MESSAGE, [authority().anchor])


def test_a_token_is_bounded():
    with pytest.raises(LimitError):
        check_timestamp(bytes(MAX_TOKEN_BYTES + 1), MESSAGE, [authority().anchor])


@pytest.mark.parametrize(
    "edit", [lambda t: t[:-1], lambda t: t + b"\x00", lambda t: t + t, lambda t: b"", lambda t: b"\x30\x80" + t[4:]]
)
def test_other_bytes_are_no_token(edit):
    with pytest.raises(EncodingError):
        check_timestamp(edit(token()), MESSAGE, [authority().anchor])


@pytest.mark.parametrize("pem", [b"", b"junk", b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"])
def test_a_bad_anchor_is_the_policys_fault(pem):
    with pytest.raises(UsageError):
        check_timestamp(token(), MESSAGE, [pem])


@given(st.binary(max_size=200))
def test_only_our_errors_leave_the_parser(data):
    for candidate in (data, token()[: len(token()) // 2] + data):
        with pytest.raises(InvalidError):
            check_timestamp(candidate, MESSAGE, [authority().anchor])


@settings(max_examples=300)
@given(st.lists(st.tuples(st.integers(0, 900), st.integers(0, 255)), min_size=1, max_size=3))
def test_a_changed_token_is_refused_or_says_the_same(edits):
    changed = bytearray(token())
    for position, value in edits:
        changed[position] = value
    try:
        stamp = check_timestamp(bytes(changed), MESSAGE, [authority().anchor])
    except InvalidError:
        return
    assert (stamp.time, stamp.authority) == (NOW, "CN=Test Time Stamping Authority")
