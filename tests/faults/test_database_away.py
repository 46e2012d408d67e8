"""The database goes away under a running log and comes back: callers are told, and it works again by itself."""

import pytest

from ledger import audit
from ledger.log import open_log, prepare
from provenance.checkpoint import VerifierKey
from provenance.errors import LedgerFault
from tests.support.entries import make_entry
from tests.support.postgres import start_server


@pytest.mark.parametrize("mode", ["immediate", pytest.param("fast", marks=pytest.mark.slow)])
def test_postgresql_stopped_or_crashed_and_back(tmp_path, mode):
    server = start_server()
    try:
        log = open_log(server.create(), key_file=tmp_path / "k", tiles=str(tmp_path / "tiles"), create=True)
        [first] = log.submit_batch([prepare(make_entry(1))])
        server.stop(mode)
        for _ in range(2):
            with pytest.raises(LedgerFault):
                log.submit_batch([prepare(make_entry(2))])
            with pytest.raises(LedgerFault):
                log.find(first.id)
            with pytest.raises(LedgerFault):
                log.check_health()
        server.start()
        assert log.find(first.id).index == 0
        assert log.submit_batch([prepare(make_entry(2))])[0].index == 1
        log.publish()
        assert audit.check_log(log.engine, [VerifierKey.parse(k) for k in log.verifier_keys], store=log.store) == []
        log.close()
    finally:
        server.close()


def test_a_backend_ended_in_the_middle_of_a_transaction(postgres_url, postgres_server, tmp_path):
    """The server ends our session between two statements; nothing was logged, and the next call works."""
    from sqlalchemy import event

    log = open_log(postgres_url, key_file=tmp_path / "k", create=True)
    armed = [True]

    def cut(connection, _cursor, statement, *_rest):
        if armed and statement.startswith("INSERT INTO leaves"):
            armed.clear()
            number = connection.connection.driver_connection.info.backend_pid
            postgres_server.execute(f"SELECT pg_terminate_backend({number})")

    event.listen(log.engine, "before_cursor_execute", cut)
    with pytest.raises(LedgerFault):
        log.submit_batch([prepare(make_entry(1))])
    assert log.head().size == 0
    assert log.submit_batch([prepare(make_entry(1))])[0].index == 0
    log.close()


def test_a_commit_whose_answer_is_lost_is_found_again(tmp_path, monkeypatch):
    """The entry is logged, but the caller gets an error; he submits again and gets its index as a duplicate."""
    import contextlib

    from ledger import opened

    log = open_log(tmp_path / "l.db", create=True)
    honest = opened.writing

    @contextlib.contextmanager
    def lossy(engine):
        with honest(engine) as connection:
            yield connection
        raise LedgerFault("connection lost")

    monkeypatch.setattr(opened, "writing", lossy)
    with pytest.raises(LedgerFault, match="lost"):
        log.submit_batch([prepare(make_entry(1))])
    monkeypatch.undo()
    [again] = log.submit_batch([prepare(make_entry(1))])
    assert (again.index, again.duplicate) == (0, True)
    assert log.submit_batch([prepare(make_entry(2))])[0].index == 1
    log.close()
