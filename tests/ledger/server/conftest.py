"""One real service for the tests of a module; those that stop or starve it start their own."""

import pytest

from tests.support.service import serving


@pytest.fixture(scope="module")
def service(tmp_path_factory):
    """On SQLite."""
    with serving(tmp_path_factory.mktemp("service")) as running:
        yield running
    assert running.process.returncode == 0


@pytest.fixture(params=["sqlite", "postgres"])
def any_service(request, tmp_path):
    """A fresh one on either database."""
    database = None if request.param == "sqlite" else request.getfixturevalue("postgres_url")
    with serving(tmp_path / "service", database=database) as running:
        yield running
    assert running.process.returncode == 0
