"""Finding, keeping and showing what a work was made from."""

import json
import os
import xml.etree.ElementTree as ET
from decimal import Decimal

import numpy as np
import pytest
from click.testing import CliRunner

from provenance.claim import format_entry
from provenance.cli_lineage import lineage as lineage_command
from provenance.derivation import derive_author
from provenance.errors import LimitError, OutputError, UnprovedError, UsageError
from provenance.followup import sign_revocation
from provenance.followup_body import Revocation
from provenance.kept import kept_remix
from provenance.lineagesearch import collect_works, work_of_file
from provenance.manifest import read_container
from provenance.manifest_parents import Parent, Remix
from provenance.manifest_write import sign_picture
from provenance.nearby import works_in
from provenance.operation import Operation
from provenance.pedigree import tree
from provenance.pixels import encode_png, read_picture
from provenance.recipe import Opening, Prompt, format_recipe, opening_commitment
from provenance.report import Status, Verdict
from provenance.storedlatent import encode_latent
from provenance.work import format_bundle
from tests.support.entrylog import EntryLog
from tests.support.pictures import TERMS, assertion
from tests.support.pictures import author as credentials
from tests.support.remixes import (
    Rotations,
    blend,
    image_to_image,
    judge,
    original,
    outside_source,
    recipe_of,
    remix,
    sign,
    step,
    trust,
)
from tests.support.works import make_work, master


class Shelf(EntryLog):
    """A log that also keeps recipes and latents."""

    def __init__(self, *works):
        super().__init__()
        self.blobs, self.asked = {}, 0
        for each in works:
            self.submit(format_entry(each.entry))
            self.blobs[each.claim.recipe] = format_recipe(each.recipe)
            self.blobs[each.claim.latent.digest] = encode_latent(each.integers)

    def get_blob(self, digest, *, limit):
        self.asked += 1
        return self.blobs.get(digest)


def orphan(number, parent):
    """A child whose manifest carries its parent by name alone."""
    return image_to_image(number, parent, carried=(Parent("parent.png", "image/png"),))


def test_a_missing_parent_is_said_to_be_missing_and_where_to_look():
    report = judge(orphan(2, original(1)).data, deep=True)
    assert report.verdict is Verdict.CLAIMED
    assert "--dir" in report.reason
    assert "--ledger" in report.reason
    assert step(report, 9).status is Status.SKIP
    assert report.lineage["works"][1]["standing"] == "missing"


def test_a_missing_parent_is_found_in_a_folder(tmp_path):
    parent = original(1)
    (tmp_path / "parent.png").write_bytes(parent.data)
    (tmp_path / "other.webp").write_bytes(b"no picture")
    (tmp_path / "plain.png").write_bytes(encode_png(np.zeros((4, 4, 3), np.uint8)))
    report = judge(orphan(2, parent).data, deep=True, nearby=works_in([tmp_path]))
    assert report.verdict is Verdict.AUTHENTIC
    assert report.lineage["works"][1]["found"] == "file"


def test_ancestors_inside_of_found_files_are_found_too(tmp_path):
    parent = original(1)
    (tmp_path / "child.png").write_bytes(image_to_image(2, parent).data)
    assert judge(orphan(3, parent).data, deep=True, nearby=works_in([tmp_path])).verdict is Verdict.AUTHENTIC


def test_folders_are_opened_only_when_something_is_missing():
    def never():
        raise AssertionError

    assert judge(image_to_image(2, original(1)).data, nearby=never).verdict is Verdict.CONSISTENT


def test_a_bad_file_in_a_folder_does_not_speak_against_the_child(tmp_path):
    parent = original(1)
    broken = bytearray(parent.data)
    broken[-100] ^= 1
    (tmp_path / "parent.png").write_bytes(bytes(broken))
    assert judge(orphan(2, parent).data, nearby=works_in([tmp_path])).verdict is Verdict.CLAIMED


def test_what_is_no_folder_is_refused(tmp_path):
    with pytest.raises(UsageError, match="no folder"):
        works_in([tmp_path / "none"])
    assert works_in([]) is None


def test_a_folder_without_end_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr("provenance.nearby.MAX_PICTURES", 1)
    for name in "ab":
        (tmp_path / f"{name}.png").write_bytes(b"")
    with pytest.raises(LimitError, match="smaller folder"):
        works_in([tmp_path])()


def test_a_missing_parent_is_fetched_from_a_log():
    parent = original(1)
    report = judge(orphan(2, parent).data, deep=True, ledger=Shelf(parent))
    assert report.verdict is Verdict.AUTHENTIC
    assert report.lineage["works"][1]["found"] == "ledger"


@pytest.mark.parametrize("lost", ["recipe", "latent", "entry"])
def test_a_log_that_lacks_a_part_is_no_help(lost):
    parent = original(1)
    shelf = Shelf(parent)
    if lost == "entry":
        shelf = Shelf(original(5))
    else:
        del shelf.blobs[parent.claim.recipe if lost == "recipe" else parent.claim.latent.digest]
    report = judge(orphan(2, parent).data, deep=True, ledger=shelf)
    assert report.verdict is Verdict.CLAIMED
    assert "does not have" in report.reason


def test_a_log_that_serves_another_latent_is_not_believed():
    parent, other = original(1), original(5)
    shelf = Shelf(parent)
    shelf.blobs[parent.claim.latent.digest] = encode_latent(other.integers)
    report = judge(orphan(2, parent).data, deep=True, ledger=shelf)
    assert report.verdict is Verdict.CLAIMED
    assert "not the one that was claimed" in report.reason


def test_a_parent_from_a_log_travels_on_in_the_manifest():
    parent = original(1)
    bundle = format_bundle(parent.entry, parent.recipe, encode_latent(parent.integers))
    child = image_to_image(2, parent, carried=(Parent("p", "application/octet-stream", work=bundle),))
    assert judge(child.data, deep=True).verdict is Verdict.AUTHENTIC


def test_a_revoked_ancestor_is_shown_with_who_and_when():
    parent = original(1)
    child = image_to_image(2, parent)
    shelf = Shelf(parent, child)
    body = Revocation(parent.id, parent.id, "withdrawn", "no longer mine to show")
    shelf.submit(sign_revocation(body, [derive_author(master())]))
    report = judge(child.data, deep=True, ledger=shelf)
    assert step(report, 12).status is Status.WARN
    assert step(report, 12).figures["withdrawn"] == 1
    assert "revoked by its owner" in step(report, 12).detail
    assert "entry 2" in step(report, 12).detail


def test_terms_of_a_parent_are_shown_unless_its_author_made_the_derivative_himself():
    from provenance.claim import Terms

    parent = original(1, who=master("bea"), terms=Terms(derivation="notAllowed", notice="ask me"))
    report = judge(image_to_image(2, parent).data, deep=True)
    assert report.verdict is Verdict.AUTHENTIC
    assert step(report, 12).figures["derivation_not_allowed"] == 1
    assert "allows no derivatives" in step(report, 12).detail
    assert "ask me" in step(report, 12).detail
    own = original(3, terms=Terms(derivation="notAllowed"))
    assert step(judge(image_to_image(4, own).data), 12).figures["derivation_not_allowed"] == 0


def test_a_sealed_ancestor_cannot_be_made_again_without_its_opening():
    who, prompt = master(), Prompt("hills")
    opening = Opening(b"\x01" * 32, prompt)
    recipe = recipe_of(1, who, prompt=opening_commitment(opening))
    (latent,) = Rotations().regenerate(recipe, prompt, [recipe.seed])
    child = image_to_image(2, sign(1, recipe, latent, who=who))
    report = judge(child.data, deep=True)
    assert report.verdict is Verdict.CONSISTENT
    assert "sealed" in report.reason
    assert judge(child.data, deep=True, opening=opening).verdict is Verdict.AUTHENTIC


def test_an_anonymous_parent_and_a_model_that_is_not_here():
    child = image_to_image(2, original(1, anonymous=True))
    assert judge(child.data, deep=True).verdict is Verdict.AUTHENTIC
    report = judge(child.data, deep=True, regenerator=Rotations(models=()))
    assert report.verdict is Verdict.CLAIMED


def test_parents_are_kept_when_the_manifest_is_rebuilt():
    grandparent, other = original(1), original(2)
    parent = image_to_image(3, grandparent)
    child = blend(4, parent, other)
    again = remix(
        4, child.recipe.operation, [parent, other], latent=child.material.latent, changes={"steps": 1}, carried=kept_remix(child.data).parents
    )  # fmt: skip
    assert again.id == child.id
    before, after = (read_container(each.data, "image/png", anchors_pem=None) for each in (child, again))
    assert [each.claim for each in after.ingredients] == [each.claim for each in before.ingredients]
    assert [each.failures for each in after.ingredients] == [()] * 3
    assert [(each.title, each.relationship) for each in after.ingredients] == [
        (each.title, each.relationship) for each in before.ingredients
    ]
    assert step(judge(again.data, deep=True), 12).figures["made_again"] == 3
    assert kept_remix(child.data).description == "blend"
    assert kept_remix(original(9).data) is None


def test_a_bundle_and_an_outside_latent_are_kept():
    source, integers, material = outside_source(3)
    parent = original(1)
    bundle = format_bundle(parent.entry, parent.recipe, encode_latent(parent.integers))
    operation = Operation("blend", {"mode": "linear", "weight": Decimal("0.5")}, (parent.source, source))
    carried = (Parent("seedproof-work", "application/octet-stream", work=bundle), Parent("photo.jpg", "image/jpeg"))
    child = remix(
        2, operation, (), sources=[parent.material, material], outside=[integers], carried=carried, changes={"steps": 1}
    )
    kept = kept_remix(child.data)
    assert [each.work for each in kept.parents] == [bundle, None]
    assert kept.parents[1].title == "photo.jpg"
    assert kept.outside == (encode_latent(integers),)


def test_a_derived_picture_needs_its_parents_to_be_signed():
    image = encode_png(np.zeros((8, 8, 3), np.uint8))
    with pytest.raises(UsageError, match="made from"):
        sign_picture(
            image, "image/png", assertion(), b"x", credentials(), title="t", training_mining=TERMS, remix=Remix("", ())
        )


def test_a_lineage_too_large_to_be_read_is_not_written(monkeypatch):
    monkeypatch.setattr("provenance.manifest_write.MAX_MANIFESTS", 2)
    with pytest.raises(LimitError, match="earlier work"):
        image_to_image(3, image_to_image(2, original(1)))


def test_viewers_are_told_what_was_opened_edited_and_placed():
    child = blend(3, original(1), original(2))
    store = read_container(child.data, "image/png", anchors_pem=None).store
    manifest = store["manifests"][store["active_manifest"]]
    actions = next(each for each in manifest["assertions"] if each["label"] == "c2pa.actions.v2")["data"]["actions"]
    assert [each["action"] for each in actions] == ["c2pa.opened", "c2pa.edited", "c2pa.placed"]
    relations = [each["relationship"] for each in manifest["ingredients"] if "active_manifest" in each]
    assert relations == ["parentOf", "componentOf"]
    named = [each["url"] for action in actions for each in action.get("parameters", {}).get("ingredients", [])]
    assert len(set(named)) == 2


def test_a_file_without_a_claim_is_no_work():
    with pytest.raises(UnprovedError):
        work_of_file(encode_png(np.zeros((8, 8, 3), np.uint8)), "x")
    assert collect_works([("x", b"nothing")]) == {}


# --- showing it -----------------------------------------------------------------------------------------------------


@pytest.fixture
def pear(tmp_path, monkeypatch):
    """A file with four ancestors, one of them twice, and a policy folder of its own."""
    monkeypatch.setenv("SEEDPROOF_HOME", str(tmp_path / "home"))
    monkeypatch.setattr("provenance.plugins.open_regenerator", lambda models: Rotations())
    a, b = original(1), original(2)
    made = blend(5, image_to_image(3, a), blend(4, a, b))
    path = tmp_path / "pear.png"
    path.write_bytes(made.data)
    return path


def run(*arguments):
    return CliRunner().invoke(lineage_command, [str(each) for each in arguments], standalone_mode=False)


def test_the_tree_names_each_work_and_a_shared_one_twice(pear):
    done = run(pear)
    assert done.return_value == 0, done.output
    lines = done.output.splitlines()
    assert lines[0].split("  ")[2] == "blend (mode linear, weight 0.5)"
    assert sum("from its seed" in line for line in lines) == 3
    assert "5 works by 1 named author" in done.output


def test_the_json_form_answers_which_share_comes_from_whom(pear):
    told = json.loads(run(pear, "--json").output)
    assert len(told["shares"]) == 5
    assert all(each["authors"] and each["model"] == "rotations" and each["terms"] for each in told["shares"])
    assert [each["operation"] for each in told["shares"]].count(None) == 2


def test_drawings_hold_every_work_and_its_thumbnail(pear, tmp_path):
    outputs = [tmp_path / f"tree.{kind}" for kind in ("svg", "png", "html")]
    done = run(pear, "--svg", outputs[0], "--png", outputs[1], "--html", outputs[2])
    assert done.return_value == 0, done.output
    drawing = ET.fromstring(outputs[0].read_text(encoding="utf-8"))
    names = [each.tag.rpartition("}")[2] for each in drawing.iter()]
    assert (names.count("image"), names.count("g"), names.count("path")) == (5, 5, 5)
    assert min(read_picture(outputs[1].read_bytes()).rgb.shape[:2]) > 400
    page = outputs[2].read_text(encoding="utf-8")
    assert page.count("<tr>") == 6
    assert "overflow-wrap:anywhere" in page  # keys of 64 digits do not push the table out of the window
    with pytest.raises(OutputError, match="--force"):
        raise run(pear, "--svg", outputs[0]).exception
    assert run(pear, "--svg", outputs[0], "--force", "--no-thumbnails").return_value == 0
    assert b"<image" not in outputs[0].read_bytes()


def test_every_ancestors_licence_is_told_wherever_its_terms_are(tmp_path, monkeypatch):
    from provenance.claim import Terms

    monkeypatch.setenv("SEEDPROOF_HOME", str(tmp_path / "home"))
    terms = Terms(training="allowed", derivation="allowed", notice="CC BY 4.0")
    middle = image_to_image(2, original(1, who=master("bea"), terms=terms))
    path, page = tmp_path / "x.png", tmp_path / "x.html"
    path.write_bytes(image_to_image(3, middle).data)
    assert "training yes, derivation yes; CC BY 4.0" in run(path, "--html", page, "--no-thumbnails").output
    assert "CC BY 4.0" in page.read_text(encoding="utf-8")
    shares = json.loads(run(path, "--json").output)["shares"]
    assert [each["terms"]["notice"] for each in shares] == ["", "", "CC BY 4.0"]


def test_words_of_strangers_are_escaped(tmp_path, monkeypatch):
    from provenance.claim import Terms

    monkeypatch.setenv("SEEDPROOF_HOME", str(tmp_path / "home"))
    evil = "<script>alert(1)</script>\u202e"
    parent = original(1, who=master("bea"), terms=Terms(derivation="notAllowed", notice=evil))
    path, page = tmp_path / "x.png", tmp_path / "x.html"
    path.write_bytes(image_to_image(2, parent).data)
    done = run(path, "--html", page, "--no-thumbnails")
    assert "\u202e" not in done.output
    assert "<script" not in page.read_text(encoding="utf-8")


def test_exit_codes_tell_missing_from_failing(pear, tmp_path):
    path = tmp_path / "orphan.png"
    path.write_bytes(orphan(2, original(1)).data)
    assert run(path).return_value == 3
    stolen = np.random.default_rng(5).normal(size=trust().models[b"\x07" * 32].calibration((4, 32, 32)).shape)
    false = image_to_image(3, original(1, latent=stolen.astype(np.float32)))
    path.write_bytes(false.data)
    assert run(path).return_value == 0
    assert run(path, "--deep").return_value == 1
    plain = tmp_path / "plain.png"
    plain.write_bytes(encode_png(np.zeros((8, 8, 3), np.uint8)))
    assert isinstance(run(plain).exception, UnprovedError)


def test_a_picture_made_from_its_seed_has_a_lineage_of_one(pear, tmp_path):
    path = tmp_path / "one.png"
    path.write_bytes(make_work(1))
    done = run(path)
    assert "1 work by 1 named author" in done.output
    assert done.return_value == 0


def test_a_deep_tree_is_drawn_without_recursion():
    works = [
        {"claim": f"{number:064x}", "generation": number, "standing": "missing", "faults": [], "remarks": [],
         "parents": [f"{number + 1:064x}"], "reason": "x"}
        for number in range(3_000)
    ]  # fmt: skip
    assert sum(1 for _ in tree({"works": works, "outside": []})) == 3_001


def test_verify_prints_what_it_was_derived_from(pear, tmp_path):
    from provenance.cli_verify import verify

    parent = original(1)
    path = tmp_path / "child.png"
    path.write_bytes(image_to_image(2, parent).data)
    done = CliRunner().invoke(verify, [str(path), "--quick"], standalone_mode=False)
    assert done.return_value == 3
    assert f"CLAIMED (derived from {parent.id.hex()[:16]}" in done.output
    assert os.linesep in done.output
    with pytest.raises(UsageError, match="--deep"):
        raise CliRunner().invoke(verify, [str(path), "--quick", "--deep"], standalone_mode=False).exception
