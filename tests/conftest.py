"""What all tests share: settings of the property tests, and a real PostgreSQL for those that ask for one."""

import os
import sys

import pytest
from hypothesis import HealthCheck, settings

from tests.support.postgres import postgres_server, postgres_url

__all__ = ["postgres_server", "postgres_url"]

# Several processes of tests share the processor: one thread each, also for the services and commands that they start.
if "PYTEST_XDIST_WORKER" in os.environ:
    os.environ.setdefault("OMP_NUM_THREADS", "1")

# Property tests judge results, not this machine's speed today.
settings.register_profile("seedproof", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("seedproof")


def pytest_collection_finish():
    """Where an import has raised it, hostile nesting crashes this process instead of raising RecursionError."""
    if sys.getrecursionlimit() > 1_000:
        raise pytest.UsageError("a test module's import raised the recursion limit; see provenance.curve._py_ecc")
