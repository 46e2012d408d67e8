"""``python -m tests.support.run_cli ARGUMENTS``: the command line in a process of its own, wherever it is installed.

Where SEEDPROOF_TEST_CLOCK names a file, the time of day is off by as many seconds as stand in it, at every moment anew.
"""

import os
import time
from pathlib import Path


def _set_clock(file):
    honest = time.time
    time.time = lambda: honest() + float(file.read_text(encoding="ascii") or 0)
    time.time_ns = lambda: int(time.time() * 1e9)


if __name__ == "__main__":
    if "SEEDPROOF_TEST_CLOCK" in os.environ:
        _set_clock(Path(os.environ["SEEDPROOF_TEST_CLOCK"]))
    from provenance.cli import main

    main()
