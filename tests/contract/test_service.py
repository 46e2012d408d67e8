"""The same rules for a log behind its HTTP service, a process of its own, through the client that users have."""

import contextlib

import pytest

from ledger import client
from provenance.errors import LedgerFault
from tests.contract.test_ledger import *  # noqa: F403 - all of its tests, with the fixtures below
from tests.support.service import serving

pytestmark = pytest.mark.slow  # a process for each test


class ServiceBackend:
    """Opens the client; the service goes on running."""

    kind = "service"

    def __init__(self, url):
        self.location = url

    def open(self, *, create=False):
        return client.open_ledger(self.location, create=create)


@pytest.fixture
def backend(tmp_path):
    with serving(tmp_path / "service", "--origin", "log.test/contract") as running:
        yield ServiceBackend(running.url)


@pytest.fixture
def ledger(backend):
    with contextlib.closing(backend.open()) as opened:
        yield opened


def test_entries_get_consecutive_indices_and_receipts(ledger):
    """A service publishes in steps: a receipt is about the first checkpoint that is published with its leaf, or a later one."""
    logged = [ledger.submit(make_entry(i)) for i in range(20)]  # noqa: F405
    assert [item.index for item in logged] == list(range(20))
    for item in logged:
        assert item.index < check(ledger, item).size <= 20  # noqa: F405


def test_a_missing_ledger_is_not_made_by_opening_it():
    with pytest.raises(LedgerFault, match="cannot be reached"):
        client.open_ledger("http://127.0.0.1:9", create=True)
