"""How many threads a kernel uses, and from which pool: ``pool.py`` on Linux, Numba's pool elsewhere.

A forked child process has no worker threads. With numtorch's pool its parallel regions run on the calling thread.
Numba's OpenMP pool would kill the process, so with that pool the child runs the serial kernels.
"""

from __future__ import annotations

import importlib
import os
import threading
from dataclasses import dataclass
from typing import Any

from numtorch.kernels import images, pool, registry, toolchain
from numtorch.kernels.jit import Runner

_forked = False
_count: int | None = None
_interop: int | None = None
_pool: Any = None  # the module ``pool`` once it runs the threads
_layer: str | None = None
_told = threading.local()  # Numba keeps the number of threads for each thread that calls


@dataclass(frozen=True)
class State:
    """What ``state`` reports.

    Attributes:
        threads: how many a parallel kernel may use.
        layer: who runs them: ``numtorch``, or Numba's ``omp`` or ``workqueue``; None before the first parallel kernel.
        regions: parallel regions that several threads were offered.
        preempted: how often a worker found that another process had taken its core; it stops spinning for a while.
        late: regions in which the caller lost time to a worker that was not running.
        lost: the seconds so lost.
    """

    threads: int
    layer: str | None
    regions: int = 0
    preempted: int = 0
    late: int = 0
    lost: float = 0.0


def configure() -> None:
    """Start the threads before the first parallel kernel compiles."""
    if _layer is None:
        toolchain.run(_start)  # a second Python thread's kernel must not meet Numba's pool meanwhile


def started() -> bool:
    """Whether ``configure`` has nothing left to do."""
    return _layer is not None


def _start() -> None:
    global _layer, _pool
    if _layer is not None:
        return
    layer = os.environ.get("NUMTORCH_THREADS", "numtorch" if "NUMBA_THREADING_LAYER" not in os.environ else "numba")
    if layer not in ("numtorch", "numba"):
        raise ValueError(
            f"NUMTORCH_THREADS: expected 'numtorch' (our pool) or 'numba' (its threading layer), got {layer!r}"
        )
    if layer == "numtorch" and pool.supported():
        pool.install(get_num_threads())
        _pool, _layer = pool, "numtorch"
    else:
        _layer = _layer_of_numba()


def _layer_of_numba() -> str:
    toolchain.import_numba()
    from numba import config

    if "NUMBA_THREADING_LAYER" not in os.environ:
        # omp where the wheel ships it; Numba would otherwise silently fall to workqueue, which aborts
        # when two Python threads launch kernels at once (numba#8563).
        try:
            from numba.np.ufunc import omppool  # noqa: F401

            config.THREADING_LAYER = "omp"
        except ImportError:
            config.THREADING_LAYER = "workqueue"
    importlib.import_module("numba.np.ufunc.parallel")._launch_threads()
    images.take_from_llvm(*pool.SYMBOLS)
    return config.THREADING_LAYER


def tell_llvm() -> None:
    """Where our pool's functions are, before Numba compiles or loads a parallel kernel."""
    if _pool is not None:
        _pool.tell_llvm()


def tell_numba() -> None:
    """Hand the number of threads to Numba's own pool, where it runs them; on the thread that is going to call
    kernels."""
    if _pool is None and _layer is not None and not _forked and getattr(_told, "count", None) != get_num_threads():
        from numba import config, set_num_threads

        set_num_threads(min(get_num_threads(), config.NUMBA_NUM_THREADS))
        _told.count = get_num_threads()


def _positive(what: str, n: Any) -> int:
    if type(n) is not int or n < 1:
        raise ValueError(f"{what}: expected a positive integer, got {n!r}")
    return n


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def get_num_threads() -> int:
    """How many threads a parallel kernel uses: ``NUMTORCH_NUM_THREADS``, else the cores this process may use.

    Returns:
        An int; 1 in a forked child, such as a worker of a DataLoader.

    >>> torch.get_num_threads() >= 1
    True
    """
    global _count
    if _count is None:
        text = os.environ.get("NUMTORCH_NUM_THREADS", "")
        _count = (
            _positive("NUMTORCH_NUM_THREADS", int(text) if text.strip().isdecimal() else text) if text else _cores()
        )
    return 1 if _forked else _count


def forked() -> bool:
    """Whether this process is a forked child that must not run parallel kernels."""
    return _forked and (_layer != "numtorch")


def set_num_threads(n: int) -> None:
    """Set the number of threads; results do not depend on it.

    Args:
        n: a positive integer.

    Raises:
        ValueError: ``n`` is not one.

    >>> before = torch.get_num_threads()
    >>> torch.set_num_threads(1)
    >>> torch.get_num_threads()
    1
    >>> torch.set_num_threads(before)
    """
    toolchain.run(_set_num_threads, _positive("set_num_threads", n))
    tell_numba()


def _set_num_threads(n: int) -> None:
    global _count, _forked
    _count = n
    _forked = forked()  # with our own pool a child may start threads of its own
    registry.clear_memos()  # plans hold serial or parallel kernels
    if _pool is not None:
        _pool.resize(n)


def get_num_interop_threads() -> int:
    """What ``set_num_interop_threads`` was given, else the number of cores.

    Returns:
        An int.

    >>> torch.get_num_interop_threads() >= 1
    True
    """
    return _interop or _cores()


def set_num_interop_threads(n: int) -> None:
    """Accepted for programs written for torch, and remembered. Ops run one after the other: it changes nothing.

    Differs from torch: it may be called at any time.

    Args:
        n: a positive integer.

    Raises:
        ValueError: ``n`` is not one.

    >>> torch.set_num_interop_threads(torch.get_num_interop_threads())
    """
    global _interop
    _interop = _positive("set_num_interop_threads", n)


def state() -> State:
    """How many threads there are, whose, and what became of parallel regions so far.

    >>> from numtorch.kernels import threads
    >>> threads.state().threads == threads.get_num_threads()
    True
    """
    if _pool is None:
        return State(get_num_threads(), _layer)
    counters = _pool.counters()
    return State(
        get_num_threads(),
        _layer,
        counters["regions"],
        counters["preempted"],
        counters["late"],
        counters["lost_ns"] / 1e9,
    )


def _after_fork() -> None:
    global _forked
    _forked = True
    if _pool is not None:
        _pool.after_fork()
    registry.clear_memos()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)


Runner.forked, Runner.configure, Runner.tell_numba = forked, configure, tell_numba  # type: ignore[method-assign]
Runner.tell_llvm, Runner.started = tell_llvm, started  # type: ignore[method-assign]
