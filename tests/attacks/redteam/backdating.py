"""Backdating: a claim of today that is to look a year old.

What stops it: a token counts only over the text of the very checkpoint whose root holds the entry, under an authority of
the verifier's policy, never with the mark of a development authority (provenance.timeevidence, .timestamp); a log's own
word says nothing about time. Whatever a thief runs himself (log, clock, authority) is therefore worth nothing.
"""

import datetime as dt
import functools

from provenance import merkle
from provenance.checkpoint import sign_checkpoint
from provenance.claim import parse_entry
from provenance.policy import LogTrust, Policy
from provenance.receipt import format_receipt, make_receipt
from provenance.report import Check, Status
from provenance.standing import Standing, check_logged
from provenance.timeevidence import stamped_text
from provenance.timestamp import DEVELOPMENT_POLICY
from tests.attacks.redteam.lab import attempt as judged
from tests.attacks.redteam.threat import Threat, chance
from tests.support.entries import make_entry
from tests.support.logs import signer
from tests.support.tsa import DAY, NOW, Authority

LONG_AGO = NOW - 365 * DAY


@functools.cache
def people():
    """(two trusted authorities, two of the thief's under the same names, a trusted development authority)."""
    named = "Time Authority A", "Time Authority B"
    genuine, own = [Authority(name) for name in named], [Authority(name, time=LONG_AGO) for name in named]
    return genuine, own, Authority("Development", policy=DEVELOPMENT_POLICY, time=LONG_AGO)


@functools.cache
def entries():
    return [make_entry(f"backdating {number}") for number in range(40)]


class Log:
    """The thief's own log: he signs whatever he likes. Its newest entry is his claim of today."""

    def __init__(self, size):
        self.signer = signer("log.example/1")
        self.entries = entries()[:size]
        self.hashes = [merkle.leaf_hash(entry) for entry in self.entries]

    def note(self, size):
        return sign_checkpoint(self.signer.name, size, merkle.root(self.hashes[:size]), self.signer)

    def path(self, index, size):
        return merkle.inclusion_path(merkle.nodes_of(self.hashes[:size]), index, size)


def honest(log, authority):
    """What the thief would get by honest means: a token of today."""
    size = len(log.entries)
    note = log.note(size)
    return note, size - 1, log.path(size - 1, size), [authority.token(stamped_text(note))]


def older_checkpoint(dice, log, authority):
    """A checkpoint that was stamped a year ago, when the entry was not in it."""
    size = len(log.entries)
    old = dice.randrange(1, size)
    note = log.note(old)
    index = dice.choice((size - 1, old - 1, 0, dice.randrange(old)))
    path = dice.choice((log.path(size - 1, size), log.path(min(index, old - 1), old), [dice.randbytes(32)]))
    return note, index, path, [authority.token(stamped_text(note), time=LONG_AGO)]


def token_of_another_checkpoint(dice, log, authority):
    """A token of a year ago over an older checkpoint, over the entry, or over something else, beside today's."""
    note, index, path, _ = honest(log, authority)
    other = dice.choice(
        (stamped_text(log.note(dice.randrange(1, len(log.entries)))), log.entries[-1], dice.randbytes(32))
    )
    return note, index, path, [authority.token(other, time=LONG_AGO)]


def own_authority(dice, log, authority):
    """An authority of the thief's, named like a trusted one, with a clock of his choice."""
    note, index, path, _ = honest(log, authority)
    own = dice.choice(people()[1])
    return note, index, path, [own.token(dice.choice((stamped_text(note), note)))]


def foreign_certificate(dice, log, authority):
    """The thief's signature beside the trusted authority's certificate."""
    note, index, path, _ = honest(log, authority)
    liar = Authority(authority.name, time=LONG_AGO, shown=authority.leaf)
    return note, index, path, [liar.token(stamped_text(note))]


def edited_token(dice, log, authority):
    """Today's genuine token with the time of long ago written into it, and perhaps another byte changed."""
    note, index, path, (token,) = honest(log, authority)
    changed = bytearray(token.replace(b"20261120", b"20251120"))
    if dice.random() < 0.5:
        changed[dice.randrange(len(changed))] ^= 1 << dice.randrange(8)
    return note, index, path, [bytes(changed)]


def development_authority(dice, log, authority):
    """Tokens of a development authority whose root the verifier was talked into trusting."""
    note, index, path, tokens = honest(log, authority)
    return note, index, path, [people()[2].token(stamped_text(note)), *tokens][: dice.choice((1, 2))]


WAYS = (
    older_checkpoint,
    token_of_another_checkpoint,
    own_authority,
    foreign_certificate,
    edited_token,
    development_authority,
)


def attempt(lab, i):
    dice = chance("backdating", i)
    log, authority = Log(dice.randrange(2, 40)), dice.choice(people()[0])
    note, index, path, tokens = WAYS[i % len(WAYS)](dice, log, authority)
    return judged(lambda: dated(log, note, index, path, tokens, known=dice.random() < 0.5), {"way": i % len(WAYS)})


def dated(log, note, index, path, tokens, *, known=True):
    """What step 10 says about the age of the log's newest entry: "backdated", "of today" or "no time"."""
    receipt = format_receipt(make_receipt(index, path, note, tokens))
    trusted = tuple(one.anchor for one in (*people()[0], people()[2]))
    logs = (LogTrust(log.signer.verifier_key, independent=False),) if known else ()
    check, _ = check_logged(
        receipt,
        parse_entry(log.entries[-1]),
        Policy(logs=logs, timestamp_authorities=trusted),
        NOW + DAY,
        vouched=True,
        standing=Standing(Check(11, Status.SKIP, "not asked")),
        model=None,
    )
    before = check.figures.get("existed_before")
    if before is None:
        return "invalid" if check.status is Status.FAIL else "no time"
    when = dt.datetime.strptime(before, "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=dt.UTC)
    return "backdated" if when < NOW else "of today"


THREAT = Threat(
    name="backdating",
    title="Make a claim of today look a year old",
    knowledge="a log and an authority of his own, genuine tokens of a year ago over anything he wanted stamped then",
    budget="milliseconds",
    method="older checkpoints with their genuine tokens; tokens over something else; an own authority under a trusted name; a trusted certificate beside an own signature; edited tokens; a development authority whose root is trusted",
    kind="cheap",
    attempt=attempt,
    success=frozenset({"backdated"}),
)
