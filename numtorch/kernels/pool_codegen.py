"""What the threads of ``pool`` run: functions over the block of memory that they share, compiled by Numba.

Imports Numba. ``_function`` in ``pool`` imports this module where no machine code of it is at hand, and knows that code
by the text of this file.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from numtorch.kernels.jit import jit
from numtorch.kernels.pool import (
    ACTIVE,
    ARG_COUNT,
    ARGS,
    CHUNKS,
    COST_SLOTS,
    COSTS,
    DATA,
    DIM_COUNT,
    DIMS,
    DONE,
    FUNCTION,
    FUTEX_WAIT,
    FUTEX_WAKE,
    ID_KEY,
    LAST,
    LATE_REGIONS,
    LOCK,
    LOST,
    MOST_THREADS,
    NO_SPIN_UNTIL,
    PIECES,
    PREEMPTED,
    REGIONS,
    ROOM,
    SAVED,
    SCRATCH,
    SIZE,
    SLEEPERS,
    STEPS,
    STOP,
    SYS_FUTEX,
    WAITING,
    WORD,
    machine,
)

SPIN = 300_000  # ns for which an idle worker looks for work before it sleeps: the pauses between a step's kernels
SHARED = (
    2_500  # ns of work from which a region is shared with workers that look for work: half of it is saved, 1 us paid
)
WAKING = 20_000  # ns that waking costs the caller: the system call, a worker with cold caches, the wait for its end
PATIENCE = 20_000  # ns for which a caller that has run out of chunks looks for the workers' end before it sleeps
LATE = 50_000  # ns of waiting beyond what a chunk may take that count as lost
CALM = 20_000_000  # ns without spinning after a worker was preempted: the time would be taken from its chunks
SLICE = 500_000  # ns from which an interruption is another process's time slice, not the system's housekeeping

ALONE, SHARE, WAKE = 0, 1, 2  # what ``worth`` decides
MIX = 0x9E3779B97F4A7C15 - (1 << 64)  # the golden ratio's bits, which spread what they are multiplied with

PAUSE: dict[str, tuple] = {"x86_64": ("llvm.x86.sse2.pause",), "aarch64": ("llvm.aarch64.hint", 1)}
i64 = ir.IntType(64)


# --- instructions ---------------------------------------------------------------------------------


def _pointer(builder: Any, address: Any) -> Any:
    return builder.inttoptr(address, i64.as_pointer())


def _instruction(generate: Any, arity: int) -> Any:
    """An intrinsic on int64 values whose result is one, too."""

    def typed(typingctx: Any, *given: Any) -> tuple:
        return types.int64(*[types.int64] * arity), lambda context, builder, signature, args: generate(builder, *args)

    names = ", ".join("abcde"[:arity])
    return intrinsic(eval(f"lambda typingctx{', ' if arity else ''}{names}: typed(typingctx)", {"typed": typed}))  # noqa: S307


def _store(builder: Any, address: Any, value: Any) -> Any:
    builder.store_atomic(value, _pointer(builder, address), "release", 8)
    return value


def _compare_and_swap(builder: Any, address: Any, old: Any, new: Any) -> Any:
    result = builder.cmpxchg(_pointer(builder, address), old, new, "seq_cst", "seq_cst")
    return builder.zext(builder.extract_value(result, 1), i64)


def _pause(builder: Any) -> Any:
    name, *numbers = PAUSE[machine]
    kind = ir.FunctionType(ir.VoidType(), [ir.IntType(32)] * len(numbers))
    builder.call(cgutils.get_or_insert_function(builder.module, kind, name), [ir.IntType(32)(n) for n in numbers])
    return i64(0)


def _futex(builder: Any, address: Any, operation: Any, value: Any) -> Any:
    syscall = cgutils.get_or_insert_function(builder.module, ir.FunctionType(i64, [i64], var_arg=True), "syscall")
    return builder.call(syscall, [i64(SYS_FUTEX[machine]), address, operation, value, i64(0), i64(0), i64(0)])


def _now(builder: Any) -> Any:
    clock = cgutils.get_or_insert_function(
        builder.module, ir.FunctionType(ir.IntType(32), [ir.IntType(32), i64.as_pointer()]), "clock_gettime"
    )
    time = cgutils.alloca_once(builder, i64, 2)
    builder.call(clock, [ir.IntType(32)(1), time])  # CLOCK_MONOTONIC
    seconds = builder.load(time)
    return builder.add(builder.mul(seconds, i64(1_000_000_000)), builder.load(builder.gep(time, [i64(1)])))


def _preemptions(builder: Any) -> Any:
    usage = cgutils.alloca_once(builder, i64, 18)
    getrusage = cgutils.get_or_insert_function(
        builder.module, ir.FunctionType(ir.IntType(32), [ir.IntType(32), i64.as_pointer()]), "getrusage"
    )
    builder.call(getrusage, [ir.IntType(32)(1), usage])  # RUSAGE_THREAD
    return builder.load(builder.gep(usage, [i64(17)]))  # ru_nivcsw


def _call(builder: Any, function: Any, args: Any, dims: Any, steps: Any, data: Any) -> Any:
    kind = ir.FunctionType(ir.VoidType(), [i64] * 4)
    builder.call(builder.inttoptr(function, kind.as_pointer()), [args, dims, steps, data])
    return i64(0)


def _keep(builder: Any, key: Any, value: Any) -> Any:
    kind = ir.FunctionType(ir.IntType(32), [ir.IntType(32), i64])
    builder.call(
        cgutils.get_or_insert_function(builder.module, kind, "pthread_setspecific"),
        [builder.trunc(key, ir.IntType(32)), value],
    )
    return value


def _kept(builder: Any, key: Any) -> Any:
    kind = ir.FunctionType(i64, [ir.IntType(32)])
    return builder.call(
        cgutils.get_or_insert_function(builder.module, kind, "pthread_getspecific"),
        [builder.trunc(key, ir.IntType(32))],
    )


def _block(builder: Any) -> Any:
    # By name, because machine code from the disk cache has no place for this process's addresses.
    return builder.ptrtoint(
        cgutils.get_or_insert_function(builder.module, ir.FunctionType(ir.VoidType(), []), "numtorch_pool"), i64
    )


load = _instruction(lambda b, address: b.load_atomic(_pointer(b, address), "seq_cst", 8), 1)
store = _instruction(_store, 2)
add = _instruction(lambda b, address, value: b.atomic_rmw("add", _pointer(b, address), value, "seq_cst"), 2)
swap = _instruction(lambda b, address, value: b.atomic_rmw("xchg", _pointer(b, address), value, "seq_cst"), 2)
compare_and_swap = _instruction(_compare_and_swap, 3)
pause = _instruction(_pause, 0)
futex = _instruction(_futex, 3)
now = _instruction(_now, 0)
preemptions = _instruction(_preemptions, 0)  # how often this thread had to give up its core
call = _instruction(_call, 5)
keep = _instruction(_keep, 2)  # a value of this thread alone
kept = _instruction(_kept, 1)
block = _instruction(_block, 0)


# --- what the threads run -------------------------------------------------------------------------

OPTIONS: dict[str, Any] = {"needs": __name__, "_nrt": False, "fastmath": frozenset()}
INNER = OPTIONS | {"no_cpython_wrapper": True}  # for those that no Python calls


@jit(**INNER)
def run_chunk(b, thread, chunk):
    """One chunk of the region that the block describes: the arguments are moved on to it, as a ufunc's loop does."""
    args, dims, steps, size, pieces = load(b + ARGS), load(b + DIMS), load(b + STEPS), load(b + SIZE), load(b + PIECES)
    first = chunk * size // pieces
    my_args = b + SCRATCH + thread * ROOM * 16
    my_dims = my_args + ROOM * 8
    for i in range(load(b + ARG_COUNT)):
        store(my_args + i * 8, load(args + i * 8) + load(steps + i * 8) * first)
    store(my_dims, (chunk + 1) * size // pieces - first)
    for i in range(1, load(b + DIM_COUNT) + 1):
        store(my_dims + i * 8, load(dims + i * 8))
    keep(load(b + ID_KEY), chunk)
    call(load(b + FUNCTION), my_args, my_dims, steps, load(b + DATA))


@jit(**INNER)
def take_front(b):
    """The first chunk that nobody has taken, or -1."""
    while True:
        word = load(b + WORD)
        if (word >> 16 & 0xFFFF) >= (word & 0xFFFF):
            return -1
        if compare_and_swap(b + WORD, word, word + 0x10000):
            return word >> 16 & 0xFFFF


@jit(**INNER)
def take_back(b):
    """The last chunk that nobody has taken, or -1."""
    while True:
        word = load(b + WORD)
        if (word >> 16 & 0xFFFF) >= (word & 0xFFFF):
            return -1
        if compare_and_swap(b + WORD, word, word - 1):
            return (word & 0xFFFF) - 1


@jit(**INNER)
def alone(b, fn, args, dims, steps, data):
    """The whole region on the calling thread, which may be inside a chunk of another region."""
    key = load(b + ID_KEY)
    outer = kept(key)
    keep(key, 0)
    call(fn, args, dims, steps, data)
    keep(key, outer)
    return 0


@jit(**INNER)
def cost_slot(b, fn, args, steps):
    """Where the cost of this function over this range stands; of two regions that meet there the later is known."""
    key = fn
    if load(steps) >= 16:  # Numba's schedule: the first and the last position of the first chunk
        first = load(args)
        key ^= (load(first + 8) - load(first) + 1) * MIX
    slot = b + COSTS + ((key ^ key >> 32 ^ key >> 13) & (COST_SLOTS - 1)) * 16
    if load(slot) != key:
        store(slot, key)
        store(slot + 8, -1)
    return slot


@jit(**INNER)
def learn(slot, cost):
    """Remember what a region cost on one thread: the most it took lately, as one function over one range may be long
    and short."""
    before = load(slot + 8)
    store(slot + 8, cost if cost > before else before - (before - cost >> 2))


@jit(**INNER)
def worth(b, slot, pieces, started):
    """ALONE: sharing costs more than it saves; SHARE: with workers that look for work; WAKE: with the others, too."""
    cost, asleep = load(slot + 8), load(b + SLEEPERS)
    if cost < 0:
        return WAKE
    if cost < SHARED:
        return ALONE
    if asleep == 0:
        return SHARE
    saved = cost - cost // pieces
    if started - load(b + LAST) < SPIN:  # else the burst of regions that could have paid is over
        saved += load(b + SAVED)
    if saved < WAKING:
        store(b + SAVED, saved)
        return SHARE if asleep < load(b + ACTIVE) else ALONE
    store(b + SAVED, 0)
    return WAKE


@jit(**OPTIONS)
def parallel_for(fn, args, dims, steps, data, dim_count, arg_count, threads):
    """What Numba calls for a parallel region; the signature is Numba's."""
    b = block()
    # More parts than threads come of ``numba.set_parallel_chunksize``: then a chunk is several of them.
    size, pieces = load(dims), min(load(dims), threads, MOST_THREADS)
    if pieces < 2 or load(b + ACTIVE) == 0 or arg_count > ROOM or dim_count >= ROOM:
        return alone(b, fn, args, dims, steps, data)
    if not compare_and_swap(b + LOCK, 0, 1):
        return alone(b, fn, args, dims, steps, data)
    started = now()
    slot = cost_slot(b, fn, args, steps)
    how = worth(b, slot, pieces, started)
    if how == ALONE:
        alone(b, fn, args, dims, steps, data)
        ended = now()
        learn(slot, ended - started)
        store(b + LAST, ended)
        store(b + LOCK, 0)
        return 0
    publish(b, fn, args, dims, steps, data, dim_count, arg_count, size, pieces, how == WAKE)
    mine, chunk, caller = 0, np.int64(0), np.int64(0)  # of a type: for literals Numba compiles a function once more
    while chunk >= 0:
        run_chunk(b, caller, chunk)
        mine += 1
        chunk = take_front(b)
    keep(load(b + ID_KEY), 0)
    store(b + REGIONS, load(b + REGIONS) + 1)
    ended = now()
    learn(slot, (ended - started) // mine * pieces)
    if load(b + DONE) < pieces - mine:
        wait_for_workers(b, pieces - mine, (ended - started) // mine)
        ended = now()
    store(b + LAST, ended)
    store(b + LOCK, 0)
    return 0


@jit(**INNER)
def publish(b, fn, args, dims, steps, data, dim_count, arg_count, size, pieces, wake):
    """Describe a region and let the workers at all of its chunks but the first; those that sleep only if ``wake``."""
    store(b + FUNCTION, fn)
    store(b + ARGS, args)
    store(b + DIMS, dims)
    store(b + STEPS, steps)
    store(b + DATA, data)
    store(b + DIM_COUNT, dim_count)
    store(b + ARG_COUNT, arg_count)
    store(b + SIZE, size)
    store(b + PIECES, pieces)
    store(b + DONE, 0)
    generation = (load(b + WORD) >> 32) + 1 & 0x3FFFFFFF
    swap(b + WORD, generation << 32 | 0x10000 | pieces)
    if wake and load(b + SLEEPERS) > 0:
        futex(b + WORD + 4, FUTEX_WAKE, pieces - 1)


@jit(**INNER)
def wait_for_workers(b, count, chunk_time):
    """Until ``count`` chunks are done by workers."""
    started = now()
    patience = max(PATIENCE, 2 * chunk_time)
    while load(b + DONE) < count:
        if now() - started < patience:
            pause()
            continue
        # Asleep, this thread leaves its core to the worker that it waits for.
        swap(b + WAITING, 1)
        done = load(b + DONE)
        if done < count:
            futex(b + DONE, FUTEX_WAIT, done)
        store(b + WAITING, 0)
    lost = now() - started - 2 * chunk_time
    if lost > LATE:
        store(b + LATE_REGIONS, load(b + LATE_REGIONS) + 1)
        store(b + LOST, load(b + LOST) + lost)


@jit(**OPTIONS)
def work(thread):
    """A worker's life: chunks as long as there are some, a short search for more, sleep."""
    b = block()
    preempted = preemptions()
    while load(b + STOP) == 0:
        active = load(b + ACTIVE)
        if thread > active:
            futex(b + ACTIVE, FUTEX_WAIT, active)
            continue
        word, began = load(b + WORD), now()
        chunk = take_back(b)
        while chunk >= 0:
            run_chunk(b, thread, chunk)
            add(b + DONE, 1)
            if load(b + WAITING):
                futex(b + DONE, FUTEX_WAKE, 1)
            chunk = take_back(b)
        if now() - began > SLICE:
            before, preempted = preempted, preemptions()
            if preempted != before:
                leave_the_core(b)
        if not spin(b, word >> 32):
            sleep(b, word >> 32)
    return 0


@jit(**INNER)
def spin(b, generation):
    """Whether a region follows ``generation`` within a short while."""
    started = now()
    if started < load(b + NO_SPIN_UNTIL):
        return False
    time = started
    while time - started < SPIN:
        for _ in range(16):
            if load(b + WORD) >> 32 != generation:
                return True
            pause()
        before, time = time, now()
        if time - before > SLICE:
            leave_the_core(b)
            return False
    return False


@jit(**INNER)
def leave_the_core(b):
    """To the process that has taken it from this worker."""
    store(b + NO_SPIN_UNTIL, now() + CALM)
    add(b + PREEMPTED, 1)


@jit(**INNER)
def sleep(b, generation):
    """Until a region follows ``generation``, or all workers must end."""
    add(b + SLEEPERS, 1)
    if load(b + STOP) == 0:
        futex(b + WORD + 4, FUTEX_WAIT, generation)
    add(b + SLEEPERS, -1)


@jit(**OPTIONS)
def chunk_count():
    """Numba's ``get_num_threads``: how many chunks a region is cut into."""
    return load(block() + CHUNKS)


@jit(**OPTIONS)
def chunk_id():
    """Numba's ``get_thread_id``, by which reductions over a ``prange`` choose their partial result: the chunk's number.

    It is below ``chunk_count()`` when several chunks run, whichever threads run them and however many there are by
    then.
    """
    return kept(load(block() + ID_KEY))
