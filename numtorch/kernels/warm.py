"""Compiles the kernels that a program will need, in several processes at once, before the program runs.

A child process rehearses the call (``recording.rehearse``) and quickly finds which kernel functions will be launched
with which types. Its own child processes compile them into the disk cache, where the caller finds them. An error in a
child process costs only time: the caller compiles whatever it does not find.

Needs ``fork`` on Linux, which gives models and kernels to the child unchanged. On other systems nothing is compiled in
advance.
"""

from __future__ import annotations

import contextlib
import os
import select
import sys
import warnings
from collections.abc import Callable, Iterable
from typing import Any

from numtorch import notices
from numtorch.kernels import cache, claims, packs, recording, signature, threads
from numtorch.kernels.jit import Jit, disabled, numba

Task = tuple[Jit, str | tuple]  # a kernel function and the types of its arguments
_ENOUGH = 3  # kernels for which it pays to start one more process: it begins with what Numba compiles for itself


def possible() -> bool:
    """Whether this platform can compile ahead in several processes."""
    return sys.platform == "linux" and hasattr(os, "fork") and not disabled()


def processors() -> int:
    """How many processes can work at once: the cores that this process may use, fewer where a container limits it."""
    cores = len(os.sched_getaffinity(0))
    with contextlib.suppress(OSError, ValueError), open("/sys/fs/cgroup/cpu.max", encoding="ascii") as f:
        quota, period = map(int, f.read().split())  # a ValueError where the quota is "max"
        cores = min(cores, max(1, quota // period))
    return cores


class Needs:
    """The tasks that a rehearsal notes, each once, in their order."""

    def __init__(self) -> None:
        self.found: dict[tuple, Task] = {}

    def note(self, kernel: Jit, types: str | tuple) -> None:
        self.found.setdefault((kernel.key, types), (kernel, types))

    def missing(self) -> list[Task]:
        """Those that must be compiled."""
        return [t for t in self.found.values() if not _cached(*t)]


class Reports:
    """What the processes that compile say: lines about kernels that they need, and about those that they have compiled.

    Attributes:
        needed: the places (``claims``) of kernels that are not compiled yet.
        compiled: how many are.
        latest: the name of the last one.
        rehearsing: whether more needs may come.
    """

    def __init__(self, reader: int):
        self.needed: set[int] = set()
        self.compiled = 0
        self.latest = ""
        self.rehearsing = True
        self._reader: int | None = reader
        self._rest = b""

    def read(self, wait: bool = False) -> bool:
        """Take in what has been said; False once there is nobody who would say more."""
        while self._reader is not None and (wait or select.select([self._reader], [], [], 0)[0]):
            data = os.read(self._reader, 1 << 16)
            if not data:
                self.close()
            *lines, self._rest = (self._rest + data).split(b"\n")
            for line in lines:
                self._take(*line.decode().split(" "))
            if wait:
                break
        return self._reader is not None

    def _take(self, what: str, at: str = "", name: str = "") -> None:
        if what == "need":
            self.needed.add(int(at))
        elif what == "done":
            self.needed.discard(int(at))
            self.compiled += 1
            self.latest = name
        else:
            self.rehearsing = False

    def close(self) -> None:
        """Nobody says more; what is missing is for the caller."""
        if self._reader is not None:
            os.close(self._reader)
        self._reader = None
        self.rehearsing = False
        self.needed.clear()


def compile_ahead(fn: Callable[[], Any], processes: int | None = None, progress: bool = True) -> int:
    """Compile in ``processes`` processes (one a core) the kernels that calling ``fn`` would; how many were compiled.

    ``fn`` is not run here, and nothing that it would change is changed. With ``progress`` a bar is drawn where
    stderr is a terminal.
    """
    if not possible() or (processes or processors()) < 2:
        return 0
    return compile_found(lambda note: recording.rehearse(fn, note), processes, progress)


def compile_found(find: Callable[[recording.Note], Any], processes: int | None = None, progress: bool = True) -> int:
    """Compile, as ``compile_ahead`` does, the kernels that ``find``, in another process, tells the function that it is
    given of; how many were compiled."""
    if not possible():
        return 0
    processes = processes or processors()
    cache.folder()
    reader, writer = os.pipe()
    notices.flush()
    child = fork()
    if not child:
        os.close(reader)
        die(lambda: _direct(find, processes, writer))
    os.close(writer)
    reports = Reports(reader)
    while reports.rehearsing and reports.read(wait=True):
        pass
    total = len(reports.needed) + reports.compiled
    if total:
        packs.tell_unused()
    silent = not progress or bool(os.environ.get("NUMTORCH_QUIET")) or not total
    with notices.progress(total, f"compiling kernels in {processes} processes", "kernel", silent=silent) as bar:
        done = 0
        while reports.read(wait=True) or reports.compiled > done:
            bar.set_postfix_str(reports.latest[:30], refresh=False)
            bar.update(reports.compiled - done)
            done = reports.compiled
    os.waitpid(child, 0)
    return reports.compiled


def fork() -> int:
    """``os.fork``; the child is quiet, and chooses kernels as its parent does."""
    with warnings.catch_warnings():
        # Python warns of threads that hold locks: those of our pools wait, and BLAS is not called in the child.
        warnings.simplefilter("ignore", DeprecationWarning)
        child = os.fork()
    if not child:
        os.environ["NUMTORCH_QUIET"] = "1"
        threads._forked = False  # kernels are chosen as in the parent; none is run
    return child


def die(work: Callable[[], None]) -> None:
    """Do the work and end the process, without the parent's exit handlers and buffers."""
    status = 1
    try:
        null = os.open(os.devnull, os.O_WRONLY)
        for stream in (1, 2):  # what a rehearsed program prints is garbage
            os.dup2(null, stream)
        work()
        status = 0
    finally:
        os._exit(status)


def _direct(find: Callable[[recording.Note], Any], processes: int, report: int) -> None:
    """Find the tasks, share them out, wait for the workers."""
    needs = Needs()
    with contextlib.suppress(Exception):  # garbage led a rehearsal astray; what it noted until then is worth having
        find(needs.note)
    missing = needs.missing()
    # The longest first; but what is parallel waits for the pool's functions, which one process compiles meanwhile.
    missing.sort(key=lambda t: -_length(t[0]))
    meanwhile = [t for t in missing if not t[0].parallel][: max(1, processes - 1)]
    share_out([*meanwhile, *[t for t in missing if t not in meanwhile]], processes, report)


def share_out(
    tasks: list[Task], processes: int, report: int, begin: Callable[[], Any] = contextlib.nullcontext
) -> None:
    """Compile in several processes, of which this is one; ``begin()`` is a context for each kernel."""
    for task in tasks:
        _say(report, "need", task)
    os.write(report, b"rehearsed\n")
    if not tasks:
        return
    numba()  # here, once, and not in every child
    workers = []
    for _ in range(min(processes, 1 + (len(tasks) - 1) // _ENOUGH) - 1):
        worker = fork()
        if not worker:
            die(lambda: _compile(tasks, report, begin))
        workers.append(worker)
    if any(kernel.parallel for kernel, _ in tasks):
        threads.configure()
    _compile(tasks, report, begin)
    for worker in workers:
        os.waitpid(worker, 0)


def _length(kernel: Jit) -> int:
    """How long a kernel takes to compile, roughly: the length of its code and its helpers'; parallel loops take thrice
    as long."""
    found: dict[int, int] = {}
    todo = [kernel]
    while todo:
        fn = todo.pop().fn
        if id(fn) not in found:
            found[id(fn)] = len(fn.__code__.co_code)
            todo += [v for v in map(fn.__globals__.get, fn.__code__.co_names) if isinstance(v, Jit)]
    return sum(found.values()) * (3 if kernel.parallel else 1)


def _compile(tasks: Iterable[Task], report: int, begin: Callable[[], Any]) -> None:
    """Compile those that nobody has compiled or begun."""
    for kernel, types in tasks:
        with begin():
            at = place(kernel, types)
            if not claims.take(at):
                continue
            try:
                if _cached(kernel, types):
                    continue
                kernel.dispatcher._cache.emit = True
                kernel.dispatcher.compile(signature.types(types) if isinstance(types, str) else types)
            except Exception:  # the caller will meet it, and say which op it belongs to
                continue
            finally:
                claims.release(at)
            _say(report, "done", (kernel, types))


def place(kernel: Jit, types: str | tuple) -> int:
    """Where a kernel for types is claimed."""
    return cache.place(kernel.__name__, kernel.key, _text(types))


def _say(report: int, what: str, task: Task) -> None:
    with contextlib.suppress(OSError):  # nobody reads for long: the line is lost, which is only for show
        os.write(report, f"{what} {place(*task)} {task[0].__name__}\n".encode())


def _text(types: str | tuple) -> str:
    return types if isinstance(types, str) else cache.text_of(types)


def _cached(kernel: Jit, types: str | tuple) -> bool:
    return cache.holds(kernel.__name__, kernel.key, _text(types))
