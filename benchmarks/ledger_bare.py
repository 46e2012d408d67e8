"""Bare inserts, which a log's own are compared with: rows of one table, durable, in batches and singly."""

from __future__ import annotations

import hashlib
import sqlite3
import time
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["bare_inserts"]


def bare_inserts(backend: str, folder: Path, url: str, claims: Path, batch: int) -> dict[str, Any]:
    """Durable rows a second into a table of one index and one unique id, in batches and one by one."""
    entries = claims.read_bytes().splitlines()[: 100 * batch + 300]
    rows = [(i, hashlib.sha256(entry).digest(), entry) for i, entry in enumerate(entries)]
    run = _bare_sqlite if backend == "sqlite" else _bare_postgres
    batches_, single = rows[300:], rows[:300]
    by_batch = run(folder, url, "batched", [batches_[i : i + batch] for i in range(0, len(batches_), batch)])
    return {
        f"in batches of {batch}": round(len(batches_) / by_batch, 1),
        "singly": round(300 / run(folder, url, "single", [[row] for row in single]), 1),
    }


def _bare_sqlite(folder: Path, _url: str, table: str, batches_: list[Any]) -> float:
    connection = sqlite3.connect(folder / "bare.db", isolation_level=None)
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute(f"CREATE TABLE {table} (i INTEGER PRIMARY KEY, id BLOB UNIQUE, entry BLOB)")
    start = time.perf_counter()
    for batch in batches_:
        connection.execute("BEGIN IMMEDIATE")
        connection.executemany(f"INSERT INTO {table} VALUES (?, ?, ?)", batch)
        connection.execute("COMMIT")
    return time.perf_counter() - start


def _bare_postgres(_folder: Path, url: str, table: str, batches_: list[Any]) -> float:
    import psycopg

    with psycopg.connect(url.replace("postgresql+psycopg", "postgresql"), autocommit=True) as connection:
        connection.execute(f"CREATE TABLE {table} (i bigint PRIMARY KEY, id bytea UNIQUE, entry bytea)")
        start = time.perf_counter()
        for batch in batches_:
            with connection.transaction(), connection.cursor() as cursor:
                cursor.executemany(f"INSERT INTO {table} VALUES (%s, %s, %s)", batch)
        return time.perf_counter() - start
