"""A stand-in for a log's service, over real HTTP, that can be told to lie. It keeps its entries in memory.

What it answers at a path is honest unless ``lies`` has that path: bytes (with status 200), a pair (status, bytes), or a
function of the handler that answers by itself.
"""

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qsl, urlsplit

from provenance import merkle
from provenance.checkpoint import sign_checkpoint
from provenance.cosignature import add_cosignatures
from provenance.entry import parse_any
from provenance.errors import EncodingError
from provenance.receipt import format_receipt, make_receipt
from provenance.tiles import CHECKPOINT_PATH, bundles_of, format_bundle, format_tile, new_tiles, parse_tile_path
from tests.support.logs import signer


class StandIn:
    """A log of honest entries; ``published`` is how many of them its checkpoint has, all when None.

    With ``behind`` only its checkpoint is that old: its tiles go on to the newest entry.
    """

    def __init__(self, entries=(), signers=None):
        self.entries = list(entries)
        self.signers = signers or [signer("log.example/1")]
        self.published = None
        self.behind = False
        self.lies = {}
        self.asked = []
        self.cosignatures = []
        self.stamps = {}

    @property
    def origin(self):
        return self.signers[0].name

    @property
    def size(self):
        return len(self.entries) if self.published is None else self.published

    @property
    def vkeys(self):
        return [one.verifier_key.format() for one in self.signers]

    def nodes(self):
        return merkle.nodes_of([merkle.leaf_hash(entry) for entry in self.entries])

    def root(self, size=None):
        return merkle.tree_root(self.nodes(), self.size if size is None else size)

    def checkpoint(self, size=None):
        size = self.size if size is None else size
        note = sign_checkpoint(self.origin, size, self.root(size), self.signers)
        return add_cosignatures(note, self.cosignatures)

    def receipt(self, index):
        path = merkle.inclusion_path(self.nodes(), index, self.size)
        return format_receipt(make_receipt(index, path, self.checkpoint()))

    def paths(self):
        """Every path of the log as tlog-tiles lays it out."""
        return [CHECKPOINT_PATH, *(tile.path for tile in (*new_tiles(0, self.size), *bundles_of(0, self.size)))]

    def resource(self, path):
        """The bytes at a path below /log/, None when there are none."""
        if path == CHECKPOINT_PATH:
            return self.checkpoint()
        try:
            tile = parse_tile_path(path)
        except EncodingError:
            return None
        start, end = tile.index * 256, tile.index * 256 + tile.width
        size = len(self.entries) if self.behind else self.size
        if tile.level is None:
            return format_bundle(self.entries[start:end]) if end <= size else None
        node, level = self.nodes(), 8 * tile.level
        if end > size >> level:
            return None
        return format_tile([node(level, position) for position in range(start, end)])

    # --- HTTP ---------------------------------------------------------------------------------------------------

    def __enter__(self):
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True)
        self._thread.start()
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        return self

    def __exit__(self, *_):
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def answer(self, method, path, query, body):
        """(status, bytes) of the honest service."""
        if method == "POST" and path in ("/v1/claims", "/v1/follow-ups"):
            return self._submit(body)
        if path == "/log/vkey":
            return 200, "".join(f"{key}\n" for key in self.vkeys).encode()
        if path.startswith("/log/"):
            found = self.resource(path.removeprefix("/log/"))
            return (404, b"") if found is None else (200, found)
        if path.startswith(("/v1/entries/", "/v1/claims/")):
            wanted = path.rpartition("/")[2]
            found = [described(i, e) for i, e in enumerate(self.entries) if parse_any(e).id.hex() == wanted]
            return (200, json.dumps(found[0]).encode()) if found else (404, b"")
        if path.startswith("/v1/receipts/"):
            index = int(path.rpartition("/")[2])
            return (200, self.receipt(index)) if index < self.size else (404, b"")
        if path.startswith("/v1/stamps/"):
            size = int(path.rpartition("/")[2])
            return 200, json.dumps(self.stamps.get(size, {"size": size, "note": None, "timestamps": []})).encode()
        if path in ("/v1/claims", "/v1/follow-ups"):
            return 200, json.dumps({"entries": self._matching(path, query)}).encode()
        return 404, b""

    def _submit(self, body):
        parsed = parse_any(body)
        ids = [parse_any(entry).id for entry in self.entries]
        known = parsed.id in ids
        if not known:
            self.entries.append(body)
            ids.append(parsed.id)
        made = {"index": ids.index(parsed.id), "id": parsed.id.hex(), "duplicate": known}
        return 200 if known else 201, json.dumps(made).encode()

    def _matching(self, path, query):
        after, limit = int(query.pop("after", -1)), int(query.pop("limit", 100))
        found = []
        for index, entry in enumerate(self.entries):
            parsed = parse_any(entry)
            claim = parsed.claim
            if path == "/v1/follow-ups":
                fits = claim is None and parsed.subject.hex() == query["subject"]
                if "kind" in query:
                    fits = fits and (parsed.kind == "attestation") == (query["kind"] == "attestation")
                if "notary" in query:
                    fits = fits and bytes.fromhex(query["notary"]) in parsed.keys
            elif claim is None:
                fits = False
            else:
                has = {
                    "commitment": [claim.Y],
                    "pixels": [claim.pixels],
                    "latent": [claim.latent.digest],
                    "author": claim.authors,
                }
                fits = all(bytes.fromhex(value) in has[name] for name, value in query.items())
            if fits and index > after:
                found.append(described(index, entry))
        return found[:limit]


def described(index, entry):
    parsed = parse_any(entry)
    return {"index": index, "id": parsed.id.hex(), "kind": parsed.kind, "entry": entry.decode()}


def _handler(standin):
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, *args):
            pass

        def do_GET(self):
            self._do("GET")

        def do_POST(self):
            self._do("POST")

        def do_PUT(self):
            self._do("PUT")

        def _do(self, method):
            parts = urlsplit(self.path)
            self.body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            standin.asked.append((method, self.path))
            lie = standin.lies.get(parts.path)
            if callable(lie):
                self.close_connection = True
                lie(self)
                return
            if lie is None:
                status, data = standin.answer(method, parts.path, dict(parse_qsl(parts.query)), self.body)
            else:
                status, data = lie if isinstance(lie, tuple) else (200, lie)
            self.send(status, data)

        def send(self, status, data, **headers):
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name.replace("_", "-"), value)
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

    return Handler
