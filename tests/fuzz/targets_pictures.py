"""Picture files: the walk over their parts, their pixels, their manifests, and what commands do with the whole."""

import functools
import io
import json

from tests.fuzz.files import as_file
from tests.fuzz.target import Target, each
from tests.support.pictures import NOW, author


@functools.cache
def works():
    """Signed files: claimed, logged, anonymous, WebP, and one made of two others."""
    from tests.fuzz.targets_protocol import log
    from tests.support.remixes import blend, original
    from tests.support.works import make_work

    one, two = original(1), original(2)
    made = [make_work(1, webp=True), make_work(2, anonymous=True), make_work(3, log=log()), blend(4, one, two).data]
    return [*made, make_work()]


@functools.cache
def pictures():
    """Plain pictures, small ones."""
    from PIL import Image

    from provenance.pixels import encode_png, encode_webp
    from provenance.xmp import Xmp
    from tests.support.pictures import pixels

    rgb = pixels(24, 20)
    image, found = Image.fromarray(rgb), []
    for form, mode, options in (
        ("GIF", "P", {}),
        ("BMP", "RGB", {}),
        ("PNG", "RGBA", {}),
        ("PNG", "P", {"transparency": 1}),
        ("PNG", "I;16", {}),
        ("WEBP", "RGB", {"quality": 60}),
        ("JPEG", "CMYK", {}),
        ("JPEG", "RGB", {"progressive": True}),
        ("JPEG", "RGB", {}),
    ):
        out = io.BytesIO()
        (image.convert("L").convert("I") if mode == "I;16" else image).convert(mode).save(out, form, **options)
        found.append(out.getvalue())
    return [*found, encode_webp(rgb), encode_png(rgb, {"parameters": "hills\nSteps: 3"}, xmp=Xmp("hills", "s", "1"))]


def stores():
    from provenance.chunks import embedded_store

    return [embedded_store(data, "image/png") for data in works()[2:]]


def run_chunks(data):
    from provenance.chunks import embedded_store, png_chunks, riff_chunks

    for media_type in ("image/png", "image/webp", "image/jpeg"):
        embedded_store(data, media_type)
    (riff_chunks if data[:4] == b"RIFF" else png_chunks)(data)


def run_store(data):
    from provenance.jumbf import count_manifests, part_of_store, signing_certificate, signing_certificates

    count_manifests(data)
    labels = list(signing_certificates(data))
    for label in labels[:3]:
        signing_certificate(data, label)
    part_of_store(data, labels)


def run_pixels(data):
    from provenance.pixels import media_type_of, read_picture

    media_type_of(data)
    read_picture(data)


def run_any_picture(data):
    from provenance.anypicture import read_any_picture

    read_any_picture(data)


def run_xmp(data):
    from provenance.xmp import parse_xmp

    parse_xmp(data)


def packets():
    from provenance.xmp import Xmp, format_xmp

    return [format_xmp(Xmp("hills & <b>\n", "seedproof", "1"))]


def run_manifest(data):
    from provenance.library import read_library
    from provenance.manifest import read_container, read_data
    from provenance.pixels import media_type_of

    media_type = media_type_of(data) or ("image/jpeg" if data[:2] == b"\xff\xd8" else "image/png")
    container = read_container(data, media_type, anchors_pem=author().root_pem)
    if container is not None:
        read_library(container)
        read_data(data, media_type)


def run_file(data):
    """What verify, inspect, publish and remix do first."""
    from ledger.work import read_environment, read_work
    from provenance.claimed import read_claimed
    from provenance.inspection import describe
    from provenance.kept import kept_remix
    from provenance.lineagesearch import work_of_file
    from provenance.verify import Depth, Request, verify
    from tests.fuzz.targets_protocol import log
    from tests.support.trust import policy

    each(
        lambda: verify(data, Request(policy=policy(log()), now=NOW, depth=Depth.QUICK)).to_json(),
        lambda: describe(data, with_store=True),
        lambda: work_of_file(data, "a.png"),
        lambda: kept_remix(data),
        lambda: read_claimed(data, "a.png", NOW),
        lambda: read_environment(read_work(data, NOW).assertion.environment),
    )


def manifests():
    """Manifests that an attacker signs with a certificate of his own, around anything."""
    from provenance.assertion import LABEL, format_assertion, parse_assertion
    from provenance.manifest import read_container
    from tests.support.pictures import assertion, created

    honest = parse_assertion(read_container(works()[-1], "image/png", anchors_pem=None).assertion)
    latent = {"title": "seedproof-latent", "format": "application/octet-stream", "relationship": "inputTo",
              "data": {"format": "application/octet-stream", "identifier": "seedproof-latent"}}  # fmt: skip
    edited = {"label": "c2pa.actions.v2", "data": {"actions": [{"action": "c2pa.edited", "description": "blend"}]}}
    found = []
    for inside in (assertion(), honest):
        ours = {"label": LABEL, "created": True, "data": format_assertion(inside)}
        found.append({**created(ours, edited), "title": "a.png", "ingredients": [latent]})
    return [json.dumps(made).encode() for made in found]


def _labels(value):
    if isinstance(value, dict):
        yield str(value.get("label", ""))
    for part in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        yield from _labels(part)


def run_attackers_manifest(data):
    from provenance.pixels import encode_png
    from tests.fuzz.targets_protocol import latents
    from tests.support.pictures import foreign, pixels

    try:
        manifest = json.loads(data)
        if not all(label.isascii() for label in _labels(manifest)):  # the attacker's tool would end this process
            return
        made = foreign(encode_png(pixels()), manifest, latent=latents()[-1])
    except Exception:  # the attacker's tool refuses it
        return
    run_file(made)


def run_metadata(data):
    """attach --metadata: what A1111, ComfyUI and InvokeAI write."""
    from generator.metadata import foreign_text

    foreign_text(data)


def run_mask(data):
    from generator.remix.mask import read_mask

    with as_file(data, "mask.png") as path:
        read_mask(path, (24, 20), (5, 6))


def masks():
    from PIL import Image, ImageDraw

    image = Image.new("L", (24, 20))
    ImageDraw.Draw(image).rectangle((4, 4, 11, 9), fill=255)
    out = io.BytesIO()
    image.save(out, "PNG")
    return [out.getvalue()]


def run_outside(data):
    from generator.remix.opened import read_outside

    with as_file(data, "outside.png") as path:
        read_outside(path)


TARGETS = (
    Target("chunks", run_chunks, lambda: [*pictures(), *works()[:1], works()[-1]], (
        "provenance.chunks.png_chunks", "provenance.chunks.riff_chunks", "provenance.chunks.embedded_store")),
    Target("store", run_store, stores, (
        "provenance.jumbf.signing_certificate", "provenance.jumbf.signing_certificates", "provenance.jumbf.part_of_store",
        "provenance.jumbf.count_manifests"), cost=2),
    Target("pixels", run_pixels, lambda: pictures()[2:], ("provenance.pixels.read_picture", "provenance.canonicalfile.read_plain")),
    Target("any-picture", run_any_picture, pictures, ("provenance.anypicture.read_any_picture",)),
    Target("xmp", run_xmp, packets, ("provenance.xmp.parse_xmp",)),
    Target("manifest", run_manifest, works, (
        "provenance.manifest.read_container", "provenance.manifest.read_data", "provenance.library.read_library"), cost=20),
    Target("file", run_file, works, (
        "provenance.inspection.describe", "provenance.kept.kept_remix", "provenance.lineagesearch.work_of_file",
        "provenance.integrity.open_container", "provenance.integrity.read_assertion", "provenance.claimed.read_claimed",
        "ledger.work.read_work", "ledger.work.read_environment"), cost=60, seconds=2.0),
    Target("attackers-manifest", run_attackers_manifest, manifests, ("provenance.container.describe",), cost=100, seconds=2.0),
    Target("metadata", run_metadata, lambda: pictures()[-1:], ("generator.metadata.foreign_text",)),
    Target("mask", run_mask, masks, ("generator.remix.mask.read_mask",)),
    Target("outside-picture", run_outside, lambda: [pictures()[-2], *pictures()[-4:-2], pictures()[-1]], (
        "generator.remix.opened.read_outside",)),
)  # fmt: skip
