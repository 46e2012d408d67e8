"""Inputs that the product reads from files, in a folder of this process."""

import atexit
import contextlib
import functools
import os
import shutil
import tempfile
from pathlib import Path

SEPARATOR = b"=====\n"


def once(make):
    """As functools.cache, for what does not survive a fork: threads, connections, folders of a process."""
    cached = functools.cache(lambda _process: make())
    return lambda: cached(os.getpid())


@once
def folder():
    """A folder of this process, removed at its end."""
    made = Path(tempfile.mkdtemp(prefix="fuzz."))
    atexit.register(_remove, made, os.getpid())
    return made


def _remove(made, process):
    if os.getpid() == process:
        shutil.rmtree(made, ignore_errors=True)


@contextlib.contextmanager
def as_file(data, name="input", mode=0o600):
    """The bytes as a file that its owner alone may read."""
    path = folder() / name
    path.write_bytes(data)
    path.chmod(mode)
    try:
        yield path
    finally:
        path.unlink(missing_ok=True)


@contextlib.contextmanager
def two_files(data):
    """What stands before and behind the separator, as two files."""
    first, _, second = data.partition(SEPARATOR)
    with as_file(first, "first.pem") as one, as_file(second, "second.pem") as other:
        yield one, other
