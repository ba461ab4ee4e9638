"""Other load on the machine: how long this thread slept or waited for a processor, and how much time other processes
took."""

from __future__ import annotations

import os
import threading
import time
from contextlib import suppress
from pathlib import Path

QUIET = 0.1  # part of the processors that others may keep busy before figures are doubted
AT_ONCE = 30_000  # nanoseconds within which three clocks were read at the same time
_local = threading.local()


class _Delays:
    """The file in which Linux counts how long this thread waited for a processor; it stays open, which makes reading it
    cheap."""

    def __init__(self) -> None:
        self.process, self.file = os.getpid(), -1
        with suppress(OSError):
            self.file = os.open("/proc/thread-self/schedstat", os.O_RDONLY | getattr(os, "O_CLOEXEC", 0))

    def __del__(self) -> None:
        if self.file >= 0:
            os.close(self.file)


def delay_ns() -> int:
    """Nanoseconds for which this thread was ready to run and did not; 0 where the system does not count them."""
    counted = getattr(_local, "delays", None)
    if counted is None or counted.process != os.getpid():  # the thread of a fork is another one
        counted = _local.delays = _Delays()
    if counted.file >= 0:
        with suppress(OSError, ValueError, IndexError):
            return int(os.pread(counted.file, 128, 0).split()[1])
    return 0


def asleep_ns() -> int:
    """A clock that runs while this thread sleeps or waits: not while it runs, nor while it waits for a processor.

    Its three parts are read anew where the thread was interrupted between them.
    """
    started = time.perf_counter_ns()
    for _ in range(8):
        found = started - time.thread_time_ns() - delay_ns()
        ended = time.perf_counter_ns()
        if ended - started < AT_ONCE:
            break
        started = ended
    return found


def processors() -> int:
    """How many processors this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


class Others:
    """How many of these processors other processes kept busy since it was made."""

    def __init__(self) -> None:
        self.started, self.mine, self.busy = time.perf_counter(), time.process_time(), _busy()

    def processors(self) -> float:
        """On average; where the system does not say it, the length of its queue, less what runs here."""
        now = _busy()
        if now is None or self.busy is None:
            return max(0.0, os.getloadavg()[0] - 1) if hasattr(os, "getloadavg") else 0.0
        passed = max(time.perf_counter() - self.started, 1e-9)
        return max(0.0, now - self.busy - (time.process_time() - self.mine)) / passed


def now(seconds: float = 0.25) -> float:
    """How many processors others keep busy just now; takes so long."""
    others = Others()
    time.sleep(seconds)
    return others.processors()


def _busy() -> float | None:
    """Seconds for which the processors of this process have been busy, with whatever; None where nobody counts."""
    with suppress(OSError, ValueError, IndexError, AttributeError):
        mine = {f"cpu{n}" for n in os.sched_getaffinity(0)}
        ticks = 0
        for line in Path("/proc/stat").read_text().splitlines():
            name, *fields = line.split()
            if name in mine:
                user, nice, system, _idle, _wait, *rest = map(int, fields[:8])
                ticks += user + nice + system + sum(rest)
        return ticks / os.sysconf("SC_CLK_TCK") if ticks else None
    return None
