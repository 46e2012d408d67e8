"""A witness against logs that contradict themselves, and a log against witnesses that lie."""

import contextlib
import hashlib
import http.client
import random
import socket
import sqlite3
import threading

import pytest

from ledger.cosigning import Cosigner
from ledger.witness import MAX_REQUEST_BYTES, Witness, format_request, parse_request
from provenance import merkle
from provenance.checkpoint import open_checkpoint, sign_checkpoint
from provenance.cosignature import add_cosignatures, cosign, open_cosignatures
from provenance.errors import InvalidError, LedgerFault, UsageError
from provenance.note import split_note
from provenance.notekey import KeyType, VerifierKey, new_signer
from tests.support.logs import MemoryLog, signer

LOG = signer("log.example/1")
KEYS = [new_signer("witness.example/w", kind) for kind in (KeyType.COSIGNATURE, KeyType.MLDSA44)]
VKEYS = [key.verifier_key for key in KEYS]
NOW = 1_800_000_000
TREE = MemoryLog(300)


def hashes_of(entries):
    return [merkle.leaf_hash(entry) for entry in entries]


def note_of(size, *, hashes=TREE.hashes, who=LOG):
    return sign_checkpoint(who.name, size, merkle.root(hashes[:size]), who)


def request(old, size, *, hashes=TREE.hashes):
    path = merkle.consistency_path(merkle.nodes_of(hashes), old, size) if old > 0 else []
    return format_request(old, path, note_of(size, hashes=hashes))


@pytest.fixture
def witness(tmp_path):
    made = Witness(tmp_path / "witness.db", KEYS, {LOG.name: [LOG.verifier_key]}, clock=lambda: NOW)
    yield made
    made.close()


def test_a_growing_log_is_cosigned(witness):
    old = 0
    for size in (0, 1, 1, 5, 7, 256, 300):
        reply = witness.add_checkpoint(request(old, size))
        assert reply.status == 200, reply
        cosigned = note_of(size) + reply.body
        assert [(found.key, found.time) for found in open_cosignatures(cosigned, VKEYS)] == [(k, NOW) for k in VKEYS]
        assert witness.seen(LOG.name).size == size
        old = size
    shown = witness.checkpoint_of(hashlib.sha256(LOG.name.encode()).hexdigest())
    assert open_checkpoint(shown, [LOG.verifier_key]).size == 300
    assert len(open_cosignatures(shown, VKEYS)) == 2
    assert witness.checkpoint_of("00" * 32) is None


def test_only_lines_of_known_keys_are_shown_again(witness):
    junk = cosign(note_of(3), [new_signer("stranger.example", KeyType.COSIGNATURE)], 5)
    assert witness.add_checkpoint(format_request(0, [], note_of(3) + junk)).status == 200
    assert b"stranger" not in witness.seen(LOG.name).note
    assert len(split_note(witness.seen(LOG.name).note)[1]) == 3


def test_two_trees_of_one_size_are_never_both_cosigned(witness):
    assert witness.add_checkpoint(request(0, 7)).status == 200
    other = hashes_of([b"another", *TREE.entries[1:]])
    for size in (7, 8, 300):
        assert witness.add_checkpoint(request(7, size, hashes=other)).status == 422
    assert witness.seen(LOG.name).root == merkle.root(TREE.hashes[:7])
    assert witness.add_checkpoint(request(7, 8)).status == 200


def test_a_smaller_tree_is_not_cosigned(witness):
    witness.add_checkpoint(request(0, 7))
    assert witness.add_checkpoint(format_request(7, [], note_of(6))).status == 400
    reply = witness.add_checkpoint(format_request(6, [], note_of(6)))
    assert (reply.status, reply.body, reply.media_type) == (409, b"7\n", "text/x.tlog.size")
    reply = witness.add_checkpoint(format_request(0, [], note_of(6)))
    assert (reply.status, reply.body) == (409, b"7\n")


def test_the_memory_survives_a_restart(witness, tmp_path):
    witness.add_checkpoint(request(0, 7))
    witness.close()
    again = Witness(tmp_path / "witness.db", KEYS, {LOG.name: [LOG.verifier_key]})
    assert again.add_checkpoint(request(0, 300)).status == 409
    assert again.add_checkpoint(request(7, 300)).status == 200
    again.close()


def test_every_wrong_proof_is_refused(witness):
    witness.add_checkpoint(request(0, 100))
    old, path, note = parse_request(request(100, 300))
    for bad in ([], path[:-1], [*path, bytes(32)], path[::-1], [bytes(32), *path[1:]]):
        assert witness.add_checkpoint(format_request(old, bad, note)).status == 422
    assert witness.seen(LOG.name).size == 100
    fresh = format_request(0, path, note)
    assert witness.add_checkpoint(fresh).status == 409


def test_a_proof_where_none_is_needed_is_refused(witness):
    assert witness.add_checkpoint(format_request(0, [bytes(32)], note_of(5))).status == 422
    wrong = sign_checkpoint(LOG.name, 0, bytes(32), LOG)
    assert witness.add_checkpoint(format_request(0, [], wrong)).status == 422
    assert witness.seen(LOG.name) is None


def test_a_log_that_it_does_not_know(witness):
    stranger = signer("stranger.example", 5)
    assert witness.add_checkpoint(format_request(0, [], note_of(5, who=stranger))).status == 404


@pytest.mark.parametrize(
    "note",
    [
        note_of(5, who=signer("log.example/1", 9)),
        note_of(5).replace(b"\n5\n", b"\n6\n"),
        note_of(5) + note_of(6).rpartition(b"\n\n")[2],
        note_of(5).rpartition(b"\n\n")[0] + b"\n\n" + cosign(note_of(5), KEYS, 1),
    ],
)
def test_a_checkpoint_that_the_log_did_not_sign(witness, note):
    assert witness.add_checkpoint(format_request(0, [], note)).status == 403
    assert witness.seen(LOG.name) is None


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"old 0\n",
        note_of(5),
        b"old 0\n" + note_of(5),
        b"old -1\n\n" + note_of(5),
        b"old 00\n\n" + note_of(5),
        b"old 0\n\n" + note_of(5)[:-1],
        b"old 0\n\n\n" + note_of(5),
        b"Old 0\n\n" + note_of(5),
        b"old 0\njunk\n\n" + note_of(5),
        b"old 0\r\n\r\n" + note_of(5),
        b"old 0\n" + b"AAAA\n" * 3 + b"\n" + note_of(5),
        format_request(0, [bytes(32)] * 64, note_of(5)),
        b"\xff\xfe\n\n" + note_of(5),
        b"old 9\n\n" + note_of(5),
        bytes(MAX_REQUEST_BYTES + 1),
    ],
)
def test_requests_that_are_none(witness, body):
    assert witness.add_checkpoint(body).status == 400


def test_random_bytes_are_answered(witness):
    chance = random.Random(3)
    honest = request(0, 7)
    for _ in range(300):
        body = bytearray(honest)
        for _ in range(chance.randrange(1, 4)):
            body[chance.randrange(len(body))] = chance.randrange(256)
        if bytes(body) != honest:
            assert witness.add_checkpoint(bytes(body)).status in (400, 403, 404, 409, 422)


def test_racing_requests_leave_one_history(tmp_path):
    """Two processes' worth of witnesses on one memory: of two trees from one size, one is cosigned."""
    other = [*TREE.hashes[:50], *hashes_of([b"x"] * 250)]
    for round_ in range(5):
        path = tmp_path / f"{round_}.db"
        pair = [Witness(path, KEYS, {LOG.name: [LOG.verifier_key]}) for _ in range(2)]
        assert pair[0].add_checkpoint(request(0, 50)).status == 200
        start, statuses = threading.Barrier(8), []

        def ask(number, pair=pair, start=start, statuses=statuses):
            hashes = TREE.hashes if number % 2 else other
            start.wait()
            statuses.append((number % 2, pair[number % 2].add_checkpoint(request(50, 60, hashes=hashes)).status))

        threads = [threading.Thread(target=ask, args=(number,)) for number in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert [status for _, status in statuses].count(200) == 1
        assert {status for _, status in statuses} == {200, 409}
        for one in pair:
            one.close()


def test_times_never_go_back(tmp_path):
    clock = [NOW]
    witness = Witness(tmp_path / "w.db", KEYS[:1], {LOG.name: [LOG.verifier_key]}, clock=lambda: clock[0])
    witness.add_checkpoint(request(0, 1))
    clock[0] = NOW - 5000
    reply = witness.add_checkpoint(request(1, 2))
    assert open_cosignatures(note_of(2) + reply.body, VKEYS)[0].time == NOW
    clock[0] = NOW + 9
    reply = witness.add_checkpoint(request(2, 3))
    assert open_cosignatures(note_of(3) + reply.body, VKEYS)[0].time == NOW + 9
    witness.close()


def test_a_memory_that_cannot_be_written_signs_nothing(witness, tmp_path):
    with contextlib.closing(sqlite3.connect(tmp_path / "witness.db")) as database:
        database.execute("CREATE TRIGGER no BEFORE INSERT ON seen BEGIN SELECT RAISE(ABORT, 'disk full'); END")
        database.commit()
    with pytest.raises(LedgerFault, match="disk full"):
        witness.add_checkpoint(request(0, 7))
    assert witness.seen(LOG.name) is None


def test_a_foreign_file_is_no_memory(tmp_path):
    (tmp_path / "x.db").write_bytes(b"junk" * 500)
    with pytest.raises(LedgerFault):
        Witness(tmp_path / "x.db", KEYS, {})
    with contextlib.closing(sqlite3.connect(tmp_path / "y.db")) as database:
        database.execute("CREATE TABLE t (x)")
        database.commit()
    with pytest.raises(LedgerFault, match="not a witness's memory"):
        Witness(tmp_path / "y.db", KEYS, {})


# --- over HTTP, and the log's side ----------------------------------------------------------------------------------


@contextlib.contextmanager
def serving(witness):
    """The witness behind its real server, in a thread."""
    import asyncio

    import uvicorn

    from ledger.witness_server import WitnessApp, config_of

    listener = socket.create_server(("127.0.0.1", 0))
    server = uvicorn.Server(config_of(WitnessApp(witness)))
    thread = threading.Thread(target=lambda: asyncio.run(server.serve([listener])), daemon=True)
    thread.start()
    try:
        while not server.started:
            thread.join(0.01)
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join()


class FakeLog:
    """What a Cosigner asks of a log, over the tree of this file."""

    origin = LOG.name
    verifier_keys = (LOG.verifier_key.format(),)

    def __init__(self, size):
        self.size = size
        self.lines = {}

    def published(self):
        return open_checkpoint(note_of(self.size), [LOG.verifier_key])

    def consistency(self, old, size):
        return merkle.consistency_path(merkle.nodes_of(TREE.hashes), old, size)

    def cosigned(self):
        return {"witness.example/w": max(self.lines)} if self.lines else {}

    def add_cosignature(self, size, line):
        fresh = line not in self.lines.get(size, [])
        self.lines.setdefault(size, []).append(line)
        return fresh

    def check_seen(self, note, who):
        seen = open_checkpoint(note, [LOG.verifier_key])
        if seen.size > self.size:
            raise LedgerFault(f"{who}: {seen.size} > {self.size}")


def told(log, url, keys=VKEYS):
    lines = []
    return Cosigner(log, [(url, key.format()) for key in keys], every=0.2, timeout=2, tell=lines.append), lines


def test_a_log_has_its_checkpoints_cosigned_over_http(witness):
    log = FakeLog(5)
    with serving(witness) as url:
        cosigner, lines = told(log, url)
        assert cosigner.cosign() == 2
        assert cosigner.cosign() == 0  # it has grown by nothing
        log.size = 300
        assert cosigner.cosign() == 2
        again, _ = told(FakeLog(300), url)  # a log that has forgotten what the witness has asks once more
        assert again.cosign() == 2
        cosigner.ask()
    assert lines == []
    for size in (5, 300):
        note = add_cosignatures(note_of(size), log.lines[size])
        assert {found.key for found in open_cosignatures(note, VKEYS)} == set(VKEYS)


def test_a_log_that_was_set_back_hears_it_from_its_witness(witness):
    with serving(witness) as url:
        told(FakeLog(300), url)[0].cosign()
        cosigner, lines = told(FakeLog(200), url)
        assert cosigner.cosign() == 0
        assert "300 entries of this log, of which 200 are published" in lines[0]
        with pytest.raises(LedgerFault, match="300 > 200"):
            cosigner.ask()


def answered(status, body):
    """A server with one answer for everything."""
    from tests.ledger.test_transport import raw_server, says

    return raw_server(says(b"HTTP/1.1 %d X\r\nContent-Length: %d\r\n\r\n" % (status, len(body)) + body))


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (200, b""),
        (200, b"junk\n"),
        (200, b"\xff"),
        (200, cosign(note_of(6), KEYS, 9)),
        (200, cosign(note_of(5), [new_signer("witness.example/w", KeyType.COSIGNATURE)], 9)),
        (200, b"x" * 100_000),
        (409, b"junk"),
        (409, b"-1\n"),
        (409, b"3\n"),
        (409, b"9" * 30),
        (404, b""),
        (500, b""),
        (302, b""),
    ],
)
def test_a_witness_that_lies_is_told_and_left_alone(status, body):
    log = FakeLog(5)
    with answered(status, body) as url:
        cosigner, lines = told(log, url)
        assert cosigner.cosign() == 0
        assert len(lines) == 1
        assert cosigner.cosign() == 0  # it is not asked again at once
        assert len(lines) == 1
        cosigner.ask()  # what it makes up does not stop the log
        if status != 404:
            with pytest.raises(LedgerFault, match="--require-witness"):
                cosigner.ask(required=True)
    assert log.lines == {}


def test_one_witness_down_does_not_hinder_the_other(witness):
    log = FakeLog(5)
    with serving(witness) as url:
        lines = []
        pairs = [("http://127.0.0.1:9", VKEYS[0].format()), (url, VKEYS[0].format())]
        assert Cosigner(log, pairs, tell=lines.append).cosign() == 1
    assert "127.0.0.1:9" in lines[0]


def test_a_log_that_cannot_keep_the_line_says_so(witness):
    class Away(FakeLog):
        def add_cosignature(self, size, line):
            raise LedgerFault("away")

    with serving(witness) as url, pytest.raises(LedgerFault, match="away"):
        told(Away(5), url)[0].cosign()


@pytest.mark.parametrize("key", ["junk", LOG.verifier_key.format()])
def test_keys_that_no_witness_has(key):
    with pytest.raises(UsageError):
        Cosigner(FakeLog(1), [("http://w.example", key)])


def test_the_rounds_end_when_they_are_told_to(witness):
    log, stop = FakeLog(5), threading.Event()
    with serving(witness) as url:
        cosigner, _ = told(log, url, VKEYS[:1])
        thread = threading.Thread(target=cosigner.run, args=(stop,))
        thread.start()
        while not log.lines:
            thread.join(0.01)
        stop.set()
        thread.join(5)
    assert not thread.is_alive()


def test_the_witness_over_http(witness):
    def ask(url, method, path, body=None):
        connection = http.client.HTTPConnection(url.removeprefix("http://"), timeout=5)
        connection.request(method, path, body)
        answer = connection.getresponse()
        return answer.status, answer.getheader("Content-Type"), answer.read()

    place = f"/{hashlib.sha256(LOG.name.encode()).hexdigest()}/checkpoint"
    with serving(witness) as url:
        assert ask(url, "GET", place)[0] == 404
        assert ask(url, "POST", "/add-checkpoint", request(0, 5))[0] == 200
        status, kind, body = ask(url, "POST", "/add-checkpoint", request(0, 6))
        assert (status, kind, body) == (409, "text/x.tlog.size", b"5\n")
        assert ask(url, "POST", "/add-checkpoint", bytes(MAX_REQUEST_BYTES + 9))[0] == 413
        assert ask(url, "GET", "/add-checkpoint")[0] == 405
        assert ask(url, "POST", place)[0] == 405
        assert ask(url, "GET", "/nothing")[0] == 404
        status, kind, body = ask(url, "GET", place)
        assert (status, kind) == (200, "text/plain; charset=utf-8")
        assert len(open_cosignatures(body, VKEYS)) == 2
        keys = [VerifierKey.parse(line) for line in ask(url, "GET", "/vkey")[2].decode().splitlines()]
        assert keys == VKEYS


def test_parse_request_is_the_inverse():
    for old, size in ((0, 0), (0, 5), (3, 7), (100, 300)):
        assert format_request(*parse_request(request(old, size))) == request(old, size)
    with pytest.raises(InvalidError):
        parse_request(b"old 0\n\n")
