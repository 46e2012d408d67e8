"""docs/several-authors.md, run as it stands: two authors sign one claim, and one alone cannot."""

import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from ledger.local import open_ledger
from provenance.claim import format_entry
from provenance.commitment import commit
from provenance.derivation import derive_author
from provenance.errors import InvalidError
from tests.support.pictures import author
from tests.support.remixes import judge, step
from tests.support.works import SHAPE, master, recipe

PAGE = Path(__file__).parents[2] / "docs" / "several-authors.md"


@pytest.fixture
def made(tmp_path, monkeypatch):
    """Everything that the page's code leaves behind."""
    monkeypatch.setenv("SEEDPROOF_HOME", str(tmp_path / "home"))
    (code,) = re.findall(r"```python\n(.*?)```", PAGE.read_text("utf-8"), re.DOTALL)
    generator, ann, bob, nonce = np.random.default_rng(1), master(), master("bob"), bytes([1]) * 32
    names = {
        "ann": ann,
        "bob": bob,
        "bobs_key": commit(derive_author(bob)),
        "nonce": nonce,
        "recipe": recipe(nonce, ann),
        "integers": generator.integers(-20, 20, SHAPE).astype(np.int16),
        "rgb": generator.integers(0, 256, (64, 64, 3), dtype=np.uint8),
        "credentials": author(),
        "ledger": open_ledger(str(tmp_path / "log.db"), create=True),
    }
    exec(compile(code, str(PAGE), "exec"), names)
    yield names
    names["ledger"].close()


def test_both_have_signed(made):
    report = judge(made["file"], quick=True)
    assert report.authors == (commit(derive_author(made["ann"])), made["bobs_key"])
    assert step(report, 5).status == "pass"
    assert made["logged"].index == 0


def test_nobody_is_made_an_author_without_his_signature(made):
    entry = made["entry"]
    for forged in (entry.authors[:1] * 2, entry.authors[::-1]):
        with pytest.raises(InvalidError):
            made["ledger"].submit(format_entry(replace(entry, authors=forged)))
