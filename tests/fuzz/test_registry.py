"""No parser without a target: whoever adds a function that reads must add a target for it, or say why it needs none."""

import sys

import pytest

from tests.fuzz.registry import EXEMPT, TARGETS, covered, parsers


def test_every_parser_has_a_target_or_a_reason():
    missing = parsers() - covered() - set(EXEMPT)
    assert not missing, f"add a target to tests/fuzz, or a reason to EXEMPT, for: {', '.join(sorted(missing))}"


def test_reasons_are_about_functions_that_are_there():
    assert set(EXEMPT) <= parsers()
    assert not set(EXEMPT) & covered()
    assert all(len(reason) > 10 for reason in EXEMPT.values())


@pytest.mark.parametrize("name", TARGETS)
def test_a_target_reaches_what_it_names(name):
    """Judged by running it on its honest inputs."""
    target = TARGETS[name]
    reached = set()

    def watch(frame, event, _argument):
        if event == "call":
            code = frame.f_code
            reached.add(f"{frame.f_globals.get('__name__')}.{code.co_qualname}")

    seeds = list(target.seeds())
    from tests.fuzz.target import attempt

    sys.setprofile(watch)
    try:
        for data in seeds:
            attempt(target, data)
    finally:
        sys.setprofile(None)
    assert set(target.covers) <= reached
