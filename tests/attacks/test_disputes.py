"""Disputes: honest authors against thieves of several kinds, over pictures by the real house model."""

import hashlib
import json
from dataclasses import replace
from decimal import Decimal
from functools import partial

import numpy as np
import pytest

pytest.importorskip("cv2")

from provenance.assertion import LABEL, format_assertion
from provenance.claim import Terms, claim_id
from provenance.claimfile import MAX_CLAIM_FILE_BYTES, ClaimFile, format_claim_file, parse_claim_file
from provenance.correlation import REQUIRED_BITS, dct2, idct2, log2_false_accept, whitened_cosine
from provenance.crosscheck import WHERE_IT_LIES, Place, in_place
from provenance.crossing import COPY_BITS
from provenance.derivation import derive_author
from provenance.dispute import compare_claims
from provenance.disputepage import dispute_page
from provenance.disputetext import dispute_json, reasons_of
from provenance.errors import EncodingError, InvalidError, LimitError, UnsupportedVersionError, UsageError
from provenance.latent import dequantise
from provenance.manifest_parents import DIGITAL_SOURCE, Parent, Remix
from provenance.manifest_write import sign_picture
from provenance.noise import gaussian
from provenance.operation import Operation, Source
from provenance.pixels import encode_png
from provenance.recipe import Component, Model, Opening, opening_commitment
from provenance.report import Verdict
from provenance.settle import Outcome
from provenance.setup import Adapter, Setup
from provenance.side import read_side
from provenance.storedlatent import encode_latent
from provenance.thumbnail import thumbnail
from tests.attacks.redteam.inject import reach, replace_noise
from tests.support import remixes
from tests.support.disputes import NOW, claim_file, quick, request, settle, taken_over, with_latent
from tests.support.forge import bench, made, person, policy, regenerator
from tests.support.pictures import foreign, pixels

PARTS = (Component("unet", bytes(32)),)
PROMPT = "a winding path through a forest"


@pytest.fixture(autouse=True)
def small(monkeypatch):
    monkeypatch.setattr("provenance.copies.OTHER_PROMPTS", ("",))
    monkeypatch.setattr("generator.estimate.ROUNDS", 3)
    monkeypatch.setattr("provenance.link.WRONG_SEEDS", 1)


def victim():
    return made(prompt=PROMPT)


def thief():
    return made("mallory", number=3)


def with_noise(work, its_seed, share):
    """The latent of a work with a seed's noise put in (or taken out) as the whitened test sees it."""
    steps, z = work.recipe.latent_steps, gaussian(its_seed, work.recipe.shape)
    whitening = policy().models[work.recipe.model.digest].calibration(work.recipe.shape).whitening
    moved = dct2(dequantise(work.integers, steps)) + share * dct2(z) / whitening.scale
    return idct2(moved)


def injected():
    """The victim's latent with as much of the thief's noise as passes the whitened test; the picture it decodes to."""
    return with_latent(taken_over(victim(), thief()), with_noise(victim(), thief().recipe.seed, 0.36))


def sealed(work):
    """The work with its prompt sealed, so that nobody regenerates it, and what opens the seal."""
    opening = Opening(bytes(32), work.recipe.prompt)
    return work.with_(recipe=replace(work.recipe, prompt=opening_commitment(opening))), opening


def test_a_thief_who_signed_the_picture_again_with_his_own_key():
    found = settle(victim().sign(), taken_over(victim(), thief()).sign())
    assert found.outcome is Outcome.A
    assert found.b.claimed.verdict is Verdict.INVALID
    assert found.of_a.noise_found
    assert not found.of_b.noise_found


@pytest.mark.slow
def test_the_order_of_the_two_files_decides_nothing():
    assert settle(taken_over(victim(), thief()).sign(), victim().sign()).outcome is Outcome.B


@pytest.mark.slow
def test_a_thief_who_injected_his_noise_passes_until_regeneration_and_the_cross_check():
    a, b = victim().sign(), injected().sign()
    found = settle(a, b)
    assert found.outcome is Outcome.A
    assert found.b.broken
    assert found.of_a.alike  # his picture is a copy of the victim's
    unmade = settle(a, b, asked=quick())  # nobody regenerates: both pass the whitened test
    seven = [next(check for check in side.claimed.checks if check.step == 7) for side in (unmade.a, unmade.b)]
    assert [check.figures["false_accept_log2"] < -128 for check in seven] == [True, True]
    assert (unmade.of_a.noise_found, unmade.of_b.noise_found) == (True, False)
    assert unmade.outcome is Outcome.A


def test_noise_is_sought_in_the_pixels_where_the_stored_latent_may_hide_it():
    """The victim's latent is made again from the victim's seed, so that nobody took anything out of it: a thief's may."""
    cheat = taken_over(victim(), thief())
    cheat = with_latent(cheat, with_noise(victim(), victim().recipe.seed, -0.36))
    found = settle(victim().sign(), sealed(cheat)[0].sign())
    assert found.of_a.bits < REQUIRED_BITS
    assert sought(found.of_a.comparison).startswith("the latent estimated from these pixels")
    assert "is what its own seed makes" in sought(found.of_b.comparison)


def test_a_thief_who_drowns_the_authors_noise_in_his_own():
    """Injected with least damage until the author's is too faint to be found; his seed being public, it is taken out."""
    known = policy().models[victim().recipe.model.digest].calibration(victim().recipe.shape)
    honest = dequantise(victim().integers, known.steps)
    loud, _ = reach(honest, gaussian(thief().recipe.seed, honest.shape), known, 0.65)
    cheat = with_latent(taken_over(victim(), thief()), loud)
    found = settle(victim().sign(), sealed(cheat)[0].sign())
    stored, noise = dequantise(cheat.integers, known.steps), gaussian(victim().recipe.seed, honest.shape)
    assert -log2_false_accept(whitened_cosine(stored, noise, known.whitening), stored.size) < COPY_BITS
    assert found.of_a.bits > REQUIRED_BITS
    assert found.outcome is Outcome.A
    assert "its noise is in both" in found.reason or "seed is in both" in found.reason


def test_a_thief_who_exchanged_the_noises_gets_the_victims_picture_when_they_are_exchanged_back():
    """Until neither cosine is worth anything, at 25 dB: the exchange is undone, since both seeds are public."""
    known = policy().models[victim().recipe.model.digest].calibration(victim().recipe.shape)
    honest = dequantise(victim().integers, known.steps)
    noises = (gaussian(work.recipe.seed, honest.shape) for work in (thief(), victim()))
    exchanged, *_ = replace_noise(honest, *noises, known, 0.34)
    cheat = with_latent(taken_over(victim(), thief()), exchanged)
    found = settle(victim().sign(), sealed(cheat)[0].sign())
    assert found.of_a.bits < COPY_BITS
    assert found.of_a.restored.bits > found.of_a.comparison.rank.tested + 1
    assert found.of_a.restored.bits > 4
    assert found.of_a.restored.from_nothing < 1
    assert found.of_b.restored is None
    assert found.outcome is Outcome.A
    assert "noise taken out" in " ".join(reasons_of(found)[4].sentences)
    assert "the same done to no picture at all" in " ".join(reasons_of(found)[4].sentences)


def exchanged(work, cheat, goal, place=WHERE_IT_LIES):
    """The thief's claim over the work, moved so, with his noise in and the author's out; nobody can make it again."""
    known, shape = policy().models[work.recipe.model.digest].calibration(work.recipe.shape), work.recipe.shape
    honest, victims = dequantise(work.integers, known.steps), gaussian(work.recipe.seed, shape)
    moved = (in_place(each, place) for each in (honest, gaussian(cheat.recipe.seed, shape), victims))
    honest, _, victims = moved
    latent, *_ = replace_noise(honest, gaussian(cheat.recipe.seed, shape), victims, known, goal)
    return with_latent(taken_over(work, cheat), latent)


def clouds():
    return made(prompt="clouds in the sky", guidance="2.5")


@pytest.mark.parametrize(
    "place",
    [
        Place(mirrored=True),
        *(pytest.param(each, marks=pytest.mark.slow) for each in (Place(across=1), Place(True, -1))),
    ],
    ids=str,
)
def test_a_thief_who_moves_or_mirrors_the_latent_before_he_exchanges_the_noises(place):
    found = settle(clouds().sign(), sealed(exchanged(clouds(), thief(), 0.34, place))[0].sign())
    assert found.of_a.restored.bits > found.of_a.comparison.rank.tested + 0.6
    assert found.outcome is Outcome.A


def test_a_thief_who_mirrors_an_injected_picture():
    """The author's noise is found mirrored; that place costs two bits."""
    known = policy().models[clouds().recipe.model.digest].calibration(clouds().recipe.shape)
    turned = in_place(dequantise(clouds().integers, known.steps), Place(mirrored=True))
    loud, _ = reach(turned, gaussian(thief().recipe.seed, turned.shape), known, 0.5)
    found = settle(clouds().sign(), sealed(with_latent(taken_over(clouds(), thief()), loud))[0].sign())
    assert found.of_a.place == Place(mirrored=True)
    assert found.of_a.noise_found
    assert found.outcome is Outcome.A
    assert "mirrored; cosine" in reasons_of(found)[3].sentences[0]


def test_a_thief_who_names_another_model_for_his_exchanged_latent():
    cheat = exchanged(clouds(), thief(), 0.34)
    other = replace(cheat.recipe, model=replace(cheat.recipe.model, name="house, tuned", digest=bytes(32)))
    found = settle(clouds().sign(), cheat.with_(recipe=other).sign())
    assert found.of_a.restored.bits > found.of_a.comparison.rank.tested + 0.6
    assert found.b.claimed.verdict is Verdict.CLAIMED
    assert found.outcome is Outcome.A


def test_a_pale_picture_that_is_nearly_all_noise_of_its_seed_frames_no_honest_work():
    """The best of 768 seeds of the attacker's own: put back, his noise makes his picture appear in any other."""
    master, credentials = person("mallory")
    secret = hashlib.sha256(b"attfog1.25143").digest()
    pale = bench(secret, (derive_author(master),), credentials, bytes(32), "fog", "1.25", evaluations=6)
    master, credentials = person("ann")
    secret = hashlib.sha256(b"vicstars at night6").digest()
    honest = bench(secret, (derive_author(master),), credentials, bytes(32), "stars at night", "4")
    found = settle(sealed(honest)[0].sign(), pale.sign())
    assert found.b.claimed.verdict is Verdict.AUTHENTIC
    assert found.of_b.restored.bits > 1  # what it once took to be a near copy
    assert found.of_b.restored.from_nothing > 1
    assert not found.of_b.near
    assert found.outcome is Outcome.BOTH


@pytest.mark.parametrize(
    "trick", ["adapter", *(pytest.param(each, marks=pytest.mark.slow) for each in ("tokens", "size", "scheduler"))]
)
def test_a_thief_whose_recipe_cannot_even_be_decoded_loses_the_dispute(trick):
    cheat = with_latent(
        taken_over(victim(), thief()), dequantise(victim().integers, victim().recipe.latent_steps) + 0.02
    )
    recipe = cheat.recipe
    other = {
        "adapter": replace(recipe, setup=Setup("X", adapters=(Adapter("lora", "mine", bytes(32)),))),
        "tokens": replace(recipe, max_tokens=33),
        "size": replace(recipe, width=64, height=64),
        "scheduler": replace(
            recipe, setup=Setup("X", replaced_scheduler=True), scheduler=replace(recipe.scheduler, name="Evil")
        ),
    }
    found = settle(victim().sign(), cheat.with_(recipe=other[trick]).sign())
    assert found.outcome is Outcome.A


def sought(comparison):
    return next(check.detail for check in comparison.checks if check.step == 15)


def test_a_thief_who_claims_the_very_pixels_and_keeps_his_latent_to_himself():
    cheat = taken_over(victim(), thief())
    actions = {"actions": [{"action": "c2pa.created", "digitalSourceType": DIGITAL_SOURCE}]}
    assertions = {"c2pa.actions.v2": actions, LABEL: format_assertion(cheat.assertion)}
    manifest = {"assertions": [{"label": name, "created": True, "data": data} for name, data in assertions.items()]}
    found = settle(victim().sign(), foreign(encode_png(cheat.rgb), manifest))
    assert "no latent" in found.b.claimed.reason
    assert not found.of_a.noise_found
    assert found.outcome is Outcome.A


@pytest.mark.parametrize("form", ["signed picture", "claim file"])
def test_a_thief_who_calls_his_copy_a_remix_keeps_no_dispute_from_being_held(form):
    author, own = remixes.original(1), remixes.original(2, who=remixes.master("mallory"))
    copy = author.material.latent + 0.02 * own.material.latent
    cheat = remixes.image_to_image(3, own, who=remixes.master("mallory"), latent=copy)
    file = ClaimFile(cheat.entry, cheat.recipe, encode_latent(cheat.integers), None, None)
    asked = request(policy=remixes.trust(), regenerator=remixes.Rotations())
    found = settle(author.data, cheat.data if form == "signed picture" else format_claim_file(file), asked=asked)
    assert found.b.kind == form
    assert found.outcome is Outcome.A
    if form == "claim file":  # its parent is nowhere, so there is nothing to make other seeds' pictures from
        assert found.of_b.comparison.rank.count == 0
        assert not found.of_b.alike


def test_a_thief_whose_recipe_cannot_be_run_gets_a_report_and_loses_the_dispute(monkeypatch):
    stranger = made("mallory", number=3).with_(recipe=replace(thief().recipe, model=Model("other", bytes(32), PARTS)))
    operation = Operation("image-to-image", {"strength": Decimal("0.5")}, (source_of(stranger),))
    cheat = taken_over(victim(), thief())
    cheat = cheat.with_(recipe=replace(cheat.recipe, operation=operation, parents=operation.parents))
    shown = Parent("parent.png", "image/png", file=stranger.sign(), thumbnail=thumbnail(stranger.rgb))
    around = Remix(operation.name, (shown,), ())
    monkeypatch.setattr("tests.support.forge.sign_picture", partial(sign_picture, remix=around))
    found = settle(victim().sign(), cheat.sign())
    assert found.b.claimed.verdict is Verdict.INVALID
    assert "cannot be run" in found.b.claimed.reason
    assert found.outcome is Outcome.A


def source_of(work):
    return Source(claim_id(work.claim), work.claim.latent)


@pytest.mark.slow
def test_a_thiefs_near_copy_by_image_to_image():
    work, cheat = victim(), taken_over(victim(), thief())
    steps, z = work.recipe.latent_steps, gaussian(cheat.recipe.seed, work.recipe.shape)
    pipeline = regenerator()._pipeline(work.recipe)._pipeline
    import torch

    from generator.sampler import sample_flow_euler

    level = 0.25  # of the noise; the model paints from there on
    start = (1 - level) * dequantise(work.integers, steps) + level * z
    with torch.inference_mode():
        field = pipeline._field(1, PROMPT, "", 2.0)
        near = sample_flow_euler(field, torch.from_numpy(start[None].astype(np.float32)), [0.25, 0.17, 0.08, 0.0])
    copied = with_latent(cheat, near[0].numpy())
    found = settle(work.sign(), copied.sign())
    assert found.outcome is Outcome.A
    assert found.b.broken
    assert found.of_a.alike


@pytest.mark.slow
def test_two_honest_works_of_one_prompt_both_stand():
    found = settle(victim().sign(), made("bea", prompt=PROMPT).sign())
    assert found.outcome is Outcome.BOTH
    assert not found.of_a.explains
    assert not found.of_b.explains
    assert found.a.regenerated
    assert found.b.regenerated


@pytest.mark.slow
def test_one_author_who_claims_twice():
    again = victim().with_(terms=Terms(notice="claimed again"))
    found = settle(victim().sign(), again.sign())
    assert found.outcome is Outcome.BOTH
    assert "claimed twice" in found.reason


@pytest.mark.slow
def test_two_authors_who_know_one_secret():
    other = victim().with_(author_secrets=thief().author_secrets, credentials=thief().credentials)
    found = settle(victim().sign(), other.sign())
    assert found.outcome is Outcome.UNDETERMINED
    assert "timestamps" in found.reason


@pytest.mark.slow
def test_a_claim_file_against_a_signed_picture():
    found = settle(claim_file(victim()), taken_over(victim(), thief()).sign())
    assert found.outcome is Outcome.A
    assert found.a.regenerated


def test_one_claim_against_itself_is_no_dispute():
    with pytest.raises(UsageError, match="one and the same claim"):
        settle(victim().sign(), claim_file(victim()))


@pytest.mark.slow
def test_a_sealed_prompt_is_decided_by_its_opening_or_by_the_cross_check():
    hidden, opening = sealed(victim())
    stolen = taken_over(hidden, thief())
    closed = settle(hidden.sign(), stolen.sign())
    assert closed.a.claimed.verdict is Verdict.CONSISTENT
    assert closed.outcome is Outcome.A
    assert "neither was regenerated" in closed.reason
    opened = settle(hidden.sign(), stolen.sign(), openings=(opening,))
    assert opened.a.regenerated
    assert opened.outcome is Outcome.A


@pytest.mark.slow
def test_two_false_claims_decide_nothing():
    b = taken_over(victim(), made("trudy", number=5))
    assert settle(taken_over(victim(), thief()).sign(), b.sign()).outcome is Outcome.NEITHER


@pytest.mark.slow
def test_a_false_claim_over_something_else_does_not_make_the_other_its_source():
    other = taken_over(made(prompt="desert dunes at noon", number=4), thief())
    found = settle(victim().sign(), other.sign())
    assert found.outcome is Outcome.UNDETERMINED
    assert "nothing shows" in found.reason


def test_tampered_files_are_told_or_refused():
    data = victim().sign()
    with pytest.raises(InvalidError):
        read_side("A", "a.png", data[: len(data) // 2], request())
    file = json.loads(claim_file(victim()))
    file["entry"]["body"]["index"] = 1
    tampered = json.dumps(file, separators=(",", ":"), sort_keys=True).encode()
    side = read_side("A", "a.json", tampered, request())
    assert side.broken
    assert side.pixels is None
    swapped = claim_file(victim(), latent=parse_claim_file(claim_file(thief())).latent)
    assert read_side("A", "a.json", swapped, request()).broken


def test_a_claim_file_with_the_recipe_of_another_work_is_invalid():
    side = read_side("A", "a.json", claim_file(victim(), recipe=thief().recipe), request())
    assert side.broken


def test_huge_and_hostile_claim_files():
    honest = claim_file(victim())
    with pytest.raises(LimitError):
        parse_claim_file(honest + b" " * MAX_CLAIM_FILE_BYTES)
    for bad in (
        b'{"entry":' + b"[" * 100_000,
        b'{"entry":{}}',
        honest[:-1],
        honest + b"\n",
        honest.replace(b":", b": ", 1),
    ):
        with pytest.raises((EncodingError, LimitError)):
            parse_claim_file(bad)
    with pytest.raises(UnsupportedVersionError):
        parse_claim_file(honest[:-2] + b"9}")


def test_names_in_files_do_not_reach_the_page_as_html():
    a = read_side("A", '<script>alert("a")</script>\u202e.png', victim().sign(), quick())
    b = read_side("B", "b.png", thief().sign(), quick())
    found = compare_claims(a, b, quick(), draws=1)
    page = dispute_page(found, NOW, program="seedproof <b>")
    assert "<script" not in page
    assert "\u202e" not in page
    assert "seedproof &lt;b&gt;" in page


def test_the_page_needs_nothing_from_anywhere():
    found = settle(victim().sign(), taken_over(victim(), thief()).sign())
    page = dispute_page(found, NOW, program="seedproof")
    assert "default-src 'none'" in page
    assert page.count("src=") == page.count('src="data:image/png;base64,') >= 2
    assert "http" not in page.replace("http-equiv", "")
    assert "A explains both pictures" in page
    assert found.a.sha256 in page


def test_the_json_form_and_its_reasons():
    found = settle(victim().sign(), taken_over(victim(), thief()).sign())
    document = dispute_json(found)
    json.dumps(document, allow_nan=False)
    assert document["outcome"] == "A explains both"
    assert [each["number"] for each in document["reasons"]] == [1, 2, 3, 4, 5]
    assert reasons_of(found)[3].figures["bits_A_in_B"] > 128
    assert reasons_of(found)[3].figures["bits_B_in_A"] < 60


def test_pictures_that_are_no_claims_are_refused():
    from provenance.errors import UnprovedError

    with pytest.raises(UnprovedError, match=r"a\.png"):
        read_side("A", "a.png", encode_png(pixels()), request())
