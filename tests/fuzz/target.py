"""What a target is, and what one input may do to it: return, or raise an error of ours, within a second and in bounded memory."""

import resource
import signal
import sys
import time
import traceback
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from provenance.errors import SeedproofError

SECONDS = 1.0
"""Of the processor, for one input. Wall-clock time would blame the parser for a busy machine."""

GIVEN_UP = 15
"""Seconds of the processor after which an input is stopped."""

WAITED = 300
"""Seconds on the clock after which an input is stopped: a wait that uses no processor."""

MEMORY_MIB = 640
"""What one input may add to the peak of the process: a picture of 64 megapixels and its file."""


@dataclass(frozen=True)
class Target:
    """One way for a stranger's bytes into the program.

    ``run`` gets the bytes. ``seeds`` makes honest inputs, the last one first to be mutated least. ``covers`` names the
    functions of the product that an honest input reaches (tests check that it does). ``cost`` is how many cheap inputs
    one input of this target is worth, in the default test run.
    """

    name: str
    run: Callable[[bytes], object]
    seeds: Callable[[], Iterable[bytes]]
    covers: tuple[str, ...]
    cost: int = 1
    seconds: float = SECONDS
    memory_mib: int = MEMORY_MIB


@dataclass(frozen=True)
class Outcome:
    """``fault``: why the input is a finding, or None. ``signature``: where it ended, the same for inputs that end alike."""

    fault: str | None
    signature: tuple
    seconds: float


class _Hang(BaseException):
    """Not to be caught by ``except Exception``."""


def _give_up(_number, _frame):
    raise _Hang


def attempt(target, data, *, leeway=1.0):
    """Run one input. ``leeway`` multiplies the allowed time, for machines that are slow or busy."""
    before, peak = time.process_time(), _peak_mib()
    old = {number: signal.signal(number, _give_up) for number in (signal.SIGALRM, signal.SIGPROF)}
    signal.setitimer(signal.ITIMER_PROF, GIVEN_UP)
    signal.alarm(WAITED)
    fault = None
    try:
        target.run(data)
        signature = ("returns",)
    except SeedproofError as error:
        signature = (type(error).__name__, *_where(error))
        if "\n" in str(error):
            fault = f"an error of several lines: {error!r:.300}"
    except _Hang as error:
        fault, signature = "it does not come to an end", ("hang", *_where(error))
    except (KeyboardInterrupt, SystemExit):
        raise
    except BaseException as error:  # panics of Rust libraries are no Exception
        signature = (type(error).__name__, *_where(error))
        last = traceback.extract_tb(error.__traceback__)[-1]
        fault = f"{type(error).__name__}: {str(error)[:200]} at {last.filename}:{last.lineno}"
    finally:
        signal.alarm(0)
        signal.setitimer(signal.ITIMER_PROF, 0)
        for number, handler in old.items():
            signal.signal(number, handler)
    seconds, grown = time.process_time() - before, _peak_mib() - peak
    if fault is None and seconds > target.seconds * leeway:
        fault, signature = f"{seconds:.1f} seconds of processor time", ("slow", *signature)
    if fault is None and grown > target.memory_mib:
        fault, signature = f"{grown:.0f} MiB of memory", ("memory", *signature)
    return Outcome(fault, signature, seconds)


def each(*uses):
    """Do all of it, whatever each raises, and then raise what the last one did."""
    last = None
    for use in uses:
        last = None
        try:
            use()
        except SeedproofError as error:
            last = error
    if last is not None:
        raise last


def _where(error):
    """Lines of the product, and the last of all, that the error came through: a cheap view of the path taken."""
    frames = [(frame.f_code.co_filename, line) for frame, line in traceback.walk_tb(error.__traceback__)]
    ours = [f"{name.rpartition('/')[2]}:{line}" for name, line in frames if "site-packages" not in name][1:]
    cause = error.__cause__
    return (*ours, *(() if cause is None else (type(cause).__name__,)))


def _peak_mib():
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / (2**20 if sys.platform == "darwin" else 2**10)
