"""Compiles beside a program, in other processes, what it will need next.

A program that meets a kernel that is in no pack and not in the cache compiles it. At the same time a copy of the
process (a fork) *rehearses* what follows: the rest of the call that the user's code made, as ``y = net(x)``, then
backward from its results, then the steps of the optimizers. In the copy kernels compute nothing, and nothing that it
does has an effect outside: its files and streams are closed to it, memory that it shares with others cannot be written,
and it stops before it would write a file, start a process or open a connection. What it needs it compiles, the last
kernel first, while the program comes from the other end. ``claims`` see to it that no kernel is compiled twice.

``NUMTORCH_HELPERS`` says how many processes may compile beside a program: one less than the cores if it is not set; 0
for none. They end with the program.
"""

from __future__ import annotations

import contextlib
import ctypes
import gc
import mmap
import os
import select
import signal
import sys
import threading
import time
from collections.abc import Iterator
from functools import partial
from types import FrameType
from typing import Any, NoReturn

from numtorch import grad_mode, notices
from numtorch._tensor import Tensor
from numtorch.autograd import graph
from numtorch.kernels import cache, claims, images, recording, toolchain, warm
from numtorch.kernels.jit import Runner

MOST = 15  # helpers, however many cores there are
_LIMIT = 10.0  # seconds that a rehearsal may take
_SHARE = 0.1  # of the time since the first missing kernel that may be spent on starting helpers
_OURS = (notices.PACKAGE, "<numtorch ")
_USERS = tuple(f"{notices.PACKAGE}{name}" for name in ("demo.py", "kernels/steps.py", "kernels/bake.py"))
_HARMLESS = frozenset({"os.listdir", "os.scandir", "os.walk", "os.fwalk", "os.getxattr", "os.listxattr"})
_EFFECTS = ("os.", "subprocess.", "socket.", "shutil.", "pty.", "sqlite3.", "webbrowser.", "signal.pthread_kill")
_ASKING = frozenset({"builtins.input", "builtins.breakpoint", "pdb.Pdb"})


class _State:
    """Of this process.

    Attributes:
        reports: of the helpers that were started.
        lifelines: pipes that close with this process, and end the helpers.
        spent: seconds that starting them took.
        first: when the first kernel was missing.
        off: whether there will be no helpers.
    """

    def __init__(self) -> None:
        self.reports: list[warm.Reports] = []
        self.lifelines: list[int] = []
        self.spent = 0.0
        self.first = time.perf_counter()
        self.off = not warm.possible()


_state: _State | None = None


def count() -> int:
    """How many processes may compile beside this one."""
    text = os.environ.get("NUMTORCH_HELPERS", "")
    if text:
        if not text.strip().isdecimal():
            raise ValueError(f"NUMTORCH_HELPERS: expected how many processes (0: none), got {text!r}")
        return int(text)
    return min(warm.processors() - 1, MOST)


def look_ahead(at: int) -> bool:
    """Start helpers where a kernel is missing, if that may pay; ``at`` is its place in ``claims``.

    Returns:
        True in the process that rehearses: it must not compile the kernel.
    """
    global _state
    if _state is None:
        _state = _State()
    state = _state
    if state.off or threading.current_thread() is not threading.main_thread():
        return False
    for reports in state.reports:
        reports.read()
    if any(reports.rehearsing or at in reports.needed for reports in state.reports):
        return False  # a helper knows of it, or will soon
    if toolchain.busy_here() or state.spent > _SHARE * (time.perf_counter() - state.first) + 0.2:
        return False
    frame = _entered(sys._getframe(1))
    if frame is None:
        return False
    helpers = count()
    # A GPU does not survive a fork.
    if not helpers or "numba.cuda" in sys.modules or not images.possible():
        state.off = True
        return False
    started = time.perf_counter()
    rehearsing = _start(frame, state, helpers)
    state.spent += time.perf_counter() - started
    return rehearsing


def _entered(frame: FrameType | None) -> FrameType | None:
    """The outermost call of a user's code into the framework that is a part of a training step."""
    found = None
    while frame is not None:
        outer = frame.f_back
        if _ours(frame) and not (outer is not None and _ours(outer)) and _matters(frame):
            found = frame
        frame = outer
    return found


def _ours(frame: FrameType) -> bool:
    file = frame.f_code.co_filename
    return file.startswith(_OURS) and file not in _USERS


def _matters(frame: FrameType) -> bool:
    """Whether a call is of a module, of an optimizer, or of something that a gradient goes through."""
    code = frame.f_code
    number = code.co_argcount + code.co_kwonlyargcount + bool(code.co_flags & 4) + bool(code.co_flags & 8)
    values: list[Any] = [frame.f_locals.get(name) for name in code.co_varnames[:number]]
    values += [v for many in values if type(many) in (tuple, list) for v in many[:8]]
    module, optimizer = sys.modules["numtorch.nn"].Module, sys.modules["numtorch.optim"].Optimizer
    if code.co_name == "__call__" and any(issubclass(type(v), module) for v in values[:1]):
        return True
    if any(issubclass(type(v), optimizer) for v in values):
        return True
    asks = any(issubclass(type(v), Tensor) and v.requires_grad for v in values)
    return asks and (grad_mode.mode.grad or code.co_name == "backward")


# --- the program ----------------------------------------------------------------------------------


def _start(frame: FrameType, state: _State, helpers: int) -> bool:
    """Fork the process that rehearses, as nobody's child; True in it."""
    cache.folder()
    claims.file()
    try:
        reader, report = os.pipe()
        alive, lifeline = os.pipe()
    except OSError:  # too many open files
        state.off = True
        return False
    try:
        child = warm.fork()
    except OSError:  # no memory, or no more processes
        state.off = True
        child = -1
    if child:
        os.close(report)
        os.close(alive)
        if child == -1:
            os.close(reader)
            os.close(lifeline)
            return False
        with contextlib.suppress(ChildProcessError):  # a handler of SIGCHLD was quicker
            os.waitpid(child, 0)
        state.reports.append(warm.Reports(reader))
        state.lifelines.append(lifeline)
        return False
    try:
        if warm.fork():
            os._exit(0)  # so the other one is not a child that the program might wait for
        known = {at for reports in state.reports for at in reports.needed}
        _Rehearsal(frame, known, helpers, alive, report).begin()
    except BaseException:
        os._exit(1)
    return True


def _after_fork() -> None:
    """In a child of the program: it has no helpers."""
    global _state
    if _state is not None:
        for handle in _state.lifelines:
            with contextlib.suppress(OSError):
                os.close(handle)
        _state = _State()
        _state.off = True


def helped() -> tuple[int, int]:
    """How many kernels helpers have compiled, and how many are left, as far as they have said."""
    reports = _state.reports if _state is not None else []
    for r in reports:
        r.read()
    return sum(r.compiled for r in reports), sum(len(r.needed) for r in reports)


# --- the rehearsal --------------------------------------------------------------------------------


class _Rehearsal:
    """A copy of the program, from the call that it is in to the end of the step. It never returns to the user's code
    that made the call."""

    def __init__(self, frame: FrameType, known: set[int], helpers: int, alive: int, report: int):
        self.frame = frame
        self.known = known
        self.helpers = helpers
        self.alive = alive
        self.report = report
        self.needs = warm.Needs()
        self.noting = recording.rehearsing(self.needs.note)
        self.over = False

    def begin(self) -> None:
        """From here on kernels compute nothing, and the program has no effect."""
        _end_with(self.alive)
        _isolate({self.alive, self.report, claims.file()})
        os.set_blocking(self.report, False)
        self.shared = _shared_memory()
        _protect(self.shared, mmap.PROT_READ)
        signal.signal(signal.SIGALRM, lambda number, frame: self.stop())
        signal.setitimer(signal.ITIMER_REAL, _LIMIT)
        self.noting.__enter__()
        sys.addaudithook(self.watch)
        sys.setprofile(self.returned)

    def watch(self, event: str, args: tuple) -> None:
        """Stop before what others would notice."""
        if self.over:
            return
        if event == "open":
            effect = isinstance(args[2], int) and args[2] & (os.O_WRONLY | os.O_RDWR | os.O_CREAT)
        elif event.startswith("_thread.start"):
            effect = sys._getframe(1).f_code.co_filename != toolchain.__file__
        else:
            effect = event.startswith(_EFFECTS) and event not in _HARMLESS or event in _ASKING
        if effect:
            self.stop()

    def returned(self, frame: FrameType, event: str, value: Any) -> None:
        """The call is over: go on with what usually follows."""
        if event == "return" and frame is self.frame and not self.over:
            sys.setprofile(None)
            with contextlib.suppress(Exception):
                _go_on(value)
            self.stop()

    def stop(self) -> NoReturn:
        """Compile what was noted, and end."""
        self.over = True
        sys.setprofile(None)
        try:
            signal.setitimer(signal.ITIMER_REAL, 0)
            self.noting.__exit__(None, None, None)
            _protect(self.shared, mmap.PROT_READ | mmap.PROT_WRITE)  # Numba locks a semaphore
            tasks = [t for t in self.needs.missing() if warm.place(*t) not in self.known]
            tasks.reverse()
            cores = sorted(os.sched_getaffinity(0))[: self.helpers]
            warm.share_out(tasks, self.helpers, self.report, partial(claims.processor, frozenset(cores)))
        finally:
            os._exit(0)


def _go_on(value: Any) -> None:
    """Backward from the tensors in ``value`` that want it, and the steps of the optimizers."""
    outputs = [t for t in _tensors(value) if t.requires_grad and t.grad_fn is not None]
    if outputs:
        empty = sys.modules["numtorch"].empty_like
        graph.backward(outputs, [empty(t, requires_grad=False) for t in outputs])
    optimizer = sys.modules["numtorch.optim"].Optimizer
    for found in gc.get_objects():
        if issubclass(type(found), optimizer):
            with contextlib.suppress(Exception):
                if any(p.grad is not None for group in found.param_groups for p in group["params"]):
                    found.step()


def _tensors(value: Any) -> Iterator[Any]:
    if issubclass(type(value), Tensor):
        yield value
    elif issubclass(type(value), dict):
        for v in value.values():
            yield from _tensors(v)
    elif issubclass(type(value), tuple | list):
        for v in value:
            yield from _tensors(v)
    elif type(value).__module__ not in ("builtins", "numpy") and isinstance(getattr(value, "__dict__", None), dict):
        for v in vars(value).values():  # an object that holds the outputs
            if issubclass(type(v), Tensor):
                yield v


# --- without effects ------------------------------------------------------------------------------


def _end_with(alive: int) -> None:
    """Let the system end this process, and those that it starts, when nobody holds the other end of a pipe any more."""
    import fcntl  # which Windows does not have

    os.setsid()  # a group of its own: Ctrl-C is for the program
    signal.signal(signal.SIGIO, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_SETMASK, ())
    fcntl.fcntl(alive, fcntl.F_SETOWN, -os.getpid())
    fcntl.fcntl(alive, fcntl.F_SETFL, fcntl.fcntl(alive, fcntl.F_GETFL) | os.O_ASYNC)
    if select.select([alive], [], [], 0)[0]:  # it has ended already
        os._exit(0)


def _isolate(kept: set[int | None]) -> None:
    """Take from this process what it shares with the program that it was copied from."""
    import resource  # which Windows does not have

    with contextlib.suppress(OSError), open("/proc/self/oom_score_adj", "w") as f:
        f.write("1000")  # where memory is short, this process goes first
    null = os.open(os.devnull, os.O_RDWR)
    for name in os.listdir("/proc/self/fd"):
        if int(name) not in kept and int(name) != null:
            with contextlib.suppress(OSError):  # the folder itself, which is closed by now
                os.fstat(int(name))
                os.dup2(null, int(name))
    sys.stdin = sys.stdout = sys.stderr = open(null, "r+", closefd=False)  # noqa: SIM115 - as long as the process lives
    if "logging" in sys.modules:
        sys.modules["logging"].disable()
    sys.breakpointhook = lambda *args, **kwargs: None
    sys.dont_write_bytecode = True
    sys.settrace(None)
    for number in signal.valid_signals():
        if callable(signal.getsignal(number)):
            signal.signal(number, signal.SIG_DFL)
    signal.set_wakeup_fd(-1)
    resource.setrlimit(resource.RLIMIT_CORE, (0, resource.getrlimit(resource.RLIMIT_CORE)[1]))
    if "faulthandler" in sys.modules:
        sys.modules["faulthandler"].disable()


def _shared_memory() -> list[tuple[int, int]]:
    """Where memory is that others may read, too, and how much."""
    with open("/proc/self/maps", encoding="utf-8", errors="replace") as f:
        parts = [line.split(" ", 2) for line in f]
    spans = [span.split("-") for span, rights, _ in parts if rights.startswith("rw") and rights[3] == "s"]
    return [(int(start, 16), int(end, 16) - int(start, 16)) for start, end in spans]


def _protect(spans: list[tuple[int, int]], rights: int) -> None:
    """Let memory be written to, or end who writes to it."""
    for start, size in spans:
        ctypes.CDLL(None).mprotect(ctypes.c_void_p(start), ctypes.c_size_t(size), rights)


Runner.look_ahead = staticmethod(look_ahead)  # type: ignore[method-assign]
cache.compiling.helped = helped  # type: ignore[method-assign]
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
