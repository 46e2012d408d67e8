"""What a threat is, what one attempt comes to, and which threats there are."""

import hashlib
import importlib
import pkgutil
import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

WANTED = {"cheap": 1000, "picture": 300, "optimised": 30}
"""Attempts that a class of each kind needs before its bound means something."""

ALWAYS_A_BREAK = frozenset({"crash"})
"""Verdicts that no threat may end with: the verifier left by an exception that is not ours."""


@dataclass(frozen=True)
class Outcome:
    """One attempt.

    Attributes:
        verdict: what the verifier said of the forgery: a verdict of ``verify`` ("authentic", "consistent", "claimed",
            "disputed", "invalid", "unproved"), or "refused" where one of our own errors came before any verdict, or
            the attack could not even be made. "crash" is any other exception. A threat may have words of its own.
        figures: finite numbers, such as psnr, bits, cosine.
        stopped: which check of the product stopped it, in a few words that are the same for like attempts.
    """

    verdict: str
    figures: Mapping[str, float] = field(default_factory=dict)
    stopped: str = ""


@dataclass(frozen=True)
class Threat:
    """One class of attempts; ``attempt(lab, i)`` makes the i-th, reproducibly from ``i`` and the lab's works alone.

    ``success`` are the verdicts that are a break. ``edition`` is raised when the attack changes so much that earlier
    attempts do not count any more. ``prevented`` is False for what nothing can prevent: it is measured and stands in
    a table of its own, so that nobody has to find it out.
    """

    name: str
    title: str
    knowledge: str
    budget: str
    method: str
    kind: Literal["cheap", "picture", "optimised"]
    attempt: Callable[[Any, int], Outcome]
    success: frozenset[str] = frozenset({"authentic"})
    edition: int = 1
    prevented: bool = True

    @property
    def wanted(self):
        return WANTED[self.kind]

    def broken_by(self, verdict):
        return verdict in self.success or verdict in ALWAYS_A_BREAK


def chance(name, i):
    """The dice of attempt ``i`` of a threat: the same for everybody who repeats it."""
    return random.Random(f"{name}/{i}")


def scalar(*parts):
    """A secret scalar that anybody can make again from ``parts``; its top byte is 0, so it is below the order."""
    return b"\0" + hashlib.sha256("/".join(["red team", *map(str, parts)]).encode()).digest()[1:]


def all_threats():
    """Every threat of this package by name, in the order of the modules' names."""
    found = {}
    package = importlib.import_module(__package__)
    for module in sorted(pkgutil.iter_modules(package.__path__), key=lambda each: each.name):
        if module.name.startswith("_"):
            continue
        loaded = importlib.import_module(f"{__package__}.{module.name}")
        for threat in (*getattr(loaded, "THREATS", ()), *filter(None, [getattr(loaded, "THREAT", None)])):
            if threat.name in found:
                raise ValueError(f"two threats are called {threat.name}")
            found[threat.name] = threat
    return found
