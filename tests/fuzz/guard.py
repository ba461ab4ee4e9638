"""Every buffer at the edge of memory that nobody may touch.

``install()`` makes NumPy, and the arrays that kernels make inside machine code, take their memory from here. A block
ends where an inaccessible page begins, or begins where one ends, so that reading or writing past it is a segmentation
fault at the very instruction. Fresh and freed memory holds a pattern that is NaN in every floating type: reading what
nobody has written, or what is no longer there, gives NaN. Freed blocks are used again as late as possible, and then the
pattern must still be there.

The package under test is not asked: NumPy's allocator is exchanged (NEP 49) and so are two symbols of Numba's runtime,
    and
nothing is slower where no fuzzer runs. Linux with glibc only: ``available()``.
"""

from __future__ import annotations

import ctypes
import mmap
import sys

import numpy as np

PAGE = 4096
CLASSES = ((1, 2048), (4, 512), (16, 256), (64, 64))  # pages of a block, how many blocks
UNMAPPED, FREED = -2, -1  # sizes of blocks that are not in use
LARGE_TOUCHED = 1 << 20  # of blocks beyond these, so many bytes at both ends are filled
LOCK, PLACE, POISON, COUNT, BROKEN, BROKEN_AT, BROKEN_SIZE, TABLE = 0, 8, 9, 10, 11, 12, 13, 16
BASE, DATA, STRIDE, SLOTS, HEAD, FREE, QUEUE, SIZES, WIDTH = 0, 1, 2, 3, 4, 5, 6, 7, 8
ALTERNATE, END, BEGIN = 0, 1, 2
NAN_BYTE, OTHER_BYTE = 0xFF, 0x7B  # all ones are NaN and -1; the other is huge in every type

_kept: list = []  # what C code points to
_state: np.ndarray | None = None


def available() -> bool:
    """Whether this machine can have guards."""
    return sys.platform.startswith("linux") and mmap.PAGESIZE == PAGE


def install() -> None:
    """Give all arrays made from now on, in this thread and in kernels, guarded memory. Before the first kernel is
    loaded."""
    global _state
    if _state is not None:
        return
    from llvmlite import binding
    from numba import carray, cfunc, njit, types
    from numba.core import cgutils
    from numba.core.registry import cpu_target
    from numba.core.runtime import _nrt_python, rtsys
    from numba.extending import intrinsic

    n = TABLE + WIDTH * len(CLASSES)
    words = mmap.mmap(-1, PAGE, mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
    state = np.frombuffer(words, np.int64, n)
    address = state.ctypes.data
    state[POISON] = NAN_BYTE
    for i, (pages, slots) in enumerate(CLASSES):
        stride = (pages + 1) * PAGE
        libc = ctypes.CDLL(None, use_errno=True)
        libc.mmap.restype, libc.mmap.argtypes = (
            ctypes.c_void_p,
            [ctypes.c_void_p, ctypes.c_size_t, *[ctypes.c_int] * 3, ctypes.c_long],
        )
        base = libc.mmap(None, slots * stride + PAGE, 0, mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS | 0x4000, -1, 0)
        if base in (None, ctypes.c_void_p(-1).value):
            raise MemoryError("no address space for guarded blocks")
        queue = np.frombuffer(mmap.mmap(-1, slots * 8, mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS), np.int64, slots)
        queue[:] = np.arange(slots)
        sizes = np.frombuffer(mmap.mmap(-1, slots * 8, mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS), np.int64, slots)
        sizes[:] = UNMAPPED
        _kept.extend((queue, sizes))
        at = TABLE + i * WIDTH
        state[at : at + WIDTH] = (
            base + PAGE,
            pages * PAGE,
            stride,
            slots,
            0,
            slots,
            queue.ctypes.data,
            sizes.ctypes.data,
        )

    whole_block = np.full(max(pages for pages, _ in CLASSES) * PAGE, NAN_BYTE, np.uint8)
    _kept.append(whole_block)
    pattern = whole_block.ctypes.data

    @intrinsic
    def _pointer(context, where, like):
        from numba.core import types as t

        def code(ctx, builder, signature, args):
            return builder.inttoptr(args[0], cgutils.voidptr_t)

        return t.voidptr(where, like), code

    @njit
    def words_at(where, count):
        return carray(_pointer(where, 0), (count,), np.int64)

    i64, i32 = types.int64, types.int32
    protect = types.ExternalFunction("mprotect", i32(i64, i64, i32))
    fill = types.ExternalFunction("memset", i64(i64, i32, i64))
    copy = types.ExternalFunction("memcpy", i64(i64, i64, i64))
    compare = types.ExternalFunction("memcmp", i32(i64, i64, i64))
    new_map = types.ExternalFunction("mmap", i64(i64, i64, i32, i32, i32, i64))
    drop_map = types.ExternalFunction("munmap", i32(i64, i64))
    lock = types.ExternalFunction("pthread_mutex_lock", i32(i64))
    unlock = types.ExternalFunction("pthread_mutex_unlock", i32(i64))
    kinds = len(CLASSES)

    @njit
    def slack_is_whole(start, data, place, size):
        after = place + size
        return compare(start, pattern, place - start) == 0 and compare(after, pattern, start + data - after) == 0

    @njit
    def find(s, place):
        for k in range(kinds):
            c = TABLE + k * WIDTH
            if s[c + BASE] <= place <= s[c + BASE] + s[c + SLOTS] * s[c + STRIDE]:
                return c
        return -1

    @njit
    def broken(s, place, size):
        s[BROKEN] += 1
        s[BROKEN_AT], s[BROKEN_SIZE] = place, size

    @njit
    def take(size, zeroed):
        s = words_at(address, n)
        size = max(size, 0)
        lock(address)
        s[COUNT] += 1
        at_end = s[PLACE] == END or (s[PLACE] == ALTERNATE and s[COUNT] % 3 != 0)
        found, slot = -1, 0
        for k in range(kinds):
            c = TABLE + k * WIDTH
            if size <= s[c + DATA] and s[c + FREE] > 0:
                slot = words_at(s[c + QUEUE], s[c + SLOTS])[s[c + HEAD]]
                s[c + HEAD] = (s[c + HEAD] + 1) % s[c + SLOTS]
                s[c + FREE] -= 1
                found = c
                break
        unlock(address)
        if found >= 0:
            start, data = s[found + BASE] + slot * s[found + STRIDE], s[found + DATA]
            sizes = words_at(s[found + SIZES], s[found + SLOTS])
            if sizes[slot] == UNMAPPED:
                protect(start, data, 3)
            elif not slack_is_whole(start, data, start, 0):
                broken(s, start, 0)
            sizes[slot] = size
            fill(start, NAN_BYTE, data)
        else:
            data = (size + PAGE - 1) // PAGE * PAGE
            whole = new_map(0, data + 3 * PAGE, 0, 0x22 | 0x4000, -1, 0)
            if whole == -1:
                return 0
            start = whole + 2 * PAGE
            if protect(whole, PAGE, 3) != 0 or protect(start, data, 3) != 0:
                drop_map(whole, data + 3 * PAGE)
                return 0
            head = words_at(whole, 3)
            head[0], head[1] = data, size
            fill(start, s[POISON], min(data, LARGE_TOUCHED))
            fill(start + data - min(data, LARGE_TOUCHED), s[POISON], min(data, LARGE_TOUCHED))
        place = start + data - size if at_end else start
        if zeroed:
            if size <= 2 * LARGE_TOUCHED:
                fill(place, 0, size)
            else:
                fill(place, 0, LARGE_TOUCHED)
                fill(place + size - LARGE_TOUCHED, 0, LARGE_TOUCHED)
        elif found >= 0 and s[POISON] != NAN_BYTE:
            fill(place, s[POISON], size)
        return place

    @njit
    def size_of(place):
        s = words_at(address, n)
        c = find(s, place)
        if c >= 0:
            return words_at(s[c + SIZES], s[c + SLOTS])[(place - s[c + BASE]) // s[c + STRIDE]]
        return words_at(place // PAGE * PAGE - 2 * PAGE, 3)[1]

    @njit
    def give(place):
        if place == 0:
            return
        s = words_at(address, n)
        c = find(s, place)
        if c < 0:
            # A block of size 0 at its end stands where the guard begins; there are none so large.
            start = place // PAGE * PAGE
            head = words_at(start - 2 * PAGE, 3)
            drop_map(start - 2 * PAGE, head[0] + 3 * PAGE)
            return
        slot = (place - s[c + BASE]) // s[c + STRIDE]
        start, data = s[c + BASE] + slot * s[c + STRIDE], s[c + DATA]
        sizes = words_at(s[c + SIZES], s[c + SLOTS])
        size = sizes[slot]
        if size < 0:
            broken(s, place, FREED)
            return
        if not slack_is_whole(start, data, place, size):
            broken(s, place, size)
        sizes[slot] = FREED
        fill(start, NAN_BYTE, data)
        lock(address)
        words_at(s[c + QUEUE], s[c + SLOTS])[(s[c + HEAD] + s[c + FREE]) % s[c + SLOTS]] = slot
        s[c + FREE] += 1
        unlock(address)

    p = types.int64  # an address

    @cfunc(p(p, p))
    def malloc(_, size):
        return take(size, False)

    @cfunc(p(p, p, p))
    def calloc(_, count, size):
        return take(count * size, True)

    @cfunc(p(p, p, p))
    def realloc(_, place, size):
        made = take(size, False)
        if place != 0 and made != 0:
            copy(made, place, min(size, size_of(place)))
            give(place)
        return made

    @cfunc(types.void(p, p, p))
    def free(_, place, size):
        give(place)

    # --- NumPy ------------------------------------------------------------------------------------
    class Allocator(ctypes.Structure):
        _fields_ = [(name, ctypes.c_void_p) for name in ("ctx", "malloc", "calloc", "realloc", "free")]

    class Handler(ctypes.Structure):
        _fields_ = [("name", ctypes.c_char * 127), ("version", ctypes.c_uint8), ("allocator", Allocator)]

    handler = Handler(b"guarded", 1, Allocator(None, malloc.address, calloc.address, realloc.address, free.address))
    python = ctypes.pythonapi
    python.PyCapsule_New.restype = ctypes.py_object
    python.PyCapsule_New.argtypes = [ctypes.c_void_p, ctypes.c_char_p, ctypes.c_void_p]
    python.PyCapsule_GetPointer.restype = ctypes.c_void_p
    python.PyCapsule_GetPointer.argtypes = [ctypes.py_object, ctypes.c_char_p]
    try:
        from numpy._core import _multiarray_umath as umath
    except ImportError:
        from numpy.core import _multiarray_umath as umath
    table = python.PyCapsule_GetPointer(umath._ARRAY_API, None)
    setter = ctypes.cast(table, ctypes.POINTER(ctypes.c_void_p))[304]  # PyDataMem_SetHandler
    capsule = python.PyCapsule_New(ctypes.addressof(handler), b"mem_handler", None)
    previous = ctypes.PYFUNCTYPE(ctypes.py_object, ctypes.py_object)(setter)(capsule)

    # --- kernels ----------------------------------------------------------------------------------
    rtsys.initialize(cpu_target.target_context)
    api = ctypes.cast(_nrt_python.c_helpers["get_api"], ctypes.CFUNCTYPE(ctypes.POINTER(ctypes.c_void_p)))()
    binding.add_symbol("guarded_manage_memory", api[2])
    manage = types.ExternalFunction("guarded_manage_memory", p(p, p))

    @cfunc(types.void(p))
    def destroy(place):
        give(place)

    release = destroy.address

    @cfunc(p(p, types.uint32))
    def aligned(size, align):
        place = take(size, False)
        return manage(place, release) if place != 0 else 0

    for symbol in ("NRT_MemInfo_alloc_aligned", "NRT_MemInfo_alloc_safe_aligned"):
        binding.add_symbol(symbol, aligned.address)
    _kept.extend((words, handler, capsule, previous, malloc, calloc, realloc, free, destroy, aligned))
    _state = state


def place(where: int) -> None:
    """Put blocks at their END, at their BEGIN, or two thirds at the end (ALTERNATE)."""
    if _state is not None:
        _state[PLACE] = where


def poison(byte: int) -> None:
    """Fill fresh memory with ``byte`` from now on. What lives is not looked at again, so call it between calls."""
    if _state is not None:
        _state[POISON] = byte


def damage() -> str | None:
    """What was written beside a block, on the side that has no guard, since the last question; None if nothing."""
    if _state is None or not _state[BROKEN]:
        return None
    count, size = int(_state[BROKEN]), int(_state[BROKEN_SIZE])
    _state[BROKEN] = 0
    how = "written beside" if size > 0 else "written to after they were freed" if size == 0 else "freed twice"
    return f"{count} blocks of memory were {how}"


def blocks() -> int:
    """How many blocks have been handed out."""
    return 0 if _state is None else int(_state[COUNT])


def guarded(a: np.ndarray) -> np.ndarray:
    """A copy of an array in guarded memory; one without elements ends where it begins, at the guard."""
    if _state is None or a.size:
        return np.array(a)
    block = np.empty(1, np.uint8)
    _kept_empty.append(block)
    del _kept_empty[:-64]
    kept = _At(block.ctypes.data + 1 if _state[PLACE] != BEGIN else block.ctypes.data, a)
    return np.asarray(kept)


_kept_empty: list = []


class _At:
    def __init__(self, where: int, like: np.ndarray):
        where -= where % like.dtype.itemsize
        self.__array_interface__ = {
            "data": (where, False),
            "shape": like.shape,
            "typestr": like.dtype.str,
            "version": 3,
        }
