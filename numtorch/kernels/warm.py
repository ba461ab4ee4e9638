"""Compiles the kernels that a program will need, in several processes at once, before the program runs.

A child process rehearses the call (``recording.rehearse``) and quickly finds which kernel functions will be launched
with which types. Its own child processes compile them into the disk cache, where the caller finds them. An error in a
child process costs only time: the caller compiles whatever it does not find.

Needs ``fork`` on Linux, which gives models and kernels to the child unchanged. On other systems nothing is compiled in
advance.
"""

from __future__ import annotations

import os
import struct
import sys
import warnings
from collections.abc import Callable
from typing import Any

from numtorch import notices
from numtorch.kernels import cache, recording, signature, threads
from numtorch.kernels.jit import Jit, disabled, numba

_INDEX = struct.Struct("<i")
_POOL = -1  # the task of compiling the thread pool's own functions


def possible() -> bool:
    """Whether this platform can compile ahead in several processes."""
    return sys.platform == "linux" and hasattr(os, "fork") and not disabled()


def compile_ahead(fn: Callable[[], Any], processes: int | None = None, progress: bool = True) -> int:
    """Compile in ``processes`` processes (one a core) the kernels that calling ``fn`` would; how many were compiled.

    ``fn`` is not run here, and nothing that it would change is changed. With ``progress`` a bar is drawn where
    stderr is a terminal.
    """
    if not possible():
        return 0
    processes = processes or len(os.sched_getaffinity(0))
    if processes < 2:
        return 0
    cache.folder()
    reader, writer = os.pipe()
    notices.flush()
    child = _fork()
    if not child:
        os.close(reader)
        _die(lambda: _direct(fn, processes, writer))
    os.close(writer)
    done = 0
    with open(reader, encoding="utf-8") as lines:
        total = int(lines.readline() or 0)
        silent = not progress or bool(os.environ.get("NUMTORCH_QUIET")) or not total
        with notices.progress(total, f"compiling kernels in {processes} processes", "kernel", silent=silent) as bar:
            for name in lines:
                done += 1
                bar.set_postfix_str(name.strip()[:30], refresh=False)
                bar.update(1)
    os.waitpid(child, 0)
    return done


def _fork() -> int:
    with warnings.catch_warnings():
        # Python warns of threads that hold locks: those of our pools wait, and BLAS is not called in the child.
        warnings.simplefilter("ignore", DeprecationWarning)
        child = os.fork()
    if not child:
        os.environ["NUMTORCH_QUIET"] = "1"
        threads._forked = False  # kernels are chosen as in the parent; none is run
    return child


def _die(work: Callable[[], None]) -> None:
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


def _direct(fn: Callable[[], Any], processes: int, report: int) -> None:
    """Rehearse, share the tasks out, wait for the workers."""
    tasks: dict[tuple, tuple[Jit, str | tuple]] = {}

    def note(kernel: Jit, types: str | tuple) -> None:
        tasks.setdefault((kernel.key, types), (kernel, types))

    try:
        recording.rehearse(fn, note)
    except Exception:  # garbage led it astray; what it noted until then is worth having
        pass
    missing = [t for t in tasks.values() if not _cached(*t)]
    # The longest first; but what is parallel waits for the pool's functions, which one process compiles meanwhile.
    missing.sort(key=lambda t: -_length(t[0]))
    meanwhile = [t for t in missing if not t[0].parallel][: max(1, processes - 1)]
    missing = [*meanwhile, *[t for t in missing if t not in meanwhile]]
    os.write(report, f"{len(missing)}\n".encode())
    if not missing:
        return
    numba()  # here, once, and not in every child
    queue, fill = os.pipe()
    order = [_POOL] * any(k.parallel for k, _ in missing) + [*range(len(missing))]
    os.write(fill, b"".join(map(_INDEX.pack, order[:16_000])))  # a pipe holds 64 KiB
    os.close(fill)
    workers = []
    for _ in range(min(processes, len(missing))):
        worker = _fork()
        if not worker:
            _die(lambda: _compile(missing, queue, report))
        workers.append(worker)
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


def _compile(tasks: list[tuple[Jit, str | tuple]], queue: int, report: int) -> None:
    while index := os.read(queue, _INDEX.size):
        (at,) = _INDEX.unpack(index)
        if at == _POOL:
            threads.configure()
            continue
        kernel, types = tasks[at]
        try:
            kernel.dispatcher._cache.emit = True
            kernel.dispatcher.compile(signature.types(types) if isinstance(types, str) else types)
        except Exception:  # the caller will meet it, and say which op it belongs to
            continue
        os.write(report, f"{kernel.__name__}\n".encode())


def _cached(kernel: Jit, types: str | tuple) -> bool:
    return cache.holds(kernel.__name__, kernel.key, types if isinstance(types, str) else cache.text_of(types))
