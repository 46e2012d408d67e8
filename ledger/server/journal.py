"""The service's journal: one JSON object a line on stderr, for machines to collect.

::

    {"time":"2026-11-22T02:00:00.000Z","level":"info","event":"request","route":"/v1/claims","status":201,"ms":12.5}

No address, no path as the client wrote it, no header, no body stands in it: who asks for which picture is his business.
"""

from __future__ import annotations

import json
import logging
import sys
import traceback
from datetime import UTC, datetime

__all__ = ["JOURNAL", "JsonFormatter", "begin_journal"]

JOURNAL = logging.getLogger("seedproof.server")
"""Where the service writes; fields beside the message go into ``extra={"fields": {...}}``."""

_UNWANTED = ("uvicorn.access",)
_OURS = ("seedproof.server", "uvicorn.error", "ledger")


class JsonFormatter(logging.Formatter):
    """One record, one line."""

    def format(self, record: logging.LogRecord) -> str:
        """The line, without its newline."""
        time = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        line: dict[str, object] = {"time": time, "level": record.levelname.lower(), "event": record.getMessage()}
        line.update(getattr(record, "fields", {}))
        if record.exc_info and record.exc_info[1] is not None:
            line["error"] = type(record.exc_info[1]).__name__
            line["where"] = [
                f"{frame.filename}:{frame.lineno} {frame.name}" for frame in traceback.extract_tb(record.exc_info[2])
            ]
        return json.dumps(line, ensure_ascii=True, default=str)


def begin_journal(*, verbose: bool = False) -> None:
    """Send our records, and those of the HTTP server, to stderr; with ``verbose`` one for each request, too."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonFormatter())
    for name in _OURS:
        logger = logging.getLogger(name)
        logger.handlers = [handler]
        logger.propagate = False
        logger.setLevel(logging.WARNING)
    JOURNAL.setLevel(logging.DEBUG if verbose else logging.INFO)
    for name in _UNWANTED:
        logging.getLogger(name).disabled = True
