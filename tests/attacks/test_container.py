"""What somebody can do to the container of a picture, and what a reader of containers then sees."""

import contextlib
import io
import os
import random

import c2pa
import pytest

from provenance import manifest
from provenance.assertion import LABEL, format_assertion, parse_assertion
from provenance.credentials import leaf_der
from provenance.errors import InvalidError, LimitError
from provenance.jumbf import signing_certificate
from provenance.manifest import read_container, settings
from provenance.manifest_parents import DIGITAL_SOURCE
from provenance.pixels import encode_png, encode_webp, pixel_digest, read_picture
from tests.support.pictures import (
    LATENT,
    assertion,
    author,
    chunk,
    counting_server,
    created,
    foreign,
    join,
    mallory,
    opened,
    pixels,
    png,
    sign,
    signed,
    split,
    with_store_of,
)


def read(data, media_type="image/png", anchors=None):
    return read_container(data, media_type, anchors_pem=anchors or author().root_pem)


def test_pixel_changed():
    changed = pixels()
    changed[0, 0, 0] ^= 1
    data = with_store_of(signed(), encode_png(changed))
    container = read(data)
    assert container.state == "invalid"
    assert "assertion.dataHash.mismatch" in container.failures
    assert pixel_digest(read_picture(data).rgb) != pixel_digest(pixels())


def with_label(label):
    """A signed picture whose author named an assertion so, in bytes."""
    placeholder = b"house.notes"
    actions = {"actions": [{"action": "c2pa.created", "digitalSourceType": DIGITAL_SOURCE}]}
    kept = {"c2pa.actions.v2": actions, placeholder.decode(): {"a": 1}}
    manifest = {"assertions": [{"label": name, "created": True, "data": data} for name, data in kept.items()]}
    data = foreign(encode_png(pixels()), manifest)
    named = label.ljust(len(placeholder), b"x")
    return join([(kind, body.replace(placeholder, named) if kind == b"caBX" else body) for kind, body in split(data)])


def test_a_label_of_which_the_library_dies():
    """c2pa-rs 0.91 ends the process at a letter of several bytes behind the last dot of a label."""
    for label in ("house.\u202e", "\u202ehouse", "h\u00e9"):
        with pytest.raises(InvalidError, match="other characters than ASCII"):
            read(with_label(label.encode()))
    assert read(with_label(b"house.plain")).state == "invalid"  # as ever, where something was changed


def test_a_compressed_manifest_is_not_read():
    packed = [(kind, body.replace(b"c2ma\0", b"c2cm\0") if kind == b"caBX" else body) for kind, body in split(signed())]
    with pytest.raises(LimitError, match="compressed"):
        read(join(packed))


def test_manifest_stripped():
    assert read(join([part for part in split(signed()) if part[0] != b"caBX"])) is None


def test_manifest_of_one_picture_on_another():
    container = read(with_store_of(signed(0), signed(1)))
    assert container.state == "invalid"
    assert "assertion.dataHash.mismatch" in container.failures


def test_text_added_after_signing():
    parts = split(signed())
    container = read(join([*parts[:-1], [b"tEXt", b"Author\0Mallory"], parts[-1]]))
    assert (container.state, "assertion.dataHash.mismatch" in container.failures) == ("invalid", True)


def test_assertion_copied_into_another_signers_manifest():
    # The container is honest about who made it: the author's statement names another certificate.
    stolen = {"label": LABEL, "created": True, "data": format_assertion(assertion())}
    container = read(foreign(encode_png(pixels(seed=5)), created(stolen)), anchors=mallory().root_pem)
    assert container.state == "trusted"
    assert parse_assertion(container.assertion) == assertion()
    assert container.certificate_der == leaf_der(mallory()) != leaf_der(author())
    assert container.latent is None


def test_container_signed_again_around_untouched_pixels():
    data = sign(encode_png(read_picture(signed()).rgb), who=mallory())
    container = read(data, anchors=mallory().root_pem)
    assert container.state == "trusted"
    assert container.certificate_der == leaf_der(mallory())
    assert (parse_assertion(container.assertion), container.latent) == (assertion(), LATENT)
    assert pixel_digest(read_picture(data).rgb) == pixel_digest(pixels())


def test_assertion_that_the_signer_does_not_call_his_own():
    gathered = {"label": LABEL, "data": format_assertion(assertion())}
    assert read(foreign(encode_png(pixels()), created(gathered))).assertion is None


def test_two_assertions_of_ours():
    twice = [{"label": LABEL, "created": True, "data": format_assertion(assertion(receipt=None))} for _ in range(2)]
    with pytest.raises(InvalidError, match="2 assertions"):
        read(foreign(encode_png(pixels()), created(*twice)))


def test_edit_of_our_picture_is_not_our_picture():
    data = foreign(encode_png(pixels(seed=9)), opened(), parent=signed())
    container = read(data, anchors=mallory().root_pem)
    assert (container.state, container.assertion, container.latent) == ("trusted", None, None)
    (ingredient,) = container.ingredients
    assert (ingredient.claim, ingredient.depth, ingredient.relationship) == (assertion().claim, 1, "parentOf")
    assert ingredient.failures == ()


def test_edit_of_an_edit_still_names_our_claim():
    first = foreign(encode_png(pixels(seed=9)), opened(), parent=signed())
    container = read(foreign(encode_png(pixels(seed=8)), opened(), parent=first))
    assert [(each.depth, each.claim) for each in container.ingredients] == [(1, None), (2, assertion().claim)]


def test_tampered_parent_under_a_trusted_signature():
    parent = with_store_of(signed(0), signed(1))
    container = read(foreign(encode_png(pixels(seed=9)), opened(), parent=parent), anchors=mallory().root_pem)
    assert container.state == "trusted"
    assert "assertion.dataHash.mismatch" in container.ingredients[0].failures


def test_latent_of_somebody_else_beside_our_assertion():
    entry = {"title": "seedproof-latent", "format": "application/octet-stream", "relationship": "inputTo",
             "data": {"format": "application/octet-stream", "identifier": "seedproof-latent"}}  # fmt: skip
    ours = {"label": LABEL, "created": True, "data": format_assertion(assertion())}
    container = read(foreign(encode_png(pixels()), {**created(ours), "ingredients": [entry]}, latent=b"other"))
    assert container.latent == b"other"  # shown as it is: the claim's digest decides


def test_store_twice_in_one_file():
    parts = split(signed())
    store = next(part for part in parts if part[0] == b"caBX")
    with pytest.raises(InvalidError):
        read(join([parts[0], store, *parts[1:]]))


def test_certificate_of_the_author_put_before_the_forgers():
    # Only a certificate whose key verifies the signature is ever returned.
    store = next(body for kind, body in split(sign(encode_png(pixels()), who=mallory())) if kind == b"caBX")
    theirs, ours = leaf_der(mallory()), leaf_der(author())
    label = read(sign(encode_png(pixels()), who=mallory())).store["active_manifest"]
    assert theirs in store
    swapped = store.replace(theirs, ours[: len(theirs)].ljust(len(theirs), b"\0"))
    for data, name in (
        (swapped, label),
        (store, "urn:c2pa:other"),
        (store[:-1], label),
        (b"", label),
        (b"\0" * 64, label),
    ):
        with pytest.raises(InvalidError):
            signing_certificate(data, name)


def test_two_manifests_of_one_name_are_nobodys():
    store = next(body for kind, body in split(signed()) if kind == b"caBX")
    label = read(signed()).store["active_manifest"]
    split_at = 8 + int.from_bytes(store[8:12], "big")
    doubled = store[8:split_at] + 2 * store[split_at:]
    with pytest.raises(InvalidError, match="it has 2"):
        signing_certificate((len(doubled) + 8).to_bytes(4, "big") + b"jumb" + doubled, label)


def test_every_single_byte_of_the_certificate_and_claim_counts():
    data = sign(encode_png(pixels()))
    store = next(body for kind, body in split(data) if kind == b"caBX")
    label = read(data).store["active_manifest"]
    assert signing_certificate(store, label) == leaf_der(author())
    at = store.index(leaf_der(author()))
    for offset in range(at, at + len(leaf_der(author())), 5):
        damaged = bytearray(store)
        damaged[offset] ^= 4
        with pytest.raises(InvalidError):
            signing_certificate(bytes(damaged), label)


@pytest.mark.parametrize(("encode", "media_type"), [(encode_png, "image/png"), (encode_webp, "image/webp")])
def test_flipped_bytes_never_crash_and_never_forge(encode, media_type):
    honest = sign(encode(pixels(16, 16)), media_type)
    random_ = random.Random(7)
    start = honest.index(b"jumb")
    places = [*range(start, start + 400, 3), *(random_.randrange(start, len(honest)) for _ in range(500))]
    for at in places:
        damaged = bytearray(honest)
        damaged[at] ^= 1 << random_.randrange(8)
        if media_type == "image/png":
            damaged = mend(damaged)
        try:
            container = read(bytes(damaged), media_type)
        except InvalidError:
            continue
        if container is not None and container.state != "invalid":
            assert parse_assertion(container.assertion) == assertion()
            assert container.latent == LATENT
            assert container.certificate_der in (None, leaf_der(author()))


def mend(data):
    """The PNG with right CRCs, so that the damage reaches the manifest reader."""
    parts, at = [], 8
    while at + 12 <= len(data):
        length = int.from_bytes(data[at : at + 4], "big")
        if at + 12 + length > len(data):
            return data
        parts.append(chunk(bytes(data[at + 4 : at + 8]), bytes(data[at + 8 : at + 8 + length])))
        at += 12 + length
    return png(*parts)


@pytest.mark.parametrize("keep", [0, 1, 8, 33, 100, 2000, 9000, -1, -20])
def test_signed_file_cut_off(keep):
    try:
        container = read(signed()[:keep])
    except InvalidError:
        return
    assert container is None or container.state == "invalid"


@pytest.mark.parametrize(
    "media_type", ["image/png", "image/webp", "image/jpeg", "application/pdf", "", "x\0y", "\ud800"]
)
@pytest.mark.parametrize("data", [b"", b"\xff\xd8\xff", b"RIFF\0\0\0\0WEBP", b"%PDF-1.7\n", os.urandom(500), b"<svg/>"])
def test_no_picture_at_all(data, media_type):
    with contextlib.suppress(InvalidError):
        assert read(data, media_type) is None


def test_urls_named_by_a_file_are_not_fetched():
    with counting_server() as (url, hits):
        remote = foreign(encode_png(pixels()), created(), remote=f"{url}/remote.c2pa")
        assert f"{url}/remote.c2pa".encode() in remote
        assert read(remote) is None
        linked = {"label": "org.example.link", "data": {"uri": f"{url}/x", "@context": f"{url}/y"}}
        entry = {"title": "far", "format": "image/png", "relationship": "componentOf", "informational_URI": f"{url}/i"}
        read(foreign(encode_png(pixels()), {**created(linked), "ingredients": [entry]}))
        # an edit whose parent has only a remote manifest
        read(foreign(encode_png(pixels()), opened(), parent=remote))
        assert hits == []


@pytest.mark.parametrize("removed", ["remote_manifest_fetch", "allowed_network_hosts"])
def test_either_of_two_locks_keeps_the_network_shut(removed):
    with counting_server() as (url, hits):
        remote = foreign(encode_png(pixels()), created(), remote=f"{url}/remote.c2pa")
        read_with(unlocked(removed), remote)
        assert hits == []
        read_with(unlocked("remote_manifest_fetch", "allowed_network_hosts"), remote)
        assert hits == ["/remote.c2pa"]  # so the test above can fail


def unlocked(*locks):
    chosen = settings()
    for lock in locks:
        del chosen["core" if lock == "allowed_network_hosts" else "verify"][lock]
    return chosen


def read_with(chosen, data):
    with contextlib.suppress(c2pa.C2paError):
        c2pa.Reader("image/png", io.BytesIO(data), context=c2pa.Context.from_dict(chosen)).close()


def test_latent_or_file_beyond_the_limits(monkeypatch):
    monkeypatch.setattr(manifest, "MAX_LATENT_BYTES", len(LATENT) - 1)
    with pytest.raises(LimitError, match="latent"):
        read(signed())
    monkeypatch.setattr(manifest, "MAX_FILE_BYTES", len(signed()) - 1)
    with pytest.raises(LimitError, match="picture"):
        read(signed())


def test_the_counting_server_counts():
    import urllib.request

    with counting_server() as (url, hits):
        with pytest.raises(urllib.error.HTTPError):
            urllib.request.urlopen(f"{url}/seen")
        assert hits == ["/seen"]


def test_a_huge_manifest_store_is_refused_before_it_is_read(monkeypatch):
    import provenance.manifest as reading

    store = chunk(b"caBX", bytes(reading.MAX_STORE_BYTES + 1))
    parts = encode_png(pixels())
    data = parts[:33] + store + parts[33:]
    monkeypatch.setattr(reading.c2pa.Reader, "try_create", lambda *_a, **_k: pytest.fail("it was read"))
    with pytest.raises(LimitError, match="store"):
        read_container(data, "image/png", anchors_pem=None)
