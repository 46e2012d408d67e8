"""What a cheat gets from ``verify``: the whole of it, over pictures that the real model made.

Threats are those of docs/threat-model.md; each test is named after one.
"""

import hashlib
import json
from dataclasses import replace
from decimal import Decimal

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from provenance import proof
from provenance.calibration import calibration_id, format_calibration
from provenance.claim import claim_id, parse_claim
from provenance.commitment import commit, seed
from provenance.correlation import dct2, idct2
from provenance.credentials import one_time_credentials
from provenance.curve import public_key
from provenance.derivation import derive_author, derive_work
from provenance.encoding import canonical, parse_json
from provenance.errors import InvalidError, MissingModelError, SealedError, SeedproofError, UnsupportedVersionError
from provenance.hashing import Tag, tagged_hash
from provenance.latent import dequantise, quantise
from provenance.noise import gaussian
from provenance.pixels import encode_png
from provenance.policy import Policy, parse_policy
from provenance.recipe import Opening, Prompt, opening_commitment, seal
from provenance.report import Status, Verdict
from provenance.storedlatent import encode_latent
from provenance.verify import Depth
from tests.support.forge import NOW, bench, judge, logged, made, parts_of, person, policy, regenerator, step
from tests.support.pictures import foreign, header, join, split, with_store_of

CURVE_ORDER = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141


def failed_at(report, number):
    return report.verdict is Verdict.INVALID and step(report, number).status is Status.FAIL


# --- honest files, so that the attacks below prove something ---------------------------------------------------------


def test_an_honest_picture_is_authentic():
    report = judge(made().sign())
    assert report.verdict is Verdict.AUTHENTIC
    assert report.exit_code() == 0
    assert [check.step for check in report.checks] == list(range(1, 13))
    assert all(check.status in (Status.PASS, Status.SKIP) for check in report.checks)
    assert step(report, 9).figures["distance"] <= step(report, 9).figures["accept"]


def test_an_honest_picture_is_only_claimed_when_nobody_decodes_it():
    report = judge(made().sign(), depth=Depth.QUICK)
    assert report.verdict is Verdict.CLAIMED
    assert step(report, 7).status is Status.PASS
    assert step(report, 7).figures["false_accept_log2"] < -128


def test_regeneration_on_a_machine_without_the_model_is_consistent_or_refused():
    work = made()
    stranger = replace(work.recipe, model=replace(work.recipe.model, digest=bytes(32)))
    data = work.with_(recipe=stranger).sign()
    assert judge(data).verdict is Verdict.CLAIMED
    with pytest.raises(MissingModelError, match="cannot regenerate"):
        judge(data, depth=Depth.INSIST)


def test_a_model_that_the_policy_does_not_know_is_never_authentic():
    report = judge(made(prompt="a calm lake at dawn").sign(), trust=Policy())
    assert report.verdict is Verdict.CONSISTENT
    assert report.exit_code() == 3
    assert report.exit_code(accept_consistent=True) == 0


# --- theft ----------------------------------------------------------------------------------------------------------


def test_one_pixel_changed():
    work = made()
    rgb = work.rgb.copy()
    rgb[3, 5, 1] ^= 1
    assert failed_at(judge(work.sign(assertion=work.assertion, image=encode_png(rgb))), 3)
    tampered = split(work.sign())
    tampered[1][1] = split(encode_png(rgb))[1][1]
    assert judge(join(tampered)).verdict is Verdict.INVALID


def test_manifest_stripped():
    report = judge(encode_png(made().rgb))
    assert report.verdict is Verdict.UNPROVED
    assert report.exit_code() == 3
    assert "stripped" in report.reason


def test_manifest_of_one_picture_on_another():
    other = made(number=1)
    assert judge(with_store_of(made().sign(), encode_png(other.rgb))).verdict is Verdict.INVALID


def test_assertion_copied_into_another_authors_signed_manifest():
    work, (_, mallory) = made(), person("mallory")
    other = made("mallory", number=7)
    assert failed_at(judge(other.sign(assertion=work.assertion, credentials=mallory)), 3)


def test_container_signed_again_around_untouched_pixels_stays_the_authors():
    work, (_, mallory) = made(), person("mallory")
    report = judge(work.sign(assertion=work.assertion, credentials=mallory))
    assert report.verdict is Verdict.AUTHENTIC
    assert report.authors == (commit(work.author_secrets[0]),)
    assert step(report, 1).status is Status.WARN
    assert "mallory" in step(report, 1).detail


def test_thief_strips_and_claims_the_pixels_with_his_own_seed_and_latent():
    victim, thief = made(), made("mallory", number=3)
    report = judge(thief.with_(rgb=victim.rgb).sign())
    assert failed_at(report, 8)
    assert judge(thief.with_(rgb=victim.rgb).sign(), depth=Depth.QUICK).verdict is Verdict.CLAIMED


def test_thief_keeps_the_victims_latent_and_claims_it_with_his_own_key():
    victim, thief = made(), made("mallory", number=3)
    stolen = victim.with_(
        secret=thief.secret,
        author_secrets=thief.author_secrets,
        credentials=thief.credentials,
        nonce=thief.nonce,
        recipe=replace(victim.recipe, seed=seed(commit(thief.secret))),
    )
    report = judge(stolen.sign())
    assert step(report, 7).status is Status.WARN
    assert step(report, 8).status is Status.PASS
    assert failed_at(report, 9)


def test_thief_keeps_the_victims_seed_beside_his_own_key():
    victim, thief = made(), made("mallory", number=3)
    stolen = victim.with_(secret=thief.secret, author_secrets=thief.author_secrets, credentials=thief.credentials)
    assert failed_at(judge(stolen.sign()), 6)


def test_picture_repainted_around_the_forgers_own_noise_is_unmasked_by_regeneration():
    victim, thief = made(), made("mallory", number=3)
    shape, steps = thief.recipe.shape, thief.recipe.latent_steps
    whitening = policy().models[thief.recipe.model.digest].calibration(shape).whitening
    z = gaussian(thief.recipe.seed, shape)
    latent, strength = dequantise(victim.integers, steps), 0.02
    while True:  # inject the thief's noise, along the whitened test's own axis, until the test is passed
        moved = dct2(latent) + strength * dct2(z) / whitening.scale * np.median(whitening.scale)
        forged = quantise(idct2(moved).astype(np.float32), steps)
        candidate = thief.with_(
            integers=forged, rgb=regenerator().decode(thief.recipe, dequantise(forged, steps)), latent=None
        )
        report = judge(candidate.sign(), depth=Depth.QUICK)
        if step(report, 7).status is Status.PASS:
            break
        strength *= 1.3
    unmasked = judge(candidate.sign())
    assert failed_at(unmasked, 9)
    assert step(unmasked, 8).status is Status.PASS
    # with a sealed prompt nobody can regenerate: the repaint passes for consistent, and the report says what that is worth
    opening = Opening(bytes(32), thief.recipe.prompt)
    hidden = candidate.with_(recipe=replace(candidate.recipe, prompt=opening_commitment(opening)))
    report = judge(hidden.sign())
    assert report.verdict is Verdict.CONSISTENT
    assert "NOT against somebody who repaints" in report.to_json()["statement"]


# --- framing, keys and signatures -----------------------------------------------------------------------------------


def test_proof_by_another_key():
    work, other = made(), made("mallory", number=3)
    forged = replace(work.assertion, possession=proof.prove(Tag.POSSESSION, other.secret, claim_id(work.claim)))
    assert failed_at(judge(work.sign(assertion=forged)), 4)


def test_author_signature_swapped():
    work, other = made(), made("mallory", number=3)
    by_other = proof.prove(Tag.AUTHOR, other.author_secrets[0], claim_id(work.claim))
    assert failed_at(judge(work.sign(assertion=replace(work.assertion, authors=(by_other,)))), 5)


def test_framing_a_victim_as_author_without_his_signature():
    work = made("mallory", number=3)
    victim = commit(made().author_secrets[0])
    honest = parse_json(work.assertion.claim, "claim")
    honest["authors"] = [{"scheme": "bip340", "key": victim.hex()}]
    claim = canonical(honest)
    identifier = claim_id(parse_claim(claim))
    framed = replace(
        work.assertion,
        claim=claim,
        possession=proof.prove(Tag.POSSESSION, work.secret, identifier),
        authors=(proof.prove(Tag.AUTHOR, work.author_secrets[0], identifier),),
    )
    assert failed_at(judge(work.sign(assertion=framed)), 5)


def test_a_possession_proof_is_no_author_signature():
    work = made()
    forged = replace(work.assertion, authors=(work.assertion.possession,))
    assert failed_at(judge(work.sign(assertion=forged)), 5)


def test_author_signature_missing_or_added():
    work = made()
    for authors in ((), work.assertion.authors * 2):
        assert failed_at(judge(work.sign(assertion=replace(work.assertion, authors=authors))), 5)


def test_seed_that_is_not_derived_from_the_commitment():
    work = made()
    chosen = hashlib.sha256(b"a seed that the cheat likes").digest()
    cheat = bench(work.secret, work.author_secrets, work.credentials, work.nonce, "a calm lake", noise_seed=chosen)
    stated = cheat.with_(recipe=replace(cheat.recipe, seed=chosen))
    assert failed_at(judge(stated.sign()), 6)
    hidden = judge(cheat.sign())
    assert failed_at(hidden, 9)


def test_parity_flipped_key_is_the_same_claim_and_no_second_one():
    work = made()
    flipped = (CURVE_ORDER - int.from_bytes(work.secret, "big")).to_bytes(32, "big")
    assert public_key(flipped) == public_key(work.secret)
    again = work.with_(secret=flipped)
    assert claim_id(again.claim) == claim_id(work.claim)
    assert judge(again.sign()).verdict is Verdict.AUTHENTIC


def test_index_out_of_series():
    work = made()
    assert failed_at(judge(work.with_(index=1).sign()), 6)


# --- recipe and latent ----------------------------------------------------------------------------------------------


def paths(value, prefix=()):
    """Every leaf of a JSON value."""
    if isinstance(value, dict):
        for key, item in value.items():
            yield from paths(item, (*prefix, key))
    elif isinstance(value, list) and value:
        for position, item in enumerate(value):
            yield from paths(item, (*prefix, position))
    else:
        yield prefix


def changed(value):
    if isinstance(value, bool):
        return not value
    if isinstance(value, int):
        return value + 1
    if isinstance(value, str):
        return value[:-1] + ("0" if value[-1:] != "0" else "1") if value else "x"
    return "x" if value is None else ["00" * 32]


def test_recipe_changed_in_any_field():
    work = made()
    recipe = json.loads(work.assertion.recipe)
    places = list(paths(recipe))
    assert len(places) > 30
    for place in places:
        forged = json.loads(work.assertion.recipe)
        at = forged
        for key in place[:-1]:
            at = at[key]
        at[place[-1]] = changed(at[place[-1]])
        data = work.sign(assertion=replace(work.assertion, recipe=canonical(forged)))
        try:
            report = judge(data, depth=Depth.QUICK)
        except UnsupportedVersionError:
            assert place[-1] in ("v", "id"), place
            continue
        assert report.verdict is Verdict.INVALID, place


def test_claim_changed_in_any_field():
    work = made()
    for place in paths(json.loads(work.assertion.claim)):
        forged = json.loads(work.assertion.claim)
        at = forged
        for key in place[:-1]:
            at = at[key]
        at[place[-1]] = changed(at[place[-1]])
        data = work.sign(assertion=replace(work.assertion, claim=canonical(forged)))
        try:
            report = judge(data, depth=Depth.QUICK)
        except UnsupportedVersionError:
            assert place[-1] == "v"
            continue
        assert report.verdict is Verdict.INVALID, place


def test_latent_changed():
    work = made()
    other = work.integers.copy()
    other[0, 0, 0] += 1
    assert failed_at(judge(work.sign(latent=encode_latent(other))), 3)


def test_latent_missing_leaves_a_claim():
    work = made()
    data = {"label": "org.seedproof.authorship", "created": True, "data": assertion_json(work)}
    action = {
        "action": "c2pa.created",
        "digitalSourceType": "http://cv.iptc.org/newscodes/digitalsourcetype/trainedAlgorithmicMedia",
    }
    actions = {"label": "c2pa.actions.v2", "created": True, "data": {"actions": [action]}}
    report = judge(foreign(encode_png(work.rgb), {"assertions": [actions, data]}))
    assert report.verdict is Verdict.CLAIMED
    assert "no latent" in report.reason


def assertion_json(work):
    from provenance.assertion import format_assertion

    return format_assertion(work.assertion)


def test_unknown_versions_are_not_called_invalid():
    work = made()
    for part in ("claim", "recipe"):
        newer = json.loads(getattr(work.assertion, part))
        newer["v"] = 2
        with pytest.raises(UnsupportedVersionError) as caught:
            judge(work.sign(assertion=replace(work.assertion, **{part: canonical(newer)})))
        assert caught.value.exit_code == 4


def test_a_picture_that_does_not_depend_on_its_seed_proves_no_authorship():
    work = made()
    coarse = (Decimal(1000),) * len(work.recipe.latent_steps)
    empty = bench(work.secret, work.author_secrets, work.credentials, work.nonce, "hills", steps=coarse)
    assert not empty.integers.any()
    report = judge(empty.sign())
    assert report.verdict is Verdict.CLAIMED
    assert "does not depend on its seed" in report.reason


def test_a_recipe_that_would_take_hours_is_not_regenerated():
    work = made()
    data = work.with_(recipe=replace(work.recipe, steps=1000)).sign()
    report = judge(data)
    assert report.verdict is Verdict.CLAIMED
    assert step(report, 9).status is Status.SKIP
    assert "more than is done for a stranger" in step(report, 9).detail


class Memory:
    """A generator that has memorised one picture: whatever the seed, it makes that one."""

    def __init__(self, latents, *, right=0):
        self.latents, self.right, self.calls = latents, right, 0

    def why_not(self, recipe):
        return None

    def decode(self, recipe, latent):
        return regenerator().decode(recipe, latent)

    def regenerate(self, recipe, prompt, seeds):
        self.calls += 1
        return [self.latents[min(self.calls - 1, len(self.latents) - 1)]]

    def invert(self, recipe, prompt, latent):
        return np.random.default_rng(0).normal(size=latent.shape).astype(np.float32)


def judged_by(work, machine):
    from provenance.verify import Request, verify

    return verify(work.sign(), Request(policy=policy(), now=NOW, regenerator=machine))


def unlinked(work):
    """The victim's picture under a key of the thief's, whose seed has nothing to do with it."""
    thief = made("mallory", number=3)
    return work.with_(
        secret=thief.secret,
        author_secrets=thief.author_secrets,
        credentials=thief.credentials,
        nonce=thief.nonce,
        recipe=replace(work.recipe, seed=seed(commit(thief.secret))),
    )


def test_regeneration_alone_without_a_link_to_the_noise_is_not_authentic():
    work = made()
    exact = dequantise(work.integers, work.recipe.latent_steps)
    # the wrong seeds that the thief has ground make other ones
    others = [np.random.default_rng(j).normal(size=exact.shape).astype(np.float32) for j in range(4)]
    report = judged_by(unlinked(work), Memory([exact, *others]))
    assert step(report, 9).status is Status.PASS
    assert report.verdict is Verdict.CLAIMED
    assert "not linked" in report.reason


def test_wrong_seeds_that_make_the_same_picture_to_the_eye_prove_no_authorship():
    work = made()
    exact = dequantise(work.integers, work.recipe.latent_steps)
    shake = np.random.default_rng(1).normal(size=exact.shape).astype(np.float32)
    alike = exact + 0.1 * exact.std() * shake
    report = judged_by(work, Memory([exact, alike]))
    assert step(report, 9).figures["nearest_wrong_distance"] > step(report, 9).figures["reject"]
    assert report.verdict is Verdict.CLAIMED
    assert "does not depend on its seed" in report.reason


def test_steps_of_the_files_own_choice_are_never_authentic():
    work = made()
    finer = tuple(s * Decimal("1.5") for s in work.recipe.latent_steps)
    report = judge(bench(work.secret, work.author_secrets, work.credentials, work.nonce, "a lake", steps=finer).sign())
    assert step(report, 9).status is Status.PASS
    assert report.verdict is Verdict.CONSISTENT
    assert "calibration" in report.reason


def test_container_warning_survives_an_expired_certificate(monkeypatch):
    from dataclasses import replace as changed_to

    import provenance.integrity as verifying
    from provenance.manifest import read_container

    def expired(*args, **kwargs):
        found = read_container(*args, **kwargs)
        return changed_to(found, state="invalid", failures=("signingCredential.expired",))

    monkeypatch.setattr(verifying, "read_container", expired)
    work, (_, mallory) = made(), person("mallory")
    own = judge(work.sign(), depth=Depth.QUICK)
    assert step(own, 1).status is Status.WARN
    assert "does not vouch" not in step(own, 1).detail
    wrapped = judge(work.sign(assertion=work.assertion, credentials=mallory), depth=Depth.QUICK)
    assert "does not vouch" in step(wrapped, 1).detail
    assert "run out" in step(wrapped, 1).detail


def test_a_stranger_cannot_spoil_the_picture_with_a_rotten_receipt():
    work, (_, mallory) = made(), person("mallory")
    rotten = replace(work.assertion, receipt=b"{}")
    report = judge(work.sign(assertion=rotten, credentials=mallory))
    assert report.verdict is Verdict.AUTHENTIC
    assert step(report, 10).status is Status.WARN
    assert failed_at(judge(work.sign(assertion=rotten)), 10)


def test_tiny_latents_are_refused_and_crash_nothing():
    work = made()
    for shape in ([1, 1, 1], [1, 1, 2], [8, 1, 1]):
        claim, recipe = json.loads(work.assertion.claim), json.loads(work.assertion.recipe)
        claim["latent"]["shape"] = recipe["noise"]["shape"] = shape
        claim["latent"]["steps"] = recipe["latent"]["steps"] = ["1"] * shape[0]
        forged = replace(work.assertion, claim=canonical(claim), recipe=canonical(recipe))
        assert judge(work.sign(assertion=forged), depth=Depth.QUICK).verdict is Verdict.INVALID


odd = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**53) + 1, 2**53 - 1),
    st.text(max_size=20),
    st.sampled_from(["", "0", "-1", "1e9", "9" * 40, "0." + "0" * 38 + "1", "00" * 32, "ff" * 64]),
    st.lists(st.integers(0, 2000), max_size=4),
)


@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.data())
def test_whatever_a_signed_file_says_only_reports_and_our_errors_come_back(data):
    work = made()
    texts = {name: json.loads(getattr(work.assertion, name)) for name in ("claim", "recipe")}
    for _ in range(data.draw(st.integers(1, 3))):
        whole = texts[data.draw(st.sampled_from(["claim", "recipe"]))]
        place = data.draw(st.sampled_from(list(paths(whole))))
        at = whole
        for key in place[:-1]:
            at = at[key]
        at[place[-1]] = data.draw(odd)
    if data.draw(st.booleans()):  # the forger signs what he wrote, so that the later steps are reached
        texts["claim"]["recipe"] = tagged_hash(Tag.RECIPE, canonical(texts["recipe"])).hex()
    try:
        claim = parse_claim(canonical(texts["claim"]))
        possession = proof.prove(Tag.POSSESSION, work.secret, claim_id(claim))
        authors = tuple(proof.prove(Tag.AUTHOR, work.author_secrets[0], claim_id(claim)) for _ in claim.authors)
    except SeedproofError:
        possession, authors = work.assertion.possession, work.assertion.authors
    forged = replace(
        work.assertion,
        claim=canonical(texts["claim"]),
        recipe=canonical(texts["recipe"]),
        possession=possession,
        authors=authors,
    )
    try:
        report = judge(work.sign(assertion=forged), depth=Depth.QUICK)
    except SeedproofError:
        return
    json.dumps(report.to_json(), allow_nan=False)
    assert report.verdict is not Verdict.AUTHENTIC


# --- policy ---------------------------------------------------------------------------------------------------------


def test_hostile_calibration_supplied_with_the_file_is_refused():
    work = made()
    stowaway = assertion_json(work) | {"calibration": "x"}
    data = foreign(
        encode_png(work.rgb),
        {"assertions": [{"label": "org.seedproof.authorship", "created": True, "data": stowaway}]},
        latent=encode_latent(work.integers),
    )
    assert judge(data).verdict is Verdict.INVALID


def test_calibration_other_than_the_pinned_one_is_refused():
    trust = policy().models[made().recipe.model.digest]
    calibration = next(iter(trust.calibrations.values()))
    hostile = format_calibration(
        replace(calibration, thresholds=replace(calibration.thresholds, accept=1e6, reject=1e7))
    )
    pin = calibration_id(format_calibration(calibration)).hex()
    text = {
        "kind": "policy",
        "v": 1,
        "models": [{"name": "house", "digest": trust.digest.hex(), "calibrations": [pin]}],
        "logs": [],
        "timestamp_authorities": [],
        "c2pa_anchors": [],
    }
    with pytest.raises(InvalidError, match="another digest"):
        parse_policy(json.dumps(text).encode(), lambda _: hostile)


# --- hidden channels in the file ------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", [b"gAMA", b"iCCP", b"tRNS", b"acTL", b"eXIf"])
def test_extra_chunks_are_not_canonical(kind):
    parts = split(encode_png(made().rgb))
    image = join([parts[0], [kind, bytes(8)], *parts[1:]])
    assert failed_at(judge(made().sign(image=image), depth=Depth.QUICK), 3)


def test_alpha_channel_smuggled_in():
    side = made().rgb.shape[0]
    rgba = np.dstack([made().rgb, np.full((side, side), 128, np.uint8)])
    import io

    from PIL import Image

    out = io.BytesIO()
    Image.fromarray(rgba).save(out, "PNG")
    assert failed_at(judge(made().sign(image=out.getvalue()), depth=Depth.QUICK), 3)
    assert header()  # the workbench's own header is the honest one


# --- sealed prompts -------------------------------------------------------------------------------------------------


def sealed_work():
    work = made()
    opening = Opening(hashlib.sha256(b"salt").digest(), work.recipe.prompt)
    key = hashlib.sha256(b"prompt key").digest()
    recipe = replace(work.recipe, prompt=opening_commitment(opening))
    return work.with_(recipe=recipe, sealed=seal(opening, key, 0)), opening


def test_sealed_prompt_is_consistent_without_and_authentic_with_its_opening():
    work, opening = sealed_work()
    data = work.sign()
    assert b"snowy mountains" not in data
    assert judge(data).verdict is Verdict.CONSISTENT
    assert judge(data, opening=opening).verdict is Verdict.AUTHENTIC


def test_sealed_prompt_opened_wrongly():
    work, opening = sealed_work()
    for wrong in (replace(opening, prompt=Prompt("a city")), replace(opening, salt=bytes(32))):
        with pytest.raises(SealedError) as caught:
            judge(work.sign(), opening=wrong)
        assert caught.value.exit_code == 1


# --- log ------------------------------------------------------------------------------------------------------------


def test_receipt_of_another_claim(tmp_path):
    receipt = logged(made(number=1), tmp_path / "log.db")[0].receipt
    assert failed_at(judge(made().with_(receipt=receipt).sign()), 10)


def test_receipt_of_an_unknown_log_is_no_evidence(tmp_path):
    work, entry, key = logged(made(), tmp_path / "log.db")
    signed = replace(work.assertion, possession=entry.possession, authors=entry.authors)
    report = judge(work.sign(assertion=signed), depth=Depth.QUICK)
    assert step(report, 10).status is Status.WARN
    known = judge(work.sign(assertion=signed), depth=Depth.QUICK, trust=policy().with_own_log(key))
    assert step(known, 10).status is Status.PASS
    assert "proves no time" in step(known, 10).detail


def test_older_rival_claim_in_the_log_is_shown(tmp_path):
    from ledger.local import open_ledger
    from provenance.claim import format_entry

    victim = made()
    master, credentials = person("mallory")
    nonce = bytes(32)
    rival = victim.with_(
        secret=derive_work(master, nonce), author_secrets=(derive_author(master),), credentials=credentials, nonce=nonce
    )
    log = open_ledger(str(tmp_path / "log.db"), create=True)
    log.submit(format_entry(rival.entry))
    log.submit(format_entry(victim.entry))
    report = judge(victim.sign(), depth=Depth.QUICK, ledger=log)
    assert step(report, 11).status is Status.WARN
    assert step(report, 11).figures["oldest_rival"] == 0
    log.close()


# --- anonymity ------------------------------------------------------------------------------------------------------


def test_anonymous_work_names_nobody_and_is_authentic():
    work = made().with_(author_secrets=(), credentials=one_time_credentials(NOW))
    data = work.sign()
    report = judge(data)
    assert report.verdict is Verdict.AUTHENTIC
    assert report.authors == ()
    assert commit(made().author_secrets[0]).hex().encode() not in data
    assert b"ann" not in bytes(parts_of(data)[2].claim)
