"""Whole signed works without a model: random latent and pixels under an honest claim. Good for everything but regeneration."""

import functools
from dataclasses import replace
from decimal import Decimal

import numpy as np

from provenance.authoring import Wrapping, make_claim, prove_claim, wrap
from provenance.claim import Terms, parse_entry
from provenance.commitment import commit, seed
from provenance.credentials import one_time_credentials
from provenance.derivation import derive_author, derive_work
from provenance.master import Master
from provenance.pixels import encode_png, encode_webp
from provenance.recipe import Component, Model, Prompt, Recipe, Scheduler
from tests.support.pictures import NOW, author

STEPS = (Decimal("0.5"),) * 4
SHAPE = (4, 8, 8)


@functools.cache
def master(name="ann"):
    return Master(name.encode().ljust(32, b"."))


def recipe(nonce, who):
    return Recipe(
        model=Model("test model", bytes(32), (Component("unet", bytes(32)),)),
        scheduler=Scheduler("DDIMScheduler", '{"beta":"0.1"}'),
        steps=10,
        guidance=Decimal(2),
        prompt=Prompt("hills"),
        max_tokens=77,
        width=64,
        height=64,
        dtype="float32",
        seed=seed(commit(derive_work(who, nonce))),
        shape=SHAPE,
        latent_steps=STEPS,
    )


def make_work(
    number=0,
    *,
    who=None,
    author_of=None,
    anonymous=False,
    webp=False,
    log=None,
    title="hills.png",
    terms=None,
    setup=None,
    staple=lambda receipt: receipt,
):
    """Bytes of a signed picture; with ``log`` its claim is logged there and the receipt, as ``staple`` has it, is inside.

    ``author_of``: the master whose author key claims it, when that is another one.
    """
    who = who or master()
    nonce = bytes([number]) * 32
    generator = np.random.default_rng(number)
    integers = generator.integers(-20, 20, SHAPE).astype(np.int16)
    rgb = generator.integers(0, 256, (64, 64, 3), dtype=np.uint8)
    secret, author_secret = derive_work(who, nonce), derive_author(author_of or who)
    made = replace(recipe(nonce, who), setup=setup)
    claim = make_claim(
        Y=commit(secret),
        nonce=nonce,
        index=0,
        authors=() if anonymous else (commit(author_secret),),
        recipe=made,
        integers=integers,
        rgb=rgb,
        terms=terms or Terms(),
    )
    entry = prove_claim(claim, secret, () if anonymous else (author_secret,))
    receipt = None
    if log is not None:
        from provenance.authoring import submit_claim
        from provenance.claim import format_entry

        logged, receipt = submit_claim(log, format_entry(entry))
        entry, receipt = parse_entry(logged.entry), staple(receipt)
    return wrap(
        encode_webp(rgb) if webp else encode_png(rgb),
        "image/webp" if webp else "image/png",
        Wrapping(entry, made, integers, receipt, None, {"device": "cpu"}, title),
        one_time_credentials(NOW) if anonymous else author(),
        master=who,
        work_secret=secret,
    )
