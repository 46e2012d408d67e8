"""The contract: complete, and kept by the service under schemathesis' eyes (make test-api runs that for ten minutes)."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from ledger.server.openapi import document
from ledger.server.problems import PROBLEMS
from ledger.server.routes import routes
from provenance.entry import parse_any
from tests.support.entries import make_entry
from tests.support.service import serving

SECONDS = int(os.environ.get("SEEDPROOF_API_SECONDS", "30"))


def test_every_route_is_in_the_contract_and_nothing_else():
    served = set()
    for route in routes():
        path = route.path.replace("{path:path}", "{path}")
        served |= {(path, method.lower()) for method in route.methods - {"HEAD"}}
    described = {(path, method) for path, item in document()["paths"].items() for method in item}
    assert served == described


def test_every_problem_is_in_the_contract():
    text = str(document())
    for name, (status, title) in PROBLEMS.items():
        if name != "method":
            assert f"{name}: {title}" in text, (name, status)


def test_the_contract_is_served(service):
    answer = service.get("/openapi.json")
    assert answer.json() == document()
    assert answer.headers["content-type"] == "application/json"


HOOKS = '''
import json

import schemathesis

from provenance.encoding import canonical
from provenance.errors import SeedproofError


@schemathesis.serializer("application/json")
def write(context, value):
    """Entries are canonical; what has no canonical form is sent as it is."""
    if isinstance(value, bytes):
        return value
    try:
        return canonical(value)
    except (SeedproofError, TypeError, ValueError, RecursionError):
        return json.dumps(value, default=repr).encode()
'''


def with_examples(contract, logged, new):
    """The contract with what a stranger cannot guess: an id, an index and digests that the log has, a valid entry."""
    parsed = parse_any(logged)
    claim = parsed.claim
    known = {
        "id": parsed.id,
        "subject": parsed.id,
        "digest": claim.recipe,
        "commitment": claim.Y,
        "author": claim.authors[0],
        "pixels": claim.pixels,
        "latent": claim.latent.digest,
    }
    values = {name: value.hex() for name, value in known.items()} | {"index": 0, "size": 10, "path": "entries/000.p/10"}
    for item in contract["paths"].values():
        for operation in item.values():
            for parameter in operation.get("parameters", ()):
                if parameter["name"] in values:
                    parameter["example"] = values[parameter["name"]]
    for path in ("/v1/claims", "/v1/follow-ups"):
        contract["paths"][path]["post"]["requestBody"]["content"]["application/json"]["example"] = json.loads(new)
    return contract


@pytest.mark.slow
@pytest.mark.timeout(SECONDS + 120)
def test_schemathesis_finds_no_defect(tmp_path):
    with serving(tmp_path) as service:
        entries = [make_entry(f"s{i}", authors=("ann",)) for i in range(10)]
        for entry in entries:
            service.submit(entry)
        service.receipt(parse_any(entries[-1]).id)
        contract, hooks = tmp_path / "openapi.json", tmp_path / "hooks.py"
        contract.write_text(json.dumps(with_examples(document(), entries[0], make_entry("new", authors=("ann",)))))
        hooks.write_text(HOOKS)
        command = [
            *(str(Path(sys.executable).with_name("schemathesis")), "run", str(contract), "--url", service.url),
            *("--max-time", str(SECONDS), "--continue-on-failure", "--request-timeout", "20"),
            *("--exclude-checks", "positive_data_acceptance"),  # no schema says which signatures hold
        ]
        environment = {**os.environ, "SCHEMATHESIS_HOOKS": str(hooks)}
        done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, env=environment, check=False)
        assert done.returncode == 0, done.stdout[-6_000:]
        assert service.get("/health").status == 200
        assert not [line for line in service.journal() if line["event"] == "defect"]
        answered = service.get("/metrics").body.decode()
        for route in ("/v1/claims/{id}", "/v1/claims/{id}/receipt", "/v1/entries/{id}", "/v1/receipts/{index}"):
            assert f'method="GET",route="{route}",status="200"' in answered, route  # real ids were asked for
        assert service.logged() > len(entries)  # and a valid entry was sent
