"""Run threats, resumably, and count: every attempt is a line of FOLDER/NAME.jsonl.

A line belongs to one model, one policy and one edition of the threat. Lines of others stay where they are and are not
counted, so a run that was killed goes on where it was, and a new model begins anew. Nothing is pooled over threats.
"""

import json
import math
import os
import time
from collections import Counter
from dataclasses import dataclass


@dataclass(frozen=True)
class Line:
    """One attempt that was made."""

    i: int
    verdict: str
    figures: dict
    stopped: str


def run_threat(threat, lab, folder, attempts, show=lambda _: None):
    """Make the attempts 0 to ``attempts - 1`` that are not made yet; all lines that count, by number."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{threat.name}.jsonl"
    mark = mark_of(threat, lab)
    done = read_lines(path, mark)
    todo = [i for i in range(attempts) if i not in done]
    began = time.monotonic()
    with path.open("ab") as file:
        if file.tell() and not _ends_whole(path):
            file.write(b"\n")
        for count, i in enumerate(todo, 1):
            outcome = threat.attempt(lab, i)
            line = {"i": i, "verdict": outcome.verdict, "figures": _finite(threat, outcome), "stopped": outcome.stopped}
            file.write(json.dumps({**line, **mark}).encode() + b"\n")
            file.flush()
            done[i] = Line(**line)
            if threat.prevented and threat.broken_by(outcome.verdict):
                show(f"{threat.name}: attempt {i} BREAKS: {outcome.verdict} {outcome.stopped}")
            if count % max(1, len(todo) // 10) == 0:
                rate = (time.monotonic() - began) / count
                show(f"{threat.name}: {len(done)} of {attempts}, {rate:.3f} s each")
    return done


def mark_of(threat, lab):
    """What a line must say of itself to count."""
    return {"model": lab.model.hex()[:16], "policy": lab.policy_digest.hex()[:16], "edition": threat.edition}


def read_lines(path, mark):
    """Lines that bear the mark, by number. Half a line at the end, of a run that was killed, is passed over."""
    found = {}
    if not path.exists():
        return found
    for text in path.read_bytes().splitlines():
        try:
            line = json.loads(text)
        except ValueError:
            continue
        if all(line.get(name) == value for name, value in mark.items()):
            found[line["i"]] = Line(line["i"], line["verdict"], line["figures"], line["stopped"])
    return found


def summarise(threat, lab, lines):
    """What stands in the table about one threat."""
    breaks = sum(threat.broken_by(line.verdict) for line in lines)
    names = sorted({name for line in lines for name in line.figures})
    return {
        "name": threat.name,
        "title": threat.title,
        "knowledge": threat.knowledge,
        "budget": threat.budget,
        "method": threat.method,
        "kind": threat.kind,
        "wanted": threat.wanted,
        "prevented": threat.prevented,
        "attempts": len(lines),
        "breaks": breaks,
        "upper_bound_95": round(upper_bound(breaks, len(lines)), 6),
        "success": sorted(threat.success),
        "verdicts": dict(Counter(line.verdict for line in lines).most_common()),
        "stopped": dict(Counter(line.stopped for line in lines if line.stopped).most_common(8)),
        "figures": {name: spread([line.figures[name] for line in lines if name in line.figures]) for name in names},
        **mark_of(threat, lab),
    }


def spread(values):
    """Least, median and greatest."""
    ordered = sorted(values)
    middle = ordered[len(ordered) // 2] if len(ordered) % 2 else sum(ordered[len(ordered) // 2 - 1 :][:2]) / 2
    return {"min": ordered[0], "median": round(middle, 6), "max": ordered[-1]}


def upper_bound(breaks, attempts, confidence=0.95):
    """The exact one-sided upper bound of a success rate (Clopper and Pearson 1934)."""
    if attempts in (0, breaks):
        return 1.0
    if breaks == 0:
        return 1 - (1 - confidence) ** (1 / attempts)
    from scipy.stats import beta

    return float(beta.ppf(confidence, breaks + 1, attempts - breaks))


def _finite(threat, outcome):
    for name, value in outcome.figures.items():
        if not math.isfinite(value):
            raise ValueError(f"{threat.name}: the figure {name} is {value}; leave out what is not finite")
    return {name: round(float(value), 6) for name, value in outcome.figures.items()}


def _ends_whole(path):
    with path.open("rb") as file:
        file.seek(-1, os.SEEK_END)
        return file.read(1) == b"\n"
