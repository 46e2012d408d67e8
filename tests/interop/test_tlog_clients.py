"""Our log, witness and notes against programs of others: Go's own packages, and three of PyPI (requirements.txt here).

``make test-interop`` installs what it can; a test whose other side is not there is skipped.
"""

import contextlib
import os
import shutil
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.mldsa import MLDSA44PrivateKey

from ledger.witness import Witness
from provenance import merkle
from provenance.checkpoint import open_checkpoint, parse_checkpoint, sign_checkpoint
from provenance.cosignature import cosign, open_cosignatures
from provenance.note import Signature, VerifierKey, format_note
from provenance.notekey import KeyType, NoteSigner, new_signer
from provenance.receipt import parse_receipt
from tests.attacks.test_witness import serving as serving_witness
from tests.support.entries import make_entry
from tests.support.logs import MemoryLog, signer
from tests.support.service import serving

pytestmark = pytest.mark.interop

HERE = Path(__file__).parent
SIZE = 300
NOW = int(time.time())


@pytest.fixture(autouse=True)
def own_home(tmp_path, monkeypatch):
    monkeypatch.setenv("SEEDPROOF_HOME", str(tmp_path / "home"))


@pytest.fixture(scope="module")
def service(tmp_path_factory):
    """A served log of 300 entries: two bundles, two levels of tiles, one of them partial."""
    with serving(tmp_path_factory.mktemp("service"), "--origin", "log.test/interop") as running:
        for i in range(SIZE):
            assert running.submit(make_entry(i)).status == 201
        while parse_checkpoint(running.get("/log/checkpoint").body).size < SIZE:
            time.sleep(0.05)
        yield running


def vkeys(service):
    return service.get("/log/vkey").body.decode().splitlines()


# --- Go's golang.org/x/mod/sumdb ------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def go_client(tmp_path_factory):
    go = shutil.which("go")
    path = os.environ.get("GOPATH", "/usr/share/gocode")
    if go is None or not (Path(path) / "src" / "golang.org" / "x" / "mod" / "sumdb").is_dir():
        pytest.skip("needs Go and golang.org/x/mod (Debian: golang-go, golang-golang-x-mod-dev)")
    binary = tmp_path_factory.mktemp("go") / "tlog"
    environment = {**os.environ, "GOPATH": path, "GO111MODULE": "off", "GOCACHE": str(binary.parent / "cache")}
    subprocess.run([go, "build", "-o", binary, HERE / "tlog.go"], check=True, env=environment)
    return binary


def go_reads(binary, url, key, smaller):
    return subprocess.run([binary, f"{url}/log", key, str(smaller)], capture_output=True, text=True, check=False)


@pytest.mark.parametrize("smaller", [1, 7, 255, 256, 257, SIZE])
def test_go_reads_the_whole_log(go_client, service, smaller):
    done = go_reads(go_client, service.url, vkeys(service)[0], smaller)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == f"ok {SIZE}"


def test_go_is_not_blind(go_client, service):
    other = VerifierKey("log.test/interop", bytes(range(32))).format()
    assert go_reads(go_client, service.url, other, 1).returncode == 1
    assert go_reads(go_client, service.url, vkeys(service)[0], SIZE + 1).returncode != 0


# --- aics-tlog: a reader of tlog-tiles ------------------------------------------------------------------------------


def test_aics_tlog_audits_the_whole_log(service):
    aics = pytest.importorskip("aics_tlog")
    from aics_tlog.remote import HttpTileReader
    from aics_tlog.verified import VerifiedTileReader, audit_tiles

    note = aics.parse_note(service.get("/log/checkpoint").body)
    assert aics.verify_checkpoint(note, aics.parse_vkey(vkeys(service)[0])).ok
    head = aics.parse_checkpoint(note.text)
    reader = HttpTileReader(f"{service.url}/log", proxies={})
    report = audit_tiles(reader, head.size, head.root)
    assert (report.size, report.bundles) == (SIZE, 2)
    verified = VerifiedTileReader(reader, head.size, head.root)
    ours = MemoryLog(0)
    ours.hashes = [merkle.leaf_hash(verified.entry(index)) for index in range(SIZE)]
    assert merkle.root(ours.hashes) == head.root
    for index in (0, 255, 256, SIZE - 1):
        path = aics.inclusion_proof_from_tiles(verified, index, SIZE)
        assert list(path) == merkle.inclusion_path(merkle.nodes_of(ours.hashes), index, SIZE)
        receipt = parse_receipt(service.get(f"/v1/receipts/{index}").body)
        at = receipt.checkpoint
        assert aics.verify_leaf_inclusion(verified.entry(index), index, at.size, list(receipt.path), at.root)
    for first in (1, 7, 256, SIZE):
        theirs = aics.consistency_proof_from_tiles(verified, first, SIZE)
        assert list(theirs) == merkle.consistency_path(merkle.nodes_of(ours.hashes), first, SIZE)


def test_aics_tlog_and_we_read_each_others_cosignatures():
    aics = pytest.importorskip("aics_tlog")
    log, key = signer(), Ed25519PrivateKey.from_private_bytes(b"w" * 32)
    ours = NoteSigner("witness.example/w", key, KeyType.COSIGNATURE)
    tree = MemoryLog(7, log)
    theirs_key = aics.cosignature_vkey("witness.example/w", key.public_key())
    assert aics.format_vkey(theirs_key) == ours.verifier_key.format()
    note = tree.checkpoint()
    whole = aics.parse_note(note + cosign(note, [ours], NOW))
    result = aics.verify_checkpoint(whole, aics.parse_vkey(log.verifier_key.format()), [theirs_key], quorum=1)
    assert result.ok
    blob, line = aics.sign_cosignature(key, "witness.example/w", NOW, log.name, 7, merkle.root(tree.hashes))
    signed = format_note(note.decode().rpartition("\n\n")[0] + "\n", [Signature(line.name, line.key_id, blob)])
    assert [found.time for found in open_cosignatures(signed, [ours.verifier_key])] == [NOW]


# --- aics-witness: a witness, and the log's side of one --------------------------------------------------------------


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as taken:
        return taken.getsockname()[1]


def test_our_log_is_cosigned_by_a_strangers_witness(tmp_path):
    pytest.importorskip("aics_witness")
    folder, home = tmp_path / "witness", tmp_path / "log"
    folder.mkdir()
    port = free_port()

    def aics(*words):
        command = [sys.executable, "-m", "aics_witness", *map(str, words)]
        return subprocess.run(command, check=True, cwd=folder, capture_output=True, text=True).stdout

    aics("init", "--name", "witness.example/aics", "--listen", f"127.0.0.1:{port}")
    key = next(word for word in aics("status").split() if word.startswith("witness.example/aics+"))
    with serving(home, "--origin", "log.test/aics") as service:
        keys = vkeys(service)
    aics("add-log", "--origin", "log.test/aics", "--vkey", keys[0])
    process = subprocess.Popen([sys.executable, "-m", "aics_witness", "serve"], cwd=folder)
    try:
        await_port(port)
        options = ("--origin", "log.test/aics", "--witness", f"http://127.0.0.1:{port}", "--witness-key", key)
        with serving(home, *options) as service:
            for number, size in ((0, 1), (1, 2), (2, 3)):
                service.submit(make_entry(number))
                await_cosigned(service, VerifierKey.parse(key), size)
    finally:
        process.terminate()
        process.wait(20)


def await_port(port):
    deadline = time.monotonic() + 20
    while True:
        with contextlib.suppress(OSError):
            socket.create_connection(("127.0.0.1", port), 1).close()
            return
        assert time.monotonic() < deadline
        time.sleep(0.05)


def await_cosigned(service, key, size):
    deadline = time.monotonic() + 20
    while True:
        note = service.get("/log/checkpoint").body
        if parse_checkpoint(note).size == size and open_cosignatures(note, [key]):
            return
        assert time.monotonic() < deadline, service.journal()
        time.sleep(0.05)


def test_our_witness_cosigns_for_a_strangers_log(tmp_path):
    pytest.importorskip("aics_witness")
    from aics_witness.feeder import WitnessClient

    log, tree = signer("log.example/feeder"), MemoryLog(300)
    keys = [new_signer("witness.example/w", KeyType.COSIGNATURE)]
    witness = Witness(tmp_path / "w.db", keys, {log.name: [log.verifier_key]})

    def proof(old, new):
        return merkle.consistency_path(merkle.nodes_of(tree.hashes), old, new) if 0 < old < new else []

    def note_of(size):
        return sign_checkpoint(log.name, size, merkle.root(tree.hashes[:size]), log)

    with serving_witness(witness) as url, WitnessClient(url, keys[0].verifier_key.format()) as client:
        for size in (1, 5, 256, 300):
            lines = client.submit(note_of(size), proof)
            assert open_cosignatures(note_of(size) + lines.encode(), [keys[0].verifier_key])
        with WitnessClient(url, keys[0].verifier_key.format()) as forgetful:
            assert forgetful.submit(note_of(300), proof)  # it learns by 409 what the witness has
    witness.close()


# --- proofbundle: notes and cosignatures, ML-DSA-44 among them ---------------------------------------------------------


@pytest.mark.parametrize("kind", [KeyType.COSIGNATURE, KeyType.MLDSA44])
def test_proofbundle_verifies_our_cosignatures(kind):
    bundle = pytest.importorskip("proofbundle.checkpoint")
    witness, log = new_signer("witness.example/w", kind), signer()
    note = MemoryLog(7, log).checkpoint()
    cosigned = (note + cosign(note, [witness], NOW)).decode()
    assert bundle.verify_checkpoint(cosigned, log.verifier_key.format())["ok"]
    found = bundle.verify_cosignature(cosigned, witness.verifier_key.format())
    assert found["ok"], found
    assert found["timestamp"] == NOW
    other = new_signer("witness.example/w", kind)
    assert not bundle.verify_cosignature(cosigned, other.verifier_key.format())["ok"]


@pytest.mark.parametrize("kind", [KeyType.COSIGNATURE, KeyType.MLDSA44])
def test_we_verify_the_cosignatures_of_proofbundle(kind):
    bundle = pytest.importorskip("proofbundle.checkpoint")
    log = signer()
    note = MemoryLog(7, log).checkpoint().decode()
    if kind is KeyType.COSIGNATURE:
        key = Ed25519PrivateKey.generate()
        line = bundle.cosign_checkpoint(note, key, "witness.example/w", NOW)
        vkey = bundle.cosign_vkey("witness.example/w", key.public_key().public_bytes_raw())
    else:
        key = MLDSA44PrivateKey.generate()
        line = bundle.cosign_checkpoint_mldsa(note, key, "witness.example/w", NOW)
        vkey = bundle.cosign_vkey_mldsa("witness.example/w", key.public_key().public_bytes_raw())
    cosigned = line if line.startswith(note) else note + line
    found = open_cosignatures(cosigned.encode(), [VerifierKey.parse(vkey)])
    assert [(one.key.format(), one.time) for one in found] == [(vkey, NOW)]
    assert open_checkpoint(cosigned.encode(), [log.verifier_key]).size == 7
