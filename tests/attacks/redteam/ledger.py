"""A rogue ledger: forged receipts, and a log that forks, rolls back or leaves out.

What stops it: receipts are inclusion proofs under the signature of a known key, and a known log's name without that
signature is a forgery (provenance.receipt); monitors keep the last sound tree and find everything that does not continue
it (ledger.monitor). To one who never saw the tree before, a fork is not visible: docs/threat-model.md, "a split view".
"""

import atexit
import functools
import tempfile
from pathlib import Path

from ledger import pins
from ledger.monitor import Monitor
from ledger.monitorstate import MonitorState
from ledger.tiled import TiledLog
from ledger.transport import Transport
from provenance import merkle
from provenance.checkpoint import sign_checkpoint
from provenance.receipt import check_receipt, format_receipt, make_receipt, parse_receipt
from tests.attacks.redteam.lab import attempt as judged
from tests.attacks.redteam.threat import Threat, chance
from tests.support.entries import make_entry
from tests.support.logs import signer
from tests.support.standin import StandIn

HONEST = signer("log.example/1")


@functools.cache
def entries():
    return [make_entry(f"ledger {number}") for number in range(60)]


class Tree:
    """The log's tree over some entries, and receipts as somebody makes them who need not be honest."""

    def __init__(self, leaves):
        self.leaves = list(leaves)
        self.hashes = [merkle.leaf_hash(leaf) for leaf in self.leaves]

    def note(self, who=HONEST, size=None):
        size = len(self.leaves) if size is None else size
        return sign_checkpoint(who.name, size, merkle.root(self.hashes[:size]), who)

    def path(self, index):
        return merkle.inclusion_path(merkle.nodes_of(self.hashes), index, len(self.leaves))


# --- receipts -----------------------------------------------------------------------------------------------------------


def own_key(dice, tree, mine):
    """A log of the forger's in the known log's name."""
    forged = Tree([*tree.leaves, mine])
    return forged.note(signer(HONEST.name, dice.randrange(2, 200))), len(tree.leaves), forged.path(len(tree.leaves))


def another_name(dice, tree, mine):
    """A log of the forger's whose name looks like the known one's."""
    name = dice.choice(("log.example/2", "Log.example/1", "log.example/1/", "log.example//1", "1og.example/1"))
    forged = Tree([*tree.leaves, mine])
    return forged.note(signer(name, 1)), len(tree.leaves), forged.path(len(tree.leaves))


def another_claims(dice, tree, mine):
    """The genuine receipt of another entry."""
    index = dice.randrange(len(tree.leaves))
    return tree.note(), index, tree.path(index)


def wrong_index(dice, tree, mine):
    """Genuine parts, put together under another index, with hashes left out, doubled or exchanged."""
    index = dice.randrange(len(tree.leaves))
    path = tree.path(index)
    if path:
        at = dice.randrange(len(path))
        path = dice.choice((path[:at] + path[at + 1 :], path[: at + 1] + path[at:], path[::-1], [*path, bytes(32)]))
    return tree.note(), dice.choice((index, index + 1, len(tree.leaves), 2**40, index ^ 1)), path


def guessed_path(dice, tree, mine):
    """The entry's own leaf hash under chance hashes, or hashes of the tree."""
    size = len(tree.leaves)
    path = [dice.choice((dice.randbytes(32), *tree.hashes, merkle.leaf_hash(mine))) for _ in range(size.bit_length())]
    return tree.note(), dice.randrange(size), path


def edited_note(dice, tree, mine):
    """The known log's signature under a text of the forger's."""
    forged = Tree([*tree.leaves, mine])
    genuine, wanted = tree.note(), forged.note(signer(HONEST.name, 77))
    note = wanted.partition(b"\n\n")[0] + b"\n\n" + genuine.partition(b"\n\n")[2]
    return note, len(tree.leaves), forged.path(len(tree.leaves))


RECEIPTS = (own_key, another_name, another_claims, wrong_index, guessed_path, edited_note)


def attempt_receipt(lab, i):
    dice = chance("forged-receipt", i)
    tree = Tree(entries()[: dice.randrange(1, 40)])
    mine = entries()[dice.randrange(40, 60)]
    way = RECEIPTS[i % len(RECEIPTS)]

    def check():
        note, index, path = way(dice, tree, mine)
        receipt = parse_receipt(format_receipt(make_receipt(index, path, note)))
        return "believed" if check_receipt(receipt, mine, [HONEST.verifier_key]).known else "unknown log"

    return judged(check, {"way": i % len(RECEIPTS)})


# --- a log against its monitor ------------------------------------------------------------------------------------------


@functools.cache
def service():
    """One running service for all attempts, and a folder for what monitors remember."""
    running = StandIn([], [HONEST])
    running.__enter__()
    atexit.register(running.__exit__)
    folder = tempfile.TemporaryDirectory()
    atexit.register(folder.cleanup)
    return running, Path(folder.name)


def fork_of_one_size(dice, shown, spare):
    shown[dice.randrange(len(shown))] = spare[0]


def fork_that_grew(dice, shown, spare):
    shown[dice.randrange(len(shown))] = spare[0]
    shown.extend(spare[1 : dice.randrange(2, 6)])


def rollback(dice, shown, spare):
    del shown[dice.randrange(len(shown)) :]


def rollback_that_grew(dice, shown, spare):
    del shown[dice.randrange(len(shown)) :]
    shown.extend(spare)


def omission(dice, shown, spare):
    del shown[dice.randrange(len(shown))]
    shown.extend(spare[: dice.randrange(0, 4)])


def reorder(dice, shown, spare):
    a = dice.randrange(len(shown) - 1)
    shown[a], shown[a + 1] = shown[a + 1], shown[a]
    shown.extend(spare[: dice.randrange(0, 4)])


def twice(dice, shown, spare):
    """The old tree goes on, with an entry that stands in it already."""
    shown.append(shown[dice.randrange(len(shown))])


CHEATS = (fork_of_one_size, fork_that_grew, rollback, rollback_that_grew, omission, reorder, twice)


def attempt_log(lab, i):
    """A monitor sees the honest log; then the operator shows another one, signed by the log's own key."""
    dice = chance("rogue-ledger", i)
    running, folder = service()
    honest, spare = list(entries()[: dice.randrange(2, 40)]), entries()[40:46]
    shown = list(honest)
    CHEATS[i % len(CHEATS)](dice, shown, spare)
    state = MonitorState(folder / f"{i}.db")
    try:
        running.entries = honest
        look(running, state)
        running.entries = shown
        return judged(lambda: look(running, state) and "not noticed", {"way": i % len(CHEATS), "entries": len(honest)})
    finally:
        state.close()
        for path in folder.glob(f"{i}.db*"):
            path.unlink()


def look(running, state):
    keys = pins.read_offered("\n".join(running.vkeys).encode())
    transport = Transport(running.url, patience=0)
    try:
        Monitor(TiledLog(transport, keys), state, patience=0).check()
    finally:
        transport.close()
    return True


THREATS = (
    Threat(
        name="forged-receipt",
        title="A receipt for a claim that is not in the log",
        knowledge="the log's tree and its genuine checkpoints and receipts",
        budget="microseconds",
        method="a log of his own in the known log's name or a name like it; another claim's receipt; wrong indices and paths; the log's signature under another text",
        kind="cheap",
        attempt=attempt_receipt,
        success=frozenset({"believed"}),
    ),
    Threat(
        name="rogue-ledger",
        title="A log forks, rolls back, leaves out or reorders what a monitor has seen",
        knowledge="the log's own signing key",
        budget="milliseconds",
        method="over HTTP, against ledger.monitor: forks of one size and longer, rollbacks, rollbacks that grew again, omissions, exchanged entries, an entry twice",
        kind="cheap",
        attempt=attempt_log,
        success=frozenset({"not noticed"}),
    ),
)
