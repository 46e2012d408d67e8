"""remix, inpaint, edit, style and blend on the command line, with the house model and with others."""

import json
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal

import numpy as np
import pytest
from PIL import Image

from generator.remix.opened import open_work
from generator.setups import HOUSE_GUIDANCE
from provenance.claim import Entry, claim_id, format_entry
from provenance.cli import main
from provenance.errors import EnvironmentFault, UsageError
from provenance.latent import quantise
from provenance.pixels import encode_png
from provenance.ports import LoggedEntry
from provenance.recipe import format_recipe
from provenance.storedlatent import encode_latent
from tests.generator import tiny
from tests.support.forge import parts_of

SMALL = ("--size", "64", "--steps", "4")


@pytest.fixture(scope="module")
def shop(tmp_path_factory):
    """A home with two works by the house model; tests add children with names of their own."""
    folder = tmp_path_factory.mktemp("shop")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SEEDPROOF_HOME", str(folder / "home"))
        assert call("keys", "new", "--no-passphrase", "--name", "Ann") == 0
        assert call("create", "a lake", "-o", folder / "a.png", *SMALL) == 0
        assert call("create", "snowy mountains", "-o", folder / "b.png", *SMALL, "--terms", "derivation=no") == 0
    return folder


@pytest.fixture
def room(shop, tmp_path, monkeypatch):
    monkeypatch.setenv("SEEDPROOF_HOME", str(shop / "home"))
    return tmp_path


def call(*arguments):
    with pytest.raises(SystemExit) as end:
        main([str(each) for each in arguments])
    return end.value.code or 0


def refused(capsys, *arguments, code=2):
    capsys.readouterr()
    assert call(*arguments) == code
    told = capsys.readouterr().err.strip().splitlines()
    assert told[-1].startswith("seedproof: ")
    assert not any("Traceback" in line for line in told)
    return told[-1]


def painted(path, size=64):
    mask = Image.new("L", (size, size))
    mask.paste(255, (0, 0, size // 2, size // 2))
    mask.save(path)
    return path


def test_every_operation_makes_a_picture_that_regenerates(shop, room, capsys):
    mask, usual = painted(room / "mask.png"), Decimal(HOUSE_GUIDANCE)
    commands = {
        "image-to-image": ("remix", shop / "a.png", "a forest at sunset", "--strength", "0.5"),
        "inpaint": ("inpaint", shop / "a.png", "a forest at sunset", "--mask", mask),
        "flow-edit": ("edit", shop / "a.png", "a forest at sunset"),
        "plug-and-play": ("edit", shop / "a.png", "a forest at sunset", "--method", "plug-and-play"),
        "style": ("style", shop / "a.png", "--from", shop / "b.png"),
        "blend": ("blend", shop / "a.png", shop / "b.png", "--weight", "0.3"),
    }
    for name, command in commands.items():
        out = room / f"{name}.png"
        assert call(*command, "-o", out, "--json") == 0, name
        said = capsys.readouterr()
        assert ("claimed (derived from ...)" in said.err) == (name not in ("image-to-image", "inpaint", "flow-edit"))
        (told,) = json.loads(said.out)["pictures"]
        claim, recipe, *_ = parts_of(out.read_bytes())
        assert recipe.operation.name == told["operation"] == name
        assert [parent.hex() for parent in claim.parents] == told["parents"]
        assert len(claim.parents) == (2 if name in ("style", "blend") else 1)
        assert recipe.steps == (1 if name == "blend" else 4)
        assert recipe.guidance == {"flow-edit": usual * Decimal("1.6"), "style": 1, "blend": 0}.get(name, usual)
        assert call("verify", out) == 3
        said = capsys.readouterr().out
        assert "9 pass" in said or "9 warn" in said, said
        assert "distance 0.00" in said


def test_strength_0_and_the_outside_of_a_mask_keep_every_integer(shop, room):
    _, _, _, parent, pixels = parts_of((shop / "a.png").read_bytes())
    assert call("remix", shop / "a.png", "a forest", "--strength", "0", "-o", room / "same.png") == 0
    _, _, _, child, same = parts_of((room / "same.png").read_bytes())
    assert np.array_equal(parent, child)
    assert np.array_equal(pixels, same)
    mask = painted(room / "mask.png")
    assert call("inpaint", shop / "a.png", "a forest", "--mask", mask, "-o", room / "i.png") == 0
    _, _, _, child, _ = parts_of((room / "i.png").read_bytes())
    inside = np.zeros(parent.shape[1:], bool)
    inside[:4, :4] = True
    assert np.array_equal(parent[:, ~inside], child[:, ~inside])
    assert (parent[:, inside] != child[:, inside]).mean() > 0.5


def test_a_child_of_a_child_is_a_parent_like_any(shop, room, capsys):
    first, second = room / "first.png", room / "second.png"
    assert call("remix", shop / "a.png", "a xyzzy forest", "-o", first) == 0
    assert "does not know these words of the prompt: xyzzy" in capsys.readouterr().err
    assert call("edit", first, "a forest at sunset", "--method", "plug-and-play", "-o", second) == 0
    _, recipe, *_ = parts_of(second.read_bytes())
    assert recipe.operation.parameters["trajectory"] == "inverted"
    claim, *_ = parts_of(first.read_bytes())
    assert recipe.operation.sources[0].latent == claim.latent


def test_a_sealed_prompt_is_sealed_and_opens(shop, room):
    out = room / "s.png"
    assert call("remix", shop / "a.png", "a secret forest", "-o", out, "--seal-prompt") == 0
    _, recipe, *_ = parts_of(out.read_bytes())
    assert recipe.sealed
    assert b"secret" not in out.read_bytes()
    assert call("disclose", out, "-o", room / "opening.json") == 0
    assert "a secret forest" in (room / "opening.json").read_text()


def test_the_same_command_after_a_crash_goes_on_with_the_same_key(shop, room, monkeypatch, capsys):
    out = room / "c.png"
    command = ("remix", shop / "a.png", "a forest", "-o", out, "--json")
    from generator.remix import derive

    honest = derive.sign_and_write

    def crash(*_args, **_options):
        raise EnvironmentFault("power cut")

    monkeypatch.setattr(derive, "sign_and_write", crash)
    refused(capsys, *command, code=4)
    monkeypatch.setattr(derive, "sign_and_write", honest)
    assert call("remix", shop / "a.png", "a forest", "--strength", "0.3", "-o", room / "other.png") == 0
    capsys.readouterr()
    assert call(*command) == 0
    assert json.loads(capsys.readouterr().out)["pictures"][0]["resumed"] is True
    assert call(*command[:-1], "--force", "--json") == 0
    assert json.loads(capsys.readouterr().out)["pictures"][0]["resumed"] is False


# --- terms ----------------------------------------------------------------------------------------------------------


def test_a_stranger_is_told_what_an_author_allows(shop, room, monkeypatch, capsys):
    monkeypatch.setenv("SEEDPROOF_HOME", str(room / "elsewhere"))
    assert call("keys", "new", "--no-passphrase", "--name", "Bob") == 0
    out = room / "x.png"
    assert "allows no derivatives" in refused(capsys, "remix", shop / "b.png", "a forest", "-o", out)
    assert not out.exists()
    assert call("remix", shop / "b.png", "a forest", "-o", out, "--despite-terms") == 0
    assert call("remix", shop / "a.png", "a forest", "-o", room / "y.png") == 0
    assert "wants to be asked first" in capsys.readouterr().err


# --- no encoder, ever -----------------------------------------------------------------------------------------------


def stripped(path, out):
    _, _, _, _, rgb = parts_of(path.read_bytes())
    out.write_bytes(encode_png(rgb))
    return out


def test_a_picture_without_a_latent_says_what_can_be_done(shop, room, capsys):
    bare = stripped(shop / "a.png", room / "bare.png")
    message = refused(capsys, "remix", bare, "a forest", "-o", room / "x.png")
    assert all(word in message for word in ("--from-ledger", "--regenerate", "--encode", "without an encoder"))
    message = refused(capsys, "remix", bare, "a forest", "-o", room / "x.png", "--encode")
    assert "without its encoder" in message


class Log:
    """A log that keeps the recipe and the latent of one work, or says that it does."""

    location = "https://log.example"

    def __init__(self, path, *, lies=False):
        claim, recipe, assertion, integers, _ = parts_of(path.read_bytes())
        self.entry = Entry(claim, assertion.possession, assertion.authors)
        stored = encode_latent(integers + 1 if lies else integers)
        self.blobs = {claim.recipe: format_recipe(recipe), claim.latent.digest: stored}

    def find(self, entry_id):
        return LoggedEntry(0, format_entry(self.entry)) if entry_id == claim_id(self.entry.claim) else None

    def search(self, *, pixels, **_):
        return [LoggedEntry(0, format_entry(self.entry))] if pixels == self.entry.claim.pixels else []

    def get_blob(self, digest, *, limit):
        assert limit > 0
        return self.blobs.get(digest)

    submit = receipt = follow_ups = close = verifier_key = verifier_keys = None


def test_a_latent_comes_from_the_database_of_a_service(shop, room, capsys):
    """--from-ledger with a file: what owners gave to a service over this database."""
    from ledger.local import open_ledger
    from provenance.errors import LedgerFault

    claim, recipe, assertion, integers, _ = parts_of((shop / "a.png").read_bytes())
    bare, out, place = stripped(shop / "a.png", room / "bare.png"), room / "x.png", str(room / "other.db")
    log = open_ledger(place, create=True)
    log.submit(format_entry(Entry(claim, assertion.possession, assertion.authors)))
    assert "--from-ledger" in refused(capsys, "remix", bare, "a forest", "-o", out, "--from-ledger", place)
    for digest, kind, data in (
        (claim.recipe, "recipe", format_recipe(recipe)),
        (claim.latent.digest, "latent", encode_latent(integers)),
    ):
        log.log.put_blob(claim_id(claim), digest, 1, kind, data)
        with pytest.raises(LedgerFault, match="more than"):
            log.get_blob(digest, limit=len(data) - 1)
        assert log.get_blob(digest, limit=len(data)) == data
    log.close()
    assert call("remix", bare, "a forest", "-o", out, "--from-ledger", place) == 0
    child, *_ = parts_of(out.read_bytes())
    assert child.parents == (claim_id(claim),)


def test_a_child_that_nobody_would_read_is_refused_before_a_model_is_loaded(shop, room, monkeypatch, capsys):
    monkeypatch.setattr("generator.remix.bounds.MAX_WORKS", 1)
    out = room / "x.png"
    capsys.readouterr()
    assert call("remix", shop / "a.png", "a forest", "-o", out) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert "the lineage has 2 works, and no more than 1 are verified; start from earlier works" in line
    assert not out.exists()


@pytest.mark.parametrize("kind", ["missing", "no picture", "another size", "deep", "black", "transparent"])
def test_a_bad_mask_is_noticed_before_a_model_is_loaded(shop, room, capsys, kind):
    mask = room / "mask.png"
    if kind == "no picture":
        mask.write_text("white")
    elif kind != "missing":
        mode = {"deep": "I;16", "transparent": "LA"}.get(kind, "L")
        Image.new(mode, (63, 64) if kind == "another size" else (64, 64)).save(mask)
    message = {
        "missing": "cannot read",
        "no picture": "no readable PNG",
        "another size": "63x64",
        "deep": "8 bits",
        "black": "no white part",
        "transparent": "transparent",
    }[kind]
    capsys.readouterr()
    assert call("inpaint", shop / "a.png", "a forest", "--mask", mask, "-o", room / "x.png") == 2
    (line,) = capsys.readouterr().err.splitlines()  # nothing was loaded: that would be told first
    assert message in line


def test_no_outside_picture_is_noticed_before_a_model_is_loaded(shop, room, capsys):
    capsys.readouterr()
    assert call("remix", room / "nowhere.jpg", "a forest", "-o", room / "x.png", "--encode") == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert "cannot read" in line
    assert shop.exists()


def test_an_edit_without_sampled_steps_is_made_where_that_is_asked_or_too_few_are_run(shop, room, capsys):
    for asked in (("--sampled", "0"), ("--steps", "1")):
        out = room / f"{asked[1]}.png"
        assert call("edit", shop / "a.png", "a forest", "-o", out, *asked) == 0
        assert "claimed (derived from ...)" in capsys.readouterr().err
        _, recipe, *_ = parts_of(out.read_bytes())
        assert "sampled" not in recipe.operation.parameters


def test_parameters_that_nobody_measured_are_remarked_on(shop, room, capsys):
    capsys.readouterr()
    assert call("remix", shop / "a.png", "a forest", "-o", room / "x.png") == 0
    assert "model was measured (16), so verify will say at most: claimed" in capsys.readouterr().err
    assert call("blend", shop / "a.png", shop / "b.png", "-o", room / "y.png") == 0
    assert "measured" not in capsys.readouterr().err


def test_a_stripped_picture_is_found_in_a_log_by_its_pixels(shop, room):
    bare = stripped(shop / "a.png", room / "bare.png")
    _, _, _, integers, _ = parts_of((shop / "a.png").read_bytes())
    found = open_work(bare, datetime.now(UTC), ledgers=[Log(shop / "b.png"), Log(shop / "a.png")])
    assert np.array_equal(quantise(found.material.latent, found.source.latent.steps), integers)
    assert found.carried.work is not None
    with pytest.raises(UsageError, match="--from-ledger"):
        open_work(bare, datetime.now(UTC), ledgers=[Log(shop / "b.png")])
    with pytest.raises(UsageError, match="--from-ledger"):
        open_work(bare, datetime.now(UTC), ledgers=[Log(shop / "a.png", lies=True)])


def test_a_changed_file_is_no_parent(shop, room, capsys):
    data = bytearray((shop / "a.png").read_bytes())
    data[data.rindex(b"IDAT") + 20] ^= 1
    (room / "bad.png").write_bytes(data)
    assert "does not verify" in refused(capsys, "remix", room / "bad.png", "a forest", "-o", room / "x.png", code=1)
    assert not (room / "x.png").exists()


def test_the_house_model_names_what_it_cannot_read(shop, room, capsys):
    (room / "note.txt").write_text("hello")
    assert "is no PNG or WebP" in refused(capsys, "remix", room / "note.txt", "a forest", "-o", room / "x.png")
    assert "cannot read" in refused(capsys, "remix", room / "nowhere.png", "a forest", "-o", room / "x.png")


@pytest.mark.parametrize(
    ("command", "message"),
    [
        (("remix", "A", "a forest", "--strength", "1.5"), "--strength: must lie between 0 and 1"),
        (("remix", "A", "a forest", "--strength", "nan"), "--strength: 'nan' is not a number"),
        (("remix", "A", "a forest", "--strength", "0.01"), "runs none of 4 steps"),
        (("edit", "A", "a forest", "--strength", "0"), "above 0"),
        (("edit", "A", " "), "edit needs a prompt"),
        (("edit", "A", "a forest", "--sampled", "1"), "sampled runs 4 of 4 steps; it must be from 1 to 3"),
        (("edit", "A", "a forest", "--sampled", "some"), "--sampled: 'some' is not a number"),
        (("blend", "A"), "blend takes 2 to 64 works, 1 were named"),
        (("blend", "A", "A", "A", "--weight", "0.5"), "3 works need 3 shares that sum to 1"),
        (("blend", "A", "A", "--weight", "0.5", "--weight", "0.5"), "one share is enough"),
        (("inpaint", "A", "a forest", "--mask", "M", "--mode", "native"), "needs 17 input channels"),
        (("remix", "A", "a forest", "--model", "M"), "--model"),
        (("remix", "A", "a forest", "--scheduler", "ddim"), "the house model takes none"),
    ],
)
def test_what_cannot_be_done_is_refused_in_one_line(shop, room, capsys, command, message):
    mask = painted(room / "mask.png")
    files = {"A": shop / "a.png", "M": mask}
    found = [files.get(each, each) for each in command]
    if "--model" in found:
        found[-1], message = tiny.model("sd1"), "latents mean nothing to"
    assert message in refused(capsys, *found, "-o", room / "x.png")
    assert not (room / "x.png").exists()


# --- models of others -----------------------------------------------------------------------------------------------


def test_an_outside_picture_through_the_models_encoder(shop, room, capsys):
    rgb = np.random.default_rng(5).integers(0, 255, (32, 32, 3), np.uint8)
    Image.fromarray(rgb).save(room / "photo.jpg")
    folder = tiny.model("sd1")
    told = ("--model", folder, "--steps", "4", "--guidance", "3")
    out = room / "child.png"
    assert call("remix", room / "photo.jpg", "a cat", "-o", out, "--encode", *told) == 0
    claim, recipe, *_ = parts_of(out.read_bytes())
    assert claim.parents == ()
    (source,) = recipe.operation.sources
    assert source.claim is None
    assert source.pixels is not None
    capsys.readouterr()
    assert call("verify", out, "--model", folder) == 3
    said = capsys.readouterr().out
    assert "outside picture" in said
    assert "regenerated: distance 0.00" in said


def test_a_work_without_its_latent_comes_from_its_seed_or_a_log(shop, room, monkeypatch, capsys):
    from generator.remix import opened

    honest = opened.work_of_file

    def without_latent(data, title):
        return replace(honest(data, title), integers=None)

    monkeypatch.setattr(opened, "work_of_file", without_latent)
    out = room / "x.png"
    assert "--regenerate" in refused(capsys, "remix", shop / "a.png", "a forest", "-o", out)
    assert call("remix", shop / "a.png", "a forest", "-o", out, "--regenerate") == 0
    claim, *_ = parts_of((shop / "a.png").read_bytes())
    _, recipe, *_ = parts_of(out.read_bytes())
    assert recipe.operation.sources[0].latent == claim.latent
    assert call("verify", out) == 3
    assert "missing" not in capsys.readouterr().out
