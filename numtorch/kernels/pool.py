"""The thread pool behind ``prange``: which thread runs which chunk, and what happens when another process takes a core.

Numba passes a parallel region to ``parallel_for`` as a function and a number of chunks. The calling thread takes the
first chunks, and the workers take the last ones. So the caller never waits for a worker that has not begun: if a worker
sleeps or is scheduled late, the caller runs its chunks. A thread that waits spins for a moment, because the next kernel
of a step comes soon, and then sleeps. A worker that was preempted for a time slice sleeps at once for a while, because
another process wants its core. Chunks do not depend on which thread runs them, so results do not either.

The pool decides whether to share a region by the time that the region took before. It does not share a region that
takes less time than sharing. While workers sleep, it wakes them only when sharing would have saved more time, since
they were last awake, than waking them costs.

A chunk belongs to the thread that moved the boundary in WORD past it. A thread reads the fields of a region only while
it holds a chunk, and the caller leaves when all chunks are done. So no thread can read the fields of another region.
Loads and exchanges are sequentially consistent, because the sleeping side (SLEEPERS, WAITING) and the waking side each
write one word and then read the other's.

What the threads run is in ``pool_codegen``, which imports Numba: it is imported where its machine code is not in a pack
or in the cache. Needs futexes; on other systems than Linux, Numba's own pool runs the chunks.
"""

from __future__ import annotations

import atexit
import ctypes
import hashlib
import importlib
import platform

import numpy as np

from numtorch.kernels import cache, images, signature, target, toolchain
from numtorch.kernels.jit import module_digest

CODE = "numtorch.kernels.pool_codegen"

# Byte offsets in the block that the threads share; what different threads write stands on different cache lines.
WORD = 0  # generation << 32 | first chunk not taken << 16 | end of the chunks not taken
DONE = 64  # chunks that workers have finished
SLEEPERS = 128  # workers that wait for a new generation
WAITING = 192  # whether the caller sleeps until DONE changes
LOCK = 256  # held during a region; a second caller runs its region alone
ACTIVE, STOP = 320, 328  # how many workers take part; whether all must end
NO_SPIN_UNTIL, PREEMPTED = 384, 392  # on the monotonic clock; how often that was moved on
REGIONS, LATE_REGIONS, LOST = 448, 456, 464
CHUNKS = 512  # how many chunks Numba shall cut a region into
ID_KEY = 520  # of the threads' own slot for the number of their chunk
FUNCTION, ARGS, DIMS, STEPS, DATA, DIM_COUNT, ARG_COUNT, SIZE, PIECES = range(576, 576 + 9 * 8, 8)
LAST, SAVED = 704, 712  # when the last region ended; ns that sharing would have saved since the workers went to sleep
COSTS = 1024  # what regions cost: pairs of a region's key and its ns on one thread
COST_SLOTS = 1024
SCRATCH = COSTS + COST_SLOTS * 16  # for each thread room for the arguments and dimensions of one chunk
ROOM = 256  # of each
MOST_THREADS = 256

FUTEX_WAIT, FUTEX_WAKE = 128, 129  # private to the process
EVERYBODY = 1 << 30
SYS_FUTEX = {"x86_64": 202, "aarch64": 98}

machine = platform.machine()


def supported() -> bool:
    """Whether this pool runs here."""
    return platform.system() == "Linux" and machine in SYS_FUTEX


# --- the pool -------------------------------------------------------------------------------------

_memory = np.zeros((SCRATCH + MOST_THREADS * ROOM * 16) // 8 + 8, np.int64)
_start = -_memory.ctypes.data % 64 // 8
_words = _memory[_start:]
_threads: list[ctypes.c_ulong] = []
_loaded: list[images.Placed] = []  # whose code the threads run
_functions: dict[str, int] = {}
SYMBOLS = {  # by Numba's names, our functions and how many arguments they take
    "numba_parallel_for": ("parallel_for", 8),
    "get_num_threads": ("chunk_count", 0),
    "get_thread_id": ("chunk_id", 0),
}


def install(threads: int) -> None:
    """Take the place of Numba's pool in every kernel that is compiled or loaded from now on."""
    images.symbols["numtorch_pool"] = _words.ctypes.data
    key = ctypes.c_uint()
    if ctypes.CDLL(None).pthread_key_create(ctypes.byref(key), None):
        raise RuntimeError(
            "the thread pool cannot be started: this process has no slot left for a value of each thread "
            "(pthread_key_create); NUMTORCH_THREADS=numba runs Numba's pool"
        )
    _words[ID_KEY // 8] = key.value
    for symbol, (name, arity) in SYMBOLS.items():
        images.symbols[symbol] = _function(name, arity)
    _functions["work"] = _function("work", 1)
    atexit.register(stop)
    resize(threads)


def tell_llvm() -> None:
    """Where the block and the functions are, for code that Numba compiles or loads."""
    parallel = importlib.import_module("numba.np.ufunc.parallel")
    parallel._launch_threads()  # names its own functions; ours replace three of them
    _name_for_llvm("numtorch_pool", *SYMBOLS)


def _name_for_llvm(*symbols: str) -> None:
    llvm = importlib.import_module("llvmlite.binding")
    for symbol in symbols:
        llvm.add_symbol(symbol, images.symbols[symbol])


def _function(name: str, arity: int) -> int:
    """The address of a function of ``pool_codegen``."""
    key = hashlib.sha256(f"{target.versions()} {module_digest(CODE)} {name}".encode()).hexdigest()
    args = (0,) * arity
    found = cache.load(name, key, signature.of(args) or "", "native")
    if found is None:
        toolchain.import_numba()
        _name_for_llvm("numtorch_pool")
        kernel = getattr(importlib.import_module(CODE), name).addressable
        kernel._key = key
        return kernel.address(*args)
    _loaded.append(found)
    return found.exports["native"]


def resize(threads: int) -> None:
    """Let ``threads`` threads take part, the caller being one.

    Called as work of ``toolchain``: two workers of one number, whose code was begun twice, would share their scratch.
    """
    threads = min(threads, MOST_THREADS)
    pthread = ctypes.CDLL(None)
    while len(_threads) < threads - 1:
        handle = ctypes.c_ulong()
        failed = pthread.pthread_create(
            ctypes.byref(handle), None, ctypes.c_void_p(_functions["work"]), ctypes.c_void_p(len(_threads) + 1)
        )
        if failed:
            break
        _threads.append(handle)
    _words[CHUNKS // 8] = threads
    _set(ACTIVE, min(threads - 1, len(_threads)))


def _set(offset: int, value: int) -> None:
    _words[offset // 8] = value
    _wake(offset)


def _wake(offset: int) -> None:
    ctypes.CDLL(None).syscall(
        SYS_FUTEX[machine], ctypes.c_void_p(_words.ctypes.data + offset), FUTEX_WAKE, EVERYBODY, None, None, 0
    )


def stop() -> None:
    """End the workers: they must not run code that the interpreter frees when it ends."""
    _words[STOP // 8] = 1
    _set(ACTIVE, 0)
    _words.view(np.int32)[WORD // 4 + 1] += 1  # the generation alone: a daemon thread may be taking chunks
    _wake(WORD + 4)
    pthread = ctypes.CDLL(None)
    for handle in _threads:
        pthread.pthread_join(handle, None)
    _threads.clear()


def after_fork() -> None:
    """A forked child has no workers: its regions run on the thread that calls."""
    _threads.clear()
    key = _words[ID_KEY // 8]
    _words[: SCRATCH // 8] = 0
    _words[CHUNKS // 8] = 1
    _words[ID_KEY // 8] = key


def counters() -> dict[str, int]:
    """Parallel regions so far, times that a worker was preempted, late regions, and what was lost with them."""
    names = {"regions": REGIONS, "preempted": PREEMPTED, "late": LATE_REGIONS, "lost_ns": LOST}
    return {name: int(_words[offset // 8]) for name, offset in names.items()}
