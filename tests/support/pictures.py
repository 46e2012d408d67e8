"""Small signed pictures for tests, and the tools of somebody who tampers with files."""

import contextlib
import datetime as dt
import functools
import io
import struct
import threading
import zlib
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import c2pa
import numpy as np
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature

from provenance.assertion import Assertion
from provenance.chunks import PNG_SIGNATURE, png_chunks
from provenance.credentials import new_credentials
from provenance.manifest import settings
from provenance.manifest_write import sign_picture
from provenance.pixels import encode_png

NOW = dt.datetime.now(dt.UTC)
LATENT = bytes(range(256)) * 8
TERMS = {"cawg.ai_generative_training": "notAllowed", "cawg.data_mining": "allowed"}


@functools.cache
def author():
    return new_credentials("Ada Author", NOW)


@functools.cache
def mallory():
    return new_credentials("Mallory", NOW)


def pixels(width=48, height=32, seed=0):
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)


def assertion(**changes):
    honest = {
        "claim": b'{"kind":"claim","title":"\xc3\xa9"}',
        "recipe": b'{"kind":"recipe"}',
        "possession": bytes(range(64)),
        "authors": (b"\x01" * 64,),
        "container": b"\x02" * 64,
        "receipt": b'{"kind":"receipt"}',
        "sealed": b"\x03" * 528,
        "environment": '{"device":"cpu"}',
    }
    return Assertion(**{**honest, **changes})


def sign(image, media_type="image/png", *, what=None, latent=LATENT, who=None, tsa_url=None, title="A picture"):
    what = what or assertion()
    return sign_picture(
        image, media_type, what, latent, who or author(), title=title, training_mining=TERMS, tsa_url=tsa_url
    )


@functools.cache
def signed(seed=0):
    """An honest signed PNG."""
    return sign(encode_png(pixels(seed=seed)))


def chunk(kind, body=b""):
    """One PNG chunk."""
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def png(*chunks):
    return PNG_SIGNATURE + b"".join(chunks)


def header(width=2, height=2, depth=8, colour=2, interlace=0):
    return chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, interlace))


def riff(*chunks):
    body = b"".join(kind + struct.pack("<I", len(data)) + data + b"\0" * (len(data) % 2) for kind, data in chunks)
    return b"RIFF" + struct.pack("<I", len(body) + 4) + b"WEBP" + body


def split(data):
    """A PNG as a list of [kind, body], to be edited and put together with ``join``."""
    return [[each.kind, bytes(each.body)] for each in png_chunks(data)]


def join(parts):
    return png(*(chunk(kind, body) for kind, body in parts))


def with_store_of(donor, target):
    """``target`` (PNG) with the manifest store of ``donor`` in place of its own."""
    store = [part for part in split(donor) if part[0] == b"caBX"]
    rest = [part for part in split(target) if part[0] != b"caBX"]
    return join([rest[0], *store, *rest[1:]])


def foreign(image, manifest, *, who=None, parent=None, remote=None, latent=None):
    """A PNG signed by somebody's own program: any manifest, perhaps with a parent or only a remote URL."""
    who = who or mallory()

    def signature(message):
        r, s = decode_dss_signature(who.key.sign(message, ec.ECDSA(hashes.SHA256())))
        return r.to_bytes(32, "big") + s.to_bytes(32, "big")

    signer = c2pa.Signer.from_callback(signature, c2pa.C2paSigningAlg.ES256, who.chain_pem.decode(), None)
    chosen = settings()
    chosen["verify"]["verify_after_sign"] = False
    builder = c2pa.Builder(
        {"claim_generator_info": [{"name": "other", "version": "1"}], **manifest},
        context=c2pa.Context.from_dict(chosen),
    )
    if latent is not None:
        builder.add_resource("seedproof-latent", io.BytesIO(latent))
    if parent is not None:
        ingredient = {"title": "parent.png", "relationship": "parentOf", "label": "p"}
        builder.add_ingredient(ingredient, "image/png", io.BytesIO(parent))
    if remote is not None:
        builder.set_no_embed()
        builder.set_remote_url(remote)
    out = io.BytesIO()
    builder.sign(signer, "image/png", io.BytesIO(image), out)
    return out.getvalue()


def opened():
    """Manifest of an edit of one parent, for ``foreign``."""
    action = {"action": "c2pa.opened", "parameters": {"ingredientIds": ["p"]}}
    return {"assertions": [{"label": "c2pa.actions.v2", "data": {"actions": [action]}}]}


def created(*more):
    """Manifest of a creation, with more assertions, for ``foreign``."""
    source = "http://cv.iptc.org/newscodes/digitalsourcetype/trainedAlgorithmicMedia"
    action = {"action": "c2pa.created", "digitalSourceType": source}
    actions = {"label": "c2pa.actions.v2", "created": True, "data": {"actions": [action]}}
    return {"assertions": [actions, *more]}


@contextlib.contextmanager
def counting_server():
    """An HTTP server on 127.0.0.1; yields its URL and the list of paths that were asked for."""
    hits = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            hits.append(self.path)
            self.send_response(404)
            self.end_headers()

        do_POST = do_HEAD = do_GET

        def log_message(self, *arguments):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}", hits
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
