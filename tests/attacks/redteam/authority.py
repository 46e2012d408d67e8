"""A rogue authority: a timestamp authority that lies to the log which asks it, over real HTTP.

What stops it: every answer is compared with what was asked (imprint, nonce), with the log's clock (120 seconds), with the
certificate in it and with the roots that the operator named (ledger.timestamping, ledger.tokens). A lie of less than 120
seconds is not noticed, and is not attempted here.
"""

import datetime as dt
import functools

from ledger.timestamping import fetch_token
from tests.attacks.redteam.lab import attempt as judged
from tests.attacks.redteam.threat import Threat, chance
from tests.support.tsa import Authority, now

HONEST = ("granted", "granted_with_mods")


@functools.cache
def named():
    """The authority whose root the operator named."""
    return Authority("Named Authority", valid_from=now() - dt.timedelta(days=9000))


class Mutating(Authority):
    """Changes its honest answers before it sends them."""

    change = staticmethod(lambda data: data)

    def respond(self, request):
        return self.change(super().respond(request))


def wrong_time(dice):
    seconds = dice.choice((-1, 1)) * dice.choice((180, 3600, 86_400, dice.randrange(180, 10**8)))
    return like_named(time=lambda: now() + dt.timedelta(seconds=seconds))


def wrong_nonce(dice):
    return like_named(nonce=dice.getrandbits(63)) if dice.random() < 0.6 else like_named(ignore_nonce=True)


def wrong_digest(dice):
    return like_named(digest=dice.randbytes(32))


def wrong_certificate(dice):
    """Somebody else answers in the named authority's name: with a root of his own, or showing the named one's leaf."""
    impostor = Authority(named().name)
    impostor.shown = dice.choice((None, named().leaf))
    return impostor


def refusal(dice):
    """A token beside a status that says there is none."""
    return like_named(granted=dice.choice(("rejection", "waiting", "revocation_warning", "revocation_notification")))


def garbage(dice):
    return like_named(answer=dice.choice((b"", b"\x30\x80", dice.randbytes(dice.randrange(1, 400)), b"0" * 70_000)))


def changed(dice):
    """The honest answer with some bytes changed: nothing that is signed may differ and be kept."""
    made = like_named(kind=Mutating)

    def change(data):
        out = bytearray(data)
        for _ in range(dice.choice((1, 1, 2, 5))):
            out[dice.randrange(len(out))] ^= 1 << dice.randrange(8)
        return bytes(out)

    made.change = change
    return made


def like_named(*, kind=Authority, **faults):
    """The named authority itself, gone bad: with its keys and certificates."""
    made = kind(named().name, **faults)
    for name in ("_root_key", "_leaf_key", "root", "leaf"):
        made.__dict__[name] = getattr(named(), name)
    return made


WAYS = (wrong_time, wrong_nonce, wrong_digest, wrong_certificate, refusal, garbage, changed)


def attempt(lab, i):
    dice = chance("rogue-authority", i)
    way = WAYS[i % len(WAYS)]
    message = dice.randbytes(80)
    with way(dice).serve() as url:
        return judged(lambda: kept(url, message), {"way": i % len(WAYS)})


def kept(url, message):
    """What the log does with the answer: "kept", or "harmless" where it is what an honest one would have been."""
    import hashlib

    from provenance.timestamp import check_timestamp, decode_token

    token = fetch_token(url, message, anchors=[named().anchor], timeout=10)
    info = decode_token(token).tst_info
    stamp = check_timestamp(token, message, [named().anchor])
    honest = info.message_imprint.message == hashlib.sha256(message).digest()
    near = abs(stamp.time - now()) <= dt.timedelta(seconds=125)
    return "harmless" if honest and near else "kept"


THREAT = Threat(
    name="rogue-authority",
    title="A timestamp authority lies to the log",
    knowledge="the named authority's own keys, or its place on the network",
    budget="milliseconds",
    method='a time 3 minutes to 3 years off; another nonce or none; another digest; an impostor\'s certificate; a token beside a refusal; garbage; honest answers with bytes changed. "harmless" is a token that says what an honest one would have said',
    kind="cheap",
    attempt=attempt,
    success=frozenset({"kept"}),
)
