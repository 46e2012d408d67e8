"""The contract: complete, and kept by the service under schemathesis' eyes (make test-api runs that for ten minutes)."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from ledger.server.openapi import document
from ledger.server.problems import PROBLEMS
from ledger.server.routes import routes
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


@pytest.mark.slow
@pytest.mark.timeout(SECONDS + 120)
def test_schemathesis_finds_no_defect(tmp_path):
    with serving(tmp_path) as service:
        for i in range(10):
            service.submit(make_entry(f"s{i}", authors=("ann",)))
        command = [
            *(str(Path(sys.executable).with_name("schemathesis")), "run", f"{service.url}/openapi.json"),
            *("--max-time", str(SECONDS), "--continue-on-failure", "--request-timeout", "20"),
            *("--exclude-checks", "positive_data_acceptance"),  # no schema says which signatures hold
        ]
        done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, check=False)
        assert done.returncode == 0, done.stdout[-6_000:]
        assert service.get("/health").status == 200
        assert not [line for line in service.journal() if line["event"] == "defect"]
