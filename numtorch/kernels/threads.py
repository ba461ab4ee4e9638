"""The one thread pool: Numba's. How many threads, which layer, and when a kernel may use it.

A forked child cannot use the parent's OpenMP pool (it would be killed), so it runs serial kernels.
"""

from __future__ import annotations

import os

from numtorch.kernels import registry

_forked = False
_count: int | None = None
_configured = False


def configure() -> None:
    """Choose the threading layer before the first parallel kernel compiles."""
    global _configured
    if _configured:
        return
    from numba import config
    from numba import set_num_threads as numba_set

    if "NUMBA_THREADING_LAYER" not in os.environ:
        # omp where the wheel ships it; Numba would otherwise silently fall to workqueue, which aborts
        # when two Python threads launch kernels at once (numba#8563).
        try:
            from numba.np.ufunc import omppool  # noqa: F401

            config.THREADING_LAYER = "omp"
        except ImportError:
            config.THREADING_LAYER = "workqueue"
    _configured = True
    numba_set(min(get_num_threads(), config.NUMBA_NUM_THREADS))


def get_num_threads() -> int:
    """Threads that a parallel kernel uses (``NUMTORCH_NUM_THREADS``, else the cores this process may use)."""
    global _count
    if _count is None:
        cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
        _count = max(1, int(os.environ.get("NUMTORCH_NUM_THREADS", 0)) or cores)
    return 1 if _forked else _count


def forked() -> bool:
    """Whether this process is a forked child, which must not use the pool."""
    return _forked


def set_num_threads(n: int) -> None:
    """Set the number of threads; results do not depend on it."""
    global _count
    if not isinstance(n, int) or n < 1:
        raise ValueError(f"set_num_threads: expected a positive integer, got {n!r}")
    _count = n
    registry.clear_memos()  # plans hold serial or parallel kernels
    if _configured:
        from numba import config
        from numba import set_num_threads as numba_set

        numba_set(min(n, config.NUMBA_NUM_THREADS))


def _after_fork() -> None:
    global _forked
    _forked = True
    registry.clear_memos()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
