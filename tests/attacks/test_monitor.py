"""A log's operator, or whoever can write its tiles, against a monitor that replays it over HTTP."""

import json
import random

import pytest

from ledger import pins
from ledger.monitor import InconsistencyError, Monitor
from ledger.monitorstate import MonitorState
from ledger.tiled import TiledLog
from ledger.transport import Transport
from provenance.checkpoint import open_checkpoint, sign_checkpoint
from provenance.claim import claim_id
from provenance.cosignature import cosign
from provenance.entry import parse_any
from provenance.errors import LedgerFault, UnsupportedVersionError
from provenance.followup import format_follow_up
from provenance.notekey import KeyType, new_signer
from provenance.timeevidence import stamped_text
from tests.support import follow
from tests.support.entries import make_claim, make_entry
from tests.support.logs import signer
from tests.support.standin import StandIn
from tests.support.tsa import Authority

SMALL = [make_entry(i, authors=["ann"] if i % 2 else []) for i in range(20)]


@pytest.fixture(scope="module")
def large():
    """600 entries, so that there are full tiles and a second level. Few proofs are made: entries are only bytes there."""
    return SMALL + [make_entry(f"more {i}") for i in range(580)]


@pytest.fixture
def state(tmp_path):
    opened = MonitorState(tmp_path / "state.db")
    yield opened
    opened.close()


@pytest.fixture
def service():
    with StandIn(SMALL) as running:
        yield running


def monitor(service, state, **more):
    keys = pins.read_offered("\n".join(service.vkeys).encode())
    return Monitor(TiledLog(Transport(service.url, patience=0), keys), state, **{"patience": 0, **more})


def check(service, state, *, anew=False, **more):
    return monitor(service, state, **more).check(anew=anew)


def found(service, state, match, *, anew=False):
    before = state.kept()
    with pytest.raises(InconsistencyError, match=match) as caught:
        check(service, state, anew=anew)
    assert "\n" not in str(caught.value)
    assert state.kept() == before  # the last sound tree stays
    return str(caught.value)


def test_an_honest_log_is_sound_and_is_followed(service, state):
    done = check(service, state)
    assert (done.checkpoint.size, done.added, done.stamps, done.witnesses) == (20, 20, 0, ())
    assert check(service, state).added == 0
    service.entries += [make_entry("a"), make_entry("b")]
    done = check(service, state)
    assert (done.checkpoint.size, done.added) == (22, 2)
    assert check(service, state, anew=True).added == 0
    assert state.kept().root == service.root()


def test_nothing_is_read_twice(large, state):
    with StandIn(large[:520]) as service:
        check(service, state)
        service.entries = list(large)
        service.asked.clear()
        check(service, state)
        bundles = [path for _, path in service.asked if "entries" in path]
        assert bundles == ["/log/tile/entries/002.p/88"]


def test_an_empty_log(state):
    with StandIn() as service:
        assert check(service, state).checkpoint.size == 0
        service.entries.append(SMALL[0])
        assert check(service, state).added == 1


def test_a_flipped_byte_in_any_tile_or_bundle(large, tmp_path):
    """One byte of every file that the log serves, at a place of chance: the line names that file."""
    chance = random.Random(7)
    with StandIn(large) as service:
        paths = service.paths()
        assert {"tile/0/000", "tile/0/002.p/88", "tile/1/000.p/2", "tile/entries/001"} < set(paths)
        for number, path in enumerate(paths):
            honest = service.resource(path)
            for position in {0, len(honest) - 1, chance.randrange(len(honest))}:
                changed = bytearray(honest)
                changed[position] ^= 1 << chance.randrange(8)
                service.lies = {f"/log/{path}": bytes(changed)}
                state = MonitorState(tmp_path / f"{number}-{position}.db")
                line = found(service, state, ".")
                state.close()
                index = path.rpartition("/")[2] if path == "checkpoint" else path.split("/", 2)[2]
                assert index in line or path == "checkpoint", (path, line)
                assert path != "checkpoint" or "checkpoint" in line


def test_every_single_byte_of_a_small_log(tmp_path):
    with StandIn(SMALL[:3]) as service:
        for path in service.paths():
            honest = service.resource(path)
            step = 1 if len(honest) < 300 else 37
            for position in range(0, len(honest), step):
                changed = bytearray(honest)
                changed[position] ^= 0x01
                service.lies = {f"/log/{path}": bytes(changed)}
                state = MonitorState(tmp_path / "state.db")
                found(service, state, ".")
                state.close()


def test_a_changed_old_tile_is_found_when_everything_is_replayed(large, state):
    with StandIn(large) as service:
        check(service, state)
        changed = bytearray(service.resource("tile/entries/000"))
        changed[50] ^= 1
        service.lies["/log/tile/entries/000"] = bytes(changed)
        check(service, state)
        found(service, state, "tile/0/000", anew=True)


def test_nothing_of_an_earlier_round_is_believed(service, state):
    """One monitor, two rounds: a tile that was sound then and is changed now."""
    watch = monitor(service, state)
    watch.check()
    changed = bytearray(service.resource("tile/0/000.p/20"))
    changed[5] ^= 1
    service.lies["/log/tile/0/000.p/20"] = bytes(changed)
    with pytest.raises(InconsistencyError, match="tile/0/000"):
        watch.check(anew=True)


def test_a_fork_behind_a_tile_that_is_damaged_only_once(service, state, monkeypatch):
    """Damage hides whether the tree continues the old one; the replay from the first entry finds the fork all the same."""
    monkeypatch.setattr("ledger.tiled._KEPT_TILES", 0)
    check(service, state)
    service.entries = [make_entry("another"), *SMALL[1:], make_entry("more")]
    path = "/log/tile/0/000.p/21"
    damaged = [bytes(21 * 32)] * 40  # as often as the proof reads it

    def lie(handler):
        handler.send(200, damaged.pop() if damaged and not replaying() else service.resource("tile/0/000.p/21"))

    def replaying():
        return any("entries" in asked for _, asked in service.asked)

    service.asked.clear()
    service.lies[path] = lie
    found(service, state, "fork: the first 20 entries are not those", anew=True)


@pytest.mark.parametrize("path", ["tile/0/000.p/20", "tile/entries/000.p/20"])
def test_a_tile_that_is_kept_back_or_cut(service, state, path):
    honest = service.resource(path)
    for lie in ((404, b""), (410, b""), b"", honest[:-1], honest + b"\0", honest[32:]):
        service.lies[f"/log/{path}"] = lie
        found(service, state, path.replace(".", r"\."))


def test_a_service_that_is_down_is_no_inconsistency(service, state):
    check(service, state)
    service.entries.append(make_entry("more"))
    for lie in ((500, b""), (503, b""), (429, b"")):
        service.lies["/log/checkpoint"] = lie
        with pytest.raises(LedgerFault):
            check(service, state)
    service.lies = {"/log/tile/0/000.p/21": (500, b"")}
    with pytest.raises(LedgerFault):
        check(service, state)
    service.lies = {}
    assert check(service, state).added == 1


def test_a_dropped_entry(service, state):
    check(service, state)
    del service.entries[7]
    service.entries += [make_entry("a"), make_entry("b")]
    found(service, state, "fork: the tree of 21 entries does not continue that of 20")


def test_a_dropped_entry_is_found_whatever_was_seen_before(large, tmp_path):
    """Also where the old tree ended with a full tile, and no old entry is read again."""
    for seen in (255, 256, 257, 512):
        state = MonitorState(tmp_path / f"{seen}.db")
        with StandIn(large[:seen]) as service:
            check(service, state)
            service.entries = [entry for entry in large if entry is not large[3]]
            found(service, state, "fork")
            found(service, state, "fork", anew=True)
        state.close()


def test_an_entry_dropped_from_what_is_served_but_not_from_the_tree(service, state):
    honest = service.resource("tile/entries/000.p/20")
    service.entries = SMALL[:7] + SMALL[8:] + [SMALL[7]]
    shown = service.resource("tile/entries/000.p/20")
    service.entries = list(SMALL)
    assert shown != honest
    service.lies["/log/tile/entries/000.p/20"] = shown
    found(service, state, "entry 7")


def test_a_fork_of_one_size(service, state):
    check(service, state)
    service.entries[19] = make_entry("another")
    line = found(service, state, "fork: the log has signed two trees of 20 entries")
    evidence = json.loads((state.path.parent / line.rpartition("/")[2]).read_bytes())
    assert evidence["kind"] == "evidence"
    keys = pins.read_offered("\n".join(evidence["keys"]).encode())
    first, second = (open_checkpoint(note.encode(), keys) for note in evidence["checkpoints"])
    assert first.size == second.size
    assert first.root != second.root


def test_a_fork_that_grew(service, state):
    check(service, state)
    service.entries[0] = make_entry("another")
    service.entries.append(make_entry("more"))
    found(service, state, "fork")
    assert (
        check(service, MonitorState(state.path.with_name("other.db"))).added == 21
    )  # whoever comes later sees nothing


def test_a_fork_behind_honest_looking_tiles(service, state):
    """The tiles go on from the old tree, only the checkpoint signs another one."""
    check(service, state)
    service.entries.append(make_entry("more"))
    other = StandIn([make_entry("x"), *service.entries[1:]], service.signers)
    service.lies["/log/checkpoint"] = other.checkpoint()
    found(service, state, "do not give the root")


def test_a_rollback(service, state):
    check(service, state)
    service.published = 19
    found(service, state, "older: the log shows an older state of 19 entries; it has signed 20 before")
    service.published = 0
    found(service, state, "older")
    service.published = None
    assert check(service, state).added == 0


def test_a_rollback_that_grew_again(service, state):
    check(service, state)
    service.entries = [*SMALL[:19], make_entry("a"), make_entry("b")]
    found(service, state, "fork")


@pytest.mark.parametrize("seed", [9, None])
def test_checkpoints_by_somebody_else(service, state, seed):
    check(service, state)
    note = sign_checkpoint("log.example/1", 20, service.root(), signer("log.example/1", 9))
    service.lies["/log/checkpoint"] = note if seed else service.checkpoint().replace(b"\n20\n", b"\n21\n")
    found(service, state, "checkpoint")


def test_a_state_of_another_log(service, state):
    check(service, state)
    with StandIn(SMALL, [signer("other.example", 3)]) as other:
        found(other, state, "this state is about log.example/1")


# --- what must not be logged ----------------------------------------------------------------------------------------


def logged(service, entry):
    service.entries.append(entry)
    return service


def test_an_entry_whose_proof_does_not_hold(service, state):
    """A claim that is nowhere in the log, with the proof of another one."""
    fresh, other = make_entry("fresh"), make_entry("other")
    proofs = [parse_any(entry).content.possession.hex().encode() for entry in (fresh, other)]
    found(logged(service, fresh.replace(*proofs)), state, "entry 20: proof of possession")


@pytest.mark.parametrize("data", [b"", b"{}", b"junk", SMALL[0] + b" ", bytes(65_535)])
def test_what_is_no_entry(service, state, data):
    found(logged(service, data), state, "entry 20")


def test_an_entry_that_is_newer_than_this_program(service, state):
    service.entries.append(SMALL[0].replace(b'"v":1', b'"v":2'))
    with pytest.raises(UnsupportedVersionError, match="entry 20"):
        check(service, state)


def test_a_claim_that_is_logged_twice(service, state):
    again = make_entry(4)
    assert again != SMALL[4]
    found(logged(service, again), state, "entry 20: its place is taken by entry 4")


def test_a_double_sale_that_was_logged(service, state):
    claim = claim_id(make_claim(1, authors=["ann"]))
    service.entries.append(format_follow_up(follow.transfer(claim, claim, "ann", to="bob")))
    check(service, state)
    service.entries.append(format_follow_up(follow.transfer(claim, claim, "ann", to="eve")))
    found(service, state, "entry 21: its place is taken by entry 20")


def test_a_transfer_by_somebody_who_does_not_own(service, state):
    claim = claim_id(make_claim(1, authors=["ann"]))
    service.entries.append(format_follow_up(follow.transfer(claim, claim, "eve", to="bob")))
    found(service, state, "entry 20")


def test_a_follow_up_to_a_claim_that_is_not_there(service, state):
    claim = claim_id(make_claim("nowhere", authors=["ann"]))
    service.entries.append(format_follow_up(follow.revocation(claim, claim, "ann")))
    found(service, state, "entry 20")


def test_follow_ups_long_after_their_claims(large, state, monkeypatch):
    """The claim is read again from its bundle, and must be the one that stood there."""
    monkeypatch.setattr("ledger.monitor._KEPT_CLAIMS", 4)
    claim = claim_id(make_claim(1, authors=["ann"]))
    with StandIn(large) as service:
        check(service, state)
        service.entries.append(format_follow_up(follow.transfer(claim, claim, "ann", to="bob")))
        assert check(service, state).added == 1
        service.entries.append(
            format_follow_up(follow.revocation(claim, parse_any(service.entries[-1]).id, "bob", reason="mistake"))
        )
        service.lies["/log/tile/entries/000"] = StandIn([large[0], *large[2:258]]).resource("tile/entries/000")
        found(service, state, "entry 1 is not the one")


# --- what is beside the checkpoint ----------------------------------------------------------------------------------


def stamps(service, *tokens, note=None):
    note = service.checkpoint() if note is None else note
    return json.dumps(
        {
            "size": service.size,
            "note": note.decode(),
            "timestamps": [{"authority": "http://tsa.example", "token": token.hex()} for token in tokens],
        }
    ).encode()


def test_timestamps_must_be_over_the_checkpoint(service, state):
    authority = Authority()
    good = authority.token(stamped_text(service.checkpoint()))
    service.lies["/v1/stamps/20"] = stamps(service, good)
    assert check(service, state).stamps == 1
    service.lies["/v1/stamps/20"] = stamps(service, good, authority.token(b"something else"))
    with pytest.raises(InconsistencyError, match="timestamps of 20 entries"):
        check(service, state)
    other = StandIn([make_entry("x"), *SMALL[1:]], service.signers)
    service.lies["/v1/stamps/20"] = stamps(
        service, authority.token(stamped_text(other.checkpoint())), note=other.checkpoint()
    )
    with pytest.raises(InconsistencyError, match="another tree"):
        check(service, state)
    for lie in (b"", b"[]", b"{}", b'{"timestamps":[1]}', b'{"note":1,"timestamps":[1]}', stamps(service, b"junk")):
        service.lies["/v1/stamps/20"] = lie
        with pytest.raises(InconsistencyError, match="timestamps"):
            check(service, state)


def test_cosignatures_of_known_witnesses_are_checked(service, state):
    witness = new_signer("witness.example", KeyType.COSIGNATURE)
    keys = [witness.verifier_key]
    service.cosignatures = [cosign(service.checkpoint(), [witness], 99)]
    assert check(service, state, witnesses=keys).witnesses == ("witness.example",)
    service.entries.append(make_entry("more"))  # the old cosignature is shown with the new checkpoint
    with pytest.raises(InconsistencyError, match=r"witness\.example"):
        check(service, state, witnesses=keys)
    service.cosignatures = []
    assert check(service, state, witnesses=keys).witnesses == ()


# --- the state itself -----------------------------------------------------------------------------------------------


def test_a_damaged_or_foreign_state_is_not_used(service, state, tmp_path):
    import sqlite3

    check(service, state)
    state.close()
    with sqlite3.connect(state.path) as database:
        database.execute("UPDATE kept SET root = ?", (bytes(32),))
    with pytest.raises(LedgerFault, match="damaged"):
        MonitorState(state.path).kept()
    (tmp_path / "junk.db").write_bytes(b"junk" * 1000)
    with pytest.raises(LedgerFault):
        MonitorState(tmp_path / "junk.db")
    with sqlite3.connect(tmp_path / "foreign.db") as database:
        database.execute("CREATE TABLE x (y)")
    with pytest.raises(LedgerFault, match="not a monitor's state"):
        MonitorState(tmp_path / "foreign.db")


def test_a_round_that_fails_leaves_nothing_behind(service, state):
    check(service, state)
    service.entries += [make_entry("good"), b"junk"]
    found(service, state, "entry 21")
    del service.entries[-1]
    assert check(service, state).added == 1
