"""Processes that die: forked children, and what their parent asks of the log they leave."""

import os
import signal
import sys
import time

from sqlalchemy import event

from ledger import audit
from provenance.checkpoint import VerifierKey, open_checkpoint

RECOVERY_SECONDS = 5
WRITES = ("os.rename", "os.link", "os.mkdir", "os.remove", "os.rmdir", "tempfile.mkstemp", "open")


def fork(work):
    """Run ``work`` in a child, which never comes back into pytest; its process id."""
    child = os.fork()
    if child == 0:
        status = 1
        try:
            work()
            status = 0
        except BaseException as error:  # whatever it is
            os.write(2, f"child: {error!r}\n".encode())
        finally:
            os._exit(status)
    return child


def was_killed(child):
    """Wait for the child: True when SIGKILL ended it, False when it came to its end."""
    _, result = os.waitpid(child, 0)
    if os.WIFSIGNALED(result):
        assert os.WTERMSIG(result) == signal.SIGKILL
        return True
    assert os.waitstatus_to_exitcode(result) == 0
    return False


def die_at(engine, number):
    """Kill this process at its nth point from now: before and after every statement, before each commit, and before
    each file that it opens for writing, renames, links or removes (which is after the one before it).
    """
    left = [number]

    def point(*_arguments):
        if left[0] == 0:
            os.kill(os.getpid(), signal.SIGKILL)
        left[0] -= 1

    def hook(name, arguments):
        if name in WRITES and (name != "open" or (isinstance(arguments[2], int) and arguments[2] & os.O_WRONLY)):
            point()

    for name in ("before_cursor_execute", "after_cursor_execute", "commit"):
        event.listen(engine, name, point)
    sys.addaudithook(hook)


def recover(place):
    """Open the log as a new process would; its entries by id and the checkpoint that it shows. All of it must hold."""
    started = time.monotonic()
    log = place.open()
    took = time.monotonic() - started
    try:
        assert took < RECOVERY_SECONDS, f"recovery took {took:.1f} s"
        keys = [VerifierKey.parse(line) for line in log.verifier_keys]
        assert audit.check_log(log.engine, keys, store=log.store) == []
        shown = open_checkpoint(log.store.get_checkpoint(), keys)
        assert (shown.size, shown.root) == (log.head().size, log.head().root), "recovery publishes what was logged"
        return log.search(), shown
    finally:
        log.close()
