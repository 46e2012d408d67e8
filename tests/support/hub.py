"""A model hub of one model on this machine, spoken to by huggingface_hub's own client over real HTTP.

It serves the calls that a snapshot takes: what a revision is, what it holds, and each of its files with the headers that the
client's cache is built from (X-Repo-Commit, ETag). Whatever is not that model answers as the real hub does.
"""

import contextlib
import hashlib
import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import unquote

COMMIT = "0123456789abcdef0123456789abcdef01234567"


class Hub:
    """The folder ``model`` as ``owner/name`` at the revisions main and v1."""

    def __init__(self, model, repository="owner/name", revisions=("main", "v1")):
        self.model, self.repository = model, repository
        self.revisions = {*revisions, COMMIT}
        self.sent: list[str] = []
        self.gated = False
        self.url = ""

    def files(self):
        """Name -> path of every file of the model."""
        return {str(path.relative_to(self.model)): path for path in self.model.rglob("*") if path.is_file()}

    def answer(self, path):
        """(status, headers, body) of a request."""
        path = unquote(path.partition("?")[0])
        api, whole = f"/api/models/{self.repository}", f"/{self.repository}/resolve/"
        if not path.startswith((f"{api}/", whole)):
            return 401, {"X-Error-Code": "RepoNotFound"}, b"Invalid username or password."
        if path.startswith(whole):
            revision, _, name = path.removeprefix(whole).partition("/")
            return self._file(revision, name)
        call, _, revision = path.removeprefix(f"{api}/").partition("/")
        if revision not in self.revisions or call not in ("revision", "tree"):
            return 404, {"X-Error-Code": "RevisionNotFound"}, b""
        told = {"id": self.repository, "sha": COMMIT, "siblings": [{"rfilename": name} for name in self.files()]}
        if call == "tree":
            told = [self._entry(name, path.read_bytes()) for name, path in self.files().items()]
        return 200, {"Content-Type": "application/json"}, json.dumps(told).encode()

    @staticmethod
    def _entry(name, body):
        return {"type": "file", "path": name, "size": len(body), "oid": hashlib.sha1(body).hexdigest()}

    def _file(self, revision, name):
        if self.gated:
            return 403, {"X-Error-Code": "GatedRepo"}, b""
        if revision not in self.revisions or name not in self.files():
            return 404, {"X-Error-Code": "EntryNotFound"}, b""
        body = self.files()[name].read_bytes()
        return 200, {"X-Repo-Commit": COMMIT, "ETag": f'"{hashlib.sha1(body).hexdigest()}"'}, body


@contextlib.contextmanager
def serve(hub):
    """Serve it on a free port until the block is left."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def _respond(self, *, with_body):
            status, headers, body = hub.answer(self.path)
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            if with_body:
                self.wfile.write(body)
                hub.sent.append(self.path.rpartition(f"/{COMMIT}/")[2])

        def do_GET(self):
            self._respond(with_body=True)

        def do_HEAD(self):
            self._respond(with_body=False)

        def log_message(self, *_):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    hub.url = f"http://127.0.0.1:{server.server_address[1]}"
    try:
        yield hub
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
