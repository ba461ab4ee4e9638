"""Runs the work of Numba and LLVM where no interrupt, no deep call stack and no fork disturbs it.

This work cannot be stopped halfway. An exception during an import leaves half a package, and one during a compilation
leaves half a registry; then every kernel fails. A signal handler (Ctrl-C) may raise an exception at any moment, but
only on the main thread. So imports, compilations and loads run on a separate thread, one at a time, while the caller
waits. An interrupt ends the wait at once, but the work continues, and the next call finds its result. The thread also
has its own stack, so a deep recursion of the caller does not end a compilation.

A fork waits until no work runs here. Otherwise the child would inherit unfinished work, and locks that nobody releases.

Imports neither Numba nor NumPy before there is work.
"""

from __future__ import annotations

import _thread
import atexit
import contextvars
import functools
import gc
import importlib
import os
import signal
import sys
from collections.abc import Callable
from typing import Any, TypeVar

from numtorch import interrupts

T = TypeVar("T")

_lock = _thread.allocate_lock()  # held by the thread that works
_holder: int | None = None


def run(work: Callable[..., T], *args: Any) -> T:
    """``work(*args)``, uninterrupted, by one thread at a time; within such work, at once."""
    if _holder == _thread.get_ident():
        return work(*args)
    if _compiling_here():
        # A function that somebody compiles with Numba has led to one of ours. Another thread would wait for this one's
        # lock.
        return interrupts.held(lambda: work(*args))
    if _importing_here():
        # Another thread would wait for the module that this one is importing, if the work has to do with it.
        return interrupts.held(lambda: _alone(work, args))
    answers: list[tuple[Any, BaseException | None]] = []
    done = _thread.allocate_lock()
    done.acquire()
    context = contextvars.copy_context()

    def elsewhere() -> None:
        try:
            answers.append((context.run(_alone, work, args), None))
        except BaseException as e:
            answers.append((None, e))
        finally:
            done.release()

    try:
        _thread.start_new_thread(elsewhere, ())
    except RuntimeError:  # no memory for another stack, or the interpreter is ending
        return interrupts.held(lambda: _alone(work, args))
    done.acquire()  # here an interrupt may end this call, but not the work
    value, failure = answers.pop()
    if failure is None:
        return value
    try:
        raise marked(failure)
    finally:
        del failure  # which holds this frame by its traceback


def on_compiler_thread(fn: Callable[..., T]) -> Callable[..., T]:
    """A decorator: calls of the function are work for ``run``."""

    @functools.wraps(fn)
    def call(*args: Any, **kwargs: Any) -> T:
        return run(functools.partial(fn, *args, **kwargs))

    return call


def _alone(work: Callable[..., T], args: tuple) -> T:
    global _holder
    with _lock:
        _holder = _thread.get_ident()
        collecting = gc.isenabled()
        gc.disable()  # the compiler makes so many objects that a sixth of its time went to looking for garbage
        try:
            return work(*args)
        finally:
            _holder = None
            if collecting:
                gc.enable()


def marked(failure: BaseException) -> BaseException:
    """An exception of the work itself, for ``failed``."""
    failure.of_toolchain = True  # type: ignore[attr-defined]
    return failure


def failed(e: BaseException) -> bool:
    """Whether an exception comes from the work itself, rather than from a signal handler that ran while the caller
    waited."""
    return getattr(e, "of_toolchain", False)


def _others() -> list[Any]:
    """The locks of Numba's compiler and of LLVM, as far as these are imported."""
    compiler, llvm = sys.modules.get("numba.core.compiler_lock"), sys.modules.get("llvmlite.binding.ffi")
    found = (
        getattr(getattr(compiler, "global_compiler_lock", None), "_lock", None),
        getattr(getattr(getattr(llvm, "lib", None), "_lock", None), "_lock", None),
    )
    return [lock for lock in found if hasattr(lock, "_is_owned")]


def busy_here() -> bool:
    """Whether this thread is at such work, or imports a module."""
    return _holder == _thread.get_ident() or _compiling_here() or _importing_here()


def _compiling_here() -> bool:
    return any(lock._is_owned() for lock in _others())


def _importing_here() -> bool:
    frame: Any = sys._getframe(1)
    while frame is not None:
        if frame.f_code.co_filename == "<frozen importlib._bootstrap>":
            return True
        frame = frame.f_back
    return False


# --- Numba ----------------------------------------------------------------------------------------


def import_numba() -> Any:
    """Import and configure Numba, and teach it our functions."""
    try:
        return _import_numba()
    except ImportError as e:
        raise ImportError(
            f"numtorch: a kernel is in no pack and not in the cache; Numba, which compiles it, cannot be imported: {e}"
        ) from e


def _import_numba() -> Any:
    _drop_remnants()
    _guard_forks_first()
    if "NUMBA_CPU_FEATURES" not in os.environ:
        _prefer_wide_vectors()
    module = importlib.import_module("numba")
    if "numba.np.arraymath" not in sys.modules:
        _leave_scipy_out()
    importlib.import_module("numtorch.kernels.overloads")
    importlib.import_module("numtorch.kernels.overloads_complex")
    for name in ("linking", "shortcuts"):
        importlib.import_module(f"numtorch.kernels.{name}")
    return module


def _drop_remnants() -> None:
    # Of an import that was interrupted, in the program's own ``import numba``, say: Python forgets the package and
    # keeps its modules, and importing it again then fails for ever.
    names = [n for n in sys.modules if n.partition(".")[0] in ("numba", "llvmlite")]
    if any(n.rpartition(".")[0] not in sys.modules for n in names if "." in n):
        for name in names:
            del sys.modules[name]


def _leave_scipy_out() -> None:
    # Numba imports scipy.linalg (0.3 s) with the first kernel, only to know that it is there; no kernel of ours uses
    # it. A user's function that does still gets it: Numba asks again when it compiles a matrix product.
    linalg: Any = importlib.import_module("numba.np.linalg")
    ensure = linalg.ensure_blas

    def installed() -> None:
        if importlib.util.find_spec("scipy") is None:
            raise ImportError("scipy is required for linear algebra")

    linalg.ensure_blas = installed
    try:
        arrays: Any = importlib.import_module("numba.np.arraymath")
    finally:
        linalg.ensure_blas = ensure
    arrays.ensure_blas = ensure


def _prefer_wide_vectors() -> None:
    # LLVM defaults to 256-bit vectors on AVX-512 machines; every kernel here gains from the full width.
    import llvmlite.binding as llvm
    from numba.core import config

    if str(config.CPU_NAME).startswith("x86-64-v"):  # for a level Numba would take the features of this machine
        config.CPU_FEATURES = "-prefer-256-bit" if config.CPU_NAME == "x86-64-v4" else ""
        return
    features = llvm.get_host_cpu_features()
    if features.get("avx512f"):
        config.CPU_NAME = llvm.get_host_cpu_name()
        config.CPU_FEATURES = features.flatten() + ",-prefer-256-bit"


# --- forks and the end ----------------------------------------------------------------------------

_taken: dict[int, list[Any]] = {}  # by each thread that forks
_due: list[int] = []  # signals that came while one waited


def _before_fork() -> None:
    me = _thread.get_ident()
    if me in _taken or _holder == me or _compiling_here():
        return  # done already, or forked by what works here: nobody else does
    taken = _taken[me] = []
    wanted = [_lock, *_others()]
    if not _take(wanted, taken, blocking=False):
        # What a handler raises in here would be printed and forgotten, so signals wait until the fork is over.
        interrupts.held(lambda: _take(wanted, taken, blocking=True), _due.append)


def _take(wanted: list[Any], taken: list[Any], blocking: bool) -> bool:
    while wanted:
        if not wanted[0].acquire(blocking):
            return False
        taken.append(wanted.pop(0))
    return True


def _after_fork_in_parent() -> None:
    for lock in reversed(_taken.pop(_thread.get_ident(), ())):
        lock.release()
    if _due:
        due = _due[:]
        _due.clear()
        _thread.start_new_thread(_interrupt, (due,))  # which begins when this thread has left the fork


def _interrupt(numbers: list[int]) -> None:
    for number in numbers:
        _thread.interrupt_main(signal.Signals(number))


def _after_fork_in_child() -> None:
    global _lock
    for lock in reversed(_taken.pop(_thread.get_ident(), ())):
        lock.release()
    _taken.clear()
    _due.clear()
    if _holder != _thread.get_ident():
        _lock = _thread.allocate_lock()


def _finish() -> None:
    # A compilation that nobody waits for any more must end before LLVM is taken down.
    if _holder != _thread.get_ident():
        with _lock:
            pass


def _guard_forks() -> None:
    if hasattr(os, "register_at_fork"):
        os.register_at_fork(
            before=_before_fork, after_in_parent=_after_fork_in_parent, after_in_child=_after_fork_in_child
        )


@functools.cache
def _guard_forks_first() -> None:
    # What is registered last comes first before a fork. ``logging`` takes its lock there, and Numba logs: a thread that
    # held that lock and then waited for ours would wait for a compilation that waits to log. So once it is imported,
    # ours is registered once more.
    importlib.import_module("logging")
    _guard_forks()


_guard_forks()
atexit.register(_finish)
