"""Plans: the block sizes, the packing and the number of threads for one shape.

The rules use only shapes, never timings. A plan is the function that multiplies; callers keep it for their shape. The
thresholds were measured on Zen 4 (32 KiB and 1 MiB of cache per core); a comment explains each one.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from numtorch.kernels.gemm import blocked as layout
from numtorch.kernels.gemm import vector
from numtorch.kernels.gemm.tile import BIAS, STACK, epilogues
from numtorch.kernels.gemm.variants import Variants, variants
from numtorch.kernels.jit import Jit, disabled

BLOCK_DEPTH = 1024  # bytes of k in a block: 14 rows of it fill half of a first-level cache
BLOCK_BYTES = 512 * 1024  # of b in a block: half of a small second-level cache
SERIAL_WORK = 300_000  # multiply-adds (6 us) below which sharing gains nothing: both ways are equal at 64 x 64 x 64
PACKING_STRIPS = 8  # strips of c from which a panel of a is packed, if it is at all
ALIASED = 4096  # bytes: rows so far apart all fall into the same few lines of a first-level cache
PACKING_ROWS = 192  # rows of a part of c, and size of b, from which b is packed
PACKING_BYTES = 256 * 1024
SUMMED_ROWS = 1024  # of a part whose sums wait in scratch for the next block of k
SERIAL_READS = 256 * 1024  # elements of a matrix below which one thread reads it as soon
DOT_ROWS = 3  # rows of a up to which dot products with rows of b are faster than turning b


class Scratch(threading.local):
    """Space for packing, of the calling thread: parallel regions run without the GIL.

    ``arrays`` holds one 64-byte aligned array for each key that ``scratch_key`` makes.
    """

    def __init__(self) -> None:
        self.arrays: dict[int, np.ndarray] = {}

    def take(self, key: int) -> np.ndarray:
        """The array of a key; what it held is lost."""
        found = self.arrays.get(key)
        return self.add(key) if found is None else found

    def add(self, key: int) -> np.ndarray:
        dtype = np.dtype(np.float64 if key % 2 else np.float32)
        size, line = 1 << key // 2, 64 // dtype.itemsize
        raw = np.empty(size + line, dtype)
        start = -(raw.ctypes.data // dtype.itemsize) % line
        array = self.arrays[key] = raw[start : start + size]
        return array


def scratch_key(dtype: np.dtype, size: int) -> int:
    """One number for the dtype and the next power of two, so that plans share arrays."""
    return 2 * max(10, (size - 1).bit_length()) + (dtype == np.float64)


space = Scratch()


def grid(m: int, n: int, lanes: int, parts: int) -> tuple[int, int]:
    """Cut c into ``parts`` so that the rows of a and columns of b that a part packs are fewest."""
    best = (1, 1)
    cost = float("inf")
    for down in range(1, parts + 1):
        if parts % down:
            continue
        across = parts // down
        if down > m or across > -(-n // lanes):
            continue
        here = -(-m // down) + -(-n // across)
        if here < cost:
            best, cost = (down, across), here
    return best


def make_plan(
    dtype: np.dtype,
    batch: int,
    m: int,
    n: int,
    k: int,
    ta: bool,
    tb: bool,
    a_stride: int,
    b_stride: int,
    flags: int,
    threads: int,
    epilogue: Jit | None = None,
) -> Callable:
    """``f(a, b, c)``, or ``f(a, b, bias, c)`` with a bias, for ``batch`` products; the strides are those between
    matrices of the batch.

    ``epilogue(c, start, count)`` is applied to all of c, a panel at a time.
    """
    if dtype not in (np.float32, np.float64):
        raise TypeError(f"matrix product: expected float32 or float64, got {dtype}")
    if m == 0 or n == 0 or batch == 0:
        return lambda *_: None
    if epilogue is not None and (m == 1 or n == 1 or (batch == 1 and m <= DOT_ROWS)):
        return finished(
            make_plan(dtype, batch, m, n, k, ta, tb, a_stride, b_stride, flags, threads), epilogue, dtype, batch * m * n
        )
    if m == 1 or n == 1:
        return make_vector_plan(dtype, batch, m, n, k, ta, tb, a_stride, b_stride, flags, threads)
    if batch == 1 and m <= DOT_ROWS and tb and not ta:
        return make_vector_plan(dtype, m, 1, n, k, ta, tb, k, 0, flags, threads)
    numbers, small = _numbers(dtype, batch, m, n, k, ta, tb, a_stride, b_stride, flags, threads)
    if epilogue is not None:
        numbers[layout.EPILOGUE] = epilogue_address(epilogue, dtype)
    return _blocked(numbers, small, [dtype] * 5)


def make_pairs_plan(
    batch: int,
    m: int,
    n: int,
    k: int,
    ta: bool,
    tb: bool,
    a_stride: int,
    b_stride: int,
    flags: int,
    threads: int,
    narrow: bool,
    take: Callable[[int], np.ndarray],
) -> Callable:
    """The plan for products of bfloat16, whose arrays are all of uint16, but for the bias; ``take`` gives scratch.

    Rows that run along k have an even length. ``narrow``: c is bfloat16, too, else it holds the halves of float32.
    """
    numbers, _ = _numbers(
        np.dtype(np.float32), batch, m, n, -(-k // 2), ta, tb, a_stride, b_stride, flags, threads, k, narrow
    )
    half = np.dtype(np.uint16)
    return _blocked(numbers, False, [half, half, half, np.dtype(np.float32), half], take)


def _numbers(
    dtype: np.dtype,
    batch: int,
    m: int,
    n: int,
    k: int,
    ta: bool,
    tb: bool,
    a_stride: int,
    b_stride: int,
    flags: int,
    threads: int,
    paired_rows: int = -1,
    narrow: bool = False,
) -> tuple[np.ndarray, bool]:
    """What stands in a plan, and whether the product is small: one part and one block of k, packed on the stack if at
    all.

    With ``paired_rows`` from 0 on, k counts pairs of bfloat16; ``dtype`` is that of the sums.
    """
    pairs = paired_rows >= 0
    unit = 2 if pairs else 1
    micro = variants(dtype == np.float64, pairs)
    regs, item = micro.registers, dtype.itemsize
    chunks = threads if batch * m * n * k >= SERIAL_WORK else 1
    down, across = (1, 1) if batch >= chunks else grid(m, n, regs.lanes, chunks)
    chunks = min(chunks, batch * down * across)

    # Rows of a are read in place, where they do not push each other out of the cache: micro-kernels
    # are as fast by rows. Columns are packed where c is wide.
    pack_a = (pairs and ta) or (n > PACKING_STRIPS * regs.strip and (ta or k * item % ALIASED == 0))
    # A packed b saves translations of addresses, if enough rows share it. Columns of bfloat16 become pairs as they are
    # packed.
    pack_b = pairs or tb or (m // down >= PACKING_ROWS and k * n * item > PACKING_BYTES)
    if regs.bits == 128 and n % regs.lanes:
        pack_b = True  # masked loads are slow there; a packed b keeps them to a part of the columns
    blocks = max(1, -(-k * item // BLOCK_DEPTH))
    depth = max(1, -(-k // blocks))
    columns = max(1, BLOCK_BYTES // (depth * item * regs.strip)) * regs.strip
    columns = min(columns, -(-n // regs.strip) * regs.strip)
    # The last packed row of a writes a whole vector: one more line of space behind each region.
    line = 64 // item
    scratch_a = (regs.height * depth // line + 2) * line if pack_a else 0
    scratch_b = (columns * depth // line + 2) * line if pack_b else 0
    if narrow and blocks > 1:
        down *= -(-m // (down * SUMMED_ROWS))
    sums = columns * (-(-m // down) if blocks > 1 else regs.height) if narrow else 0
    panels = -(-m // regs.height)

    numbers = np.zeros(layout.PLAN_SIZE, np.int64)
    for at, value in {
        layout.TABLE: micro.address,
        layout.LANES: regs.lanes,
        layout.HEIGHT: regs.height,
        layout.STRIP: regs.strip,
        layout.M: m,
        layout.N: n,
        layout.K: k,
        layout.TRANSPOSED_A: ta,
        layout.TRANSPOSED_B: tb,
        layout.PACK_A: pack_a,
        layout.PACK_B: pack_b,
        layout.DEPTH: depth,
        layout.COLUMNS: columns,
        layout.FLAGS: flags,
        layout.BATCH: batch,
        layout.A_STRIDE: a_stride,
        layout.B_STRIDE: b_stride,
        layout.COST: max(1, (batch * m * n * k // SERIAL_WORK).bit_length()),
        layout.GRID_M: down,
        layout.GRID_N: across,
        layout.CHUNKS: chunks,
        layout.SCRATCH_A: scratch_a * unit,
        layout.SCRATCH: (scratch_a + scratch_b + sums) * unit,
        layout.UNIT: unit,
        layout.A_STEP: m if ta else k * unit,
        layout.B_STEP: k * unit if tb else n,
        layout.PAIRED_ROWS: paired_rows,
        layout.SUMS: (scratch_a + scratch_b) * unit if narrow else 0,
        layout.PANELS: panels,
        layout.PANEL_HEIGHT: m // panels,
        layout.HIGHER_PANELS: m % panels,
    }.items():
        numbers[at] = value
    _compile_variants(micro, numbers)
    if narrow:
        micro.need_narrow()
    on_stack = tb and k * -(-n // regs.strip) * regs.strip <= STACK
    return numbers, not pack_a and (not pack_b or on_stack) and down * across == 1 and blocks == 1


def _blocked(
    numbers: np.ndarray, small: bool, dtypes: list[np.dtype], take: Callable[[int], np.ndarray] = space.take
) -> Callable:
    """The plan with its driver, from numbers that lack only the address of the chunks' kernel.

    ``dtypes``: of a, b, c, the bias and scratch.
    """
    chunks, biased = int(numbers[layout.CHUNKS]), numbers[layout.FLAGS] & BIAS
    if small and chunks == 1:
        if biased:
            a, b, c, bias, _ = dtypes
            return partial(_entry(layout.multiply_small_biased, numbers, [a, b, bias, c]), numbers)
        return partial(_entry(layout.multiply_small, numbers, dtypes[:3]), numbers)
    kernel = layout.multiply_small_chunk if small else layout.multiply_chunk
    run = _entry(kernel, numbers, dtypes, 0)
    if chunks > 1:
        numbers[layout.CHUNK] = _address(kernel, numbers, dtypes, 0)
        run = _entry(layout.multiply_parallel, numbers, dtypes, 0)
    key = scratch_key(dtypes[3], -(-chunks * int(numbers[layout.SCRATCH]) // int(numbers[layout.UNIT])))
    if biased:
        return lambda a, b, bias, c: run(numbers, a, b, c, bias, take(key), 0)
    none = np.empty(1, dtypes[3])
    return lambda a, b, c: run(numbers, a, b, c, none, take(key), 0)


def finished(multiply: Callable, epilogue: Jit, dtype: np.dtype, size: int) -> Callable:
    """A plan whose epilogue comes after all of the product, which is small."""
    finish = epilogue.entry(np.empty(1, dtype), 0, 0)

    def run(*buffers: Any) -> None:
        multiply(*buffers)
        finish(buffers[-1], 0, size)

    return run


def epilogue_address(epilogue: Jit, dtype: np.dtype) -> int:
    """By what the drivers call the loop of an epilogue."""
    array = np.empty(1, dtype)
    epilogue.entry(array, 0, 0)
    if disabled():
        epilogues[id(epilogue)] = epilogue.fn
        return id(epilogue)
    return epilogue.address(array, 0, 0)


def make_vector_plan(
    dtype: np.dtype,
    batch: int,
    m: int,
    n: int,
    k: int,
    ta: bool,
    tb: bool,
    a_stride: int,
    b_stride: int,
    flags: int,
    threads: int,
) -> Callable:
    """The plan for products with one row (m = 1) or one column (n = 1)."""
    micro = variants(dtype == np.float64)
    matrix_is_a = n == 1
    by_rows = not ta if matrix_is_a else tb  # whether the sums run along the rows of the matrix
    extent = m if matrix_is_a else n
    rows, cols = (extent, k) if by_rows else (k, extent)
    tasks = batch * (rows if by_rows else -(-cols // vector.BLOCK))
    chunks = min(threads, tasks) if batch * rows * cols >= SERIAL_READS else 1
    numbers = np.zeros(vector.PLAN_SIZE, np.int64)
    for at, value in {
        vector.TABLE: micro.address,
        vector.ROWS: rows,
        vector.COLS: cols,
        vector.FLAGS: flags,
        vector.BATCH: batch,
        vector.X_STRIDE: a_stride if matrix_is_a else b_stride,
        vector.V_STRIDE: b_stride if matrix_is_a else a_stride,
        vector.BIAS_STEP: 0 if matrix_is_a else 1,
        vector.CHUNKS: chunks,
    }.items():
        numbers[at] = value
    if by_rows:
        micro.need_dot()
        kernel = vector.along_rows_parallel if chunks > 1 else vector.along_rows
    else:
        kernel = vector.along_columns_parallel if chunks > 1 else vector.along_columns

    entry = _entry(kernel, numbers, [dtype] * 4)
    if flags & BIAS:
        if matrix_is_a:
            return partial(entry, numbers)
        return lambda a, b, bias, c: entry(numbers, b, a, bias, c)
    if matrix_is_a:
        return lambda a, b, c: entry(numbers, a, b, c, c)
    return lambda a, b, c: entry(numbers, b, a, c, c)


def _entry(kernel: Jit, numbers: np.ndarray, dtypes: list[np.dtype], *rest: int) -> Callable:
    """The compiled code itself: a plan's key has already said which types it gets."""
    return kernel.entry(numbers, *[np.empty(1, dtype) for dtype in dtypes], *rest)


def _address(kernel: Jit, numbers: np.ndarray, dtypes: list[np.dtype], *rest: int) -> int:
    """Where the code is that ``_entry`` has compiled for these types; plain Python needs none."""
    if disabled():
        return 0
    return kernel.address(numbers, *[np.empty(1, dtype) for dtype in dtypes], *rest)


def _compile_variants(micro: Variants, plan: np.ndarray) -> None:
    """Have ready every micro-kernel that the drivers will call for this plan."""
    at = layout
    m, n, strip = (int(plan[i]) for i in (at.M, at.N, at.STRIP))
    part = at.part_bound.fn
    down, across = int(plan[at.GRID_M]), int(plan[at.GRID_N])
    heights, widths = set(), set()
    for i in range(down):
        rows = part(i + 1, down, m, 1) - part(i, down, m, 1)
        if rows:
            panels = -(-rows // int(plan[at.HEIGHT]))
            heights |= {rows // panels, -(-rows // panels)}
    for j in range(across):
        lanes = int(plan[at.LANES])
        cols = part(j + 1, across, n, lanes) - part(j, across, n, lanes)
        # Blocks of columns are whole strips, so only the last strip of a part can be narrow.
        widths |= ({strip} if cols >= strip else set()) | ({cols % strip} if cols % strip else set())
    ta, tb, pack_a, pack_b = (bool(plan[i]) for i in (at.TRANSPOSED_A, at.TRANSPOSED_B, at.PACK_A, at.PACK_B))
    need_rows = micro.need_copy if plan[at.UNIT] == 1 else micro.need_pairs
    by_rows = not ta and not pack_a
    for height in heights:
        for width in widths:
            micro.need_tile(height, width, by_rows)
        if pack_a and ta:
            need_rows(height)
    if (pack_a and not ta) or (pack_b and tb):
        micro.need_transpose()
    if pack_b and not tb:
        for width in widths:
            need_rows(width)
