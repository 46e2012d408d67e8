"""What a log's service, a witness, an authority and a reader of a hostile log take in."""

import contextlib
import functools
import json
import socket
import sqlite3
import threading

from tests.fuzz.files import as_file, folder, once
from tests.fuzz.target import Target, each
from tests.fuzz.targets_protocol import VECTORS, entries, log_note, successions
from tests.support.pictures import NOW


def run_admission(data):
    from ledger.admission import prepare

    prepare(data)


def run_answer(data):
    """A service's JSON, as every caller reads it."""
    from ledger import wire

    each(
        lambda: wire.read_problem(data),
        lambda: wire.problem_name(data),
        lambda: wire.read_submission(data),
        lambda: wire.read_entry(data),
        lambda: wire.read_page(data, 3),
        lambda: wire.problem_index(data),
    )


def answers():
    from provenance.entry import parse_any

    described = [
        {"index": 5 + n, "id": parse_any(data).id.hex(), "kind": "claim", "entry": data.decode()}
        for n, data in enumerate(entries()[:3])
    ]
    problem = {"type": "urn:seedproof:problem:conflict", "title": "Conflict", "detail": "it was sold", "index": 4}
    submission = {"index": 5, "id": "00" * 32, "duplicate": False}
    return [json.dumps(each).encode() for each in (problem, submission, {"entries": described}, described[0])]


class _Server:
    """Answers every connection with the bytes that are set, and hangs up."""

    def __init__(self):
        self.answer = b""
        self.socket = socket.create_server(("127.0.0.1", 0))
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self):
        while True:
            connection, _ = self.socket.accept()
            with connection, contextlib.suppress(OSError):
                connection.settimeout(5)
                connection.recv(65_536)
                connection.sendall(self.answer)
                connection.shutdown(socket.SHUT_WR)
                while connection.recv(65_536):
                    pass


@once
def _server():
    return _Server()


def run_http(data):
    from ledger.transport import Transport

    _server().answer = data
    transport = Transport(f"http://127.0.0.1:{_server().socket.getsockname()[1]}", timeout=10, patience=0.0)
    try:
        transport.request("GET", "/log/checkpoint", limit=65_536)
    finally:
        transport.close()


def http_answers():
    body = answers()[0]
    plain = b"HTTP/1.1 200 OK\r\nContent-Type: application/json; charset=utf-8\r\nContent-Length: %d\r\n\r\n%s" % (
        len(body),
        body,
    )
    chunked = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n5\r\nhello\r\n0\r\n\r\n"
    busy = b"HTTP/1.1 503 Busy\r\nRetry-After: 1\r\nContent-Length: 0\r\n\r\n"
    return [chunked, busy, plain]


def run_offered(data):
    from ledger.pins import read_chain, read_offered

    (read_chain if data.lstrip()[:1] == b"{" else lambda _, data: read_offered(data))("https://log.example", data)


def offered():
    from provenance.notekey import KeyType, new_signer

    keys = [new_signer("log.example/1", kind).verifier_key.format() for kind in (KeyType.ED25519, KeyType.MLDSA44)]
    return [successions()[-1], "".join(f"{key}\n" for key in keys).encode()]


def run_authoritys_answer(data):
    from ledger.tokens import check_token_signature, read_response

    check_token_signature(read_response(data).token)


@functools.cache
def _authority():
    from tests.support.tsa import Authority

    return Authority()


def _query():
    from rfc3161_client import HashAlgorithm, TimestampRequestBuilder

    built = TimestampRequestBuilder(data=b"a checkpoint\n", hash_algorithm=HashAlgorithm.SHA256, cert_req=True)
    return built.build().as_bytes()


def authoritys_answers():
    from asn1crypto import cms, tsp

    tokens = [path.read_bytes() for path in sorted((VECTORS / "timestamps").glob("*.der"))]
    whole = [
        tsp.TimeStampResp({"status": {"status": "granted"}, "time_stamp_token": cms.ContentInfo.load(token)}).dump()
        for token in tokens
    ]
    refused = _authority_of_the_program().respond(b"no request", NOW)
    return [refused, *whole, _authority().respond(_query())]


def run_timestamp_request(data):
    _authority_of_the_program().respond(data, NOW)


@functools.cache
def _authority_of_the_program():
    from ledger.tsa import make_authority

    return make_authority(NOW)


def run_witness_request(data):
    from ledger.witness import parse_request

    _witness().add_checkpoint(data)
    parse_request(data)


@once
def _witness():
    from ledger.witness import Witness
    from provenance.notekey import KeyType, new_signer
    from tests.support.logs import signer

    keys = {"log.example/1": [signer().verifier_key]}
    return Witness(folder() / "witness.db", [new_signer("witness.example/w1", KeyType.COSIGNATURE)], keys)


def witness_requests():
    from ledger.witness import format_request
    from provenance.merkle import consistency_path, nodes_of
    from tests.support.logs import MemoryLog

    made = MemoryLog(7)
    path = consistency_path(nodes_of(made.hashes), 3, 7)
    return [format_request(3, path, made.checkpoint()), format_request(0, [], made.checkpoint())]


def run_roots(data):
    """Roots of an authority that an operator was given, and what stands beside a log's keys."""
    from ledger.keychange import load_successions, succession_path
    from ledger.timestamping import read_roots

    beside = succession_path(folder() / "roots")
    with as_file(data, "roots") as path, as_file(data, beside.name):
        each(lambda: load_successions(path, "log.example/1"), lambda: read_roots(path))


def run_newest(data):
    from ledger.newest import read_newest, supersedes
    from tests.support.logs import signer

    with as_file(data, "newest") as path:
        read_newest(path, [signer().verifier_key])
    supersedes(log_note(), data)


def run_key_file(data):
    """Key files of a log, a witness and an authority; all say LedgerFault."""
    from ledger.keys import load_keys, load_verifiers
    from ledger.tsa import open_authority
    from ledger.witnesskeys import open_keys

    with as_file(data, "key") as path:
        each(
            lambda: load_keys(path),
            lambda: load_verifiers(path),
            lambda: open_keys(path, None),
            lambda: open_authority(path, NOW),
        )


def key_files():
    from provenance.notekey import KeyType, new_signer

    log = [new_signer("log.example/1"), new_signer("log.example/1", KeyType.MLDSA44)]
    witness = [new_signer("witness.example/w1", KeyType.COSIGNATURE)]
    from ledger.tsa import open_authority

    path = folder() / "authority.pem"
    open_authority(path, NOW)
    authority = path.read_bytes()
    path.unlink()
    return [authority, *("".join(f"{one.format()}\n" for one in keys).encode() for keys in (witness, log))]


def run_backup(data):
    """A backup that somebody hands over, restored into an empty database."""
    from ledger.backup import restore

    target = folder() / "restored.db"
    try:
        with as_file(data, "backup.db") as path, as_file(_backup()[1], "log.key") as keys:
            restore(path, str(target), keys, None)
    finally:
        for left in folder().glob("restored.db*"):
            left.unlink()


@functools.cache
def _backup():
    """A backup of a log of two entries, and the log's keys."""
    from ledger.backup import back_up
    from ledger.local import open_ledger
    from provenance.notekey import VerifierKey

    path = folder() / "original.db"
    made = open_ledger(str(path), create=True)
    try:
        made.submit_batch(entries()[-2:])
        back_up(made.log, folder() / "made.db", [VerifierKey.parse(key) for key in made.verifier_keys])
    finally:
        made.close()
    return (folder() / "made.db").read_bytes(), path.with_name("original.db.key").read_bytes()


def run_monitor_state(data):
    from ledger.monitorstate import MonitorState

    with as_file(data, "monitor.db") as path:
        state = MonitorState(path)
        try:
            state.kept()
        finally:
            state.close()
            for left in folder().glob("monitor.db-*"):
                left.unlink()


def monitor_states():
    from ledger.edge import Edge
    from ledger.monitorstate import MonitorState
    from provenance.checkpoint import parse_checkpoint
    from tests.support.logs import MemoryLog

    made = MemoryLog(7)
    path = folder() / "monitor-seed.db"
    state = MonitorState(path)
    with state.round(anew=False):
        state.keep(parse_checkpoint(made.checkpoint()), Edge(7, (tuple(made.hashes),)))
    state.close()
    with contextlib.closing(sqlite3.connect(path)) as database:
        database.execute("VACUUM")
    return [path.read_bytes()]


TARGETS = (
    Target("admission", run_admission, entries, ("ledger.admission.prepare",)),
    Target("answer", run_answer, answers, (
        "ledger.wire.read_submission", "ledger.wire.read_entry", "ledger.wire.read_page", "ledger.wire.read_problem",
        "ledger.wire.problem_index", "ledger.wire.problem_name")),
    Target("http", run_http, http_answers, ("ledger.transport.Transport.request",), cost=4),
    Target("offered-keys", run_offered, offered, ("ledger.pins.read_offered", "ledger.pins.read_chain")),
    Target("authoritys-answer", run_authoritys_answer, authoritys_answers, (
        "ledger.tokens.read_response", "ledger.tokens.check_token_signature"), cost=4),
    Target("timestamp-request", run_timestamp_request, lambda: [_query()], ("ledger.tsa.Authority.respond",), cost=4),
    Target("witness-request", run_witness_request, witness_requests, ("ledger.witness.parse_request",), cost=4),
    Target("roots", run_roots, lambda: [successions()[-1], (VECTORS / "timestamps" / "openssl-root.pem").read_bytes()], (
        "ledger.timestamping.read_roots", "ledger.keychange.load_successions")),
    Target("newest", run_newest, lambda: [log_note()], ("ledger.newest.read_newest", "ledger.newest.supersedes")),
    Target("key-file", run_key_file, key_files, (
        "ledger.keys.load_keys", "ledger.keys.load_verifiers", "ledger.witnesskeys.open_keys", "ledger.tsa.open_authority"), cost=4),
    Target("backup", run_backup, lambda: [_backup()[0]], ("ledger.backup.restore",), cost=300, seconds=4.0),
    Target("monitor-state", run_monitor_state, monitor_states, ("ledger.monitorstate.MonitorState.kept",), cost=8),
)  # fmt: skip
