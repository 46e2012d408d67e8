"""Opening what other packages register, and saying what is damaged."""

import pytest

from provenance import plugins
from provenance.errors import EnvironmentFault
from provenance.report import Verdict
from provenance.verify import Request, verify
from tests.support.forge import NOW, made, policy


class Point:
    def __init__(self, error=None, factory=None):
        self.error, self.factory = error, factory

    def load(self):
        if self.error is not None:
            raise self.error
        return self.factory


def registered(monkeypatch, *points):
    monkeypatch.setattr(plugins, "entry_points", lambda **_: list(points))


def test_without_any_there_is_no_regenerator(monkeypatch):
    registered(monkeypatch)
    assert plugins.open_regenerator(()) is None


def test_a_generator_that_does_not_load_is_named_in_the_report(monkeypatch):
    registered(monkeypatch, Point(ImportError("No module named 'tokenizers'")))
    damaged = plugins.open_regenerator(())
    report = verify(made().sign(), Request(policy=policy(), now=NOW, regenerator=damaged))
    assert report.verdict is Verdict.CLAIMED
    assert "cannot be loaded: No module named 'tokenizers'" in report.reason
    with pytest.raises(EnvironmentFault, match="tokenizers"):
        damaged.regenerate(None, None, [])


def test_one_that_loads_is_preferred_to_one_that_does_not(monkeypatch):
    registered(monkeypatch, Point(ImportError("torn")), Point(factory=lambda models: ("whole", models)))
    assert plugins.open_regenerator(("a",)) == ("whole", ("a",))
