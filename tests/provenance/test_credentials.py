"""Signing credentials: what is issued, and what of the user's own is taken."""

import base64
import datetime as dt

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import dsa, ec, ed25519, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from ledger.timestamping import read_roots
from provenance.chunks import embedded_store
from provenance.credentials import (
    ENDLESS,
    leaf_der,
    load_credentials,
    new_credentials,
    one_time_credentials,
    signing_algorithm,
)
from provenance.errors import EncodingError, UsageError
from provenance.jumbf import signing_certificate
from provenance.manifest import read_container
from provenance.pixels import encode_png
from provenance.timestamp import check_timestamp
from tests.fuzz.targets_protocol import tokens
from tests.support.pictures import NOW, author, pixels, sign, signed


def root_of(credentials):
    return x509.load_pem_x509_certificate(credentials.root_pem)


def test_leaf_is_what_c2pa_asks_for():
    leaf = new_credentials("Ada", NOW).leaf
    assert leaf.extensions.get_extension_for_class(x509.BasicConstraints).value.ca is False
    usage = leaf.extensions.get_extension_for_class(x509.KeyUsage)
    assert usage.critical
    assert usage.value.digital_signature
    assert not usage.value.key_cert_sign
    usages = leaf.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    assert [each.dotted_string for each in usages] == ["1.3.6.1.5.5.7.3.4", "1.3.6.1.4.1.62558.2.1"]
    leaf.extensions.get_extension_for_class(x509.SubjectKeyIdentifier)
    leaf.extensions.get_extension_for_class(x509.AuthorityKeyIdentifier)


def test_the_root_signs_the_leaf_and_nothing_further():
    credentials = new_credentials("Ada", NOW)
    root = root_of(credentials)
    credentials.leaf.verify_directly_issued_by(root)
    root.verify_directly_issued_by(root)
    assert root.extensions.get_extension_for_class(x509.BasicConstraints).value.path_length == 0
    key = serialization.load_pem_private_key(credentials.root_key_pem, None)
    assert key.public_key() == root.public_key()


def test_validity_has_no_end_since_files_would_turn_invalid_with_it():
    leaf = new_credentials("Ada", NOW).leaf
    assert leaf.not_valid_after_utc == ENDLESS
    assert leaf.not_valid_before_utc <= NOW - dt.timedelta(minutes=59)


def test_repr_hides_the_keys():
    credentials = new_credentials("Ada", NOW)
    for text in (repr(credentials), str(credentials)):
        assert "PRIVATE" not in text
        assert "key_pem" not in text


def test_leaf_der_is_the_leaf():
    credentials = new_credentials("Ada", NOW)
    assert x509.load_der_x509_certificate(leaf_der(credentials)) == credentials.leaf
    assert signing_algorithm(credentials) == "es256"


@pytest.mark.parametrize("name", ["", " Ada", "a" * 65, "a\nb"])
def test_bad_names_are_refused(name):
    with pytest.raises(UsageError):
        new_credentials(name, NOW)


def test_one_time_credentials_have_nothing_in_common_but_neutral_names():
    one, two = one_time_credentials(NOW), one_time_credentials(NOW)
    assert one.leaf.subject == two.leaf.subject
    assert one.leaf.not_valid_before_utc == dt.datetime(NOW.year, 1, 1, tzinfo=dt.UTC)
    assert one.leaf.serial_number != two.leaf.serial_number
    assert one.leaf.public_key() != two.leaf.public_key()
    assert root_of(one).public_key() != root_of(two).public_key()
    assert one.root_key_pem == b""


def own(folder, key, *, algorithm=None, passphrase=None, mode=0o600, cert_key=None):
    """Certificate and key of a user, as files; the chain has an authority of its own."""
    now = dt.datetime.now(dt.UTC) - dt.timedelta(hours=1)
    authority = ec.generate_private_key(ec.SECP256R1())

    def certificate(name, subject_key, *extensions):
        builder = (
            x509.CertificateBuilder()
            .subject_name(x509.Name([x509.NameAttribute(NameOID.ORGANIZATION_NAME, name)]))
            .issuer_name(x509.Name([x509.NameAttribute(NameOID.ORGANIZATION_NAME, "Authority")]))
            .public_key(subject_key)
            .serial_number(x509.random_serial_number())
            .not_valid_before(now)
            .not_valid_after(now + dt.timedelta(days=90))
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(subject_key), critical=False)
            .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(authority.public_key()), critical=False)
        )
        for extension in extensions:
            builder = builder.add_extension(extension, critical=not isinstance(extension, x509.ExtendedKeyUsage))
        return builder.sign(authority, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)

    leaf = certificate(
        "User",
        (cert_key or key).public_key(),
        x509.BasicConstraints(ca=False, path_length=None),
        x509.KeyUsage(True, False, False, False, False, False, False, False, False),
        x509.ExtendedKeyUsage([ExtendedKeyUsageOID.EMAIL_PROTECTION]),
    )
    root = certificate(
        "Authority",
        authority.public_key(),
        x509.BasicConstraints(ca=True, path_length=None),
        x509.KeyUsage(False, False, False, False, False, True, True, False, False),
    )
    encryption = serialization.BestAvailableEncryption(passphrase) if passphrase else serialization.NoEncryption()
    (folder / "cert.pem").write_bytes(leaf + root)
    (folder / "key.pem").write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, encryption)
    )
    (folder / "key.pem").chmod(mode)
    return folder / "cert.pem", folder / "key.pem"


@pytest.mark.parametrize(
    ("make", "algorithm"),
    [
        (lambda: ec.generate_private_key(ec.SECP256R1()), "es256"),
        (lambda: ec.generate_private_key(ec.SECP384R1()), "es384"),
        (lambda: ec.generate_private_key(ec.SECP521R1()), "es512"),
        (ed25519.Ed25519PrivateKey.generate, "ed25519"),
        (lambda: rsa.generate_private_key(65_537, 2048), "ps256"),
    ],
    ids=["es256", "es384", "es512", "ed25519", "ps256"],
)
def test_every_kind_of_key_signs_and_its_certificate_is_found_again(tmp_path, make, algorithm):
    credentials = load_credentials(*own(tmp_path, make()))
    assert signing_algorithm(credentials) == algorithm
    container = read_container(
        sign(encode_png(pixels()), who=credentials), "image/png", anchors_pem=credentials.root_pem
    )
    assert (container.state, container.failures) == ("trusted", ())
    assert container.certificate_der == leaf_der(credentials)
    assert container.signer.common_name == "User"


def test_an_encrypted_key_needs_its_passphrase(tmp_path):
    key = ec.generate_private_key(ec.SECP256R1())
    paths = own(tmp_path, key, passphrase=b"open sesame")
    assert load_credentials(*paths, b"open sesame").key.public_key() == key.public_key()
    for wrong in (None, b"other"):
        with pytest.raises(UsageError):
            load_credentials(*paths, wrong)


def test_a_key_that_others_can_read_is_refused(tmp_path):
    with pytest.raises(UsageError, match="chmod 600"):
        load_credentials(*own(tmp_path, ec.generate_private_key(ec.SECP256R1()), mode=0o640))


def test_a_key_of_another_certificate_is_refused(tmp_path):
    keys = [ec.generate_private_key(ec.SECP256R1()) for _ in range(2)]
    with pytest.raises(UsageError, match="not the key"):
        load_credentials(*own(tmp_path, keys[0], cert_key=keys[1]))


@pytest.mark.parametrize(
    "make",
    [
        lambda: rsa.generate_private_key(65_537, 1024),
        lambda: dsa.generate_private_key(2048),
        lambda: ec.generate_private_key(ec.SECP256K1()),
    ],
    ids=["rsa-1024", "dsa", "secp256k1"],
)
def test_other_kinds_of_key_are_refused(tmp_path, make):
    with pytest.raises(UsageError, match="must be EC"):
        load_credentials(*own(tmp_path, make()))


def test_rubbish_is_refused(tmp_path):
    cert, key = own(tmp_path, ec.generate_private_key(ec.SECP256R1()))
    cert.write_bytes(b"rubbish")
    with pytest.raises(UsageError):
        load_credentials(cert, key)
    with pytest.raises(UsageError):
        load_credentials(tmp_path / "missing", key)
    key.write_bytes(b"rubbish")
    with pytest.raises(UsageError):
        load_credentials(cert, key)


def test_a_certificate_of_a_version_that_there_is_not(tmp_path):
    """cryptography has an exception of its own for it, which is no ValueError; found by fuzzing."""
    der = author().leaf.public_bytes(serialization.Encoding.DER)
    odd = der.replace(b"\xa0\x03\x02\x01\x02", b"\xa0\x03\x02\x01\x6a", 1)
    with pytest.raises(x509.InvalidVersion):
        x509.load_der_x509_certificate(odd)
    text = base64.b64encode(odd).decode()
    pem = f"-----BEGIN CERTIFICATE-----\n{text}\n-----END CERTIFICATE-----\n".encode()
    (tmp_path / "chain.pem").write_bytes(pem)
    (tmp_path / "key.pem").write_bytes(author().key_pem)
    (tmp_path / "key.pem").chmod(0o600)
    for use in (
        lambda: load_credentials(tmp_path / "chain.pem", tmp_path / "key.pem"),
        lambda: read_roots(tmp_path / "chain.pem"),
        lambda: read_container(signed(), "image/png", anchors_pem=pem),
        lambda: check_timestamp(tokens()[-1], b"", [pem]),
    ):
        with pytest.raises(UsageError):
            use()
    container = read_container(signed(), "image/png", anchors_pem=None)
    store = embedded_store(signed(), "image/png")
    assert der in store
    with pytest.raises(EncodingError):
        signing_certificate(store.replace(der, odd), container.store["active_manifest"])
    (tmp_path / "chain.pem").write_bytes(b"-----BEGIN CERTIFICATE-----\n-----END CERTIFICATE-----\n")
    with pytest.raises(UsageError):
        read_roots(tmp_path / "chain.pem")
